"""The log: one line for each event, on stderr.

On a terminal a line is made for people, coloured unless NO_COLOR is set; everywhere else it is one
JSON object with `timestamp`, `level` and `event` first. Other members carry the names of the
access log: `request_id`, `trace_id`, `client`, `method`, `path`, `route`, `status`, `upstream`,
`problem`.

Lines of Python's own `logging`, which libraries write, are led into the same stream from warnings
on; at `debug`, from what they hold for information on. Few of a kind pass (`Repeats`).

The level can be changed while the program runs, for loggers that exist as well. No line is written
for a request that goes well.

Logging never raises and never waits: a reader of the log that has gone away, or stands still, must
not end the gateway, or make it stand still.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from pygateway.telemetry.repeats import Repeats
from pygateway.telemetry.standard_error import standard_error

LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}
"""How serious what is, by the names of the log's methods; a setting is one of the first four."""

_FIRST = ("timestamp", "level", "event")

# C0 and C1 control characters and DEL, which could move a terminal's cursor or fake a line.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


def get_logger() -> FilteringBoundLogger:
    """Give the log."""
    return cast("FilteringBoundLogger", structlog.get_logger())


@dataclass
class _Setting:
    """How the log of this process is set up.

    Attributes:
        threshold: What is less serious is left out.
        stream: Where lines go; None before the log is set up.
        colours: Whether lines for people may be coloured.
        context: Members of every line.
    """

    threshold: int = logging.INFO
    stream: TextIO | None = None
    colours: bool = True
    context: Mapping[str, object] | None = None


_setting = _Setting()


def configure_logging(
    environment: Mapping[str, str],
    stream: TextIO | None = None,
    *,
    level: str = "info",
    form: str = "auto",
    **context: object,
) -> None:
    """Set the log up for this process; may be called again.

    Args:
        environment: Where NO_COLOR is looked for (no-color.org: any text but the empty one).
        stream: Where lines go; stderr unless given.
        level: What is at least this serious is written: a key of `LEVELS`.
        form: `json`, `console`, or `auto`.
        context: Members of every line, such as the worker's slot.
    """
    _setting.stream = standard_error(_tell_of_loss) if stream is None else stream
    _setting.colours = not environment.get("NO_COLOR")
    _setting.context = context
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _IntoLog)]:
        root.removeHandler(handler)
    handler = _IntoLog()
    handler.addFilter(Repeats())
    root.addHandler(handler)
    adjust_logging(level=level, form=form)


def adjust_logging(*, level: str | None = None, form: str | None = None) -> None:
    """Change how serious lines have to be, or their form, from the next line on."""
    if level is not None:
        _setting.threshold = LEVELS[level]
        logging.getLogger().setLevel(_of_libraries(_setting.threshold))
    if form is not None and _setting.stream is not None:
        _set_form(_setting.stream, form, _setting.context or {})


def _tell_of_loss(lines: int) -> None:
    get_logger().error("log lost lines", lines=lines)


def is_debugging() -> bool:
    """Whether what only debugging wants to know is written: a look, cheaper than a line."""
    return _setting.threshold <= logging.DEBUG


def _of_libraries(threshold: int) -> int:
    """How serious lines of libraries have to be: what is news to them is mostly none to others."""
    return max(threshold, logging.INFO if threshold <= logging.DEBUG else logging.WARNING)


def _set_form(stream: TextIO, form: str, context: Mapping[str, object]) -> None:
    def add_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**context, **event}

    if form == "console" or (form == "auto" and stream.isatty()):
        rendering = _for_people(colours=_setting.colours and stream.isatty())
    else:
        rendering = _for_machines()
    structlog.configure(
        processors=[_leave_out, add_context, structlog.processors.add_log_level, *rendering],
        # What is left out is decided for each line: loggers that are kept must heed changes.
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=lambda *_: _LineWriter(stream),
        cache_logger_on_first_use=False,
    )


def _leave_out(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if LEVELS.get(method, logging.CRITICAL) < _setting.threshold:
        raise structlog.DropEvent
    return event


def log_loop_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Lead what `loop` catches, and nobody else handles, into the log."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        get_logger().error(
            "internal error", detail=context.get("message"), exc_info=context.get("exception")
        )

    loop.set_exception_handler(handle)


def _for_people(*, colours: bool) -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _escape_control_characters,
        structlog.dev.ConsoleRenderer(
            colors=colours, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
        ),
    ]


def _for_machines() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _in_order,
        structlog.processors.JSONRenderer(serializer=json.dumps),
    ]


def _escape_control_characters(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {
        name: value.translate(_VISIBLE) if isinstance(value, str) else value
        for name, value in event.items()
    }


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: event.pop(name) for name in _FIRST} | dict(event)


class _LineWriter:
    """Writes each line with one call, so that lines of several processes do not mix."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        # ValueError: the stream was closed.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = msg


class _IntoLog(logging.Handler):
    """Leads records of Python's `logging` into the log."""

    def emit(self, record: logging.LogRecord) -> None:
        suppressed = getattr(record, "suppressed", 0)
        members = {"suppressed": suppressed} if suppressed else {}
        with contextlib.suppress(Exception):
            get_logger().log(
                record.levelno,
                record.getMessage(),
                logger=record.name,
                exc_info=record.exc_info,
                **members,
            )
