"""The judge itself: right histories pass, and one request too many is found wherever it lies."""

from __future__ import annotations

import random

import pytest

from pygateway._core import charge_window
from tests.limits.judge import (
    Limit,
    Passage,
    Write,
    charged,
    milliseconds,
    misjudged,
    overshoot,
    uncharged,
)

LIMIT = Limit(10, 1000)
START = 1_700_000_000.0
BUCKET = milliseconds(START) // 1000


class Truth:
    """A history by the law, of one request after the other."""

    def __init__(self, seed: int, limit: Limit) -> None:
        draw = random.Random(seed)  # noqa: S311 - no secret
        self.passages: list[Passage] = []
        self.writes: list[Write] = []
        window, now = (0, 0, 0), milliseconds(START)
        for _ in range(400):
            now += draw.choice((0, 0, 1, 5, limit.window // 3))
            cost = draw.choice((1, 1, 3))
            admitted, window, *_ = charge_window(limit.quota, limit.window, window, now, cost)
            if admitted:
                early, late = draw.choice((0, 1, 40)), draw.choice((0, 1, 40))
                self.passages.append(Passage((now - early) / 1000, (now + late + 0.5) / 1000, cost))
                self.writes.append(Write((now + 0.5) / 1000, *window))


def at(milliseconds: float, cost: int = 1) -> Passage:
    """A request whose answer takes a millisecond."""
    return Passage(START + milliseconds / 1000, START + (milliseconds + 1) / 1000, cost)


@pytest.mark.parametrize("seed", range(50))
def test_what_the_law_admits_is_not_complained_of(seed: int) -> None:
    limit = Limit(*((10, 1000), (7, 500), (200, 2000), (5, 100))[seed % 4])
    truth = Truth(seed, limit)
    assert len(truth.passages) > 20
    assert overshoot(limit, truth.passages) == []
    assert misjudged(limit, truth.writes) == []
    assert uncharged(limit, truth.passages, charged(truth.writes)) == []


@pytest.mark.parametrize("seed", range(20))
def test_one_request_that_nobody_was_charged_for_is_found_wherever_it_is(seed: int) -> None:
    truth = Truth(seed, LIMIT)
    stowaway = random.Random(seed).choice(truth.passages)  # noqa: S311 - no secret
    wrong = [*truth.passages, stowaway._replace(cost=1)]
    assert uncharged(LIMIT, wrong, charged(truth.writes))


@pytest.mark.parametrize("seed", range(20))
def test_a_charge_that_is_missing_is_found(seed: int) -> None:
    truth = Truth(seed, LIMIT)
    charges = charged(truth.writes)
    bucket = random.Random(seed).choice([each for each in charges if charges[each]])  # noqa: S311
    assert uncharged(LIMIT, truth.passages, charges | {bucket: charges[bucket] - 1})


def test_requests_alone_show_that_a_bucket_was_overfull() -> None:
    eleven = [at(10 * number) for number in range(11)]
    assert overshoot(LIMIT, eleven[:10]) == []
    assert overshoot(LIMIT, eleven)
    # At the same moment, nobody knows which was first; all of them are too many.
    assert overshoot(LIMIT, [at(10)] * 10) == []
    assert overshoot(LIMIT, [at(10)] * 11)


def test_requests_alone_show_that_the_bucket_before_was_forgotten() -> None:
    before = [at(500, cost=10)]
    # After 100 ms a tenth has faded, and one of ten is free; after 199 ms still one.
    assert overshoot(LIMIT, [*before, at(1100)]) == []
    assert overshoot(LIMIT, [*before, at(1098)])
    assert overshoot(LIMIT, [*before, at(1110), at(1199)]) == []
    assert overshoot(LIMIT, [*before, at(1110), at(1198)])


def test_requests_that_may_be_of_another_bucket_are_no_proof() -> None:
    long = Passage(START + 0.9, START + 1.1, 10)
    assert overshoot(LIMIT, [long, at(500, cost=10)]) == []
    assert uncharged(LIMIT, [long], {BUCKET + 1: 10}) == []
    assert uncharged(LIMIT, [long], {BUCKET: 9})


def test_a_script_that_admits_one_too_many_is_found() -> None:
    right = [Write(START, BUCKET, 0, 10), Write(START + 1.1, BUCKET + 1, 10, 1)]
    assert misjudged(LIMIT, right) == []
    assert misjudged(LIMIT, [Write(START, BUCKET, 0, 11)])
    assert misjudged(LIMIT, [right[0], right[1]._replace(current=2)])
    assert misjudged(LIMIT, [right[0], right[1]._replace(at=START + 1.098)])
    assert misjudged(LIMIT, [right[1], right[0]])


def test_what_is_given_back_is_no_charge() -> None:
    writes = [
        Write(START, BUCKET, 0, 10),
        Write(START + 0.1, BUCKET, 0, 7),
        Write(START + 1.2, BUCKET + 1, 7, 2),
        Write(START + 1.3, BUCKET + 1, 5, 2),
    ]
    assert misjudged(LIMIT, writes) == []
    assert charged(writes) == {BUCKET: 5, BUCKET + 1: 2}
