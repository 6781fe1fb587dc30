"""Where a request carries what it shows: the first source that is present is the credential."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.door.model.authentication.specification import (
    Bearer,
    CookieSource,
    ForwardAuth,
    Provider,
    Source,
)
from tests.door.model.fields import TOKEN_BYTES, values
from tests.door.model.hop_by_hop import folded
from tests.door.model.verdict import Field, Fields

B64TOKEN = re.compile(rb" +([A-Za-z0-9._~+/-]+=*)")


class UnreadableCredentialError(Exception):
    """Something is shown, and it is no credential; `reason` is the problem's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Credential:
    """What was shown, where, and which of the route's providers looks there first."""

    value: bytes
    source: Source
    provider: int


def search(
    fields: Fields, providers: Sequence[Provider], wanted: Sequence[int]
) -> Credential | None:
    """Providers in the route's order, and each one's sources in its order."""
    for index in wanted:
        for source in providers[index].sources:
            value = look(fields, source)
            if value is not None:
                return Credential(value, source, index)
    return None


def look(fields: Fields, source: Source) -> bytes | None:
    """A field is the same in every spelling that an upstream may take for the same."""
    if isinstance(source, Bearer):
        return bearer(values(fields, b"authorization"))
    if isinstance(source, CookieSource):
        return cookie(fields, source.name.encode())
    given = [value for name, value in fields if folded(name) == folded(source.name.encode())]
    if len(given) > 1:
        raise UnreadableCredentialError("bad-request")
    return given[0] if given else None


def bearer(given: list[bytes]) -> bytes | None:
    """RFC 6750 section 2.1; another scheme (RFC 9110 section 11.1) is somebody else's."""
    if len(given) > 1:
        raise UnreadableCredentialError("bad-request")
    if not given:
        return None
    size = next(
        (place for place, byte in enumerate(given[0]) if byte not in TOKEN_BYTES), len(given[0])
    )
    scheme, rest = given[0][:size], given[0][size:]
    if scheme.lower() != b"bearer":
        return None
    token = B64TOKEN.fullmatch(rest)
    if token is None:
        raise UnreadableCredentialError("token-invalid")
    return token[1]


def cookie_pair(part: bytes) -> Field | None:
    """RFC 6265 section 4.2.1; what has no `=` is no cookie."""
    name, equals, value = part.partition(b"=")
    return (name.strip(b" \t"), value.strip(b" \t")) if equals else None


def cookies(fields: Fields) -> list[Field]:
    """From all Cookie lines."""
    pairs = [cookie_pair(part) for line in values(fields, b"cookie") for part in line.split(b";")]
    return [pair for pair in pairs if pair is not None]


def cookie(fields: Fields, name: bytes) -> bytes | None:
    given = [value for other, value in cookies(fields) if other == name]
    if len(set(given)) > 1:
        raise UnreadableCredentialError("token-invalid")
    return given[0] if given else None


def field_of(source: Source) -> bytes:
    """The name of the field that a source looks into."""
    if isinstance(source, CookieSource):
        return b"cookie"
    return b"authorization" if isinstance(source, Bearer) else folded(source.name.encode())


def beside(counted: Source, sources: Sequence[Source]) -> list[Source]:
    """Those that stand elsewhere; two cookies stand in one field, and apart all the same."""
    return [
        source
        for source in sources
        if field_of(source) != field_of(counted)
        or (
            source != counted
            and isinstance(source, CookieSource)
            and isinstance(counted, CookieSource)
        )
    ]


def without(fields: Fields, source: Source) -> Fields:
    """The fields without the credential of this source, and with everything else."""
    if isinstance(source, CookieSource):
        return without_cookie(fields, source.name.encode())
    name = field_of(source)
    return [(other, value) for other, value in fields if folded(other) != name]


def could_be(part: bytes, name: bytes) -> bool:
    """Some readers let whitespace part cookies: then `a=1 b=2` is two of them."""
    return re.search(rb"(?:^|[ \t])%b[ \t]*=" % re.escape(name), part) is not None


def without_cookie(fields: Fields, name: bytes) -> Fields:
    """A Cookie line that loses its only cookie is gone; one that loses none stays as it is."""
    kept = []
    for other, value in fields:
        parts = [part.strip(b" \t") for part in value.split(b";")]
        staying = [part for part in parts if not could_be(part, name)]
        if other.lower() != b"cookie" or staying == parts:
            kept.append((other, value))
        elif any(staying):
            kept.append((other, b"; ".join(part for part in staying if part)))
    return kept


def shown_to_service(fields: Fields, kind: ForwardAuth) -> Fields:
    """The fields that a service is shown."""
    names = {name.lower().encode() for name in kind.request_headers}
    return [(name, value) for name, value in fields if name.lower() in names]
