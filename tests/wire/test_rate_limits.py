"""How much may be asked for, as clients and upstreams see it.

Windows last an hour, so that what was counted is still there at the end of a test; that a bucket
may end meanwhile changes no whole number.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import threading
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.support.client import chunk, chunked, request
from tests.support.gateway import configuration, route
from tests.support.patience import PATIENCE, wait
from tests.support.redis import RedisServer
from tests.support.upstream import Conversation, Script, answering, listening, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import StartGateway, StartUpstream
    from tests.support.gateway import Document, RunningGateway
    from tests.support.messages import Response
    from tests.wire.conftest import Proxied

FIELDS = (
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
THEIRS = [
    'RateLimit-Policy: "theirs";q=9;w=9',
    'ratelimit: "theirs";r=8;t=8',
    "X-RateLimit-Limit: 7",
    "x-ratelimit-remaining: 6",
    "X-RateLimit-Reset: 5",
]
SECRET = "a secret of thirty-two bytes or more"  # noqa: S105
PEPPER = "a pepper of thirty-two bytes or more"
PROVIDER = {"issuer": "https://idp.test", "audiences": ["api"], "secrets": [{"value": SECRET}]}
ASKING = request("GET", "/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def limited(quota: int = 3, **policy: Any) -> Document:  # noqa: ANN401
    """One policy on every route that says nothing of its own."""
    section = {"by": "ip", "quota": quota, "window": "1h"} | policy
    return {"rate_limits": {"all": section}, "default_rate_limits": ["all"]}


def remaining(response: Response) -> int:
    """What the client is told that is left."""
    return int(response.header("X-RateLimit-Remaining") or "-1")


def bearer(subject: str, **claims: object) -> str:
    """The line with a token of the provider."""
    known = {"iss": "https://idp.test", "aud": "api", "sub": subject}
    times = {"iat": int(time.time()), "exp": int(time.time()) + 600}
    return f"Authorization: Bearer {jwt.encode(known | times | claims, SECRET, 'HS256')}"


def statuses(gateway: RunningGateway, count: int, *lines: str, target: str = "/") -> list[int]:
    """What becomes of so many requests on one connection."""
    with gateway.client() as client:
        raw = request("GET", target, *lines)
        return [client.exchange(raw).status for _ in range(count)]


# --- what responses say ---------------------------------------------------------------------------


def test_every_kind_of_response_says_how_the_client_stands(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    gone = listening()
    dead = f"http://127.0.0.1:{gone.getsockname()[1]}"
    gone.close()
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    upstreams = {"app": start_upstream(answering(ok(), missing)).url, "dead": dead}
    routes = [
        route("app", "/app", upstream="app"),
        route("dead", "/dead", upstream="dead"),
        route("moved", "/moved", redirect={"location": "https://b.test/", "status": 307}),
        route("fixed", "/fixed", respond={"status": 203, "body": "x"}),
    ]
    gateway = start_gateway(configuration(upstreams, routes=routes, **limited(10)))
    visits = [("/fixed", 203), ("/moved", 307), ("/dead", 502), ("/app", 200), ("/app", 404)]
    with gateway.client() as client:
        for left, (target, status) in zip(range(9, -1, -1), visits, strict=False):
            response = client.exchange(request("GET", target))
            assert response.status == status
            assert response.header("RateLimit-Policy") == '"all";q=10;w=3600'
            assert (response.header("RateLimit") or "").startswith(f'"all";r={left};t=')
            assert response.header("X-RateLimit-Limit") == "10"
            assert remaining(response) == left
            assert 0 < int(response.header("X-RateLimit-Reset") or "0") <= 3600


def test_what_upstreams_say_of_limits_would_be_taken_for_the_gateways(proxied: Proxied) -> None:
    unlimited = limited()
    unlimited["rate_limits"]["shadow"] = {
        "by": "ip",
        "quota": 1,
        "window": "1h",
        "shadow": True,
    }
    gateway, _ = proxied(
        answering(ok(b"ok", *THEIRS)),
        **unlimited,
        routes=[
            route("limited", "/limited", upstream="app"),
            route("free", "/free", upstream="app", rate_limits=[]),
            route("shadow", "/shadow", upstream="app", rate_limits=["shadow"]),
        ],
    )
    ours = gateway.fetch(request("GET", "/limited"))
    assert [value for name in FIELDS[2:4] for value in ours.all(name)] == ["3", "2"]
    assert b"theirs" not in ours.raw
    assert all(len(ours.all(name)) == 1 for name in FIELDS)
    for target in ("/free", "/shadow", "/shadow"):
        theirs = gateway.fetch(request("GET", target))
        assert theirs.status == 200
        found = [f"{name}: {value}" for name, value in theirs.fields if "ratelimit" in name.lower()]
        assert found == THEIRS


def test_a_routes_own_word_about_a_field_counts(proxied: Proxied) -> None:
    headers = {"response": {"set": {"x-ratelimit-limit": "many"}, "remove": ["RateLimit"]}}
    gateway, _ = proxied(
        answering(ok(b"ok", *THEIRS)),
        **limited(1),
        routes=[route("app", "/*", upstream="app", headers=headers)],
    )
    for status in (200, 429):
        response = gateway.fetch(request())
        assert response.status == status
        assert response.all("X-RateLimit-Limit") == ["many"]
        assert response.all("RateLimit") == []
        assert response.all("X-RateLimit-Remaining") == ["0"]


def test_the_numbers_are_those_of_the_tightest(proxied: Proxied) -> None:
    policies = {
        "wide": {"by": "ip", "quota": 100, "window": "1h"},
        "tight": {"by": "global", "quota": 2, "window": "2h"},
        "flying": {"by": "ip", "concurrency": 7},
    }
    gateway, _ = proxied(rate_limits=policies, default_rate_limits=[*policies])
    response = gateway.fetch(request())
    assert response.header("RateLimit-Policy") == (
        '"wide";q=100;w=3600, "tight";q=2;w=7200, "flying";q=7;qu="concurrent-requests"'
    )
    assert (response.header("RateLimit") or "").endswith('"flying";r=6')
    assert (response.header("X-RateLimit-Limit"), remaining(response)) == ("2", 1)
    assert statuses(gateway, 2) == [200, 429]
    refused = gateway.fetch(request())
    assert refused.problem()["violated_policies"] == ["tight"]
    assert '"wide";r=98;' in (refused.header("RateLimit") or "")


# --- refusals -------------------------------------------------------------------------------------


def test_a_refusal_is_a_problem_with_everything_around_it(proxied: Proxied) -> None:
    cors = {"origins": ["https://app.test"]}
    gateway, upstream = proxied(
        **limited(1), routes=[route("app", "/*", upstream="app", cors=cors)]
    )
    origin = "Origin: https://app.test"
    assert gateway.fetch(request("GET", "/a", origin)).status == 200
    upstream.next_request()
    response = gateway.fetch(request("GET", "/a//b?secret=1", origin))
    assert (response.status, response.reason) == (429, "Too Many Requests")
    document = response.problem("rate-limited")
    assert document["violated_policies"] == ["all"]
    assert document["instance"] == "/a/b"
    assert document.keys() == {
        *("type", "title", "status", "detail", "instance", "request_id", "violated_policies")
    }
    assert 3600 <= int(response.header("Retry-After") or "0") <= 7200
    assert response.header("Retry-After") == response.header("X-RateLimit-Reset")
    assert response.header("Cache-Control") == "no-store"
    assert response.header("Access-Control-Allow-Origin") == "https://app.test"
    assert response.header("X-Content-Type-Options") == "nosniff"
    assert remaining(response) == 0
    upstream.no_request()


def test_a_refused_head_has_no_body(proxied: Proxied) -> None:
    gateway, _ = proxied(**limited(1))
    with gateway.client() as client:
        assert client.exchange(request()).status == 200
        client.send(request("HEAD", "/"), request())
        head = client.response("HEAD")
        assert (head.status, head.body) == (429, b"")
        full = client.response()
        assert head.header("Content-Length") == str(len(full.body))


BODY = b"x" * 70_000
CLOSING = pytest.mark.parametrize(
    ("raw", "closes"),
    [
        (request("POST", "/", body=b"small"), False),
        (request("POST", "/", body=b"x" * 60_000), False),
        (request("POST", "/", body=BODY), True),
        (request("POST", "/", "Transfer-Encoding: chunked") + chunked(b"a", b"b"), True),
        (request("POST", "/", "Expect: 100-continue", "Content-Length: 5"), True),
        (request("GET", "/", "Connection: close"), True),
    ],
    ids=["small", "middling", "large", "chunked", "expecting", "last"],
)


@CLOSING
def test_a_refusal_ends_the_connection_only_where_a_body_is_long(
    proxied: Proxied, raw: bytes, closes: bool
) -> None:
    gateway, upstream = proxied(**limited(1))
    assert gateway.fetch(request()).status == 200
    upstream.next_request()
    with gateway.client() as client:
        client.send_while_accepted(raw)
        response = client.response()
        assert (response.status, response.closes) == (429, closes)
        assert response.interims == ()
        if closes:
            client.ended()
        else:
            assert client.exchange(request()).status == 429
    upstream.no_request()


def test_a_body_that_comes_after_the_refusal_is_thrown_away(proxied: Proxied) -> None:
    gateway, upstream = proxied(**limited(1))
    with gateway.client() as client:
        assert client.exchange(request()).status == 200
        upstream.next_request()
        client.send(request("POST", "/", "Content-Length: 6"))
        assert client.response().status == 429
        client.send(b"GET / ", request("GET", "/again"))
        assert client.response().status == 429
    upstream.no_request()


def test_an_old_client_is_counted_and_refused_as_any(proxied: Proxied) -> None:
    gateway, _ = proxied(**limited(1))
    for status in (200, 429):
        with gateway.client() as client:
            response = client.exchange(request(version="1.0"))
            assert (response.status, remaining(response)) == (status, 0)
            client.ended()


# --- what is charged ------------------------------------------------------------------------------


def numbered(conversation: Conversation) -> None:
    """Answer each request with its target."""
    while True:
        conversation.send(ok(conversation.request().target.encode()))


def test_pipelined_requests_are_each_charged_once_and_answered_in_order(proxied: Proxied) -> None:
    gateway, upstream = proxied(numbered, **limited(20))
    with gateway.client() as client:
        client.send(b"".join(request(target=f"/{number}") for number in range(25)))
        answers = [client.response() for _ in range(25)]
    assert [answer.status for answer in answers] == [200] * 20 + [429] * 5
    assert [answer.body for answer in answers[:20]] == [b"/%d" % n for n in range(20)]
    assert [answer.problem()["instance"] for answer in answers[20:]] == [
        f"/{number}" for number in range(20, 25)
    ]
    assert [remaining(answer) for answer in answers] == [*range(19, -1, -1), *[0] * 5]
    assert [upstream.next_request().target for _ in range(20)] == [f"/{n}" for n in range(20)]
    upstream.no_request()


def stale(answered: threading.Event) -> Script:
    """Answer once, and close as soon as the next request has arrived."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(ok())
        wait(answered, "the reading of the first response")
        conversation.head()

    return script


