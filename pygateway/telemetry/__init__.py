"""What the gateway tells its operator."""

from pygateway.telemetry.logging import (
    adjust_logging,
    configure_logging,
    get_logger,
    is_debugging,
    log_loop_errors,
)
from pygateway.telemetry.requests import request_logger

__all__ = [
    "adjust_logging",
    "configure_logging",
    "get_logger",
    "is_debugging",
    "log_loop_errors",
    "request_logger",
]
