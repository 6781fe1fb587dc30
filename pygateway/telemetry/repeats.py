"""Keeps what is said again and again from filling the log."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

MOST_IN_INTERVAL = 5
"""Records of one kind that pass in an interval; the first ones tell all that there is to tell."""

INTERVAL = 10.0
"""Seconds."""

MOST_KINDS = 256
"""Kinds of records that are told apart; the one that was silent for longest is forgotten first."""


@dataclass(slots=True)
class _Kind:
    since: float
    passed: int = 0
    suppressed: int = 0


class Repeats(logging.Filter):
    """Lets few records of a kind pass in an interval; the next that does says how many did not.

    Records are of one kind if they come from the same logger, are equally serious, and have the
    same text before its arguments are put in: a library that cannot reach its server says so for
    each try, with another address or time in it.

    Args:
        clock: Gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: OrderedDict[tuple[str, int, str], _Kind] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes; one that does has `suppressed`, a number."""
        now = self._clock()
        name = (record.name, record.levelno, str(record.msg)[:200])
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = _Kind(now)
            if len(self._kinds) > MOST_KINDS:
                self._kinds.popitem(last=False)
        self._kinds.move_to_end(name)
        if now - kind.since >= INTERVAL:
            kind.since, kind.passed = now, 0
        if kind.passed >= MOST_IN_INTERVAL:
            kind.suppressed += 1
            return False
        kind.passed += 1
        record.suppressed = kind.suppressed
        kind.suppressed = 0
        return True
