"""Settings from the environment and the command line, laid over the file's.

`PYGATEWAY__LIMITS__BODY_BYTES=1GB` is `limits: {body_bytes: 1GB}`. Parts are parted by two
underscores; a number is an index of a list; a value that starts with `{` or `[` is read as YAML
(so JSON works), any other one is text, split at commas where a list is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .algorithms import HASH_BYTES
from .document import (
    Entry,
    MappingNode,
    Node,
    Position,
    ScalarNode,
    SequenceNode,
    Source,
    node_of,
)
from .findings import Findings
from .model.rate_limits import MAXIMUM_QUOTA
from .reader import read_text

PREFIX: Final = "PYGATEWAY__"
ENVIRONMENT: Final = "environment"
"""What stands for the file in problems with environment variables."""

COMMAND_LINE: Final = "command line"
"""What stands for the file in problems with command line options."""

JWT_SECRET_KEY: Final = "JWT_SECRET_KEY"  # noqa: S105  a variable's name
REDIS_URL: Final = "REDIS_URL"
RATE_LIMIT_ENABLED: Final = "RATE_LIMIT_ENABLED"
RATE_LIMIT_REQUESTS_PER_MINUTE: Final = "RATE_LIMIT_REQUESTS_PER_MINUTE"

SEED_PROVIDER: Final = "environment"
"""Name of the provider that `JWT_SECRET_KEY` makes."""

SEED_RATE_LIMIT: Final = "per-user"
"""Name of the rate limit that the `RATE_LIMIT_` variables make."""

SEED_QUOTA: Final = 60
"""Requests a minute, where the variables do not say."""

MINIMUM_SECRET: Final = HASH_BYTES["HS256"]

_EXCLUDING: Final = {"listen": "listeners", "listeners": "listen"}
"""Keys that replace each other: laying one over a file takes the other one out of it."""

MAXIMUM_INDEX_DIGITS: Final = 6
"""Digits of a list's index; longer numbers are names."""

_FALSE: Final = frozenset({"", "0", "false", "no", "off"})
_TRUE: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says, over the environment and the file.

    Attributes:
        listen: Address instead of every listener, as for the key `listen`.
        workers: Number of workers, or `auto`.
    """

    listen: str | None = None
    workers: str | int | None = None


NO_OVERRIDES: Final = Overrides()


def overlay(root: MappingNode, environment: Mapping[str, str], findings: Findings) -> None:
    """Lay every `PYGATEWAY__...` variable over the document.

    Short names go first, so that a variable for a whole section and one for a key in it add up.
    """
    names = (name for name in environment if name.startswith(PREFIX))
    for name in sorted(names, key=lambda name: (name.count("__"), name)):
        position = Position(Source(ENVIRONMENT, variable=name))
        parts = name.removeprefix(PREFIX).split("__")
        if not all(parts):
            findings.add(
                "bad-variable", "must be PYGATEWAY__KEY or PYGATEWAY__SECTION__KEY", position
            )
            continue
        value = _value(environment[name], position, findings)
        if value is not None:
            _put(root, parts, value, findings)


def override(root: MappingNode, overrides: Overrides) -> None:
    """Lay the command line's settings over everything else."""
    for key, value in (("listen", overrides.listen), ("workers", overrides.workers)):
        if value is not None:
            position = Position(Source(COMMAND_LINE, variable=f"--{key}"))
            _set(root, key, ScalarNode(position, str(value)))


def refuse_seeds(environment: Mapping[str, str], findings: Findings) -> None:
    """Refuse the variables of earlier gateways that cannot be followed.

    Ignoring them would run a gateway without a protection that it was told to apply.
    """

    def refuse(code: str, name: str, message: str) -> None:
        findings.add(code, message, Position(Source(ENVIRONMENT, variable=name)))

    secret = environment.get(JWT_SECRET_KEY)
    if secret is not None and not _is_long_enough(secret):
        message = f"the key has fewer than {MINIMUM_SECRET} bytes (RFC 7518 section 3.2)"
        refuse("short-secret", JWT_SECRET_KEY, message)
    enabled = environment.get(RATE_LIMIT_ENABLED, "").strip().lower()
    if enabled not in _TRUE | _FALSE:
        refuse("wrong-type", RATE_LIMIT_ENABLED, "must be true or false")
    if not _limits_are_off(environment) and _seed_quota(environment) is None:
        message = f"must be a whole number from 1 to {MAXIMUM_QUOTA}"
        refuse("out-of-range", RATE_LIMIT_REQUESTS_PER_MINUTE, message)


def follow_seeds(root: MappingNode, environment: Mapping[str, str], findings: Findings) -> None:
    """Put in what the variables of earlier gateways say, where nothing else was said.

    `JWT_SECRET_KEY` makes a provider where there is none, `REDIS_URL` is `redis.url`, and the
    `RATE_LIMIT_` variables make a limit for routes that say nothing, where there is none.
    """
    secret = environment.get(JWT_SECRET_KEY)
    if secret is not None and _is_long_enough(secret):
        position = Position(Source(ENVIRONMENT, variable=JWT_SECRET_KEY))
        providers = _section(_section(root, "auth", position), "providers", position)
        if providers is not None and not providers.entries:
            seed = {"algorithms": ["HS256"], "secrets": [{"value": secret}]}
            _set(providers, SEED_PROVIDER, node_of(seed, position))
        else:
            message = "is not used, because the configuration has providers of its own"
            findings.add("idle-setting", message, position, severity="warning")
    url = environment.get(REDIS_URL)
    if url:
        position = Position(Source(ENVIRONMENT, variable=REDIS_URL))
        redis = _section(root, "redis", position)
        if redis is not None and "url" not in redis.entries:
            _set(redis, "url", ScalarNode(position, url))
    _follow_rate_limits(root, environment, findings)


