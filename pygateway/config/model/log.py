"""The log of the program itself; that of requests is `access_log`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..section import Section

LogLevel = Literal["debug", "info", "warning", "error"]

LogFormat = Literal["auto", "json", "console"]


class Log(Section):
    """What the program says of itself, on stderr: starts, reloads, failures."""

    level: LogLevel = Field(
        default="info",
        description="What is at least this serious is written. `pygateway log-level` changes it"
        " while the gateway runs, until the next reload. `debug` tells of every request that"
        " failed.",
    )
    format: LogFormat = Field(
        default="auto",
        description="`json`: one object a line, with the names of the access log. `console`: text"
        " for people. `auto`: text on a terminal, and else JSON.",
    )
