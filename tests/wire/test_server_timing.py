"""Server-Timing (W3C): off unless asked for, and then on every answer, whoever made it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from tests.support.client import request
from tests.support.gateway import configuration, route
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from tests.conftest import StartGateway
    from tests.support.messages import Response
    from tests.wire.conftest import Proxied

PHASE = re.compile(r"([a-z]+);dur=([0-9]+\.[0-9]{3})")
SLOW = 0.2


def phases(response: Response) -> dict[str, float]:
    """Milliseconds by phase."""
    text = response.header("Server-Timing")
    assert text is not None
    parts = [PHASE.fullmatch(part) for part in text.split(", ")]
    assert all(parts), text
    return {match[1]: float(match[2]) for match in parts if match}


def test_nobody_is_told_unless_it_was_asked_for(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(ok()))
    assert gateway.fetch(request()).header("Server-Timing") is None


def test_phases_show_where_the_time_went(proxied: Proxied) -> None:
    def slowly(conversation: Conversation) -> None:
        conversation.request()
        time.sleep(SLOW)
        conversation.send(ok())
        conversation.request()
        conversation.send(ok())

    gateway, _ = proxied(slowly, server_timing=True)
    with gateway.client() as client:
        first = phases(client.exchange(request()))
        assert list(first) == ["decide", "connect", "wait"]
        assert first["wait"] >= SLOW * 1000
        second = phases(client.exchange(request()))
        assert list(second) == ["decide", "wait"]
        assert second["wait"] < SLOW * 1000


def test_what_the_upstream_says_of_itself_stays(proxied: Proxied) -> None:
    gateway, _ = proxied(answering(ok(b"x", "Server-Timing: db;dur=53")), server_timing=True)
    response = gateway.fetch(request())
    own, added = response.all("Server-Timing")
    assert own == "db;dur=53"
    assert PHASE.match(added)


def test_answers_of_the_gateways_own_say_it_too(start_gateway: StartGateway) -> None:
    fixed = route("fixed", "/fixed", respond={"body": "hello"})
    gateway = start_gateway(configuration({}, routes=[fixed], server_timing=True))
    for path, status in (("/fixed", 200), ("/nowhere", 404), ("/health", 200)):
        response = gateway.fetch(request("GET", path))
        assert response.status == status
        assert list(phases(response)) == ["decide"]
    assert gateway.fetch(request("GET", "/fixed")).body == b"hello"
