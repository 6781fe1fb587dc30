"""Points in time, as people and tokens write them."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Final

from pydantic import PlainValidator, WithJsonSchema

from ..refusal import refusal

LATEST: Final = 253_402_300_799.0
"""The last second of the year 9999, which is where RFC 3339 ends."""

_SECONDS = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parse_time(text: str) -> float:
    """Return the seconds since 1970 that `text` means; a date is its first second in UTC.

    Raises:
        ValueError: `text` is neither a time of RFC 3339, nor a date, nor a number of seconds.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    elif _DATE.fullmatch(text):
        seconds = datetime.datetime.fromisoformat(f"{text}T00:00:00+00:00").timestamp()
    elif _RFC3339.fullmatch(text):
        seconds = datetime.datetime.fromisoformat(text.upper().replace(" ", "T")).timestamp()
    else:
        raise ValueError("not a time")
    if not 0 <= seconds <= LATEST:
        raise ValueError("not a time from 1970 to 9999")
    return seconds


def _check_time(value: object) -> float:
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return parse_time(str(value))
    except (ValueError, OverflowError):
        pass
    raise refusal(
        "bad-time",
        "must be a time of RFC 3339, a date, or a number of seconds since 1970",
        allowed=("2030-01-31T12:00:00Z", "2030-01-31", "1893456000"),
    )


Time = Annotated[
    float,
    PlainValidator(_check_time),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": LATEST},
                {"type": "string", "pattern": r"^(\d+(\.\d+)?|\d{4}-\d\d-\d\d([Tt ].*)?)$"},
            ]
        }
    ),
]
"""Seconds since 1970."""
