"""Asks an HTTP service whether a request may go on (forward authentication).

The service is sent a GET with the method, address and chosen fields of the request. A 2xx
answer lets the request on, with chosen fields of the answer; a 3xx or 4xx answer is passed to
the client, so that it can be a login page, a redirect or a challenge. `on_failure` decides where no
connection can be made, nothing comes in time, or the answer is 5xx; a service that hangs up on the
question, or whose answer cannot be understood, lets nobody in.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import aiohttp
from multidict import CIMultiDict

from pygateway import __version__
from pygateway.auth.attempt import Attempt, Connector
from pygateway.auth.health import ServiceHealth
from pygateway.auth.outcome import Denial, Unavailable
from pygateway.auth.turns import Turns

if TYPE_CHECKING:
    from pygateway._core import Unverified
    from pygateway.config import ForwardAuth

CONNECTIONS = 64
"""Connections to one service at most; those who find none free wait, as long as for an answer."""

LONGEST_LINE = 256 * 1024
"""Bytes of a line of the answer's head. A login page's address may hold that of the request, with
three bytes for each; a client must not be able to make a denial unreadable."""

PASSED_ON = frozenset(
    {
        b"cache-control",
        b"content-encoding",
        b"content-language",
        b"content-type",
        b"location",
        b"retry-after",
        b"set-cookie",
        b"www-authenticate",
    }
)
"""Fields of a denial that the client gets; all others are between the service and the gateway."""

REDIRECTIONS = frozenset({301, 302, 303, 307, 308})

SENDABLE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
"""A field value (RFC 9110 section 5.5)."""

OWN_FIELDS = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Fields that belong to a connection or a body, and therefore not to the question."""


class ForwardAuthentication:
    """One service, and the connections to it."""

    def __init__(self, provider: str, policy: ForwardAuth) -> None:
        self.policy = policy
        self._url = str(policy.url)
        self._turns = Turns(CONNECTIONS, policy.timeout)
        self._wanted = {name.lower().encode("ascii") for name in policy.response_headers}
        self._session = aiohttp.ClientSession(
            connector=Connector(CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=policy.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"pygateway/{__version__}", "Accept-Encoding": "identity"},
            auto_decompress=False,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        self._clock = asyncio.get_running_loop().time
        self.health = ServiceHealth("authentication service", provider, self._clock)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def ask(self, unverified: Unverified) -> list[tuple[bytes, bytes]] | Denial:
        """Ask about a request; gives the fields to add to it, or the denial.

        Raises:
            Unavailable: The service did not answer in time, or not usably.
            UnicodeDecodeError: A field of the request is not UTF-8, and can't be asked about.
        """
        question = _question(unverified)
        async with self._turns.turn():
            return await self._ask_in_turn(question)

    async def _ask_in_turn(self, question: CIMultiDict[str]) -> list[tuple[bytes, bytes]] | Denial:
        begun = self._clock()
        attempt = Attempt()
        try:
            answer = await self._ask(question)
        except Unavailable as unavailable:
            self.health.failed(str(unavailable), begun)
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            timed_out = isinstance(error, TimeoutError)
            reason = "no answer in time" if timed_out else str(error) or type(error).__name__
            self.health.failed(reason, begun)
            raise Unavailable(reason, doubtful=attempt.is_doubtful(error)) from error
        self.health.succeeded()
        return answer

    async def _ask(self, question: CIMultiDict[str]) -> list[tuple[bytes, bytes]] | Denial:
        async with self._session.get(
            self._url, headers=question, allow_redirects=False
        ) as response:
            status, fields = response.status, response.raw_headers
            if 200 <= status <= 299:
                return [(name, value) for name, value in fields if name.lower() in self._wanted]
            if status not in REDIRECTIONS and not 400 <= status <= 499:
                raise Unavailable(f"its answer's status is {status}", doubtful=status < 500)
            body = await self._read(response)
        passed_on = [
            (name, value)
            for name, value in fields
            if name.lower() in PASSED_ON and SENDABLE.fullmatch(value)
        ]
        return Denial(status, passed_on, body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body of a denial, which stays one whatever becomes of its body."""
        body = bytearray()
        try:
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > self.policy.body:
                    return b""
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return b""
        return bytes(body)


def _question(unverified: Unverified) -> CIMultiDict[str]:
    """The fields of the question.

    Raises:
        UnicodeDecodeError: A field of the request is not UTF-8. Left out it could not be judged.
    """
    question = CIMultiDict(
        {
            "X-Forwarded-Method": unverified.method.decode("ascii"),
            "X-Forwarded-Uri": unverified.target.decode("utf-8"),
            "X-Forwarded-Host": unverified.host.decode("utf-8"),
            "X-Forwarded-Proto": unverified.scheme,
            "X-Forwarded-For": unverified.client,
        }
    )
    ours = {name.lower().encode("ascii") for name in question} | OWN_FIELDS
    for name, value in unverified.fields:
        if name.lower() not in ours:
            question.add(name.decode("ascii"), value.decode("utf-8"))
    return question
