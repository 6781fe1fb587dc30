"""The access log: where a line for each request goes, and what is in it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from ..refusal import refusal
from ..section import ListOf, Section
from ..syntax.files import resolve
from ..units import SizeRange

STANDARD_STREAMS: Final = ("stdout", "stderr")
"""Paths that are no files."""

LogField = Literal[
    "timestamp",
    "request_id",
    "trace_id",
    "client",
    "method",
    "path",
    "route",
    "status",
    "duration_ms",
    "overhead_ms",
    "upstream",
    "upstream_ms",
    "user",
    "bytes_in",
    "bytes_out",
    "problem",
    "host",
    "scheme",
    "protocol",
    "user_agent",
    "referer",
    "worker",
]

DEFAULT_FIELDS: Final[tuple[LogField, ...]] = get_args(LogField)[:16]
"""What is logged where nothing is said: everything but what is long or seldom asked for."""

_OFF: Final = frozenset({"", "false", "off", "no", "none"})


def _resolve_file(path: str, info: ValidationInfo) -> str:
    return path if path in STANDARD_STREAMS else resolve(path, info)


def _check_once(fields: tuple[LogField, ...]) -> tuple[LogField, ...]:
    for index, field in enumerate(fields):
        if field in fields[:index]:
            raise refusal("duplicate-name", "the line has this field already", at=(index,))
    return fields


class AccessLog(Section):
    """One line for each request, written when it has ended."""

    path: Annotated[str, AfterValidator(_resolve_file)] = Field(
        default="stdout",
        description="`stdout`, `stderr`, or a file, which may be a FIFO. A file is made with mode"
        " 0640, and opened again on USR1. Relative to the configuration file.",
    )
    format: Literal["json", "combined"] = Field(
        default="json",
        description="`json` is one object a line; `combined` is what Apache and nginx write, and"
        " has fields of its own.",
    )
    fields: Annotated[
        ListOf[LogField], Field(min_length=1, max_length=22), AfterValidator(_check_once)
    ] = Field(
        default=DEFAULT_FIELDS,
        description="Members of a JSON line, in this order. To be had besides: `host`, `scheme`,"
        " `protocol`, `user_agent`, `referer` (without its query) and `worker`.",
    )
    sample: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of requests that is logged. Errors are logged in any case: a status of"
        " 400 and above, and every problem.",
    )
    buffer: Annotated[int, SizeRange("64KiB", "256MiB")] = Field(
        default=4 * 1024**2,
        description="Memory in which the lines of one worker wait to be written, rounded up to a"
        " power of two. When it is full, further lines are dropped and counted: requests never wait"
        " for the log. 4MiB are 10000 lines, half a second of 20000 requests a second. A long line"
        " can have 30KiB; over 256MiB, every start would take its time.",
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_path(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _combined_lines_have_their_own_fields(self) -> Self:
        if self.format == "combined" and "fields" in self.model_fields_set:
            raise refusal(
                "conflicting-keys",
                "the combined format has fields of its own: keep `format` or `fields`",
                at=("fields",),
            )
        return self


def _turn_off(value: object) -> object:
    if value is False or (isinstance(value, str) and value.strip().lower() in _OFF):
        return None
    # `true` is what somebody writes to turn it on again.
    return {} if value is True or value == "true" else value


AccessLogSetting = Annotated[AccessLog | None, BeforeValidator(_turn_off)]
"""The section, a path, or a word that turns it off."""
