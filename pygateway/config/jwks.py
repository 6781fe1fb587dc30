"""JSON Web Key Sets (RFC 7517): what of a set can be used, and why the rest cannot."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from .algorithms import HASH_BYTES
from .key_material import KeyMaterial, KeyProblem, public_key_material
from .private_parts import PRIVATE_MEMBERS

MAXIMUM_DEPTH: Final = 32
"""Levels of a set; its keys are in the third."""

MAXIMUM_ID: Final = 256
"""Bytes of `kid`; the native gate looks at no longer one."""

MAXIMUM_NUMBER: Final = 2048
"""Bytes of a number in a key: twice those of the largest RSA key that is taken."""

_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
    "secp256k1": ec.SECP256K1,
}


class JwkSet(NamedTuple):
    """What is in a key set.

    Attributes:
        keys: The keys that can be used.
        skipped: Why each other key cannot: its position and id, and the reason.
    """

    keys: list[KeyMaterial]
    skipped: list[str]


def read_jwks(document: bytes | str, algorithms: Sequence[str], limit: int) -> JwkSet:
    """Read a key set. Keys that cannot be used are skipped, as RFC 7517 section 5 has it.

    Args:
        document: JSON.
        algorithms: What the provider accepts.
        limit: Most keys that a set may have.

    Raises:
        KeyProblem: it is no key set, or has more keys.
    """
    keys: list[KeyMaterial] = []
    skipped: list[str] = []
    for number, entry in enumerate(_entries(document, limit)):
        try:
            key = _key(entry, list(algorithms))
        except KeyProblem as problem:
            skipped.append(f"{_name(number, entry)}: {problem}")
            continue
        if key in keys:
            skipped.append(f"{_name(number, entry)}: the same key is there before it")
            continue
        keys.append(key)
    return JwkSet(keys, skipped)


def parse_jwks(document: bytes | str, algorithms: Sequence[str], limit: int) -> list[KeyMaterial]:
    """Return the keys of a set that can be used; see `read_jwks`.

    Raises:
        KeyProblem: it is no key set, or has too many keys.
    """
    return read_jwks(document, algorithms, limit).keys


def _entries(document: bytes | str, limit: int) -> list[Any]:
    try:
        decoded = json.loads(
            document,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_no_number,
            parse_int=_no_number,
        )
    except KeyProblem:
        raise
    except (ValueError, RecursionError):
        raise KeyProblem("the key set is no JSON") from None
    if not isinstance(decoded, dict) or not isinstance(decoded.get("keys"), list):
        raise KeyProblem("a key set is a JSON object with a list `keys` (RFC 7517 section 5)")
    entries: list[Any] = decoded["keys"]
    if len(entries) > limit:
        raise KeyProblem(f"the key set has more than {limit} keys")
    return entries


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KeyProblem("a member is there twice in one object of the key set")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise KeyProblem("the key set is no JSON")


def _no_number(_: str) -> int:
    """Read every number as 0: no member that is looked at is one, and their digits cost time."""
    return 0


def _key(entry: object, algorithms: list[str]) -> KeyMaterial:
    if not isinstance(entry, dict):
        raise KeyProblem("a key is a JSON object")
    if entry.get("kty") == "oct":
        raise KeyProblem("a secret in a public set is no secret")
    if not PRIVATE_MEMBERS.isdisjoint(entry):
        raise KeyProblem("its private part is in the set, so others can sign with it")
    _check_use(entry)
    key_id = entry.get("kid")
    if key_id is not None and (not isinstance(key_id, str) or not _is_id(key_id)):
        raise KeyProblem(f"`kid` is not text of 1 to {MAXIMUM_ID} bytes")
    own = entry.get("alg")
    if own is not None:
        if isinstance(own, str) and own in HASH_BYTES:
            raise KeyProblem("`alg` is for shared secrets, and this is a public key")
        if own not in algorithms:
            raise KeyProblem("its `alg` is not accepted here")
        algorithms = [own]
    return public_key_material(key_id, _public_key(entry), algorithms)


def _check_use(entry: dict[str, Any]) -> None:
    """Check what the key may be used for (RFC 7517 sections 4.2 and 4.3)."""
    if entry.get("use", "sig") != "sig":
        raise KeyProblem("`use` is not `sig`")
    operations = entry.get("key_ops")
    if operations is not None and (not isinstance(operations, list) or "verify" not in operations):
        raise KeyProblem("`key_ops` has no `verify`")


def _is_id(text: str) -> bool:
    return 0 < len(text.encode("utf-8", "surrogatepass")) <= MAXIMUM_ID


def _public_key(entry: dict[str, Any]) -> object:
    readers: dict[str, Callable[[dict[str, Any]], object]] = {
        "RSA": _rsa,
        "EC": _elliptic_curve,
        "OKP": _octet_key_pair,
    }
    kind = entry.get("kty")
    if not isinstance(kind, str) or kind not in readers:
        raise KeyProblem("its `kty` is not known")
    try:
        return readers[kind](entry)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyProblem("its numbers are no key") from None


def _rsa(entry: dict[str, Any]) -> rsa.RSAPublicKey:
    exponent = int.from_bytes(_bytes(entry, "e"))
    return rsa.RSAPublicNumbers(exponent, int.from_bytes(_bytes(entry, "n"))).public_key()


def _elliptic_curve(entry: dict[str, Any]) -> ec.EllipticCurvePublicKey:
    name = entry.get("crv")
    if not isinstance(name, str) or name not in _CURVES:
        raise KeyProblem("its `crv` is not known")
    curve = _CURVES[name]()
    x, y = _bytes(entry, "x"), _bytes(entry, "y")
    # RFC 7518 section 6.2.1.2: leading zeros are kept.
    if not len(x) == len(y) == (curve.key_size + 7) // 8:
        raise KeyProblem("its coordinates have another length than those of its curve")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve)
    return numbers.public_key()


def _octet_key_pair(entry: dict[str, Any]) -> object:
    match entry.get("crv"):
        case "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(entry, "x"))
        case "Ed448":
            return ed448.Ed448PublicKey.from_public_bytes(_bytes(entry, "x"))
        case _:
            raise KeyProblem("its `crv` signs no tokens")


def _bytes(entry: dict[str, Any], member: str) -> bytes:
    """Decode base64url without padding, and without bits that mean nothing (RFC 7515 section 2)."""
    text = entry.get(member)
    if not isinstance(text, str) or not text or len(text) > MAXIMUM_NUMBER:
        raise KeyProblem(f"`{member}` is missing or too long")
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise KeyProblem(f"`{member}` is no base64url") from None
    if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii") != text:
        raise KeyProblem(f"`{member}` is no base64url")
    return decoded


def _name(number: int, entry: object) -> str:
    """Return how a key is named in reports: by its place, because its id may be anything."""
    key_id = entry.get("kid") if isinstance(entry, dict) else None
    shown = isinstance(key_id, str) and key_id.isprintable() and len(key_id) <= 64
    return f"key {number + 1} (`{key_id}`)" if shown else f"key {number + 1}"
