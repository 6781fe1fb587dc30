"""Paths about the log of the program itself."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from pygateway.admin.control import Control
from pygateway.config import LogFormat, LogLevel


class LogRequest(BaseModel):
    """How serious lines have to be."""

    model_config = ConfigDict(extra="forbid")

    level: LogLevel


class LogReply(BaseModel):
    """How the log is set up."""

    level: LogLevel = Field(description="How serious lines have to be now.")
    configured: LogLevel = Field(description="How serious they have to be after a reload.")
    format: LogFormat


def add_log(application: FastAPI, control: Control) -> None:
    """Add the paths."""

    def described() -> LogReply:
        log = control.config().log
        return LogReply.model_validate(
            {"level": control.log_level(), "configured": log.level, "format": log.format}
        )

    @application.get("/log")
    async def log() -> LogReply:
        """How serious the log's lines have to be."""
        return described()

    @application.put("/log")
    async def set_log(wanted: LogRequest) -> LogReply:
        """Change that in all processes, until the next reload."""
        await control.set_log_level(wanted.level)
        return described()
