"""No secret and no credential leaves by the side door: logs, reports, the command line."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from pygateway.cli import main
from tests.security.forging import AUDIENCE, ISSUER, SHARED_KEY, claims, shared
from tests.security.fortress import bearer
from tests.support.client import Client, request
from tests.support.gateway import configuration, route
from tests.support.upstream import ScriptedUpstream
from tests.toys.program import Program

PEPPER = "a pepper of thirty-two bytes or more"
KEY = "pgk_an-api-key-that-nobody-should-see"
PASSWORD = "the-password-of-redis"  # noqa: S105 - the one that must not be seen


def document(upstream: str, **changes: object) -> dict[str, Any]:
    digest = hmac.new(PEPPER.encode(), KEY.encode(), hashlib.sha256).hexdigest()
    providers = {
        "main": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "secrets": [{"id": "k1", "value": SHARED_KEY}],
        },
        "keys": {
            "api_keys": {
                "pepper": PEPPER,
                "keys": [{"id": "k", "hash": digest, "owner": "acme"}],
            }
        },
    }
    routes = [route("all", upstream="app", auth={"provider": ["main", "keys"]})]
    made = configuration({"app": upstream}, auth={"providers": providers}, routes=routes, workers=1)
    return made | changes


def readings(secret: str) -> list[str]:
    """A secret as it is, and as it looks in bytes that were written out."""
    raw = secret.encode()
    return [secret, raw.hex(), base64.b64encode(raw).decode().rstrip("="), secret[8:24]]


def assert_hidden(text: str) -> None:
    for secret in (SHARED_KEY, PEPPER, KEY, PASSWORD):
        for reading in readings(secret):
            assert reading not in text


def test_a_running_gateway_writes_no_credential_down(tmp_path: Path) -> None:
    """Good ones, bad ones, broken ones, and requests that fail for other reasons."""
    good = shared()
    tokens = [good, good + "x", shared(claims(exp=1)), shared(claims(aud="other"))]
    with ScriptedUpstream() as upstream:
        file = tmp_path / "gateway.yaml"
        file.write_text(json.dumps(document(upstream.url)))
        environment = {"LOG_LEVEL": "debug"}
        with Program("run", "-c", file, environment=environment) as program:
            address = program.address()
            for token in tokens:
                for lines in (
                    [bearer(token)],
                    [bearer(token), bearer(token)],
                    [f"X-API-Key: {KEY}", bearer(token)],
                    [f"X-API-Key: {KEY}x"],
                    [bearer(token), "Content-Length: x"],
                    [f"Cookie: session={token}"],
                ):
                    with Client(address) as client:
                        client.send(request("GET", f"/a?access_token={token}", *lines))
                        client.finish_sending()
                        client.remains()
            upstream.close()
            with Client(address) as client:
                client.send(request("GET", "/a", bearer(good)))
                client.finish_sending()
                client.remains()
        said = json.dumps(program.log) + "\n".join(program.said + program.printed)
    assert_hidden(said)
    for token in tokens:
        assert token not in said
        assert token.rpartition(".")[2] not in said
        assert token.split(".")[1] not in said


@pytest.mark.parametrize(
    "arguments",
    [("check",), ("check", "--json"), ("check", "--format", "github"), ("routes",),
     ("routes", "--json"), ("routes", "match", "GET", "/a"),
     ("routes", "match", "GET", "/a", "--json"), ("token", "mint", "--sub", "x", "--json")],
)  # fmt: skip
def test_no_command_shows_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(document("http://127.0.0.1:9")))
    main([*arguments, "-c", str(file)])
    captured = capsys.readouterr()
    assert captured.out
    assert_hidden(captured.out + captured.err)


@pytest.mark.parametrize(
    "change",
    [
        {"workers": "many"},
        {"unknown": 1},
        {"redis": {"url": f"redis://user:{PASSWORD}@127.0.0.1:1/x"}},
        {"redis": {"url": f"redsi://user:{PASSWORD}@127.0.0.1:1/0"}},
        {"auth": {"providers": {"main": {"secrets": [{"value": SHARED_KEY, "unknown": 1}]}}}},
        {"auth": {"providers": {"main": {"secrets": SHARED_KEY}}}},
        {"auth": {"providers": {"main": {"secrets": [SHARED_KEY]}}}},
        {"auth": {"providers": {"main": {"secrets": {SHARED_KEY: 1}}}}},
        {"auth": {"providers": {"main": {"secrets": [{"value": [SHARED_KEY]}]}}}},
        {"auth": {"providers": {"main": {"secrets": [{"valeu": SHARED_KEY}]}}}},
        {"auth": {"providers": {"main": {"secret": SHARED_KEY}}}},
        {"auth": {"providers": {"keys": {"api_keys": {"pepper": [PEPPER], "keys": []}}}}},
        {"auth": {"providers": {"keys": {"api_keys": {"peper": PEPPER, "keys": []}}}}},
        {"auth": {"providers": {"keys": {"api_keys": {"pepper": PEPPER, "keys": KEY}}}}},
        {
            "auth": {
                "providers": {"keys": {"api_keys": {"pepper": PEPPER, "keys": [{"hash": KEY}]}}}
            }
        },
    ],
)
def test_no_problem_report_shows_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object]
) -> None:
    """Reports show the source line, which is the very line that the secret stands in."""
    whole = document("http://127.0.0.1:9", **change)
    for indent in (None, 2):
        file = tmp_path / "gateway.yaml"
        file.write_text(json.dumps(whole, indent=indent))
        for form in ("text", "json", "github"):
            assert main(["check", "-c", str(file), "--format", form]) == 78
            captured = capsys.readouterr()
            assert captured.out
            assert_hidden(captured.out + captured.err)
