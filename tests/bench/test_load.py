"""Loads against real servers: well-behaved ones, such as stall, refuse, close or say nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from pygateway.bench.connections import CannotConnect
from pygateway.bench.load import Load
from pygateway.bench.requests import make_requests
from pygateway.bench.tally import Failure
from tests.bench.running import measure, plan, total
from tests.conftest import StartGateway, StartUpstream
from tests.support.certificates import Authority
from tests.support.gateway import configuration
from tests.support.upstream import Conversation, Script, answering, listening, ok, once

SECOND = 10**9


def test_an_open_loop_sends_exactly_what_is_due(start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    load = measure(plan(upstream))
    tally = total(load)
    assert (tally.requests, tally.statuses) == (100, {200: 100})
    assert (tally.errors, tally.unfinished, tally.opened) == (0, 0, 0)
    assert tally.lag.count == 100
    # Four connections and no more; the last request was due at 0.495 s.
    assert len(upstream.conversations) == 4
    assert tally.seconds >= 0.5
    assert tally.rate <= 200
    assert tally.received == 100 * len(ok())
    assert tally.sent == sum(len(each.received) for each in upstream.conversations)


def test_what_is_sent_is_what_was_asked_for(start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    requests = make_requests(
        "POST", [(None, "/a"), ("PUT", "/b")], "gateway.test", tokens=["x", "y", "z"], body=b"body"
    )
    measure(plan(upstream, requests=requests, duration=0.06, rate=100.0))
    seen = [upstream.next_request() for _ in range(6)]
    upstream.no_request()
    assert Counter((each.method, each.target, each.header("Authorization")) for each in seen) == {
        (method, target, f"Bearer {token}"): 1
        for method, target in (("POST", "/a"), ("PUT", "/b"))
        for token in "xyz"
    }
    assert {each.body for each in seen} == {b"body"}


def test_the_warm_up_is_sent_and_not_kept(start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    tally = total(measure(plan(upstream, warm_up=0.2, duration=0.1, rate=100.0)))
    assert tally.requests == 10
    for _ in range(30):
        upstream.next_request()
    upstream.no_request()


def test_rounds_are_kept_apart_and_connections_stay(start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    load = measure(plan(upstream, rounds=3, duration=0.1, rate=100.0))
    assert [tally.requests for tally in load.rounds] == [10, 10, 10]
    assert len(upstream.conversations) == 4


def test_random_times_send_what_they_say(start_upstream: StartUpstream) -> None:
    runs = [
        total(measure(plan(start_upstream(), poisson=True, seed=seed))).requests
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1]
    assert all(60 < number < 140 for number in runs)


# --- stalls -------------------------------------------------------------------------------------

STALL = 0.5


def stalling(at: int) -> Script:
    """Answer at once, but stand still for `STALL` seconds at the request with that number."""
    lock, never = threading.Lock(), threading.Event()
    answered = 0

    def script(conversation: Conversation) -> None:
        nonlocal answered
        while True:
            conversation.request()
            with lock:
                answered += 1
                if answered == at:
                    never.wait(STALL)
            conversation.send(ok())

    return script


def test_a_stall_is_seen_by_every_request_that_was_due_meanwhile(
    start_upstream: StartUpstream,
) -> None:
    """What a loop that waits for answers leaves out: the hundred that it did not send."""
    asked = plan(start_upstream(stalling(100)), duration=2.0)
    tally = total(measure(asked))
    assert tally.requests == 400
    # The request that met the stall waited for all of it, and each that was due later for what
    # was left of it: 80 of them (a fifth of all) for more than 0.1 s, whatever the machine does.
    assert tally.latency.highest >= STALL * SECOND
    assert tally.latency.percentile(Fraction(99)) >= 0.45 * SECOND
    assert tally.latency.percentile(Fraction(85)) >= 0.15 * SECOND
    # By the clock of those that were sent, only four met it.
    assert tally.service.percentile(Fraction(85)) < tally.latency.percentile(Fraction(85))


def test_a_closed_loop_does_not_see_what_a_stall_keeps_waiting(
    start_upstream: StartUpstream,
) -> None:
    tally = total(measure(plan(start_upstream(stalling(100)), rate=None, duration=1.0)))
    assert tally.latency.highest >= STALL * SECOND
    assert sum(b.values for b in tally.latency.buckets() if b.lowest > STALL * SECOND * 0.9) <= 4
    assert tally.lag.count == 0


# --- servers that misbehave ---------------------------------------------------------------------


def test_a_status_that_was_not_expected_is_an_error(start_upstream: StartUpstream) -> None:
    answer = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"
    tally = total(measure(plan(start_upstream(answering(answer)))))
    assert (tally.answered, tally.statuses, tally.unexpected) == (100, {500: 100}, 100)
    assert tally.errors == 100


def test_which_statuses_are_expected_is_up_to_the_user(start_upstream: StartUpstream) -> None:
    answer = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
    asked = plan(start_upstream(answering(answer)), expected=frozenset((401,)))
    assert total(measure(asked)).errors == 0


def test_a_server_that_closes_after_each_answer_costs_a_connection_each(
    start_upstream: StartUpstream,
) -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    upstream = start_upstream(once(closing))
    tally = total(measure(plan(upstream)))
    assert (tally.requests, tally.answered, tally.errors) == (100, 100, 0)
    # Four were open at the start.
    assert tally.opened == 96


def test_a_server_that_closes_instead_of_answering(start_upstream: StartUpstream) -> None:
    def hang_up(conversation: Conversation) -> None:
        conversation.head()

    asked = plan(start_upstream(hang_up))
    tally = total(measure(asked))
    assert (tally.requests, tally.failures) == (100, {Failure.CLOSED: 100})
    # A request without a response is no quick one.
    assert tally.latency.lowest == asked.timeout * SECOND


def test_a_server_that_resets(start_upstream: StartUpstream) -> None:
    def reset(conversation: Conversation) -> None:
        conversation.head()
        conversation.send(b"HTTP/1.1 200")
        conversation.reset()

    tally = total(measure(plan(start_upstream(reset))))
    assert tally.requests == 100
    assert set(tally.failures) <= {Failure.RESET, Failure.CLOSED}


def test_a_server_that_speaks_something_else(start_upstream: StartUpstream) -> None:
    tally = total(measure(plan(start_upstream(answering(b"220 ready\r\n\r\n")))))
    assert tally.failures == {Failure.MALFORMED: 100}


def test_a_server_that_never_answers(start_upstream: StartUpstream) -> None:
    """Four are sent and time out; the others find no connection before their time is over."""

    def say_nothing(conversation: Conversation) -> None:
        conversation.until_closed()

    asked = plan(start_upstream(say_nothing), timeout=0.3, duration=0.1, rate=1000.0)
    tally = total(measure(asked))
    assert tally.requests == 100
    assert tally.failures[Failure.TIMEOUT] + tally.failures[Failure.UNSENT] == 100
    assert tally.failures[Failure.TIMEOUT] >= 4
    assert tally.failures[Failure.UNSENT] > 0
    assert (tally.answered, tally.rate) == (0, 0)
    assert tally.latency.lowest == 0.3 * SECOND


def test_one_that_stops_in_the_middle_of_an_answer(start_upstream: StartUpstream) -> None:
    def stop(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        conversation.until_closed()

    asked = plan(start_upstream(stop), timeout=0.2, duration=0.1, rate=10.0)
    assert total(measure(asked)).failures == {Failure.TIMEOUT: 1}


def test_one_that_goes_away_is_refused_by_from_then_on(start_upstream: StartUpstream) -> None:
    listener = listening()

    def leave(conversation: Conversation) -> None:
        conversation.request()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    tally = total(measure(plan(start_upstream(leave, listener=listener), connections=1)))
    assert (tally.requests, tally.answered) == (100, 0)
    assert tally.failures[Failure.CLOSED] == 1
    assert tally.failures[Failure.REFUSED] == 99


def test_a_closed_loop_does_not_storm_one_that_went_away(start_upstream: StartUpstream) -> None:
    listener = listening()

    def leave(conversation: Conversation) -> None:
        conversation.request()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    asked = plan(start_upstream(leave, listener=listener), rate=None, connections=1)
    tally = total(measure(asked))
    # One attempt in a tenth of a second.
    assert 1 <= tally.failures[Failure.REFUSED] <= 6


def test_nobody_there_is_said_before_anything_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    with pytest.raises(CannotConnect, match=r"cannot connect to 127\.0\.0\.1:\d+: nobody listens"):
        measure(plan(address))


def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(CannotConnect, match=r"cannot connect to nowhere\.invalid:80: "):
        measure(plan(("nowhere.invalid", 80)))


# --- ways to the server -------------------------------------------------------------------------


def test_a_gateway(start_upstream: StartUpstream, start_gateway: StartGateway) -> None:
    gateway = start_gateway(configuration({"users": start_upstream().url}))
    assert isinstance(gateway.address, tuple)
    tally = total(measure(plan(gateway.address)))
    assert (tally.requests, tally.statuses, tally.errors) == (100, {200: 100}, 0)


def test_a_name_with_several_addresses(start_upstream: StartUpstream) -> None:
    """`localhost` is ::1 as well on most machines, and nobody listens there."""
    _, port = start_upstream().address
    assert total(measure(plan(("localhost", port)))).answered == 100


def test_a_unix_socket(start_upstream: StartUpstream, tmp_path: Path) -> None:
    path = tmp_path / "s"
    upstream = start_upstream(listener=listening(path))
    assert total(measure(plan(str(path)))).answered == 100
    assert upstream.next_request().header("Host") == "gateway.test"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.file)


def test_tls(start_upstream: StartUpstream, authority: Authority) -> None:
    upstream = start_upstream(tls=authority.server("127.0.0.1"))
    assert total(measure(plan(upstream, tls=trusting(authority)))).answered == 100


def test_tls_sends_large_bodies(start_upstream: StartUpstream, authority: Authority) -> None:
    upstream = start_upstream(tls=authority.server("127.0.0.1"))
    requests = make_requests("PUT", [(None, "/")], "h", body=os.urandom(300_000))
    asked = plan(upstream, tls=trusting(authority), requests=requests, rate=20.0)
    assert total(measure(asked)).answered == 10
    assert upstream.next_request().body == requests.body


def test_a_certificate_of_another_name_is_said(
    start_upstream: StartUpstream, authority: Authority
) -> None:
    upstream = start_upstream(tls=authority.server("other.test"))
    with pytest.raises(CannotConnect, match=r"certificate is not trusted.*--insecure"):
        measure(plan(upstream, tls=trusting(authority)))


def test_no_tls_where_it_was_asked_for(start_upstream: StartUpstream, authority: Authority) -> None:
    def speak_plainly(conversation: Conversation) -> None:
        conversation.exactly(1)
        conversation.send(ok())

    with pytest.raises(CannotConnect, match="no TLS session"):
        measure(plan(start_upstream(speak_plainly), tls=trusting(authority)))


# --- an early end -------------------------------------------------------------------------------


def test_what_there_is_so_far_stays(start_upstream: StartUpstream) -> None:
    """Stopped by the server at the 20th request, while others are due and under way."""
    stops: list[Load] = []
    loops: list[asyncio.AbstractEventLoop] = []
    answered = 0

    def stop_at_20(conversation: Conversation) -> None:
        nonlocal answered
        while True:
            conversation.request()
            answered += 1
            if answered == 20:
                loops[0].call_soon_threadsafe(stops[0].stop)
                conversation.until_closed()
                return
            conversation.send(ok())

    def remember(load: Load) -> None:
        stops.append(load)
        loops.append(asyncio.get_running_loop())

    asked = plan(start_upstream(stop_at_20), duration=60.0, rounds=5, connections=1)
    load = measure(asked, remember)
    assert load.interrupted
    assert len(load.rounds) == 1
    tally = total(load)
    assert tally.requests == tally.answered == 19
    assert tally.unfinished >= 1
    assert tally.failures.total() == 0
    assert 0 < tally.seconds < 60


def test_an_end_before_there_is_a_connection() -> None:
    """A listener whose backlog is full says nothing at all."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())

        def stop_soon(load: Load) -> None:
            asyncio.get_running_loop().call_later(0.05, load.stop)

        load = measure(plan(listener.getsockname(), timeout=20.0), stop_soon)
        assert load.interrupted
        assert load.rounds == []
