"""An identity provider's whole flow: discovery, tokens, keys that change under load."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.certificates import Authority
from tests.support.client import request
from tests.support.gateway import Document, RunningGateway, configuration, route
from tests.support.identity_provider import (
    DISCOVERY,
    KEYS,
    TOKENS,
    IdentityProvider,
    make_key,
)
from tests.support.patience import PATIENCE
from tests.support.upstream import Conversation, ScriptedUpstream, ok

if TYPE_CHECKING:
    from tests.conftest import StartGateway, StartUpstream


@pytest.fixture
def idp(tmp_path: Path) -> Iterator[IdentityProvider]:
    with IdentityProvider(tmp_path) as provider:
        yield provider


def greeting(conversation: Conversation) -> None:
    """An upstream that answers with whom it believes to be asking."""
    while True:
        received = conversation.request()
        conversation.send(ok((received.header("X-User-ID") or "nobody").encode()))


def guarded(idp: IdentityProvider, upstream: ScriptedUpstream, **changes: object) -> Document:
    provider = {
        "issuer": idp.issuer,
        "audiences": ["api"],
        "types": ["at+jwt"],
        "discovery": True,
        "claims_to_headers": {"sub": "X-User-ID"},
        "jwks": {
            "ca_file": idp.authority, "refresh": "1s", "minimum_refresh": "1s", "cooldown": "1s",
        },
    }  # fmt: skip
    return configuration(
        {"app": upstream.url},
        auth={"providers": {"main": provider | changes}},
        routes=[
            route("all", upstream="app", auth={"provider": "main"}),
            route("read", "/read/*", upstream="app", auth={"provider": "main", "scopes": ["read"]}),
        ],
    )


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def ask_for_a_token(idp: IdentityProvider, **form: str) -> str:
    """The client credentials grant (RFC 6749 section 4.4)."""
    place = urlsplit(idp.issuer)
    context = ssl.create_default_context(cafile=idp.authority)
    connection = http.client.HTTPSConnection(place.netloc, timeout=PATIENCE, context=context)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({"grant_type": "client_credentials"} | form)
        connection.request("POST", TOKENS, body, headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
        assert answer.status == 200, document
        return str(document["access_token"])
    finally:
        connection.close()


def test_a_client_gets_a_token_and_with_it_in(
    idp: IdentityProvider, start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    upstream = start_upstream(greeting)
    gateway: RunningGateway = start_gateway(guarded(idp, upstream))
    token = ask_for_a_token(idp, client_id="robot", scope="read write")
    with gateway.client() as client:
        assert client.exchange(request("GET", "/a")).status == 401
        assert client.exchange(request("GET", "/a", bearer(token))).body == b"robot"
        assert client.exchange(request("GET", "/read/a", bearer(token))).body == b"robot"
        poor = ask_for_a_token(idp, client_id="robot", scope="write")
        assert client.exchange(request("GET", "/read/a", bearer(poor))).status == 403
        # An ID token is for the client, and not for the API.
        for claims in ({"aud": "robot"}, {"iss": "https://other.test"}, {"exp": 1}):
            other = idp.issue("robot", **claims)
            assert client.exchange(request("GET", "/a", bearer(other))).status == 401
    assert idp.asked(DISCOVERY) == 1


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_new_key_is_found_by_the_first_token_that_it_signed(
    idp: IdentityProvider, start_gateway: StartGateway, start_upstream: StartUpstream,
    algorithm: str,
) -> None:  # fmt: skip
    """Many clients come with it at once; none is refused, and one fetch serves them all."""
    quiet = {"refresh": "1h", "minimum_refresh": "1h", "ca_file": idp.authority}
    gateway: RunningGateway = start_gateway(guarded(idp, start_upstream(greeting), jwks=quiet))
    assert gateway.fetch(request("GET", "/", bearer(idp.issue("ada")))).status == 200
    before = idp.asked(KEYS)
    idp.signing = make_key("second", algorithm)
    idp.publish(idp.signing)
    answers: list[tuple[int, bytes]] = []

    def come(number: int) -> None:
        token = idp.issue(f"user-{number}")
        answer = gateway.fetch(request("GET", "/", bearer(token)))
        answers.append((answer.status, answer.body))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(answers) == sorted((200, f"user-{n}".encode()) for n in range(16))
    assert idp.asked(KEYS) == before + 1


def test_requests_that_wait_for_a_key_keep_their_order_and_bodies(
    idp: IdentityProvider, start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """A key nobody has heard of, in the middle of a pipeline."""
    quiet = {"refresh": "1h", "minimum_refresh": "1h", "ca_file": idp.authority}
    upstream = start_upstream(greeting)
    gateway: RunningGateway = start_gateway(guarded(idp, upstream, jwks=quiet))
    known = idp.issue("known")
    idp.signing = make_key("late")
    late = idp.issue("late")
    with gateway.client() as client:
        assert client.exchange(request("GET", "/", bearer(known))).body == b"known"
        idp.publish(idp.signing)
        body = b"x" * 100_000
        client.send(
            request("GET", "/1", bearer(known))
            + request("POST", "/2", bearer(late), body=body)
            + request("GET", "/3", bearer("x"))
            + request("POST", "/4", bearer(late), body=b"small")
        )
        answers = [client.response() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 401, 200]
    assert [answers[place].body for place in (0, 1, 3)] == [b"known", b"late", b"late"]
    received = [upstream.next_request() for _ in range(4)]
    assert [(one.target, one.body) for one in received[1:]] == [
        ("/1", b""), ("/2", body), ("/4", b"small"),
    ]  # fmt: skip


def test_made_up_key_ids_do_not_make_the_gateway_ask(
    idp: IdentityProvider, start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    quiet = {"refresh": "1h", "minimum_refresh": "1h", "cooldown": "1h", "ca_file": idp.authority}
    gateway: RunningGateway = start_gateway(guarded(idp, start_upstream(greeting), jwks=quiet))
    assert gateway.fetch(request("GET", "/", bearer(idp.issue("ada")))).status == 200
    before = idp.asked(KEYS)
    for number in range(50):
        token = idp.issue("eve", make_key(f"made up {number}"))
        gateway.fetch(request("GET", "/", bearer(token))).problem("token-invalid")
    assert idp.asked(KEYS) <= before + 1
    assert gateway.fetch(request("GET", "/", bearer(idp.issue("ada")))).status == 200


class Load:
    """Clients that come with good and forged tokens, and remember every wrong answer."""

    def __init__(self, gateway: RunningGateway, idp: IdentityProvider, clients: int = 4) -> None:
        self._gateway = gateway
        self._idp = idp
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self.rounds = [0] * clients
        self.wrong: list[str] = []
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def go_round(self) -> None:
        """Return once every client has begun and ended a round."""
        with self._changed:
            wanted = [done + 2 for done in self.rounds]
            done = self._changed.wait_for(
                lambda: (
                    self.wrong
                    or all(now >= then for now, then in zip(self.rounds, wanted, strict=True))
                ),
                PATIENCE,
            )
        assert self.wrong == []
        assert done, "the clients do not get on"

    def _run(self, number: int) -> None:
        try:
            with self._gateway.client() as client:
                while not self._stopping.is_set():
                    self._round(client.exchange, f"user-{number}-{self.rounds[number]}")
                    with self._changed:
                        self.rounds[number] += 1
                        self._changed.notify_all()
        except BaseException as failure:
            self._complain(repr(failure))

    def _round(self, exchange: object, subject: str) -> None:
        assert callable(exchange)
        good = self._idp.issue(subject)
        forged = self._idp.issue("admin", make_key(str(self._idp.signing.kid)))
        for token, expected in ((good, 200), (forged, 401), (good, 200), ("x", 401)):
            answer = exchange(request("GET", "/", bearer(token)))
            if answer.status != expected or (expected == 200 and answer.body != subject.encode()):
                self._complain(f"{answer.status} instead of {expected}: {answer.body!r}")

    def _complain(self, text: str) -> None:
        with self._changed:
            self.wrong.append(text)
            self._changed.notify_all()


def test_keys_rotate_under_load_without_a_wrong_answer(
    idp: IdentityProvider, start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    gateway: RunningGateway = start_gateway(guarded(idp, start_upstream(greeting)))
    with Load(gateway, idp) as load:
        load.go_round()
        for number, algorithm in enumerate(("ES256", "RS256", "ES256")):
            # What issuers do: announce a key, sign with it, take the old one away.
            old, new = idp.signing, make_key(f"key-{number}", algorithm)
            kept = idp.issue("late", old)
            assert gateway.fetch(request("GET", "/", bearer(kept))).status == 200
            idp.publish(new)
            idp.wait_for_next(KEYS)
            idp.signing = new
            load.go_round()
            idp.retire(old)
            # Removal ends what was remembered, though the token itself is still young.
            while gateway.fetch(request("GET", "/", bearer(kept))).status == 200:
                load.go_round()
            gateway.fetch(request("GET", "/", bearer(kept))).problem("token-invalid")
        load.go_round()
    assert load.wrong == []
    assert min(load.rounds) > 6


def test_a_discovery_document_of_another_issuer_is_not_believed(
    idp: IdentityProvider, start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """OpenID Connect Discovery 1.0 section 4.3: `issuer` has to be the one that was asked."""
    idp.document = {"issuer": "https://other.test"}
    gateway: RunningGateway = start_gateway(guarded(idp, start_upstream(greeting)))
    answer = gateway.fetch(request("GET", "/", bearer(idp.issue("ada"))))
    answer.problem("auth-unavailable")
    assert answer.status == 503
    assert idp.asked(KEYS) == 0
    # Told right, it is believed; who asked too early is asked to come again.
    assert answer.header("Retry-After")


def test_an_issuer_with_a_strangers_certificate_is_not_believed(
    idp: IdentityProvider, start_gateway: StartGateway, start_upstream: StartUpstream,
    tmp_path: Path,
) -> None:  # fmt: skip
    stranger = str(Authority(tmp_path, "Stranger").file)
    document = guarded(idp, start_upstream(greeting), jwks={"ca_file": stranger})
    gateway: RunningGateway = start_gateway(document)
    gateway.fetch(request("GET", "/", bearer(idp.issue("ada")))).problem("auth-unavailable")
    assert idp.asked(DISCOVERY) == idp.asked(KEYS) == 0
