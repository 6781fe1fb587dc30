"""Key material in the form that the native gate takes."""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .algorithms import CURVE_ALGORITHMS, RSA_ALGORITHMS

MINIMUM_RSA_BITS: Final = 2048
"""RFC 7518 section 3.3."""

MAXIMUM_RSA_BITS: Final = 8192
"""Verification takes time that grows with the square of the size."""

MAXIMUM_RSA_EXPONENT_BITS: Final = 33
"""What native verification takes; nearly every key has 65537."""

_CURVES: Final = {
    "secp256r1": ("P-256", "p256"),
    "secp384r1": ("P-384", "p384"),
    "secp521r1": ("P-521", "p521"),
    "secp256k1": ("secp256k1", "external"),
}
"""Names of curves in cryptography, in JSON Web Keys, and in the native gate."""


_EDWARDS_FIELD: Final = 2**255 - 19
_EDWARDS_D: Final = -121665 * pow(121666, -1, _EDWARDS_FIELD) % _EDWARDS_FIELD
_SIGN_BIT: Final = 0x80
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""Every encoding of Ed25519's points of small order, their sign bit left out: for such a key
anybody can make signatures (RFC 8032 section 8.8 leaves the check to the user)."""


class KeyProblem(Exception):
    """A key cannot be used; the message says why, without any of the key."""


class KeyMaterial(NamedTuple):
    """One key, as `Gate.set_keys` takes it.

    Attributes:
        id: `kid` of the tokens that it verifies; without one it is tried for every token.
        algorithms: What it is for.
        kind: `hmac`; `rsa` (PKCS#1 DER); `p256`, `p384`, `p521` (uncompressed point); `ed25519`
            (its 32 bytes); or `external` (DER SubjectPublicKeyInfo), which the native gate cannot
            verify.
        material: The key's bytes.
    """

    id: str | None
    algorithms: list[str]
    kind: str
    material: bytes

    def __repr__(self) -> str:
        """Leave the material out: it may be a secret."""
        return f"KeyMaterial(id={self.id!r}, algorithms={self.algorithms!r}, kind={self.kind!r})"


def public_key_material(key_id: str | None, key: object, algorithms: list[str]) -> KeyMaterial:
    """Bind a public key to those of the algorithms that it is for.

    Args:
        key_id: `kid`, or None.
        key: A public key of cryptography.
        algorithms: What the provider accepts, or what the key itself is limited to.

    Raises:
        KeyProblem: it is too small, of a kind that signs nothing, or for no such algorithm.
    """
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key)
        material = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        return KeyMaterial(key_id, _fitting(algorithms, RSA_ALGORITHMS, "RSA"), "rsa", material)
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise KeyProblem("the curve of the key has no signature algorithm (RFC 7518)")
        name, kind = _CURVES[key.curve.name]
        bound = _fitting(algorithms, (CURVE_ALGORITHMS[name],), name)
        if kind == "external":
            return KeyMaterial(key_id, bound, kind, _public_key_info(key))
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return KeyMaterial(key_id, bound, kind, point)
    if isinstance(key, ed25519.Ed25519PublicKey):
        bound = _fitting(algorithms, ("EdDSA",), "Ed25519")
        material = key.public_bytes_raw()
        if material[:31] + bytes([material[31] & ~_SIGN_BIT]) in _SMALL_ORDER:
            raise KeyProblem("the key is a point of small order: anybody can sign for it")
        if not _is_on_edwards_curve(material):
            raise KeyProblem("the key is no point of the curve (RFC 8032 section 5.1.3)")
        return KeyMaterial(key_id, bound, "ed25519", material)
    if isinstance(key, ed448.Ed448PublicKey):
        bound = _fitting(algorithms, ("EdDSA",), "Ed448")
        return KeyMaterial(key_id, bound, "external", _public_key_info(key))
    raise KeyProblem("keys of this kind sign no tokens")


def _is_on_edwards_curve(material: bytes) -> bool:
    """Whether the key's y has an x (RFC 8032 section 5.1.3); a mangled key often has none."""
    y = int.from_bytes(material, "little") & ~(1 << 255)
    square = (y * y - 1) * pow(_EDWARDS_D * y * y + 1, -1, _EDWARDS_FIELD) % _EDWARDS_FIELD
    return y < _EDWARDS_FIELD and pow(square, (_EDWARDS_FIELD - 1) // 2, _EDWARDS_FIELD) <= 1


def _public_key_info(key: ec.EllipticCurvePublicKey | ed448.Ed448PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    if key.key_size < MINIMUM_RSA_BITS:
        raise KeyProblem(f"an RSA key has at least {MINIMUM_RSA_BITS} bits (RFC 7518 section 3.3)")
    if key.key_size > MAXIMUM_RSA_BITS:
        raise KeyProblem(f"an RSA key has at most {MAXIMUM_RSA_BITS} bits")
    if key.public_numbers().e.bit_length() > MAXIMUM_RSA_EXPONENT_BITS:
        raise KeyProblem("the public exponent of the RSA key is too large")


def _fitting(algorithms: list[str], fits: tuple[str, ...], kind: str) -> list[str]:
    bound = [algorithm for algorithm in algorithms if algorithm in fits]
    if not bound:
        raise KeyProblem(f"the key ({kind}) is for {', '.join(fits)}, and none of them is accepted")
    return bound
