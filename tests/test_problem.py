import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pygateway import problem
from pygateway._core import REASONS
from pygateway.errors import ExchangeError

COMMON = ("type", "title", "status", "detail", "instance", "request_id")
# Surrogates are no text, but JSON can say them, and what cannot be encoded must not break a reply.
TEXT = st.text(st.characters(exclude_categories=()))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(TEXT, inner),
    max_leaves=6,
)
MEMBERS = st.dictionaries(TEXT.filter(lambda member: member not in COMMON), VALUES, max_size=3)


class Decision:
    """A decision with nothing but what a reply needs; the native ones are tried in tests/wire."""

    def __init__(
        self, *, head_only: bool = False, path: str = "/a", request_id: str = "0199"
    ) -> None:
        self.head_only = head_only
        self.path = path
        self.request_id = request_id

    def reply_head(
        self,
        status: int,
        headers: problem.Headers,
        content_length: int,
        now: float,
        close: bool = False,
    ) -> bytes:
        lines = [b"%s: %s" % header for header in headers]
        return b"|".join([b"%d %d %d %d" % (status, content_length, now, close), *lines, b""])


def members(reply: bytes) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(reply.rpartition(b"|")[2])
    return parsed


def test_a_problem_has_the_members_of_rfc_9457_and_the_request_id() -> None:
    reply = problem.render(Decision(), "body-too-large", "Too much.", 5.0)
    assert members(reply) == {
        "type": "urn:pygateway:problem:body-too-large",
        "title": "Request body too large",
        "status": 413,
        "detail": "Too much.",
        "instance": "/a",
        "request_id": "0199",
    }
    assert b"Content-Type: application/problem+json" in reply
    assert b"Cache-Control: no-store" in reply


def test_the_length_is_that_of_the_body_and_head_has_none() -> None:
    whole = problem.render(Decision(), "internal", "x", 0.0)
    head = problem.render(Decision(head_only=True), "internal", "x", 0.0)
    body = whole.rpartition(b"|")[2]
    assert whole == head + body
    assert int(head.split(b" ")[1]) == len(body)


def test_headers_close_and_retry_after_are_passed_on() -> None:
    reply = problem.render(
        Decision(), "method-not-allowed", "x", 0.0, headers=[(b"Allow", b"GET")], close=True
    )
    assert reply.startswith(b"405 ")
    assert b"|Allow: GET|" in reply
    assert b" 1|" in reply
    assert b"Retry-After: 1" in problem.render(Decision(), "overloaded", "x", 0.0)


@pytest.mark.parametrize("name", ["auth-unavailable", "overloaded", "draining"])
def test_whoever_may_come_back_is_told_when_once(name: str) -> None:
    own = problem.render(Decision(), name, "x", 0.0, headers=[(b"Retry-After", b"7")])
    assert own.count(b"Retry-After") == 1
    assert b"Retry-After: 7|" in own
    assert b"Retry-After: 1|" in problem.render(Decision(), name, "x", 0.0)


def test_a_request_without_a_readable_path_has_an_instance_all_the_same() -> None:
    assert members(problem.render(Decision(path=""), "bad-request", "x", 0.0))["instance"] == "/"


def test_text_of_any_kind_stays_json() -> None:
    assert members(problem.render(Decision(), "internal", 'a"\n\u2028é', 0.0))["detail"] == (
        'a"\n\u2028é'
    )


@given(st.sampled_from(list(problem.CATALOGUE)), TEXT, TEXT, TEXT, st.none() | MEMBERS)
def test_the_bytes_are_those_of_json_dumps(
    name: str,
    detail: str,
    path: str,
    request_id: str,
    members: dict[str, object] | None,
) -> None:
    kind = problem.CATALOGUE[name]
    values = (f"urn:pygateway:problem:{name}", kind.title, kind.status, detail, path or "/")
    document = dict(zip(COMMON, (*values, request_id), strict=True)) | (members or {})
    decision = Decision(path=path, request_id=request_id)
    reply = problem.render(decision, name, detail, 0.0, members=members)
    assert reply.endswith(b"|" + json.dumps(document).encode("ascii") + b"\n")


def test_replies_leave_nothing_behind_for_the_next() -> None:
    before = problem.render(Decision(), "overloaded", "x", 0.0)
    problem.render(Decision(), "overloaded", "x", 0.0, headers=[(b"Allow", b"GET")])
    assert problem.render(Decision(), "overloaded", "x", 0.0) == before


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_the_gate_is_in_the_catalogue(reason: str) -> None:
    assert reason in problem.CATALOGUE


def subclasses(kind: type[ExchangeError]) -> list[type[ExchangeError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in subclasses(child))]


@pytest.mark.parametrize("kind", subclasses(ExchangeError))
def test_every_error_of_an_exchange_is_in_the_catalogue(kind: type[ExchangeError]) -> None:
    assert kind.problem in problem.CATALOGUE
