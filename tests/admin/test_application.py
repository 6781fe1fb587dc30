from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pygateway.admin.control import Reloaded, Revoked, Unheard
from pygateway.config import Admin
from pygateway.errors import ConfigurationProblem
from pygateway.revocation.journal import JournalFailed
from pygateway.revocation.ledger import LedgerFull
from tests.admin.serving import Reply, Serving


@pytest.fixture
def admin() -> Iterator[Serving]:
    with Serving(Admin()) as serving:
        yield serving


def problem(reply: Reply, name: str) -> dict[str, Any]:
    """What a problem says; it is one by name and form."""
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.document["type"] == f"urn:pygateway:problem:{name}"
    assert reply.document["status"] == reply.status
    document: dict[str, Any] = reply.document
    return document


def test_one_token_is_revoked_until_it_has_expired(admin: Serving) -> None:
    reply = admin.ask("POST", "/revocations", {"jti": "a"})
    assert (reply.status, reply.document["complete"]) == (200, True)
    (entry,) = admin.control.taken
    assert (entry.kind, entry.name, entry.issuer) == ("jti", "a", None)
    assert 0 < entry.expires - time.time() <= 100


def test_a_subject_is_revoked_as_of_now(admin: Serving) -> None:
    before = time.time()
    admin.ask("POST", "/revocations", {"sub": "a", "issuer": "b"})
    (entry,) = admin.control.taken
    assert before <= entry.issued_before <= time.time()
    assert entry.expires == pytest.approx(entry.issued_before + 200.0)


@pytest.mark.parametrize(
    "time", [1893456000, 1893456000.0000001, "2030-01-01T00:00:00Z", "2030-01-01"]
)
def test_times_have_every_form(admin: Serving, time: object) -> None:
    admin.ask("POST", "/revocations", {"jti": "a", "expires": time})
    assert admin.control.taken[0].expires == 1893456000.0


def test_several_at_once(admin: Serving) -> None:
    wanted = [{"jti": "a"}, {"sub": "b", "issued_before": 5}, {"issued_before": 7}]
    assert admin.ask("POST", "/revocations", wanted).status == 200
    assert [entry.kind for entry in admin.control.taken] == ["jti", "sub", "all"]
    listed = admin.ask("GET", "/revocations?limit=2").document
    assert (listed["total"], len(listed["revocations"])) == (3, 2)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "One of"),
        ({"issuer": "a"}, "One of"),
        ({"jti": "a", "sub": "b"}, "names one token"),
        ({"jti": "a", "issued_before": 5}, "names one token"),
        ({"sub": "a", "issued_before": "2200-01-01"}, "lies in the future"),
        ({"jti": "a", "expires": 5}, "has passed"),
        ({"jti": "\ud800"}, ""),
        ([], "has not the form"),
        ([{"jti": "a"}] * 5001, "has not the form"),
    ],
)
def test_what_has_no_clear_meaning_is_refused(admin: Serving, wanted: object, words: str) -> None:
    reply = admin.ask("POST", "/revocations", wanted)
    assert reply.status == 400
    assert words in reply.document["detail"]
    assert admin.control.taken == []


@pytest.mark.parametrize(
    "wanted", [None, 7, {"jti": 7}, {"jti": ""}, {"jti": "a" * 1025}, {"jti": "a", "more": 1}]
)
def test_what_has_another_form_is_refused_and_said(admin: Serving, wanted: object) -> None:
    reply = admin.ask("POST", "/revocations", wanted)
    assert problem(reply, "bad-request")["errors"]


def test_a_body_that_is_no_json(admin: Serving) -> None:
    reply = admin.ask("POST", "/revocations", b"{")
    assert problem(reply, "bad-request")


def test_not_everybody_heeds_it_yet(admin: Serving) -> None:
    admin.control.revoked = Revoked(1, [Unheard(2, 77, "busy")], shared=True, problem="away")
    reply = admin.ask("POST", "/revocations", {"jti": "a"})
    assert reply.status == 202
    assert not reply.document["complete"]
    assert reply.document["unheard"] == [{"worker": 2, "pid": 77, "reason": "busy"}]
    assert reply.document["problem"] == "away"


@pytest.mark.parametrize("failure", [LedgerFull(5), JournalFailed("cannot write file: full")])
def test_what_cannot_be_kept(admin: Serving, failure: Exception) -> None:
    admin.control.failure = failure
    reply = admin.ask("POST", "/revocations", {"jti": "a"})
    assert reply.status == 507
    assert problem(reply, "revocations-not-kept")["detail"] == f"{failure}."


def test_a_bug_shows_no_traceback(admin: Serving) -> None:
    admin.control.failure = RuntimeError("inner life")
    reply = admin.ask("POST", "/revocations", {"jti": "a"})
    assert reply.status == 500
    assert "inner life" not in str(reply.document)
    assert admin.ask("GET", "/livez").status == 200


def test_reload_and_its_refusal(admin: Serving) -> None:
    assert admin.ask("POST", "/reload").document == {"reloaded": True}
    wrong = ConfigurationProblem(
        "unknown-key", "what is `x`?", file="f", line=3, column=1, source_line="x: secret"
    )
    admin.control.reloaded = Reloaded("problems in the configuration: 1", (wrong,))
    reply = admin.ask("POST", "/reload")
    (error,) = problem(reply, "reload-refused")["errors"]
    assert (error["code"], error["line"]) == ("unknown-key", 3)
    assert "secret" not in str(reply.document)


def test_drain(admin: Serving) -> None:
    assert admin.ask("POST", "/drain").status == 202
    assert admin.control.drains == 1


def test_status_and_the_description_of_everything(admin: Serving) -> None:
    assert admin.ask("GET", "/status").document["status"] == "ok"
    paths = admin.ask("GET", "/openapi.json").document["paths"]
    assert {"/livez", "/readyz", "/status", "/metrics", "/reload", "/drain"} <= set(paths)
    assert admin.ask("GET", "/docs").status == 404


def test_other_paths_and_methods(admin: Serving) -> None:
    assert problem(admin.ask("GET", "/nowhere"), "not-found")
    reply = admin.ask("GET", "/drain")
    assert problem(reply, "method-not-allowed")
    assert reply.headers["allow"] == "POST"
    assert admin.control.drains == 0
