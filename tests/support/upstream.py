"""An upstream that does exactly what a script says, well-behaved or not.

Every connection that the gateway opens becomes a `Conversation` in a thread of its own, led by
a script: a function that reads, sends, waits for events of the test, resets or closes. A
script's assertions count: what fails in one fails the test when the upstream is closed.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import client
from tests.support.messages import Malformed, Request, Truncated, parse_request
from tests.support.patience import PATIENCE, wait


class Hangup(Exception):
    """The gateway closed the connection between two messages."""


class Conversation:
    """The upstream's end of one connection that the gateway opened."""

    def __init__(self, connection: socket.socket, requests: queue.Queue[Request]) -> None:
        self.socket = connection
        self.received = bytearray()
        self.ended = threading.Event()
        self._requests = requests
        self._taken = 0

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 18)
        self.received += data
        return data

    @property
    def pending(self) -> bytes:
        """Bytes that were received and are not part of a request read so far."""
        return bytes(self.received[self._taken :])

    def request(self) -> Request:
        """Read the next whole request.

        Raises:
            Hangup: The gateway closed where a request would have begun.
            Truncated: The gateway closed inside a request.
        """
        while (found := parse_request(self.pending)) is None:
            # Between requests a pooled connection may rest for as long as the test takes.
            self.socket.settimeout(PATIENCE if self.pending else None)
            if not self._receive():
                if self.pending:
                    raise Truncated(f"request cut short: {self.pending[:200]!r}")
                raise Hangup
        self.socket.settimeout(PATIENCE)
        self._taken += len(found.raw)
        self._requests.put(found)
        return found

    def head(self) -> bytes:
        """Read up to the end of a request's head, and return the head."""
        while (end := self.pending.find(b"\r\n\r\n")) < 0:
            self.socket.settimeout(PATIENCE if self.pending else None)
            if not self._receive():
                raise Hangup
        self.socket.settimeout(PATIENCE)
        return self._take(end + 4)

    def exactly(self, count: int) -> bytes:
        """Read so many bytes."""
        while len(self.pending) < count:
            if not self._receive():
                raise Truncated(f"{len(self.pending)} of {count} bytes", self.pending)
        return self._take(count)

    def _take(self, count: int) -> bytes:
        data = bytes(self.received[self._taken : self._taken + count])
        self._taken += count
        return data

    def nothing_more(self) -> None:
        """Nothing but what was read so far has arrived up to this moment."""
        assert self.pending == b""
        self.socket.setblocking(False)
        try:
            data = self._receive()
        except BlockingIOError:
            return
        finally:
            self.socket.settimeout(PATIENCE)
        raise AssertionError(f"arrived too early: {data[:200]!r}")

    def send(self, *pieces: bytes) -> None:
        """Send each piece with a call of its own."""
        for piece in pieces:
            self.socket.sendall(piece)

    def send_separately(self, data: bytes, settle: Callable[[], None]) -> None:
        """Send every byte so that the gateway reads it alone."""
        for position in range(len(data)):
            settle()
            self.socket.sendall(data[position : position + 1])

    def until_closed(self) -> bytes:
        """Read until the gateway ends the connection, by FIN or RST."""
        with contextlib.suppress(ConnectionResetError):
            while self._receive():
                pass
        return self._take(len(self.pending))

    def finish_sending(self) -> None:
        """Half-close."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection as a crashed process would."""
        client.reset(self.socket)

    def close(self) -> None:
        """Close, from the script or from the test; wakes a thread that waits for bytes."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


Script = Callable[[Conversation], None]


def answering(*responses: bytes) -> Script:
    """Answer each request with the next response; the last one goes on for ever."""

    def script(conversation: Conversation) -> None:
        remaining = list(responses)
        while True:
            conversation.request()
            conversation.send(remaining.pop(0) if len(remaining) > 1 else remaining[0])

    return script


def once(response: bytes) -> Script:
    """Answer one request, then close."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(response)

    return script


def ok(body: bytes = b"ok", *lines: str) -> bytes:
    """A plain 200 with its Content-Length."""
    extra = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (extra, len(body), body)


def listening(path: Path | None = None, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket on a free port of the loopback, or on a path."""
    if path is not None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
    else:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.bind((host, 0))
    listener.listen(1024)
    return listener


class ScriptedUpstream:
    """Listens; gives each new connection the next script, and the last one to all further."""

    def __init__(
        self,
        *scripts: Script,
        listener: socket.socket | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._scripts = list(scripts) or [answering(ok())]
        self._tls = tls
        self._listener = listener or listening()
        self._changed = threading.Condition()
        self._requests: queue.Queue[Request] = queue.Queue()
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.conversations: list[Conversation] = []
        self._acceptor = threading.Thread(target=self._accept, name="upstream", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    @property
    def authority(self) -> str:
        """Host and port as a URL or a Host header has them."""
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def url(self) -> str:
        """What a configuration calls this endpoint."""
        name = self._listener.getsockname()
        if isinstance(name, str):
            return f"unix:{name}"
        return f"{'https' if self._tls else 'http'}://{self.authority}"

    def next_request(self) -> Request:
        """The next whole request that a script has read, in order of arrival."""
        try:
            return self._requests.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError("no request arrived at the upstream") from None

    def no_request(self) -> None:
        """No whole request waits to be looked at."""
        assert self._requests.empty(), self._requests.get_nowait()

    def conversation(self, index: int = 0) -> Conversation:
        """The connection with that number, from 0, as soon as the gateway opens it."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.conversations) > index, PATIENCE):
                raise AssertionError(f"the gateway opened no connection number {index}")
            return self.conversations[index]

    def ended(self, index: int = 0) -> Conversation:
        """The connection with that number, once its script has come to its end."""
        conversation = self.conversation(index)
        wait(conversation.ended, f"the end of connection {index}")
        return conversation

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(PATIENCE)
            with self._changed:
                if self._closing:
                    connection.close()
                    return
                script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                conversation = Conversation(connection, self._requests)
                thread = threading.Thread(
                    target=self._converse, args=(script, conversation), daemon=True
                )
                self._threads.append(thread)
                self.conversations.append(conversation)
                self._changed.notify_all()
            thread.start()

    def _converse(self, script: Script, conversation: Conversation) -> None:
        try:
            if self._tls is not None:
                conversation.socket = self._tls.wrap_socket(conversation.socket, server_side=True)
            script(conversation)
        except (Hangup, ConnectionError, ssl.SSLError):
            pass  # the gateway may hang up on an upstream at any time
        except (Truncated, Malformed, AssertionError, TimeoutError) as failure:
            if not self._closing:
                self._failures.append(failure)
        except OSError:
            if not self._closing:
                raise
        finally:
            conversation.close()
            conversation.ended.set()

    def close(self) -> None:
        """End every connection and thread, then raise what failed in a script."""
        with self._changed:
            self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(PATIENCE)
        self._listener.close()
        for conversation in self.conversations:
            conversation.close()
        for thread in self._threads:
            thread.join(PATIENCE)
        if self._failures:
            raise self._failures[0]
