"""Durations and sizes as people write them: `50ms`, `1h30m`, `32KiB`, `1GB`.

A plain number is seconds or bytes. Models hold seconds as float and bytes as int.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from .refusal import refusal

DURATION_UNITS: Final = {
    "d": Decimal(86400),
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
"""Seconds in each unit, from the longest, which is also the order in which they are written."""

SIZE_UNITS: Final = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
"""Bytes in each unit: decimal as in SI, binary as in IEC 80000-13."""

DURATION_PATTERN: Final = r"(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+ms)?"
SIZE_PATTERN: Final = r"\d+(\.\d+)? ?([kmgtKMGT][iI]?)?[bB]"

_NUMBER = re.compile(r"\d{1,18}(\.\d{1,9})?", re.ASCII)
_DURATION = re.compile(DURATION_PATTERN, re.ASCII)
_DURATION_PART = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(ms|[dhms])", re.ASCII)
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?) ?([A-Za-z]{1,3})", re.ASCII)
_SIZE_UNITS_ANY_CASE = {unit.lower(): factor for unit, factor in SIZE_UNITS.items()}


def parse_duration(text: str) -> float:
    """Return the seconds that `text` means.

    Raises:
        ValueError: `text` is not a number of seconds or a sequence of numbers with units.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if not text or not _DURATION.fullmatch(text):
        raise ValueError("not a duration")
    parts = _DURATION_PART.findall(text)
    return float(sum(Decimal(number) * DURATION_UNITS[unit] for number, unit in parts))


def parse_size(text: str) -> int:
    """Return the bytes that `text` means.

    Raises:
        ValueError: `text` is not a number of bytes or a number with a unit, or not whole bytes.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        amount, factor = Decimal(text), 1
    else:
        match = _SIZE.fullmatch(text)
        if match is None or match[2].lower() not in _SIZE_UNITS_ANY_CASE:
            raise ValueError("not a size")
        amount, factor = Decimal(match[1]), _SIZE_UNITS_ANY_CASE[match[2].lower()]
    size = amount * factor
    if size != int(size):
        raise ValueError("not whole bytes")
    return int(size)


def format_duration(seconds: float) -> str:
    """Write seconds the short way that `parse_duration` reads back."""
    remaining = Decimal(repr(seconds))
    text = ""
    for unit, factor in DURATION_UNITS.items():
        if unit == "ms":
            break
        count = remaining // factor if unit != "s" else remaining // 1
        if count:
            text += f"{count}{unit}"
            remaining -= count * factor
    if remaining:
        milliseconds = remaining * 1000
        if milliseconds != int(milliseconds):
            return f"{Decimal(repr(seconds)).normalize():f}s"
        text += f"{int(milliseconds)}ms"
    return text or "0s"


def format_size(size: int) -> str:
    """Write bytes with the largest unit that leaves a whole number."""
    if size:
        for unit, factor in sorted(SIZE_UNITS.items(), key=lambda item: -item[1]):
            if size % factor == 0 and unit != "B":
                return f"{size // factor}{unit}"
    return f"{size}B"


@dataclass(frozen=True, slots=True)
class DurationRange:
    """Annotation of a float: seconds, written as a duration, from `minimum` to `maximum`."""

    minimum: str
    maximum: str

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate text with units, or a number of seconds."""
        low, high = parse_duration(self.minimum), parse_duration(self.maximum)

        def validate(value: object) -> float:
            seconds = _seconds(value)
            if not low <= seconds <= high:
                raise refusal("out-of-range", f"must be from {self.minimum} to {self.maximum}")
            return seconds

        return core_schema.no_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both spellings, number and text."""
        return {
            "anyOf": [
                {
                    "type": "number",
                    "minimum": parse_duration(self.minimum),
                    "maximum": parse_duration(self.maximum),
                },
                {"type": "string", "pattern": rf"^(?=.)({DURATION_PATTERN}|\d+(\.\d+)?)$"},
            ],
            "x-unit": "duration",
            "x-minimum": self.minimum,
            "x-maximum": self.maximum,
        }


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Annotation of an int: bytes, written as a size, from `minimum` to `maximum`.

    With `zero_means_unlimited`, 0 is accepted beside the range and means that there is no limit.
    """

    minimum: str
    maximum: str
    zero_means_unlimited: bool = False

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate text with units, or a number of bytes."""
        low, high = parse_size(self.minimum), parse_size(self.maximum)

        def validate(value: object) -> int:
            size = _bytes(value)
            if self.zero_means_unlimited and size == 0:
                return 0
            if not low <= size <= high:
                unlimited = ", or 0 for no limit" if self.zero_means_unlimited else ""
                raise refusal(
                    "out-of-range", f"must be from {self.minimum} to {self.maximum}{unlimited}"
                )
            return size

        return core_schema.no_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both spellings, number and text."""
        low = 0 if self.zero_means_unlimited else parse_size(self.minimum)
        return {
            "anyOf": [
                {"type": "integer", "minimum": low, "maximum": parse_size(self.maximum)},
                {"type": "string", "pattern": rf"^({SIZE_PATTERN}|\d+)$"},
            ],
            "x-unit": "size",
            "x-minimum": "0 (no limit)" if self.zero_means_unlimited else self.minimum,
            "x-maximum": self.maximum,
        }


def _seconds(value: object) -> float:
    try:
        return parse_duration(_written(value))
    except ValueError:
        raise refusal(
            "bad-duration",
            "must be a duration: a number of seconds, or numbers with units such as 50ms or 1h30m",
            allowed=DURATION_UNITS,
        ) from None


def _bytes(value: object) -> int:
    try:
        return parse_size(_written(value))
    except ValueError:
        raise refusal(
            "bad-size",
            "must be a size: a number of bytes, or a number with a unit such as 32KiB or 1GB",
            allowed=SIZE_UNITS,
        ) from None


def _written(value: object) -> str:
    """Bring numbers, which JSON has and documents do not, to the one spelling that is parsed."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("not a scalar")
