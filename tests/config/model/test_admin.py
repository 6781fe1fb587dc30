from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import Address, Config, load_text
from tests.config.reading import problem_of, problems_of, read

TOKEN = "-".join(["hunter2"] * 3)


def test_there_is_no_admin_server_unless_it_is_asked_for() -> None:
    assert read("").admin is None
    assert read("admin:").admin is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9", Address("127.0.0.1", 9)),
        ("{address: 'unix:/run/a.sock'}", Address("", 0, "/run/a.sock")),
        ("{}", Address("127.0.0.1", 8001)),
    ],
)
def test_its_address(text: str, address: Address) -> None:
    admin = read(f"admin: {text}").admin
    assert admin is not None
    assert admin.address == address
    assert admin.token is None


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_its_token_may_be_in_a_file(tmp_path: Path, ending: str) -> None:
    (tmp_path / "token").write_bytes(f"{TOKEN}{ending}".encode())
    config = load_text("admin: {address: '0.0.0.0:1', token_file: token}", directory=tmp_path)
    (tmp_path / "token").unlink()
    again = Config.from_json(config.to_json())
    assert again == config
    assert again.admin is not None
    assert again.admin.token is not None
    assert again.admin.token.get_secret_value() == TOKEN
    assert TOKEN not in repr(config)
    assert TOKEN not in config.model_dump_json()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("x" * 15, "short-secret"),
        ("x" * 1025, "bad-secret"),
        ("'with a space in it'", "bad-secret"),
    ],
)
def test_what_is_no_token(token: str, code: str) -> None:
    assert problem_of(f"admin: {{token: {token}}}").code == code


def test_files_that_hold_no_token(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short\n")
    for file, code in (("none", "unreadable-file"), ("short", "short-secret")):
        (problem,) = problems_of(f"admin: {{token_file: {file}}}", directory=tmp_path)
        assert problem.code == code
    (tmp_path / "good").write_text(TOKEN)
    text = f"admin: {{token: {TOKEN}, token_file: good}}"
    (problem,) = problems_of(text, directory=tmp_path)
    assert (problem.code, problem.message) == (
        "conflicting-keys",
        "`token_file` stands for `token`: keep one",
    )
