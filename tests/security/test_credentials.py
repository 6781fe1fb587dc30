"""Where a credential may be, how it is spelled, and what happens when there are two (RFC 6750)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

import pytest

from tests.security.forging import AUDIENCE, ISSUER, SHARED_KEY, b64, claims, shared, signed
from tests.security.fortress import Fortress, bearer
from tests.support.client import chunk, request
from tests.support.gateway import route

if TYPE_CHECKING:
    from collections.abc import Callable

# --- the Authorization field ----------------------------------------------------------------------


def test_without_a_credential_the_challenge_names_no_error(fortress: Fortress) -> None:
    for place in ("shared", "public", "typed", "other"):
        fortress.refuses(place, problem="token-missing")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_scheme_and_field_have_no_case(fortress: Fortress, name: str, scheme: str) -> None:
    """RFC 9110 section 11.1."""
    assert fortress.admits("shared", f"{name}: {scheme} {shared()}").header("X-User-ID")


@pytest.mark.parametrize("spaces", ["  ", "     ", " " * 100])
def test_spaces_between_scheme_and_token_may_be_several(fortress: Fortress, spaces: str) -> None:
    """RFC 6750 section 2.1 writes `1*SP`."""
    fortress.admits("shared", f"Authorization: Bearer{spaces}{shared()}")


@pytest.mark.parametrize("before", ["\t", " \t ", "   "])
@pytest.mark.parametrize("after", ["", " ", "\t", " \t "])
def test_spaces_around_a_field_value_are_not_part_of_it(
    fortress: Fortress, before: str, after: str
) -> None:
    fortress.admits("shared", f"Authorization:{before}Bearer {shared()}{after}")


@pytest.mark.parametrize(
    "value",
    ["Bearer\t{}", "Bearer \t{}", "Bearer\t {}", "Bearer{}", "Bearer:{}", "Bearer: {}", "Bearer={}",
     "Bearer,{}", "Bearer ,{}", "Bearer {},", "Bearer {};", "Bearer {} {}", "Bearer {}, Bearer {}",
     "Bearer {},Bearer {}", "Bearer Bearer {}", 'Bearer "{}"', "Bearer '{}'", "Bearer <{}>",
     "Bearer [{}]", "Bearer token={}", 'Bearer token="{}"', "Bearer access_token={}",
     "Bearer {}\xa0", "Bearer \xa0{}", "Bearer\xa0{}", "\xefBearer {}", "Bearer {}, Basic eDp5",
     "Basic eDp5, Bearer {}", "Bearer x, Bearer {}", "Bearer {}, Bearer x", ", Bearer {}",
     "Bearers {}", "Beare {}", "JWT {}", "Token {}", "OAuth {}", "DPoP {}", "MAC {}", "{}",
     "token {}", "Negotiate {}", "Digest {}", 'Digest username="{}"', "Basic {}", "Bearer-{}",
     "Bearer ={}", "Bearer {}=", "Bearer {}~", "Bearer {}%00", "Bearer \\{}"],
)  # fmt: skip
def test_what_is_not_a_bearer_token_opens_nothing(fortress: Fortress, value: str) -> None:
    token = shared()
    line = f"Authorization: {value.replace('{}', token)}"
    with fortress.gateway.client() as client:
        answer = client.exchange(request("GET", "/shared/a", line))
        assert answer.status == 401, answer
        kind = str(answer.problem()["type"]).rpartition(":")[2]
        assert kind in {"token-invalid", "token-missing"}
        assert token.encode() not in answer.raw
    assert fortress.seen() == []


@pytest.mark.parametrize(
    "value", ["Bearer", "bearer ", "Bearer  ", "Bearer ,", "Bearer =", "Bearer @"]
)
def test_a_bearer_without_a_token_is_invalid(fortress: Fortress, value: str) -> None:
    fortress.refuses("shared", f"Authorization: {value}")


@pytest.mark.parametrize(
    "value",
    ["", " ", "Basic", "Basic eDp5", "basic " + base64.b64encode(b"admin:admin").decode(),
     "Digest a=b", "Negotiate abc", "NTLM abc", "Hoba result=x", "AWS4-HMAC-SHA256 a/b", "x", ","],
)  # fmt: skip
def test_another_scheme_is_no_credential_here(fortress: Fortress, value: str) -> None:
    fortress.refuses("shared", f"Authorization: {value}", problem="token-missing")


@pytest.mark.parametrize("place", ["shared", "public"])
def test_two_fields_are_one_too_many(fortress: Fortress, place: str) -> None:
    """Whoever reads the other one would take it for another's request."""
    good = bearer(shared() if place == "shared" else signed("RS256"))
    for other in (good, "Authorization: Bearer x", "Authorization: Basic eDp5", "Authorization:",
                  "authorization: Bearer x", "AUTHORIZATION: x"):  # fmt: skip
        for pair in ((good, other), (other, good), (good, "X-Between: 1", other)):
            with fortress.gateway.client() as client:
                answer = client.exchange(request("GET", f"/{place}/a", *pair))
                answer.problem("bad-request")
                assert answer.status == 400
                challenge = answer.header("WWW-Authenticate") or ""
                assert 'error="invalid_request"' in challenge
    assert fortress.seen() == []


