"""Keeps secrets out of reports: their lines are shown with asterisks in place of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from .document import MappingNode, Node, Path, Position, ScalarNode, Source
from .model.api_keys import ApiKey, ApiKeys
from .model.providers import Provider, SharedSecret
from .refusal import nearest

MASK: Final = "**********"
"""What stands for a secret."""

_SECRET_KEY: Final = re.compile(
    r"secret|passw|pepper|token|credential(?!s$)|api[_-]?key|private[_-]?key|authorization|cookie|signature",
    re.IGNORECASE,
)
_SECRET_LINE: Final = re.compile(
    rf"(?P<key>(?:{_SECRET_KEY.pattern}|\b(?:value|hash|pem)\b)[^:]*:\s*)(?P<value>\S.*)"
    r"|^(?P<indent>\s*)(?P<body>[A-Za-z0-9+/=_-]{32,})\s*$",  # a line of a key in PEM form
    re.IGNORECASE,
)
_ONLY_A_REFERENCE: Final = re.compile(r"(Bearer |Basic )?\$\{[A-Za-z0-9_]+\}", re.ASCII)
_USER_INFORMATION: Final = re.compile(r"(?<=://)\S+(?=@)")
_HEADER_CHANGES: Final = ("set", "add")
_IN_AUTH: Final = frozenset({"value", "hash", "pem"})
"""Keys inside of `auth` that hold a secret, or may hold one by mistake."""

_NOT_IN_AUTH: Final = frozenset({"token_bytes", "token_from", "claims_to_headers"})
"""Keys inside of `auth` that sound like secrets and hold names and numbers."""

_VAULTS: Final = frozenset({"secrets", "api_keys"})
"""Keys of a provider in which everything is a secret but what is listed below."""

_NAMED: Final = frozenset({"routes", "upstreams", "rate_limits"})
"""What has names that users choose, which may sound like anything."""

_KEYS_IN_VAULTS: Final = frozenset(
    {*SharedSecret.model_fields, *ApiKeys.model_fields, *ApiKey.model_fields}
)
_SHOWN_IN_VAULTS: Final = frozenset(
    {"id", "owner", "scopes", "roles", "not_before", "expires", "redis", "file"}
    | {key for key in _KEYS_IN_VAULTS if key.endswith("_file")}
)
_VAULT_LINE: Final = re.compile(
    r"\s*(?:-\s+)?[\"']?(?:secrets?|api[_-]?keys?)[\"']?\s*:", re.IGNORECASE
)
_LINE_IN_VAULT: Final = re.compile(
    rf"(?P<key>\s*(?:-\s+)*(?:[\"']?(?:{'|'.join(sorted(_KEYS_IN_VAULTS))})[\"']?\s*:\s*)?)(?P<value>.*)"
)


class _Span(NamedTuple):
    """Text of a source; lines and columns count from 1, and the end is just after it."""

    start: Position
    end: tuple[int, int] | None


def redact(source: Source, root: Node | None, within: Path = ()) -> None:
    """Mask everything in the source's lines that may be a secret.

    Masked are the values of header changes, of keys that sound like secrets, and user information
    in URLs; and beside secrets and API keys, what is no key there, because it may be one itself.
    Without a document, because it is no YAML, keys are recognised line by line.

    Args:
        source: What is masked.
        root: The document in it.
        within: Where the document belongs, if it is a part of another one.
    """
    if root is None:
        _mask_unread(source.lines, in_vault=_inside_vault(within) is not None)
    else:
        for span in _secret_spans(root, within):
            _mask(source, span)
    source.lines[:] = [_USER_INFORMATION.sub(_stars, line) for line in source.lines]


def redacted(document: object, path: Path = ()) -> object:
    """Return a configuration as JSON has it, with everything masked that may be a secret.

    Masked is what `redact` masks in sources, so that neither shows what the other hides.

    Args:
        document: The configuration, or what of it stands at `path`.
        path: Where that is.
    """
    if isinstance(document, dict):
        return {key: redacted(value, (*path, key)) for key, value in document.items()}
    if isinstance(document, list):
        return [redacted(value, (*path, 0)) for value in document]
    if isinstance(document, str):
        return MASK if _is_secret(path) else _USER_INFORMATION.sub(MASK, document)
    return document


def sounds_secret(name: str) -> bool:
    """Tell whether what has this name, such as a header field, may be a secret."""
    return bool(_SECRET_KEY.search(name))


def hides_key(path: Path) -> bool:
    """Tell whether the last key of a path is masked: it is unknown, and stands beside secrets."""
    inside = _inside_vault(path)
    if not inside or inside[0] == "claims":
        return False
    return len(inside) > 1 or inside[0] not in _KEYS_IN_VAULTS


def _secret_spans(node: Node, path: Path) -> Iterator[_Span]:
    if isinstance(node, ScalarNode):
        shown = node.text is None or _ONLY_A_REFERENCE.fullmatch(node.text)
        if not shown and _is_secret(path):
            yield _Span(node.position, node.end)
    elif isinstance(node, MappingNode):
        for key, entry in (*node.entries.items(), *node.duplicates):
            inside = (*path, key)
            if hides_key(inside):
                yield _Span(entry.key, entry.end)
            yield from _secret_spans(entry.value, inside)
    else:
        # Which item it is makes no difference, so what was found out about the first is known.
        for _, child in node.children():
            yield from _secret_spans(child, (*path, 0))


def _is_secret(path: Path) -> bool:
    inside = _inside_vault(path)
    if inside is not None:
        return len(inside) != 1 or inside[0] not in _SHOWN_IN_VAULTS
    keys = [key for key in path if isinstance(key, str)]
    if keys and keys[-1].endswith("_file"):
        return False
    if keys[:2] == ["routes", "headers"] and any(change in keys for change in _HEADER_CHANGES):
        return True
    if keys[:2] == ["tracing", "headers"]:
        return True
    if keys[:1] == ["auth"] and keys[-1] in _IN_AUTH:
        return True
    if keys[:1] == ["auth"] and not _NOT_IN_AUTH.isdisjoint(keys):
        return False
    if keys[:2] == ["routes", "auth"] or keys[:1] == ["rate_limits"]:
        return False
    return bool(keys) and bool(_SECRET_KEY.search(keys[-1]))


@lru_cache(maxsize=256)
def _inside_vault(path: Path) -> tuple[str, ...] | None:
    """Return the keys that lead on from secrets or API keys; None if a path is not into them."""
    if path and path[0] in _NAMED:
        return None
    # A provider may have any name; a list in place of providers has none.
    of_provider = path[:2] == ("auth", "providers") and len(path) > 3 and isinstance(path[3], str)
    keys = [key for key in path[3 if of_provider else 0 :] if isinstance(key, str)]
    for index, key in enumerate(keys):
        if key in _NOT_IN_AUTH:
            return None
        if _is_vault(key, of_provider=of_provider and index == 0):
            after = keys[index + 1 :]
            return tuple(after[1:] if after[:1] == ["keys"] else after)
    return None


@lru_cache(maxsize=256)
def _is_vault(key: str, *, of_provider: bool) -> bool:
    if key in _VAULTS:
        return True
    if key.endswith("_file"):
        return False
    if of_provider and key not in Provider.model_fields:
        return bool(_SECRET_KEY.search(key)) or nearest(key, Provider.model_fields) in _VAULTS
    return bool(_SECRET_KEY.search(key))


def _mask(source: Source, span: _Span) -> None:
    """Replace text by as many asterisks, so that columns stay where they are."""
    start_line, start_column = span.start.line, span.start.column
    if span.end is None or start_line is None or start_column is None:
        return
    last_line, last_column = span.end
    for number in range(start_line, min(last_line, len(source.lines)) + 1):
        line = source.lines[number - 1]
        start = start_column - 1 if number == start_line else 0
        end = last_column - 1 if number == last_line else len(line)
        source.lines[number - 1] = line[:start] + "*" * (end - start) + line[end:]


def _mask_unread(lines: list[str], *, in_vault: bool) -> None:
    """Mask lines that are no YAML together; what is indented under a key is taken to be in it."""
    vault: int | None = -1 if in_vault else None  # the indentation of its key
    for index, line in enumerate(lines):
        text = line.lstrip()
        indent = len(line) - len(text)
        ends = vault is not None and (indent < vault or (indent == vault and text[:1] != "-"))
        if text and ends:
            vault = None
        if vault is not None:
            lines[index] = _LINE_IN_VAULT.sub(_masked_value, line, count=1)
            continue
        if _VAULT_LINE.match(line):
            vault = indent
        lines[index] = _SECRET_LINE.sub(_masked_line, line)


def _masked_value(match: re.Match[str]) -> str:
    return match["key"] + "*" * len(match["value"])


def _masked_line(match: re.Match[str]) -> str:
    if match["value"] is None:
        return match["indent"] + "*" * len(match["body"])
    return match["key"] + "*" * len(match["value"])


def _stars(match: re.Match[str]) -> str:
    return "*" * len(match[0])