def test_a_request_that_is_sent_again_is_charged_once(proxied: Proxied) -> None:
    answered = threading.Event()
    gateway, upstream = proxied(stale(answered), answering(ok()), **limited(10))
    with gateway.client() as client:
        assert remaining(client.exchange(request())) == 9
        answered.set()
        assert remaining(client.exchange(request())) == 8
    assert len(upstream.conversations) == 2
    assert remaining(gateway.fetch(request())) == 7


FREE = {
    "without a token": (request("GET", "/closed"), 401),
    "with a bad token": (request("GET", "/closed", "Authorization: Bearer x"), 401),
    "without the scope": (request("GET", "/closed", bearer("ada")), 403),
    "to nowhere": (request("GET", "/nowhere"), 404),
    "with a wrong method": (request("DELETE", "/open"), 405),
    "with too large a body": (request("POST", "/open", body=b"x" * 101), 413),
    "in bad shape": (request("GET", "/open", "Content-Length: x"), 400),
    "for another host": (request("GET", "/open", host="a b"), 400),
    "for an unknown coding": (request("POST", "/open", "Transfer-Encoding: gzip, chunked"), 501),
    "with an expectation": (request("POST", "/open", "Expect: x", "Content-Length: 0"), 417),
    "about health": (request("GET", "/health"), 200),
    "ahead of another": (
        request("OPTIONS", "/open", "Origin: https://a.test", "Access-Control-Request-Method: GET"),
        204,
    ),
}