def test_a_folded_field_is_refused(fortress: Fortress) -> None:
    for fold in ("\r\n ", "\r\n\t"):
        raw = request("GET", "/shared/a", f"Authorization: Bearer{fold}{shared()}")
        with fortress.gateway.client() as client:
            assert client.exchange(raw).status == 400
            client.ended()
    assert fortress.seen() == []


# --- places that are not looked at ----------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["access_token", "token", "jwt", "id_token", "bearer", "authorization", "Authorization", "auth",
     "api_key", "apikey", "key", "access%5Ftoken"],
)  # fmt: skip
def test_the_query_is_never_looked_at(fortress: Fortress, name: str) -> None:
    """RFC 6750 section 2.3 warns of it: addresses end up in logs."""
    fortress.refuses(f"/shared/a?{name}={shared()}", problem="token-missing")
    fortress.refuses(f"/shared/a?x=1&{name}=Bearer%20{shared()}", problem="token-missing")


@pytest.mark.parametrize(
    "name",
    ["Cookie", "X-Authorization", "Proxy-Authorization", "X-Auth-Token", "X-Access-Token",
     "X-Token",     "X-API-Key", "X-Forwarded-Authorization", "Authentication",
     "Authorization-", "Authorization_",
     "_Authorization", "X-Original-Authorization", "X-Amzn-Oidc-Data", "Cf-Access-Jwt-Assertion",
     "X-Goog-Iap-Jwt-Assertion", "Sec-WebSocket-Protocol", "WWW-Authenticate", "DPoP", "Token"],
)  # fmt: skip
def test_no_other_field_is_looked_at(fortress: Fortress, name: str) -> None:
    token = shared()
    for value in (token, f"Bearer {token}", f"session={token}", f"Authorization=Bearer {token}"):
        fortress.refuses("shared", f"{name}: {value}", problem="token-missing")


def test_a_body_is_not_looked_at(fortress: Fortress) -> None:
    body = f"access_token={shared()}".encode()
    raw = request("POST", "/shared/a", "Content-Type: application/x-www-form-urlencoded", body=body)
    fortress.gateway.fetch(raw).problem("token-missing")
    assert fortress.seen() == []


def test_a_trailer_is_not_looked_at(fortress: Fortress) -> None:
    head = request("POST", "/shared/a", "Transfer-Encoding: chunked", "Trailer: Authorization")
    trailers = f"0\r\n{bearer(shared())}\r\n\r\n".encode()
    with fortress.gateway.client() as client:
        client.send_while_accepted(head + chunk(b"x") + trailers)
        client.response().problem("token-missing")
    assert fortress.seen() == []


def test_a_trailer_does_not_replace_a_credential(fortress: Fortress) -> None:
    other = shared(claims(sub="admin"))
    head = request("POST", "/shared/a", bearer(shared()), "Transfer-Encoding: chunked")
    trailers = f"0\r\n{bearer(other)}\r\nX-User-ID: admin\r\n\r\n".encode()
    with fortress.gateway.client() as client:
        client.send_while_accepted(head + chunk(b"x") + trailers)
        client.remains() if client.response().closes else None
    fortress.gateway.settle()
    fortress.upstream.settle()
    for connection in fortress.upstream.take():
        assert b"admin" not in connection.received
        assert other.encode() not in connection.received


# --- cookies and fields where they are configured -------------------------------------------------


