"""The one canonical path, and the other ways in which an upstream may read it.

RFC 3986 section 6.2.2 (case, percent and dot-segment normalisation), with duplicate slashes
merged, since many upstreams merge them.
"""

from __future__ import annotations

import re
import string

from tests.door.model.verdict import RefusedError

UNRESERVED = frozenset((string.ascii_letters + string.digits + "-._~").encode())
ENCODED_WHEN_RAW = frozenset(b'"<>^`{|}')


def canonical(path: bytes) -> str:
    """The path that routes and that is forwarded; it starts with a slash."""
    text = normalise_characters(path)
    refuse_dots_with_parameter(text)
    return remove_dot_segments(merge_slashes(text))


def normalise_characters(path: bytes) -> str:
    """RFC 3986 sections 6.2.2.1 and 6.2.2.2."""
    written: list[str] = []
    position = 0
    while position < len(path):
        byte = path[position]
        if byte == ord("%"):
            digits = path[position + 1 : position + 3]
            if re.fullmatch(rb"[0-9A-Fa-f]{2}", digits) is None:
                raise RefusedError("bad-request", "invalid percent-encoding")
            byte = int(digits, 16)
            if byte < 0x20 or byte == 0x7F:
                raise RefusedError("bad-request", "encoded control character")
            written.append(chr(byte) if byte in UNRESERVED else f"%{byte:02X}")
            position += 3
        else:
            written.append(f"%{byte:02X}" if byte in ENCODED_WHEN_RAW else chr(byte))
            position += 1
    return "".join(written)


def refuse_dots_with_parameter(path: str) -> None:
    """No honest client sends `..;x`, which some upstreams take for `..`."""
    if any(segment.startswith((".;", "..;")) for segment in path.split("/")):
        raise RefusedError("bad-request", "dot segment with a parameter")


def merge_slashes(path: str) -> str:
    return re.sub("/+", "/", path)


def remove_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4, but going above the root is refused."""
    segments = path.split("/")[1:]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            if not kept:
                raise RefusedError("bad-request", "path goes above the root")
            kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def strip_parameters(path: str) -> str:
    return "/".join(segment.partition(";")[0] for segment in path.split("/"))


def decode_slashes(path: str) -> str:
    return path.replace("%2F", "/").replace("%5C", "/")


def other_readings(path: str) -> set[str]:
    """Paths that an upstream may see in this canonical path; refuses those above the root."""
    if not any(mark in path for mark in (";", "%2F", "%5C")):
        return set()
    readings = {
        strip_parameters(path),
        decode_slashes(path),
        strip_parameters(decode_slashes(path)),
        decode_slashes(strip_parameters(path)),
    }
    return {remove_dot_segments(merge_slashes(reading)) for reading in readings}
