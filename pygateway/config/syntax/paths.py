"""Paths, path patterns and templates (RFC 3986 section 3.3, in the gateway's canonical form).

The gateway routes and forwards one canonical path: unreserved characters decoded, other
percent-triplets in upper case, no empty and no dot segments. What is configured is compared with
that form, so it has to be written in it; another spelling would never match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator

from ..refusal import refusal
from .hosts import split_authority

MAXIMUM_PATH = 2048
"""Characters in a configured path; longer ones could not be told apart by a reader."""

RESERVED_PARAMETERS: Final = ("host", "path", "query", "rest")
"""Template names that the gateway fills itself."""

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}", re.ASCII)
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*", re.ASCII)
_LOCATION_TEXT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#\[\]-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_TRIPLET = re.compile(r"%([0-9A-Fa-f]{2})", re.ASCII)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def parameters_of(pattern: str) -> tuple[str, ...]:
    """Return the names that a path pattern or a template has in braces, in order."""
    return tuple(_PARAMETER.findall(pattern))


def shape_of(pattern: str) -> str:
    """Return the pattern with parameter names taken out: equal shapes match equal paths."""
    return _PARAMETER.sub("{}", pattern)


def ends_with_wildcard(pattern: str) -> bool:
    """Tell whether the pattern takes any rest."""
    return pattern.endswith("/*")


@dataclass(frozen=True, slots=True)
class Location:
    """A redirect's template, split where its authority ends."""

    authority: str | None
    rest: str


def split_location(template: str) -> Location | None:
    """Split a redirect template into authority and rest; None if it starts with neither.

    The authority is None for a template that stays on the same host.
    """
    match = re.match(r"https?://((?:[^/?#{]|\{host\})*)(.*)", template, re.DOTALL)
    if match:
        return Location(match[1], match[2])
    if (template.startswith("/") and not template.startswith("//")) or template.startswith(
        "{path}"
    ):
        return Location(None, template)
    return None


def check_segment(segment: str) -> None:
    """Accept one static segment in canonical form.

    Raises:
        PydanticCustomError: it is not in canonical form.
    """
    if segment.partition(";")[0] in {".", ".."}:
        raise refusal("bad-path", "dot segments never reach a route: they are resolved before")
    for triplet in _TRIPLET.finditer(segment):
        code = int(triplet[1], 16)
        if code < 0x20 or code == 0x7F:
            raise refusal("bad-path", "encoded control characters are always refused")
        if chr(code) in _UNRESERVED or triplet[1] != triplet[1].upper():
            raise refusal(
                "bad-path",
                "must be written in canonical form (RFC 3986 section 6.2.2)",
                suggestion=_TRIPLET.sub(_canonical_triplet, segment),
            )
    if not _SEGMENT.fullmatch(segment):
        raise refusal(
            "bad-path",
            "a path has letters, digits and any of -._~!$&'()*+,;=:@ and percent-triplets only"
            " (RFC 3986 section 3.3)",
        )


