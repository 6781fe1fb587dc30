"""Signature algorithms (RFC 7518, 8037 and 8812), and which keys each is for."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema

from .refusal import nearest, refusal

HASH_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Algorithms with a shared secret, and the least bytes it has (RFC 7518 section 3.2)."""

RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVE_ALGORITHMS: Final = {
    "P-256": "ES256",
    "P-384": "ES384",
    "P-521": "ES512",
    "secp256k1": "ES256K",
    "Ed25519": "EdDSA",
    "Ed448": "EdDSA",
}
"""Curves by their names in JSON Web Keys; each is for one algorithm."""

PUBLIC_KEY_ALGORITHMS: Final = (
    *RSA_ALGORITHMS,
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
)
ALGORITHMS: Final = (*HASH_BYTES, *PUBLIC_KEY_ALGORITHMS)

DEFAULT_SECRET_ALGORITHMS: Final = ("HS256",)
DEFAULT_PUBLIC_KEY_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")


def _check_algorithm(name: str) -> str:
    if name in ALGORITHMS:
        return name
    if name.lower() == "none":
        raise refusal(
            "unsafe-algorithm",
            "`none` would accept tokens that anybody has made",
            allowed=ALGORITHMS,
        )
    raise refusal(
        "not-allowed-value",
        "must be the name of a signature algorithm",
        allowed=ALGORITHMS,
        suggestion=nearest(name, ALGORITHMS),
    )


AlgorithmName = Annotated[
    str, AfterValidator(_check_algorithm), WithJsonSchema({"enum": list(ALGORITHMS)})
]
