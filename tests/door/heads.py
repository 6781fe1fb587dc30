"""Message heads as bytes: strictly parsed, and compared without caring for their free parts."""

from __future__ import annotations

from tests.door.model.fields import elements, is_token, is_value
from tests.door.model.verdict import Fields, Head

LISTS = {b"x-forwarded-for", b"via", b"tracestate"}
SETS = {b"vary"}


def parse(head: bytes) -> tuple[bytes, Fields]:
    """Start line and fields of a complete head; fails on anything a strict reader would refuse."""
    lines = head.split(b"\r\n")
    assert lines[-2:] == [b"", b""], f"head does not end in one blank line: {head!r}"
    start, *field_lines = lines[:-2]
    assert is_value(start), f"control character in {start!r}"
    fields: Fields = []
    for line in field_lines:
        name, colon, value = line.partition(b":")
        assert colon, f"no colon in {line!r}"
        assert is_token(name), f"no token in {line!r}"
        assert is_value(value), f"control character in {line!r}"
        fields.append((name, value.strip(b" \t")))
    return start, fields


def combined(fields: Fields) -> dict[bytes, list[bytes]]:
    """Values by name. Lists are put together, sets also sorted: how they are spread is free."""
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        by_name.setdefault(name.lower(), []).append(value)
    for name in LISTS & by_name.keys():
        by_name[name] = elements(by_name[name])
    for name in SETS & by_name.keys():
        by_name[name] = sorted({member.lower() for member in elements(by_name[name])})
    return by_name


def named(fields: Fields, names: set[bytes]) -> Fields:
    return [field for field in fields if field[0].lower() in names]


def assert_head(native: bytes, expected: Head) -> None:
    """The start line and all fields agree; fields that were passed keep order and spelling."""
    start, fields = parse(native)
    assert start == expected.start
    assert combined(fields) == combined(expected.passed + expected.own)
    passed = {name.lower() for name, _ in expected.passed} - LISTS - SETS
    assert named(fields, passed) == named(expected.passed + expected.own, passed)
