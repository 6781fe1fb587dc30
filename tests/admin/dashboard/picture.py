"""Makes the picture of the dashboard that the documentation shows.

    python -m tests.admin.dashboard.picture docs/images/dashboard.png [minutes] [light|dark] [width]

A real gateway, in front of upstreams that take their time and sometimes fail, gets requests from
clients that come and go. It takes as many minutes as the curves are to have: 6, unless told
otherwise. Reduced to 200 colours, the picture has a third of its size.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import sys
import tempfile
import time
from pathlib import Path

import jwt

from tests.support.chromium import Chromium
from tests.support.redis import free_port
from tests.toys.program import Program

SECRET = "0123456789abcdef" * 2

CHANCE = random.Random(7)  # noqa: S311 - of a picture

CLIENTS = 40

# Of each upstream: the median of its seconds, how often it fails, and its endpoints.
UPSTREAMS = {
    "accounts": (0.004, 0.0005, 2),
    "orders": (0.011, 0.001, 2),
    "payments": (0.09, 0.02, 2),
    "files": (0.001, 0.0, 1),
}

# Of each route: its upstream, its part of all requests, whether it wants a token, and its limits.
ROUTES = {
    "accounts": ("accounts", 30, True, ["per-user"]),
    "orders": ("orders", 22, True, ["per-user"]),
    "search": ("orders", 9, False, ["per-client", "search"]),
    "checkout": ("payments", 3, True, ["per-user"]),
    "assets": ("files", 34, False, []),
}


def configuration(listen: str, admin: str, endpoints: dict[str, list[str]]) -> str:
    """What the gateway's file says."""
    routes = [
        {
            "name": name,
            "match": {"paths": [f"/{name}/*"]},
            "upstream": upstream,
            "rate_limits": limits,
            **({} if token else {"auth": "none"}),
        }
        for name, (upstream, _, token, limits) in ROUTES.items()
    ]
    moved = {"name": "old-shop", "match": {"paths": ["/shop"]}, "redirect": "/assets/shop"}
    routes.append(moved | {"auth": "none"})
    return json.dumps(
        {
            "version": 1,
            "listen": listen,
            "admin": admin,
            "workers": 2,
            "upstreams": {name: {"endpoints": urls} for name, urls in endpoints.items()},
            "auth": {"providers": {"main": {"issuer": "shop", "secrets": [{"value": SECRET}]}}},
            "rate_limits": {
                "per-user": {"by": "user", "quota": 600, "window": "60s"},
                "per-client": {"by": "ip", "quota": 100_000, "window": "60s"},
                "search": {"by": "ip", "quota": 1000, "window": "60s"},
            },
            "routes": routes,
        }
    )


async def serve(name: str) -> str:
    """Start an endpoint of an upstream; gives its URL."""
    median, failing, _ = UPSTREAMS[name]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled when the picture is made.
        ended = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ended):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(length_in(head))
                await asyncio.sleep(median * CHANCE.lognormvariate(0, 0.7))
                status = b"503 Service Unavailable" if CHANCE.random() < failing else b"200 OK"
                body = bytes(int(1500 * CHANCE.lognormvariate(0, 1)))
                head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
                writer.write(head + body)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    return f"http://{host}:{port}"


async def ask(address: tuple[str, int], number: int, began: float) -> None:
    """One client: asks for this and that, now more often and now less."""
    tokens = [token(f"user-{number}-{turn}") for turn in range(3)]
    while True:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(*address)
            for _ in range(CHANCE.randrange(50, 400)):
                writer.write(request(tokens))
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(length_in(head))
                elapsed = time.monotonic() - began
                tide = 1 + 0.45 * math.sin(elapsed / 55) + 0.15 * math.sin(elapsed / 17)
                await asyncio.sleep(CHANCE.expovariate(5 * tide))
            writer.close()


def length_in(head: bytes) -> int:
    """Bytes of the body behind a head."""
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)


def token(subject: str) -> str:
    """A token that is good for the time of a picture."""
    return jwt.encode({"iss": "shop", "sub": subject, "exp": time.time() + 3600}, SECRET)


def request(tokens: list[str]) -> bytes:
    """Some request."""
    turn = CHANCE.random()
    if turn < 0.004:
        target, credential = "/wp-login.php", ""
    elif turn < 0.02:
        target, credential = "/shop", ""
    else:
        parts = [part for _, part, _, _ in ROUTES.values()]
        name = CHANCE.choices(list(ROUTES), parts)[0]
        target, credential = f"/{name}/{CHANCE.randrange(1000)}", CHANCE.choice(tokens)
        if turn > 0.985:
            credential = ""
    field = f"Authorization: Bearer {credential}\r\n" if credential else ""
    if not target.startswith("/checkout"):
        return f"GET {target} HTTP/1.1\r\nHost: shop.example\r\n{field}\r\n".encode()
    field += "Content-Length: 700\r\n"
    return f"POST {target} HTTP/1.1\r\nHost: shop.example\r\n{field}\r\n{' ' * 700}".encode()


async def load(program: Program, seconds: float) -> None:
    """Let clients ask for so long."""
    began = time.monotonic()
    clients = [
        asyncio.create_task(ask(program.address(), number, began)) for number in range(CLIENTS)
    ]
    await asyncio.sleep(seconds)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


async def main(file: Path, minutes: float, theme: str, width: int) -> None:
    """Make the picture."""
    endpoints = {
        name: [await serve(name) for _ in range(count)] for name, (_, _, count) in UPSTREAMS.items()
    }
    # One of them is not there, as happens.
    endpoints["payments"].append(f"http://127.0.0.1:{free_port()}")
    admin = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "gateway.yaml")
        text = configuration("127.0.0.1:0", admin, endpoints)
        await asyncio.to_thread(settings.write_text, text)
        with (
            Program("run", "-c", settings) as program,
            Chromium(Path(folder, "chromium")) as browser,
        ):
            program.address()
            asking = asyncio.create_task(load(program, minutes * 60 + 15))
            with browser.page(f"http://{admin}/dashboard", width, theme=theme) as page:
                await asyncio.sleep(minutes * 60)
                picture = await asyncio.to_thread(page.screenshot)
                await asyncio.to_thread(file.write_bytes, picture)
                print(file, page.complaints())
            await asking


if __name__ == "__main__":
    given = sys.argv[1:]
    given += ["6", "light", "1280"][len(given) - 1 :]
    asyncio.run(main(Path(given[0]), float(given[1]), given[2], int(given[3])))
