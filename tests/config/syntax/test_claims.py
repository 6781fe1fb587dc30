from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway.config.syntax.claims import parse_claim_path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("sub", ("sub",)),
        ("realm_access.roles", ("realm_access", "roles")),
        (r"https://example\.com/roles", ("https://example.com/roles",)),
        ('"https://example.com/roles"', ("https://example.com/roles",)),
        ('a."b.c".d', ("a", "b.c", "d")),
        ('"a""b"', ('a"b',)),
        (r"a\\b", ("a\\b",)),
        ("resource access.my-client", ("resource access", "my-client")),
        ("é", ("é",)),
        (".".join("a" * 16), ("a",) * 16),
    ],
)
def test_paths(text: str, steps: tuple[str, ...]) -> None:
    assert parse_claim_path(text) == steps


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", '"a', '""', 'a"b', '"a"b', "a\\", r"a\b", ".".join("a" * 17)],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        parse_claim_path(text)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5))
def test_any_name_can_be_written_in_quotes(names: list[str]) -> None:
    quoted = ".".join('"' + name.replace('"', '""') + '"' for name in names)
    assert parse_claim_path(quoted) == tuple(names)


@given(st.lists(st.text(alphabet=r"ab.\"é", min_size=1, max_size=5), min_size=1, max_size=5))
def test_any_name_can_be_written_with_escapes(names: list[str]) -> None:
    table = str.maketrans({"\\": r"\\", ".": r"\.", '"': r"\""})
    assert parse_claim_path(".".join(name.translate(table) for name in names)) == tuple(names)
