"""An OpenID provider on the loopback: discovery, keys, tokens, and keys that change.

Tokens are made by joserfc and served by uvicorn over TLS; nothing of it is ours but the wiring.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from tests.support.certificates import Authority
from tests.support.patience import PATIENCE, wait
from tests.support.upstream import listening

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from pathlib import Path

    Event = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Event]]
    Send = Callable[[Event], Awaitable[None]]

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"
TOKENS = "/token"

SigningKey = RSAKey | ECKey


def make_key(key_id: str, algorithm: str = "ES256") -> SigningKey:
    """A new key for RS256 or ES256."""
    if algorithm == "RS256":
        return RSAKey.generate_key(2048, {"kid": key_id, "use": "sig", "alg": algorithm})
    return ECKey.generate_key("P-256", {"kid": key_id, "use": "sig", "alg": algorithm})


class IdentityProvider:
    """A running provider.

    Attributes:
        issuer: Its `iss`, and where it is found.
        authority: File of the certificate authority that it is to be believed by.
        published: The keys of its key set.
        signing: The key that signs new tokens.
        document: What the discovery document says beyond the usual, or instead.
    """

    def __init__(self, directory: Path, lifetime: int = 300) -> None:
        self._listener = listening()
        host, port = self._listener.getsockname()
        self.issuer = f"https://{host}:{port}"
        authority = Authority(directory, "Identity Authority")
        self.authority = str(authority.file)
        self.signing: SigningKey = make_key("first")
        self.published: list[SigningKey] = [self.signing]
        self.document: dict[str, object] = {}
        self._lifetime = lifetime
        self._asked: Counter[str] = Counter()
        self._latest: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._started = threading.Event()
        configuration = uvicorn.Config(
            self._application,
            log_level="critical",
            interface="asgi3",
            lifespan="off",
            ssl_context_factory=lambda *_: authority.server(host),
        )
        self._server = uvicorn.Server(configuration)
        self._thread = threading.Thread(target=self._run, name="identity provider", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait(self._started, "the start of the identity provider")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._listener.close()

    # --- what the tests do with it ------------------------------------------------------------

    def publish(self, key: SigningKey) -> None:
        """Put a key into the key set."""
        with self._changed:
            self.published = [*self.published, key]

    def retire(self, key: SigningKey) -> None:
        """Take a key out of the key set."""
        with self._changed:
            self.published = [other for other in self.published if other is not key]

    def issue(self, subject: str, key: SigningKey | None = None, **claims: object) -> str:
        """An access token."""
        signing = key or self.signing
        header = {"alg": signing.alg or "ES256", "kid": signing.kid, "typ": "at+jwt"}
        now = int(time.time())
        payload = {
            "iss": self.issuer,
            "aud": "api",
            "sub": subject,
            "iat": now,
            "exp": now + self._lifetime,
        }
        return jwt.encode(header, payload | claims, signing)

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        with self._changed:
            return self._asked[path]

    def wait_for_next(self, path: str) -> None:
        """Return once a path has been answered that was asked for after this call."""
        with self._changed:
            before = self._asked[path]
            done = self._changed.wait_for(lambda: self._latest[path] > before, PATIENCE)
        assert done, f"{path} is not asked for again"

    # --- the server ---------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._started.set()  # it listens already: whoever comes early waits in the backlog
        await self._server.serve(sockets=[self._listener])

    async def _application(self, scope: Event, receive: Receive, send: Send) -> None:
        path, body = scope["path"], b""
        with self._changed:
            self._asked[path] += 1
            number = self._asked[path]
        while (event := await receive())["type"] == "http.request":
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        status, document = self._answer(path, scope["method"], body)
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"max-age=1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(document).encode()})
        with self._changed:
            self._latest[path] = max(self._latest[path], number)
            self._changed.notify_all()

    def _answer(self, path: str, method: str, body: bytes) -> tuple[int, object]:
        with self._changed:
            if path == DISCOVERY:
                return 200, {
                    "issuer": self.issuer,
                    "jwks_uri": self.issuer + KEYS,
                    "token_endpoint": self.issuer + TOKENS,
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256", "RS256"],
                } | self.document
            if path == KEYS:
                return 200, KeySet([*self.published]).as_dict(private=False)
        if path == TOKENS and method == "POST":
            form = parse_qs(body.decode())
            if form.get("grant_type") != ["client_credentials"] or "client_id" not in form:
                return 400, {"error": "invalid_request"}
            token = self.issue(form["client_id"][0], scope=form.get("scope", [""])[0])
            return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 300}
        return 404, {"error": "not_found"}
