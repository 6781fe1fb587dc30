"""JSON values as YAML writes them, for claims.

Elsewhere the key decides what text means. A claim has no type of its own, so the spelling decides:
a number, `true` and `false` that stand without quotes in the file are what they look like, and
everything else is text; so is what comes from `${NAME}` or from a variable.
"""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic import JsonValue as AnyJson

from ..refusal import nearest, refusal
from ..section import BareText
from .patterns import check_pattern

MAXIMUM_SIZE: Final = 8192
"""Bytes of a claim's value as JSON."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_WORDS: Final = {"true": True, "false": False}
CONDITIONS: Final = ("equals", "in", "matches")


def looks_like_json(text: str) -> bool:
    """Tell whether text without quotes is a number or a truth value, rather than text."""
    return text in _WORDS or bool(_NUMBER.fullmatch(text))


def json_of(value: object) -> AnyJson:
    """Return what a value of a document is in JSON.

    Raises:
        PydanticCustomError: a number has no finite value.
    """
    if isinstance(value, BareText):
        return _literal(str(value))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {str(key): json_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_of(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise refusal("bad-claim", "a number in JSON is finite")
    if value is None or isinstance(value, bool | int | float):
        return value
    raise refusal("wrong-type", "must be a value that JSON has")


def _literal(text: str) -> AnyJson:
    if text in _WORDS:
        return _WORDS[text]
    if not _NUMBER.fullmatch(text):
        return text
    if len(text) > 64:
        raise refusal("bad-claim", "a number has at most 64 digits: put text in quotes")
    number: int | float = json.loads(text)
    if isinstance(number, float) and not math.isfinite(number):
        raise refusal("bad-claim", "a number in JSON is finite")
    return number


def _check_json(value: object) -> object:
    converted = json_of(value)
    try:
        json.dumps(converted, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # bytes of the environment that are no UTF-8
        raise refusal("bad-claim", "text in JSON is UTF-8") from None
    if len(json.dumps(converted)) > MAXIMUM_SIZE:
        raise refusal("too-large", f"a claim has at most {MAXIMUM_SIZE} bytes")
    return converted


class ClaimCondition(NamedTuple):
    """What a claim must be like.

    Attributes:
        kind: `equals` one value, is `in` a list of them, or `matches` a regular expression.
        value: The value, the list, or the expression.
    """

    kind: str
    value: Any


def _condition(value: object) -> ClaimCondition:
    if isinstance(value, ClaimCondition):
        return value
    if value is None:
        raise refusal("wrong-type", "there is no value: name what the claim must be")
    if isinstance(value, dict):
        return _written_condition(value)
    if isinstance(value, list | tuple):
        return _membership(value)
    return ClaimCondition("equals", _scalar(value))


def _written_condition(value: dict[object, object]) -> ClaimCondition:
    kind = next(iter(value), None)
    if len(value) != 1 or kind not in CONDITIONS:
        word = next((str(key) for key in value if key not in CONDITIONS), "")
        raise refusal(
            "wrong-type",
            "must be a value, a list of values, or one of the conditions",
            allowed=(f"{{{condition}: ...}}" for condition in CONDITIONS),
            suggestion=nearest(word, CONDITIONS) if word else None,
        )
    inside = value[kind]
    if kind == "in":
        if not isinstance(inside, list | tuple):
            raise refusal("wrong-type", "must be a list")
        return _membership(inside)
    if kind == "equals":
        return ClaimCondition("equals", _scalar(inside))
    if not isinstance(inside, str):
        raise refusal("wrong-type", "must be text")
    return ClaimCondition("matches", check_pattern(str(inside)))


def _membership(values: list[object] | tuple[object, ...]) -> ClaimCondition:
    if not 0 < len(values) <= 100:
        raise refusal("out-of-range", "must have 1 to 100 values")
    return ClaimCondition("in", [_scalar(value) for value in values])


def _scalar(value: object) -> object:
    if value is None or isinstance(value, dict | list | tuple):
        raise refusal("wrong-type", "must be text, a number, or true or false")
    return _check_json(value)


JsonValue = Annotated[
    AnyJson, BeforeValidator(_check_json), WithJsonSchema({"x-definition": "Claim"})
]
ClaimRule = Annotated[
    ClaimCondition,
    PlainValidator(_condition),
    PlainSerializer(lambda condition: {condition.kind: condition.value}),
    WithJsonSchema({"x-definition": "ClaimRule"}),
]
