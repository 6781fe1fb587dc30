"""The path that says what would become of a request."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pygateway.admin.control import Control, NoWorker
from pygateway.admin.problems import AdminProblem
from pygateway.admin.responses import problems
from pygateway.config.syntax.requests import RequestUrl, split_request_url

MOST_TEXT = 65_536
"""Characters of a URL or a field: more than a gateway lets through."""

LOOPBACK = IPv4Address("127.0.0.1")


def _as_address(value: object) -> IPv4Address | IPv6Address:
    """An address is text here; numbers would be read as some."""
    if isinstance(value, (IPv4Address, IPv6Address)):
        return value
    try:
        if isinstance(value, str):
            return ip_address(value)
    except ValueError:
        pass
    raise ValueError("This is no IP address")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: str = Field(
        default="GET", min_length=1, max_length=64, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
    )
    headers: list[tuple[str, str]] | dict[str, str] = Field(
        default_factory=list,
        max_length=1000,
        description="Names and values. Without Host it is that of the URL, or `localhost`.",
    )
    client: Annotated[IPv4Address | IPv6Address, BeforeValidator(_as_address)] = Field(
        default=LOOPBACK, description="Address that it would come from."
    )


class UrlRequest(_Request):
    """A request for a URL."""

    url: str = Field(
        max_length=MOST_TEXT,
        pattern=r"^([Hh][Tt][Tt][Pp][Ss]?://[^/?#]|[/*])",
        description="`http://host/path?query`, `https://...`, or a path alone.",
    )


class TargetRequest(_Request):
    """A request with a target as it is on the wire (RFC 9112 section 3.2)."""

    target: str = Field(max_length=MOST_TEXT)
    secure: bool = Field(default=False, description="Whether it would come by TLS.")


class CandidateReply(BaseModel):
    """A route that does not take the request."""

    route: str
    why_not: str


Why = Literal[
    "credential-missing",
    "two-credentials",
    "malformed",
    "too-large",
    "algorithm-not-allowed",
    "critical-header",
    "wrong-type",
    "wrong-issuer",
    "wrong-audience",
    "missing-claim",
    "malformed-claim",
    "expired",
    "too-long-lived",
    "not-yet-valid",
    "issued-in-future",
    "unknown-key",
    "bad-signature",
    "unknown-api-key",
    "revoked",
    "rule-not-met",
    "passed-over",
    "revocations-unknown",
    "unavailable",
    "denied",
]
"""Why a provider does not accept a credential, in words that stay."""


class SaysReply(BaseModel):
    """What a token says of itself. Nobody has to believe it; its signature is not told."""

    issuer: str | None = None
    audience: list[str] = []
    subject: str | None = None
    token_id: str | None = None
    key_id: str | None = None
    algorithm: str | None = None
    type: str | None = None
    issued_at: float | None = None
    not_before: float | None = None
    expires: float | None = None


class TriedReply(BaseModel):
    """A provider that does not accept the credential."""

    provider: str
    why: Why
    detail: str = Field(description="What that means, and what the provider wants.")


class CredentialReply(BaseModel):
    """What is thought of the credential that counts."""

    verdict: str = Field(
        description="`accepted`, the problem's name, or `unverified`: what `open` says would have"
        " to be asked for first."
    )
    issuer: str | None = None
    subject: str | None = None
    token_id: str | None = None
    issued_at: float | None = None
    expires: float | None = None
    open: Literal["signature", "key", "external", "api-key", "forward-auth"] | None = Field(
        default=None, description="Not asked for here: a key, a key's entry, or a service's word."
    )
    provider: str | None = Field(default=None, description="Who accepts it, or would be asked.")
    algorithm: str | None = None
    key_id: str | None = None
    says: SaysReply | None = Field(
        default=None, description="What a token says of itself, where it can be read."
    )
    tried: list[TriedReply] = Field(
        default=[],
        description="Of a refusal: the providers that judge what stands there, and why each does"
        " not accept it. Clients are not told.",
    )


class LimitReply(BaseModel):
    """What a rate limit would say now. Nothing is charged."""

    policy: str
    verdict: Literal[
        "admitted", "refused", "shadowed", "uncounted", "unavailable", "unfunded", "exempt"
    ] = Field(
        description="As the metrics have it; `unfunded`: Redis would be asked first; `exempt`: the"
        " policy does not concern the client."
    )
    shadow: bool | None = None
    cost: int | None = None
    quota: int | None = None
    window_seconds: float | None = None
    remaining: int | None = Field(default=None, description="After the request, if admitted.")
    reset_seconds: float | None = None
    retry_seconds: float | None = None
    concurrency: int | None = None
    in_flight: int | None = None


class RefusalReply(BaseModel):
    """Why the gateway would refuse the request."""

    name: str = Field(description="Name of the problem.")
    detail: str
    headers: list[tuple[str, str]]
    violated: list[str] = Field(description="Rate limits that refuse.")


class AnswerReply(BaseModel):
    """What the gateway would answer by itself."""

    kind: Literal["fixed", "redirect", "preflight", "health"]
    status: int
    headers: list[tuple[str, str]]


class UpstreamShareReply(BaseModel):
    """An upstream among those that the route has."""

    upstream: str
    weight: int


class UpstreamEndpointReply(BaseModel):
    """An endpoint, as the worker that was asked sees it."""

    endpoint: str
    weight: int
    reachable: bool
    load: int = Field(description="Requests that it serves now, and those that wait for it.")


class UpstreamChoiceReply(BaseModel):
    """Where the worker that was asked would send the request."""

    name: str
    endpoint: str | None = Field(description="Whose turn it is.")
    shares: list[UpstreamShareReply]
    endpoints: list[UpstreamEndpointReply]
    attempts: int
    timeouts: dict[str, float] = Field(description="Seconds.")


class HeadReply(BaseModel):
    """The head that the upstream would get; secrets are masked."""

    line: str
    headers: list[tuple[str, str]]
    target_changed: bool = Field(description="Whether the target is not the request's.")
    added: list[str] = Field(description="Names of fields that the request does not have.")
    removed: list[str]
    changed: list[str]


class ExplanationReply(BaseModel):
    """What would become of a request, at the worker that was asked."""

    worker: int
    outcome: Literal["forward", "respond", "reject", "unverified", "unfunded"]
    status: int | None = Field(description="Of an answer of the gateway's own.")
    reason: str
    route: str | None
    candidates: list[CandidateReply] = Field(description="Other routes, the nearest first.")
    canonical_path: str
    client: str = Field(description="Address of the client, behind trusted proxies.")
    providers: list[str] = Field(description="One of which must vouch for the client.")
    credential: CredentialReply | None
    limits: list[LimitReply] = Field(description="Empty where none was reached.")
    refusal: RefusalReply | None
    answer: AnswerReply | None
    upstream: UpstreamChoiceReply | None
    request: HeadReply | None


def add_explanation(application: FastAPI, control: Control) -> None:
    """Add the path."""

    @application.post("/explain", responses=problems("bad-request", "no-worker"))
    async def explain(wanted: UrlRequest | TargetRequest) -> ExplanationReply:
        """Say what would become of a request. Nothing is sent, fetched, charged or counted.

        One worker is asked. Signatures are checked with the keys that it holds. This is for
        operators: it tells whether a credential is good, and what is sent to upstreams.
        """
        try:
            told = await control.explain(as_asked(wanted))
        except NoWorker as problem:
            raise AdminProblem("no-worker", f"{problem}.") from None
        except ValueError as problem:
            raise AdminProblem("bad-request", f"{problem}.") from None
        return ExplanationReply.model_validate(told)


def as_asked(wanted: UrlRequest | TargetRequest) -> dict[str, Any]:
    """Give a request in the form in which a worker is asked about it.

    Raises:
        ValueError: Its URL cannot be read.
    """
    if isinstance(wanted, UrlRequest):
        url = split_request_url(wanted.url)
    else:
        url = RequestUrl(wanted.secure, "", wanted.target)
    given = wanted.headers
    headers = list(given.items()) if isinstance(given, dict) else given
    if all(name.lower() != "host" for name, _ in headers):
        headers = [("Host", url.host or "localhost"), *headers]
    return {
        "method": wanted.method,
        "target": url.target,
        "headers": headers,
        "client": str(wanted.client),
        "secure": url.secure,
    }
