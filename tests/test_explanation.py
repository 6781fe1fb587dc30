"""What a gateway says that it would do with a request, beside what it does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.conftest import StartGateway, StartUpstream
from tests.support.client import request
from tests.support.gateway import RunningGateway, configuration, route

SECRET = "a-secret-that-nobody-must-ever-see"  # noqa: S105 - of these tests
NOW = int(time.time())
TOKEN = jwt.encode({"sub": "ada", "iat": NOW, "exp": NOW + 3600}, SECRET, "HS256")
BEARER = ("Authorization", f"Bearer {TOKEN}")
Explain = Callable[..., dict[str, Any]]


@pytest.fixture
def gateway(start_gateway: StartGateway, start_upstream: StartUpstream) -> RunningGateway:
    upstream, other = start_upstream(), start_upstream()
    return start_gateway(
        configuration(
            {"users": [upstream.url, other.url]},
            auth={
                "providers": {
                    "main": {
                        "secrets": [{"id": "a", "value": SECRET}],
                        "claims_to_headers": {"sub": "X-User-ID"},
                    }
                }
            },
            rate_limits={"one": {"by": "ip", "quota": 1, "window": "1h"}},
            routes=[
                {
                    "name": "users",
                    "match": {"paths": ["/users/*"]},
                    "upstream": "users",
                    "auth": {"provider": "main"},
                    "rate_limits": ["one"],
                    "rewrite": {"strip_prefix": "/users", "host": "upstream"},
                    "headers": {
                        "request": {"set": {"X-Internal": SECRET}, "remove": ["X-Debug"]},
                    },
                },
                route("fixed", "/fixed", respond={"status": 201, "headers": {"X-Key-Id": "7"}}),
            ],
        )
    )


@pytest.fixture
def explain(gateway: RunningGateway) -> Explain:
    """Ask what would become of a request."""

    def ask(target: str, *fields: tuple[str, str], method: str = "GET") -> dict[str, Any]:
        asked = {
            "method": method,
            "target": target,
            "headers": [("Host", "a.test"), *fields],
            "client": "192.0.2.7",
            "secure": False,
        }
        told = gateway.call(lambda: gateway.gateway.explain(asked))
        # It travels to the supervisor as JSON.
        document: dict[str, Any] = json.loads(json.dumps(told))
        assert SECRET not in json.dumps(document)
        assert TOKEN not in json.dumps(document)
        return document

    return ask


def test_a_request_is_followed_to_the_head_that_the_upstream_would_get(
    gateway: RunningGateway, explain: Explain
) -> None:
    fields = [("X-Debug", "1"), ("Accept", "a/b"), ("Cookie", "session=x"), ("x-user-id", "root")]
    told = explain("/users/./7?q=1", BEARER, *fields)
    endpoint = gateway.config.upstreams["users"].endpoints[0].url
    assert (told["outcome"], told["status"], told["route"]) == ("forward", None, "users")
    assert told["canonical_path"] == "/users/7"
    assert told["credential"]["verdict"] == "accepted"
    assert told["credential"]["subject"] == "ada"
    (limit,) = told["limits"]
    assert (limit["policy"], limit["verdict"], limit["remaining"]) == ("one", "admitted", 0)
    upstream, head = told["upstream"], told["request"]
    assert (upstream["name"], upstream["endpoint"]) == ("users", endpoint)
    assert [each["reachable"] for each in upstream["endpoints"]] == [True, True]
    assert (head["line"], head["target_changed"]) == ("GET /7?q=1 HTTP/1.1", True)
    sent = dict(head["headers"])
    assert sent["Host"] == endpoint.removeprefix("http://")
    assert sent["Accept"] == "a/b"
    assert sent["X-User-ID"] == "ada"
    masked = {name for name, value in sent.items() if value == "*" * 10}
    assert masked == {"Authorization", "Cookie", "X-Internal"}
    assert {"x-internal", "x-forwarded-for", "x-request-id"} <= set(head["added"])
    assert head["removed"] == ["x-debug"]
    assert {"host", "x-user-id"} <= set(head["changed"])


def test_what_is_explained_is_what_happens(gateway: RunningGateway, explain: Explain) -> None:
    def outcome(client: str) -> str:
        asked = {
            "method": "GET",
            "target": "/users/1",
            "headers": [("Host", "a.test"), BEARER],
            "client": client,
            "secure": False,
        }
        told = gateway.call(lambda: gateway.gateway.explain(asked))
        return str(told["refusal"]["name"] if told["refusal"] else told["upstream"]["endpoint"])

    first, second = (str(each.url) for each in gateway.config.upstreams["users"].endpoints)
    before = gateway.statistics()
    assert [outcome("127.0.0.1") for _ in range(3)] == [first] * 3
    assert explain("/users/1")["status"] == 401
    assert gateway.statistics() == before
    reply = gateway.fetch(request("GET", "/users/1", ": ".join(BEARER)))
    assert reply.status == 200
    assert outcome("127.0.0.1") == "rate-limited"
    assert outcome("192.0.2.7") == second
    reply = gateway.fetch(request("GET", "/users/1", ": ".join(BEARER)))
    assert reply.status == 429


def test_a_refusal_is_explained(explain: Explain) -> None:
    told = explain("/users/1")
    assert (told["outcome"], told["status"]) == ("reject", 401)
    assert told["refusal"]["name"] == "token-missing"
    assert told["credential"]["verdict"] == "token-missing"
    assert told["upstream"] is told["request"] is None
    assert told["providers"] == ["main"]


def test_a_token_that_nobody_accepts_is_explained(explain: Explain) -> None:
    head, payload, _ = TOKEN.split(".")
    forged = f"{head}.{payload}.{'A' * 43}"
    told = explain("/users/1", ("Authorization", f"Bearer {forged}"))
    assert told["refusal"]["name"] == "token-invalid"
    (tried,) = told["credential"]["tried"]
    assert (tried["provider"], tried["why"]) == ("main", "bad-signature")
    assert told["credential"]["says"]["subject"] == "ada"
    assert "AAAA" not in json.dumps(told)


def test_an_answer_of_the_gateways_own_is_explained(explain: Explain) -> None:
    told = explain("/fixed")
    assert (told["outcome"], told["status"], told["answer"]["kind"]) == ("respond", 201, "fixed")
    assert told["answer"]["headers"] == [["X-Key-Id", "7"]]
    assert explain("/health")["answer"]["kind"] == "health"


def test_text_travels_as_a_terminal_would_send_it(explain: Explain) -> None:
    told = explain("/users/1", BEARER, ("X-Name", "Zoë"), ("X-Other", "日本"))
    sent = dict(told["request"]["headers"])
    assert sent["X-Name"] == "Zoë"
    assert sent["X-Other"].encode("latin-1").decode() == "日本"


def test_a_client_without_an_address_is_no_request(gateway: RunningGateway) -> None:
    asked = {"method": "GET", "target": "/", "headers": [], "client": "x", "secure": False}
    with pytest.raises(ValueError, match="no IP address"):
        gateway.call(lambda: gateway.gateway.explain(asked))