def test_requests_that_never_get_as_far_cost_nothing(proxied: Proxied) -> None:
    methods = {"methods": ["GET", "POST"]}
    guard = {"provider": "main", "scopes": ["admin"]}
    gateway, _ = proxied(
        **limited(3),
        auth={"providers": {"main": PROVIDER}},
        limits={"body_bytes": 100},
        routes=[
            route("open", "/open", upstream="app", match=methods, cors={"origins": ["*"]}),
            route("closed", "/closed", upstream="app", auth=guard),
        ],
    )
    assert remaining(gateway.fetch(request("GET", "/open"))) == 2
    for what, (raw, status) in FREE.items():
        response = gateway.fetch(raw)
        assert response.status == status, what
        assert not {name.lower() for name in FIELDS} & response.names(), what
    assert remaining(gateway.fetch(request("GET", "/open"))) == 1


# --- who counts -----------------------------------------------------------------------------------


def test_users_have_a_quota_each_wherever_they_are(proxied: Proxied) -> None:
    gateway, _ = proxied(
        **limited(2, by="user", tiers={"gold": 4}),
        auth={"providers": {"main": PROVIDER}},
        routes=[route("app", "/*", upstream="app", auth={"provider": "main", "optional": True})],
    )
    ada, again, gold = bearer("ada"), bearer("ada", jti="2"), bearer("bob", tier="gold")
    assert statuses(gateway, 2, ada) == [200, 200]
    assert statuses(gateway, 1, again) == [429]
    assert statuses(gateway, 5, gold) == [200] * 4 + [429]
    assert statuses(gateway, 3) == [200, 200, 429]


