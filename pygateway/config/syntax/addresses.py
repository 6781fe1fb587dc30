"""Where to listen, where endpoints are, and whose word is believed: addresses, URLs and CIDRs."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from ..refusal import nearest, refusal
from .hosts import is_host, split_authority

MAXIMUM_SOCKET_PATH: Final = 107
"""Bytes in the path of a unix socket: sun_path of unix(7) has 108 with its final zero."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener is bound.

    Attributes:
        host: Host name or address without brackets; empty for a unix socket.
        port: TCP port, 0 for any free one; 0 for a unix socket.
        path: File of a unix socket, else None.
    """

    host: str
    port: int
    path: str | None = None

    @staticmethod
    def parse(text: str) -> Address:
        """Read `host:port`, `[address]:port` or `unix:/path`.

        Raises:
            PydanticCustomError: `text` is none of them.
        """
        if text.startswith("unix:"):
            return Address("", 0, check_socket_path(text.removeprefix("unix:")))
        host, colon, port = text.rpartition(":")
        if not colon and text.isascii() and text.isdigit():
            raise refusal(
                "bad-address", "an address names a host too", suggestion=f"127.0.0.1:{text}"
            )
        if host in {"", "*"} and port.isascii() and port.isdigit():
            raise refusal(
                "bad-address",
                "an address names a host; 0.0.0.0 stands for every IPv4 address of the machine",
                suggestion=f"0.0.0.0:{port}",
            )
        good_port = re.fullmatch(r"0|[1-9][0-9]{0,4}", port) and int(port) <= 65535
        if not is_host(host) or not good_port:
            raise refusal(
                "bad-address",
                "must be host:port, [IPv6 address]:port or unix:/path, the port from 0 (any free"
                " one) to 65535",
                allowed=("127.0.0.1:8000", "[::]:8000", "unix:/run/pygateway.sock"),
            )
        return Address(host.strip("[]"), int(port))

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class EndpointLocation:
    """What an endpoint's URL says.

    Attributes:
        scheme: Whether TLS is spoken.
        host: Host name or address without brackets; empty for a unix socket.
        port: TCP port; 0 for a unix socket.
        path: File of a unix socket, else None.
        authority: Text of the Host header that names this endpoint.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str | None
    authority: str


def locate_endpoint(url: str) -> EndpointLocation:
    """Read an endpoint's URL: http, https or unix.

    Raises:
        PydanticCustomError: it is none of them, or has parts that an endpoint cannot have.
    """
    match = _URL.fullmatch(url)
    scheme = match[1].lower() if match else ""
    rest = match[2] if match else ""
    if scheme == "unix":
        return EndpointLocation("http", "", 0, check_socket_path(rest), "localhost")
    if scheme == "http+unix":
        path = check_socket_path(rest.removeprefix("//"))
        return EndpointLocation("http", "", 0, path, "localhost")
    if scheme not in DEFAULT_PORTS or not rest.startswith("//"):
        raise _bad_url(url, scheme)
    authority, slash, path = rest[2:].partition("/")
    if "@" in authority:
        raise refusal(
            "bad-url",
            "an endpoint has no user and password: set an Authorization header on the route",
        )
    if slash and path:
        raise refusal("bad-url", "an endpoint has no path: use `rewrite.add_prefix` on the route")
    split = split_authority(authority)
    if split is None:
        raise refusal("bad-url", "the URL needs a host name or address, and a port of 1 to 65535")
    host, port = split[0].lower(), split[1] or DEFAULT_PORTS[scheme]
    name = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    spoken: Literal["http", "https"] = "https" if scheme == "https" else "http"
    return EndpointLocation(spoken, host.strip("[]"), port, None, name)


def _bad_url(url: str, scheme: str) -> Exception:
    suggestion = None
    if scheme not in {"http", "https"} and split_authority(url) is not None:
        suggestion = f"http://{url}"
    elif scheme and "://" in url:
        near = nearest(scheme, ("http", "https"))
        suggestion = near and near + url[len(scheme) :]
    return refusal(
        "bad-url",
        "must be the URL of an endpoint",
        allowed=("http://host:port", "https://host:port", "unix:/path"),
        suggestion=suggestion,
    )


def check_socket_path(path: str) -> str:
    """Return `path` if a unix socket can be there.

    Raises:
        PydanticCustomError: it is relative, too long or has a zero byte.
    """
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise refusal("bad-socket-path", "the file of a unix socket is an absolute path")
    if len(path.encode("utf-8", "surrogateescape")) > MAXIMUM_SOCKET_PATH:
        raise refusal(
            "bad-socket-path",
            f"the path of a unix socket has at most {MAXIMUM_SOCKET_PATH} bytes (unix(7))",
        )
    return path


def _check_endpoint_url(url: str) -> str:
    locate_endpoint(url)
    return url


def _check_network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:  # a zone identifier has no meaning on another machine
        raise refusal(
            "bad-cidr",
            "must be an address or a network in CIDR notation (RFC 4632)",
            allowed=("10.0.0.0/8", "192.0.2.7", "2001:db8::/32"),
        )
    if network.network_address != ipaddress.ip_address(text.partition("/")[0]):
        raise refusal(
            "bad-cidr",
            "the address has bits set outside of the network",
            suggestion=str(network),
        )
    return str(network)


def _parse_address(value: object) -> Address:
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise refusal("wrong-type", "must be text")
    return Address.parse(value)


ListenAddress = Annotated[
    Address,
    PlainValidator(_parse_address),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string"}),
]
EndpointUrl = Annotated[str, AfterValidator(_check_endpoint_url)]
Network = Annotated[str, AfterValidator(_check_network)]