@pytest.fixture
def elsewhere(build: Callable[..., Fortress]) -> Fortress:
    """A provider that takes its token from a cookie or a field, and not from Authorization."""
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "secrets": [{"value": SHARED_KEY}],
        "token_from": [{"cookie": "session"}, {"header": "X-Token"}],
        "claims_to_headers": {"sub": "X-User-ID"},
    }
    return build(
        auth={"providers": {"main": provider}},
        routes=[
            route("shared", "/shared/*", upstream="app", auth={"provider": "main"}),
            route("removed", "/removed/*", upstream="app",
                  auth={"provider": "main", "authorization": "remove"}),
        ],
    )  # fmt: skip


def status(fortress: Fortress, *lines: str, place: str = "/shared/a") -> int:
    """Just the status; whatever is not 200 must not have reached the upstream."""
    code = fortress.gateway.fetch(request("GET", place, *lines)).status
    assert len(fortress.seen()) == (code == 200)
    return code


def test_a_cookie_is_found_among_others(elsewhere: Fortress) -> None:
    token = shared()
    for line in (f"session={token}", f"a=b; session={token}", f"a=b; session={token}; c=d",
                 f"a=b;session={token};c=d", f"xsession=x; session={token}; z=x"):  # fmt: skip
        assert status(elsewhere, f"Cookie: {line}") == 200, line
    assert status(elsewhere, f"X-Token: {token}") == 200
    assert status(elsewhere, "Cookie: a=b", f"Cookie: session={token}") == 200
    assert status(elsewhere, f"Cookie: session={token}; session={token}") == 200


def test_another_cookie_is_not_this_one(elsewhere: Fortress) -> None:
    token = shared()
    for name in (
        "Session", "SESSION", "xsession", "sessionx", "__Host-session", "$session",
        "a,session", "a=b session", "session[]", "session.x", "s%65ssion",
    ):  # fmt: skip
        assert status(elsewhere, f"Cookie: {name}={token}") == 401, name
    assert status(elsewhere, f'Cookie: a="; session={token}"') == 401
    assert status(elsewhere, bearer(token)) == 401
    assert status(elsewhere, "Cookie: session=") == 401
    assert status(elsewhere, "Cookie: session") == 401
    assert status(elsewhere, f"Cookie: session=Bearer {token}") == 401


def test_two_different_cookies_of_one_name_are_none(elsewhere: Fortress) -> None:
    """One of them may have been planted by a neighbour of the domain."""
    good, other = shared(), shared(claims(sub="admin"))
    for lines in (
        [f"Cookie: session={good}; session={other}"],
        [f"Cookie: session={other}; session={good}"],
        [f"Cookie: session={good}", f"Cookie: session={other}"],
        [f"Cookie: session={good}; session =x"],
        [f"Cookie: session={good}; session=x"],
        [f"Cookie: session=x; session={good}"],
        [f"Cookie: session={good}; a=b; session="],
    ):
        assert status(elsewhere, *lines) == 401, lines


def test_a_repeated_field_is_no_credential(elsewhere: Fortress) -> None:
    good = shared()
    for lines in ((f"X-Token: {good}", f"X-Token: {good}"), (f"X-Token: {good}", "x-token: x"),
                  ("X-Token:", f"X-Token: {good}")):  # fmt: skip
        answer = elsewhere.gateway.fetch(request("GET", "/shared/a", *lines))
        answer.problem("bad-request")
        assert answer.status == 400
    assert elsewhere.seen() == []
    assert status(elsewhere, f"X-Token: {good}, {good}") == 401


@pytest.mark.parametrize("name", ["X_Token", "x_token", "X_TOKEN"])
def test_a_field_in_two_spellings_is_there_twice(elsewhere: Fortress, name: str) -> None:
    """Upstreams that make `HTTP_X_TOKEN` of both would find the one that was not looked at."""
    good, other = shared(), shared(claims(sub="admin"))
    for pair in ((good, other), (other, good), (good, "x"), ("x", good)):
        lines = (f"X-Token: {pair[0]}", f"{name}: {pair[1]}")
        elsewhere.gateway.fetch(request("GET", "/shared/a", *lines)).problem("bad-request")
    assert elsewhere.seen() == []
    assert status(elsewhere, f"{name}_: {good}") == 401
    received = elsewhere.admits("/removed/a", f"{name}: {good}")
    assert received.header("X-User-ID") == "user-7"
    assert good.encode() not in received.raw


