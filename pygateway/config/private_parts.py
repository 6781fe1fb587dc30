"""Takes private parts out of key sets as soon as they are read."""

from __future__ import annotations

import json
from typing import Any, Final

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
"""Members of a JSON Web Key that nobody but its owner may know (RFC 7518 section 6)."""


def without_private_parts(text: str) -> str:
    """Return a key set in which private members are there but empty.

    That they were there still shows, because a private key that is handed around is no key any
    more. Text that is no JSON has nothing that could be taken out, and no reader takes it.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        return text
    if not any(_has_private_part(key) for key in document["keys"]):
        return text
    keys = [_public(key) for key in document["keys"]]
    return json.dumps(document | {"keys": keys})


def _has_private_part(key: object) -> bool:
    return isinstance(key, dict) and not PRIVATE_MEMBERS.isdisjoint(key)


def _public(key: Any) -> Any:  # noqa: ANN401  whatever JSON has
    if not isinstance(key, dict):
        return key
    return {name: "" if name in PRIVATE_MEMBERS else value for name, value in key.items()}
