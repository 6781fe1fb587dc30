"""A gateway that protects an upstream which records every byte, and the attackers' view of both."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.security.forging import (
    AUDIENCE,
    ISSUER,
    KEYS,
    SHARED_KEY,
    ec_key,
    ed_key,
    public_pem,
    rsa_key,
    shared,
)
from tests.support.client import request
from tests.support.gateway import Document, configuration, route

if TYPE_CHECKING:
    from tests.support.gateway import RunningGateway
    from tests.support.messages import Request, Response
    from tests.support.recording import RecordingUpstream

CHALLENGE = re.compile(
    r'Bearer realm="pygateway"(?:, error="([a-z_]+)", error_description="([^"]+)")?\Z'
)

TOKEN_PROBLEMS = {"token-invalid", "token-expired", "token-revoked"}

PLACES = {"shared": "/shared/a", "public": "/public/a", "typed": "/typed/a", "other": "/other/a"}
"""A path of a route for each provider."""


def public_keys() -> list[Document]:
    """The section of a provider: one key of every kind."""
    return [
        {"id": "rsa", "pem": public_pem(rsa_key())},
        {"id": "p256", "pem": public_pem(ec_key("p256"))},
        {"id": "p384", "pem": public_pem(ec_key("p384"))},
        {"id": "p521", "pem": public_pem(ec_key("p521"))},
        {"id": "ed25519", "pem": public_pem(ed_key())},
    ]


def providers() -> Document:
    """Providers by kind of key; `typed` wants `at+jwt`, `other` has an issuer of its own."""
    told = {"issuer": ISSUER, "audiences": [AUDIENCE]}
    headers = {"sub": "X-User-ID", "scope": "X-User-Scopes", "realm_access.roles": "X-Roles"}
    return {
        "shared": told | {"secrets": [{"value": SHARED_KEY}], "claims_to_headers": headers},
        "public": told
        | {
            "public_keys": public_keys(),
            "algorithms": [*KEYS],
            "claims_to_headers": headers,
        },
        "typed": told | {"secrets": [{"value": SHARED_KEY}], "types": ["at+jwt"]},
        "other": {
            "issuer": "https://other.test",
            "audiences": [AUDIENCE],
            "secrets": [{"value": f"another {SHARED_KEY}"}],
        },
    }


def fortress_configuration(upstream_url: str, **keys: Any) -> Document:  # noqa: ANN401
    """A route for each provider, and an open one."""
    named = [
        route(name, f"{place.removesuffix('/a')}/*", upstream="app", auth={"provider": name})
        for name, place in PLACES.items()
    ]
    return configuration(
        {"app": upstream_url},
        **{
            "auth": {"providers": providers()},
            "routes": [*named, route("open", "/open/*", upstream="app")],
        }
        | keys,
    )


def bearer(token: str) -> str:
    """The field that carries a token."""
    return f"Authorization: Bearer {token}"


class Fortress:
    """Sends requests and judges both ends: what the client is told, and what the upstream saw."""

    def __init__(self, gateway: RunningGateway, upstream: RecordingUpstream) -> None:
        self.gateway = gateway
        self.upstream = upstream

    def seen(self) -> list[Request]:
        """The requests that have reached the upstream since the last look."""
        self.gateway.settle()
        self.upstream.settle()
        return [received for connection in self.upstream.take() for received in connection.requests]

    def admits(self, place: str, *lines: str) -> Request:
        """The request reaches the upstream, as this."""
        answer = self.gateway.fetch(request("GET", PLACES.get(place, place), *lines))
        assert answer.status == 200, answer
        (received,) = self.seen()
        return received

    def refuses(
        self, place: str, *lines: str, problem: str = "token-invalid", status: int = 401
    ) -> Response:
        """The client is told what it may know, and no byte reaches the upstream."""
        with self.gateway.client() as client:
            raw = request("GET", PLACES.get(place, place), *lines)
            answer = client.exchange(raw)
            assert answer.status == status, answer
            document = answer.problem(problem)
            assert_challenge(problem, answer)
            assert_says_nothing(lines, answer, str(document["detail"]))
            assert self.seen() == []
            # A refusal is no doubt about framing: the connection goes on.
            assert not answer.closes
            good = bearer(shared())
            assert client.exchange(request("GET", PLACES["shared"], good)).status == 200
        assert len(self.seen()) == 1
        return answer

    def refuses_token(self, place: str, token: str, problem: str = "token-invalid") -> Response:
        """`refuses` a token in the Authorization field."""
        return self.refuses(place, bearer(token), problem=problem)

    def admits_token(self, place: str, token: str) -> Request:
        """`admits` a token in the Authorization field."""
        return self.admits(place, bearer(token))


def assert_challenge(problem: str, answer: Response) -> None:
    """RFC 6750 section 3: no error code where no credential came."""
    challenge = CHALLENGE.match(answer.header("WWW-Authenticate") or "")
    assert challenge, answer.header("WWW-Authenticate")
    if problem in TOKEN_PROBLEMS:
        assert challenge[1] == "invalid_token"
        assert challenge[2]
    elif problem == "token-missing":
        assert challenge[1] is None


def assert_says_nothing(lines: tuple[str, ...], answer: Response, detail: str) -> None:
    """Nothing of a credential comes back."""
    assert answer.header("Set-Cookie") is None
    for line in lines:
        for piece in line.partition(":")[2].replace(".", " ").split():
            if len(piece) > 8:
                assert piece.encode("latin-1") not in answer.raw
    assert len(detail) < 200
