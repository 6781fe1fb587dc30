"""Tokens over real sockets: new ones and known ones, and keys that come, go and are away."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pygateway.auth.authenticator import MOST_DOUBTS
from tests.support.client import request
from tests.support.issuer import KEY_SET, Holding, Issuer, SigningKey, document, provider, saying

if TYPE_CHECKING:
    from tests.auth.conftest import Protected

SHARED = "a secret of at least 32 bytes, for tests"
BROKEN = saying(document({}, status="500 Broken"))


def get(*lines: str) -> bytes:
    return request("GET", "/a", *lines)


def test_a_token_is_verified_once_and_known_afterwards(
    issuer: Issuer, protected: Protected
) -> None:
    gateway, upstream = protected(provider(issuer, claims_to_headers={"sub": "X-User-ID"}))
    bearer = issuer.bearer()
    for _ in range(3):
        assert gateway.fetch(get(bearer, "X-User-ID: mallory")).status == 200
        assert upstream.next_request().all("X-User-ID") == ["alice"]
    tokens = gateway.statistics()["auth"]["tokens"]
    # Of the first request the second question already finds it.
    assert (tokens["entries"], tokens["hits"]) == (1, 2)
    assert issuer.asked == [KEY_SET]


def test_without_a_good_token_nothing_reaches_the_upstream(
    issuer: Issuer, protected: Protected
) -> None:
    gateway, upstream = protected(provider(issuer))
    gateway.fetch(get()).problem("token-missing")
    stranger = SigningKey("first")
    for _ in range(2):
        gateway.fetch(get(issuer.bearer(stranger))).problem("token-invalid")
    gateway.fetch(get(issuer.bearer(exp=1))).problem("token-expired")
    gateway.fetch(get(issuer.bearer(iss="https://other.test"))).problem("token-invalid")
    upstream.no_request()
    assert gateway.fetch(request("GET", "/open")).status == 200


def test_requests_before_the_first_keys_wait_for_them_together(
    issuer: Issuer, protected: Protected
) -> None:
    holding = issuer.answers[KEY_SET] = Holding(document(issuer.key_set))
    gateway, _ = protected(provider(issuer))
    clients = [gateway.client() for _ in range(20)]
    for client in clients:
        client.send(get(issuer.bearer()))
    gateway.settle()
    assert gateway.fetch(request("GET", "/open")).status == 200
    holding.released.set()
    assert [client.response().status for client in clients] == [200] * 20
    for client in clients:
        client.close()
    assert issuer.asked == [KEY_SET]


def test_an_unknown_key_is_fetched_once_however_many_ask(
    issuer: Issuer, protected: Protected
) -> None:
    gateway, _ = protected(provider(issuer))
    assert gateway.fetch(get(issuer.bearer())).status == 200
    issuer.rotate("second")
    assert gateway.fetch(get(issuer.bearer())).status == 200
    nobody = SigningKey("nobody")
    for _ in range(10):
        gateway.fetch(get(issuer.bearer(nobody))).problem("token-invalid")
    assert issuer.asked == [KEY_SET] * 2
    told = gateway.statistics()["auth"]["providers"]["main"]
    assert (told["keys"], told["refreshes"]) == (2, 2)
    assert told["unknown_key_ids"] >= 11


def test_a_key_that_leaves_ends_the_tokens_that_are_known(
    issuer: Issuer, protected: Protected
) -> None:
    gateway, _ = protected(provider(issuer))
    old = issuer.bearer()
    assert gateway.fetch(get(old)).status == 200
    issuer.rotate("second", keep=False)
    assert gateway.fetch(get(issuer.bearer())).status == 200
    gateway.fetch(get(old)).problem("token-invalid")


class TestUnnamedChange:
    """Keys that change, and no id tells."""

    def test_a_key_that_changes_behind_its_id(self, issuer: Issuer, protected: Protected) -> None:
        gateway, _ = protected(provider(issuer))
        old = issuer.bearer()
        assert gateway.fetch(get(old)).status == 200
        issuer.keys = [SigningKey("first")]
        assert gateway.fetch(get(issuer.bearer())).status == 200
        gateway.fetch(get(old)).problem("token-invalid")
        assert issuer.asked == [KEY_SET] * 2

    def test_keys_without_ids(self, issuer: Issuer, protected: Protected) -> None:
        issuer.keys = [SigningKey(None)]
        gateway, _ = protected(provider(issuer))
        assert gateway.fetch(get(issuer.bearer())).status == 200
        issuer.rotate(None)
        assert gateway.fetch(get(issuer.bearer())).status == 200
        assert issuer.asked == [KEY_SET] * 2

    def test_a_key_with_which_the_core_cannot_check(
        self, issuer: Issuer, protected: Protected
    ) -> None:
        def publish(private: ed448.Ed448PrivateKey) -> None:
            algorithm = jwt.algorithms.OKPAlgorithm()
            key = algorithm.to_jwk(private.public_key(), as_dict=True)
            issuer.answers[KEY_SET] = saying(document({"keys": [key]}))

        gateway, _ = protected(provider(issuer, algorithms=["EdDSA"]))
        now = int(time.time())
        claims = {"iss": issuer.url, "aud": "api", "sub": "alice", "iat": now, "exp": now + 600}
        for _ in range(2):
            private = ed448.Ed448PrivateKey.generate()
            publish(private)
            good = jwt.encode(claims, private, "EdDSA")
            assert gateway.fetch(get(f"Authorization: Bearer {good}")).status == 200

    def test_forgeries_cause_one_fetch_and_nobody_else_waits_for_it(
        self, issuer: Issuer, protected: Protected
    ) -> None:
        gateway, upstream = protected(provider(issuer))
        assert gateway.fetch(get(issuer.bearer())).status == 200
        upstream.next_request()
        holding = issuer.answers[KEY_SET] = Holding(document(issuer.key_set))
        stranger = SigningKey("first")
        forgers = [gateway.client() for _ in range(100)]
        for number, forger in enumerate(forgers):
            forger.send(get(issuer.bearer(stranger, jti=str(number))))
        issuer.await_asked(2)
        assert gateway.fetch(get(issuer.bearer())).status == 200
        upstream.next_request()
        holding.released.set()
        for forger in forgers:
            forger.response().problem("token-invalid")
            forger.close()
        gateway.fetch(get(issuer.bearer(stranger))).problem("token-invalid")
        assert issuer.asked == [KEY_SET] * 2
        upstream.no_request()

    def test_so_many_forgeries_wait_and_the_others_are_refused_at_once(
        self, issuer: Issuer, protected: Protected
    ) -> None:
        gateway, _ = protected(provider(issuer))
        assert gateway.fetch(get(issuer.bearer())).status == 200
        holding = issuer.answers[KEY_SET] = Holding(document(issuer.key_set))
        stranger = SigningKey("first")
        with contextlib.ExitStack() as stack:
            forgers = []
            for number in range(MOST_DOUBTS):
                forgers.append(stack.enter_context(gateway.client()))
                forgers[-1].send(get(issuer.bearer(stranger, jti=str(number))))
                gateway.settle()
            gateway.fetch(get(issuer.bearer(stranger, jti="last"))).problem("token-invalid")
            holding.released.set()
            for forger in forgers:
                forger.response().problem("token-invalid")

    def test_while_the_issuer_is_away_a_wrong_signature_is_wrong(
        self, issuer: Issuer, protected: Protected
    ) -> None:
        gateway, _ = protected(provider(issuer))
        assert gateway.fetch(get(issuer.bearer())).status == 200
        issuer.answers[KEY_SET] = BROKEN
        gateway.fetch(get(issuer.bearer(SigningKey("first")))).problem("token-invalid")


def test_keys_change_under_load_without_a_wrong_answer(
    issuer: Issuer, protected: Protected
) -> None:
    gateway, _ = protected(
        provider(issuer, jwks={"refresh": "1s", "minimum_refresh": "1s", "cooldown": "1s"})
    )
    stop = threading.Event()
    wrong: list[object] = []
    answered = [0] * 4

    def load(index: int) -> None:
        with gateway.client() as client:
            while not stop.is_set():
                response = client.exchange(get(issuer.bearer()))
                answered[index] += 1
                if response.status != 200:
                    wrong.append(response)

    threads = [threading.Thread(target=load, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    # Some issuers sign with a new key as soon as it is published ...
    issuer.await_asked(1)
    issuer.rotate("sudden")
    issuer.await_asked(2)
    # ... and others once everybody has had the time to read it.
    announced = SigningKey("announced")
    issuer.keys = [announced, *issuer.keys]
    issuer.await_asked(issuer.asked.count(KEY_SET) + 2)
    issuer.keys = [announced]
    issuer.await_asked(issuer.asked.count(KEY_SET) + 1)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert all(answered)


class TestAbsentIssuer:
    def test_known_keys_serve_on(self, issuer: Issuer, protected: Protected) -> None:
        gateway, _ = protected(provider(issuer))
        assert gateway.fetch(get(issuer.bearer())).status == 200
        issuer.answers[KEY_SET] = BROKEN
        newer = SigningKey("newer")
        response = gateway.fetch(get(issuer.bearer(newer)))
        response.problem("auth-unavailable")
        assert response.status == 503
        assert response.header("Retry-After") == "1"
        assert gateway.fetch(get(issuer.bearer())).status == 200
        told = gateway.statistics()["auth"]["providers"]["main"]
        assert (told["failing"], told["stale"], told["keys"]) == (True, False, 1)

    def test_without_any_key_nobody_is_let_in_and_nobody_is_called_a_liar(
        self, issuer: Issuer, protected: Protected
    ) -> None:
        issuer.answers[KEY_SET] = BROKEN
        gateway, upstream = protected(provider(issuer))
        for _ in range(2):
            gateway.fetch(get(issuer.bearer())).problem("auth-unavailable")
        upstream.no_request()

    def test_one_that_hangs_is_waited_for_as_long_as_configured(
        self, issuer: Issuer, protected: Protected
    ) -> None:
        holding = issuer.answers[KEY_SET] = Holding()
        gateway, _ = protected(provider(issuer, jwks={"timeout": "100ms"}))
        gateway.fetch(get(issuer.bearer())).problem("auth-unavailable")
        holding.released.set()


class TestStaticKeys:
    def test_shared_secrets_are_checked_without_any_waiting(self, protected: Protected) -> None:
        gateway, _ = protected(
            {"issuer": "https://i.test", "secrets": [{"id": "k", "value": SHARED}]}
        )
        claims: dict[str, Any] = {"iss": "https://i.test", "sub": "bob", "exp": time.time() + 60}
        good = jwt.encode(claims, SHARED, "HS256", headers={"kid": "k"})
        assert gateway.fetch(get(f"Authorization: Bearer {good}")).status == 200
        forged = jwt.encode(claims, SHARED[::-1], "HS256", headers={"kid": "k"})
        gateway.fetch(get(f"Authorization: Bearer {forged}")).problem("token-invalid")

    @pytest.mark.parametrize("algorithm", ["ES256K", "EdDSA"])
    def test_algorithms_that_the_core_lacks_are_verified_all_the_same(
        self, protected: Protected, algorithm: str
    ) -> None:
        def make() -> Any:  # noqa: ANN401 - either kind
            if algorithm == "EdDSA":
                return ed448.Ed448PrivateKey.generate()
            return ec.generate_private_key(ec.SECP256K1())

        private, stranger = make(), make()
        public = private.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        gateway, upstream = protected(
            {
                "issuer": "https://i.test",
                "algorithms": [algorithm],
                "public_keys": [{"pem": pem}],
                "claims_to_headers": {"sub": "X-User-ID"},
            }
        )
        claims: dict[str, Any] = {"iss": "https://i.test", "sub": "bob", "exp": time.time() + 60}
        good = jwt.encode(claims, private, algorithm)
        for _ in range(2):
            assert gateway.fetch(get(f"Authorization: Bearer {good}")).status == 200
            assert upstream.next_request().header("X-User-ID") == "bob"
        forged = jwt.encode(claims, stranger, algorithm)
        for _ in range(2):
            gateway.fetch(get(f"Authorization: Bearer {forged}")).problem("token-invalid")
        counts = gateway.statistics()["auth"]
        assert counts["tokens"]["hits"] == 1
        assert counts["refusals"]["hits"] == 1


def test_a_revocation_ends_a_known_token(issuer: Issuer, protected: Protected) -> None:
    gateway, _ = protected(provider(issuer))
    bearer, other = issuer.bearer(jti="one"), issuer.bearer(jti="two")
    assert gateway.fetch(get(bearer)).status == 200
    assert gateway.revoke({"jti": "one"}) == 1
    gateway.fetch(get(bearer)).problem("token-revoked")
    assert gateway.fetch(get(other)).status == 200
