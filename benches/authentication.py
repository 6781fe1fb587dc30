"""What authentication costs a gateway that runs, and what forged tokens cost everybody else.

1. CPU microseconds per request on an open route and on a protected one whose tokens are known, the
   two taking turns (A B B A ...) in one gateway.
2. CPU microseconds per request when every token is seen for the first time, by algorithm.
3. A steady rate of known tokens, with and without 10,000 forged tokens a second beside it: how long
   the good requests take.

The gateway has one worker, pinned to one core; the loads and the upstream share another.

    .venv/bin/python -m benches.authentication [--rounds 5] [--seconds 3]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benches.harness import BIN, cpu_seconds, free_port, load, loading, process, running_upstream

USERS = 1000
FIRST_SEEN = 4000
FORGED_RATE = 10_000
GOOD_RATE = 500

SECRET = "benches sign with this secret key" * 2
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
KEYS: dict[str, str | PrivateKey] = {
    "HS256": SECRET,
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
PROVIDERS = {algorithm: algorithm.lower() for algorithm in KEYS}

CONFIGURATION = """
version: 1
listen: 127.0.0.1:{port}
workers: 1
access_log: off
upstreams: {{origin: {{endpoints: ['http://127.0.0.1:{upstream}']}}}}
auth:
  providers:
{providers}
routes:
  - {{name: open, match: {{paths: [/open]}}, upstream: origin, auth: none}}
{routes}
"""


def write_configuration(folder: str, port: int, upstream: int) -> Path:
    providers, routes = [], []
    for algorithm, name in PROVIDERS.items():
        key = KEYS[algorithm]
        if isinstance(key, str):
            source = f"secrets: [{{value: '{key}'}}]"
        else:
            file = Path(folder) / f"{name}.pem"
            public = key.public_key()
            file.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
            source = f"public_keys: [{{file: '{file}'}}]"
        providers.append(
            f"    {name}: {{issuer: 'https://{name}.example', audiences: [api],"
            f" algorithms: [{algorithm}], {source}, claims_to_headers: {{sub: X-User-ID}}}}"
        )
        routes.append(
            f"  - {{name: {name}, match: {{paths: [/{name}]}}, upstream: origin,"
            f" auth: {{provider: {name}}}}}"
        )
    path = Path(folder) / "gateway.yaml"
    text = CONFIGURATION.format(
        port=port, upstream=upstream, providers="\n".join(providers), routes="\n".join(routes)
    )
    path.write_text(text)
    return path


def mint(algorithm: str, subject: str) -> str:
    now = int(time.time())
    claims = {
        "iss": f"https://{PROVIDERS[algorithm]}.example",
        "aud": "api",
        "sub": subject,
        "iat": now,
        "exp": now + 3600,
        "scope": "users:read users:write",
    }
    return jwt.encode(claims, KEYS[algorithm], algorithm, headers={"kid": "key"})


def forge(token: str, generator: random.Random) -> str:
    """Give `token` another signature of the same length."""
    start, _, signature = token.rpartition(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    forged = "".join(generator.choices(letters, k=len(signature) - 1))
    return f"{start}.{forged}{signature[-1]}"


def write_tokens(folder: str, name: str, tokens: list[str]) -> str:
    path = Path(folder) / name
    path.write_text("\n".join(tokens))
    return str(path)


def cost(pid: int, measured: Callable[[], dict[str, float]]) -> float:
    """CPU microseconds of the gateway per request, or of what fails."""
    before = sum(cpu_seconds(pid))
    result = measured()
    if result["failed"]:
        raise SystemExit(f"{result['failed']} requests were answered otherwise")
    return (sum(cpu_seconds(pid)) - before) * 1e6 / result["answered"]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    theirs, ours = cores[0], cores[-1]
    generator = random.Random(7)  # noqa: S311 - which users and forgeries, not secrets
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        port = free_port()
        upstream = stack.enter_context(running_upstream(folder, theirs))
        path = write_configuration(folder, port, upstream)
        command = [str(BIN / "pygateway"), "run", "-c", str(path)]
        pid = stack.enter_context(process(command, ours, port))
        known = write_tokens(folder, "known", [mint("RS256", f"user-{n}") for n in range(USERS)])
        protected = ("--path", "/rs256", "--tokens", known)
        load(port, 1.0, theirs, *protected)

        figures: dict[str, list[float]] = {"open": [], "known": []}
        for turn in range(options.rounds):
            for kind in ("open", "known") if turn % 2 == 0 else ("known", "open"):
                # The open route gets the same head, so that the difference is the decision's.
                path_of = ("--path", "/open", "--tokens", known) if kind == "open" else protected
                figures[kind].append(
                    cost(pid, lambda p=path_of: load(port, options.seconds, theirs, *p))  # type: ignore[misc]
                )
        print("CPU us per request, median (smallest to largest)")
        print(f"  open route, token not looked at   {spread(figures['open'])}")
        print(f"  protected route, known RS256 token {spread(figures['known'])}")
        more = [k - o for k, o in zip(figures["known"], figures["open"], strict=True)]
        print(f"  difference in each round           {spread(more)}")

        for algorithm, name in PROVIDERS.items():
            costs = []
            for turn in range(options.rounds):
                fresh = [mint(algorithm, f"{turn}-{n}") for n in range(FIRST_SEEN)]
                file = write_tokens(folder, "fresh", fresh)
                arguments = ("--path", f"/{name}", "--tokens", file, "--once")
                costs.append(cost(pid, lambda a=arguments: load(port, 60.0, theirs, *a)))  # type: ignore[misc]
            print(f"  every token for the first time, {algorithm} {spread(costs)}")

        good = (*protected, "--rate", str(GOOD_RATE), "--connections", "16")
        forgeries = [
            forge(mint("ES256", f"forged-{n % 50}"), generator) for n in range(FORGED_RATE * 4)
        ]
        file = write_tokens(folder, "forged", forgeries)
        bad = ("--path", "/es256", "--tokens", file, "--rate", str(FORGED_RATE), "--status", "401")
        one = write_tokens(folder, "one", [forgeries[0]])
        repeated = ("--path", "/es256", "--tokens", one, "--rate", str(FORGED_RATE))
        print(f"good requests at {GOOD_RATE}/s, ms from when each was due: p50, p99, p99.9")
        for label, flood in (
            ("alone", None),
            ("beside forged ES256 tokens, each another", bad),
            ("beside one forged ES256 token, again and again", (*repeated, "--status", "401")),
            (
                "beside as many requests on the open route",
                ("--path", "/open", "--rate", str(FORGED_RATE)),
            ),
        ):
            with contextlib.ExitStack() as beside:
                found = None
                if flood is not None:
                    found = beside.enter_context(loading(port, 4.0, theirs, *flood))
                    time.sleep(0.7)
                result = load(port, 3.0, theirs, *good)
            row = (result["p50_ms"], result["p99_ms"], result["p999_ms"])
            rate = f", flood {found['answered'] / 4:.0f}/s" if found else ""
            print(f"  {label:<48}" + " ".join(f"{value:8.2f}" for value in row) + rate)
            if result["failed"]:
                print(f"    {result['failed']} good requests failed")


if __name__ == "__main__":
    main()
