"""API keys: read from their file, and in the form that the native gate takes."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
from pathlib import Path as FilePath
from typing import Final, NamedTuple

from .document import Entry, MappingNode, Node, Path, ScalarNode, SequenceNode
from .findings import Findings
from .model.api_keys import ApiKey, ApiKeys
from .reader import read_file
from .redaction import redact

KEYS: Final = "keys"
FILE: Final = "file"


class ApiKeyEntry(NamedTuple):
    """One API key, as `Gate.set_api_keys` takes it.

    Attributes:
        digest: Its keyed hash.
        claims: What its principal claims, as JSON.
        not_before: Seconds since 1970 from when on it is accepted.
        expires: Seconds since 1970 until when it is accepted.
    """

    digest: bytes
    claims: bytes
    not_before: float
    expires: float


def digest_of(pepper: bytes, key: bytes) -> bytes:
    """Return the keyed hash under which an API key is known."""
    return hmac.digest(pepper, key, hashlib.sha256)


def pepper_of(keys: ApiKeys) -> bytes:
    """Return the key of the hashes."""
    pepper = "" if keys.pepper is None else keys.pepper.get_secret_value()
    return pepper.encode("utf-8", "surrogateescape")


def entries_of(keys: ApiKeys) -> list[ApiKeyEntry]:
    """Return every key that the configuration holds."""
    return [entry_of(key) for key in keys.keys]


def entry_of(key: ApiKey) -> ApiKeyEntry:
    """Return one key as the native gate takes it."""
    claims = {
        **key.claims,
        "sub": key.owner,
        "jti": key.id,
        "scope": " ".join(key.scopes),
        "roles": list(key.roles),
    }
    if key.not_before is not None:
        # Without `iat`, this is what revocations of whatever was issued before tell its age from.
        claims.setdefault("nbf", key.not_before)
    return ApiKeyEntry(
        digest=bytes.fromhex(key.hash),
        claims=json.dumps(claims, separators=(",", ":")).encode("ascii"),
        not_before=0.0 if key.not_before is None else key.not_before,
        expires=math.inf if key.expires is None else key.expires,
    )


def read_api_key_files(root: MappingNode, directory: FilePath | None, findings: Findings) -> None:
    """Put the keys of every `file` of API keys behind those that stand in the configuration.

    So they are checked together, and a problem is shown in the file that it is in.
    """
    providers = _mapping(_mapping(root, "auth"), "providers")
    for name in providers.entries if providers else ():
        section = _mapping(_mapping(providers, name), "api_keys")
        entry = section.entries.get(FILE) if section else None
        if section is None or entry is None:
            continue
        written = entry.value
        if not isinstance(written, ScalarNode) or not written.text or "\0" in written.text:
            continue  # validation says what is wrong with it
        path = os.path.join(directory or "", written.text)
        within: Path = ("auth", "providers", name, "api_keys")
        found = _read(FilePath(path), within, written, findings)
        if found is not None:
            _append(section, found, written)


def _read(
    path: FilePath, within: Path, written: ScalarNode, findings: Findings
) -> SequenceNode | None:
    inside = Findings()
    document, source = read_file(path, inside)
    for finding in inside.found:
        # What is wrong with the file as a whole is shown where it is named.
        whole = finding.position is None or finding.position.line is None
        position = written.position if whole else finding.position
        findings.add(finding.code, finding.message, position)
    if document is None:
        redact(source, None)
        return None
    keys = document
    if isinstance(document, MappingNode):
        redact(source, document, within)
        unknown = [entry for key, entry in document.entries.items() if key != KEYS]
        for entry in unknown:
            findings.add("unknown-key", "a file of API keys has `keys` only", entry.key)
        keys = (
            document.entries[KEYS].value
            if KEYS in document.entries
            else SequenceNode(document.position)
        )
    else:
        redact(source, document, (*within, KEYS))
    if isinstance(keys, ScalarNode) and keys.text is None:
        return SequenceNode(keys.position)
    if not isinstance(keys, SequenceNode):
        findings.add("wrong-type", "must be a list of API keys", keys.position)
        return None
    return keys


def _append(section: MappingNode, found: SequenceNode, written: ScalarNode) -> None:
    entry = section.entries.get(KEYS)
    if entry is None or (isinstance(entry.value, ScalarNode) and entry.value.text is None):
        section.entries[KEYS] = Entry(written.position, found)
    elif isinstance(entry.value, SequenceNode):
        entry.value.items.extend(found.items)


def _mapping(node: Node | None, key: str) -> MappingNode | None:
    entry = node.entries.get(key) if isinstance(node, MappingNode) else None
    return entry.value if entry is not None and isinstance(entry.value, MappingNode) else None
