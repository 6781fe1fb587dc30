"""`pygateway demo`: a gateway with an echo upstream, and what to try on it."""

from __future__ import annotations

import argparse
import functools
import os
import secrets
import shlex
import socket
import time
from collections.abc import Mapping
from typing import Any

from pygateway.cli.configuration import load_or_report
from pygateway.cli.failure import CommandFailed
from pygateway.cli.proxy import PROTECTIONS
from pygateway.cli.serving import add_workers_argument, serve
from pygateway.cli.token import mint
from pygateway.config import Config, Log, load_mapping
from pygateway.config.environment import JWT_SECRET_KEY, MINIMUM_SECRET
from pygateway.echo import EchoServer
from pygateway.supervisor import CannotListen, Supervisor

DEFAULT_LISTEN = "127.0.0.1:8000"

ADMIN_PORT = 8001
"""Where the admin server listens, unless somebody else does."""

PROVIDER = "demo"

LIMIT = "few"
"""Name of the rate limit that there is to try, where the environment asks for none."""

QUOTA = 3
"""Requests in its window: few, so that a hand is quick enough to reach it."""

TOKEN_LIFE = 86_400
"""Seconds; the demo's secret seldom lives longer."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "demo",
        help="a gateway with an echo upstream, to try things on",
        description="Run a gateway in front of a built-in echo upstream and print what to try.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=DEFAULT_LISTEN,
        help="where to listen; port 0 takes a free one (default %(default)s)",
    )
    add_workers_argument(parser)
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    return serve(_demo(arguments), Log())


async def _demo(arguments: argparse.Namespace) -> int:
    echo = EchoServer()
    host, port = await echo.start("127.0.0.1", 0)
    try:
        # The demo is the same everywhere, but for what variables say that ask for a protection.
        environment = {name: value for name, value in os.environ.items() if name in PROTECTIONS}
        echo_url = f"http://{host}:{port}"
        wanted = configuration(arguments.listen, arguments.workers, echo_url, secret(environment))
        wanted["admin"] = admin_address(arguments.listen)
        if not any(name.startswith("RATE_LIMIT_") for name in environment):
            wanted |= {"rate_limits": {LIMIT: {"by": "ip", "quota": QUOTA, "window": "10s"}}}
            wanted["routes"] = [limited_route(), *wanted["routes"]]
        config = load_or_report(lambda: load_mapping(wanted, environment))
        announce = functools.partial(
            _announce, token=token(config), limited=LIMIT in config.rate_limits
        )
        return await Supervisor(config, announce=announce).run()
    except CannotListen as error:
        raise CommandFailed(f"{error} (--listen 127.0.0.1:0 takes a free port)") from None
    finally:
        await echo.close()


def admin_address(listen: str) -> str:
    """Give where the admin server can listen: its usual port, or a free one."""
    port = 0 if listen.endswith(":0") else ADMIN_PORT
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            port = 0
    return f"127.0.0.1:{port}"


def secret(environment: Mapping[str, str]) -> str:
    """Give the environment's secret, else a random one: also where loading will refuse that."""
    given = environment.get(JWT_SECRET_KEY, "")
    return given if len(given) >= MINIMUM_SECRET else secrets.token_urlsafe(48)


def configuration(listen: str, workers: str | None, echo_url: str, secret: str) -> dict[str, Any]:
    """Give what a file would have to say for the demo."""
    profile = {
        "upstream": "echo",
        "rewrite": {"path": "/accounts/{id}/profile"},
        "headers": {"response": {"set": {"X-Demo": "rewritten"}}},
    }
    return {
        "listen": listen,
        "workers": "auto" if workers is None else workers,
        "upstreams": {"echo": {"endpoints": [echo_url]}},
        "auth": {
            "providers": {
                PROVIDER: {
                    "issuer": "https://demo.pygateway.example",
                    "audiences": ["demo"],
                    "secrets": [{"value": secret}],
                    "claims_to_headers": {"sub": "X-User-ID", "scope": "X-User-Scopes"},
                }
            }
        },
        "routes": [
            {
                "name": "echo",
                "match": {"paths": ["/echo", "/echo/*"]},
                "upstream": "echo",
                "auth": "none",
            },
            {
                "name": "users",
                "match": {"paths": ["/users/{id}"], "methods": ["GET"]},
                "auth": {"scopes": ["users:read"]},
                **profile,
            },
            {
                "name": "change-users",
                "match": {"paths": ["/users/{id}"], "methods": ["PUT"]},
                "auth": {"scopes": ["users:write"]},
                **profile,
            },
            {
                "name": "old",
                "match": {"paths": ["/old/*"]},
                "redirect": {"status": 308, "location": "/echo/{rest}"},
                "auth": "none",
            },
            {
                "name": "hello",
                "match": {"paths": ["/hello"]},
                "respond": {
                    "headers": {"Content-Type": "text/plain; charset=utf-8"},
                    "body": "Hello from PyGateway.\n",
                },
                "auth": "none",
            },
        ],
    }


def limited_route() -> dict[str, Any]:
    """Give a route that takes few requests."""
    return {
        "name": "limited",
        "match": {"paths": ["/limited"]},
        "upstream": "echo",
        "auth": "none",
        "rate_limits": [LIMIT],
    }


def token(config: Config) -> str:
    """Mint the token that the tour uses: it may read users, and not change them."""
    provider = config.auth.providers[PROVIDER]
    now = int(time.time())
    claims = {
        "iss": provider.issuer,
        "aud": provider.audiences[0],
        "sub": "ada",
        "scope": "users:read",
        "iat": now,
        "exp": now + TOKEN_LIFE,
        "jti": secrets.token_hex(8),
    }
    return mint(provider, claims)


def tour(address: str, *, limited: bool) -> list[tuple[str, str]]:
    """Give what to try on a gateway at `address`: a remark and a curl command for each."""
    base = f"http://{address}"
    bearer = '-H "Authorization: Bearer $TOKEN"'
    echo, profile, old, hello, nowhere, few, health = (
        shlex.quote(base + path)
        for path in (
            "/echo",
            "/users/7",
            "/old/place",
            "/hello",
            "/nowhere",
            "/limited",
            "/health",
        )
    )
    few_times = [("429 from the fourth time on within ten seconds", f"curl -i {few}")]
    return [
        ("What the upstream gets to see", f"curl {shlex.quote(f'{base}/echo/a?b=c')}"),
        ("A body, streamed through", f"curl -d name=Ada {echo}"),
        ("401: this route needs a token", f"curl -i {profile}"),
        ("With one; the upstream sees who it is: X-User-ID", f"curl -i {bearer} {profile}"),
        ("403: this token may not change users", f"curl -i -X PUT {bearer} {profile}"),
        ("A redirect, followed", f"curl -L {old}"),
        ("Answered by the gateway itself", f"curl {hello}"),
        ("No route: an RFC 9457 problem", f"curl -i {nowhere}"),
        ("Refused: the method is not allowed here", f"curl -i -X DELETE {profile}"),
        *(few_times if limited else ()),
        ("The gateway's health", f"curl {health}"),
    ]


def _announce(addresses: list[str], admin: list[str], *, token: str, limited: bool) -> None:
    print("\nPyGateway is running. In another terminal, take the token:\n")
    print(f"  TOKEN={token}\n\nand try:\n")
    for remark, command in tour(addresses[0], limited=limited):
        print(f"  # {remark}\n  {command}\n")
    print(f"Watch it in a browser: http://{admin[0]}/dashboard\n")
    print("Ctrl-C ends it. What follows is the access log.\n", flush=True)
