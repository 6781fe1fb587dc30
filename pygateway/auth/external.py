"""Signatures whose algorithms the native core does not have (Ed448, ES256K), by PyJWT.

Only the signature is looked at here. The core has checked everything else before, and checks the
claims once more when it admits them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt import PyJWS
from jwt.exceptions import PyJWTError

if TYPE_CHECKING:
    from pygateway._core import Unverified


def verified_claims(unverified: Unverified) -> bytes | None:
    """Give the payload of a token that was signed with `unverified.key`; None for any other."""
    key = load_der_public_key(unverified.key)
    if not isinstance(key, EllipticCurvePublicKey | Ed448PublicKey):
        return None
    algorithms = [unverified.algorithm]
    try:
        decoded = PyJWS(algorithms).decode_complete(unverified.credential, key, algorithms)
    except (PyJWTError, ValueError):
        return None
    return bytes(decoded["payload"])
