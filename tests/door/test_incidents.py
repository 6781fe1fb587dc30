"""Past incidents of other gateways, class by class; each was a CVE somewhere."""

from __future__ import annotations

import pytest

from pygateway._core import Forward, ProtocolError, Reject
from tests.door.comparison import NOW, Door
from tests.door.heads import combined, parse
from tests.door.model.specification import HeaderPolicy, Rewrite, Route, Specification
from tests.door.model.verdict import Fields

HOST = (b"Host", b"a.example")
PROXY = "10.0.0.1"
BEHIND_PROXY = Specification(trusted_proxies=("10.0.0.0/8",))


def told(
    fields: Fields,
    specification: Specification = BEHIND_PROXY,
    method: bytes = b"GET",
    address: str = "198.51.100.7",
) -> dict[bytes, list[bytes]]:
    """What the upstream is told."""
    native, _ = Door(specification).compare(method, b"/", [HOST, *fields], address=address)
    assert isinstance(native, Forward)
    return combined(parse(native.head)[1])


def refused(target: bytes, fields: Fields, specification: Specification = BEHIND_PROXY) -> Reject:
    native, _ = Door(specification).compare(b"POST", target, [HOST, *fields])
    assert isinstance(native, Reject)
    return native


@pytest.mark.parametrize(
    "length", [b"+4", b"-0", b"4_0", b"0x4", b"4 ", b" 4", b"\xd9\xa4", b"4;", b"4.0", b"4,4"]
)
def test_lenient_integers_in_content_length(length: bytes) -> None:
    """CVE-2023-47627. Only optional white space around digits is tolerated, and is gone after."""
    if length.strip() == b"4":
        assert told([(b"Content-Length", length)], method=b"PUT")[b"content-length"] == [b"4"]
    else:
        assert not refused(b"/", [(b"Content-Length", length)]).keep_alive


@pytest.mark.parametrize(
    "name",
    [
        b"X-Forwarded-For",
        b"X-Forwarded-Host",
        b"X-Forwarded-Proto",
        b"X-Request-ID",
        b"traceparent",
        b"via",
    ],
)
@pytest.mark.parametrize("address", [PROXY, "198.51.100.7"])
def test_connection_cannot_nominate_away_what_the_gateway_adds(name: bytes, address: str) -> None:
    """CVE-2024-45410."""
    got = told([(b"Connection", b"close, " + name)], address=address)
    assert len(got[name.lower()]) == 1
    assert b"connection" not in got


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"Authorization", b"Bearer x"), (b"Cookie", b"a=1"), (b"Content-Length", b"3")],
)
def test_connection_cannot_nominate_away_what_the_upstream_decides_by(
    name: bytes, value: bytes
) -> None:
    """CVE-2024-45410: the upstream would take an authenticated caller for an anonymous one."""
    got = told([(name, value), (b"Connection", name.lower())], method=b"POST")
    assert got[name.lower()] == [value]
    assert got[b"host"] == [b"a.example"]


def test_connection_cannot_nominate_away_what_the_route_sets() -> None:
    """CVE-2024-45410: a field by which the upstream trusts the gateway."""
    policy = HeaderPolicy(set=(("X-Internal-Auth", "secret"),), add=(("X-Plan", "free"),))
    specification = Specification(routes=(Route(request_headers=policy),))
    got = told([(b"Connection", b"x-internal-auth, x-plan")], specification)
    assert got[b"x-internal-auth"] == [b"secret"]
    assert got[b"x-plan"] == [b"free"]


