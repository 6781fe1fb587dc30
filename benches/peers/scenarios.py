"""What is measured: each scenario is an entry of a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from benches.peers.job import ROUTES, Job
from benches.peers.load import Request

Load = Literal["saturation", "first seen", "websocket", "memory"]
"""As fast as answers come; each token once; messages; connections that do nothing."""
Tokens = Literal["none", "known", "forged", "new"]

BARE = Job("bare")
FULL = Job("full")
LIMITED = Job("limited", quota=1)
TABLE = Job("routes")


@dataclass(frozen=True)
class Scenario:
    """One thing that is measured.

    Attributes:
        name: By which it is selected.
        title: What it is, in words.
        job: What gateways are configured for.
        requests: Sent in turn.
        tokens: Which tokens the requests carry.
        refused: Whether every answer is to be a refusal.
        latency: Whether times at fixed rates are measured, too.
        payload: Bytes of a body, for the throughput per processor second; 0 if that says nothing.
    """

    name: str
    title: str
    job: Job
    load: Load = "saturation"
    requests: tuple[Request, ...] = field(default=(Request(),), repr=False)
    tokens: Tokens = "none"
    refused: bool = False
    latency: bool = False
    payload: int = 0


KILO = 1 << 10
SIXTY = Request(headers=tuple((f"X-Field-{number}", f"value-{number}") for number in range(55)))
EXTRA_HEADERS = 55
SPREAD_ROUTES = tuple(
    Request(target=f"/service-{number}/items") for number in range(ROUTES // 200, ROUTES, 100)
)


def _upload(size: int) -> tuple[Request, ...]:
    return (Request("/uploads/item", "POST", b"u" * size),)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("bare-0", "reverse proxy, no body", BARE, requests=(Request("/empty/item"),)),
    Scenario("bare-1k", "reverse proxy, 1 KB", BARE, latency=True),
    Scenario(
        "bare-10k",
        "reverse proxy, 10 KB",
        BARE,
        requests=(Request("/files/10k"),),
        payload=10 * KILO,
    ),
    Scenario(
        "bare-100k",
        "reverse proxy, 100 KB",
        BARE,
        requests=(Request("/files/100k"),),
        payload=100 * KILO,
    ),
    Scenario(
        "bare-1m",
        "reverse proxy, 1 MB",
        BARE,
        requests=(Request("/files/1m"),),
        payload=KILO * KILO,
    ),
    Scenario("headers-60", "60 request headers instead of 5, 1 KB", BARE, requests=(SIXTY,)),
    Scenario(
        "new-connections",
        "a new connection for each request, 1 KB",
        BARE,
        requests=(Request(closing=True),),
    ),
    Scenario(
        "upload-100k",
        "upload of 100 KB",
        BARE,
        requests=_upload(100 * KILO),
        payload=100 * KILO,
    ),
    Scenario(
        "upload-1m", "upload of 1 MB", BARE, requests=_upload(KILO * KILO), payload=KILO * KILO
    ),
    Scenario("websocket", "WebSocket messages of 64 bytes, there and back", BARE, "websocket"),
    Scenario("idle-bare", "idle connections of a reverse proxy", BARE, "memory"),
    Scenario("routes-10000", "10,000 routes, 1 KB", TABLE, requests=SPREAD_ROUTES),
    Scenario("full", "full job, known tokens (RS256), 1 KB", FULL, tokens="known", latency=True),
    Scenario("first-rs256", "full job, each token once, RS256", FULL, "first seen", tokens="new"),
    Scenario(
        "first-es256",
        "full job, each token once, ES256",
        Job("full", "ES256"),
        "first seen",
        tokens="new",
    ),
    Scenario(
        "first-hs256",
        "full job, each token once, HS256",
        Job("full", "HS256"),
        "first seen",
        tokens="new",
    ),
    Scenario("flood-401", "flood of requests without a token", FULL, refused=True),
    Scenario("flood-forged", "flood with one forged token", FULL, tokens="forged", refused=True),
    Scenario("flood-429", "flood beyond a limit by address", LIMITED, refused=True),
    Scenario(
        "redis-strict",
        "full job, every request counted in Redis",
        Job("full", redis="strict"),
        tokens="known",
    ),
    Scenario(
        "redis-leased",
        "full job, counted in Redis by leases",
        Job("full", redis="leased"),
        tokens="known",
    ),
    Scenario("idle-full", "idle connections, full job", FULL, "memory", tokens="known"),
)
