from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config import Config, load_mapping, load_text
from pygateway.config.model.access_log import DEFAULT_FIELDS, AccessLog
from tests.config.reading import problem_of, problems_of, read


def test_it_is_on_unless_it_is_turned_off() -> None:
    log = read("").access_log
    assert log is not None
    assert (log.path, log.format, log.sample, log.buffer) == ("stdout", "json", 1.0, 4 * 1024**2)
    assert log.fields == DEFAULT_FIELDS
    assert len(log.fields) == 16


@pytest.mark.parametrize("word", ["off", "false", "none", "no", "None", "OFF", "", "null", "~"])
def test_what_turns_it_off(word: str) -> None:
    config = read(f"access_log: {word}")
    assert config.access_log is None
    assert Config.from_json(config.to_json()).access_log is None


def test_it_can_be_turned_off_by_the_environment_and_on_again() -> None:
    assert read("", {"PYGATEWAY__ACCESS_LOG": "off"}).access_log is None
    assert read("access_log: off", {"PYGATEWAY__ACCESS_LOG": "true"}).access_log == AccessLog()
    assert load_mapping({"access_log": False}, {}).access_log is None


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("stdout", "stdout"),
        ("{path: stderr}", "stderr"),
        ("access.log", "{directory}/access.log"),
        ("./stdout", "{directory}/./stdout"),
        ("{path: '{directory}/a.log'}", "{directory}/a.log"),
    ],
)
def test_paths(tmp_path: Path, written: str, path: str) -> None:
    text = f"access_log: {written.replace('{directory}', str(tmp_path))}"
    config = load_text(text, directory=tmp_path)
    assert config.access_log is not None
    assert config.access_log.path == path.replace("{directory}", str(tmp_path))
    assert Config.from_json(config.to_json()) == config


def test_fields_are_chosen_in_order() -> None:
    log = read("access_log: {fields: [status, path, worker]}").access_log
    assert log is not None
    assert log.fields == ("status", "path", "worker")


@pytest.mark.parametrize(
    ("text", "code", "suggestion"),
    [
        ("{fields: [path, statsu]}", "not-allowed-value", "status"),
        ("{fields: [path, path]}", "duplicate-name", None),
        ("{fields: []}", "out-of-range", None),
        ("{fields: [path], format: combined}", "conflicting-keys", None),
        ("{format: combnied}", "not-allowed-value", "combined"),
        ("{sample: 1.5}", "out-of-range", None),
        ("{sample: half}", "wrong-type", None),
        ("{sample: nan}", "out-of-range", None),
        ("{buffer: 1KiB}", "out-of-range", None),
        ("{buffer: 1GiB}", "out-of-range", None),
        ("{paht: a}", "unknown-key", "path"),
        ("[a]", "wrong-type", None),
    ],
)
def test_what_is_refused(text: str, code: str, suggestion: str | None) -> None:
    problem = problem_of(f"access_log: {text}")
    assert (problem.code, problem.suggestion) == (code, suggestion)


def test_a_field_that_stands_twice_is_pointed_at() -> None:
    problem = problem_of("access_log:\n  fields: [path, status, path]")
    assert (problem.line, problem.column) == (2, 26)


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, message in (
        ("none/access.log", "there is no such directory to put the file in"),
        ("file/access.log", "there is no such directory to put the file in"),
        (".", "this is a directory, not a file"),
    ):
        for text in (f"access_log: {path}", f"access_log: {{path: {path}}}"):
            (problem,) = problems_of(text, directory=tmp_path)
            assert (problem.code, problem.message) == ("unwritable-file", message)
            assert (problem.line, problem.column) == (1, text.index(path) + 1)
