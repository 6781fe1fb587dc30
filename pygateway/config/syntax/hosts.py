"""Host names and authorities (RFC 9110 section 7.2, RFC 3986 section 3.2), and CORS origins."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

from ..refusal import refusal

MAXIMUM_HOST = 253
"""Characters in a host name (RFC 1035 section 2.3.4)."""

# The underscore is no host name character of RFC 1123, but it is in use and harmless.
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+", re.ASCII)
_ORIGIN = re.compile(r"(https?)://(\*\.)?([^/?#@\s*]+)", re.ASCII | re.IGNORECASE)


def is_host(text: str) -> bool:
    """Tell whether `text` is a DNS name, an IPv4 address or an IPv6 address in brackets."""
    if text.startswith("[") and text.endswith("]"):
        return _is_address(text[1:-1], version=6)
    if _DIGITS_AND_DOTS.fullmatch(text):
        return _is_address(text, version=4)
    return 0 < len(text) <= MAXIMUM_HOST and all(_LABEL.fullmatch(x) for x in text.split("."))


def split_authority(text: str) -> tuple[str, int | None] | None:
    """Split `host[:port]` into host and port; None if it is not one."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return (text, None) if is_host(text) else None
    if not is_host(host) or not is_port(port):
        return None
    return host, int(port)


def is_port(text: str) -> bool:
    """Tell whether `text` is a port number, 1 to 65535, without leading zeros."""
    return bool(_PORT.fullmatch(text)) and int(text) <= 65535


def _is_address(text: str, version: int) -> bool:
    if "%" in text:  # a zone identifier has no meaning in a Host header (RFC 9844)
        return False
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def _check_host_pattern(pattern: str) -> str:
    lowered = pattern.lower()
    if lowered == "*":
        raise refusal("bad-host", "leave `hosts` out to match every host")
    name = lowered.removeprefix("*.")
    if is_host(name) and not (lowered != name and _looks_like_address(name)):
        return lowered
    split = split_authority(name)
    if split is not None and split[1] is not None:
        raise refusal(
            "bad-host",
            "hosts are matched without their port",
            suggestion=lowered.removesuffix(f":{split[1]}"),
        )
    raise refusal(
        "bad-host",
        "must be a host name, an address, or `*.` and a host name for everything below it"
        " (names with other letters in their ASCII form, xn--...)",
    )


def _looks_like_address(name: str) -> bool:
    return name.startswith("[") or bool(_DIGITS_AND_DOTS.fullmatch(name))


def _check_origin(origin: str) -> str:
    if origin == "*":
        return origin
    match = _ORIGIN.fullmatch(origin)
    authority = match and split_authority(match[3])
    if not match or not authority:
        raise refusal(
            "bad-origin",
            "must be `*`, or an origin as browsers send it: scheme, host and port without a path"
            " (RFC 6454), such as https://app.example or https://*.app.example",
            suggestion=origin.rstrip("/") if origin.endswith("/") else None,
        )
    scheme, wildcard = match[1].lower(), match[2] or ""
    host, port = authority
    if port == {"http": 80, "https": 443}[scheme]:
        port = None  # browsers leave the default port out of the Origin header
    return f"{scheme}://{wildcard}{host.lower()}" + (f":{port}" if port else "")


def _check_host_name(name: str) -> str:
    if not is_host(name):
        raise refusal("bad-host", "must be a host name or an address, without a port")
    return name.lower()


HostName = Annotated[str, AfterValidator(_check_host_name)]
HostPattern = Annotated[str, AfterValidator(_check_host_pattern)]
Origin = Annotated[str, AfterValidator(_check_origin)]
