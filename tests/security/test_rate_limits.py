"""Attacks on rate limits: to have more than the quota, or to spend that of somebody else."""

from __future__ import annotations

import os
import resource
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pygateway._core import Arena, Forward, Gate, Reject, SpecError, Unfunded
from pygateway.config import gate_specification, load_text
from pygateway.errors import ConfigurationError
from tests.security.forging import claims, shared
from tests.security.fortress import bearer
from tests.support.client import Client, chunk, request
from tests.support.gateway import RunningGateway, configuration, route
from tests.support.patience import PATIENCE, wait
from tests.support.redis import RedisServer
from tests.support.upstream import Conversation, answering, ok

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import StartGateway, StartUpstream
    from tests.security.fortress import Fortress
    from tests.support.gateway import Document

HOST = (b"Host", b"a.example")
NOW = 1_790_000_000.25
CLIENT, PROXY = "198.51.100.7", "10.0.0.1"
Lines = list[tuple[bytes, bytes]]


def limits(**policy: Any) -> Document:  # noqa: ANN401
    """One policy on every route, of two requests an hour."""
    section = {"by": "ip", "quota": 2, "window": "1h"} | policy
    if "concurrency" in policy and "quota" not in policy:
        del section["quota"], section["window"]
    return {"rate_limits": {"all": section}, "default_rate_limits": ["all"]}


class Turnstile:
    """The native door alone, with one policy; requests that nobody knows, but for their lines."""

    def __init__(self, arena: Arena | None = None, **policy: Any) -> None:  # noqa: ANN401
        keys = limits(**policy) | {"trusted_proxies": ["10.0.0.0/8"]}
        if policy.get("mode", "local") != "local":
            keys["redis"] = "redis://127.0.0.1:1"
        config = load_text(_yaml(configuration({"app": "http://127.0.0.1:9"}, **keys)))
        self.gate = Gate(gate_specification(config), bytes(32), arena)

    def ask(
        self, lines: Lines | None = None, address: str = CLIENT, now: float = NOW
    ) -> Forward | Reject | Unfunded:
        """What becomes of a request."""
        peer = self.gate.peer(address, False)
        decision = self.gate.decide(b"GET", b"/", [HOST, *(lines or [])], peer, now)
        assert isinstance(decision, (Forward, Reject, Unfunded))
        return decision

    def admitted(self, *each: Lines, address: str = CLIENT) -> int:
        """How many of these requests go on."""
        return sum(isinstance(self.ask(lines, address), Forward) for lines in each)


def _yaml(document: Document) -> str:
    import json

    return json.dumps(document)


# --- other names for oneself ----------------------------------------------------------------------


def test_whoever_is_not_trusted_cannot_be_somebody_else() -> None:
    made_up: list[Lines] = [
        [(name, b"203.0.113.%d" % number)]
        for number in range(20)
        for name in (b"X-Forwarded-For", b"X_Forwarded_For", b"X-Real-IP", b"Forwarded")
    ]
    assert Turnstile().admitted(*made_up) == 2


def test_a_client_behind_a_proxy_cannot_be_somebody_else() -> None:
    """What stands left of the address that the proxy has written is the client's own word."""
    made_up: list[Lines] = [
        [(b"X-Forwarded-For", b"203.0.113.%d, 192.0.2.1" % number)] for number in range(20)
    ]
    apart: list[Lines] = [
        [(b"X-Forwarded-For", b"203.0.113.%d" % number), (b"x-forwarded-for", b"192.0.2.1")]
        for number in range(20)
    ]
    assert Turnstile().admitted(*made_up, *apart, address=PROXY) == 2


def test_an_address_in_another_spelling_is_the_same_address() -> None:
    turnstile = Turnstile()
    spellings = (
        b"192.0.2.1",
        b"::ffff:192.0.2.1",
        b"[::ffff:c000:201]",
        b"192.0.2.1:4711",
        b"0:0:0:0:0:FFFF:192.0.2.1",
    )
    seen = [[(b"X-Forwarded-For", spelling)] for spelling in spellings]
    assert turnstile.admitted(*seen, address=PROXY) == 2
    household = (b"2001:db8::1", b"2001:DB8:0:0:ffff::2", b"[2001:db8::3]:1", b"2001:db8::4%eth0")
    seen = [[(b"X-Forwarded-For", spelling)] for spelling in household]
    assert turnstile.admitted(*seen, address=PROXY) == 2