def test_the_first_source_that_is_there_decides(elsewhere: Fortress) -> None:
    good = shared()
    assert status(elsewhere, "Cookie: session=x", f"X-Token: {good}") == 401
    assert status(elsewhere, f"Cookie: session={good}", "X-Token: x") == 200


def test_a_credential_can_be_kept_from_the_upstream(elsewhere: Fortress) -> None:
    token = shared()
    received = elsewhere.admits("/removed/a", f"Cookie: a=b; session={token}; c=d")
    assert received.header("X-User-ID") == "user-7"
    assert token.encode() not in received.raw
    assert (received.header("Cookie") or "").replace(" ", "") == "a=b;c=d"
    for lines in ([f"Cookie: session={token}"], [f"X-Token: {token}"],
                  [f"Cookie: session={token}; session={token}"],
                  ["Cookie: a=b", f"Cookie: session={token}"]):  # fmt: skip
        received = elsewhere.admits("/removed/a", *lines)
        assert token.encode() not in received.raw


# --- keys -----------------------------------------------------------------------------------------


PEPPER = "a pepper of thirty-two bytes or more"
KEY = "pgk_0123456789abcdefghijklmnopqrstuv"


def keys() -> dict[str, object]:
    """A provider that knows one key."""
    digest = hmac.new(PEPPER.encode(), KEY.encode(), hashlib.sha256).hexdigest()
    entry = {"id": "k1", "hash": digest, "owner": "acme"}
    return {
        "api_keys": {"pepper": PEPPER, "keys": [entry]},
        "claims_to_headers": {"sub": "X-User-ID"},
    }


def test_a_wrong_credential_is_not_made_up_for_by_another(build: Callable[..., Fortress]) -> None:
    """The first that is there is the credential; what an upstream reads must be what was judged."""
    tokens = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "secrets": [{"value": SHARED_KEY}],
        "claims_to_headers": {"sub": "X-User-ID"},
    }
    fortress = build(
        auth={"providers": {"tokens": tokens, "keys": keys()}},
        routes=[
            route("both", "/both/*", upstream="app",
                  auth={"provider": ["tokens", "keys"], "authorization": "remove"}),
        ],
    )  # fmt: skip
    good, key = bearer(shared()), f"X-API-Key: {KEY}"
    for lines in ((bearer("x"), key), (key, bearer("x")), ("Authorization: Bearer", key)):
        assert status(fortress, *lines, place="/both/a") == 401
    expected: list[tuple[str, tuple[str, ...]]] = [
        ("user-7", (good,)),
        ("acme", (key,)),
        ("user-7", (good, key)),
        ("user-7", (good, "X-API-Key: x")),
        ("acme", ("Authorization: Basic x", key)),
    ]
    for user, presented in expected:
        received = fortress.admits("/both/a", *presented)
        assert received.header("X-User-ID") == user
        assert KEY.encode() not in received.raw
        assert b"Bearer" not in received.raw


def test_a_key_is_compared_as_a_whole(build: Callable[..., Fortress]) -> None:
    fortress = build(
        auth={"providers": {"keys": keys()}},
        routes=[route("keys", "/keys/*", upstream="app", auth={"provider": "keys"})],
    )
    digest = hmac.new(PEPPER.encode(), KEY.encode(), hashlib.sha256).hexdigest()
    received = fortress.admits("/keys/a", f"X-API-Key: {KEY}")
    assert received.header("X-User-ID") == "acme"
    for wrong in (
        KEY[:-1], KEY + "x", KEY.upper(), digest, "", "k1", "acme", PEPPER, b64(KEY.encode()),
        f"Bearer {KEY}", f"{KEY}, {KEY}", f'"{KEY}"', "*", "%", "' OR 1=1 --",
        KEY.replace("_", "-"),
    ):  # fmt: skip
        assert status(fortress, f"X-API-Key: {wrong}", place="/keys/a") == 401, wrong
    for line in (bearer(KEY), f"X_API_Key_: {KEY}", f"X-APIKey: {KEY}", f"Cookie: X-API-Key={KEY}"):
        assert status(fortress, line, place="/keys/a") == 401, line
    assert status(fortress, place=f"/keys/a?api_key={KEY}") == 401
    answer = fortress.gateway.fetch(request("GET", "/keys/a"))
    assert (answer.header("WWW-Authenticate") or "").startswith("ApiKey realm=")
