"""Tokens, made from the text of their parts: every part may be what no library would write."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from tests.door.keys import PAIRS, Pair

Members = list[tuple[str, str]]
"""Names and JSON texts, in order; a name may stand twice."""


def encoded(part: bytes) -> bytes:
    """RFC 7515 section 2."""
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def texts(members: Mapping[str, object]) -> Members:
    return [(name, json.dumps(value)) for name, value in members.items()]


def written(members: Members) -> bytes:
    return ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members) + "}").encode()


def compact(header: bytes, payload: bytes, pair: Pair, algorithm: str) -> bytes:
    """The header may name any algorithm; this is the one that signs."""
    signing_input = encoded(header) + b"." + encoded(payload)
    return signing_input + b"." + encoded(pair.sign(algorithm, signing_input))


def mint(
    claims: Mapping[str, object],
    pair: str = "secret-a",
    algorithm: str = "HS256",
    **header: object,
) -> bytes:
    """An honest token."""
    head = {"alg": algorithm, "typ": "JWT", **header}
    return compact(written(texts(head)), written(texts(claims)), PAIRS[pair], algorithm)
