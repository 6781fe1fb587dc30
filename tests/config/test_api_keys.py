from __future__ import annotations

import hashlib
import hmac
import json
import math
from pathlib import Path

import pytest

from pygateway import _core
from pygateway.config import (
    Config,
    ConfigurationError,
    build_gate,
    gate_specification,
    load,
    load_text,
)
from pygateway.config.api_keys import digest_of, entries_of, pepper_of
from pygateway.errors import ConfigurationProblem

PEPPER = "p" * 32
HASH = hmac.new(PEPPER.encode(), b"the key", hashlib.sha256).hexdigest()
OTHER = hmac.new(PEPPER.encode(), b"another", hashlib.sha256).hexdigest()


def config_of(directory: Path, settings: str, keys: str | None = None) -> Config:
    file = directory / "gateway.yaml"
    file.write_text(
        f"auth:\n  providers:\n    partners:\n      api_keys: {{pepper: {PEPPER}, {settings}}}\n"
    )
    if keys is not None:
        (directory / "keys.yaml").write_text(keys)
    return load(file, {})


def problems(
    directory: Path, settings: str, keys: str | None = None
) -> tuple[ConfigurationProblem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        config_of(directory, settings, keys)
    return caught.value.problems


def test_what_the_native_gate_is_given(tmp_path: Path) -> None:
    config = config_of(
        tmp_path,
        f"keys: [{{id: k1, hash: {HASH.upper()}, owner: acme, scopes: [a, b], roles: [r],"
        " claims: {plan: gold, seats: 20, exp: 1.5e9, deep: {x: [true, '1', 1.5]}},"
        " not_before: 2020-01-01, expires: '2030-01-31T12:00:00+01:00'}]",
    )
    keys = config.auth.providers["partners"].api_keys
    assert keys is not None
    (entry,) = entries_of(keys)
    assert entry.digest == digest_of(pepper_of(keys), b"the key")
    assert json.loads(entry.claims) == {
        "sub": "acme",
        "jti": "k1",
        "scope": "a b",
        "roles": ["r"],
        "plan": "gold",
        "seats": 20,
        "exp": 1.5e9,
        "nbf": 1577836800.0,
        "deep": {"x": [True, "1", 1.5]},
    }
    assert (entry.not_before, entry.expires) == (1577836800.0, 1896087600.0)
    build_gate(config)
    gate = _core.Gate(gate_specification(config), bytes(32))
    gate.set_api_keys(0, pepper_of(keys), [*entries_of(keys)])
    again = Config.from_json(config.to_json())
    assert again == config


def test_a_key_without_bounds_is_always_accepted(tmp_path: Path) -> None:
    config = config_of(tmp_path, f"keys: [{{id: a, hash: {HASH}, owner: o}}]")
    keys = config.auth.providers["partners"].api_keys
    assert keys is not None
    assert entries_of(keys)[0][2:] == (0.0, math.inf)


@pytest.mark.parametrize("form", ["keys:\n  - %s\n", "- %s\n"])
def test_keys_of_a_file_come_after_the_others(tmp_path: Path, form: str) -> None:
    config = config_of(
        tmp_path,
        f"keys: [{{id: a, hash: {HASH}, owner: o}}], file: keys.yaml",
        form % f"{{id: b, hash: {OTHER}, owner: o}}",
    )
    keys = config.auth.providers["partners"].api_keys
    assert keys is not None
    assert [key.id for key in keys.keys] == ["a", "b"]
    (tmp_path / "keys.yaml").unlink()
    assert Config.from_json(config.to_json()) == config


@pytest.mark.parametrize("content", ["", "keys:\n", "keys: []\n", "[]\n"])
def test_a_file_may_have_no_keys_yet(tmp_path: Path, content: str) -> None:
    keys = config_of(tmp_path, "file: keys.yaml", content).auth.providers["partners"].api_keys
    assert keys is not None
    assert keys.keys == ()


def test_problems_are_shown_in_the_file_that_they_are_in(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"keys: [{{id: a, hash: {HASH}, owner: o}}], file: keys.yaml",
        f"keys:\n  - {{id: a, hash: {OTHER}, owner: o}}\n  - {{id: b, hash: plain, owner: o}}\n"
        f"  - {{id: c, hash: {HASH}, owner: o, expirse: 1}}\nmore: 1\n",
    )
    file = str(tmp_path / "keys.yaml")
    assert [(p.file, p.line, p.column, p.code) for p in found] == [
        (file, 2, 10, "duplicate-name"),
        (file, 3, 19, "bad-key"),
        (file, 4, 19, "bad-key"),
        (file, 4, 95, "unknown-key"),
        (file, 5, 1, "unknown-key"),
    ]
    assert found[3].suggestion == "expires"
    assert not any("plain" in repr(problem) for problem in found)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (None, "unreadable-file", 4),
        ("keys: {}", "wrong-type", 1),
        ("text", "wrong-type", 1),
        ("keys: [}", "bad-yaml", 1),
        ("keys: []\nkeys: []", "duplicate-key", 2),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, content: str | None, code: str, line: int
) -> None:
    (problem,) = problems(tmp_path, "file: keys.yaml", content)
    assert (problem.code, problem.line) == (code, line)


