"""Forms of the request target (RFC 9112 section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.door.model.host import is_host
from tests.door.model.verdict import RefusedError

DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


@dataclass(frozen=True)
class Target:
    """A target taken apart; `authority` is the absolute form's."""

    path: bytes
    query: bytes | None
    authority: bytes | None = None
    asterisk: bool = False


def same_authority(scheme: bytes, one: bytes, other: bytes) -> bool:
    """Compared without case and with the scheme's default port equal to none."""
    port = DEFAULT_PORTS[scheme]
    return one.lower().removesuffix(port) == other.lower().removesuffix(port)


def take_apart(target: bytes, method: bytes, host: bytes | None) -> Target:
    """Refuses whatever is not origin-form, absolute-form, or `*` of OPTIONS."""
    if any(byte <= 0x20 or byte >= 0x7F or byte in b"\\#" for byte in target):
        raise RefusedError("bad-request", "target has a character that no target has")
    if target == b"*":
        if method != b"OPTIONS":
            raise RefusedError("bad-request", "* is for OPTIONS")
        return Target(b"/", None, asterisk=True)
    if target.startswith(b"/"):
        return origin_form(target)
    return absolute_form(target, host)


def origin_form(target: bytes) -> Target:
    path, mark, query = target.partition(b"?")
    return Target(path, query if mark else None)


def absolute_form(target: bytes, host: bytes | None) -> Target:
    scheme, separator, rest = target.partition(b"://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise RefusedError("bad-request", "neither a path nor an http URL")
    end = min((rest.index(mark) for mark in (b"/", b"?") if mark in rest), default=len(rest))
    authority, remainder = rest[:end], rest[end:]
    if not is_host(authority):
        raise RefusedError("bad-request", "malformed authority")
    if host is not None and not same_authority(scheme, authority, host):
        raise RefusedError("bad-request", "authority is not the Host")
    if not remainder.startswith(b"/"):
        remainder = b"/" + remainder
    inner = origin_form(remainder)
    return Target(inner.path, inner.query, authority)
