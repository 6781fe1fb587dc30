from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Run
from tests.support.client import request
from tests.support.gateway import RunningGateway, configuration
from tests.support.upstream import ScriptedUpstream

PEPPER = "a pepper of thirty-two bytes or more"


def document(keys: list[Any], upstream: str = "http://127.0.0.1:9") -> dict[str, Any]:
    provider = {
        "api_keys": {"pepper": PEPPER, "keys": keys},
        "claims_to_headers": {"sub": "X-Owner", "scope": "X-Scopes"},
    }
    return configuration(
        {"app": upstream},
        auth={"providers": {"partners": provider}},
        routes=[{"name": "all", "upstream": "app", "auth": {"scopes": ["orders:read"]}}],
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "gateway.yaml"
    made.write_text(json.dumps(document([])))
    return made


def minted(run: Run, file: Path, *arguments: str) -> dict[str, Any]:
    outcome = run("key", "mint", "--owner", "acme", *arguments, "--json", "-c", file)
    assert (outcome.code, outcome.err) == (0, "")
    answer: dict[str, Any] = json.loads(outcome.out)
    return answer


def test_the_entry_has_the_keyed_hash_and_not_the_key(run: Run, file: Path) -> None:
    answer = minted(run, file)
    digest = hmac.new(PEPPER.encode(), answer["key"].encode(), hashlib.sha256).hexdigest()
    assert answer["entry"]["hash"] == digest
    assert answer["key"] not in json.dumps(answer["entry"])
    assert answer["provider"] == "partners"
    assert set(answer["entry"]) == {"id", "hash", "owner", "not_before"}
    assert answer["entry"]["id"].startswith("acme-")


def test_keys_are_long_and_never_the_same(run: Run, file: Path) -> None:
    keys = {minted(run, file)["key"] for _ in range(10)}
    assert len(keys) == 10
    # 32 random bytes are 43 characters, which are fit for any header field.
    assert all(len(key) >= 43 and key.isascii() and key.isprintable() for key in keys)


def test_what_is_printed_is_a_list_item_for_the_configuration(run: Run, file: Path) -> None:
    options = ("--id", "k1", "--scope", "a", "--scope", "b", "--role", "r", "--claim", "plan=gold")
    before = int(time.time())
    outcome = run("key", "mint", "--owner", "acme: co", *options, "--ttl", "90d", "-c", file)
    first, _, rest = outcome.out.partition("\n")
    assert first.startswith("key (shown this once): pgk_")
    introduction, _, text = rest.partition("\n\n")
    assert introduction == "entry for auth.providers.partners.api_keys.keys:"
    (entry,) = yaml.safe_load(text)
    assert entry.pop("hash")
    made, expires = (
        datetime.fromisoformat(entry.pop(name)).astimezone(UTC).timestamp()
        for name in ("not_before", "expires")
    )
    assert entry == {
        "id": "k1", "owner": "acme: co", "scopes": ["a", "b"], "roles": ["r"],
        "claims": {"plan": "gold"},
    }  # fmt: skip
    assert before <= made <= time.time()
    assert expires == made + 90 * 86400


def test_the_gateway_accepts_the_key_once_it_has_the_entry(
    run: Run, file: Path, tmp_path: Path
) -> None:
    answer = minted(run, file, "--scope", "orders:read", "--ttl", "1h", "--id", "k1")
    with (
        ScriptedUpstream() as upstream,
        RunningGateway(document([answer["entry"]], upstream.url), tmp_path) as gateway,
    ):
        line = f"X-API-Key: {answer['key']}"
        assert gateway.fetch(request("GET", "/", line)).status == 200
        received = upstream.next_request()
        assert (received.header("X-Owner"), received.header("X-Scopes")) == ("acme", "orders:read")
        refused = gateway.fetch(request("GET", "/", line + "x"))
        assert refused.status == 401
        refused.problem("token-invalid")


def test_needs_a_provider_of_api_keys(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    provider = {"secrets": [{"value": "a secret of thirty-two bytes or more"}]}
    file.write_text(json.dumps({"version": 1, "auth": {"providers": {"main": provider}}}))
    outcome = run("key", "mint", "--owner", "acme", "-c", file)
    assert (outcome.code, outcome.out) == (1, "")
    assert "keys can be minted for a provider with `api_keys` only" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--claim", "sub=eve"), "--claim sub: use --owner"),
        (("--claim", "jti=x"), "--claim jti: use --id"),
        (("--claim", "scope=x"), "--claim scope: use --scope"),
        (("--ttl", "ever"), "not a duration"),
    ],
)
def test_wrong_usage_is_2(run: Run, file: Path, arguments: tuple[str, ...], message: str) -> None:
    outcome = run("key", "mint", "--owner", "acme", "-c", file, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_an_owner_is_needed(run: Run, file: Path) -> None:
    assert run("key", "mint", "-c", file).code == 2
    assert run("key").code == 2
