"""What is to hold: `p99<5ms`, `errors<=0.1%`, `rate>=990/s`.

    objective  = figure operator amount
    figure     = "p" number | "mean" | "max" | "errors" | "rate"
    operator   = "<" | "<=" | ">" | ">="
    amount     = number unit

A time takes `us`, `ms` or `s`; `errors` takes `%` or, as a count, nothing; `rate` takes `/s`. Times
and errors have upper bounds and rates have lower ones: what can only be a slip is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from pygateway.bench.tally import Tally

_SPACE: Final = re.compile(r"[ \t]*")
_FIGURE: Final = re.compile(r"[A-Za-z]+")
_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_OPERATOR: Final = re.compile(r"[<>]=?")
_UNIT: Final = re.compile(r"[A-Za-z%/]+")

_TIMES: Final = {"us": Fraction(1, 10**6), "ms": Fraction(1, 1000), "s": Fraction(1)}
_UNITS: Final = {
    "time": _TIMES,
    "errors": {"%": Fraction(1, 100), "": Fraction(1)},
    "rate": {"/s": Fraction(1)},
}
Unit = Literal["seconds", "share", "requests", "per second"]

_FIGURES: Final = "p50, p99.9 and the like, mean, max, errors, rate"
_KINDS: Final = {"p": "time", "mean": "time", "max": "time", "errors": "errors", "rate": "rate"}


class InvalidObjective(ValueError):
    """This is no objective.

    Attributes:
        text: What was given.
        at: Where in it the mistake is, from 0.
    """

    def __init__(self, message: str, text: str, at: int) -> None:
        super().__init__(message)
        self.text = text
        self.at = at


@dataclass(frozen=True)
class Objective:
    """A bound on a figure.

    Attributes:
        text: As it was written.
        figure: `p99`, `mean`, `max`, `errors` or `rate`.
        percent: Of a percentile.
        operator: How what was measured has to compare with the bound.
        bound: Seconds, a share of the requests or a number of them, or requests a second.
        share: Whether errors are a share.
    """

    text: str
    figure: str
    percent: Fraction | None
    operator: str
    bound: Fraction
    share: bool = False

    @property
    def unit(self) -> Unit:
        """What the bound and what is measured are given in."""
        if self.figure == "errors":
            return "share" if self.share else "requests"
        return "per second" if self.figure == "rate" else "seconds"

    def measure(self, tally: Tally) -> Fraction | None:
        """Give the figure; None if nothing was measured."""
        if not tally.requests:
            return None
        if self.figure == "errors":
            return Fraction(tally.errors, tally.requests if self.share else 1)
        if self.figure == "rate":
            return Fraction(tally.rate)
        latency = tally.latency
        if self.figure == "mean":
            return Fraction(latency.total, latency.count * 10**9)
        highest = latency.highest if self.percent is None else latency.percentile(self.percent)
        return Fraction(highest, 10**9)

    def holds(self, measured: Fraction | None) -> bool:
        """Say whether it holds; it does not if nothing was measured."""
        if measured is None:
            return False
        if self.operator.startswith("<"):
            return measured < self.bound or (self.operator == "<=" and measured == self.bound)
        return measured > self.bound or (self.operator == ">=" and measured == self.bound)


DEFAULT: Final = Objective("errors<1%", "errors", None, "<", Fraction(1, 100), share=True)
"""Holds beside every other objective unless one about errors is given: a gateway that refuses
everything does so quickly, and must not pass for a fast one."""


def parse_objective(text: str) -> Objective:
    """Read an objective.

    Raises:
        InvalidObjective: It is none; says where it goes wrong.
    """
    return _Parser(text).objective()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._begin = 0

    def objective(self) -> Objective:
        name = self._next(_FIGURE, f"a figure is expected: {_FIGURES}")
        if name not in _KINDS:
            raise self._wrong(f"no figure is called {name!r}: {_FIGURES}")
        begin = self._begin
        percent = self._percent(begin) if name == "p" else None
        figure = self._text[begin : self._at]
        kind = _KINDS[name]
        operator = self._next(_OPERATOR, "one of < <= > >= is expected")
        if operator.startswith("<") == (kind == "rate"):
            bounds = "> or >=" if kind == "rate" else "< or <="
            raise self._wrong(f"{figure} can only be bounded by {bounds}")
        number = Fraction(self._next(_NUMBER, "a number is expected"))
        unit, factor = self._unit(kind)
        if self._at != len(self._text):
            self._begin = self._at
            raise self._wrong("nothing may follow")
        if kind == "errors" and unit == "" and number.denominator != 1:
            raise self._wrong("a number of errors is a whole one; a share takes %")
        bound = number * factor
        return Objective(self._text.strip(), figure, percent, operator, bound, unit == "%")

    def _percent(self, begin: int) -> Fraction:
        # Right behind the `p`: a space there would be read as something else.
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            self._begin = self._at
            raise self._wrong("a percentile is expected, such as p99 or p99.9")
        self._begin, self._at = begin, match.end()
        percent = Fraction(match[0])
        if not 0 < percent < 100:
            raise self._wrong("a percentile is above 0 and below 100; `max` is the greatest")
        return percent

    def _unit(self, kind: str) -> tuple[str, Fraction]:
        units = _UNITS[kind]
        match = _UNIT.match(self._text, self._at)
        unit = match[0] if match else ""
        if unit not in units:
            self._begin = self._at
            named = ", ".join(each for each in units if each)
            raise self._wrong(
                f"{unit!r} is no unit here: {named}" if unit else f"a unit is expected: {named}"
            )
        self._at += len(unit)
        self._skip()
        return unit, units[unit]

    def _next(self, pattern: re.Pattern[str], expected: str) -> str:
        self._skip()
        self._begin = self._at
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self._wrong(expected)
        self._at = match.end()
        if pattern is not _FIGURE:
            self._skip()
        return match[0]

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _wrong(self, message: str) -> InvalidObjective:
        return InvalidObjective(message, self._text, self._begin)
