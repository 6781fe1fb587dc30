"""Keys, and the tokens that they sign."""

from __future__ import annotations

import base64
import json
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LIFETIME = 24 * 3600
KEY_ID = "key"

Claims = dict[str, Any]


class Keys:
    """One key for each algorithm, made anew in every run.

    Args:
        folder: Where gateways read them from.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.secret = base64.urlsafe_b64encode(b"only for benches: " * 3).decode().rstrip("=")
        self._private: dict[str, Any] = {
            "RS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "HS256": self.secret,
        }
        self._strangers: dict[str, Any] = {
            "RS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "HS256": self.secret[::-1],
        }

    @cached_property
    def files(self) -> dict[str, Path]:
        """Public keys in PEM, by algorithm."""
        files = {}
        for algorithm in ("RS256", "ES256"):
            public = self._private[algorithm].public_key()
            files[algorithm] = self._folder / f"{algorithm.lower()}.pem"
            files[algorithm].write_bytes(
                public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            )
        return files

    def key_set(self, algorithm: str) -> Path:
        """A JSON Web Key Set (RFC 7517) in a file, with the key of one algorithm."""
        path = self._folder / f"{algorithm.lower()}.json"
        made = jwt.get_algorithm_by_name(algorithm)
        private = self._private[algorithm]
        if algorithm == "HS256":
            key = made.to_jwk(private.encode(), as_dict=True)
        else:
            key = made.to_jwk(private.public_key(), as_dict=True)
        key.pop("key_ops", None)
        path.write_text(json.dumps({"keys": [key | {"kid": KEY_ID, "alg": algorithm}]}))
        return path

    def token(self, algorithm: str, subject: str, **claims: Any) -> str:  # noqa: ANN401 - JSON
        """A token; a claim that is None is left out."""
        return self._signed(self._private[algorithm], algorithm, subject, claims)

    def forged(self, algorithm: str, subject: str) -> str:
        """A token that another key of the same kind signed."""
        return self._signed(self._strangers[algorithm], algorithm, subject, {})

    def unsigned(self, subject: str) -> str:
        """A token that says it needs no signature (`alg` none, RFC 8725 section 2.1)."""
        return self._signed(None, "none", subject, {})

    @staticmethod
    def _signed(key: Any, algorithm: str, subject: str, changes: Claims) -> str:  # noqa: ANN401
        now = int(time.time())
        claims: Claims = {
            "iss": "https://idp.example",
            "aud": "api",
            "sub": subject,
            "iat": now,
            "exp": now + LIFETIME,
            "scope": "users:read users:write",
        } | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, key, algorithm, headers={"kid": KEY_ID})
