"""What the supervisor and a worker say to each other.

They hold the two ends of one unix stream socket. A message is a JSON object behind its length in
four big-endian bytes. The supervisor begins with `Launch`; the worker answers `Ready` or `Failed`,
and says `Draining` when it was told to stop. `Revoke`, `AskReport` and `Explain`, each with a
number, may follow `Launch` at any time, and are answered in their order by `Applied`, `Report` and
`Explained` with that number; `SetLogLevel` is not answered. A worker that has drained says `Report`
once more, unasked. The end of the stream means that the other process is gone: that is what ends
workers whose supervisor was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass, field, fields
from typing import Any

_LENGTH = struct.Struct(">I")


UNASKED = 0
"""The number of a report that answers no question; those of questions begin at 1."""


class ChannelClosed(Exception):
    """The other process has closed its end, or died."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a worker is started with.

    Attributes:
        slot: Which of the workers this is, from 0.
        configuration: The configuration as `Config.to_json` writes it.
        sockets: Descriptors of the listening sockets, as inherited.
        revocations: What is revoked now, in the form of `pygateway.revocation.entry`.
        fresh_until: Unix seconds at which that becomes stale; None for never.
        table: Descriptor of the memory in which workers count together, as inherited; None if the
            worker counts by itself.
        lane: Which of those who count there this is.
        log: Descriptor of the ring that takes the lines of the access log, as inherited; None if
            there is no such log.
        log_level: How serious lines of the log have to be, if another level than the configured one
            was set meanwhile.
    """

    slot: int
    configuration: str
    sockets: list[int]
    revocations: list[dict[str, Any]] = field(default_factory=list)
    fresh_until: float | None = None
    table: int | None = None
    lane: int = 0
    log: int | None = None
    log_level: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker listens on all of its sockets."""


@dataclass(frozen=True, slots=True)
class Draining:
    """The worker accepts no more connections."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot serve its configuration.

    Attributes:
        exit_code: 1, or 78 when the configuration is to blame.
        reason: One sentence for a person.
    """

    exit_code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """Tokens to refuse from now on.

    Attributes:
        number: Repeated in the answer.
        entries: What is revoked, in the form of `pygateway.revocation.entry`.
    """

    number: int
    entries: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Applied:
    """The worker refuses those tokens.

    Attributes:
        number: Which question this answers.
        problem: Why it does not, if so.
    """

    number: int
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class AskReport:
    """The supervisor wants to know how the worker is."""

    number: int


@dataclass(frozen=True, slots=True)
class Report:
    """How the worker is.

    Attributes:
        number: Which question this answers, or `UNASKED`.
        document: What `Gateway.statistics` says, and what the worker adds to it.
    """

    number: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SetLogLevel:
    """Lines of the log have to be this serious from now on.

    Attributes:
        level: A level of `pygateway.config.Log`.
    """

    level: str


@dataclass(frozen=True, slots=True)
class Explain:
    """The supervisor wants to know what would become of a request.

    Attributes:
        number: Repeated in the answer.
        request: What `Gateway.explain` takes.
    """

    number: int
    request: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Explained:
    """What would become of the request.

    Attributes:
        number: Which question this answers.
        document: What `Gateway.explain` says; `problem` alone if it is no request, and `failed` if
            the worker could not say.
    """

    number: int
    document: dict[str, Any]


Question = Revoke | AskReport | Explain
Answer = Applied | Report | Explained
Message = Launch | Ready | Draining | Failed | SetLogLevel | Question | Answer
_KINDS: dict[str, type[Message]] = {
    "launch": Launch,
    "ready": Ready,
    "draining": Draining,
    "failed": Failed,
    "revoke": Revoke,
    "applied": Applied,
    "ask-report": AskReport,
    "report": Report,
    "set-log-level": SetLogLevel,
    "explain": Explain,
    "explained": Explained,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class Channel:
    """One end of the conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, connection: socket.socket) -> Channel:
        """Speak over a connected unix stream socket, which the channel then owns."""
        return cls(*await asyncio.open_unix_connection(sock=connection))

    async def send(self, message: Message) -> None:
        """Send a message, however large. Messages leave in the order of the calls.

        Raises:
            ChannelClosed: The other process is gone.
        """
        # Not `asdict`, which would copy every one of a hundred thousand revocations.
        members = {each.name: getattr(message, each.name) for each in fields(message)}
        document = {"kind": _NAMES[type(message)], **members}
        payload = json.dumps(document).encode("ascii")
        if self._writer.is_closing():
            raise ChannelClosed
        try:
            self._writer.write(_LENGTH.pack(len(payload)) + payload)
            await self._writer.drain()
        except ConnectionError:
            raise ChannelClosed from None

    async def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            ChannelClosed: The other process is gone.
        """
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            payload = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ChannelClosed from None
        document: dict[str, Any] = json.loads(payload)
        return _KINDS[document.pop("kind")](**document)

    @property
    def is_closed(self) -> bool:
        """Whether the other process is known to be gone."""
        return self._writer.is_closing() or self._reader.at_eof()

    async def close(self) -> None:
        """End the conversation; the other process sees its end."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