def test_a_key_in_another_spelling_is_the_same_key() -> None:
    spellings: list[Lines] = [
        [(name, value)]
        for name in (b"X-Tenant", b"x-tenant", b"X_Tenant", b"x_TENANT")
        for value in (b"a", b" a", b"a\t")
    ]
    turnstile = Turnstile(by={"header": "X-Tenant"})
    assert turnstile.admitted(*spellings) == 2
    assert turnstile.admitted([(b"X-Tenant", b"A")], [(b"X-Tenant", b"a" * 8000)]) == 2


def test_leaving_the_key_out_is_no_way_around() -> None:
    for by in ("user", "api_key", {"header": "X-Tenant"}, {"claim": "org"}):
        turnstile = Turnstile(by=by)
        assert turnstile.admitted(*[[]] * 10) == 2
        assert turnstile.admitted([], address="198.51.100.8") == 1


def test_what_is_lacking_counts_as_no_user_of_that_name() -> None:
    """An address is not a header with the same bytes, nor the other way round."""
    turnstile = Turnstile(by={"header": "X-Tenant"})
    address = "198.51.100.65"
    made_up: list[Lines] = [
        [(b"X-Tenant", value)] for value in (address.encode(), b"\xc6\x33\x64\x41", b"4")
    ]
    assert turnstile.admitted(*made_up, *made_up, address=address) == 6
    assert turnstile.admitted([], [], [], address=address) == 2


# --- costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"0", b"-5", b"9" * 300, b"1"])
def test_a_cost_is_believed_from_nobody_else(value: bytes) -> None:
    turnstile = Turnstile(quota=5, cost_header="X-Cost")
    names = (b"X-Cost", b"x_cost")
    assert turnstile.admitted(*[[(name, value)] for name in names for _ in range(10)]) == 5


@pytest.mark.parametrize(
    "value",
    [b"", b"-1", b"+1", b"1.0", b"1e3", b"0x0", b"1 0", b"1,0", b"\xd9\xa0", b"\xb2", b"none"],
)
def test_a_cost_that_is_no_number_is_the_usual_one(value: bytes) -> None:
    turnstile = Turnstile(quota=5, cost_header="X-Cost")
    line = (b"X-Cost", value)
    assert turnstile.admitted(*[[line]] * 10, address=PROXY) == 5


def test_two_costs_are_none() -> None:
    turnstile = Turnstile(quota=5, cost_header="X-Cost")
    twice: Lines = [(b"X-Cost", b"0"), (b"X_Cost", b"0")]
    assert turnstile.admitted(*[twice] * 10, address=PROXY) == 5


def test_a_huge_cost_takes_all_and_no_more() -> None:
    turnstile = Turnstile(quota=5, cost_header="X-Cost")
    huge: Lines = [(b"X-Cost", b"99999999999999999999")]
    assert turnstile.admitted(huge, huge, [], address=PROXY) == 1
    refused = turnstile.ask(huge, PROXY)
    assert isinstance(refused, Reject)
    assert 0 < int(refused.headers[0][1]) <= 7200
    assert isinstance(turnstile.ask(huge, PROXY, NOW + 7200), Forward)


# --- time and memory ------------------------------------------------------------------------------


@pytest.mark.parametrize("length", ["1s", "60s"])
def test_a_clock_that_jitters_admits_nobody_twice(length: str) -> None:
    seconds = float(length[:-1])
    edge = NOW // seconds * seconds + seconds
    turnstile = Turnstile(quota=7, window=length)
    times = [edge + (number * 7 % 11 - 5) / 1000 for number in range(500)]
    decisions = [turnstile.ask(now=now) for now in times]
    assert sum(isinstance(decision, Forward) for decision in decisions) == 7


def arena(slots: int) -> Arena:
    """A table of its own."""
    descriptor = os.memfd_create("arena")
    try:
        return Arena.create(descriptor, slots)
    finally:
        os.close(descriptor)


def test_a_flood_of_keys_costs_no_memory_and_lifts_no_limit() -> None:
    """Known keys keep what they have, and all others together have one quota."""
    turnstile = Turnstile(arena(1024), by={"header": "X-Key"}, quota=3)
    known: list[Lines] = [[(b"X-Key", b"known-%d" % number)] for number in range(50)]
    assert turnstile.admitted(*known * 2) == 100
    flood: list[Lines] = [[(b"X-Key", b"%d" % number)] for number in range(100_000)]
    assert turnstile.admitted(*flood[:10_000]) <= 1024 + 3
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert turnstile.admitted(*flood[10_000:]) == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024
    assert turnstile.admitted(*known) == 50
    assert turnstile.admitted(*known) == 0


