"""Finds where an issuer publishes its keys (OpenID Connect Discovery 1.0, section 4)."""

from __future__ import annotations

import json

from pygateway.auth.download import Unobtainable

WELL_KNOWN = "/.well-known/openid-configuration"


def discovery_address(issuer: str) -> str:
    """Where the issuer's own description is (section 4.1): a final slash is dropped first."""
    return issuer.removesuffix("/") + WELL_KNOWN


def keys_address(document: bytes, issuer: str) -> str:
    """Read `jwks_uri` from the issuer's description.

    Raises:
        Unobtainable: The document is not one, or describes another issuer (section 4.3: the
            issuer in it has to be exactly the one that was asked about).
    """
    try:
        members = json.loads(document)
    except (ValueError, RecursionError):
        raise Unobtainable("the issuer's description is not JSON") from None
    if not isinstance(members, dict):
        raise Unobtainable("the issuer's description is not a JSON object")
    if members.get("issuer") != issuer:
        raise Unobtainable("the description found is that of another issuer")
    address = members.get("jwks_uri")
    if not isinstance(address, str):
        raise Unobtainable("the issuer's description has no jwks_uri")
    return address
