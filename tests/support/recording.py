"""An upstream for the corpora: answers every whole request, records every byte.

One thread serves all connections, so that `settle` can say for certain that everything the
gateway has written so far has been read and recorded.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.messages import Malformed, Request, parse_request
from tests.support.patience import wait
from tests.support.upstream import listening, ok


@dataclass
class Recorded:
    """What one connection brought since the last `take`."""

    received: bytearray = field(default_factory=bytearray)
    requests: list[Request] = field(default_factory=list)
    malformed: Malformed | None = None
    ended: bool = False
    unread: bytes = b""


class RecordingUpstream:
    """Answers whole requests with a plain 200 and keeps what it received."""

    def __init__(self, response: bytes | None = None) -> None:
        self.response = response or ok()
        self._listener = listening()
        self._listener.setblocking(False)
        self._waker, self._wakened = socket.socketpair()
        self._wakened.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wakened, selectors.EVENT_READ)
        self._connections: dict[socket.socket, Recorded] = {}
        self._finished: list[Recorded] = []
        self._settled = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="recording", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        self._waker.send(b"x")
        self._thread.join()
        for connection in self._connections:
            connection.close()
        for resource in (self._selector, self._listener, self._waker, self._wakened):
            resource.close()

    @property
    def url(self) -> str:
        """What a configuration calls this endpoint."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def settle(self) -> None:
        """Return once everything written to any connection until now has been recorded."""
        self._settled.clear()
        self._waker.send(b"x")
        wait(self._settled, "reading what the gateway wrote")

    def take(self) -> list[Recorded]:
        """What arrived since the last call, by connection; call `settle` before."""
        taken = self._finished
        self._finished = []
        for connection, recorded in list(self._connections.items()):
            if recorded.received:
                taken.append(recorded)
                self._connections[connection] = Recorded(unread=recorded.unread)
        return taken

    def _serve(self) -> None:
        while not self._closing:
            wakened = False
            for key, _ in self._selector.select():
                if key.fileobj is self._wakened:
                    wakened = True
                else:
                    self._ready(key.fileobj)
            if wakened:
                while others := [
                    key.fileobj
                    for key, _ in self._selector.select(0)
                    if key.fileobj is not self._wakened
                ]:
                    for ready in others:
                        self._ready(ready)
                self._wakened.recv(1 << 10)
                self._settled.set()

    def _ready(self, ready: object) -> None:
        if ready is self._listener:
            with contextlib.suppress(BlockingIOError):
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                self._connections[connection] = Recorded()
                self._selector.register(connection, selectors.EVENT_READ)
        elif isinstance(ready, socket.socket):
            self._read(ready, self._connections[ready])

    def _read(self, connection: socket.socket, recorded: Recorded) -> None:
        try:
            data = connection.recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            recorded.ended = True
            self._drop(connection, recorded)
            return
        recorded.received += data
        recorded.unread += data
        try:
            while (request := parse_request(recorded.unread)) is not None:
                recorded.requests.append(request)
                recorded.unread = recorded.unread[len(request.raw) :]
                connection.send(self.response)
        except ConnectionError:
            self._drop(connection, recorded)
        except Malformed as malformed:
            recorded.malformed = malformed
            self._drop(connection, recorded)

    def _drop(self, connection: socket.socket, recorded: Recorded) -> None:
        self._selector.unregister(connection)
        connection.close()
        del self._connections[connection]
        if recorded.received:
            self._finished.append(recorded)
