from __future__ import annotations

import structlog

from pygateway.auth.health import PAUSE, TOLERATED, ServiceHealth


class Clock:
    """Stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def state(health: ServiceHealth) -> tuple[bool, bool]:
    return health.failing, health.resting


def test_failures_in_a_row_begin_a_pause_and_an_answer_ends_it() -> None:
    clock = Clock()
    with structlog.testing.capture_logs() as logs:
        health = ServiceHealth("service", "main", clock)
        for _ in range(TOLERATED):
            assert state(health) == (False, False)
            health.failed("away", clock.now)
        assert state(health) == (True, True)
        clock.now += PAUSE
        assert state(health) == (True, False)
        health.succeeded()
    assert state(health) == (False, False)
    assert [line["event"] for line in logs] == ["service does not answer", "service answers again"]


def test_what_was_asked_before_a_failure_was_known_is_part_of_it() -> None:
    clock = Clock()
    health = ServiceHealth("service", "main", clock)
    begun = clock.now
    for _ in range(TOLERATED * 10):
        clock.now += 1.0
        health.failed("away", begun)
    assert not health.failing
    assert health.statistics()["failures"] == TOLERATED * 10
    for _ in range(TOLERATED - 1):
        health.failed("away", clock.now)
    assert health.failing
