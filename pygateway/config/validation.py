"""Builds a `Config` from a document and says everything that is wrong with it at once.

Pydantic reports every bad value, but checks that compare values need all of them. So what is bad
is dropped and the rest validated again, until a configuration stands on which they can run. What
only happens because something was dropped is not reported.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .document import (
    Entry,
    Found,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    SequenceNode,
    compact,
    locate,
)
from .findings import Findings
from .introspection import EXTENSION_PREFIX, bounds_of, keys_of, section_at
from .later import later_feature
from .model.root import Config
from .redaction import hides_key
from .refusal import nearest
from .syntax.files import DIRECTORY

_WRONG_TYPES: Final = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping",
    "float_parsing": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_type": "must be a whole number",
    "model_attributes_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}


def validate(root: MappingNode, directory: FilePath | None, findings: Findings) -> Config | None:
    """Build the configuration; None if too little is left of it, which is then among the findings.

    When there are findings, the result lacks what they are about.
    """
    for key, entry in root.entries.items():
        if key.startswith(EXTENSION_PREFIX):
            entry.value.dropped = True
    while True:
        compact(root)
        try:
            return Config.model_validate(
                root.values(), context={DIRECTORY: str(directory) if directory else None}
            )
        except ValidationError as error:
            # Every culprit is found before any is dropped, because dropping moves indexes.
            culprits = [
                _report(root, detail, findings)
                for detail in error.errors(include_url=False, include_input=False)
            ]
            for culprit in culprits:
                culprit.dropped = True
            if root.dropped:
                return None


def _report(root: MappingNode, detail: ErrorDetails, findings: Findings) -> Node:
    """Report one error of pydantic's, unless it follows from another, and return its culprit."""
    path: Path = detail["loc"] + tuple(detail.get("ctx", {}).get("at", ()))
    kind = detail["type"]
    if kind == "missing":
        return _report_missing(root, path, findings)
    found = locate(root, path)
    if kind == "extra_forbidden":
        _report_unknown(root, path, findings)
    elif not (kind == "too_short" and _was_long_enough(path, found.node, detail["ctx"])):
        code, message, allowed, suggestion = _translate(kind, path, detail.get("ctx", {}), found)
        findings.add(code, message, found.position, allowed=allowed, suggestion=suggestion)
    return found.node


def _report_unknown(root: MappingNode, path: Path, findings: Findings) -> None:
    position = locate(root, path, key=True).position
    feature = later_feature(path)
    key = str(path[-1])
    if feature is not None:
        message = f"`{key}`: {feature} is not available in this version"
        findings.add("not-available", message, position)
        return
    section = section_at(Config, path[:-1])
    allowed = keys_of(section) if section else ()
    # Beside secrets, what is taken for a key may be one itself.
    name = "this" if hides_key(path) else f"`{key}`"
    findings.add(
        "unknown-key",
        f"{name} is not a key here",
        position,
        allowed=allowed,
        suggestion=nearest(key, allowed),
    )


def _report_missing(root: MappingNode, path: Path, findings: Findings) -> Node:
    parent = locate(root, path[:-1])
    key = str(path[-1])
    written = parent.node.entries.get(key) if isinstance(parent.node, MappingNode) else None
    if written is None:
        position = locate(root, path[:-1], key=True).position
        findings.add("missing-key", f"the key `{key}` is missing", position)
    stand_in = _stand_in(path, parent.position)
    if stand_in is not None and isinstance(parent.node, MappingNode):
        key_position = written.key if written else parent.position
        parent.node.entries[key] = Entry(key_position, stand_in)
        return ScalarNode(parent.position, None)  # nothing else is to be dropped
    return parent.node


def _stand_in(path: Path, position: Position) -> Node | None:
    """Return something harmless in place of a required value, so that the rest can be checked."""
    match path:
        case ("routes", index, "name"):
            return ScalarNode(position, f"route-without-a-name-{index}")
        case ("routes", _, "redirect", "location"):
            return ScalarNode(position, "/")
        case ("routes", _, "cors", "origins"):
            return SequenceNode(position, [ScalarNode(position, "https://stand-in.invalid")])
        case ("upstreams", _, "endpoints"):
            return SequenceNode(position, [ScalarNode(position, "http://stand-in.invalid")])
        case ("redis", "url"):
            return ScalarNode(position, "redis://stand-in.invalid")
        case ("rate_limits", _, "by"):
            return ScalarNode(position, "ip")
        case ("auth", "providers", _, "forward_auth", "url"):
            return ScalarNode(position, "https://stand-in.invalid")
        case ("auth", "providers", _, "api_keys", "keys", index, "id" | "owner"):
            return ScalarNode(position, f"api-key-without-it-{index}")
        case ("auth", "providers", _, "api_keys", "keys", int(index), "hash"):
            return ScalarNode(position, f"{index:064x}")
        case _:
            return None


def _was_long_enough(path: Path, node: Node, context: dict[str, Any]) -> bool:
    """Tell whether a list is too short only because of items that have errors of their own.

    So is one without a value, which has its default, unless there is none.
    """
    if isinstance(node, SequenceNode):
        written = len(node.items) + node.removed
    elif isinstance(node, ScalarNode):
        written = len((node.text or "").split(","))
        if not (node.text or "").strip(" ,"):
            return not _is_required(path)
    else:
        written = 1  # one item, without the brackets of a list
    return written >= int(context["min_length"])


def _is_required(path: Path) -> bool:
    section = section_at(Config, path[:-1])
    field = section.model_fields.get(str(path[-1])) if section else None
    return field is not None and field.is_required()


def _translate(
    kind: str, path: Path, context: dict[str, Any], found: Found
) -> tuple[str, str, tuple[str, ...], str | None]:
    """Return code, message, what is allowed and a suggestion for an error of pydantic's."""
    if "suggestion" in context:  # made by `refusal`
        return kind, context["message"], context["allowed"], context["suggestion"]
    if kind in _WRONG_TYPES:
        empty = isinstance(found.node, ScalarNode) and found.node.text is None
        value = "there is no value: it " if empty else ""
        return "wrong-type", value + _WRONG_TYPES[kind], (), None
    match kind:
        case "literal_error":
            words = tuple(part.strip().strip("'") for part in _listed(context["expected"]))
            written = found.node.text if isinstance(found.node, ScalarNode) else None
            near = nearest(written or "", words)
            return "not-allowed-value", "must be one of the words allowed here", words, near
        case "greater_than_equal" | "less_than_equal":
            return "out-of-range", f"must be {_range_at(path)}", (), None
        case "too_short":
            return "out-of-range", _at("least", context["min_length"], "item"), (), None
        case "too_long":
            return "out-of-range", _at("most", context["max_length"], "item"), (), None
        case "string_too_short":
            return "out-of-range", _at("least", context["min_length"], "character"), (), None
        case "string_too_long":
            return "out-of-range", _at("most", context["max_length"], "character"), (), None
        case _:
            # No message of pydantic's is passed on: it might repeat the value.
            return "wrong-type", f"is not what belongs here ({kind})", (), None


def _range_at(path: Path) -> str:
    section = section_at(Config, path[:-1])
    field = section.model_fields[str(path[-1])] if section else None
    low, high = bounds_of(field) if field else (None, None)
    return f"from {low} to {high}"


def _listed(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def _at(bound: str, count: int, unit: str) -> str:
    return f"must have at {bound} {count} {unit}{'' if count == 1 else 's'}"
