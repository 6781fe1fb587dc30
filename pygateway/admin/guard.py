"""Stands before the admin server's paths: who may ask, and how much.

Without a token, whoever can connect is trusted: that is this machine alone, but also every web page
that a browser on it shows. A page can send requests to 127.0.0.1, and with DNS rebinding even read
the replies. So requests must name a host that only this machine can mean, and those that a browser
sends for a page are refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pygateway.admin.dashboard import PATHS
from pygateway.admin.problems import MEDIA_TYPE, AdminProblem
from pygateway.config import Admin
from pygateway.telemetry import get_logger

MOST_BODY = 1024 * 1024
"""Bytes of a body: some thousand revocations."""

BODY_DEADLINE = 10.0
"""Seconds for a body to arrive."""

PROBES = frozenset({"/livez", "/readyz"})
"""What the probes of a machine ask, which have no token, and learn no more than yes or no: with a
query they need the token as well, as `?verbose` tells of upstreams."""

OPEN_PATHS = PROBES | PATHS
"""What needs no token: probes, and the dashboard's files, which are the same for everybody. A
browser opens a page without a token, so it has to be there first, and asks for the token that its
numbers need."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI application that lets some requests through to another.

    Args:
        application: Who answers them.
        settings: Gives the admin server's configuration as it is now.
    """

    def __init__(self, application: Application, settings: Callable[[], Admin]) -> None:
        self._application = application
        self._settings = settings

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            headers = _fields(scope)
            self._check(scope, headers)
            body = await _read(headers, receive)
            if scope["method"] == "HEAD":
                # The server leaves out the body of what is answered to GET (RFC 9110, 9.3.2).
                scope = {**scope, "method": "GET"}
            await self._application(scope, _replay(body), note)
        except AdminProblem as problem:
            await _answer(problem, send)
        except Exception:
            get_logger().exception("internal error")
            if not begun:
                await _answer(AdminProblem("internal", "The log says more."), send)

    def _check(self, scope: Message, headers: dict[bytes, bytes]) -> None:
        settings = self._settings()
        if settings.token is None:
            if settings.address.path is None:
                _check_host(headers.get(b"host", b"").decode("latin-1"), settings.address.host)
            # The dashboard's files tell nothing, so a link elsewhere may lead to them. For its
            # scripts, which are modules, browsers send an Origin although its page asks for them.
            if scope["path"] not in PATHS:
                _check_site(headers)
        elif not _is_open(scope):
            _check_token(headers, settings.token.get_secret_value())


def _is_open(scope: Message) -> bool:
    """Whether a request needs no token."""
    path = scope["path"]
    return path in OPEN_PATHS and not (path in PROBES and scope.get("query_string"))


def _fields(scope: Message) -> dict[bytes, bytes]:
    """Give the fields by name; of those that may stand once only, two are an error."""
    fields: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in fields and name in {b"host", b"authorization", b"content-type", b"origin"}:
            raise AdminProblem("bad-request", f"There are two {name.decode('latin-1')} fields.")
        fields[name] = value
    return fields


def _check_host(host: str, own: str) -> None:
    """Let only names through that no foreign page can have."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]").lower()
    try:
        local = ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = name in {"localhost", own.lower()}
    if not local:
        raise AdminProblem(
            "wrong-host", "Without a token, this server answers for localhost and 127.0.0.1 only."
        )


def _check_site(headers: dict[bytes, bytes]) -> None:
    """Refuse what a browser sends for a page (Fetch Metadata, and the Origin of older ones)."""
    site = headers.get(b"sec-fetch-site", b"none")
    if b"origin" in headers or site not in {b"none", b"same-origin"}:
        raise AdminProblem("cross-site", "A web page has sent this request; set `admin.token`.")


def _check_token(headers: dict[bytes, bytes], expected: str) -> None:
    challenge = 'Bearer realm="pygateway admin"'
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        raise AdminProblem(
            "token-missing",
            "Send the admin server's token: Authorization: Bearer TOKEN.",
            headers={"WWW-Authenticate": challenge},
        )
    # Hashed, so that the time tells nothing of the length either.
    digests = [hashlib.sha256(text).digest() for text in (token.strip(), expected.encode("utf-8"))]
    if not hmac.compare_digest(*digests):
        raise AdminProblem(
            "token-invalid",
            "The token is not the admin server's.",
            headers={"WWW-Authenticate": f'{challenge}, error="invalid_token"'},
        )


async def _read(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """Read the whole body, which is bounded in size and time, and JSON."""
    length = headers.get(b"content-length", b"0")
    # What the server lets through is a number; it may have thousands of digits.
    if len(length) > 12 or int(length) > MOST_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > MOST_BODY:
                    raise _too_large()
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise AdminProblem("request-timeout", f"A body has {BODY_DEADLINE:g} s.") from None
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if body and media_type != b"application/json":
        raise AdminProblem("media-type-not-supported", "Send JSON: Content-Type: application/json.")
    return bytes(body)


def _too_large() -> AdminProblem:
    return AdminProblem(
        "body-too-large", f"A body has at most {MOST_BODY} bytes.", headers={"Connection": "close"}
    )


def _replay(body: bytes) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


async def _answer(problem: AdminProblem, send: Send) -> None:
    body = problem.body()
    fields = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        **problem.headers,
    }
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