def test_keys_of_one_owner_count_apart_or_together(proxied: Proxied) -> None:
    def entry(name: str) -> dict[str, str]:
        digest = hmac.new(PEPPER.encode(), name.encode(), hashlib.sha256).hexdigest()
        return {"id": name, "hash": digest, "owner": "acme"}

    keys = {"api_keys": {"pepper": PEPPER, "keys": [entry("key-one"), entry("key-two")]}}
    policies = {
        "key": {"by": "api_key", "quota": 2, "window": "1h"},
        "owner": {"by": "user", "quota": 3, "window": "1h"},
    }
    gateway, _ = proxied(
        rate_limits=policies,
        default_rate_limits=[*policies],
        auth={"providers": {"keys": keys}},
        routes=[route("app", "/*", upstream="app", auth={"provider": "keys"})],
    )
    assert statuses(gateway, 3, "X-API-Key: key-one") == [200, 200, 429]
    assert statuses(gateway, 2, "X-API-Key: key-two") == [200, 429]
    with gateway.client() as client:
        one, two = (
            client.exchange(request("GET", "/", f"X-API-Key: key-{name}")).problem()
            for name in ("one", "two")
        )
    assert one["violated_policies"] == ["key", "owner"]
    assert two["violated_policies"] == ["owner"]


@pytest.mark.parametrize("secret", [SECRET, None])
def test_the_variables_of_earlier_gateways(start_gateway: StartGateway, secret: str | None) -> None:
    """Per user where there are users, per address where there are none."""
    environment = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_REQUESTS_PER_MINUTE": "2"}
    guard: Document = {"auth": "none"}
    if secret is not None:
        environment["JWT_SECRET_KEY"] = secret
        guard = {"auth": {"optional": True}}
    answer = {"respond": {"status": 200, "body": "x"}}
    document = configuration(
        {}, routes=[{"name": "app", "match": {"paths": ["/*"]}} | guard | answer]
    )
    gateway = start_gateway(document, environment=environment)
    for subject in ("ada", "bob") if secret else ("ada",):
        token = jwt.encode({"sub": subject, "exp": int(time.time()) + 600}, SECRET, "HS256")
        raw = request("GET", "/", f"Authorization: Bearer {token}")
        responses = [gateway.fetch(raw) for _ in range(3)]
        assert [response.status for response in responses] == [200, 200, 429]
        assert responses[0].header("RateLimit-Policy") == '"per-user";q=2;w=60'
    assert statuses(gateway, 3) == ([200, 200, 429] if secret else [429] * 3)


