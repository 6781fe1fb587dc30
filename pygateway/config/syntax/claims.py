"""Paths into a token's claims, and the words that claims and credentials are made of."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

from ..refusal import refusal

MAXIMUM_DEPTH: Final = 16
"""Names in a path; the claims of common identity providers nest three deep."""

MAXIMUM_TEXT: Final = 1024
"""Bytes of an issuer, an audience, a role or an owner; the native gate allows a subject as much."""

# A name in quotes, in which a quote is doubled; or one without quotes, in which a dot and a
# backslash are escaped.
_STEP = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>(?:[^."\\]|\\[.\\"])+)')
_ESCAPED = re.compile(r"\\(.)")
# RFC 6749 section 3.3: printable ASCII without spaces, quotes and backslashes.
_SCOPE = re.compile(r"[!#-\[\]-~]{1,256}", re.ASCII)
# RFC 6265 section 4.1.1: a cookie's name is a token.
_COOKIE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}", re.ASCII)
# RFC 9110 section 11.5: text that needs no escapes between quotes.
_REALM = re.compile(r"[ !#-\[\]-~]{1,128}", re.ASCII)
# RFC 7515 section 4.1.4 leaves the structure open; the native gate takes 256 bytes.
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def parse_claim_path(text: str) -> tuple[str, ...]:
    r"""Return the names that lead to a claim: `realm_access.roles`, `a\.b`, `"https://x/roles"`.

    Raises:
        ValueError: a name is empty, a quote is open, or the path is too deep.
    """
    steps: list[str] = []
    position = 0
    while match := _STEP.match(text, position):
        quoted, plain = match["quoted"], match["plain"]
        steps.append(quoted.replace('""', '"') if quoted else _ESCAPED.sub(r"\1", plain))
        position = match.end()
        if position == len(text):
            break
        if text[position] != "." or len(steps) == MAXIMUM_DEPTH:
            raise ValueError("not a path of claims")
        position += 1
    else:
        raise ValueError("not a path of claims")
    return tuple(steps)


def _check_claim_path(text: str) -> str:
    try:
        parse_claim_path(text)
    except ValueError:
        good = False
    else:
        good = len(text) <= MAXIMUM_TEXT
    if not good:
        raise refusal(
            "bad-claim",
            "must be the name of a claim, or names with dots between them; a name that has dots"
            r" itself is put in quotes, or has them as `\.`",
            allowed=("sub", "realm_access.roles", r"https://example\.com/roles"),
        )
    return text


def _check_scope(text: str) -> str:
    if " " in text:
        raise refusal("bad-scope", "a scope has no spaces: write several as a list")
    if not _SCOPE.fullmatch(text):
        raise refusal(
            "bad-scope",
            "a scope has 1 to 256 printable ASCII characters without quotes and backslashes"
            " (RFC 6749 section 3.3)",
        )
    return text


def _check_cookie_name(text: str) -> str:
    if not _COOKIE.fullmatch(text):
        raise refusal("bad-name", "a cookie's name is a token of at most 256 characters (RFC 6265)")
    return text


def _check_realm(text: str) -> str:
    if not _REALM.fullmatch(text):
        raise refusal(
            "bad-name",
            "a realm has 1 to 128 printable ASCII characters without quotes and backslashes",
        )
    return text


def _check_key_id(text: str) -> str:
    if not _PRINTABLE.fullmatch(text) or len(text.encode()) > 256:
        raise refusal("bad-name", "a key's id has 1 to 256 bytes without control characters")
    return text


def _check_text(text: str) -> str:
    if not _PRINTABLE.fullmatch(text) or len(text.encode()) > MAXIMUM_TEXT:
        raise refusal("bad-name", f"must have 1 to {MAXIMUM_TEXT} bytes, and no control characters")
    return text


ClaimPath = Annotated[str, AfterValidator(_check_claim_path)]
ClaimText = Annotated[str, AfterValidator(_check_text)]
"""An issuer, an audience, a role or an owner: compared as it is, character by character."""

CookieName = Annotated[str, AfterValidator(_check_cookie_name)]
KeyId = Annotated[str, AfterValidator(_check_key_id)]
Realm = Annotated[str, AfterValidator(_check_realm)]
Scope = Annotated[str, AfterValidator(_check_scope)]
