"""How much later answers come, at fixed rates: beside none at all, in the same rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benches.peers.contest import Contestant, Field, Site
from benches.peers.figures import QUANTILES, Times, Turn, slowest
from benches.peers.load import timed
from benches.peers.turns import rounds

DIRECT = "direct"
SHARES = (25, 50, 75)
"""Rates, in percent of what the slowest of the gateways can do."""


@dataclass(frozen=True)
class AtRate:
    """Times at one rate.

    Attributes:
        share: Percent of the slowest's maximum.
        rate: Requests per second.
        times: Of each turn, by gateway; `DIRECT` is the upstream without any.
    """

    share: int
    rate: float
    times: Mapping[str, Sequence[Times]]


def latencies(
    field: Field,
    turns: Mapping[str, Sequence[Turn]],
    file: Path,
    site: Site,
    number: int,
    seconds: float,
) -> list[AtRate]:
    """Measure at each of the rates."""
    able = {each.name: turns[each.name] for each in field.contestants if not each.bare}
    if not able:
        return []
    most = slowest(able)
    direct = Contestant(DIRECT, 0, site.upstream, bare=True)
    found = []
    for share in SHARES:
        rate = most * share / 100
        options = ("--requests", str(file), "--rate", f"{rate:.0f}")

        def turn(contestant: Contestant, _: int, options: Sequence[str] = options) -> Times:
            times = timed(contestant.port, seconds, site.load_core, *options)
            return {name: times[name] for name in QUANTILES}

        everybody = Field([direct, *field.contestants], field.left_out)
        found.append(AtRate(share, rate, rounds(everybody, number, turn)))
    return found