# --- in flight ------------------------------------------------------------------------------------

ONE_AT_A_TIME = {
    "rate_limits": {"one": {"by": "ip", "concurrency": 1}},
    "default_rate_limits": ["one"],
}


def test_a_request_holds_its_place_until_the_end_of_its_response(proxied: Proxied) -> None:
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
        wait(go, "the test's word")
        conversation.send(chunk(b""))

    gateway, _ = proxied(script, answering(ok()), **ONE_AT_A_TIME)
    with gateway.client() as client:
        client.send(request())
        assert client.head()[0] == 200
        refused = gateway.fetch(request())
        assert refused.problem("rate-limited")["violated_policies"] == ["one"]
        assert refused.header("Retry-After") == "1"
        go.set()
        client.exactly(len(chunk(b"a") + chunk(b"")))
        assert client.exchange(request()).status == 200
    assert statuses(gateway, 3) == [200, 200, 200]


def test_a_tunnel_is_one_request_for_as_long_as_it_lasts(proxied: Proxied) -> None:
    def tunnel(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(SWITCHING)
        conversation.until_closed()

    keys = limited(3, concurrency=1)
    gateway, upstream = proxied(tunnel, answering(ok()), **keys)
    with gateway.client() as client:
        client.send(ASKING)
        status, headers = client.head()
        assert (status, headers["x-ratelimit-remaining"]) == (101, "2")
        refused = gateway.fetch(request())
        assert refused.problem("rate-limited")["violated_policies"] == ["all"]
    upstream.ended()
    gateway.settle()
    response = gateway.fetch(request())
    assert (response.status, remaining(response)) == (200, 1)


def test_a_pipelined_request_is_in_flight_only_in_its_turn(proxied: Proxied) -> None:
    gateway, _ = proxied(numbered, **ONE_AT_A_TIME)
    with gateway.client() as client:
        client.send(b"".join(request(target=f"/{number}") for number in range(10)))
        assert [client.response().status for _ in range(10)] == [200] * 10


# --- with a store ---------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[RedisServer]:
    """A store, with which all gateways of a test count."""
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def gateways(
    shared: RedisServer, start_upstream: StartUpstream, start_gateway: StartGateway
) -> Callable[..., list[RunningGateway]]:
    """Start some, with one policy, that know that the store is there."""

    def start(count: int, quota: int, mode: str, **policy: Any) -> list[RunningGateway]:  # noqa: ANN401
        upstream = start_upstream(answering(ok()))
        keys = limited(quota, mode=mode, on_store_failure="closed", **policy)
        redis = {"url": shared.url, "timeout": "2s"}
        document = configuration({"app": upstream.url}, redis=redis, **keys)
        started = [start_gateway(document) for _ in range(count)]
        for gateway in started:
            await_store(gateway, count)
        return started

    return start


def await_store(gateway: RunningGateway, count: int) -> None:
    """Return once a gateway knows of the store, and of all the others."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        store = limits_of(gateway)["store"]
        if store["up"] and store["gateways"] == count:
            return
        gateway.settle()
    raise AssertionError("the store is not known")


def limits_of(gateway: RunningGateway) -> dict[str, Any]:
    """What a gateway says of its limits."""
    found: dict[str, Any] = gateway.statistics()["rate_limits"]
    return found


def node(gateway: RunningGateway) -> dict[str, Any]:
    """What a gateway says of the store's only node."""
    (found,) = limits_of(gateway)["store"]["nodes"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("mode", ["strict", "leased"])
def test_gateways_admit_together_what_one_may(
    gateways: Callable[..., list[RunningGateway]], mode: str
) -> None:
    several = gateways(2, 30, mode)
    seen = [gateway.fetch(request()).status for _ in range(30) for gateway in several]
    assert sorted(set(seen)) == [200, 429]
    assert seen.count(200) == 30 if mode == "strict" else seen.count(200) <= 30
    refused = several[0].fetch(request())
    refused.problem("rate-limited")
    assert remaining(refused) == 0
    assert int(refused.header("Retry-After") or "0") > 0


def test_strict_answers_are_the_stores(gateways: Callable[..., list[RunningGateway]]) -> None:
    one, two = gateways(2, 3, "strict")
    answers = [gateway.fetch(request()) for gateway in (one, two, one, two, one)]
    assert [answer.status for answer in answers] == [200] * 3 + [429] * 2
    assert [remaining(answer) for answer in answers] == [2, 1, 0, 0, 0]
    assert answers[3].header("RateLimit-Policy") == '"all";q=3;w=3600'


def test_who_was_refused_does_not_reach_the_store_again(
    gateways: Callable[..., list[RunningGateway]],
) -> None:
    (gateway,) = gateways(1, 1, "strict")
    assert statuses(gateway, 2) == [200, 429]
    asked = limits_of(gateway)["store"]["acquired"]
    assert statuses(gateway, 50) == [429] * 50
    assert limits_of(gateway)["store"]["acquired"] == asked == 2


@pytest.mark.parametrize("mode", ["strict", "leased"])
def test_what_is_asked_in_one_turn_is_one_write(
    gateways: Callable[..., list[RunningGateway]], mode: str
) -> None:
    """Connections whose requests have arrived before the loop looks are read in one turn."""
    (gateway,) = gateways(1, 100, mode, by={"header": "X-Key"})
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(gateway.client()) for _ in range(20)]
        # Redis learns the script from the first request, which is sent twice for that.
        assert statuses(gateway, 1) == [200]
        before = node(gateway)
        held, go = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            wait(go, "the test's word")

        thread = threading.Thread(target=gateway.call, args=(hold,))
        thread.start()
        wait(held, "the loop")
        for number, client in enumerate(clients):
            client.send(request("GET", "/", f"X-Key: {number}"))
        go.set()
        thread.join(PATIENCE)
        answers = [client.response() for client in clients]
        after = node(gateway)
    assert [answer.status for answer in answers] == [200] * 20
    assert after["commands"] - before["commands"] >= 20
    # A heartbeat may fall into it.
    assert after["writes"] - before["writes"] <= 3


def test_a_lease_is_spent_without_asking(gateways: Callable[..., list[RunningGateway]]) -> None:
    (gateway,) = gateways(1, 1000, "leased")
    assert statuses(gateway, 300) == [200] * 300
    assert limits_of(gateway)["store"]["acquired"] < 60
    assert limits_of(gateway)["policies"]["all"]["admitted"] == 300


def test_pipelined_requests_wait_for_the_store_in_their_order(
    gateways: Callable[..., list[RunningGateway]],
) -> None:
    (gateway,) = gateways(1, 7, "strict")
    with gateway.client() as client:
        client.send(b"".join(request(target=f"/{number}") for number in range(10)))
        answers = [client.response() for _ in range(10)]
    assert [answer.status for answer in answers] == [200] * 7 + [429] * 3
    assert [remaining(answer) for answer in answers] == [6, 5, 4, 3, 2, 1, 0, 0, 0, 0]


def test_a_body_waits_with_its_request(gateways: Callable[..., list[RunningGateway]]) -> None:
    (gateway,) = gateways(1, 2, "strict")
    with gateway.client() as client:
        for status in (200, 200, 429):
            answer = client.exchange(request("POST", "/", body=b"x" * 50_000))
            assert (answer.status, answer.closes) == (status, False)


def test_without_its_store_a_closed_policy_answers_503(
    shared: RedisServer, gateways: Callable[..., list[RunningGateway]]
) -> None:
    (gateway,) = gateways(1, 5, "strict")
    assert statuses(gateway, 1) == [200]
    shared.kill()
    response = gateway.fetch(request())
    assert response.problem("rate-limit-unavailable")
    assert (response.status, response.header("Retry-After")) == (503, "1")
    shared.start()
    await_store(gateway, 1)
    assert statuses(gateway, 1) == [200]
