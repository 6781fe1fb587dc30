"""Every code that a problem can have: scripts may rely on them, so they are never renamed."""

from __future__ import annotations

from typing import Final

ERRORS: Final = {
    "bad-address": "An address to listen on is not `host:port` or `unix:/path`.",
    "bad-cidr": "A network is not in CIDR notation.",
    "bad-duration": "A duration has no unit that is known, or is no number.",
    "bad-file": "A file that is named does not hold what it should.",
    "bad-header-name": "A header name has characters that RFC 9110 does not allow.",
    "bad-header-value": "A header value has characters that RFC 9110 does not allow.",
    "bad-host": "A host is no DNS name, address or `*.` pattern.",
    "bad-interpolation": "A `${...}` is not closed, or holds no variable name.",
    "bad-method": "A method is no token, has small letters, or is never proxied.",
    "bad-name": "A name of a route or an upstream has other characters than names may have.",
    "bad-origin": "A CORS origin is not what browsers send.",
    "bad-path": "A path or path pattern can never match, because it is not in canonical form.",
    "bad-routing": "The native gate refuses what everything else let through.",
    "bad-size": "A size has no unit that is known, or is no number.",
    "bad-socket-path": "The path of a unix socket is relative or too long.",
    "bad-template": "A path or location template is malformed, or would let clients choose a host.",
    "bad-url": "An endpoint is not the URL of one.",
    "bad-variable": "The name of a `PYGATEWAY__` variable leads nowhere.",
    "bad-yaml": "The file is no YAML, or uses a part of YAML that has no meaning here.",
    "cannot-build": "Something that running would build, such as a TLS context, cannot be built.",
    "conflicting-keys": "Two settings exclude each other.",
    "duplicate-address": "Two listeners have one address.",
    "duplicate-key": "A key is written twice in one mapping.",
    "duplicate-name": "Two routes have one name, or a route names an upstream twice.",
    "missing-key": "A key that is required is missing.",
    "not-allowed-value": "A value is not one of the words that are allowed.",
    "not-available": "A setting that this version does not have; it is refused, never ignored.",
    "out-of-range": "A number, size, duration or list is beyond its limits.",
    "reserved-header": "A header that only the gateway writes.",
    "short-secret": "A secret is too short to be one.",
    "too-large": "The file, its nesting, its aliases or a secret's file is beyond its limit.",
    "undefined-variable": "A `${NAME}` without a default names a variable that is not set.",
    "unknown-key": "A key that does not exist here.",
    "unknown-parameter": "A template has a name that not every path of its route fills.",
    "unknown-upstream": "A route names an upstream that does not exist.",
    "unreadable-file": "A file cannot be read.",
    "wrong-type": "A value of another type than the key takes.",
}
"""Codes of errors, which keep the gateway from starting, and what they mean."""

WARNINGS: Final = {
    "idle-setting": "A setting that can never have an effect.",
    "no-routes": "There are no routes, so every request is answered with 404.",
    "open-routes": "Every route is open to everybody who can reach the gateway.",
    "unreachable-route": "Routes before this one take every request that it matches.",
    "unused-upstream": "No route forwards to the upstream.",
    "unverified-upstream": "The certificates of an https upstream are not verified.",
}
"""Codes of warnings, which do not."""
