"""Talks to the admin server, for the commands that need it."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
from dataclasses import dataclass
from typing import Any

from pygateway.cli.configuration import add_file_argument, find_file, load_or_report
from pygateway.cli.failure import CommandFailed, Exit
from pygateway.cli.output import visible
from pygateway.config import Admin, load
from pygateway.config.syntax.addresses import Address

TOKEN_VARIABLE = "PYGATEWAY_ADMIN_TOKEN"  # noqa: S105 - a name

DEADLINE = 10.0
"""Seconds for an answer, when the server has nothing to wait for itself."""

MOST_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where to connect to what listens everywhere."""


@dataclass(frozen=True)
class Answer:
    """What the admin server has answered.

    Attributes:
        status: The status.
        document: The body, read as JSON.
    """

    status: int
    document: Any


def add_admin_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the admin server is, and how its answer is printed."""
    add_file_argument(parser)
    parser.add_argument(
        "--admin",
        metavar="ADDRESS",
        help="the admin server: host:port or unix:/path; that of the configuration unless given."
        f" Its token is then taken from ${TOKEN_VARIABLE}",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def ask(
    arguments: argparse.Namespace,
    method: str,
    path: str,
    body: object = None,
    deadline: float = DEADLINE,
) -> Answer:
    """Send one request to the admin server that `arguments` name.

    Raises:
        CommandFailed: It cannot be reached, or refuses.
    """
    return find_admin(arguments).ask(method, path, body, deadline)


@dataclass(frozen=True)
class AdminClient:
    """Asks one admin server.

    Attributes:
        address: Where it is.
        token: What it wants to see, if anything.
    """

    address: Address
    token: str | None

    def ask(
        self, method: str, path: str, body: object = None, deadline: float = DEADLINE
    ) -> Answer:
        """Send one request.

        Raises:
            CommandFailed: It cannot be reached, or refuses.
        """
        answer = self._exchange(method, path, body, deadline)
        if answer.status >= 400:
            raise CommandFailed(_explained(answer))
        return answer

    def _exchange(self, method: str, path: str, body: object, deadline: float) -> Answer:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode("ascii")
            headers["Content-Type"] = "application/json"
        connection = _connection(self.address, deadline)
        try:
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read(MOST_ANSWER)))
        except OSError as error:
            reason = error.strerror or visible(str(error))
            raise CommandFailed(
                f"cannot ask the admin server at {self.address}: {reason}"
            ) from None
        except (http.client.HTTPException, ValueError):
            raise CommandFailed(f"what answers at {self.address} is no admin server") from None
        finally:
            connection.close()


def find_admin(arguments: argparse.Namespace) -> AdminClient:
    """Find the admin server, by `--admin` or the configuration.

    Raises:
        CommandFailed: There is none, or nobody says where.
    """
    if arguments.admin is not None:
        try:
            address = Address.parse(arguments.admin)
        except ValueError as error:
            raise CommandFailed(f"--admin: {error}", Exit.USAGE) from None
        return AdminClient(address, os.environ.get(TOKEN_VARIABLE))
    path = find_file(arguments.config, os.environ)
    admin: Admin | None = load_or_report(lambda: load(path, os.environ)).admin
    if admin is None:
        raise CommandFailed(
            "the configuration has no admin server; give it `admin: 127.0.0.1:8001`"
        )
    if admin.address.path is None and admin.address.port == 0:
        raise CommandFailed("the admin server's port is a random one: give --admin HOST:PORT")
    token = None if admin.token is None else admin.token.get_secret_value()
    return AdminClient(admin.address, token)


class _UnixConnection(http.client.HTTPConnection):
    """Speaks HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(address: Address, deadline: float) -> http.client.HTTPConnection:
    if address.path is not None:
        return _UnixConnection(address.path, deadline)
    host = ANYWHERE.get(address.host, address.host)
    return http.client.HTTPConnection(host, address.port, timeout=deadline)


def _explained(answer: Answer) -> str:
    """Turn a problem into a sentence, and what is wrong in particular into lines."""
    problem = answer.document if isinstance(answer.document, dict) else {}
    lines = [str(problem.get("detail") or problem.get("title") or f"status {answer.status}")]
    for error in problem.get("errors", ()):
        parts = (error.get(name) for name in ("file", "line", "column", "place"))
        place = ":".join(str(part) for part in parts if part is not None)
        lines.append(f"  {place}: {error['message']}" if place else f"  {error['message']}")
    return "\n".join(visible(line) for line in lines)
