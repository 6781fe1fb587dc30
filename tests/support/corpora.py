"""Readers for the public collections of raw messages beside the project.

They are data of other projects and stay where they are; without them the tests say so and skip.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

CORPORA = Path(__file__).parents[2].parent / "shared" / "corpora"


def require(name: str) -> Path:
    """The folder of one corpus; the calling module is skipped where it is absent."""
    folder = CORPORA / name
    if not folder.is_dir():
        pytest.skip(f"the corpus ../shared/corpora/{name} is not here", allow_module_level=True)
    return folder


# --- gunicorn: one message a file, line ends written out ------------------------------------------

_ESCAPE = re.compile(rb"\\(?:([rnt0])|x([0-9A-Fa-f]{2}))")
_SIMPLE = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0"}


def _unescape(match: re.Match[bytes]) -> bytes:
    return _SIMPLE[match[1]] if match[1] else bytes([int(match[2], 16)])


@dataclass(frozen=True)
class GunicornCase:
    """A raw message and whether that server's tests call it valid."""

    name: str
    raw: bytes
    valid: bool


def read_gunicorn() -> list[GunicornCase]:
    """All messages of both folders."""
    folder = require("gunicorn")
    return [
        GunicornCase(
            name=f"gunicorn/{kind}/{file.stem}",
            raw=_ESCAPE.sub(_unescape, file.read_bytes().replace(b"\n", b"")),
            valid=kind == "valid",
        )
        for kind in ("invalid", "valid")
        for file in sorted((folder / kind).glob("*.http"))
    ]


# --- llhttp: Markdown, a message and the parser's events under each heading -----------------------

_LLHTTP_ESCAPE = re.compile(r"\\(?:([rntf])|x([0-9A-Fa-f]+)|([0-7]{1,3}))")
_META = re.compile(r"<!--\s*meta=(\{.*?\})\s*-->")


def _llhttp_unescape(match: re.Match[str]) -> str:
    if match[1]:
        return {"r": "\r", "n": "\n", "t": "\t", "f": "\f"}[match[1]]
    return chr(int(match[2], 16) if match[2] else int(match[3], 8))


@dataclass(frozen=True)
class LlhttpCase:
    """A message and what the parser made of it.

    Attributes:
        lenient: The option under which the parser was run, empty for its strict default.
        complete: Messages that were complete.
        error: What the parser complained of in the end, if it did.
        skips_body: The parser was told that no body follows, as for a response to HEAD.
    """

    name: str
    kind: Literal["request", "response", "url"]
    raw: bytes
    lenient: str
    complete: int
    error: str | None
    skips_body: bool


def _llhttp_text(block: str) -> bytes:
    text = re.sub(r"\\\n", "", block.removesuffix("\n"))
    text = _LLHTTP_ESCAPE.sub(_llhttp_unescape, text.replace("\n", "\r\n"))
    return b"".join(
        character.encode("latin-1") if ord(character) < 256 else character.encode()
        for character in text
    )


def _llhttp_case(name: str, kind: str, meta: dict[str, Any], block: str, log: str) -> LlhttpCase:
    kind, _, lenient = str(meta.get("type", kind)).partition("-")
    errors = re.findall(r'^off=\S+ error code=\d+ reason="(.*)"$', log, re.MULTILINE)
    assert kind in {"request", "response", "url"}, kind
    return LlhttpCase(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        raw=_llhttp_text(block),
        lenient="" if lenient == "finish" else lenient,
        complete=len(re.findall(r"^off=\d+ message complete$", log, re.MULTILINE)),
        error=errors[-1] if errors else None,
        skips_body=bool(meta.get("skipBody")),
    )


def read_llhttp() -> list[LlhttpCase]:
    """All vectors, in the order of the files; names are file and number."""
    folder = require("llhttp")
    cases = []
    for file in sorted(folder.rglob("*.md")):
        stem = file.relative_to(folder).with_suffix("").as_posix()
        meta: dict[str, Any] = {}
        message = ("", "")
        number = 0
        text = file.read_text(encoding="utf-8")
        for found in re.finditer(
            r"^#+ |" + _META.pattern + r"|^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
        ):
            if found[1]:
                meta = json.loads(found[1])
            elif found[2] in {"http", "url"}:
                message = (found[2], found[3])
            elif found[2] == "log":
                number += 1
                language, block = message
                cases.append(
                    _llhttp_case(f"llhttp/{stem}/{number}", language, meta, block, found[3])
                )
            else:
                meta = {}
    return cases


# --- desync guardian: messages as fields, with a severity -----------------------------------------


@dataclass(frozen=True)
class DesyncCase:
    """A request whose framing two parsers could read differently.

    Attributes:
        suspects: Lines of the head, name and value, that the corpus calls other than compliant.
        tier: Severity, from `Compliant` to `Severe`.
        reason: The corpus' name for what is wrong.
    """

    name: str
    title: str
    method: bytes
    uri: bytes
    version: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    suspects: tuple[tuple[bytes, bytes], ...]
    tier: str
    reason: str

    def message(self, host: bytes) -> bytes:
        """The whole request, with a Host where it has none and the body that it announces."""
        line = b" ".join(part for part in (self.method, self.uri, self.version) if part)
        headers = self.headers
        if not any(name.lower() == b"host" for name, _ in headers):
            headers = ((b"Host", host), *headers)
        head = b"\r\n".join([line, *(name + b":" + value for name, value in headers), b"", b""])
        return head + self._body()

    def _body(self) -> bytes:
        names = [name.lower() for name, _ in self.headers]
        if any(b"encod" in name and b"accept" not in name for name in names):
            return b"0\r\n\r\n"
        for name, value in self.headers:
            if b"length" in name.lower() and value.strip().isdigit():
                return b"x" * min(int(value), 8_000_000)
        return b""


def _bytes(value: object) -> bytes:
    text = str(value)
    return text.encode("latin-1") if all(ord(c) < 256 for c in text) else text.encode()


def read_desync() -> list[DesyncCase]:
    """All cases; names are file and number."""
    folder = require("desync-guardian")
    cases = []
    for file in sorted(folder.glob("*.yaml")):
        for number, entry in enumerate(yaml.safe_load(file.read_text(encoding="utf-8")), 1):
            lines = [
                (_bytes(line["name"]), _bytes(line["value"]), line["tier"])
                for line in entry.get("headers") or []
            ]
            cases.append(
                DesyncCase(
                    name=f"desync/{file.stem}/{number}",
                    title=str(entry["name"]),
                    method=_bytes(entry["method"]),
                    uri=_bytes(entry["uri"]),
                    version=_bytes(entry["version"]),
                    headers=tuple((name, value) for name, value, _ in lines),
                    suspects=tuple((n, v) for n, v, tier in lines if tier != "Compliant"),
                    tier=entry["expected"]["tier"],
                    reason=entry["expected"]["reason"],
                )
            )
    return cases
