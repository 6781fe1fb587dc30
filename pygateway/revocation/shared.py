"""What Redis holds for all gateways with one `key_prefix`.

    {PREFIX:revocations}:entries   hash: the text of each target -> "ISSUED_BEFORE EXPIRES"
                                   and `head` -> the name of the history that led to this
    {PREFIX:revocations}:stream    one message for each publication, the latest `LATEST` or so

A head is `ID NONCE`: the identity of the latest message in the stream, and random digits. It lies
in the same hash as the entries, so that whatever loses those loses it, too; and since nobody can
make the same one twice, two equal heads mean that nothing came between, and nothing went.
Every message says which head it follows. A history begins with a message that changes nothing and
follows the empty head, which is the only one that is not unique.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from pygateway.revocation.entry import NotARevocation, Revocation, from_texts, target_text
from pygateway.store.redis import translated
from pygateway.store.store import Store, StoreUnavailable

LATEST: Final = 1000
"""Messages in the stream. Whoever was away for more reads the entries again."""

BATCH: Final = 500
"""Entries that are published or read at a time: Redis serves nobody else for less than a
millisecond."""

EMPTY: Final = ""
"""The head where there is no history."""

# Merges by the law of `entry.py`. Numbers stay the texts that they came as, since Lua would round
# them. Publishing the same again changes nothing, so nobody is told; a try that may or may not have
# arrived can be made again.
_PUBLISH: Final = """
local changed = {}
for i = 3, #ARGV, 3 do
  local target, before, expires = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local held = redis.call('HGET', KEYS[1], target)
  if held then
    local held_before, held_expires = string.match(held, '^(%S+) (%S+)$')
    if tonumber(held_before) >= tonumber(before) then before = held_before end
    if tonumber(held_expires) >= tonumber(expires) then expires = held_expires end
  end
  local value = before .. ' ' .. expires
  if value ~= held then
    redis.call('HSET', KEYS[1], target, value)
    changed[#changed + 1] = target
    changed[#changed + 1] = before
    changed[#changed + 1] = expires
  end
end
local head = redis.call('HGET', KEYS[1], 'head') or ''
if #changed > 0 then
  local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*',
    'after', head, 'nonce', ARGV[1], 'changes', cjson.encode(changed))
  head = id .. ' ' .. ARGV[1]
  redis.call('HSET', KEYS[1], 'head', head)
end
return head
"""

_BEGIN: Final = """
local head = redis.call('HGET', KEYS[1], 'head')
if not head then
  local id = redis.call('XADD', KEYS[2], '*', 'after', '', 'nonce', ARGV[1], 'changes', '[]')
  head = id .. ' ' .. ARGV[1]
  redis.call('HSET', KEYS[1], 'head', head)
end
return head
"""

# Nobody need be told: everybody knows when an entry expires.
_FORGET: Final = """
local now = tonumber(redis.call('TIME')[1])
for i = 1, #ARGV do
  local held = redis.call('HGET', KEYS[1], ARGV[i])
  if held and tonumber(string.match(held, ' (%S+)$')) < now then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Message:
    """What one publication has changed.

    Attributes:
        after: The head that it follows.
        head: The head that it leads to.
        entries: What was changed, merged with what was there.
    """

    after: str
    head: str
    entries: list[Revocation]


class SharedRevocations:
    """The revocations in a Redis.

    Args:
        store: A client whose deadline is longer than the time for which `messages` may block.
        prefix: `redis.key_prefix`.

    Every method raises `StoreUnavailable` when Redis does not do what it is asked.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        # The braces make it one slot of a cluster, so that scripts may use both keys.
        self._entries = f"{{{prefix}:revocations}}:entries"
        self._stream = f"{{{prefix}:revocations}}:stream"

    async def head(self) -> str:
        """Give the head."""
        async with translated():
            head = await self._store.execute_command("HGET", self._entries, "head")
        return EMPTY if head is None else _text(head)

    async def begin(self) -> str:
        """Give the head, and begin a history where there is none."""
        async with translated():
            head = await self._store.execute_command(
                "EVAL", _BEGIN, 2, self._entries, self._stream, secrets.token_hex(16)
            )
        return _text(head)

    async def batches(self) -> AsyncIterator[list[Revocation]]:
        """Give everything that is there from the first to the last batch, and perhaps more.

        An entry that is published meanwhile may be in it, or not.
        """
        cursor = 0
        while True:
            async with translated():
                cursor, fields = await self._store.execute_command(
                    "HSCAN", self._entries, cursor, "COUNT", BATCH
                )
            yield [
                _entry(_text(target), _text(value))
                for target, value in fields.items()
                if target != b"head"
            ]
            if cursor == 0:
                return

    async def publish(self, entries: Sequence[Revocation]) -> None:
        """Merge entries into those that are there, and tell everybody what that has changed."""
        for start in range(0, len(entries), BATCH):
            values: list[str] = []
            for entry in entries[start : start + BATCH]:
                values += target_text(entry.target), repr(entry.issued_before), repr(entry.expires)
            nonce = secrets.token_hex(16)
            async with translated():
                await self._store.execute_command(
                    "EVAL", _PUBLISH, 2, self._entries, self._stream, nonce, LATEST, *values
                )

    async def messages(self, head: str, block: float) -> list[Message]:
        """Give the messages since `head`, waiting up to `block` seconds for the first."""
        position = head.partition(" ")[0] or "0-0"
        waiting = ("BLOCK", int(block * 1000)) if block else ()
        async with translated():
            answer = await self._store.execute_command(
                "XREAD", "COUNT", BATCH, *waiting, "STREAMS", self._stream, position
            )
        return [_message(identity, fields) for _, read in answer or () for identity, fields in read]

    async def forget(self, entries: Sequence[Revocation]) -> None:
        """Take out those of the entries that have expired by the clock of Redis."""
        for start in range(0, len(entries), BATCH):
            targets = [target_text(entry.target) for entry in entries[start : start + BATCH]]
            async with translated():
                await self._store.execute_command("EVAL", _FORGET, 1, self._entries, *targets)

    async def close(self) -> None:
        """Close every connection."""
        async with translated():
            await self._store.aclose()


def _message(identity: bytes, fields: dict[bytes, bytes]) -> Message:
    try:
        changes = json.loads(fields[b"changes"])
        return Message(
            after=_text(fields[b"after"]),
            head=f"{_text(identity)} {_text(fields[b'nonce'])}",
            entries=[
                from_texts(*changes[start : start + 3]) for start in range(0, len(changes), 3)
            ],
        )
    except (KeyError, ValueError, TypeError, NotARevocation):
        raise StoreUnavailable("a message in the stream is none of ours") from None


def _entry(target: str, value: str) -> Revocation:
    issued_before, _, expires = value.partition(" ")
    try:
        return from_texts(target, issued_before, expires)
    except NotARevocation:
        raise StoreUnavailable("an entry in the hash is none of ours") from None


def _text(value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise StoreUnavailable("a text that is none of ours") from None
