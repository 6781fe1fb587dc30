"""Requests that a strict server refuses or accepts (gunicorn's suite)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.corpora.differences import expected
from tests.corpora.judging import Court, with_host
from tests.support.corpora import GunicornCase, read_gunicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = read_gunicorn()


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    """Verdicts, printed at the end of the module."""
    counter: Counter[str] = Counter()
    yield counter
    print(f"\ngunicorn: {dict(sorted(counter.items()))}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_message_gets_its_verdict(
    tried: Court, case: GunicornCase, counts: Counter[str]
) -> None:
    """Each has a Host here, so that it is judged by what it is about."""
    outcome = tried.try_message(with_host(case.raw))
    corpus = "valid" if case.valid else "invalid"
    counts[f"{corpus} {outcome.verdict}"] += 1
    assert outcome.verdict == expected(case.name, "accepted" if case.valid else "refused"), outcome


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if with_host(case.raw) != case.raw],
    ids=lambda case: case.name,
)
def test_a_1_1_request_as_it_is_without_host_is_refused(tried: Court, case: GunicornCase) -> None:
    outcome = tried.try_message(case.raw)
    assert outcome.refused, outcome
    assert set(outcome.statuses) <= {400, 414, 431, 501, 505}
    assert outcome.closing


def test_the_corpus_is_whole() -> None:
    assert Counter(case.valid for case in CASES) == {False: 74, True: 63}
