"""The keys of an issuer that publishes them: fetched, kept fresh, and held when it is away.

Requests never wait for a refresh, for keys are fetched again before they expire. What a request may
wait for is a key that nobody has heard of, and then all who need one wait for the same fetch:

    start ──> fetch ──> keys ──(ahead of expiry)──> fetch ──> ...
                │ failed: known keys serve on, for `stale`        ^
                └──(soon, then less and less often)───────────────┤
    token with an unknown key id, or a signature that is wrong ───┘ (once in `cooldown`)
"""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING, Protocol

from pygateway.auth import download, freshness
from pygateway.auth.discovery import discovery_address, keys_address
from pygateway.auth.download import Document, Unobtainable
from pygateway.config.keys import KeyProblem
from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from pygateway.config.keys import JwkSet, KeyMaterial


class Policy(download.Policy, freshness.Bounds, Protocol):
    """The `jwks` section of a provider."""

    @property
    def cooldown(self) -> float:
        """Seconds between two fetches that tokens with unknown keys cause."""

    @property
    def stale(self) -> float:
        """Seconds for which keys serve on beyond their lifetime while none can be fetched."""


class FetchedKeys:
    """The published keys of one provider.

    Args:
        name: The provider's.
        address: Of the key set; None where `issuer` is to be asked for it.
        issuer: Whose keys they are; needed for discovery alone.
        policy: The `jwks` section of the provider.
        parse: Reads a key set; raises `KeyProblem`.
        install: Hands keys to the gate; gives those that it could use.

    Raises:
        OSError: The file of certificate authorities cannot be read or used.

    Attributes:
        keys: What was installed last.
        fetched_at: Unix seconds of the last success; None before the first.
        refreshes: Successful fetches.
        failures: Failed fetches.
        unknown_key_ids: Tokens that were signed with a key that is not known.
        failing: Whether the last fetch failed.
    """

    def __init__(
        self,
        name: str,
        *,
        address: str | None,
        issuer: str | None,
        policy: Policy,
        parse: Callable[[bytes], JwkSet],
        install: Callable[[list[KeyMaterial]], list[KeyMaterial]],
    ) -> None:
        self.keys: list[KeyMaterial] = []
        self._published: list[KeyMaterial] = []
        self.fetched_at: float | None = None
        self.refreshes = self.failures = self.unknown_key_ids = 0
        self.failing = False
        self._name = name
        self._address = address
        self._issuer = issuer
        self._policy = policy
        self._trust = download.tls_context(policy.ca_file)
        self._parse = parse
        self._install = install
        self._found: str | None = None
        self._etag: str | None = None
        self._failed_in_a_row = 0
        self._rests_until = self._fresh_until = 0.0
        self._flight: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # --- what the authenticator asks ----------------------------------------------------------

    def start(self) -> None:
        """Fetch now and keep fresh from now on; waits for nothing."""
        self._begin()

    def close(self) -> None:
        """Fetch no more."""
        self._closed = True
        self._cancel_timer()
        if self._flight is not None:
            self._flight.cancel()

    @property
    def resting(self) -> bool:
        """Whether an unknown key is no reason to fetch now: that was done a moment ago."""
        return self._flight is None and asyncio.get_running_loop().time() < self._rests_until

    @property
    def current(self) -> bool:
        """Whether what is known is what the issuer said when it was asked last."""
        return self.fetched_at is not None and not self.failing

    def has_key_for(self, key_id: str | None, algorithm: str) -> bool:
        """Whether some key could verify a token with this header."""
        return any(
            algorithm in key.algorithms and (key_id is None or key.id in {None, key_id})
            for key in self.keys
        )

    async def renew(self) -> None:
        """Return once a fetch has ended, whether well or not: the one under way, or a new one.

        Only fetches that begin here are counted against `cooldown`. One that was due anyway may
        have been answered just before the issuer changed its keys.
        """
        flight = self._flight or self._begin_and_rest()
        # One that waits may be cancelled; the others go on waiting.
        await asyncio.shield(flight)

    async def renew_until_changed(self) -> bool:
        """Look whether there are other keys by now, as `renew` does; whether there are."""
        known = self.keys
        # The fetch that is under way may have begun before they were there: one more, then.
        for _ in range(2):
            await self.renew()
            if self.keys is not known or self.resting:
                break
        return self.keys is not known

    def statistics(self) -> dict[str, object]:
        """Describe the state, for reports and metrics."""
        age = None if self.fetched_at is None else max(0.0, time() - self.fetched_at)
        return {
            "keys": len(self.keys),
            "fetched_at": self.fetched_at,
            "age": age,
            "stale": self.fetched_at is None or time() > self._fresh_until,
            "failing": self.failing,
            "failures": self.failures,
            "refreshes": self.refreshes,
            "unknown_key_ids": self.unknown_key_ids,
        }

    # --- a fetch ------------------------------------------------------------------------------

    def _begin(self) -> asyncio.Task[None]:
        self._cancel_timer()
        if self._flight is None:
            self._flight = asyncio.get_running_loop().create_task(self._fetch())
        return self._flight

    def _begin_and_rest(self) -> asyncio.Task[None]:
        self._rests_until = asyncio.get_running_loop().time() + self._policy.cooldown
        return self._begin()

    async def _fetch(self) -> None:
        """Fetch once; never raises, so that everybody may wait for it."""
        try:
            async with asyncio.timeout(self._policy.timeout):
                document = await self._obtain()
            next_in = self._succeed(document)
        except TimeoutError:
            next_in = self._fail("no answer in time")
        except (Unobtainable, KeyProblem, OSError, ValueError) as error:
            next_in = self._fail(str(error))
        except Exception as error:
            get_logger().exception("internal error", detail="fetching keys", provider=self._name)
            next_in = self._fail(type(error).__name__)
        finally:
            self._flight = None
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(next_in, self._begin)

    async def _obtain(self) -> Document:
        async with download.open_session(self._policy, self._trust) as session:
            address = self._address or self._found or await self._discover(session)
            self._found = address
            return await download.download(session, address, self._policy, self._etag)

    async def _discover(self, session: aiohttp.ClientSession) -> str:
        issuer = self._issuer or ""
        found = await download.download(session, discovery_address(issuer), self._policy)
        return keys_address(found.body, issuer)

    def _succeed(self, document: Document) -> float:
        """Take over what was fetched; give the seconds until the next fetch."""
        if not document.unchanged:
            self._replace(self._parse(document.body))
            self._etag = document.headers.get("etag")
        seconds = freshness.lifetime(document.headers, self._policy)
        self.fetched_at = time()
        self._fresh_until = self.fetched_at + seconds
        self.refreshes += 1
        self._failed_in_a_row = 0
        if self.failing:
            self.failing = False
            get_logger().info("keys can be fetched again", provider=self._name)
        return freshness.refresh_after(seconds)

    def _fail(self, reason: str) -> float:
        """Go on with what is known, if it is not too old; give the seconds until the next try."""
        self.failures += 1
        self._failed_in_a_row += 1
        # Next time everything is asked for anew: the issuer may have moved its keys.
        self._found = self._etag = None
        if not self.failing:
            self.failing = True
            get_logger().warning(
                "keys cannot be fetched", provider=self._name, detail=reason, keys=len(self.keys)
            )
        if self.keys and time() > self._fresh_until + self._policy.stale:
            get_logger().error("keys are too old to be used", provider=self._name)
            self._install([])
            self.keys = self._published = []
        return freshness.retry_after(self._failed_in_a_row, self._policy)

    def _replace(self, found: JwkSet) -> None:
        """Install another set; one without any key we could use is a mishap of the issuer's.

        Raises:
            KeyProblem: It is that. Who means to end every token at once has revocations for it.
        """
        if found.keys and found.keys == self._published:
            return
        keys = self._install(found.keys) if found.keys else []
        if not keys:
            raise KeyProblem("no key of the set can be used")
        self._published = found.keys
        self.keys = keys
        log = get_logger().bind(provider=self._name)
        log.info("keys changed", keys=[key.id for key in keys], skipped=found.skipped)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
