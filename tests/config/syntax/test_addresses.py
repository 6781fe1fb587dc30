from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from pygateway.config import Address, EndpointLocation
from pygateway.config.syntax.addresses import (
    EndpointUrl,
    ListenAddress,
    Network,
    locate_endpoint,
)

ADDRESSES: TypeAdapter[Address] = TypeAdapter(ListenAddress)
URLS: TypeAdapter[str] = TypeAdapter(EndpointUrl)
NETWORKS: TypeAdapter[str] = TypeAdapter(Network)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8000", Address("127.0.0.1", 8000)),
        ("localhost:0", Address("localhost", 0)),
        ("[::]:8000", Address("::", 8000)),
        ("unix:/run/x.sock", Address("", 0, "/run/x.sock")),
    ],
)
def test_addresses_read_and_write(text: str, address: Address) -> None:
    assert ADDRESSES.validate_python(text) == address
    assert str(address) == text
    assert ADDRESSES.validate_python(address) is address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8000",
        ":8000",
        "*:8000",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:08000",
        "::1:80",
        "a b:80",
        "http://a:80",
        "unix:",
        "unix:run/x",
        "unix:/run/",
        "unix:/a\x00b",
        "unix:/" + "x" * 107,
        "unix://" + "é" * 53,
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValidationError):
        ADDRESSES.validate_python(text)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("http://a", EndpointLocation("http", "a", 80, None, "a")),
        ("http://A:80/", EndpointLocation("http", "a", 80, None, "a")),
        ("https://a", EndpointLocation("https", "a", 443, None, "a")),
        ("HTTPS://a:80", EndpointLocation("https", "a", 80, None, "a:80")),
        ("http://[::1]:9000", EndpointLocation("http", "::1", 9000, None, "[::1]:9000")),
        ("unix:/run/a.sock", EndpointLocation("http", "", 0, "/run/a.sock", "localhost")),
        ("http+unix:///run/a.sock", EndpointLocation("http", "", 0, "/run/a.sock", "localhost")),
    ],
)
def test_endpoints(url: str, location: EndpointLocation) -> None:
    assert locate_endpoint(url) == location
    assert URLS.validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "a:80",
        "ftp://a",
        "http:a",
        "http:/a",
        "http://",
        "http://:80",
        "http://a:0",
        "http://a:65536",
        "http://a/b",
        "http://a//",
        "http://a?b",
        "http://a#b",
        "http://u:p@a",
        "http://a b",
        "http://é",
        "http://a\n",
        "unix:a",
        "unix:",
        "http+unix://run/a",
        "unix:/a/",
    ],
)
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(ValidationError):
        URLS.validate_python(url)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
    ],
)
def test_networks(text: str, network: str) -> None:
    assert NETWORKS.validate_python(text) == network


@pytest.mark.parametrize(
    "text", ["", "a", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "fe80::1%eth0", "*"]
)
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValidationError):
        NETWORKS.validate_python(text)
