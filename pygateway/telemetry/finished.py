"""What is told of a request that is traced, once it has ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finished:
    """One request from beginning to end, in times that were taken anyway.

    Times are seconds of the monotonic clock, and 0.0 for what never happened.

    Attributes:
        trace_id: 32 hexadecimal digits.
        spans: Identifiers of the caller's span, empty if there is none, of the request's own, and
            of the one that the upstream was told of; 16 hexadecimal digits each.
        method: As the client sent it.
        scheme: `http` or `https`, as the client used it.
        path: The path without its query.
        route: The route's name; None where no route took the request.
        client: The client's address.
        request_id: As in X-Request-ID.
        status: What the client was sent, or 499 if it left before there was anything to send.
        problem: Name of the problem that the gateway had with it; None without one.
        began: When its head was complete.
        sent: When its head was about to be written to an upstream's connection, at the last try.
        answered: When the head of the upstream's final response had come; 0.0 as well for one that
            was withdrawn because it was broken, so that the client was sent something else.
        ended: When all was over.
        verify: When finding out who asks began, and how long it took; None if that was known.
        store: Likewise for asking the store for quotas.
        connect: Seconds that it waited for connections.
        upstream: The upstream's name; None if the request was not to go on.
        endpoint: Its endpoint that was tried last, as a URL; None if there was none to try.
        tries: Connections that were asked for.
        request_bytes: Bytes of the request's body.
        response_bytes: Bytes of the response's body.
    """

    trace_id: str
    spans: tuple[str, str, str]
    method: str
    scheme: str
    path: str
    route: str | None
    client: str
    request_id: str
    status: int
    problem: str | None
    began: float
    sent: float
    answered: float
    ended: float
    verify: tuple[float, float] | None
    store: tuple[float, float] | None
    connect: float
    upstream: str | None
    endpoint: str | None
    tries: int
    request_bytes: int
    response_bytes: int

    @property
    def span_count(self) -> int:
        """How many spans it becomes: its own, and one for each thing that it waited for."""
        return (
            1 + (self.verify is not None) + (self.store is not None) + (self.endpoint is not None)
        )
