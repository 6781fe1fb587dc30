"""What the gateway tells its operator."""

from pygateway.telemetry.logging import configure_logging, get_logger, log_loop_errors

__all__ = ["configure_logging", "get_logger", "log_loop_errors"]
