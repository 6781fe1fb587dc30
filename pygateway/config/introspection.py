"""What the models say about themselves: which keys a section has, and what a key holds."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Union, cast, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from .document import Path
from .model.headers import SecurityHeaders
from .model.rate_limits import KeyPart, KeyPartSection, RouteRateLimit, RouteRateLimitSection
from .model.routes import UpstreamShare, UpstreamShareSection
from .section import Section

EXTENSION_PREFIX = "x-"
"""Top-level keys that begin so are ignored: a place for YAML anchors."""

_WRITTEN_AS: dict[object, type[Section]] = {
    KeyPart: KeyPartSection,
    RouteRateLimit: RouteRateLimitSection,
    UpstreamShare: UpstreamShareSection,
}
"""What is held as a pair, and the section that it is written as."""


def section_at(root: type[Section], path: Path) -> type[Section] | None:
    """Return the section that is at `path`, if one is."""
    annotation: object = root
    for step in path:
        annotation = _inside(annotation, step)
        if annotation is None:
            return None
    return _section_of(annotation)


def keys_of(section: type[Section]) -> tuple[str, ...]:
    """Return the keys that may be written in a section."""
    return tuple(section.model_fields)


def bounds_of(field: FieldInfo) -> tuple[int | None, int | None]:
    """Return the least and the greatest number that a field takes, where it is bounded."""
    low = next((rule.ge for rule in field.metadata if isinstance(rule, Ge)), None)
    high = next((rule.le for rule in field.metadata if isinstance(rule, Le)), None)
    return cast("int | None", low), cast("int | None", high)


def _section_of(annotation: object) -> type[Section] | None:
    for candidate in _alternatives(annotation):
        if candidate in _WRITTEN_AS:
            return _WRITTEN_AS[candidate]
        # Written as a word or a map of headers, so its own fields are no keys.
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return None if candidate is SecurityHeaders else candidate
    return None


def _inside(annotation: object, step: str | int) -> object:
    section = _section_of(annotation)
    if section is not None:
        field = section.model_fields.get(str(step))
        return field.annotation if field else None
    for candidate in _alternatives(annotation):
        origin, arguments = get_origin(candidate), get_args(candidate)
        if origin is tuple and isinstance(step, int):
            return arguments[0]
        if origin is dict:
            return arguments[1]
    return None


def _alternatives(annotation: object) -> Iterator[object]:
    """Yield an annotation without Annotated, or the members of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _alternatives(member)
    else:
        yield annotation
