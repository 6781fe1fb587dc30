from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from pygateway.config import build_gate, load_mapping
from pygateway.config.syntax.patterns import check_pattern
from tests.config.configurations import PATIENT


def build(pattern: str) -> None:
    """Have the native gate compile a pattern."""
    build_gate(
        load_mapping(
            {
                "auth": {"providers": {"a": {"secrets": [{"value": "x" * 32}]}}},
                "routes": [
                    {"name": "a", "respond": {}, "auth": {"claims": {"a": {"matches": pattern}}}}
                ],
            }
        )
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        r".*@acme\.example",
        "^a$",
        "(a|b)+?",
        "(?:a){2,}",
        "(?P<name>a)",
        "(?<name>a)",
        "(?i)a",
        "(?i-s:a)",
        "[a-z0-9_-]{1,64}",
        "[]a]",
        "[^]a]",
        "[[:alpha:]]",
        r"[\w.\]]",
        r"\Aa\z",
        r"\bx\B",
        r"\x41",
        r"\$\{\}",
        "é+",
        "a{0}",
    ],
)
def test_patterns(pattern: str) -> None:
    assert check_pattern(pattern) == pattern
    build(pattern)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", "is no regular expression"),
        ("a)", "is no regular expression"),
        ("*", "is no regular expression"),
        ("a{2,1}", "is no regular expression"),
        ("[z-a]", "is no regular expression"),
        ("(a)\\1", "has no backreferences: they make matching slow"),
        ("(?P<n>a)(?P=n)", "has no look-around, and no flags but i, m and s"),
        ("(?=a)", "has no look-around, and no flags but i, m and s"),
        ("(?!a)", "has no look-around, and no flags but i, m and s"),
        ("(?<=a)b", "has no look-around, and no flags but i, m and s"),
        ("(?<!a)b", "has no look-around, and no flags but i, m and s"),
        ("(?>a)", "has no look-around, and no flags but i, m and s"),
        ("(?#x)", "has no look-around, and no flags but i, m and s"),
        ("(?)", "`(?)` has no meaning"),
        ("(?x)a", "has no look-around, and no flags but i, m and s"),
        ("(?i-i:a)", "`(?i-i:` has no meaning"),
        ("(?ii)a", "`(?ii)` has no meaning"),
        (r"\pL", r"has no Unicode classes: `\w`, `\d` and `\s` are ASCII's"),
        (r"\q", r"`\q` has no meaning"),
        ("\\", "is no regular expression"),
        (r"\x4", r"`\x` is followed by two hexadecimal digits"),
        ("a{", r"`{` begins a number of repetitions; the character itself is `\{`"),
        ("a{,2}", r"`{` begins a number of repetitions; the character itself is `\{`"),
        ("a{1000}", r"`{` begins a number of repetitions; the character itself is `\{`"),
        ("a{101}", "repeats at most 100 times"),
        ("[a&&b]", "has no operations on sets in brackets"),
        ("[a--b]", "has no operations on sets in brackets"),
        ("[[a]]", r"`[` inside of brackets is written `\[`"),
        (r"[\b]", r"`\b` has no meaning inside of brackets"),
        ("[a", "a bracket is not closed"),
        ("x" * 513, "a pattern has at most 512 characters"),
    ],
)
def test_what_is_no_pattern(pattern: str, message: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        check_pattern(pattern)
    assert caught.value.type == "bad-pattern"
    assert caught.value.context is not None
    assert caught.value.context["message"] == message


PIECES = [
    r"a",
    r"b-z",
    r".",
    r"*",
    r"+",
    r"?",
    r"|",
    r"(",
    r")",
    r"(?:",
    r"(?i)",
    r"(?P<n>",
    r"[",
    r"]",
    r"^",
    r"{2}",
    r"{1,3}",
    r"-",
    r"\d",
    r"\w",
    r"\.",
    r"\b",
    r"\z",
    r"&",
    r"[:digit:]",
    r"~",
    r"$",
]
MORE_PIECES = [
    r"\]",
    r"(?x)",
    r"#",
    r"é",
    r",",
    r"{",
    r"}",
    r"\x41",
    r"(?<m>",
    r"(?s-i:",
    r"[^",
    r"[a-",
    r"\\",
    r"a{2}{3}",
]


@given(st.lists(st.sampled_from([*PIECES, *MORE_PIECES, " "]), max_size=8).map("".join))
@settings(PATIENT, max_examples=400)
def test_the_native_gate_takes_what_is_let_through(pattern: str) -> None:
    with contextlib.suppress(PydanticCustomError):
        check_pattern(pattern)
        build(pattern)
