from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.config.document import Source
from pygateway.config.findings import Findings
from pygateway.config.reader import (
    MAXIMUM_ALIASED,
    MAXIMUM_DEPTH,
    MAXIMUM_FILE,
    read_file,
    read_text,
)
from pygateway.errors import ConfigurationProblem


def values(text: str) -> object:
    findings = Findings()
    node = read_text(text, Source("test"), findings)
    assert node is not None, findings.problems()
    assert not findings.found, findings.problems()
    return node.values()


def refused(text: str) -> ConfigurationProblem:
    findings = Findings()
    read_text(text, Source("test"), findings)
    (problem,) = findings.problems()
    return problem


@pytest.mark.parametrize(
    "text",
    ["on", "off", "yes", "no", "true", "1.10", "010", "0x10", "2024-01-01", "12:30:45", "1e3"],
)
def test_scalars_stay_what_they_look_like(text: str) -> None:
    assert values(f"{text}: {text}") == {text: text}


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_plain_nothing_is_no_value(text: str) -> None:
    assert values(f"a: {text}") == {"a": None}


@pytest.mark.parametrize("text", ["''", '"null"', "!!str null", "! ~"])
def test_quoted_nothing_is_text(text: str) -> None:
    assert values(f"a: {text}") != {"a": None}


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "null\n"])
def test_an_empty_document_is_an_empty_mapping(text: str) -> None:
    assert values(text) == {}


def test_anchors_aliases_and_merge_keys() -> None:
    text = "a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, l: 3}\nd: {<<: [{m: 4}, *x], k: 5}\n"
    assert values(text) == {
        "a": {"k": "1", "l": "2"},
        "b": {"k": "1", "l": "2"},
        "c": {"l": "3", "k": "1"},
        "d": {"k": "5", "m": "4", "l": "2"},
    }


def test_duplicate_keys_point_at_the_second_and_name_the_first() -> None:
    problem = refused("a: 1\nb: 2\na: 3\n")
    assert (problem.code, problem.line, problem.column) == ("duplicate-key", 3, 1)
    assert "line 1" in problem.message


def test_a_mapping_that_contains_itself_is_refused() -> None:
    assert refused("a: &x [*x]\n").code == "bad-yaml"


def test_aliases_are_bounded() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]"
        for a, b in zip("abcdefg", "bcdefgh", strict=True)
    ]
    problem = refused("\n".join(lines))
    assert problem.code == "too-large"
    assert str(MAXIMUM_ALIASED) in problem.message


@pytest.mark.parametrize("depth", [MAXIMUM_DEPTH + 1, 200_000])
def test_depth_is_bounded(depth: int) -> None:
    problem = refused("a: " + "[" * (depth - 1))
    assert problem.code == "too-large"
    # Versions of the parser have a limit of their own, and meet it while they look ahead.
    assert problem.column is not None
    assert problem.column >= 3 + MAXIMUM_DEPTH
    if depth == MAXIMUM_DEPTH + 1:
        assert problem.column == 3 + MAXIMUM_DEPTH


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", "not YAML"),
        ("a: 1\n b: 2\n", "not YAML"),
        ("a: *nobody\n", "anchor"),
        ("a: !!binary aGk=\n", "tags"),
        ("a: !!python/object:os.system x\n", "tags"),
        ("? [a]\n: b\n", "a key is text"),
        ("a: &k x\n? *k\n: b\n", "a key is text"),
        ("a: 1\n---\nb: 2\n", "one YAML document"),
        ("a: {<<: text}\n", "merges mappings"),
        ("a: \x01\n", "character"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    problem = refused(text)
    assert problem.code == "bad-yaml"
    assert message in problem.message
    assert problem.line is not None


def test_what_is_not_closed_points_at_the_end() -> None:
    problem = refused("a: 1\nb: [2,\n")
    assert (problem.line, problem.column, problem.source_line) == (2, 7, "b: [2,")


def test_references_without_quotes_in_flow_style_are_explained() -> None:
    assert "needs quotes" in refused("a: {b: ${C}}").message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    findings = Findings()
    assert read_file(tmp_path / "none.yaml", findings)[0] is None
    (problem,) = findings.problems()
    assert problem.code == "unreadable-file"
    assert "No such file" in problem.message


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (MAXIMUM_FILE + 1))
    findings = Findings()
    assert read_file(file, findings)[0] is None
    assert findings.problems()[0].code == "too-large"


def test_a_file_that_is_not_utf8_points_at_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"a: 1\nb: caf\xe9\n")
    findings = Findings()
    assert read_file(file, findings)[0] is None
    problem = findings.problems()[0]
    assert (problem.code, problem.line, problem.column) == ("bad-yaml", 2, 7)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    node, _ = read_file(file, Findings())
    assert node is not None
    assert node.values() == {"a": "1"}
