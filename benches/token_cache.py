"""The token cache with a million subjects: how often it knows a token, and what memory it takes.

Subjects are drawn by Zipf's law, each with one token, and every request goes through the door as it
does in a gateway.

    .venv/bin/python -m benches.token_cache [--requests 1000000] [--subjects 1000000]
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import random
import resource
import time
from itertools import accumulate

from pygateway._core import Forward, Gate
from pygateway.config import load_mapping
from pygateway.config.gate_specification import gate_specification
from pygateway.config.keys import static_keys

SECRET = b"a secret that is long enough for this"
SIZES = ("4MiB", "16MiB", "64MiB", "256MiB")
NOW = 1_800_000_000


def encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


HEADER = encoded(b'{"alg":"HS256","typ":"JWT","kid":"key"}')


def head(subject: int) -> bytes:
    claims = {
        "iss": "https://idp.example",
        "aud": "api",
        "sub": f"user-{subject:07}",
        "iat": NOW,
        "exp": NOW + 86400,
        "scope": "users:read users:write",
        "session": "x" * 100,
    }
    signed = HEADER + b"." + encoded(json.dumps(claims).encode())
    signature = hmac.new(SECRET, signed, hashlib.sha256).digest()
    token = signed + b"." + encoded(signature)
    return b"GET / HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer " + token + b"\r\n\r\n"


def build(size: str) -> Gate:
    config = load_mapping(
        {
            "auth": {
                "cache": {"size": size},
                "providers": {
                    "main": {
                        "issuer": "https://idp.example",
                        "audiences": ["api"],
                        "secrets": [{"id": "key", "value": SECRET.decode()}],
                    }
                },
            },
            "routes": [{"name": "all", "respond": {"body": "x"}}],
        }
    )
    gate = Gate(gate_specification(config), bytes(32))
    gate.set_keys(0, [*static_keys(config.auth.providers["main"])], renewable=False)
    return gate


def resident() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--subjects", type=int, default=1_000_000)
    options = parser.parse_args()
    cumulative = list(accumulate(1 / rank for rank in range(1, options.subjects + 1)))
    print("cache     entries   hit rate   bytes counted   resident memory added   us per decision")
    for size in SIZES:
        gate = build(size)
        peer = gate.peer("192.0.2.1", False)
        draw = random.Random(7)  # noqa: S311 - the same requests for every size
        before, seconds = resident(), 0.0
        for _ in range(options.requests // 1000):
            batch = draw.choices(range(options.subjects), cum_weights=cumulative, k=1000)
            heads = [head(subject) for subject in batch]
            start = time.perf_counter()
            decisions = [gate.decide_head(each, peer, NOW + 1) for each in heads]
            seconds += time.perf_counter() - start
            assert all(type(decision) is not Forward for decision in decisions)
            assert all(decision.user for decision in decisions)
        tokens = json.loads(gate.auth_statistics())["tokens"]
        rate = tokens["hits"] / (tokens["hits"] + tokens["misses"])
        print(
            f"{size:<8}{tokens['entries']:>9}{rate:>11.1%}{tokens['bytes'] / 2**20:>12.1f} MiB"
            f"{resident() - before:>20.1f} MiB{seconds * 1e6 / options.requests:>18.2f}"
        )


if __name__ == "__main__":
    main()