@pytest.mark.parametrize("file", ["[]", "{}", "''"])
def test_what_is_no_file(tmp_path: Path, file: str) -> None:
    (problem,) = problems(tmp_path, f"file: {file}")
    assert problem.code in {"wrong-type", "bad-file"}


def test_an_id_and_a_hash_are_there_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"keys: [{{id: a, hash: {HASH}, owner: o}}, {{id: a, hash: {OTHER}, owner: o}},"
        f" {{id: b, hash: {HASH}, owner: o, not_before: 2030-01-01, expires: 2029-01-01}}]",
    )
    assert [problem.code for problem in found] == ["duplicate-name", "bad-key", "out-of-range"]
    assert all("line 4" in problem.message for problem in found[:2])
    assert found[1].source_line is not None
    assert found[1].column is not None
    assert found[1].source_line[: found[1].column - 1].endswith("{id: b, hash: ")


def test_a_hash_is_there_once_in_all_files_and_spellings(tmp_path: Path) -> None:
    (problem,) = problems(
        tmp_path,
        f"keys: [{{id: a, hash: {HASH}, owner: o}}], file: keys.yaml",
        f"- id: b\n  hash: {HASH.upper()}\n  owner: p\n",
    )
    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "keys.yaml"), 2, 9)
    assert problem.code == "bad-key"


def test_all_that_is_wrong_with_a_copied_key_is_said_at_once(tmp_path: Path) -> None:
    key = f"{{id: a, hash: {HASH}, owner: o}}"
    found = problems(tmp_path, f"keys: [{key}, {key}]")
    assert [problem.code for problem in found] == ["duplicate-name", "bad-key"]


@pytest.mark.parametrize(
    "claims",
    ["exp: x", "exp: '5'", "nbf: null", "iat: 2026-01-01", "iat: true", "exp: [5]"]
    + [f"{name}: a" for name in ("iss", "sub", "jti", "scope", "roles")],
)
def test_claims_that_the_gate_refuses_or_writes_itself(tmp_path: Path, claims: str) -> None:
    (problem,) = problems(
        tmp_path, f"keys: [{{id: a, hash: {HASH}, owner: o, claims: {{ok: 1, {claims}}}}}]"
    )
    assert problem.code == "bad-claim"
    assert claims.partition(":")[0] in problem.message
    assert problem.source_line is not None
    assert problem.column is not None
    assert problem.source_line[: problem.column - 1].endswith(claims.partition(":")[0] + ": ")


def test_claims_are_text_that_json_has() -> None:
    key = f"{{id: a, hash: {HASH}, owner: o, claims: {{a: ['${{TEXT}}']}}}}"
    text = f"auth: {{providers: {{a: {{api_keys: {{pepper: {PEPPER}, keys: [{key}]}}}}}}}}"
    with pytest.raises(ConfigurationError) as caught:
        load_text(text, {"TEXT": "\udc80"})  # a byte of the environment that is no UTF-8
    assert [problem.code for problem in caught.value.problems] == ["bad-claim"]


def test_every_such_claim_of_a_key_is_named_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"keys: [{{id: a, hash: {HASH}, owner: o, claims: {{sub: a, exp: x, jti: b}}}}]",
    )
    assert [problem.code for problem in found] == ["bad-claim"] * 3


def test_an_owner_has_as_many_bytes_as_the_gate_takes(tmp_path: Path) -> None:
    build_gate(config_of(tmp_path, f"keys: [{{id: a, hash: {HASH}, owner: {'é' * 512}}}]"))
    (problem,) = problems(tmp_path, f"keys: [{{id: a, hash: {HASH}, owner: {'é' * 513}}}]")
    assert problem.code == "bad-name"


@pytest.mark.parametrize("time", ["soon", "2030-13-01", "2030-01-31T12:00:00", "-1", "1e9", "[]"])
def test_what_is_no_time(tmp_path: Path, time: str) -> None:
    (problem,) = problems(tmp_path, f"keys: [{{id: a, hash: {HASH}, owner: o, expires: {time}}}]")
    assert problem.code == "bad-time"


def test_hashes_and_peppers_are_in_no_representation(tmp_path: Path) -> None:
    config = config_of(tmp_path, f"keys: [{{id: a, hash: {HASH}, owner: o}}]")
    assert PEPPER not in repr(config)
    assert HASH not in repr(config)
