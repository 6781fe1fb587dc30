"""The table of every key, made from the JSON Schema so that the two never differ.

`docs/configuration.md` holds what this module writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .schema import Schema, json_schema

_WORDS: Final = {"boolean": "true or false", "integer": "whole number", "object": "mapping"}
_REFERENCE: Final = "#/$defs/"
_VALUES: Final = ("Interpolated", "Text", "HeaderValue", "Claim", "ClaimRule")
"""Definitions of values; every other one is a section."""


def reference() -> str:
    """Return the tables as Markdown: one for each section, in the order of the document."""
    schema = json_schema()
    tables = [_table(path, section) for path, section in _sections("", schema, schema)]
    return "\n".join(tables)


def _sections(path: str, section: Schema, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield every section with its place, from the outside in."""
    yield path, section
    for key, field in section["properties"].items():
        inside = _section_inside(field)
        if inside is None:
            continue
        suffix, name = inside
        definition = schema["$defs"][name]
        mappings = [way for way in _ways(definition) if "properties" in way]
        place = f"{path}.{key}{suffix}" if path else f"{key}{suffix}"
        yield from _sections(place, mappings[0], schema)


def _section_inside(field: Schema) -> tuple[str, str] | None:
    """Return which section a field holds: itself, in a list (`[]`) or in a mapping (`.NAME`)."""
    for way in _ways(field):
        if _is_section(way):
            return "", _target(way)
        if _is_section(way.get("items", {})):
            return "[]", _target(way["items"])
        values = way.get("additionalProperties")
        if isinstance(values, dict) and _is_section(values):
            return ".NAME", _target(values)
    return None


def _table(path: str, section: Schema) -> str:
    required = section.get("required", [])
    lines = [
        f"#### `{path}`" if path else "#### Top level",
        "",
        section["description"],
        "",
        "| key | value | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for key, field in section["properties"].items():
        default = "required" if key in required else _default(field)
        cells = (f"`{key}`", _kind(field), default, field["description"].replace("|", "\\|"))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _default(field: Schema) -> str:
    if "default" not in field:
        return ""
    value = field["default"]
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        items = ", ".join(i if isinstance(i, str) else i["address"] for i in value)
        return f"`[{items}]`"
    return f"`{value}`" if value != "" else "empty"


def _kind(field: Schema) -> str:
    """Say in a few words what may be written."""
    if "x-unit" in field:
        return f"{field['x-unit']}, {field['x-minimum']} to {field['x-maximum']}"
    words: list[str] = []
    for way in _ways(field):
        word = _word(way)
        if word and word not in words:
            words.append(word)
    return " or ".join(words)


def _word(way: Schema) -> str:
    if way.get("$ref") == _REFERENCE + "Interpolated" or way.get("type") == "null":
        return ""
    if "enum" in way or "const" in way:
        choices = way.get("enum", [way.get("const")])
        return ", ".join(f"`{str(choice).lower()}`" for choice in choices)
    if "$ref" in way:
        return "section" if _is_section(way) else "text"
    if way["type"] == "array":
        return f"list of {_plural(way['items'])}"
    if way["type"] == "integer":
        return f"whole number, {way['minimum']} to {way['maximum']}"
    if way["type"] == "number":
        return f"number, {way['minimum']} to {way['maximum']}"
    return _WORDS.get(way["type"], "text")


def _plural(items: Schema) -> str:
    return "sections" if _is_section(items) else "texts"


def _ways(schema: Schema) -> list[Schema]:
    alternatives: list[Schema] = schema.get("anyOf", [schema])
    return alternatives


def _is_section(schema: Schema) -> bool:
    return "$ref" in schema and _target(schema) not in _VALUES


def _target(schema: Schema) -> str:
    return str(schema["$ref"]).removeprefix(_REFERENCE)
