"""Everything that one worker does about credentials outside the native core, joined.

The gate decides; where it cannot, it answers `Unverified`, whose `kind` says what is missing:

    signature, external   processor time: the verification queue
    key                   a key of the issuer that is not known yet: fetch the key set
    api-key               an entry of the store: look it up
    forward-auth          the word of an HTTP service: ask it

A signature that is wrong may be right by a key that its issuer has changed and not renamed; then
the keys are fetched once more before it is refused.

What comes of it is a verdict, with which the gate is asked again.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from pygateway._core import Gate
from pygateway.auth.outcome import Denial, Outcome, Unavailable
from pygateway.auth.verification import VerificationQueue
from pygateway.config.api_keys import entries_of, pepper_of
from pygateway.config.gate_specification import gate_specification
from pygateway.config.keys import read_jwks, static_keys
from pygateway.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pygateway._core import Unverified, Verdict
    from pygateway.auth.api_keys import StoredApiKeys
    from pygateway.auth.forward import ForwardAuthentication
    from pygateway.auth.jwks import FetchedKeys
    from pygateway.config import Config, Provider
    from pygateway.config.keys import KeyMaterial
    from pygateway.exchange import Exchange
    from pygateway.store.store import Store

UNHURRIED = 5.0
"""Seconds that a request waits at most in the verification queue. A full queue of the default
length takes a tenth of that; a worker that takes longer is overloaded and should say so."""

MOST_DOUBTS = 64
"""Requests of one provider that wait, with a wrong signature, for a look at the keys. Further ones
are refused at once: most such tokens are forged, and there may be a flood of them."""


class Authenticator:
    """Keys, queues and services of one worker.

    Args:
        config: What to do; it has been validated.
        gate: Takes the keys, and judges.
        store: The client of Redis, where one is configured.

    Raises:
        ValueError: A key cannot be used.
        OSError: A file of certificate authorities cannot be read.
    """

    def __init__(self, config: Config, gate: Gate, store: Store | None) -> None:
        self._config = config
        self._gate = gate
        self._store = store
        self._most = config.auth.waiting
        self._remembered = config.auth.cache.ttl
        self._refused = config.auth.cache.refused_ttl
        self._providers = list(config.auth.providers.items())
        self._queue = VerificationQueue(asyncio.get_running_loop(), self.verify, self._most)
        self._resolving: Counter[int] = Counter()
        self._doubts: Counter[int] = Counter()
        self._fetched: dict[int, FetchedKeys] = {}
        self._stored: dict[int, StoredApiKeys] = {}
        self._services: dict[int, ForwardAuthentication] = {}
        self._closing: set[asyncio.Future[None]] = set()
        for index, (name, provider) in enumerate(self._providers):
            self._prepare(index, name, provider, config)

    def start(self) -> None:
        """Begin to fetch keys; waits for none, so that an absent issuer stops nobody's start."""
        for keys in self._fetched.values():
            keys.start()

    def close(self) -> None:
        """Let go of everything; what still waits is not answered."""
        self._queue.close()
        for keys in self._fetched.values():
            keys.close()
        endings: list[Awaitable[None]] = [service.close() for service in self._services.values()]
        if self._store is not None:
            endings.append(self._store.aclose())
        for ending in endings:
            task = asyncio.ensure_future(ending)
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    # --- what the proxy asks ------------------------------------------------------------------

    def patience(self, unverified: Unverified, *, for_keys: bool = False) -> float:
        """Seconds after which whoever waits for this, or for a look at the keys, gives up."""
        provider = self._providers[unverified.provider][1]
        if for_keys or unverified.kind == "key":
            return provider.jwks.timeout * 2 + UNHURRIED
        if provider.forward_auth is not None:
            return provider.forward_auth.timeout * 2 + UNHURRIED
        return UNHURRIED

    def queue_up(
        self,
        exchange: Exchange,
        unverified: Unverified,
        go_on: Callable[[Exchange, Unverified, Verdict], None],
    ) -> bool:
        """Have a signature verified in its turn; whether there was room in the queue."""
        return self._queue.submit(exchange, unverified, go_on)

    def answer_now(self, unverified: Unverified) -> Verdict | None:
        """Judge what need not be waited for; None where `resolve` has to be.

        A key that the issuer did not have a moment ago is not asked for again, and a provider for
        which as many wait as may is given no more.
        """
        if self._resolving[unverified.provider] >= self._most:
            return self._gate.deny(unverified, "auth-unavailable", time())
        if unverified.kind == "key":
            keys = self._fetched[unverified.provider]
            keys.unknown_key_ids += 1
            if keys.resting:
                return self._unknown_key(keys, unverified)
        return None

    def has_doubts(self, unverified: Unverified, verdict: Verdict) -> bool:
        """Whether a verdict on a signature may be another after a look at the issuer's keys.

        A flood of wrong ones causes no more fetches than `cooldown` lets it, and those that are
        right wait for none.
        """
        keys = self._fetched.get(unverified.provider)
        return (
            verdict.reason == "token-invalid"
            and keys is not None
            and not keys.resting
            and self._doubts[unverified.provider] < MOST_DOUBTS
        )

    async def look_again(self, unverified: Unverified, verdict: Verdict) -> Outcome:
        """Fetch the issuer's keys; the verdict holds if they are what they were."""
        index = unverified.provider
        self._doubts[index] += 1
        try:
            changed = await self._fetched[index].renew_until_changed()
        finally:
            self._doubts[index] -= 1
        return None if changed else verdict

    async def resolve(self, unverified: Unverified) -> Outcome:
        """Find out what the gate wants to know, within the deadline of whoever is asked."""
        index = unverified.provider
        self._resolving[index] += 1
        try:
            if unverified.kind == "key":
                return await self._find_key(unverified)
            if unverified.kind == "api-key":
                return await self._find_api_key(unverified)
            return await self._ask_service(unverified)
        finally:
            self._resolving[index] -= 1

    def verify(self, unverified: Unverified) -> Verdict:
        """Verify a signature: natively, or by PyJWT where the core does not have the algorithm."""
        if unverified.kind == "signature":
            return self._gate.verify(unverified, time())
        from pygateway.auth.external import verified_claims  # noqa: PLC0415 - see `_prepare`

        claims = verified_claims(unverified)
        now = time()
        if claims is None:
            return self._gate.deny(unverified, "token-invalid", now, self._refused)
        return self._gate.admit(unverified, claims, now + self._remembered, now)

    def statistics(self) -> dict[str, Any]:
        """Describe the state, for reports and metrics."""
        report: dict[str, Any] = json.loads(self._gate.auth_statistics())
        report["verification"] = {"waiting": len(self._queue), "refused": self._queue.refused}
        report["providers"] = {
            name: self._describe(index) for index, (name, _) in enumerate(self._providers)
        }
        return report

    # --- one provider -------------------------------------------------------------------------

    def _prepare(self, index: int, name: str, provider: Provider, config: Config) -> None:
        """Give the gate what it needs for a provider, and make what Python does for it.

        The HTTP client takes a third of a second to import, PyJWT and Redis' client as much
        together: whoever does not use them should not have to wait for them.
        """
        if provider.forward_auth is not None:
            from pygateway.auth.forward import ForwardAuthentication  # noqa: PLC0415

            self._services[index] = ForwardAuthentication(name, provider.forward_auth)
        elif provider.api_keys is not None:
            keys = provider.api_keys
            self._gate.set_api_keys(index, pepper_of(keys), [*entries_of(keys)])
            if keys.redis and self._store is not None and config.redis is not None:
                from pygateway.auth.api_keys import StoredApiKeys  # noqa: PLC0415

                self._stored[index] = StoredApiKeys(
                    name, self._store, config.redis.key_prefix, config.redis.timeout
                )
        elif provider.fetches_keys:
            self._gate.set_keys(index, [], renewable=True)
            self._fetched[index] = self._fetcher(index, name, provider)
        else:
            self._gate.set_keys(index, [*static_keys(provider)], renewable=False)

    def _fetcher(self, index: int, name: str, provider: Provider) -> FetchedKeys:
        from pygateway.auth.jwks import FetchedKeys  # noqa: PLC0415 - see `_prepare`

        return FetchedKeys(
            name,
            address=None if provider.jwks_url is None else str(provider.jwks_url),
            issuer=provider.issuer,
            policy=provider.jwks,
            parse=partial(read_jwks, algorithms=provider.algorithms, limit=provider.jwks.keys),
            install=partial(self._install, index),
        )

    def _install(self, index: int, keys: list[KeyMaterial]) -> list[KeyMaterial]:
        """Give the gate fetched keys; one that it refuses is no reason to do without the rest."""
        try:
            self._gate.set_keys(index, [*keys], renewable=True)
        except ValueError:
            keys = [key for key in keys if self._is_usable(index, key)]
            self._gate.set_keys(index, [*keys], renewable=True)
        return keys

    def _is_usable(self, index: int, key: KeyMaterial) -> bool:
        """Try one key at a gate that serves nobody."""
        try:
            Gate(gate_specification(self._config), bytes(32)).set_keys(index, [key], renewable=True)
        except ValueError as error:
            name = self._providers[index][0]
            get_logger().warning("key skipped", provider=name, detail=str(error))
            return False
        return True

    async def _find_key(self, unverified: Unverified) -> Outcome:
        keys = self._fetched[unverified.provider]
        # The fetch that is under way may have begun before the key was there: one more, then.
        for _ in range(2):
            await keys.renew()
            if keys.has_key_for(unverified.key_id, unverified.algorithm):
                return None
            if keys.resting:
                break
        return self._unknown_key(keys, unverified)

    def _unknown_key(self, keys: FetchedKeys, unverified: Unverified) -> Verdict:
        reason = "token-invalid" if keys.current else "auth-unavailable"
        return self._gate.deny(unverified, reason, time())

    async def _find_api_key(self, unverified: Unverified) -> Outcome:
        from pygateway.auth.api_keys import FORGOTTEN, REMEMBERED  # noqa: PLC0415

        stored = self._stored[unverified.provider]
        try:
            key = await stored.find(unverified.credential)
        except Unavailable:
            return self._gate.deny(unverified, "auth-unavailable", time())
        now = time()
        if key is None:
            return self._gate.deny(unverified, "token-invalid", now, FORGOTTEN)
        if not key.not_before <= now < key.expires:
            reason = "token-invalid" if now < key.not_before else "token-expired"
            return self._gate.deny(unverified, reason, now)
        until = min(key.expires, now + REMEMBERED)
        try:
            return self._gate.admit(unverified, key.claims, until, now)
        except ValueError as error:
            stored.report_unreadable(unverified.credential, error)
            return self._gate.deny(unverified, "token-invalid", now, FORGOTTEN)

    async def _ask_service(self, unverified: Unverified) -> Outcome:
        service = self._services[unverified.provider]
        policy = service.policy
        try:
            answer = await service.ask(unverified)
        except UnicodeDecodeError:
            return self._gate.deny(unverified, "token-invalid", time())
        except Unavailable as unavailable:
            if policy.on_failure == "deny" or unavailable.doubtful:
                return self._gate.deny(unverified, "auth-unavailable", time())
            now = time()
            return self._gate.admit(unverified, _vouched_for(now), 0.0, now)
        if isinstance(answer, Denial):
            return answer
        now = time()
        until = now + policy.cache if policy.cache else 0.0
        return self._gate.admit(unverified, _vouched_for(now), until, now, answer)

    def _describe(self, index: int) -> dict[str, object]:
        state: dict[str, object] = {"kind": self._providers[index][1].kind}
        if index in self._fetched:
            state |= self._fetched[index].statistics()
        elif index in self._stored:
            state |= self._stored[index].health.statistics()
        elif index in self._services:
            state |= self._services[index].health.statistics()
        return state


def _vouched_for(now: float) -> bytes:
    """What is known of somebody whom a service lets in: that it did so now.

    A revocation of everything that was issued before a moment means what was said until then, and
    not what the service says later.
    """
    return json.dumps({"iat": now}).encode("ascii")
