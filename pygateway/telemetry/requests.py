"""What the log says of the request that a line is about, with the names of the access log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygateway.telemetry.logging import get_logger

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from pygateway._core import Decision


def request_logger(
    decision: Decision | None, upstream: str | None = None, **members: object
) -> FilteringBoundLogger:
    """Give the log with a request bound: for slow paths, as it costs some microseconds.

    Args:
        decision: What was decided about the request; None where nothing is known yet.
        upstream: Where it went, if anywhere.
        members: What else each line has.
    """
    log = get_logger().bind(**members) if members else get_logger()
    if decision is None:
        return log
    known = {
        "request_id": decision.request_id,
        "trace_id": decision.trace_id,
        "client": decision.client,
        "method": decision.method_name,
        "path": decision.path,
        "route": decision.route_name,
        "upstream": upstream,
    }
    return log.bind(**{name: value for name, value in known.items() if value})
