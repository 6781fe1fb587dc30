"""What can go wrong, by name.

An exception's class says what happened and carries, as data, what the one renderer of
errors (`pygateway.problem`) needs: which problem it becomes and whether another attempt could
succeed. Exceptions of other libraries are translated where they are met and never travel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal


class GatewayError(Exception):
    """Root of every exception that the gateway raises on purpose."""


@dataclass(frozen=True, slots=True)
class ConfigurationProblem:
    """One thing that is wrong, or doubtful, in a configuration.

    Attributes:
        code: Stable name of the kind of problem, for scripts and documentation.
        message: One sentence for a person.
        severity: An `error` keeps the gateway from starting; a `warning` does not.
        file: File, or `environment`, that holds the value.
        line: Line in the file, from 1.
        column: Column in the line, from 1.
        source_line: The text of that line, to be shown with a caret.
        allowed: What would have been accepted, where that can be listed.
        suggestion: The nearest accepted spelling, where one is near.
    """

    code: str
    message: str
    severity: Literal["error", "warning"] = "error"
    file: str | None = None
    line: int | None = None
    column: int | None = None
    source_line: str | None = None
    allowed: tuple[str, ...] = ()
    suggestion: str | None = None


class ConfigurationError(GatewayError):
    """The configuration cannot be used; `problems` lists every reason at once."""

    def __init__(self, problems: tuple[ConfigurationProblem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class ExchangeError(GatewayError):
    """A request could not be answered by its upstream.

    Attributes:
        problem: Name of the problem type that the client is told.
        retryable: Whether none of the request can have been processed, so that another
            connection may be tried (RFC 9110 section 9.2.2).
        event: What metrics of the upstream call it; None where it is not the upstream's.
    """

    problem: ClassVar[str] = "internal"
    event: ClassVar[str | None] = None

    def __init__(self, detail: str, *, retryable: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retryable = retryable


class ConnectFailed(ExchangeError):
    """No connection to an endpoint: refused, unreachable, unresolvable or not verifiable."""

    problem = "upstream-unreachable"
    event = "connect-failed"


class UpstreamGone(ExchangeError):
    """The endpoint closed or reset the connection before its response was complete."""

    problem = "upstream-unreachable"
    event = "reset"


class UpstreamProtocolViolation(ExchangeError):
    """The endpoint's response breaks RFC 9112 or one of the gateway's guards."""

    problem = "upstream-protocol-error"
    event = "protocol-error"


class UpstreamTimeout(ExchangeError):
    """A deadline passed while the gateway waited for the endpoint."""

    problem = "upstream-timeout"
    event = "timeout"


class NoHealthyEndpoint(ExchangeError):
    """The upstream has no endpoint that may be tried."""

    problem = "no-healthy-endpoint"


class Overloaded(ExchangeError):
    """A bound was reached, such as the connections of an endpoint and the queue for them."""

    problem = "overloaded"
    event = "overloaded"


class AuthenticationUnavailable(ExchangeError):
    """Whether the client may ask could not be found out: too much to do, or nobody answered."""

    problem = "auth-unavailable"


class RateLimitUnavailable(ExchangeError):
    """Whether a rate limit permits the request could not be found out."""

    problem = "rate-limit-unavailable"


class RequestTimeout(ExchangeError):
    """The client did not send the rest of its request in time."""

    problem = "request-timeout"


class Draining(ExchangeError):
    """The gateway ends, and can wait no longer."""

    problem = "draining"


class BodyTooLarge(ExchangeError):
    """The request's body is larger than the limit of its route."""

    problem = "body-too-large"


class BadRequest(ExchangeError):
    """The rest of the request, after its head, cannot be parsed."""

    problem = "bad-request"
