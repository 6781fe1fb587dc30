from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pygateway.config import Admin
from tests.admin.serving import Serving


@pytest.fixture
def admin() -> Iterator[Serving]:
    with Serving(Admin()) as serving:
        serving.control.explained = {
            "worker": 0,
            "outcome": "reject",
            "status": 404,
            "reason": "route-not-found: No route takes this host and path.",
            "route": None,
            "candidates": [{"route": "a", "why_not": "path: none of its paths matches"}],
            "canonical_path": "/x",
            "client": "127.0.0.1",
            "providers": [],
            "credential": None,
            "limits": [],
            "refusal": {"name": "route-not-found", "detail": "No.", "headers": [], "violated": []},
            "answer": None,
            "upstream": None,
            "request": None,
        }
        yield serving


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ({"url": "/a?b"}, {"target": "/a?b", "headers": [["Host", "localhost"]]}),
        (
            {"url": "HTTPS://a.example:8443/a?b#c", "method": "PUT"},
            {
                "method": "PUT",
                "secure": True,
                "target": "/a?b#c",
                "headers": [["Host", "a.example:8443"]],
            },
        ),
        ({"url": "http://a.example?b"}, {"target": "/?b", "headers": [["Host", "a.example"]]}),
        (
            {"url": "http://a.example/", "headers": {"host": "b.example"}},
            {"target": "/", "headers": [["host", "b.example"]]},
        ),
        (
            {"target": "*", "method": "OPTIONS", "headers": [["X-A", "1"], ["X-A", "2"]]},
            {
                "method": "OPTIONS",
                "target": "*",
                "headers": [["Host", "localhost"], ["X-A", "1"], ["X-A", "2"]],
            },
        ),
        (
            {"target": "/", "secure": True, "client": "2001:db8::1"},
            {
                "target": "/",
                "secure": True,
                "client": "2001:db8::1",
                "headers": [["Host", "localhost"]],
            },
        ),
    ],
)
def test_a_request_is_described_in_some_forms(
    admin: Serving, wanted: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert admin.ask("POST", "/explain", wanted).status == 200
    (got,) = admin.control.asked
    usual = {"method": "GET", "client": "127.0.0.1", "secure": False}
    assert {**got, "headers": [list(field) for field in got["headers"]]} == {**usual, **asked}


def test_the_answer_is_passed_on(admin: Serving) -> None:
    assert admin.ask("POST", "/explain", {"url": "/x"}).document == admin.control.explained


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        {},
        {"url": "/", "target": "/"},
        {"url": "a.example/"},
        {"url": "ftp://a.example/"},
        {"url": "http:///"},
        {"url": "/", "method": ""},
        {"url": "/", "method": "GET /"},
        {"url": "/", "client": "nonsense"},
        {"url": "/", "client": True},
        {"url": "/", "headers": [["X-A"]]},
        {"url": "/", "headers": "X-A: 1"},
    ],
)
def test_what_is_no_request(admin: Serving, wanted: object) -> None:
    reply = admin.ask("POST", "/explain", wanted)
    assert reply.status == 400
    assert admin.control.asked == []


@pytest.mark.parametrize(
    ("wanted", "errors"),
    [
        ({"url": "/", "client": "nonsense"}, [("client", "This is no IP address")]),
        ({"target": "/", "client": 7}, [("client", "This is no IP address")]),
        ({"url": "/", "headers": [["X-A"]]}, [("headers.0.1", "Field required")]),
        ({"url": "/", "mehtod": "GET"}, [("mehtod", "Extra inputs are not permitted")]),
        ({"target": 7}, [("target", "Input should be a valid string")]),
    ],
)
def test_what_is_wrong_is_said_of_the_form_that_was_meant(
    admin: Serving, wanted: object, errors: list[tuple[str, str]]
) -> None:
    document = admin.ask("POST", "/explain", wanted).document
    assert [(each["place"], each["message"]) for each in document["errors"]] == errors


def test_without_a_worker_nobody_can_say(admin: Serving) -> None:
    from pygateway.admin.control import NoWorker

    admin.control.explained = NoWorker("no worker is ready")
    reply = admin.ask("POST", "/explain", {"url": "/"})
    assert (reply.status, reply.document["detail"]) == (503, "no worker is ready.")


def test_what_a_worker_cannot_read_is_refused(admin: Serving) -> None:
    admin.control.explained = ValueError("it is no request")
    reply = admin.ask("POST", "/explain", {"url": "/"})
    assert (reply.status, reply.document["detail"]) == (400, "it is no request.")


def test_a_credential_is_not_repeated_in_errors(admin: Serving) -> None:
    headers = [["Authorization", "Bearer a-secret", "more"]]
    reply = admin.ask("POST", "/explain", {"url": "/", "headers": headers})
    assert reply.status == 400
    assert "a-secret" not in str(reply.document)
