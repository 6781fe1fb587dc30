"""Asks through a pipeline, and keeps what is said."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from pygateway.config import Redis
from pygateway.ratelimit import script
from pygateway.ratelimit.link import Link
from pygateway.ratelimit.pipeline import Pipeline, pipeline
from pygateway.ratelimit.script import Answer
from pygateway.store.store import StoreUnavailable
from tests.support.loops import until

DIGEST = "0123456789abcdef" * 2
MINUTE = 60_000


class Asked:
    """One question, and what became of it."""

    def __init__(self) -> None:
        self.replies: list[Any] = []
        self.errors: list[StoreUnavailable] = []
        self.late_replies: list[Any] = []
        self.sent = 0.0

    def answered(self, reply: Any, sent: float) -> None:  # noqa: ANN401
        assert not self.told
        self.replies.append(reply)
        self.sent = sent

    def unanswered(self, error: StoreUnavailable) -> None:
        assert not self.told
        self.errors.append(error)

    def late(self, reply: Any) -> None:  # noqa: ANN401
        assert self.errors
        self.late_replies.append(reply)

    @property
    def told(self) -> bool:
        """Whether it knows."""
        return bool(self.replies or self.errors)

    @property
    def answer(self) -> Answer:
        """What was answered."""
        assert not self.errors, self.errors
        answer = script.read(self.replies[0])
        assert answer is not None
        return answer

    @property
    def error(self) -> str:
        """Why nothing was."""
        return str(self.errors[0])


class Asking:
    """A pipeline, and how to ask through it."""

    def __init__(self, settings: Redis) -> None:
        self.changes = 0
        self.pipeline: Pipeline = pipeline(settings, "me", self._changed)

    def _changed(self) -> None:
        self.changes += 1

    @property
    def link(self) -> Link:
        """The only one."""
        (link,) = self.pipeline.links
        return link

    @property
    def up(self) -> bool:
        """Whether all servers are there."""
        return bool(self.pipeline.links) and all(link.up for link in self.pipeline.links)

    def ask(self, digest: str = DIGEST, *, want: int = 1, least: int = 1, quota: int = 10) -> Asked:
        """Ask, and do not wait."""
        asked = Asked()
        key = script.window_key("pygateway", "policy", digest)
        words = script.acquire(key, quota, MINUTE * 60, want, least, 1, 0, 0, 0)
        self.pipeline.submit(key, words, asked)
        return asked

    async def told(self, *arguments: Any, **options: Any) -> Asked:  # noqa: ANN401
        """Ask, and wait."""
        asked = self.ask(*arguments, **options)
        await until(lambda: asked.told)
        return asked


@contextlib.asynccontextmanager
async def asking(url: str, *, wait: bool = True, **settings: Any) -> AsyncIterator[Asking]:  # noqa: ANN401
    """A pipeline that is connected, unless told not to wait for that."""
    settings.setdefault("timeout", 2.0)
    made = Asking(Redis(url=url, **settings))
    made.pipeline.start()
    try:
        if wait:
            await until(lambda: made.up)
        yield made
    finally:
        await made.pipeline.close()
