"""The numbers of a running gateway: what has been counted, and how things are now.

They are plain values; `pygateway.admin.metrics` gives them their form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

DECISIONS: Final = "pygateway_rate_limit_decisions"
CROWDED: Final = "pygateway_rate_limit_crowded"
COMMANDS: Final = "pygateway_store_commands"
ERRORS: Final = "pygateway_store_errors"
MISSED: Final = "pygateway_store_missed"

OUTCOMES: Final = ("admitted", "refused", "shadowed", "uncounted", "unavailable")
"""What a policy can decide about a request; the native gate has the same names."""


class Series(NamedTuple):
    """One counter of a metric.

    Attributes:
        metric: The metric's name, without `_total`.
        labels: Values of its labels, in their order.
    """

    metric: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoreState:
    """How the store of rate limits is for the workers that are ready.

    Attributes:
        up: Whether there are any, and every one of them can ask it.
        gateways: How many gateways count there, as far as any of them knows.
        problem: Why it is not up.
    """

    up: bool
    gateways: int | None
    problem: str | None


@dataclass(frozen=True)
class Measurements:
    """Everything that is measured.

    Attributes:
        counts: Counts since the gateway started; they never go down.
        store: The store of rate limits; None if nothing is counted there.
        last_reload_successful: Whether the configuration was not refused when it was last loaded.
    """

    counts: Mapping[Series, int]
    store: StoreState | None
    last_reload_successful: bool
