"""Keys that later versions bring.

They are refused with a code of their own: a gateway never runs without a protection that it was
told to apply, and a reader is never told that a documented key is a typing error.
"""

from __future__ import annotations

from typing import Final

from .document import Path

KEYS_OF_LATER_VERSIONS: Final[dict[tuple[str, ...], str]] = {
    ("listeners", "*", "tls"): "TLS on listeners",
    ("upstreams", "*", "health"): "active health checking",
    ("upstreams", "*", "outlier"): "outlier detection",
    ("upstreams", "*", "retry", "on"): "choosing what is retried",
    ("upstreams", "*", "retry", "budget"): "the retry budget",
}
"""Paths of keys, `*` for any name or index, and what each is about."""


def later_feature(path: Path) -> str | None:
    """Return what the key at `path` is about, if a later version has it."""
    for pattern, feature in KEYS_OF_LATER_VERSIONS.items():
        if len(pattern) == len(path) and all(
            expected in ("*", step) for expected, step in zip(pattern, path, strict=True)
        ):
            return feature
    return None
