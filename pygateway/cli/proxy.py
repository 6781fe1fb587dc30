"""`pygateway proxy`: a reverse proxy in one line."""

from __future__ import annotations

import argparse
import os
from urllib.parse import urlsplit

from pygateway.cli.configuration import PREFIX, SEED_VARIABLES, load_or_report
from pygateway.cli.serving import add_workers_argument, serve
from pygateway.config import load_mapping
from pygateway.supervisor import Supervisor

PROTECTIONS = SEED_VARIABLES - {"REDIS_URL"}
"""Where Redis is says nothing of what it is for: many environments have the variable anyway."""

DEFAULT_LISTEN = "127.0.0.1:8000"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "proxy",
        help="a reverse proxy in one line, every default on",
        description="Forward every request to one upstream, with every default on."
        f" {PREFIX}... variables change them, with JWT_SECRET_KEY every request needs a token, and"
        " RATE_LIMIT_REQUESTS_PER_MINUTE limits each client.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--to",
        metavar="URL",
        required=True,
        help="where requests go: http://host:port, https://host or unix:/path",
    )
    parser.add_argument(
        "--from",
        metavar="HOST:PORT",
        dest="listen",
        default=DEFAULT_LISTEN,
        help="where to listen (default %(default)s)",
    )
    parser.add_argument(
        "--host",
        metavar="HOST",
        default="preserve",
        help="Host header that the upstream sees: `preserve` the client's (the default),"
        " `upstream` for the URL's, or a name",
    )
    add_workers_argument(parser)
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Run the command."""
    # Variables that ask for a protection must be obeyed or refused rather than overlooked.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) or name in PROTECTIONS
    }
    config = load_or_report(lambda: load_mapping(configuration(arguments), environment))
    return serve(Supervisor(config).run(), config.log)


def configuration(arguments: argparse.Namespace) -> dict[str, object]:
    """Give what a file would have to say for the same."""
    endpoint, prefix = split_prefix(arguments.to)
    rewrite = {"host": arguments.host}
    if prefix:
        rewrite["add_prefix"] = prefix
    # Nothing is said about authentication: who configures a provider means this route, too.
    route = {"name": "all", "upstream": "to", "rewrite": rewrite}
    workers = {} if arguments.workers is None else {"workers": arguments.workers}
    return {
        "listen": arguments.listen,
        "upstreams": {"to": {"endpoints": [endpoint]}},
        "routes": [route],
        **workers,
    }


def split_prefix(url: str) -> tuple[str, str]:
    """Split `http://host/base` into the endpoint and the prefix that paths get."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        return url, ""
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
