"""Shapes of request smuggling (HTTP Desync Guardian): none reaches an upstream unchanged."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.corpora.differences import expected
from tests.corpora.judging import HOST, Court, Outcome
from tests.support.corpora import DesyncCase, read_desync

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = read_desync()
DANGEROUS = [case for case in CASES if case.tier in {"Severe", "Ambiguous"}]


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    """Verdicts, printed at the end of the module."""
    counter: Counter[str] = Counter()
    yield counter
    print(f"\ndesync guardian: {dict(sorted(counter.items()))}")


def unchanged(case: DesyncCase, outcome: Outcome) -> bool:
    """Whether the upstream was sent what the corpus objects to, in the same form.

    The corpus' own remedy for a request that some servers read with a body and some without is
    to let nothing follow it, on either connection.
    """
    for connection in outcome.connections:
        sent = bytes(connection.received)
        suspects = [
            (name, value)
            for name, value in case.suspects
            if b"\r\n" + name.lower() + b":" in sent.lower() and value.strip() in sent
        ]
        if suspects and not (outcome.closing and connection.ended):
            return True
        if case.reason.endswith("Uri") and case.uri in sent:
            return True
    return False


@pytest.mark.parametrize("case", DANGEROUS, ids=lambda case: case.name)
def test_none_of_the_dangerous_reaches_the_upstream_unchanged(
    tried: Court, case: DesyncCase, counts: Counter[str]
) -> None:
    outcome = tried.try_message(case.message(HOST))
    reached = unchanged(case, outcome)
    counts[f"{case.tier} {outcome.verdict}"] += 1
    counts[f"{case.tier} unchanged at the upstream"] += reached
    assert not reached, (case.title, outcome)
    assert outcome.verdict == expected(case.name, "refused"), (case.title, outcome)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.tier == "Compliant"], ids=lambda case: case.name
)
def test_the_compliant_are_accepted(tried: Court, case: DesyncCase, counts: Counter[str]) -> None:
    outcome = tried.try_message(case.message(HOST))
    counts[f"Compliant {outcome.verdict}"] += 1
    assert outcome.verdict == expected(case.name, "accepted"), (case.title, outcome)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.tier == "Acceptable"], ids=lambda case: case.name
)
def test_the_merely_acceptable_are_refused_unless_harmless(
    tried: Court, case: DesyncCase, counts: Counter[str]
) -> None:
    """The corpus lets a lenient proxy pass these; a strict one need not."""
    outcome = tried.try_message(case.message(HOST))
    counts[f"Acceptable {outcome.verdict}"] += 1
    harmless = case.reason == "GetHeadZeroContentLength"
    assert outcome.verdict == ("accepted" if harmless else "refused"), (case.title, outcome)


def test_the_corpus_is_whole() -> None:
    tiers = Counter(case.tier for case in CASES)
    assert tiers == {"Ambiguous": 58, "Severe": 58, "Compliant": 28, "Acceptable": 15}
