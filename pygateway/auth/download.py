"""Fetches one small document from an issuer, and trusts it with nothing.

Time, size and redirects are bounded, and plain http is refused unless the configuration allows it:
whoever can change a key set on its way can make tokens.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import aiohttp
from yarl import URL

from pygateway import __version__
from pygateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
"""Statuses whose Location is followed, as often as allowed (RFC 9110 section 15.4)."""


class Unobtainable(GatewayError):
    """A document could not be had; the text says why, for the log."""


class Policy(Protocol):
    """The `jwks` section of a provider, as far as one download goes."""

    @property
    def timeout(self) -> float:
        """Seconds that everything may take together."""

    @property
    def size(self) -> int:
        """Bytes of the largest document."""

    @property
    def allow_http(self) -> bool:
        """Whether plain http is accepted."""

    @property
    def redirects(self) -> int:
        """Redirects that are followed."""

    @property
    def ca_file(self) -> str | None:
        """Certificate authorities in place of the system's."""


@dataclass(frozen=True, slots=True)
class Document:
    """What was fetched.

    Attributes:
        body: The content; empty where it has not changed.
        headers: Fields with names in lower case, repeated ones joined with commas.
        unchanged: The server says that the known one is still valid (304).
    """

    body: bytes
    headers: Mapping[str, str]
    unchanged: bool = False


def open_session(policy: Policy, trust: ssl.SSLContext) -> aiohttp.ClientSession:
    """Make a session for one or two downloads: no cookies, no proxies, no retries."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=4, ssl=trust),
        timeout=aiohttp.ClientTimeout(total=policy.timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"pygateway/{__version__}", "Accept-Encoding": "identity"},
    )


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Build a TLS context that verifies: TLS 1.2 or later. Takes some milliseconds.

    Raises:
        OSError: The file of certificate authorities cannot be read or used.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def download(
    session: aiohttp.ClientSession, address: str, policy: Policy, etag: str | None = None
) -> Document:
    """Fetch the JSON document at `address`, unless it is still what `etag` names.

    Raises:
        Unobtainable: It cannot be reached, is refused, or breaks a bound.
    """
    url = check_address(address, policy)
    headers = {"Accept": "application/json, application/jwk-set+json"}
    if etag is not None:
        headers["If-None-Match"] = etag
    try:
        for _ in range(policy.redirects + 1):
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in REDIRECTIONS:
                    return await _read(response, policy, conditional=etag is not None)
                url = check_address(
                    str(url.join(URL(response.headers.get("Location", "")))), policy
                )
    except TimeoutError:
        raise Unobtainable("no answer in time") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Messages of these name addresses and causes; none of them quotes the document.
        raise Unobtainable(str(error) or type(error).__name__) from error
    raise Unobtainable(f"redirected to {url}, further than is allowed")


def check_address(address: str, policy: Policy) -> URL:
    """Read an address, which may have come from a document or a redirect.

    Raises:
        Unobtainable: It is not one that the policy lets us ask.
    """
    try:
        url = URL(address)
    except ValueError:
        raise Unobtainable("the address is not a URL") from None
    if url.scheme != "https" and not (url.scheme == "http" and policy.allow_http):
        raise Unobtainable(f"{url.scheme or 'no'} scheme where https is required")
    if not url.host:
        raise Unobtainable("the address names no host")
    return url


async def _read(response: aiohttp.ClientResponse, policy: Policy, *, conditional: bool) -> Document:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    if response.status == 304 and conditional:
        return Document(b"", headers, unchanged=True)
    if response.status != 200:
        raise Unobtainable(f"the answer's status is {response.status}")
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > policy.size:
            raise Unobtainable(f"the document is larger than {policy.size} bytes")
    return Document(bytes(body), headers)
