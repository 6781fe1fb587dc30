from __future__ import annotations

import logging

from pygateway.telemetry.repeats import INTERVAL, MOST_IN_INTERVAL, MOST_KINDS, Repeats


def record(text: str = "failed: %s", name: str = "library", level: int = 30) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "name": name, "levelno": level, "args": ("x",)})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_few_pass_and_the_next_interval_tells_of_the_rest() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    passed = [repeats.filter(record()) for _ in range(MOST_IN_INTERVAL + 7)]
    assert passed == [True] * MOST_IN_INTERVAL + [False] * 7
    clock.now = INTERVAL - 0.1
    assert not repeats.filter(record())
    clock.now = INTERVAL
    first, second = record(), record()
    assert repeats.filter(first)
    assert repeats.filter(second)
    assert (first.suppressed, second.suppressed) == (8, 0)  # type: ignore[attr-defined]


def test_what_differs_is_counted_apart() -> None:
    repeats = Repeats(Clock())
    for _ in range(MOST_IN_INTERVAL + 1):
        repeats.filter(record())
    assert not repeats.filter(record())
    others = [record("other"), record(name="other"), record(level=40)]
    assert all(repeats.filter(other) for other in others)


def test_kinds_are_bounded() -> None:
    repeats = Repeats(Clock())
    for _ in range(MOST_IN_INTERVAL + 1):
        repeats.filter(record())
    for number in range(MOST_KINDS):
        repeats.filter(record(f"text {number}"))
    assert repeats.filter(record()), "it was silent for longest, and is forgotten"