def test_room_that_a_flood_has_taken_comes_back_with_time() -> None:
    turnstile = Turnstile(arena(1024), by={"header": "X-Key"}, quota=1, window="1s")
    for number in range(5000):
        turnstile.ask([(b"X-Key", b"%d" % number)])
    fresh: list[Lines] = [[(b"X-Key", b"fresh-%d" % number)] for number in range(200)]
    assert turnstile.admitted(*fresh) == 0
    later = [turnstile.ask(lines, now=NOW + 3) for lines in fresh]
    assert all(isinstance(decision, Forward) for decision in later)


# --- what is granted ------------------------------------------------------------------------------


def test_a_grant_is_spent_once_and_by_nobody_else() -> None:
    turnstile = Turnstile(by={"header": "X-Key"}, mode="strict")
    gate = turnstile.gate
    gate.set_store(True, 1, 1)
    mine: Lines = [HOST, (b"X-Key", b"mine")]
    peer = gate.peer(CLIENT, False)
    asked = turnstile.ask(mine[1:])
    assert isinstance(asked, Unfunded)
    bucket = int(NOW * 1000) // 3_600_000
    funding = gate.fund(asked, [(1, 0, bucket, 1000, 0)], NOW, NOW)

    def with_it(lines: Lines) -> object:
        return gate.decide(b"GET", b"/", lines, peer, NOW, 11, None, funding)

    assert isinstance(with_it([HOST, (b"X-Key", b"theirs")]), Unfunded)
    assert isinstance(with_it(mine), Forward)
    assert isinstance(with_it(mine), Unfunded)
    assert funding.refunds(NOW) == []


def test_a_grant_of_another_gate_is_worth_nothing() -> None:
    one, two = (Turnstile(mode="strict") for _ in range(2))
    for turnstile in (one, two):
        turnstile.gate.set_store(True, 1, 1)
    asked = one.ask()
    assert isinstance(asked, Unfunded)
    funding = one.gate.fund(asked, [(1, 0, 0, 1000, 0)], NOW, NOW)
    peer = two.gate.peer(CLIENT, False)
    with_it = two.gate.decide(b"GET", b"/", [HOST], peer, NOW, 11, None, funding)
    assert isinstance(with_it, Unfunded)


# --- who the token says that it is ----------------------------------------------------------------


def test_no_claim_breaks_out_of_the_key_or_into_the_answer(
    build: Callable[..., Fortress],
) -> None:
    """Whatever a subject looks like, it has one quota of its own."""
    fortress = build(**limits(by="user", quota=1))
    subjects = ['a"', "a\\", "a\r\nRateLimit: x", "a\x00", "a,b", "\u202e", "x" * 200]
    for subject in subjects:
        line = bearer(shared(claims(sub=subject)))
        seen = [fortress.gateway.fetch(request("GET", "/shared/a", line)) for _ in range(2)]
        assert [response.status for response in seen] == [200, 429], subject
        assert seen[1].problem()["violated_policies"] == ["all"]
        assert seen[1].header("RateLimit-Policy") == '"all";q=1;w=3600'


@pytest.mark.parametrize("value", [{"id": 1}, ["a"], None, 10**30])
def test_a_claim_that_is_no_single_value_counts_by_address(
    build: Callable[..., Fortress], value: object
) -> None:
    fortress = build(**limits(by={"claim": "org"}, quota=2))
    lines = [bearer(shared(claims(org=value, jti=str(number)))) for number in range(3)]
    answers = [fortress.gateway.fetch(request("GET", "/shared/a", line)) for line in lines]
    assert [answer.status for answer in answers] == [200, 200, 429]


def test_a_policy_stands_once_on_a_route() -> None:
    keys = limits() | {"routes": [route("app", upstream="app", rate_limits=["all", "all"])]}
    with pytest.raises(ConfigurationError):
        load_text(_yaml(configuration({"app": "http://127.0.0.1:9"}, **keys)))
    config = load_text(_yaml(configuration({"app": "http://127.0.0.1:9"}, **limits())))
    once = b'{"policy":0,"cost":1}'
    specification = gate_specification(config).replace(b" ", b"")
    assert once in specification
    with pytest.raises(SpecError):
        Gate(specification.replace(once, once + b"," + once), bytes(32))


# --- leaving in every phase -----------------------------------------------------------------------


def admits_again(gateway: RunningGateway) -> None:
    """The only place is free again, or will be once the gateway has seen that somebody has left."""
    deadline = time.monotonic() + PATIENCE
    while gateway.fetch(request("GET", "/after")).status != 200:
        assert time.monotonic() < deadline, "a place was lost"
        gateway.settle()


