"""How far a question to a service has come when it fails, which the HTTP client does not tell.

Whether a service is away or was brought to silence by the question itself makes a difference: the
question has fields of the client in it. Who never got a connection cannot have done that.
"""

from __future__ import annotations

import errno
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

OWN_WANT = frozenset({errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Reasons for no connection that lie with the gateway, which a crowd of clients can bring about."""


class Attempt:
    """One question, which is put again on another connection if the first was closed unused.

    Attributes:
        connections: Those that the question was put on.
        heard: Whether any byte of an answer has come.
    """

    __slots__ = ("connections", "heard")

    def __init__(self) -> None:
        self.connections = 0
        self.heard = False
        _current.set(self)

    def is_doubtful(self, error: Exception) -> bool:
        """Whether the client may have had a hand in the failure.

        It had none where no connection could be made, or where nothing at all came back in time. A
        service that hung up on the question has seen it.
        """
        if isinstance(error, TimeoutError):
            return self.heard or self.connections > 1
        if isinstance(error, aiohttp.ClientConnectorError):
            return self.connections > 0 or error.os_error.errno in OWN_WANT
        return True


_current: ContextVar[Attempt] = ContextVar("attempt")


class Connector(aiohttp.TCPConnector):
    """Connections that tell the `Attempt` of whoever uses them."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)
        kind: type[ResponseHandler] = _Connection
        self._factory = partial(kind, loop=self._loop)


class _Connection(ResponseHandler):
    """A connection, which belongs to one attempt at a time."""

    _attempt: Attempt | None = None

    def set_response_params(self, **parameters: Any) -> None:  # noqa: ANN401 - not ours
        """Begin with another question."""
        self._attempt = _current.get()
        self._attempt.connections += 1
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        """Take a piece of the answer."""
        if self._attempt is not None:
            self._attempt.heard = True
        super().data_received(data)
