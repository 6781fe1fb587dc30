"""JSON Schema (2020-12) of what users write, for editors and other tools.

The models describe what a configuration is once it is read. What may be written is wider: numbers
where text is wanted, `${VARIABLE}` where anything but a section is wanted, a section without a
value, and short forms. This module widens the models' schema by these.
"""

from __future__ import annotations

from typing import Any, Final

from .introspection import EXTENSION_PREFIX
from .model.rate_limits import KEY_WORDS
from .model.root import Config
from .units import format_duration, format_size

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
IDENTIFIER: Final = "urn:pygateway:configuration:1"

Schema = dict[str, Any]

_INTERPOLATED: Final = "Interpolated"
_TEXT: Final = "Text"
_HEADER_VALUE: Final = "HeaderValue"
_CLAIM: Final = "Claim"
_CLAIM_RULE: Final = "ClaimRule"

_SCALAR: Final[Schema] = {"type": ["string", "number", "boolean"]}
_SCALARS: Final[Schema] = {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": 100}

_DEFINITIONS: Final[Schema] = {
    _INTERPOLATED: {
        "type": "string",
        "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}",
        "description": "An environment variable: `${NAME}` or `${NAME:-default}`.",
    },
    _TEXT: {
        "type": ["string", "number", "boolean"],
        "description": "Text; numbers and words such as `on` need no quotes.",
    },
    _HEADER_VALUE: {
        "anyOf": [
            {"type": ["string", "number", "boolean"]},
            {
                "type": "object",
                "properties": {
                    "value_file": {"type": "string", "description": "File that holds the value."}
                },
                "required": ["value_file"],
                "additionalProperties": False,
            },
        ],
        "description": "A header's value, or the file that holds it.",
    },
    _CLAIM: {"description": "A claim: any JSON value. Text that looks like a number has quotes."},
    _CLAIM_RULE: {
        "anyOf": [
            _SCALAR,
            _SCALARS,
            {
                "type": "object",
                "properties": {
                    "equals": _SCALAR | {"description": "The claim is this value."},
                    "in": _SCALARS | {"description": "The claim is one of these values."},
                    "matches": {
                        "type": "string",
                        "description": "The whole claim matches this regular expression.",
                    },
                },
                "additionalProperties": False,
            },
        ],
        "description": "What a claim must be: a value, one of a list, or a condition.",
    },
}

_TEXT_INSTEAD_OF_SECTION: Final = (
    "AccessLog",
    "Admin",
    "Endpoint",
    "Redirect",
    "Redis",
    "RouteRateLimitSection",
    "Tracing",
    "UpstreamShareSection",
)
"""Sections that may be written as the text of their first key."""

_WORDS_INSTEAD_OF_SECTION: Final = {"KeyPartSection": KEY_WORDS, "TokenSource": ("bearer",)}
"""Sections that words may stand for."""

_NAMES: Final = (
    ("Auth", "default"),
    ("Route", "rate_limits"),
    ("Route", "upstream"),
    ("RouteAuth", "provider"),
)
"""Lists of names that may be one name."""

_NO_VALUE: Final[Schema] = {"type": "null"}
_CONTAINERS: Final = ("array", "object")
_ANNOTATIONS: Final = ("description", "default", "x-unit", "x-minimum", "x-maximum")


def json_schema() -> Schema:
    """Return the JSON Schema of a configuration file."""
    models = Config.model_json_schema()
    definitions = {name: _section(schema) for name, schema in models.pop("$defs").items()}
    for name in _TEXT_INSTEAD_OF_SECTION:
        definitions[name] = {"anyOf": [_reference(_TEXT), definitions[name]]}
    for name, words in _WORDS_INSTEAD_OF_SECTION.items():
        word = {"const": words[0]} if len(words) == 1 else {"enum": list(words)}
        definitions[name] = {"anyOf": [word, definitions[name]]}
    for name, key in _NAMES:
        definitions[name]["properties"][key]["anyOf"].insert(0, _reference(_TEXT))
    parts = definitions["RateLimitPolicy"]["properties"]["by"]["anyOf"]
    parts.append(_reference("KeyPartSection"))
    return {
        "$schema": DIALECT,
        "$id": IDENTIFIER,
        "title": "PyGateway configuration",
        **_section(models),
        "patternProperties": {
            f"^{EXTENSION_PREFIX}": {"description": "Ignored: a place for YAML anchors."}
        },
        "$defs": dict(sorted((definitions | _DEFINITIONS).items())),
    }


def _section(schema: Schema) -> Schema:
    """Widen a model's schema."""
    required = schema.get("required", [])
    properties = {
        name: _property(field, required=name in required)
        for name, field in schema["properties"].items()
    }
    widened = {
        "type": "object",
        "description": schema["description"],
        "properties": properties,
        "additionalProperties": False,
    }
    return widened | ({"required": required} if required else {})


def _property(schema: Schema, *, required: bool) -> Schema:
    """Widen a field's schema, with what is said about it kept on the outside."""
    annotations = {key: schema[key] for key in _ANNOTATIONS if key in schema}
    bare = {key: v for key, v in schema.items() if key not in (*_ANNOTATIONS, "title")}
    for alternative in bare.get("anyOf", ()):  # the unit of an optional duration or size
        annotations |= {k: v for k, v in alternative.items() if k.startswith("x-")}
    default = annotations.get("default")
    if default is None:
        annotations.pop("default", None)
    elif annotations.get("x-unit") == "duration":
        annotations["default"] = format_duration(default)
    elif annotations.get("x-unit") == "size":
        annotations["default"] = format_size(default)
    ways = _value(bare)
    is_container = "$ref" in bare or any(way.get("type") in _CONTAINERS for way in ways)
    if is_container and not required and _NO_VALUE not in ways:
        ways.append(_NO_VALUE)
    return _any_of(ways) | annotations


def _value(schema: Schema) -> list[Schema]:
    """Return the ways in which a value may be written."""
    if "anyOf" in schema:
        ways: list[Schema] = []
        for alternative in schema["anyOf"]:
            ways += [way for way in _value(alternative) if way not in ways]
        return ways
    if "$ref" in schema:
        return [schema]
    if "x-definition" in schema:
        return [_reference(schema["x-definition"])]
    match schema.get("type"):
        case "object":
            return [_mapping(schema)]
        case "array":
            items = _any_of(_value(schema["items"]))
            return [schema | {"items": items}, _reference(_INTERPOLATED)]
        case "string" if schema.get("format") == "password":
            return [_reference(_HEADER_VALUE)]
        case "string" if not {"pattern", "enum", "const"} & schema.keys():
            length = {"maxLength": schema["maxLength"]} if "maxLength" in schema else {}
            return [_reference(_TEXT) | length]
        case "null":
            return [schema]
        case _:
            return [schema, _reference(_INTERPOLATED)]


def _mapping(schema: Schema) -> Schema:
    values = schema["additionalProperties"]
    ways = _value(values)
    if values.get("type") == "array":  # one value or a list of them
        ways = [*_value(values["items"]), *(way for way in ways if way.get("type") == "array")]
    return schema | {"additionalProperties": _any_of(ways)}


def _any_of(ways: list[Schema]) -> Schema:
    return ways[0] if len(ways) == 1 else {"anyOf": ways}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
