"""What a client may not send; design section "the parser's known gaps", and RFC 9112 section 11.2.

Every case is refused with its status, the connection ends after the answer, and the upstream
never hears of the request: the one upstream here fails the test if it is sent anything at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.client import request
from tests.support.gateway import RunningGateway, configuration, route
from tests.support.upstream import Conversation, ScriptedUpstream

if TYPE_CHECKING:
    from pathlib import Path

HOST = b"Host: gateway.test\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def case(name: str, raw: bytes, *statuses: int) -> object:
    """A request and the statuses that may answer it."""
    return pytest.param(raw, statuses or (400,), id=name)


REQUEST_LINES = [
    case("0.9 without headers", b"GET /\r\n\r\n", 400, 505),
    case("0.9 with headers", b"GET /\r\n" + HOST + b"\r\n", 400, 505),
    case("HTTP/0.9", b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", 400, 505),
    case("HTTP/1.2", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 400, 505),
    case("HTTP/2.0", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 400, 505),
    case("HTTP/3.0", b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", 400, 505),
    case("HTTP/1.10", b"GET / HTTP/1.10\r\n" + HOST + b"\r\n", 400, 505),
    case("HTTP/01.1", b"GET / HTTP/01.1\r\n" + HOST + b"\r\n", 400, 505),
    case("HTTP/1,1", b"GET / HTTP/1,1\r\n" + HOST + b"\r\n", 400, 505),
    case("HTTP/1.", b"GET / HTTP/1.\r\n" + HOST + b"\r\n", 400, 505),
    case("http/1.1", b"GET / http/1.1\r\n" + HOST + b"\r\n", 400, 505),
    case("RTSP", b"OPTIONS / RTSP/1.0\r\n" + HOST + b"\r\n", 400, 501, 505),
    case("ICE", b"SOURCE / ICE/1.0\r\n" + HOST + b"\r\n", 400, 501, 505),
    case("http/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 501, 505),
    case("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, 501),
    case("two spaces before the target", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n"),
    case("two spaces before the version", b"GET /  HTTP/1.1\r\n" + HOST + b"\r\n"),
    case("space behind the version", b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n"),
    case("space before the method", b" GET / HTTP/1.1\r\n" + HOST + b"\r\n", 400, 501),
    case("tab before the target", b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400, 501),
    case("tab before the version", b"GET /\tHTTP/1.1\r\n" + HOST + b"\r\n"),
    case("vertical tab before the target", b"GET\x0b/ HTTP/1.1\r\n" + HOST + b"\r\n", 400, 501),
    case("space in the target", b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
    case("two versions", b"GET / HTTP/1.1 HTTP/1.1\r\n" + HOST + b"\r\n"),
    case("no target", b"GET HTTP/1.1\r\n" + HOST + b"\r\n"),
    case("empty target", b"GET  HTTP/1.1\r\n" + HOST + b"\r\n"),
    case("NUL in the method", b"GE\0T / HTTP/1.1\r\n" + HOST + b"\r\n", 400, 501),
    case("unknown method", b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 400, 501),
    case("lower-case method", b"get / HTTP/1.1\r\n" + HOST + b"\r\n", 400, 501),
    case("method with a colon", b"GET: / HTTP/1.1\r\n" + HOST + b"\r\n", 400, 501),
    case("CONNECT", b"CONNECT gateway.test:443 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    case("TRACE", b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    case("bare LF behind the request line", b"GET / HTTP/1.1\n" + HOST + b"\r\n"),
    case("bare CR behind the request line", b"GET / HTTP/1.1\r" + HOST + b"\r\n"),
    case("LF only", b"GET / HTTP/1.1\nHost: gateway.test\n\n"),
    case("CR before LF twice", b"GET / HTTP/1.1\r\r\n" + HOST + b"\r\n"),
]

TARGETS = [
    case(f"target {target!r}", b"GET %b HTTP/1.1\r\n%b\r\n" % (target, HOST))
    for target in (
        b"*",
        b"foo",
        b"foo/bar",
        b"gateway.test:80",
        b"/a#fragment",
        b"/a?b#c",
        b"/%",
        b"/%4",
        b"/%zz",
        b"/%00",
        b"/a%00.html",
        b"/%0d%0aX-Injected:%201",
        b"/%0A",
        b"/%09",
        b"/%1f",
        b"/%7F",
        b"/a\\b",
        b"/..\\..\\etc",
        b"/caf\xc3\xa9",
        b"/\x01",
        b"/\x7f",
        b"/a\x00b",
        b"/..",
        b"/../etc/passwd",
        b"/a/../../b",
        b"/%2e%2e/b",
        b"/.%2E/b",
        b"/a/%2e%2e/%2e%2e/b",
        b"/a/..;/b",
        b"/a/..;x=y/b",
        b"/a/%2e%2e;/b",
        b"/?q=\x80",
        b"/?q=a\tb",
        b"?query",
        b"//gateway.test@evil.test/../..",
        b"http://",
        b"http:///path",
        b"http:/gateway.test/",
        b"ftp://gateway.test/",
        b"file:///etc/passwd",
        b"http://user@gateway.test/",
        b"http://user:pass@gateway.test/",
        b"http://other.test/",
        b"http://gateway.test:8080/",
        b"http://gateway.test.evil.test/",
        b"https://gateway.test:80/",
        b"http://gateway.test:99999/",
        b"http://gateway.test/a#b",
    )
]

HOSTS = [
    case("no host", b"GET / HTTP/1.1\r\n\r\n"),
    case("two hosts", b"GET / HTTP/1.1\r\n" + HOST + b"Host: evil.test\r\n\r\n"),
    case("two equal hosts", b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    case("two hosts on 1.0", b"GET / HTTP/1.0\r\n" + HOST + b"Host: evil.test\r\n\r\n"),
    case("host with a space before the colon", b"GET / HTTP/1.1\r\nHost : gateway.test\r\n\r\n"),
    *(
        case(f"host {host!r}", b"GET / HTTP/1.1\r\nHost:%b\r\n\r\n" % host)
        for host in (
            b"",
            b" ",
            b" user@gateway.test",
            b" gateway.test@evil.test",
            b" gateway.test evil.test",
            b" gateway.test,evil.test",
            b" gateway.test, evil.test",
            b" gateway.test:port",
            b" gateway.test:0",
            b" gateway.test:65536",
            b" gateway.test:80:80",
            b" gateway.test:+80",
            b" gateway.test:-80",
            b" gateway.test: 80",
            b" gateway.test/path",
            b" gateway.test?query",
            b" gateway.test#x",
            b" http://gateway.test",
            b" gateway%2etest",
            b" gate\\way.test",
            b" gateway.test\x01",
            b" gat\xc3\xa9way.test",
            b" [::1",
            b" ::1",
            b" [::1]x",
            b" [gateway.test]",
            b" [::1%25eth0]",
            b" [::g]",
            b" gateway.test<script>",
            b' "gateway.test"',
        )
    ),
]

FIELDS = [
    case("space before the colon", GET + b"X-Test : a\r\n\r\n"),
    case("tab before the colon", GET + b"X-Test\t: a\r\n\r\n"),
    case("space in the name", GET + b"X Test: a\r\n\r\n"),
    case("empty name", GET + b": a\r\n\r\n"),
    case("no colon", GET + b"X-Test\r\n\r\n"),
    case("folded value", GET + b"X-Test: a\r\n b\r\n\r\n"),
    case("folded by tab", GET + b"X-Test: a\r\n\tb\r\n\r\n"),
    case("folded first line", b"GET / HTTP/1.1\r\n " + HOST + b"\r\n"),
    case("folded name", GET + b"X-Test\r\n : a\r\n\r\n"),
    case("bare LF between fields", GET + b"X-A: a\nX-B: b\r\n\r\n"),
    case("bare CR between fields", GET + b"X-A: a\rX-B: b\r\n\r\n"),
    case("bare LF at the end", GET + b"X-A: a\r\n\n"),
    case("CR CR LF", GET + b"X-A: a\r\r\n\r\n"),
    *(
        case(f"{byte:#04x} in a name", GET + b"X%cY: a\r\n\r\n" % byte)
        for byte in (0x00, 0x01, 0x1F, 0x22, 0x28, 0x2C, 0x2F, 0x3B, 0x40, 0x5B, 0x7B, 0x7F, 0x80)
    ),
    *(
        case(f"{byte:#04x} in a value", GET + b"X-Test: a%cb\r\n\r\n" % byte)
        for byte in (0x00, 0x01, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F)
    ),
]

FRAMINGS = [
    *(
        case(f"Content-Length {value!r}", POST + b"Content-Length:%b\r\n\r\n12345" % value)
        for value in (
            b"",
            b" ",
            b" +5",
            b" -5",
            b" -0",
            b" 5, 5",
            b" 5,5",
            b" 5 5",
            b" 0x5",
            b" 5_0",
            b" 5.0",
            b" 5e0",
            b" 5;",
            b' "5"',
            b" five",
            b" \xd9\xa5",
            b" 9223372036854775808",
            b" 18446744073709551616",
            b" 99999999999999999999999",
        )
    ),
    case("two lengths", POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345"),
    case("two equal lengths", POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n12345"),
    case(
        "length and chunked",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    case(
        "chunked and length",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    case("length and empty coding", POST + b"Content-Length: 5\r\nTransfer-Encoding:\r\n\r\n12345"),
    case(
        "chunked on 1.0",
        b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    *(
        case(
            f"coding {value!r}", POST + b"Transfer-Encoding:%b\r\n\r\n0\r\n\r\n" % value, *statuses
        )
        for value, statuses in (
            (b"", (400,)),
            (b" gzip, chunked", (501,)),
            (b" deflate, gzip, chunked", (501,)),
            (b" identity, chunked", (501,)),
            (b" gzip", (400, 501)),
            (b" identity", (400, 501)),
            (b" chunked, chunked", (400, 501)),
            (b" chunked, gzip", (400, 501)),
            (b" chunked, identity", (400, 501)),
            (b",chunked", (400, 501)),
            (b" chunked,", (400, 501)),
            (b" chunked;q=1", (400, 501)),
            (b" chunked foo", (400, 501)),
            (b" xchunked", (400, 501)),
            (b" chunkedx", (400, 501)),
            (b' "chunked"', (400, 501)),
            (b" chunked\x0b", (400,)),
            (b" \x0bchunked", (400,)),
            (b" chunked\x00", (400,)),
            (b" chun\xeb\xe4d", (400, 501)),
            (b" chunked\r\nTransfer-Encoding: chunked", (400, 501)),
            (b" chunked\r\nTransfer-Encoding: gzip", (400, 501)),
            (b" gzip\r\nTransfer-Encoding: chunked", (400, 501)),
            (b" \r\n chunked", (400,)),
        )
    ),
    case("space behind Transfer-Encoding", POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    case("space behind Content-Length", POST + b"Content-Length : 5\r\n\r\n12345"),
    case("other expectation", POST + b"Expect: something\r\nContent-Length: 0\r\n\r\n", 417),
    case("two expectations", POST + b"Expect: 100-continue, x\r\nContent-Length: 1\r\n\r\n1", 417),
]

CHUNKS = [
    case(f"chunk {body!r}", CHUNKED + body)
    for body in (
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\t\r\nhello\r\n0\r\n\r\n",
        b"5 ;x\r\nhello\r\n0\r\n\r\n",
        b"5_0\r\nhello\r\n0\r\n\r\n",
        b"g\r\nhello\r\n0\r\n\r\n",
        b";x=y\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"5;\r\nhello\r\n0\r\n\r\n",
        b"5;x\ny\r\nhello\r\n0\r\n\r\n",
        b"5;x\ry\r\nhello\r\n0\r\n\r\n",
        b'5;x="y\r\nhello\r\n0\r\n\r\n',
        b"5;x=\x01\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\rhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"10000000000000000\r\nhello\r\n0\r\n\r\n",
        b"fffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\n\r\n",
        b"5\r\nhello\r\n0\r\n\n",
        b"5\r\nhello\r\n0 \r\n\r\n",
        b"\xd9\xa5\r\nhello\r\n0\r\n\r\n",
    )
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One gateway for all cases; what its upstream receives fails the test in the end."""

    def script(conversation: Conversation) -> None:
        received = conversation.until_closed()
        if not received:
            return
        assert received.startswith(b"POST / HTTP/1.1\r\n"), f"sent on: {received[:500]!r}"
        # The head of a chunked request may have gone before its body turned out malformed.
        assert b"\r\n0\r\n\r\n" not in received, received
        assert b"\r\nTransfer-Encoding: chunked\r\n" in received, received

    directory: Path = tmp_path_factory.mktemp("guards")
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(ScriptedUpstream(script))
        document = configuration(
            {"app": upstream.url},
            routes=[
                route("all", upstream="app"),
                route("fixed", "/fixed", respond={"status": 200, "body": "fine"}),
            ],
        )
        yield stack.enter_context(RunningGateway(document, directory))


