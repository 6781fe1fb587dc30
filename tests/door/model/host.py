"""Host: one, and well formed (RFC 9110 section 7.2, RFC 3986 section 3.2.2)."""

from __future__ import annotations

import ipaddress
import re

from tests.door.model.fields import values
from tests.door.model.verdict import Fields, RefusedError

NAME = re.compile(r"[A-Za-z0-9._-]+")


def is_host(text: bytes) -> bool:
    """Whether this is `name`, `address` or `[IPv6]`, with a port from 1 to 65535 or none."""
    try:
        characters = text.decode("ascii")
    except UnicodeDecodeError:
        return False
    if characters.startswith("["):
        address, bracket, port = characters[1:].partition("]")
        if not bracket or not is_ipv6(address):
            return False
    else:
        name, colon, digits = characters.partition(":")
        if NAME.fullmatch(name) is None:
            return False
        port = colon + digits
    if not port:
        return True
    return re.fullmatch(r":[0-9]{1,5}", port) is not None and 1 <= int(port[1:]) <= 65535


def is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def request_host(fields: Fields, version: int) -> bytes | None:
    """The Host of a request, or None for an HTTP/1.0 request without one."""
    hosts = values(fields, b"host")
    if len(hosts) > 1:
        raise RefusedError("bad-request", "more than one Host")
    if not hosts:
        if version == 11:
            raise RefusedError("bad-request", "no Host")
        return None
    if not is_host(hosts[0]):
        raise RefusedError("bad-request", "malformed Host")
    return hosts[0]
