"""Where a credential is looked for, and who looks at it."""

from __future__ import annotations

from hypothesis import example, given, settings

from pygateway._core import Forward, Reject
from tests.door.auth_comparison import HOST, AuthDoor
from tests.door.comparison import CLIENT, NOW, Decision
from tests.door.keys import PAIRS
from tests.door.model.authentication.specification import Auth, Jwt, Protection
from tests.door.model.specification import Route, Specification
from tests.door.model.verdict import Fields
from tests.door.strategies.credentials import (
    API_KEYS,
    PEPPER,
    PROVIDERS,
    TOKENS,
    protections,
    showing_fields,
)


def door_of(specification: Specification) -> AuthDoor:
    door = AuthDoor(specification)
    for index, provider in enumerate(PROVIDERS):
        if isinstance(provider.kind, Jwt):
            door.set_keys(index, [PAIRS["secret-a"].key()])
        else:
            door.set_api_keys(index, PEPPER, API_KEYS)
    return door


def protected_by(*providers: int, authorization: str = "remove") -> Specification:
    protection = Protection(providers, authorization=authorization)
    return Specification(routes=(Route(auth=protection),), auth=Auth(PROVIDERS))


COOKIE_AMONG_OTHERS: Fields = [(b"Cookie", b"a=1; session=" + TOKENS[3] + b"; b=2")]


@settings(max_examples=250)
@given(protections(), showing_fields())
@example(protected_by(1), COOKIE_AMONG_OTHERS)
@example(protected_by(0), [(b"Authorization", b"Bearer " + TOKENS[0]), (b"Cookie", b"a=1")])
def test_credentials_are_found_as_in_the_model(
    specification: Specification, fields: Fields
) -> None:
    door_of(specification).decide(fields)


def facts(decision: Decision) -> tuple[object, ...]:
    """What can be seen of a decision."""
    common = (decision.request_id, decision.user, decision.body_limit, decision.keep_alive)
    if isinstance(decision, Forward):
        return (*common, decision.head)
    return (*common, *((decision.reason, decision.headers) if isinstance(decision, Reject) else ()))


@given(protections(), showing_fields())
def test_a_whole_head_is_judged_like_its_parts(
    specification: Specification, fields: Fields
) -> None:
    lines = b"".join(b"%b: %b\r\n" % field for field in [HOST, *fields])
    whole, parts = door_of(specification).native, door_of(specification).native
    peer = whole.peer(CLIENT, False)
    by_head = whole.decide_head(b"GET / HTTP/1.1\r\n" + lines + b"\r\n", peer, NOW)
    by_parts = parts.decide(b"GET", b"/", [HOST, *fields], parts.peer(CLIENT, False), NOW)
    assert facts(by_head) == facts(by_parts)
