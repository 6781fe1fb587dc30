from __future__ import annotations

import asyncio
import socket

import pytest
import uvloop

from pygateway.channel import (
    Applied,
    AskReport,
    Channel,
    ChannelClosed,
    Draining,
    Failed,
    Launch,
    Message,
    Ready,
    Report,
    Revoke,
)
from tests.support.patience import PATIENCE

ENTRY = {"jti": "ü", "issuer": None, "expires": 1795475005.3266807}
MESSAGES: list[Message] = [
    Launch(1, "{}", [3, 4], [ENTRY], 1.5),
    Launch(1, "{}", [3, 4], [ENTRY], None, 5, 255),
    Launch(1, "{}", []),
    Ready(),
    Draining(),
    Failed(78, "reason"),
    Revoke(1, [ENTRY] * 50_000),
    Applied(1),
    Applied(2, "no room"),
    AskReport(3),
    Report(3, {"connections": 5}),
]


def test_messages_arrive_whole_and_in_order() -> None:
    async def scenario() -> list[Message]:
        ours, theirs = socket.socketpair()
        one, other = await Channel.over(ours), await Channel.over(theirs)
        async with asyncio.timeout(PATIENCE):
            sending = [asyncio.create_task(one.send(message)) for message in MESSAGES]
            received = [await other.receive() for _ in MESSAGES]
            await asyncio.gather(*sending)
        await one.close()
        with pytest.raises(ChannelClosed):
            await other.receive()
        await other.close()
        return received

    assert asyncio.run(scenario()) == MESSAGES


def test_nothing_can_be_said_once_the_other_end_is_known_to_be_gone() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        channel = await Channel.over(ours)
        theirs.close()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ChannelClosed):
                await channel.receive()
            await channel.close()
            with pytest.raises(ChannelClosed):
                await channel.send(Ready())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
