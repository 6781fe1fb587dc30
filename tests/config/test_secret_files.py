from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import Config, load
from pygateway.config.secret_files import MAXIMUM_SECRET
from tests.config.reading import problems_of, route


def config_of(directory: Path, changes: str) -> Config:
    file = directory / "gateway.yaml"
    file.write_text(route(f"upstream: users, headers: {{request: {changes}}}"))
    return load(file, {})


@pytest.mark.parametrize("content", ["Bearer x", "Bearer x\n", "Bearer x\r\n"])
def test_a_value_is_read_from_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_bytes(content.encode())
    config = config_of(tmp_path, "{set: {Authorization: {value_file: token}}}")
    value = config.routes[0].headers.request.set["Authorization"]
    assert value.get_secret_value() == "Bearer x"


def test_values_of_a_list_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    config = config_of(tmp_path, f"{{add: {{X-A: [{{value_file: {tmp_path}/one}}, two]}}}}")
    values = config.routes[0].headers.request.add["X-A"]
    assert [value.get_secret_value() for value in values] == ["1", "two"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "unreadable-file"),
        (b"\xff", "unreadable-file"),
        (b"x" * (MAXIMUM_SECRET + 1), "too-large"),
        (b"two\nlines", "bad-header-value"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes | None, code: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    text = route("upstream: users, headers: {request: {set: {A: {value_file: token}}}}")
    (problem,) = problems_of(text, directory=tmp_path)
    assert (problem.code, problem.line) == (code, 2)


@pytest.mark.parametrize(
    "value", ["{value_file: }", "{value_file: [a]}", "{value_file: a, more: b}", "{file: a}"]
)
def test_other_mappings_are_no_values(tmp_path: Path, value: str) -> None:
    text = route(f"upstream: users, headers: {{request: {{set: {{A: {value}}}}}}}")
    (problem,) = problems_of(text, directory=tmp_path)
    assert problem.code == "wrong-type"
