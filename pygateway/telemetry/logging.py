"""The log: one line for each event, on stderr.

On a terminal a line is made for people, coloured unless NO_COLOR is set; everywhere else it is one
JSON object with `timestamp`, `level` and `event` first. Other members carry the names of the
access log: `request_id`, `trace_id`, `client`, `method`, `path`, `route`, `status`, `upstream`,
`problem`. Lines of Python's own `logging`, such as asyncio's, are led into the same stream.

Logging never raises: a reader of the log that has gone away must not end the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

_FIRST = ("timestamp", "level", "event")

# C0 and C1 control characters and DEL, which could move a terminal's cursor or fake a line.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


def get_logger() -> FilteringBoundLogger:
    """Give the log."""
    return cast("FilteringBoundLogger", structlog.get_logger())


def configure_logging(
    environment: Mapping[str, str], stream: TextIO | None = None, **context: object
) -> None:
    """Set the log up for this process; may be called again.

    Args:
        environment: Where NO_COLOR is looked for (no-color.org: any text but the empty one).
        stream: Where lines go; stderr unless given.
        context: Members of every line, such as the worker's slot.
    """
    sink = sys.stderr if stream is None else stream

    def add_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**context, **event}

    if sink.isatty():
        rendering = _for_people(colours=not environment.get("NO_COLOR"))
    else:
        rendering = _for_machines()
    structlog.configure(
        processors=[add_context, structlog.processors.add_log_level, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _LineWriter(sink),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _IntoLog)]:
        root.removeHandler(handler)
    root.addHandler(_IntoLog(logging.WARNING))


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

    info = warning = error = critical = exception = msg


class _IntoLog(logging.Handler):
    """Leads records of Python's `logging` into the log."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            get_logger().log(
                record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
            )
