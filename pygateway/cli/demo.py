"""`pygateway demo`: a gateway with an echo upstream, and what to try on it."""

from __future__ import annotations

import argparse
import shlex

from pygateway.cli.configuration import load_or_report
from pygateway.cli.failure import CommandFailed
from pygateway.cli.serving import add_workers_argument, serve
from pygateway.config import load_mapping
from pygateway.echo import EchoServer
from pygateway.supervisor import CannotListen, Supervisor

DEFAULT_LISTEN = "127.0.0.1:8000"


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
    return serve(_demo(arguments))


async def _demo(arguments: argparse.Namespace) -> int:
    echo = EchoServer()
    host, port = await echo.start("127.0.0.1", 0)
    try:
        # The demo is the same everywhere: it looks at no environment variable.
        wanted = configuration(arguments.listen, arguments.workers, f"http://{host}:{port}")
        config = load_or_report(lambda: load_mapping(wanted))
        return await Supervisor(config, announce=_announce).run()
    except CannotListen as error:
        raise CommandFailed(f"{error} (--listen 127.0.0.1:0 takes a free port)") from None
    finally:
        await echo.close()


def configuration(listen: str, workers: str | None, echo_url: str) -> dict[str, object]:
    """Give what a file would have to say for the demo."""
    return {
        "listen": listen,
        "workers": "auto" if workers is None else workers,
        "upstreams": {"echo": {"endpoints": [echo_url]}},
        "routes": [
            {
                "name": "echo",
                "match": {"paths": ["/echo", "/echo/*"]},
                "upstream": "echo",
                "auth": "none",
            },
            {
                "name": "users",
                "match": {"paths": ["/users/{id}"], "methods": ["GET", "PUT"]},
                "upstream": "echo",
                "rewrite": {"path": "/accounts/{id}/profile"},
                "headers": {"response": {"set": {"X-Demo": "rewritten"}}},
                "auth": "none",
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


def tour(address: str) -> list[tuple[str, str]]:
    """Give what to try on a gateway at `address`: a remark and a curl command for each."""
    base = f"http://{address}"
    return [
        ("What the upstream gets to see", f"curl {base}/echo/a?b=c"),
        ("A body, streamed through", f"curl -d name=Ada {base}/echo"),
        ("The path is rewritten, and a response header set", f"curl -i {base}/users/7"),
        ("A redirect, followed", f"curl -L {base}/old/place"),
        ("Answered by the gateway itself", f"curl {base}/hello"),
        ("No route: an RFC 9457 problem", f"curl -i {base}/nowhere"),
        ("Refused: the method is not allowed here", f"curl -i -X DELETE {base}/users/7"),
        ("The gateway's health", f"curl {base}/health"),
    ]


def _announce(addresses: list[str]) -> None:
    steps = tour(addresses[0])
    print("\nPyGateway is running. In another terminal, try:\n")
    for remark, command in steps:
        words = " ".join(shlex.quote(word) for word in shlex.split(command))
        print(f"  # {remark}\n  {words}\n")
    print("Ctrl-C ends it.\n", flush=True)