@pytest.mark.parametrize(
    ("raw", "statuses"), [*REQUEST_LINES, *TARGETS, *HOSTS, *FIELDS, *FRAMINGS, *CHUNKS]
)
def test_it_is_refused_and_the_connection_ends(
    gateway: RunningGateway, raw: bytes, statuses: tuple[int, ...]
) -> None:
    with gateway.client() as client:
        client.send(raw)
        response = client.response("GET")
        assert response.status in statuses
        response.problem()
        assert response.closes
        client.ended()


@pytest.mark.parametrize(("raw", "statuses"), FRAMINGS)
def test_what_follows_a_doubtful_message_is_never_a_request(
    gateway: RunningGateway, raw: bytes, statuses: tuple[int, ...]
) -> None:
    with gateway.client() as client:
        client.send_while_accepted(raw + request("GET", "/fixed"))
        assert client.response().status in statuses
        client.ended()


@pytest.mark.parametrize(
    "target",
    [
        "/a/./b", "/a//b", "/a/b/../c", "/%61", "/%7Euser", "/a%20b", "/a%2Fb", "/a;b=c/d", "/a,b",
        "/a:b@c", "/?q=1&r=2", "/?", "/??", "/?a=/../b", "/?q=%zz", "/?q='\"<>`{|}", "/a/.../b",
        "/a/..b", "/a/b..", "/.well-known/x", "/[1]", "/\"quoted\"", "/a|b", "/^", "/!$&'()*+=",
    ],
)  # fmt: skip
def test_an_unusual_target_is_not_a_hostile_one(target: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream() as upstream,
        RunningGateway(configuration({"app": upstream.url}), tmp_path) as gateway,
    ):
        assert gateway.fetch(request("GET", target)).status == 200


