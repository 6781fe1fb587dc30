"""TLS, unix sockets and IPv6, towards upstreams and from clients."""

from __future__ import annotations

import ssl
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.certificates import Authority
from tests.support.client import Client, request
from tests.support.gateway import configuration
from tests.support.upstream import Conversation, answering, listening, ok

if TYPE_CHECKING:
    from tests.conftest import StartGateway, StartUpstream

BODY = bytes(range(256)) * 1000


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority that the gateway is told to trust."""
    return Authority(tmp_path)


def behind_tls(url: str, authority: Authority, **tls: Any) -> dict[str, Any]:  # noqa: ANN401
    """A configuration with one https endpoint."""
    return configuration(
        {"app": {"endpoints": [url], "tls": {"ca_file": str(authority.file)} | tls}}
    )


def test_an_https_upstream_is_verified_and_used(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    upstream = start_upstream(answering(ok(BODY)), tls=authority.server("localhost", "127.0.0.1"))
    for name in ("localhost", "127.0.0.1"):
        gateway = start_gateway(behind_tls(f"https://{name}:{upstream.address[1]}", authority))
        with gateway.client() as client:
            for _ in range(2):
                response = client.exchange(request("POST", "/", body=BODY))
                assert (response.status, response.body) == (200, BODY)
                assert upstream.next_request().body == BODY
    assert len(upstream.conversations) == 2


def test_a_certificate_for_another_host_is_refused(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    upstream = start_upstream(tls=authority.server("other.test"))
    gateway = start_gateway(behind_tls(f"https://127.0.0.1:{upstream.address[1]}", authority))
    response = gateway.fetch(request("GET", "/", "Authorization: secret"))
    response.problem("upstream-unreachable")
    assert response.status == 502
    upstream.no_request()


def test_a_certificate_of_an_unknown_authority_is_refused(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "Stranger")
    upstream = start_upstream(tls=stranger.server("127.0.0.1"))
    gateway = start_gateway(behind_tls(f"https://127.0.0.1:{upstream.address[1]}", authority))
    gateway.fetch(request()).problem("upstream-unreachable")
    upstream.no_request()


def test_without_a_ca_file_only_the_systems_authorities_are_trusted(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    upstream = start_upstream(tls=authority.server("127.0.0.1"))
    gateway = start_gateway(configuration({"app": upstream.url}))
    gateway.fetch(request()).problem("upstream-unreachable")
    upstream.no_request()


def test_an_expired_certificate_is_refused(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    upstream = start_upstream(tls=authority.server("127.0.0.1", expired=True))
    gateway = start_gateway(behind_tls(upstream.url, authority))
    gateway.fetch(request()).problem("upstream-unreachable")


def test_the_name_to_verify_can_be_given(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    context = authority.server("internal.test")
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    upstream = start_upstream(tls=context)
    gateway = start_gateway(behind_tls(upstream.url, authority, server_name="internal.test"))
    assert gateway.fetch(request()).status == 200
    assert asked == ["internal.test"]


def test_verification_can_be_turned_off_by_hand_only(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    upstream = start_upstream(tls=authority.server("other.test"))
    gateway = start_gateway(
        configuration({"app": {"endpoints": [upstream.url], "tls": {"verify": False}}})
    )
    assert gateway.fetch(request()).status == 200


def test_old_versions_of_tls_are_refused(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    context = authority.server("127.0.0.1")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the versions: they are the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    upstream = start_upstream(tls=context)
    gateway = start_gateway(behind_tls(upstream.url, authority))
    gateway.fetch(request()).problem("upstream-unreachable")


def test_a_plain_server_behind_an_https_url_is_502(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    def script(conversation: Conversation) -> None:
        conversation.socket.recv(1)
        conversation.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    upstream = start_upstream(script)
    gateway = start_gateway(behind_tls(f"https://127.0.0.1:{upstream.address[1]}", authority))
    gateway.fetch(request()).problem("upstream-unreachable")


def test_a_tls_upstream_gone_inside_its_body_is_visible(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """Without a closing alert, the end of a TLS stream proves nothing (RFC 8446, 6.1)."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")

    upstream = start_upstream(script, tls=authority.server("127.0.0.1"))
    gateway = start_gateway(behind_tls(upstream.url, authority))
    with gateway.client() as client:
        client.send(request())
        rest = client.remains()
        assert rest == b"" or rest.endswith(b"12345")


def test_a_unix_socket_upstream(
    start_gateway: StartGateway, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    upstream = start_upstream(answering(ok(BODY)), listener=listening(tmp_path / "app.sock"))
    gateway = start_gateway(configuration({"app": upstream.url}))
    with gateway.client() as client:
        for _ in range(2):
            assert client.exchange(request("POST", "/", body=BODY)).body == BODY
    assert upstream.next_request().header("Host") == "gateway.test"
    assert len(upstream.conversations) == 1


def test_a_unix_socket_upstream_named_by_its_endpoint(
    start_gateway: StartGateway, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    upstream = start_upstream(listener=listening(tmp_path / "app.sock"))
    document = configuration(
        {"app": upstream.url},
        routes=[
            {"name": "all", "upstream": "app", "auth": "none", "rewrite": {"host": "upstream"}}
        ],
    )
    assert start_gateway(document).fetch(request()).status == 200
    assert upstream.next_request().header("Host")


def test_a_unix_socket_that_is_not_there_is_502(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    gateway = start_gateway(configuration({"app": f"unix:{tmp_path}/missing.sock"}))
    gateway.fetch(request()).problem("upstream-unreachable")


def test_a_unix_socket_listener(
    start_gateway: StartGateway, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    upstream = start_upstream(answering(ok(BODY)))
    gateway = start_gateway(
        configuration({"app": upstream.url}), listeners=[listening(tmp_path / "gateway.sock")]
    )
    with gateway.client() as client:
        for _ in range(2):
            assert client.exchange(request("POST", "/", body=BODY)).body == BODY


def test_ipv6_both_ways(start_gateway: StartGateway, start_upstream: StartUpstream) -> None:
    upstream = start_upstream(answering(ok(BODY)), listener=listening(host="::1"))
    gateway = start_gateway(configuration({"app": upstream.url}), listeners=[listening(host="::1")])
    assert gateway.fetch(request()).body == BODY


def test_several_listeners_serve_alike(
    start_gateway: StartGateway, start_upstream: StartUpstream, tmp_path: Path
) -> None:
    upstream = start_upstream()
    listeners = [listening(), listening(), listening(tmp_path / "gateway.sock")]
    start_gateway(configuration({"app": upstream.url}), listeners=listeners)
    for listener in listeners:
        name = listener.getsockname()
        with Client(name if isinstance(name, str) else (name[0], name[1])) as client:
            assert client.exchange(request()).body == b"ok"
