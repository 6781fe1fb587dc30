"""The part of JSON Schema 2020-12 that the configuration's schema uses, to hold documents to it."""

from __future__ import annotations

import re
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default"}


def accepts(schema: Any, value: Any, root: Any) -> bool:  # noqa: ANN401
    """Whether a value is valid; a keyword that is not known here fails loudly."""
    if isinstance(schema, bool):
        return schema
    return all(
        _keyword(keyword, schema, value, root)
        for keyword in schema
        if keyword not in ANNOTATIONS and not keyword.startswith("x-")
    )


def _keyword(keyword: str, schema: Any, value: Any, root: Any) -> bool:  # noqa: ANN401, PLR0912
    wanted = schema[keyword]
    match keyword:
        case "$ref":
            return accepts(root["$defs"][wanted.removeprefix("#/$defs/")], value, root)
        case "anyOf":
            return any(accepts(way, value, root) for way in wanted)
        case "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            is_flag = isinstance(value, bool)
            return any(
                isinstance(value, TYPES[name]) and (not is_flag or name == "boolean")
                for name in names
            )
        case "const":
            return bool(value == wanted and type(value) is type(wanted))
        case "enum":
            return value in wanted
        case "minimum":
            return not isinstance(value, int | float) or value >= wanted
        case "maximum":
            return not isinstance(value, int | float) or value <= wanted
        case "minItems":
            return not isinstance(value, list) or len(value) >= wanted
        case "maxItems":
            return not isinstance(value, list) or len(value) <= wanted
        case "minProperties":
            return not isinstance(value, dict) or len(value) >= wanted
        case "maxProperties":
            return not isinstance(value, dict) or len(value) <= wanted
        case "minLength":
            return not isinstance(value, str) or len(value) >= wanted
        case "maxLength":
            return not isinstance(value, str) or len(value) <= wanted
        case "pattern":
            return not isinstance(value, str) or re.search(wanted, value) is not None
        case "items":
            return not isinstance(value, list) or all(accepts(wanted, i, root) for i in value)
        case "required":
            return not isinstance(value, dict) or set(wanted) <= set(value)
        case "properties" | "patternProperties" | "additionalProperties":
            return not isinstance(value, dict) or _members(schema, value, root)
        case _:
            raise AssertionError(f"the keyword {keyword} is not known")


def _members(schema: Any, value: dict[str, Any], root: Any) -> bool:  # noqa: ANN401
    for key, member in value.items():
        known = [s for name, s in schema.get("properties", {}).items() if name == key]
        known += [s for p, s in schema.get("patternProperties", {}).items() if re.search(p, key)]
        if not all(accepts(s, member, root) for s in known or [schema["additionalProperties"]]):
            return False
    return True