@pytest.mark.parametrize(
    "name",
    [
        b"X_Forwarded_For",
        b"x-forwarded_for",
        b"X_FORWARDED-PROTO",
        b"x_forwarded_host",
        b"X_Forwarded_User",
        b"X-Real_IP",
        b"X_Request_Id",
        b"x_original_url",
        b"X-Rewrite_URL",
        b"X_Internal_Auth",
        b"x_internal-auth",
    ],
)
@pytest.mark.parametrize("address", [PROXY, "198.51.100.7"])
def test_reserved_names_are_removed_in_every_spelling(name: bytes, address: str) -> None:
    """CVE-2023-27487, CVE-2026-35051, CVE-2026-88011: CGI-like upstreams fold `-` and `_`."""
    policy = HeaderPolicy(set=(("X-Internal-Auth", "secret"),))
    specification = Specification(
        routes=(Route(request_headers=policy),), trusted_proxies=("10.0.0.0/8",)
    )
    got = told([(name, b"forged")], specification, address=address)
    assert [b"forged"] not in got.values()
    assert got[b"x-internal-auth"] == [b"secret"]


@pytest.mark.parametrize(
    "name",
    [
        b"Content_Length",
        b"TRANSFER_ENCODING",
        b"transfer_Encoding",
        b"Transfer---Encoding",
        b"transfer.encoding",
        b"ContentLength",
        b"Content-Length-",
    ],
)
def test_framing_cannot_be_told_twice_by_an_alias(name: bytes) -> None:
    """CVE-2026-88011: an upstream that folds names would find another length."""
    got = told([(b"Content-Length", b"3"), (name, b"chunked")], method=b"POST")
    assert name.lower() not in got
    assert got[b"content-length"] == [b"3"]


def test_a_client_cannot_choose_its_address() -> None:
    """CVE-2022-24112."""
    spoofs = [
        (b"X-Forwarded-For", b"127.0.0.1"),
        (b"X-Real-IP", b"127.0.0.1"),
        (b"Forwarded", b"for=127.0.0.1"),
    ]
    direct = Door(BEHIND_PROXY).ask(b"GET", b"/", [HOST, *spoofs])
    assert direct.client == "198.51.100.7"
    assert not any(b"127.0.0.1" in b"".join(values) for values in told(spoofs).values())
    behind = [HOST, (b"X-Forwarded-For", b"127.0.0.1, 203.0.113.9")]
    assert Door(BEHIND_PROXY).ask(b"GET", b"/", behind, address=PROXY).client == "203.0.113.9"


@pytest.mark.parametrize(
    "path",
    [
        b"/public/../admin",
        b"/public/%2e%2e/admin",
        b"/public/.%2E/admin",
        b"//admin",
        b"/./admin",
        b"/public//..//admin",
        b"/%61dmin",
        b"/adm%69n",
    ],
)
def test_disguises_of_a_path_are_taken_off_before_routing(path: bytes) -> None:
    """CVE-2026-73551: what routes is what the upstream gets."""
    routes = (
        Route(name="public", paths=("/public/*",)),
        Route(name="admin", paths=("/admin", "/admin/*")),
    )
    native, _ = Door(Specification(routes=routes)).compare(b"GET", path, [HOST])
    assert isinstance(native, Forward)
    assert (native.route, native.path) == (1, "/admin")
    assert native.head.startswith(b"GET /admin HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "path",
    [
        b"/public/..;/admin",
        b"/public/..;x=1/admin",
        b"/public/x%2f..%2f..%2fadmin",
        b"/public%2f..%2fadmin",
        b"/public/x;/..;/admin",
        b"/public;/../../admin",
        b"/admin;x",
        b"/public/..%5cadmin",
        b"/admin%2fusers",
        b"/%2e%2e;/admin",
    ],
)
def test_paths_that_an_upstream_may_read_otherwise_are_refused(path: bytes) -> None:
    """CVE-2026-48020: Tomcat-like parameters, decoded slashes and backslashes."""
    routes = (
        Route(name="public", paths=("/public", "/public/*", "/*")),
        Route(name="admin", paths=("/admin", "/admin/*")),
    )
    assert refused(path, [], Specification(routes=routes)).reason == "bad-request"