def silent(conversation: Conversation) -> None:
    """Read, and never answer; but for those who come after the attack."""
    if b" /after " in conversation.head():
        conversation.send(ok())
    conversation.until_closed()


def endless(conversation: Conversation) -> None:
    """Begin an answer and never end it."""
    if b" /after " in conversation.head():
        conversation.send(ok())
    else:
        conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
    conversation.until_closed()


def tunnel(conversation: Conversation) -> None:
    """Switch protocols where that is asked for."""
    if b"websocket" in conversation.head():
        conversation.send(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    else:
        conversation.send(ok())
    conversation.until_closed()


PHASES = {
    "while sending": (request("POST", "/", "Content-Length: 100000") + b"x" * 50_000, silent),
    "before sending": (request("POST", "/", "Content-Length: 5", "Expect: 100-continue"), silent),
    "while waiting": (request(), silent),
    "while reading": (request(), endless),
    "with another behind": (request() * 20, silent),
    "in a tunnel": (request("GET", "/", "Connection: Upgrade", "Upgrade: websocket"), tunnel),
}
LEAVING: dict[str, Callable[[Client], None]] = {
    "reset": Client.reset,
    "close": Client.close,
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=[*LEAVING])
@pytest.mark.parametrize(("raw", "script"), PHASES.values(), ids=[*PHASES])
def test_whoever_leaves_gives_the_place_back(
    start_gateway: StartGateway,
    start_upstream: StartUpstream,
    raw: bytes,
    script: Callable[[Conversation], None],
    leave: Callable[[Client], None],
) -> None:
    upstream = start_upstream(script)
    gateway = start_gateway(configuration({"app": upstream.url}, **limits(concurrency=1)))
    client = gateway.client()
    client.send(raw)
    upstream.conversation()
    gateway.settle()
    assert gateway.fetch(request()).status == 429
    leave(client)
    admits_again(gateway)


def test_whoever_leaves_before_there_is_a_connection_gives_the_place_back(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """The upstream's only connection is taken by another address's request."""
    go = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        wait(go, "the test's word")
        conversation.send(ok())
        answering(ok())(conversation)

    upstream = start_upstream(script)
    app = {"endpoints": [upstream.url], "pool": {"max_connections": 1}}
    gateway = start_gateway(
        configuration(
            {"app": app},
            **limits(concurrency=1),
            routes=[
                route("free", "/free", upstream="app", rate_limits=[]),
                route("app", "/*", upstream="app"),
            ],
        )
    )
    with gateway.client() as first:
        first.send(request("GET", "/free"))
        upstream.conversation()
        client = gateway.client()
        client.send(request())
        gateway.settle()
        assert gateway.fetch(request()).status == 429
        client.reset()
        go.set()
        assert first.response().status == 200
        admits_again(gateway)


def test_whoever_leaves_while_the_store_is_asked_pays_nothing(
    start_gateway: StartGateway, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    upstream = start_upstream(answering(ok()))
    with RedisServer(tmp_path) as server:
        redis = {"url": server.url, "timeout": "5s"}
        keys = limits(quota=100, mode="strict", on_store_failure="closed", concurrency=1)
        gateway = start_gateway(configuration({"app": upstream.url}, redis=redis, **keys))
        admits_again(gateway)
        server.hang()
        clients = [gateway.client() for _ in range(20)]
        for client in clients:
            client.send(request())
        gateway.settle()
        for client in clients:
            client.reset()
        gateway.settle()
        server.go_on()
        left, paid = "", 1
        deadline = time.monotonic() + PATIENCE
        while left != str(100 - paid):
            assert time.monotonic() < deadline, f"{left} left after {paid} were paid"
            response = gateway.fetch(request("GET", "/after"))
            paid += response.status == 200
            left = response.header("X-RateLimit-Remaining") or ""
        gateway.stop()
        assert {upstream.next_request().target for _ in range(paid)} == {"/after"}
        upstream.no_request()


def test_a_crowd_of_one_users_does_not_crowd_out_another(build: Callable[..., Fortress]) -> None:
    fortress = build(**limits(by="user", quota=2))
    mallory, alice = (bearer(shared(claims(sub=name))) for name in ("mallory", "alice"))
    for _ in range(20):
        fortress.gateway.fetch(request("GET", "/shared/a", mallory))
        forged = mallory[:-4] + "AAAA"
        assert fortress.gateway.fetch(request("GET", "/shared/a", forged)).status == 401
    assert fortress.gateway.fetch(request("GET", "/shared/a", alice)).status == 200
