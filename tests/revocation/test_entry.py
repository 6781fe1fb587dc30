from __future__ import annotations

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway._core import Gate
from pygateway.config import gate_specification, load_text
from pygateway.revocation.entry import (
    NotARevocation,
    Revocation,
    from_json,
    from_texts,
    target_text,
)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
times = st.floats(0, 4e9)


@st.composite
def entries(draw: st.DrawFn) -> Revocation:
    kind = draw(st.sampled_from(["jti", "sub", "all"]))
    name = "" if kind == "all" else draw(names)
    before = 0.0 if kind == "jti" else draw(times)
    return Revocation(kind, name, draw(st.none() | names), before, draw(times))  # type: ignore[arg-type]


@given(entries())
def test_every_form_can_be_read_back(entry: Revocation) -> None:
    assert from_json(json.loads(json.dumps(entry.to_json()))) == entry
    texts = (target_text(entry.target), repr(entry.issued_before), repr(entry.expires))
    assert all(text.isascii() for text in texts)
    assert from_texts(*texts) == entry


@given(st.lists(st.tuples(times, times), min_size=3, max_size=3))
def test_merging_knows_no_order_and_no_number(pairs: list[tuple[float, float]]) -> None:
    same = [Revocation("sub", "a", None, *pair) for pair in pairs]
    outcomes = {one.merged(two).merged(three).merged(one) for one, two, three in permutations(same)}
    assert len(outcomes) == 1


def test_merging_what_is_known_gives_the_very_same() -> None:
    held = Revocation("sub", "a", None, 5.0, 9.0)
    assert held.merged(Revocation("sub", "a", None, 4.0, 9.0)) is held


@given(entries())
def test_the_native_core_reads_the_same_form(entry: Revocation) -> None:
    text = json.dumps([entry.to_json()]).encode()
    assert gate().revoke(text, 0.0) == (entry.expires > 0.0)


def gate() -> Gate:
    provider = "{secrets: [{id: a, value: 0123456789abcdef0123456789abcdef}]}"
    config = load_text(f"{{auth: {{providers: {{main: {provider}}}}}, routes: []}}")
    return Gate(gate_specification(config), bytes(32))


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"expires": 1},
        {"jti": "a"},
        {"jti": "", "expires": 1},
        {"jti": 7, "expires": 1},
        {"jti": "a", "sub": "b", "issued_before": 1, "expires": 1},
        {"jti": "a", "issued_before": 1, "expires": 1},
        {"sub": "a", "expires": 1},
        {"sub": "a", "issued_before": "1", "expires": 1},
        {"sub": "a", "issued_before": True, "expires": 1},
        {"issued_before": -1, "expires": 1},
        {"issued_before": float("nan"), "expires": 1},
        {"issued_before": 1, "expires": float("inf")},
        {"issued_before": 1, "expires": 10**400},
        {"jti": "a", "expires": 1, "issuer": 3},
        {"jti": "a", "expires": 1, "more": 3},
        {"jti": "a" * 1025, "expires": 1},
        {"jti": "\ud800", "expires": 1},
    ],
)
def test_anything_else_is_refused(document: object) -> None:
    with pytest.raises(NotARevocation):
        from_json(document)


@pytest.mark.parametrize(
    "texts",
    [
        ("head", "1", "2"),
        ("[]", "1", "2"),
        ('["jti",null,""]', "0", "2"),
        ('["all",null,"a"]', "0", "2"),
        ('["other",null,"a"]', "0", "2"),
        ('["sub",null,"a"]', "x", "2"),
        ('["sub",null,"a"]', "nan", "2"),
        ("[" * 100_000, "1", "2"),
    ],
)
def test_texts_of_others_are_refused(texts: tuple[str, str, str]) -> None:
    with pytest.raises(NotARevocation):
        from_texts(*texts)