def test_a_prefix_is_stripped_from_the_canonical_path_only() -> None:
    """CVE-2026-73551: stripping first and normalising later would leave the prefix's tree."""
    route = Route(paths=("/api/*",), rewrite=Rewrite(strip_prefix="/api"))
    specification = Specification(routes=(route,))
    native, _ = Door(specification).compare(b"GET", b"/api//%2e/users", [HOST])
    assert isinstance(native, Forward)
    assert native.head.startswith(b"GET /users HTTP/1.1\r\n")
    assert refused(b"/api/../users", [], specification).reason == "route-not-found"


def test_switching_protocols_must_have_been_asked_for() -> None:
    """CVE-2026-2833, CVE-2024-23326."""
    upgrade = [(b"Connection", b"upgrade"), (b"Upgrade", b"websocket")]
    for fields in ([], upgrade[1:], [*upgrade, (b"Content-Length", b"1")]):
        native = Door(BEHIND_PROXY).ask(b"POST", b"/", [HOST, *fields])
        assert isinstance(native, Forward)
        assert not native.upgrade
        with pytest.raises(ProtocolError):
            native.response_head(101, b"Switching Protocols", upgrade, NOW)


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ([(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")], 11),
        ([(b"Content-Length", b"5"), (b"Content-Length", b"6")], 11),
        ([(b"Transfer-Encoding", b"xchunked")], 11),
        ([(b"Transfer-Encoding", b"chunked")], 10),
        ([(b"Content-Length", b"0x5")], 11),
    ],
)
def test_a_response_of_doubtful_length_is_an_error(fields: Fields, version: int) -> None:
    """CVE-2026-2835: the caller closes the connection on this error."""
    native = Door(BEHIND_PROXY).ask(b"GET", b"/", [HOST])
    assert isinstance(native, Forward)
    with pytest.raises(ProtocolError):
        native.response_head(200, b"OK", fields, NOW, version)


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("framing", [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")])
def test_nothing_follows_a_body_without_meaning(
    method: bytes, framing: tuple[bytes, bytes]
) -> None:
    """What one side reads as this body, another may read as the next request."""
    door = Door(BEHIND_PROXY)
    assert not door.compare(method, b"/", [HOST, framing])[0].keep_alive
    assert door.compare(method, b"/", [HOST, (b"Content-Length", b"0")])[0].keep_alive
    assert door.compare(b"POST", b"/", [HOST, framing])[0].keep_alive


def test_a_refusal_does_not_echo_what_was_sent() -> None:
    secret = b"Bearer-0123456789-secret"
    for fields in (
        [(b"Content-Length", secret)],
        [(b"Transfer-Encoding", secret)],
        [(b"Expect", secret)],
        [(b"X\x00", secret)],
        [(b"X", secret + b"\x00")],
        [(b"Host", secret)],
    ):
        reject = refused(b"/", fields)
        assert secret.decode() not in reject.detail
        assert not any(secret in value for _, value in reject.headers)


@pytest.mark.parametrize(
    "target", [b"/a#b", b"/#", b"http://a.example/#x", b"*", b"a.example:80", b"a", b"", b"/a b"]
)
def test_targets_that_the_tokeniser_lets_pass(target: bytes) -> None:
    reject = refused(target, [])
    assert (reject.reason, reject.keep_alive) == ("bad-request", False)


@pytest.mark.parametrize("value", [b"a\r\nX: 1", b"a\nb", b"\x00", b"a\x0bb", b"\x7f", b"a\x1b[0m"])
def test_a_value_cannot_end_its_line(value: bytes) -> None:
    assert refused(b"/", [(b"X-Custom", value)]).reason == "bad-request"


@pytest.mark.parametrize("name", [b"X Y", b"X:", b"", b" X", b"X ", b"X\t", b"\xe9", b"X\r\nY"])
def test_a_name_is_a_token(name: bytes) -> None:
    assert refused(b"/", [(name, b"1")]).reason == "bad-request"
