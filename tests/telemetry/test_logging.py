from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from pygateway.telemetry import (
    adjust_logging,
    configure_logging,
    get_logger,
    is_debugging,
    log_loop_errors,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    adjust_logging(level="info")
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_without_a_terminal_a_line_is_one_json_object() -> None:
    stream = io.StringIO()
    configure_logging({}, stream, worker=3)
    get_logger().info("listening", addresses=["127.0.0.1:1"], route="a\nb\x1b[31m")
    (text,) = stream.getvalue().splitlines()
    line = json.loads(text)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "event": "listening",
        "worker": 3,
        "addresses": ["127.0.0.1:1"],
        "route": "a\nb\x1b[31m",
    }


def test_a_member_of_the_line_wins_over_the_same_one_of_the_process() -> None:
    stream = io.StringIO()
    configure_logging({}, stream, worker=3)
    get_logger().info("x", worker=4)
    assert logged(stream)[0]["worker"] == 4


def test_debug_lines_are_left_out() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    get_logger().debug("x")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_can_change_also_for_loggers_that_exist(level: str, written: list[str]) -> None:
    stream = io.StringIO()
    configure_logging({}, stream, level="error" if level == "debug" else "debug")
    kept = get_logger().bind(provider="main")
    adjust_logging(level=level)
    assert is_debugging() is (level == "debug")
    for method in ("debug", "info", "warning", "error"):
        getattr(kept, method)("x")
    assert [line["level"] for line in logged(stream)] == written


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["info", "warning", "error"]),
        ("info", ["warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_what_is_news_to_libraries_is_written_for_debugging_alone(
    level: str, written: list[str]
) -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    adjust_logging(level=level)
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("opentelemetry").log(number, "x")
    assert [line["level"] for line in logged(stream)] == written


def test_a_library_that_repeats_itself_does_not_fill_the_log() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    for number in range(1000):
        logging.getLogger("opentelemetry").warning("cannot export to %s", number)
    logging.getLogger("opentelemetry").warning("something else")
    lines = logged(stream)
    assert len(lines) == 6
    assert lines[-1]["event"] == "something else"


def test_the_form_can_be_chosen() -> None:
    stream, terminal = io.StringIO(), Terminal()
    configure_logging({}, stream, form="console")
    get_logger().info("draining")
    assert "draining" in stream.getvalue()
    assert "{" not in stream.getvalue()
    assert "\x1b[" not in stream.getvalue(), "a file is not coloured"
    configure_logging({}, terminal, form="json")
    get_logger().info("draining")
    assert logged(terminal)[0]["event"] == "draining"
    adjust_logging(form="console")
    get_logger().info("reloaded")
    assert "{" not in terminal.getvalue().splitlines()[1]


def test_an_exception_is_one_member_of_one_line() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        get_logger().exception("internal error")
    (line,) = logged(stream)
    assert line["level"] == "error"
    assert line["exception"].endswith("RuntimeError: broken")


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
def test_a_terminal_gets_text_in_colours_unless_told_otherwise(
    environment: dict[str, str], coloured: bool
) -> None:
    stream = Terminal()
    configure_logging(environment, stream, worker=3)
    get_logger().warning("draining", signal="SIGTERM")
    assert "draining" in stream.getvalue()
    assert "SIGTERM" in stream.getvalue()
    assert ("\x1b[" in stream.getvalue()) is coloured


def test_text_from_outside_cannot_steer_a_terminal() -> None:
    stream = Terminal()
    configure_logging({"NO_COLOR": "1"}, stream)
    get_logger().info("x", path="/\x1b]0;title\x07\r\n/\x9b1m\x7f")
    (line,) = stream.getvalue().splitlines()
    assert r"/\x1b]0;title\x07\x0d\x0a/\x9b1m\x7f" in line


def test_lines_of_pythons_logging_join_the_log() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    configure_logging({}, stream)  # a second time, and still each line comes once
    logging.getLogger("asyncio").warning("slow: %s", "callback")
    logging.getLogger("asyncio").info("left out")
    (line,) = logged(stream)
    assert (line["level"], line["event"], line["logger"]) == (
        "warning",
        "slow: callback",
        "asyncio",
    )


def test_a_record_that_cannot_be_formatted_harms_nobody() -> None:
    configure_logging({}, io.StringIO())
    handler = logging.getLogger().handlers[-1]
    handler.emit(logging.makeLogRecord({"msg": "%d", "args": ("no number",), "levelno": 40}))


def test_a_log_that_nobody_reads_any_more_harms_nobody() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)
    stream.close()
    get_logger().info("x")


def test_what_the_event_loop_catches_is_logged() -> None:
    stream = io.StringIO()
    configure_logging({}, stream)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        log_loop_errors(loop)
        done = asyncio.Event()

        def broken() -> None:
            done.set()
            raise RuntimeError("broken")

        loop.call_soon(broken)
        await done.wait()

    asyncio.run(scenario())
    (line,) = logged(stream)
    assert (line["event"], line["level"]) == ("internal error", "error")
    assert "RuntimeError: broken" in line["exception"]
    assert "Exception in callback" in line["detail"]
