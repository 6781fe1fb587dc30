"""Downloads, from servers that do what servers of attackers and of bad days do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pygateway.auth.download import (
    Document,
    Unobtainable,
    download,
    open_session,
    tls_context,
)
from pygateway.config import Jwks
from tests.support.certificates import Authority
from tests.support.issuer import KEY_SET, Holding, Issuer, document, saying
from tests.support.loops import run
from tests.support.upstream import Conversation, Hangup


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as made:
        yield made


def fetch(address: str, etag: str | None = None, **policy: object) -> Document:
    jwks = Jwks.model_validate({"allow_http": True} | policy)

    async def session() -> Document:
        async with open_session(jwks, tls_context(jwks.ca_file)) as opened:
            return await download(opened, address, jwks, etag)

    return run(session())


def test_a_document_comes_with_its_fields_joined(issuer: Issuer) -> None:
    issuer.lines = ["Cache-Control: public", "Cache-Control: max-age=60", 'ETag: "a"']
    found = fetch(issuer.keys_url)
    assert found.body == issuer.key_set
    assert found.headers["cache-control"] == "public, max-age=60"
    assert not found.unchanged


def test_no_more_is_told_than_needed(issuer: Issuer) -> None:
    fetch(issuer.keys_url)
    (received,) = issuer.requests
    assert received.header("Accept-Encoding") == "identity"
    assert (received.header("User-Agent") or "").startswith("pygateway/")
    assert received.header("Cookie") is None


def test_a_known_document_is_not_sent_again(issuer: Issuer) -> None:
    issuer.answers[KEY_SET] = saying(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n')
    found = fetch(issuer.keys_url, '"a"')
    assert found.unchanged
    assert issuer.requests[0].header("If-None-Match") == '"a"'


def test_nobody_can_say_unchanged_of_what_is_not_known(issuer: Issuer) -> None:
    issuer.answers[KEY_SET] = saying(b"HTTP/1.1 304 Not Modified\r\n\r\n")
    with pytest.raises(Unobtainable, match="304"):
        fetch(issuer.keys_url)


@pytest.mark.parametrize("status", ["201 Created", "401 Unauthorized", "500 Broken"])
def test_any_other_status_is_a_failure(issuer: Issuer, status: str) -> None:
    issuer.answers[KEY_SET] = saying(document({"keys": []}, status=status))
    with pytest.raises(Unobtainable, match=status[:3]):
        fetch(issuer.keys_url)


@pytest.mark.parametrize("excess", [0, 1])
def test_a_document_is_as_large_as_allowed_and_no_larger(issuer: Issuer, excess: int) -> None:
    issuer.answers[KEY_SET] = saying(document(b"x" * (1024 + excess)))
    if excess:
        with pytest.raises(Unobtainable, match="larger than 1024"):
            fetch(issuer.keys_url, size=1024)
    else:
        assert len(fetch(issuer.keys_url, size=1024).body) == 1024


def test_an_endless_document_is_not_read_to_its_end(issuer: Issuer) -> None:
    stopped = threading.Event()

    def endless(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                conversation.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        finally:
            stopped.set()

    issuer.answers[KEY_SET] = endless
    with pytest.raises(Unobtainable, match="larger"):
        fetch(issuer.keys_url)
    assert stopped.wait(10)


def test_compressed_content_is_bounded_by_what_it_becomes(issuer: Issuer) -> None:
    import gzip

    bomb = gzip.compress(bytes(50 << 20))
    issuer.answers[KEY_SET] = saying(document(bomb, "Content-Encoding: gzip"))
    with pytest.raises(Unobtainable):
        fetch(issuer.keys_url)


def test_redirects_are_refused_unless_allowed(issuer: Issuer) -> None:
    moved = document(b"", "Location: /elsewhere", status="302 Found")
    issuer.answers[KEY_SET] = saying(moved)
    issuer.answers["/elsewhere"] = saying(document({"keys": []}))
    with pytest.raises(Unobtainable, match="redirected"):
        fetch(issuer.keys_url)
    assert issuer.asked == [KEY_SET]
    assert fetch(issuer.keys_url, redirects=1).body == b'{"keys": []}'


def test_a_circle_of_redirects_ends(issuer: Issuer) -> None:
    issuer.answers[KEY_SET] = saying(document(b"", f"Location: {KEY_SET}", status="307 Again"))
    with pytest.raises(Unobtainable, match="redirected"):
        fetch(issuer.keys_url, redirects=3)
    assert issuer.asked == [KEY_SET] * 4


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/", "//", "http://["])
def test_redirects_lead_nowhere_but_to_the_web(issuer: Issuer, location: str) -> None:
    issuer.answers[KEY_SET] = saying(document(b"", f"Location: {location}", status="302 Found"))
    with pytest.raises(Unobtainable):
        fetch(issuer.keys_url, redirects=3)
    assert issuer.asked[0] == KEY_SET


def test_plain_http_is_refused_unless_allowed(issuer: Issuer) -> None:
    with pytest.raises(Unobtainable, match="https is required"):
        fetch(issuer.keys_url, allow_http=False)
    assert issuer.asked == []


@pytest.mark.parametrize("address", ["https://", "https:///keys", "keys", "", "http://[::1"])
def test_what_is_no_address_is_not_asked(address: str) -> None:
    with pytest.raises(Unobtainable):
        fetch(address)


def test_a_server_that_hangs_is_given_up(issuer: Issuer) -> None:
    holding = issuer.answers[KEY_SET] = Holding()
    with pytest.raises(Unobtainable, match="in time"):
        fetch(issuer.keys_url, timeout="100ms")
    holding.released.set()


def test_a_server_that_drips_is_given_up(issuer: Issuer) -> None:
    given_up = threading.Event()

    def drip(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not given_up.wait(0.01):
            conversation.send(b"x")

    issuer.answers[KEY_SET] = drip
    with pytest.raises(Unobtainable, match="in time"):
        fetch(issuer.keys_url, timeout="200ms")
    given_up.set()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\x00\xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["nothing", "noise", "truncated", "length", "long line", "chunks"],
)
def test_garbage_is_a_failure_with_a_name(issuer: Issuer, raw: bytes) -> None:
    def garbage(conversation: Conversation) -> None:
        conversation.send(raw)
        raise Hangup

    issuer.answers[KEY_SET] = garbage
    with pytest.raises(Unobtainable) as failure:
        fetch(issuer.keys_url)
    assert str(failure.value)


def test_nobody_listening_is_a_failure_with_a_name(issuer: Issuer) -> None:
    with Issuer() as gone:
        address = gone.keys_url
    with pytest.raises(Unobtainable):
        fetch(address)


class TestTls:
    def test_the_configured_authority_is_believed(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        with Issuer(authority.server("127.0.0.1")) as issuer:
            found = fetch(issuer.keys_url, allow_http=False, ca_file=str(authority.file))
            assert found.body == issuer.key_set

    @pytest.mark.parametrize("weakness", ["unknown", "name", "expired"])
    def test_nobody_else_is(self, tmp_path: Path, weakness: str) -> None:
        authority = Authority(tmp_path)
        name = "other.test" if weakness == "name" else "127.0.0.1"
        believed = {} if weakness == "unknown" else {"ca_file": str(authority.file)}
        with Issuer(authority.server(name, expired=weakness == "expired")) as issuer:
            with pytest.raises(Unobtainable):
                fetch(issuer.keys_url, **believed)
            assert issuer.asked == []

    def test_a_redirect_away_from_it_is_refused(self, issuer: Issuer, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        with Issuer(authority.server("127.0.0.1")) as secure:
            moved = document(b"", f"Location: {issuer.keys_url}", status="302 Found")
            secure.answers[KEY_SET] = saying(moved)
            trust = {"ca_file": str(authority.file)}
            with pytest.raises(Unobtainable, match="https is required"):
                fetch(secure.keys_url, allow_http=False, redirects=2, **trust)
        assert issuer.asked == []
