"""Kinds of requests, each served so often as is asked for: python -m ...kinds KIND REQUESTS.

Says when it is ready, and waits for a line before it begins; likewise when it is done.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import uvloop

from benches.test_exchange import (
    REQUEST,
    RESPONSE,
    MemoryTransport,
    config,
    with_token,
)
from pygateway._core import Arena, LineRing
from pygateway.config import Config
from pygateway.gateway import Gateway
from pygateway.server.connection import ClientConnection
from pygateway.upstream.connection import UpstreamConnection


def _limited(quota: int) -> Config:
    document = json.loads(config(protected=True).to_json())
    document["rate_limits"] = {"per-user": {"by": "user", "quota": quota, "window": "24h"}}
    document["routes"][0]["rate_limits"] = ["per-user"]
    return Config.from_json(json.dumps(document))


KINDS: dict[str, tuple[Callable[[], Config], Callable[[], bytes], bool]] = {
    "open": (lambda: config(protected=False), lambda: REQUEST, True),
    "open-logged": (lambda: config(protected=False), lambda: REQUEST, True),
    "known-token": (lambda: config(protected=True), with_token, True),
    "known-token-and-limit": (lambda: _limited(1 << 26), with_token, True),
    "refused-401": (lambda: config(protected=True), lambda: REQUEST, False),
    "refused-429": (lambda: _limited(1), with_token, False),
}
"""Configuration, request, and whether it reaches the upstream."""


async def serve(kind: str, requests: int) -> None:
    """Serve requests of a kind, one after another, over one client's connection."""
    configure, make_request, reaches = KINDS[kind]
    arena = Arena.create(os.memfd_create("arena"), 65_536)
    # Large enough for all lines, which nobody takes.
    ring = LineRing.create(os.memfd_create("ring"), 1 << 24) if kind.endswith("-logged") else None
    gateway: Any = Gateway(configure(), arena, 0, ring)
    pool = gateway._upstreams["origin"].endpoints[0].pool
    to_client, to_upstream = MemoryTransport(), MemoryTransport()
    client: Any = ClientConnection(gateway._server)
    client.connection_made(to_client)
    upstream: Any = UpstreamConnection(pool)
    upstream.connection_made(to_upstream)
    upstream.counted = True
    pool.total = 1
    pool.put_back(upstream)
    request = make_request()

    def repeat(times: int) -> None:
        for _ in range(times):
            client.data_received(request)
            if upstream.exchange is not None:
                upstream.data_received(RESPONSE)

    repeat(200)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    sys.stdin.readline()
    repeat(requests)
    print("done", flush=True)
    sys.stdin.readline()
    assert ring is None or ring.pending > 100 * requests
    assert to_client.written > 100 * requests
    assert reaches == (to_upstream.written > 100 * requests)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
