"""The commands that ask a running gateway, against a real admin server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pygateway.admin.control import Reloaded, Revoked, Unheard
from pygateway.config import Admin
from pygateway.errors import ConfigurationProblem
from tests.admin.serving import Serving
from tests.cli.conftest import Run

TOKEN = "sixteen-letters-or-more"  # noqa: S105 - of these tests


@pytest.fixture
def admin() -> Iterator[Serving]:
    with Serving(Admin()) as serving:
        yield serving


@pytest.fixture
def at(admin: Serving) -> list[str]:
    """The words that name the admin server."""
    return ["--admin", "{}:{}".format(*admin.address)]


@pytest.mark.parametrize(
    ("words", "kind"),
    [(["--jti", "a"], "jti"), (["--sub", "a"], "sub"), (["--issued-before", "now"], "all")],
)
def test_revoke(run: Run, admin: Serving, at: list[str], words: list[str], kind: str) -> None:
    outcome = run("revoke", *words, "--issuer", "me", *at)
    assert (outcome.code, outcome.out, outcome.err) == (0, "revoked\n", "")
    (entry,) = admin.control.taken
    assert (entry.kind, entry.issuer) == (kind, "me")


def test_revoke_at_a_time(run: Run, admin: Serving, at: list[str]) -> None:
    assert run("revoke", "--sub", "ü", "--issued-before", "2020-01-01", *at).code == 0
    assert admin.control.taken[0].issued_before == 1577836800.0
    assert admin.control.taken[0].name == "ü"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--issuer", "a"],
        ["--jti", "a", "--sub", "b"],
        ["--jti", "a", "--issued-before", "5"],
        ["--sub", "a", "--issued-before", "soon"],
    ],
)
def test_revoke_without_a_clear_meaning_is_wrong_usage(
    run: Run, admin: Serving, at: list[str], words: list[str]
) -> None:
    assert run("revoke", *words, *at).code == 2
    assert admin.control.taken == []


def test_revoke_that_not_everybody_heeds_yet_fails_and_says_who(
    run: Run, admin: Serving, at: list[str]
) -> None:
    admin.control.revoked = Revoked(0, [Unheard(2, 77, "busy\x1b")], shared=True, problem="away")
    outcome = run("revoke", "--jti", "a", *at)
    assert outcome.code == 1
    assert "worker 2 (pid 77) may not heed it yet: busy\\x1b\n" in outcome.out
    assert "other gateways do not know yet: away\n" in outcome.out
    outcome = run("revoke", "--jti", "a", "--json", *at)
    assert outcome.code == 1
    assert not json.loads(outcome.out)["complete"]


def test_reload_and_drain(run: Run, admin: Serving, at: list[str]) -> None:
    assert run("reload", *at).out == "reloaded\n"
    assert json.loads(run("reload", "--json", *at).out) == {"reloaded": True}
    assert run("drain", *at).out == "draining\n"
    assert json.loads(run("drain", "--json", *at).out) == {"draining": True}
    assert admin.control.drains == 2


def test_a_refused_reload_fails_and_says_why(run: Run, admin: Serving, at: list[str]) -> None:
    problem = ConfigurationProblem("unknown-key", "what is x?", file="f.yaml", line=3, column=1)
    admin.control.reloaded = Reloaded("problems in the configuration: 1", (problem,))
    outcome = run("reload", *at)
    assert outcome.code == 1
    assert outcome.err == (
        "pygateway: problems in the configuration: 1\n  f.yaml:3:1: what is x?\n"
    )


def status(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON has
    jwks = {"keys": 2, "fetched_at": 5.0, "age": 7.0, "stale": True, "failing": True}
    report = {"connections": 5, "auth": {"providers": {"main": {"kind": "jwt", **jwks}}}}
    return {
        "version": "1",
        "status": "ok",
        "problems": [],
        "listeners": ["127.0.0.1:8000"],
        "configuration": {"loaded_at": "2026-01-01T00:00:00Z"},
        "workers": [
            {"worker": 0, "pid": 77, "state": "ready", "report": report},
            {"worker": 1, "pid": 78, "state": "draining", "report": None},
        ],
        "revocations": {"entries": 3, "maximum": 10, "file": None, "redis": None},
        "rate_limits": {"policies": {}, "store": None},
        "traffic": {"requests": 0, "active": 0, "rates": {}, "routes": {}},
        **changes,
    }


def shown(admin: Serving, run: Run, at: list[str], document: dict[str, Any]) -> str:
    async def describe() -> dict[str, Any]:
        return document

    admin.control.status = describe  # type: ignore[method-assign]
    outcome = run("status", *at)
    assert outcome.code == 0
    return outcome.out


def test_status(run: Run, admin: Serving, at: list[str]) -> None:
    text = shown(admin, run, at, status())
    assert "pygateway 1: ok\n" in text
    assert "revocations 3 of 10, this gateway alone\n" in text
    assert "0       77   ready     5\n" in text
    assert "1       78   draining  no answer\n" in text
    assert "2 keys, 7 s old, stale, failing\n" in text


def test_status_of_a_gateway_in_trouble(run: Run, admin: Serving, at: list[str]) -> None:
    feed = {"connected": False, "problem": "refused", "age_seconds": 4.0}
    revocations = {"entries": 3, "maximum": 10, "file": "/a/b", "redis": feed}
    document = status(status="degraded", problems=["all is lost"], revocations=revocations)
    text = shown(admin, run, at, document)
    assert "pygateway 1: degraded\n  all is lost\n" in text
    assert "Redis not followed, as of 4.0 s ago; kept in /a/b\n" in text


def limits(store: dict[str, Any] | None) -> dict[str, Any]:
    counts = {"admitted": 12345, "refused": 67, "shadowed": 0, "uncounted": 1, "unavailable": 2}
    return {"policies": {"per-user": {**counts, "crowded": 3}}, "store": store}


def test_status_without_policies_says_nothing_of_them(
    run: Run, admin: Serving, at: list[str]
) -> None:
    assert "rate limits" not in shown(admin, run, at, status())


def test_status_of_rate_limits(run: Run, admin: Serving, at: list[str]) -> None:
    text = shown(admin, run, at, status(rate_limits=limits(None)))
    assert "rate limits counted on this machine\n" in text
    assert text.endswith(
        "POLICY    ADMITTED  REFUSED  SHADOWED  UNCOUNTED  UNAVAILABLE  CROWDED\n"
        "per-user  12345     67       0         1          2            3\n"
    )


def test_status_of_their_store(run: Run, admin: Serving, at: list[str]) -> None:
    store: dict[str, Any] = {"up": True, "problem": None, "gateways": 1}
    store |= {"commands": 7, "missed": 3, "errors": {"OOM": 1, "BUSY": 2}}
    text = shown(admin, run, at, status(rate_limits=limits(store)))
    known = "7 commands, 3 errors, 3 times no answer\n"
    assert f"rate limits counted in Redis, by 1 gateway; {known}" in text
    text = shown(admin, run, at, status(rate_limits=limits({**store, "gateways": 2})))
    assert f"rate limits counted in Redis, by 2 gateways; {known}" in text
    text = shown(admin, run, at, status(rate_limits=limits({**store, "up": False})))
    assert f"rate limits counted in Redis, which is away; {known}" in text


def test_status_as_json(run: Run, at: list[str]) -> None:
    assert json.loads(run("status", "--json", *at).out)["status"] == "ok"


def test_the_configuration_says_where_and_with_which_token(
    run: Run, admin: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.yaml"
    address = "{}:{}".format(*admin.address)
    admin.settings = Admin.model_validate({"token": TOKEN})
    routes = "routes: [{name: r, respond: {}}]"
    file.write_text(f"{{admin: {{address: '{address}', token: {TOKEN}}}, {routes}}}")
    assert run("drain", "-c", file).code == 0
    # An address of its own goes without the configuration, and the token is in the environment.
    outcome = run("drain", "--admin", address)
    assert (outcome.code, "Authorization: Bearer" in outcome.err) == (1, True)
    monkeypatch.setenv("PYGATEWAY_ADMIN_TOKEN", TOKEN)
    assert run("drain", "--admin", address).code == 0
    file.write_text(f"{{{routes}}}")
    assert "has no admin server" in run("drain", "-c", file).err
    file.write_text(f"{{admin: '127.0.0.1:0', {routes}}}")
    assert "give --admin HOST:PORT" in run("drain", "-c", file).err


def test_a_unix_socket(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    with Serving(Admin.model_validate(f"unix:{path}"), listener) as admin:
        assert run("drain", "--admin", f"unix:{path}").code == 0
        assert admin.control.drains == 1


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"SSH\r\n"]
)
def test_what_is_no_admin_server_is_named(run: Run, answer: bytes) -> None:
    import threading

    with socket.create_server(("127.0.0.1", 0)) as other:

        def serve() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        outcome = run("status", "--admin", address)
        thread.join()
    assert outcome.code == 1
    assert f"at {address}" in outcome.err
    assert outcome.err.count("\n") == 1


def test_nobody_there_and_no_address(run: Run, tmp_path: Path) -> None:
    outcome = run("status", "--admin", f"unix:{tmp_path}/nowhere")
    assert (outcome.code, "No such file" in outcome.err) == (1, True)
    assert run("status", "--admin", "nonsense").code == 2


RATE = {"requests_per_second": 12.34, "error_rate": 0.05}
QUIET = {"requests_per_second": 0.0, "error_rate": None}
RATES = {"1m": RATE, "5m": QUIET, "15m": QUIET}


def test_status_tells_of_traffic_and_upstreams(run: Run, admin: Serving, at: list[str]) -> None:
    traffic = {
        "requests": 1234,
        "active": 5,
        "rates": RATES,
        "routes": {"users": {"requests": 1200, "errors": 7, "rates": RATES}},
    }
    endpoint = {"endpoint": "http://a.test", "weight": 2, "active": 3, "idle": 4, "queued": 5}
    upstreams = [
        {
            "name": "app",
            "workers": 1,
            "endpoints": [{**endpoint, "reachable": True}, {**endpoint, "reachable": False}],
        }
    ]
    log = {"path": "stdout", "problem": "disk full\x1b", "written_lines": 7, "lost_lines": 2}
    text = shown(admin, run, at, status(traffic=traffic, upstreams=upstreams, access_log=log))
    assert "access log to stdout: 7 lines, 2 lost; disk full\\x1b\n" in text
    expected = "12.3/s over 1m, 0/s over 5m, 0/s over 15m; errors 5.0% over 1m\n"
    assert f"1234 requests, 5 under way; {expected}" in text
    assert "users  1200      7       12.3     5.0%    0        -       0         -\n" in text
    assert "app       http://a.test  2       ok           3       4     5\n" in text
    assert "app       http://a.test  2       unreachable  3       4     5\n" in text


def test_the_level_of_the_log(run: Run, admin: Serving, at: list[str]) -> None:
    assert run("log-level", *at).out == "info\n"
    assert run("log-level", "debug", *at).out == "debug (configured: info)\n"
    assert admin.control.level == "debug"
    assert json.loads(run("log-level", "--json", *at).out)["configured"] == "info"
    assert run("log-level", "loud", *at).code == 2


def explanation(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON has
    limit = {
        "policy": "per-ip",
        "verdict": "admitted",
        "shadow": False,
        "cost": 1,
        "quota": 5,
        "window_seconds": 1.0,
        "remaining": 3,
        "reset_seconds": 0.5,
        "retry_seconds": 2.0,
        "concurrency": 7,
        "in_flight": 2,
    }
    endpoints = [
        {"endpoint": "http://a.test", "weight": 1, "reachable": True, "load": 0},
        {"endpoint": "http://b.test", "weight": 1, "reachable": False, "load": 0},
    ]
    return {
        "worker": 0,
        "outcome": "forward",
        "status": None,
        "reason": "forward: to the upstream of the route",
        "route": "users",
        "candidates": [{"route": "all", "why_not": "outranked"}],
        "canonical_path": "/users/1",
        "client": "192.0.2.7",
        "providers": ["main"],
        "credential": {
            "verdict": "accepted",
            "provider": "main",
            "issuer": "https://me",
            "subject": "ada\x1b",
        },
        "limits": [limit],
        "refusal": None,
        "answer": None,
        "upstream": {
            "name": "users",
            "endpoint": "http://a.test",
            "shares": [],
            "endpoints": endpoints,
            "attempts": 2,
            "timeouts": {},
        },
        "request": {
            "line": "GET /1 HTTP/1.1",
            "headers": [["Host", "a.test"], ["X-New", "1"], ["X-Changed", "2"]],
            "target_changed": True,
            "added": ["x-new"],
            "removed": ["x-old"],
            "changed": ["x-changed"],
        },
        **changes,
    }


def test_explain_tells_the_way_of_a_request(run: Run, admin: Serving, at: list[str]) -> None:
    admin.control.explained = explanation()
    outcome = run("explain", "GET", "http://a.test/users/1", "-H", "X-Old: 1", *at)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "forward: to the upstream of the route",
        "route: users",
        "path as routed: /users/1",
        "client: 192.0.2.7",
        "credential: accepted by provider main (issuer https://me), subject ada\\x1b",
        "limit per-ip: admitted, 3 of 5 left, 2 of 7 in flight, again in 2.0 s",
        "upstream: users, next http://a.test; cannot be reached: http://b.test",
        "head for the upstream:",
        "  GET /1 HTTP/1.1",
        "  Host: a.test",
        "+ X-New: 1",
        "~ X-Changed: 2",
        "- x-old",
    ]
    (asked,) = admin.control.asked
    assert [list(field) for field in asked["headers"]] == [["Host", "a.test"], ["X-Old", "1"]]


def test_explain_fails_where_the_request_would(run: Run, admin: Serving, at: list[str]) -> None:
    refusal = {
        "name": "token-missing",
        "detail": "None.",
        "headers": [["WWW-Authenticate", "Bearer"]],
        "violated": [],
    }
    admin.control.explained = explanation(
        outcome="reject", status=401, refusal=refusal, credential=None, upstream=None, request=None
    )
    outcome = run("explain", "GET", "/users/1", "--client", "192.0.2.7", *at)
    assert outcome.code == 1
    assert outcome.out.startswith("reject 401: ")
    assert "credential: none, of main\n" in outcome.out
    assert "  WWW-Authenticate: Bearer\n" in outcome.out
    assert admin.control.asked[0]["client"] == "192.0.2.7"


def test_explain_says_what_would_be_asked_for(run: Run, admin: Serving, at: list[str]) -> None:
    open_question = {"verdict": "unverified", "open": "key", "provider": "main", "key_id": "k1"}
    admin.control.explained = explanation(
        outcome="unverified", credential=open_question, upstream=None, request=None
    )
    outcome = run("explain", "GET", "/users/1", *at)
    assert outcome.code == 1
    expected = "of provider main, the issuer would be asked for its keys first, key k1\n"
    assert f"credential: {expected}" in outcome.out
    assert json.loads(run("explain", "GET", "/", "--json", *at).out)["outcome"] == "unverified"


def test_explain_says_why_nobody_accepts_a_credential(
    run: Run, admin: Serving, at: list[str]
) -> None:
    says = {"issuer": "https://me", "audience": ["web", "x"], "key_id": "k\x1b", "expires": 1e9}
    credential = {
        "verdict": "token-invalid",
        "says": says | {"not_before": 1e300},
        "tried": [{"provider": "main", "why": "wrong-audience", "detail": 'That is "api".'}],
    }
    admin.control.explained = explanation(
        outcome="reject", status=401, credential=credential, upstream=None, request=None
    )
    outcome = run("explain", "GET", "/users/1", *at)
    assert outcome.code == 1
    said = (
        "credential: token-invalid\n"
        '  provider main: wrong-audience: That is "api".\n'
        "  the token says: issuer https://me, audience web x, key k\\x1b, not before 1e+300,"
        " expires 2001-09-09T01:46:40Z\n"
    )
    assert said in outcome.out


def test_explain_says_that_no_endpoint_can_be_reached(
    run: Run, admin: Serving, at: list[str]
) -> None:
    told = explanation()
    for each in told["upstream"]["endpoints"]:
        each["reachable"] = False
    admin.control.explained = told
    assert (
        "upstream: users, next http://a.test; no endpoint could be reached when it was last tried:"
        " http://a.test, http://b.test\n"
    ) in run("explain", "GET", "/users/1", *at).out


def test_a_client_without_an_address_is_wrong_usage(
    run: Run, admin: Serving, at: list[str]
) -> None:
    outcome = run("explain", "GET", "/", "--client", "10.0.0.9x", *at)
    assert outcome.code == 2
    assert "--client: '10.0.0.9x' is no IP address" in outcome.err
    assert admin.control.asked == []


@pytest.mark.parametrize("words", [["GET", "a.test"], ["GET", "/", "-H", "nonsense"], ["GET"]])
def test_explain_of_no_request_is_wrong_usage(
    run: Run, admin: Serving, at: list[str], words: list[str]
) -> None:
    assert run("explain", *words, *at).code == 2
    assert admin.control.asked == []
