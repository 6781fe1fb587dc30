"""Templates of paths and locations, and prefixes."""

from __future__ import annotations

import re

from tests.door.model.path import merge_slashes
from tests.door.model.specification import Rewrite


def fill(template: str, meanings: dict[str, str]) -> str:
    """Replace each `{name}` by what it means."""
    return re.sub(r"\{([^{}]*)\}", lambda found: meanings[found[1]], template)


def strip_prefix(path: str, prefix: str) -> str:
    """Without the prefix, where it ends at a segment's end; else unchanged."""
    if path == prefix:
        return "/"
    return path.removeprefix(prefix) if path.startswith(prefix + "/") else path


def rewritten_path(rewrite: Rewrite, path: str, meanings: dict[str, str]) -> str:
    if rewrite.path is not None:
        return merge_slashes(fill(rewrite.path, meanings))  # a meaning may be empty
    if rewrite.strip_prefix is not None:
        path = strip_prefix(path, rewrite.strip_prefix)
    if rewrite.add_prefix is not None:
        path = rewrite.add_prefix + path
    return path


def location(template: str, meanings: dict[str, str], query: bytes | None) -> str:
    """A redirect's Location; the query goes along unless the template speaks of one."""
    text = "" if query is None else "?" + query.decode("ascii")
    filled = fill(template, {**meanings, "query": text})
    return filled if "{query}" in template or "?" in template else filled + text