def _follow_rate_limits(
    root: MappingNode, environment: Mapping[str, str], findings: Findings
) -> None:
    quota = _seed_quota(environment)
    names = (RATE_LIMIT_REQUESTS_PER_MINUTE, RATE_LIMIT_ENABLED)
    asks = next((name for name in names if environment.get(name, "").strip()), None)
    if asks is None or quota is None or _limits_are_off(environment):
        return
    position = Position(Source(ENVIRONMENT, variable=asks))
    limits = _section(root, "rate_limits", position)
    if limits is None or limits.entries:
        message = "is not used, because the configuration has rate limits of its own"
        findings.add("idle-setting", message, position, severity="warning")
        return
    seed = {"by": "user", "quota": quota, "window": "60s"}
    _set(limits, SEED_RATE_LIMIT, node_of(seed, position))
    defaults = root.entries.get("default_rate_limits")
    if defaults is None or defaults.value.values() is None:
        _set(root, "default_rate_limits", node_of([SEED_RATE_LIMIT], position))


def _limits_are_off(environment: Mapping[str, str]) -> bool:
    """Tell whether somebody said that there are no limits, rather than nothing of them."""
    enabled = environment.get(RATE_LIMIT_ENABLED)
    return enabled is not None and enabled.strip().lower() in _FALSE


def _seed_quota(environment: Mapping[str, str]) -> int | None:
    """Return the requests a minute that the variables allow; None if that is no number for it."""
    text = environment.get(RATE_LIMIT_REQUESTS_PER_MINUTE, "").strip()
    if not text:
        return SEED_QUOTA
    good = text.isascii() and text.isdigit() and len(text) <= len(str(MAXIMUM_QUOTA))
    return int(text) if good and 1 <= int(text) <= MAXIMUM_QUOTA else None


def _is_long_enough(secret: str) -> bool:
    return len(secret.encode("utf-8", "surrogateescape")) >= MINIMUM_SECRET


def _section(parent: MappingNode | None, key: str, position: Position) -> MappingNode | None:
    """Return the section at `key`, made if it is not there; None if something else is."""
    if parent is None:
        return None
    entry = parent.entries.get(key)
    if entry is None or (isinstance(entry.value, ScalarNode) and entry.value.text is None):
        _set(parent, key, MappingNode(position))
    found = parent.entries[key].value
    return found if isinstance(found, MappingNode) else None


def _value(text: str, position: Position, findings: Findings) -> Node | None:
    if not text.lstrip().startswith(("{", "[")):
        return ScalarNode(position, text, splits=True)
    # Read apart, so that its positions become the variable's.
    inner = Findings()
    source = Source(position.source.name, variable=position.source.variable)
    node = read_text(text, source, inner)
    for finding in inner.found:
        findings.add(finding.code, finding.message, position)
    if node is not None:
        _move(node, position)
    return node


def _move(node: Node, position: Position) -> None:
    node.position = position
    if isinstance(node, ScalarNode):
        node.end = None
    if isinstance(node, MappingNode):
        for entry in node.entries.values():
            entry.key = position
    for _, child in node.children():
        _move(child, position)


def _put(root: MappingNode, parts: list[str], value: Node, findings: Findings) -> None:
    """Put a value where a variable's name says, making what is missing on the way."""
    node: Node = root
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(node, MappingNode):
            key = _key(node, part)
            if last:
                _set(node, key, value)
                return
            child = node.entries[key].value if key in node.entries else None
            if child is None or (isinstance(child, ScalarNode) and child.text is None):
                child = _container(parts[depth + 1], value.position)
                _set(node, key, child)
            node = child
        elif isinstance(node, SequenceNode) and _is_index(part):
            index = int(part)
            if index > len(node.items):
                message = f"the list has {len(node.items)} items, so the next index is"
                findings.add("bad-variable", f"{message} {len(node.items)}", value.position)
                return
            if index == len(node.items):
                node.items.append(value if last else _container(parts[depth + 1], value.position))
            elif last:
                node.items[index] = value
            node = node.items[index]
        else:
            before = PREFIX + "__".join(parts[:depth])
            kind = "a list, so a number follows" if isinstance(node, SequenceNode) else "a value"
            findings.add("bad-variable", f"{before} is {kind}", value.position)
            return


def _container(part: str, position: Position) -> MappingNode | SequenceNode:
    """Make what a part of a variable's name is a key or an index of."""
    return SequenceNode(position) if _is_index(part) else MappingNode(position)


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= MAXIMUM_INDEX_DIGITS


def _key(node: MappingNode, part: str) -> str:
    """Return the key that a part of a variable's name means: one that is there, if one is."""
    for key in node.entries:
        if key.upper().replace("-", "_").replace(".", "_") == part.upper():
            return key
    return part.lower()


def _set(node: MappingNode, key: str, value: Node) -> None:
    node.entries.pop(_EXCLUDING.get(key, ""), None)
    node.entries[key] = Entry(value.position, value)
