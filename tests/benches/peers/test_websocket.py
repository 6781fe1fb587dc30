from __future__ import annotations

import asyncio

from benches.peers.websocket import ANSWER, QUESTION, Server, load


async def against(protocol: type[asyncio.Protocol]) -> dict[str, int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0)
    async with server:
        return await load(server.sockets[0].getsockname()[1], 0.05, 4)


class Refuses(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


class Garbles(Server):
    def message(self, message: bytes) -> None:
        self.transport.write(ANSWER[:-1] + b"?")


def test_frames_have_the_form_of_rfc_6455() -> None:
    assert QUESTION[:2] == b"\x81\xc0"  # a final text frame, masked, 64 bytes
    assert len(QUESTION) == 2 + 4 + 64
    assert ANSWER == b"\x81\x40" + b"m" * 64
    mask, masked = QUESTION[2:6], QUESTION[6:]
    assert bytes(each ^ mask[index % 4] for index, each in enumerate(masked)) == ANSWER[2:]


def test_every_message_is_answered() -> None:
    found = asyncio.run(against(Server))
    assert found["answered"] >= 4
    assert found["failed"] == 0


def test_a_refused_upgrade_fails() -> None:
    found = asyncio.run(against(Refuses))
    assert found["answered"] == 0
    assert found["failed"] >= 4


def test_another_message_fails() -> None:
    found = asyncio.run(against(Garbles))
    assert found["failed"] == found["answered"] > 0
