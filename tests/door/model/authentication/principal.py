"""Who it is, and the lines that say so to the upstream."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.door.model.authentication.specification import ForwardAuth, Path, Provider
from tests.door.model.fields import is_value
from tests.door.model.hop_by_hop import folded
from tests.door.model.verdict import Fields


@dataclass(frozen=True)
class Principal:
    """What became of a credential that holds."""

    provider: Provider
    claims: dict[str, object]
    lines: Fields = field(default_factory=list)

    @property
    def subject(self) -> str | None:
        return self.text("sub")

    @property
    def token_id(self) -> str | None:
        return self.text("jti")

    @property
    def issuer(self) -> str:
        """The provider's name where no claim says it."""
        return self.text("iss") or self.provider.name

    @property
    def issued_at(self) -> float:
        """Before everything where no claim says it."""
        issued = self.claims.get("iat")
        is_number = isinstance(issued, (int, float)) and not isinstance(issued, bool)
        return float(issued) if is_number else float("-inf")  # type: ignore[arg-type]

    @property
    def scopes(self) -> set[str]:
        """The first of the provider's claims that is there counts, whatever it holds."""
        for path in self.provider.scope_claims:
            found, value = look_up(self.claims, path)
            if found:
                return texts(value)
        return set()

    @property
    def roles(self) -> set[str]:
        """A string is one role: no RFC makes it several."""
        value = look_up(self.claims, self.provider.roles_claim)[1]
        return {value} if isinstance(value, str) else texts(value)

    def text(self, name: str) -> str | None:
        value = self.claims.get(name)
        return value if isinstance(value, str) else None


def make_principal(provider: Provider, claims: dict[str, object], more: Fields) -> Principal:
    """With the lines of the provider's claims, then those of a service's answer."""
    lines = []
    for path, name in provider.claims_to_headers:
        found, value = look_up(claims, path)
        line = line_value(value) if found else None
        if line is not None:
            lines.append((name.encode(), line))
    return Principal(provider, claims, lines + more)


def service_lines(provider: Provider, lines: Fields) -> Fields:
    """What a service's answer may tell the upstream, in the configuration's spelling."""
    if not isinstance(provider.kind, ForwardAuth):
        return []
    names = {folded(name.encode()): name.encode() for name in provider.kind.response_headers}
    return [
        (names[folded(name)], value.strip(b" \t"))
        for name, value in lines
        if folded(name) in names and is_value(value)
    ]


def look_up(claims: dict[str, object], path: Path) -> tuple[bool, object]:
    """Whether something stands at the path, and what; null is nothing, as for required claims."""
    value: object = claims
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return value is not None, value


def texts(value: object) -> set[str]:
    """A string of several words (RFC 6749 section 3.3), or a list of strings."""
    if isinstance(value, str):
        return {word for word in value.split(" ") if word}
    if isinstance(value, list):
        return {element for element in value if isinstance(element, str)}
    return set()


def line_value(value: object) -> bytes | None:
    """A claim as a field's value (RFC 9110 section 5.5); None where it cannot be one."""
    if isinstance(value, list):
        elements = [scalar(element) for element in value]
        if any(element is None or "," in element for element in elements):
            return None
        text: str | None = ",".join(element for element in elements if element is not None)
    else:
        text = scalar(value)
    return None if text is None else text.strip(" ").encode()


def scalar(value: object) -> str | None:
    """Strings as they are, numbers and booleans in JSON's form, nothing else."""
    if isinstance(value, str):
        return value if all(is_printable(character) for character in value) else None
    if isinstance(value, (bool, int, float)) and is_exact(value):
        return json.dumps(value)
    return None


def is_exact(value: object) -> bool:
    """Whether a number is one that no reader with 64 bits takes for its neighbour."""
    if isinstance(value, float):
        return abs(value) < 2**53
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def is_printable(character: str) -> bool:
    """VCHAR, space, and what lies beyond US-ASCII."""
    return character >= " " and character != "\x7f"
