"""An issuer of tokens: it signs them, publishes its keys, and misbehaves when told to."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.messages import Request
from tests.support.patience import PATIENCE
from tests.support.upstream import Conversation, ScriptedUpstream

KEY_SET = "/keys"
DESCRIPTION = "/.well-known/openid-configuration"

Answer = Callable[[Conversation], None]


def document(body: object, *lines: str, status: str = "200 OK") -> bytes:
    """A response with JSON in it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    extra = "".join(f"{line}\r\n" for line in lines)
    head = f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(content)}\r\n\r\n"
    return head.encode("latin-1") + content


class SigningKey:
    """A key pair (ES256), with an id or without."""

    def __init__(self, key_id: str | None) -> None:
        self.id = key_id
        self._private = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> dict[str, Any]:
        """Its public half, as a JSON Web Key."""
        algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
        members = algorithm.to_jwk(self._private.public_key(), as_dict=True)
        return members | self._name | {"use": "sig", "alg": "ES256"}

    def sign(self, claims: dict[str, Any]) -> str:
        """A token."""
        return jwt.encode(claims, self._private, "ES256", headers=self._name)

    @property
    def _name(self) -> dict[str, Any]:
        return {} if self.id is None else {"kid": self.id}


class Issuer:
    """Serves a key set and its description; the last of `keys` signs.

    Attributes:
        keys: Those that are published now.
        answers: By path, what is done instead of answering well.
        lines: Further header lines of the key set.
        asked: The paths that were asked for so far.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.keys = [SigningKey("first")]
        self.answers: dict[str, Answer] = {}
        self.lines: list[str] = []
        self.asked: list[str] = []
        self.requests: list[Request] = []
        self._changed = threading.Condition()
        self._server = ScriptedUpstream(self._serve, tls=tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        """The issuer's name, which is where it is."""
        return self._server.url

    @property
    def keys_url(self) -> str:
        """Where the key set is."""
        return f"{self.url}{KEY_SET}"

    @property
    def key_set(self) -> bytes:
        """What is published."""
        return json.dumps({"keys": [key.public for key in self.keys]}).encode()

    def rotate(self, key_id: str | None, *, keep: bool = True) -> SigningKey:
        """Sign with a new key from now on; without `keep` the old ones are gone."""
        key = SigningKey(key_id)
        self.keys = [*self.keys, key] if keep else [key]
        return key

    def token(self, key: SigningKey | None = None, **claims: object) -> str:
        """A good token, but for what `claims` replace."""
        now = int(time.time())
        content = {"iss": self.url, "aud": "api", "sub": "alice", "iat": now, "exp": now + 600}
        return (key or self.keys[-1]).sign(content | claims)

    def bearer(self, key: SigningKey | None = None, **claims: object) -> str:
        """The header line with a good token."""
        return f"Authorization: Bearer {self.token(key, **claims)}"

    def await_asked(self, count: int, path: str = KEY_SET) -> None:
        """Return once `path` was asked for so many times."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.asked.count(path) >= count, PATIENCE):
                raise AssertionError(f"{path} was asked for {self.asked.count(path)} times")

    def _serve(self, conversation: Conversation) -> None:
        while True:
            received = conversation.request()
            path = received.target
            with self._changed:
                self.asked.append(path)
                self.requests.append(received)
                self._changed.notify_all()
            if path in self.answers:
                self.answers[path](conversation)
            elif path == KEY_SET:
                conversation.send(document(self.key_set, *self.lines))
            elif path == DESCRIPTION:
                conversation.send(document({"issuer": self.url, "jwks_uri": self.keys_url}))
            else:
                conversation.send(document({}, status="404 Not Found"))


def saying(response: bytes) -> Answer:
    """Answer with exactly these bytes."""
    return lambda conversation: conversation.send(response)


class Holding:
    """Answers only once it is told to."""

    def __init__(self, response: bytes | None = None) -> None:
        self._response = response
        self.released = threading.Event()

    def __call__(self, conversation: Conversation) -> None:
        self.released.wait(PATIENCE)
        if self._response is not None:
            with contextlib.suppress(OSError):
                conversation.send(self._response)


def provider(issuer: Issuer, **keys: object) -> dict[str, Any]:
    """A provider that fetches the issuer's keys; `jwks` is merged."""
    policy = {"allow_http": True} | dict(keys.pop("jwks", {}))  # type: ignore[call-overload]
    section = {
        "issuer": issuer.url,
        "audiences": ["api"],
        "algorithms": ["ES256"],
        "jwks_url": issuer.keys_url,
        "jwks": policy,
    }
    return section | keys
