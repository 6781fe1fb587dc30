"""What clients are told: the RateLimit fields of the IETF's draft, and the older ones."""

from __future__ import annotations

from dataclasses import dataclass

from tests.door.model.verdict import Fields

NAMES = (
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)


@dataclass(frozen=True)
class Standing:
    """How a request stands with one policy; times in milliseconds, None without a window."""

    name: str
    quota: int
    remaining: int
    length: int | None = None
    reset: int = 0


def seconds(milliseconds: int) -> int:
    """Whole ones, never too few."""
    return -(-milliseconds // 1000)


def written(standings: list[Standing]) -> Fields:
    """An item for each policy, and the numbers of the tightest one with a window."""
    if not standings:
        return []
    rules, states = [], []
    for standing in standings:
        rule, state = f'"{standing.name}";q={standing.quota}', f'"{standing.name}"'
        state += f";r={standing.remaining}"
        if standing.length is None:
            rule += ';qu="concurrent-requests"'
        else:
            rule += f";w={seconds(standing.length)}"
            state += f";t={seconds(standing.reset)}"
        rules.append(rule)
        states.append(state)
    values = [", ".join(rules), ", ".join(states)]
    windows = [standing for standing in standings if standing.length is not None]
    if windows:
        tightest = min(windows, key=lambda standing: (standing.remaining, -standing.reset))
        reset = seconds(tightest.reset)
        values += [str(number) for number in (tightest.quota, tightest.remaining, reset)]
    return [(name.encode(), value.encode()) for name, value in zip(NAMES, values, strict=False)]