def _canonical_triplet(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _check_plain_path(path: str) -> None:
    if not path.startswith("/"):
        raise refusal("bad-path", "a path starts with `/`", suggestion=f"/{path}")
    if len(path) > MAXIMUM_PATH:
        raise refusal("bad-path", f"a path has at most {MAXIMUM_PATH} characters")
    if "//" in path:
        raise refusal(
            "bad-path",
            "duplicate slashes never reach a route: they are merged before",
            suggestion=re.sub(r"/{2,}", "/", path),
        )


def _check_path_pattern(pattern: str) -> str:
    _check_plain_path(pattern)
    segments = pattern[1:].split("/")
    seen: set[str] = set()
    for index, segment in enumerate(segments):
        if segment == "*":
            if index != len(segments) - 1:
                raise refusal("bad-path", "`*` takes any rest, so it is the last segment or absent")
            continue
        if "{" in segment or "}" in segment:
            _check_parameter(segment, seen)
            continue
        if "*" in segment:
            raise refusal(
                "bad-path",
                "`*` stands alone in the last segment (write %2A for the character itself)",
            )
        check_segment(segment)
    return pattern


def _check_parameter(segment: str, seen: set[str]) -> None:
    match = _PARAMETER.fullmatch(segment)
    if match is None:
        raise refusal(
            "bad-path",
            "a parameter fills a whole segment and its name has letters, digits and _ only,"
            " as in /users/{id}",
        )
    if match[1] in RESERVED_PARAMETERS:
        names = ", ".join(RESERVED_PARAMETERS)
        raise refusal("bad-path", f"the parameter names {names} are the gateway's own")
    if match[1] in seen:
        raise refusal("bad-path", "a pattern names each parameter once")
    seen.add(match[1])


def _check_prefix(prefix: str) -> str:
    _check_plain_path(prefix)
    if prefix.endswith("/"):
        raise refusal(
            "bad-path",
            "a prefix is whole segments and does not end with `/`",
            suggestion=prefix.rstrip("/") or None,
        )
    if "*" in prefix:
        raise refusal("bad-path", "a prefix is plain text, without `*`")
    for segment in prefix[1:].split("/"):
        check_segment(segment)
    return prefix


def _check_path_template(template: str) -> str:
    if not template.startswith(("/", "{path}")):
        raise refusal(
            "bad-template", "a path template starts with `/` or {path}", suggestion=f"/{template}"
        )
    literal = _literal_of(template)
    if "//" in literal:
        raise refusal("bad-template", "a path template has no empty segments")
    for segment in literal.split("/"):
        check_segment(segment)
    if "query" in parameters_of(template):
        raise refusal("bad-template", "the query is passed on as it is and is no part of a path")
    return template


def _check_location(template: str) -> str:
    if not _LOCATION_TEXT.fullmatch(_literal_of(template)):
        raise refusal("bad-template", "a location has the characters of a URI only (RFC 3986)")
    location = split_location(template)
    if location is None:
        raise refusal("bad-template", "a location starts with one `/`, {path}, http:// or https://")
    if location.authority is not None:
        _check_location_authority(location)
    return template


def _check_location_authority(location: Location) -> None:
    """Keep clients from choosing where they are sent: no open redirects (CWE-601)."""
    authority = (location.authority or "").replace("{host}", "host.example", 1)
    if split_authority(authority) is None:
        raise refusal("bad-template", "the host of a location is a host name or {host}")
    if location.rest and not location.rest.startswith(("/", "?", "#", "{path}", "{query}")):
        raise refusal(
            "bad-template",
            "after the host of a location comes `/`, `?`, {path} or {query}:"
            " anything else would let clients choose the host",
        )


def _literal_of(template: str) -> str:
    """Return the template with its parameters replaced by a harmless letter.

    Raises:
        PydanticCustomError: it is empty or too long, or a brace is left over.
    """
    if not template or len(template) > MAXIMUM_PATH:
        raise refusal("bad-template", f"a template has 1 to {MAXIMUM_PATH} characters")
    if "/{path}" in template:
        raise refusal(
            "bad-template",
            "{path} starts with `/` itself",
            suggestion=template.replace("/{path}", "{path}"),
        )
    literal = _PARAMETER.sub("x", template)
    if "{" in literal or "}" in literal:
        raise refusal("bad-template", "a template has names in braces only, as in /v2/{rest}")
    return literal


def _check_health_path(path: str) -> str:
    path = path.removesuffix("/") if len(path) > 1 else path
    if path == "/":
        raise refusal("bad-path", "the health path is not `/`: that is every client's first page")
    return _check_prefix(path)


PathPattern = Annotated[str, AfterValidator(_check_path_pattern)]
PathPrefix = Annotated[str, AfterValidator(_check_prefix)]
PathTemplate = Annotated[str, AfterValidator(_check_path_template)]
LocationTemplate = Annotated[str, AfterValidator(_check_location)]
HealthPath = Annotated[str, AfterValidator(_check_health_path)]
