"""What a gate is built from: the specification's shape and its JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.door.model.authentication.specification import Auth, Protection
from tests.door.model.rate_limits.specification import Applied, Policy

Pair = tuple[str, str]


@dataclass(frozen=True)
class HeaderPolicy:
    """Fields that a route replaces, appends and removes."""

    set: tuple[Pair, ...] = ()
    add: tuple[Pair, ...] = ()
    remove: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        return {
            "set": [list(pair) for pair in self.set],
            "add": [list(pair) for pair in self.add],
            "remove": list(self.remove),
        }


@dataclass(frozen=True)
class Forward:
    """The route's requests go to an upstream."""

    def document(self) -> dict[str, object]:
        return {"forward": {}}


@dataclass(frozen=True)
class Redirect:
    """The route's requests are sent elsewhere."""

    status: int
    location: str

    def document(self) -> dict[str, object]:
        return {"redirect": {"status": self.status, "location": self.location}}


@dataclass(frozen=True)
class Respond:
    """The route's requests get a fixed response."""

    status: int
    headers: tuple[Pair, ...] = ()
    body: str = ""

    def document(self) -> dict[str, object]:
        return {
            "respond": {
                "status": self.status,
                "headers": [list(pair) for pair in self.headers],
                "body": self.body,
            }
        }


@dataclass(frozen=True)
class LiteralHost:
    """A Host that the route writes itself."""

    text: str


@dataclass(frozen=True)
class Rewrite:
    """How the route changes path and Host; `host` is preserve, upstream or a literal."""

    strip_prefix: str | None = None
    add_prefix: str | None = None
    path: str | None = None
    host: str | LiteralHost = "preserve"

    def document(self) -> dict[str, object]:
        host = {"literal": self.host.text} if isinstance(self.host, LiteralHost) else self.host
        return {
            "strip_prefix": self.strip_prefix,
            "add_prefix": self.add_prefix,
            "path": self.path,
            "host": host,
        }


@dataclass(frozen=True)
class Cors:
    """Which other origins may use the route; `max_age` in seconds."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ("GET",)
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int | None = None

    def document(self) -> dict[str, object]:
        return {
            "origins": list(self.origins),
            "methods": list(self.methods),
            "headers": list(self.headers),
            "expose": list(self.expose),
            "credentials": self.credentials,
            "max_age": self.max_age,
        }


@dataclass(frozen=True)
class Route:
    """One route. Empty matchers match everything; a matcher value of None asks for presence."""

    name: str = "route"
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[tuple[str, str | None], ...] = ()
    query: tuple[tuple[str, str | None], ...] = ()
    action: Forward | Redirect | Respond = field(default_factory=Forward)
    rewrite: Rewrite = field(default_factory=Rewrite)
    request_headers: HeaderPolicy = field(default_factory=HeaderPolicy)
    response_headers: HeaderPolicy = field(default_factory=HeaderPolicy)
    security_headers: tuple[Pair, ...] | None = None
    hsts: str | None = None
    body_bytes: int | None = None
    cors: Cors | None = None
    auth: Protection | None = None
    rate_limits: tuple[Applied, ...] = ()

    def document(self) -> dict[str, object]:
        security = self.security_headers
        return {
            "name": self.name,
            "hosts": list(self.hosts),
            "paths": list(self.paths),
            "methods": list(self.methods),
            "headers": [list(pair) for pair in self.headers],
            "query": [list(pair) for pair in self.query],
            "action": self.action.document(),
            "rewrite": self.rewrite.document(),
            "request_headers": self.request_headers.document(),
            "response_headers": self.response_headers.document(),
            "security_headers": None if security is None else [list(pair) for pair in security],
            "hsts": self.hsts,
            "body_bytes": self.body_bytes,
            "cors": None if self.cors is None else self.cors.document(),
            **({} if self.auth is None else {"auth": self.auth.document()}),
            **listed("rate_limits", self.rate_limits),
        }


@dataclass(frozen=True)
class Limits:
    """Guards against size, in bytes and in fields."""

    header_bytes: int = 32 * 1024
    header_count: int = 100
    target_bytes: int = 8 * 1024
    body_bytes: int = 16 * 1024 * 1024

    def document(self) -> dict[str, object]:
        return {
            "header_bytes": self.header_bytes,
            "header_count": self.header_count,
            "target_bytes": self.target_bytes,
            "body_bytes": self.body_bytes,
        }


@dataclass(frozen=True)
class Specification:
    """Everything that a gate decides by."""

    routes: tuple[Route, ...] = (Route(),)
    limits: Limits = field(default_factory=Limits)
    trusted_proxies: tuple[str, ...] = ()
    via: str = "pygateway"
    health_path: str | None = None
    security_headers: tuple[Pair, ...] = ()
    hsts: str | None = None
    auth: Auth | None = None
    rate_limits: tuple[Policy, ...] = ()

    @property
    def identity_names(self) -> set[str]:
        """Fields by which upstreams are told who asks; nobody else may write them."""
        providers = self.auth.providers if self.auth else ()
        return {name for provider in providers for name in provider.written_names}

    def to_json(self) -> bytes:
        return json.dumps(
            {
                "limits": self.limits.document(),
                "trusted_proxies": list(self.trusted_proxies),
                "via": self.via,
                "health_path": self.health_path,
                "security_headers": [list(pair) for pair in self.security_headers],
                "hsts": self.hsts,
                **({} if self.auth is None else {"auth": self.auth.document()}),
                **listed("rate_limits", self.rate_limits),
                "routes": [route.document() for route in self.routes],
            }
        ).encode()


def listed(name: str, members: Sequence[Applied | Policy]) -> dict[str, object]:
    """A list that is left out where it is empty."""
    return {name: [member.document() for member in members]} if members else {}