@pytest.mark.parametrize(
    "host",
    ["gateway.test", "GATEWAY.TEST", "gateway.test:80", "gateway.test:65535", "127.0.0.1",
     "127.0.0.1:8000", "[::1]", "[::1]:8000", "under_score.test", "gateway.test.", "xn--9ca.test"],
)  # fmt: skip
def test_a_proper_host_is_accepted(host: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream() as upstream,
        RunningGateway(configuration({"app": upstream.url}), tmp_path) as gateway,
    ):
        assert gateway.fetch(request(host=host)).status == 200
        assert upstream.next_request().header("Host") == host


@pytest.mark.parametrize(
    ("target", "forwarded"),
    [
        ("http://gateway.test/a?b", "/a?b"),
        ("http://gateway.test", "/"),
        ("http://gateway.test?b", "/?b"),
        ("HTTP://Gateway.Test/a", "/a"),
        ("http://gateway.test:80/a", "/a"),
        ("https://gateway.test/a", "/a"),
        ("https://gateway.test:443/a", "/a"),
    ],
)
def test_an_absolute_target_of_this_host_is_its_path(
    target: str, forwarded: str, tmp_path: Path
) -> None:
    with (
        ScriptedUpstream() as upstream,
        RunningGateway(configuration({"app": upstream.url}), tmp_path) as gateway,
    ):
        assert gateway.fetch(request("GET", target)).status == 200
        assert upstream.next_request().target == forwarded


def test_options_asterisk_is_forwarded_as_it_is(tmp_path: Path) -> None:
    with (
        ScriptedUpstream() as upstream,
        RunningGateway(configuration({"app": upstream.url}), tmp_path) as gateway,
    ):
        assert gateway.fetch(request("OPTIONS", "*")).status == 200
        assert upstream.next_request().target == "*"


def test_the_answer_survives_what_the_client_is_still_sending(gateway: RunningGateway) -> None:
    """Lingering close (RFC 9112 section 9.6): no reset that takes the answer with it."""
    with gateway.client() as client:
        client.send(POST + b"Content-Length: 500000\r\nContent-Length: 500000\r\n\r\n")
        client.send_while_accepted(b"x" * 500_000)
        response = client.response()
        assert response.status == 400
        client.ended()
