"""Files that hold a JSON Web Key Set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from ..private_parts import without_private_parts
from ..refusal import refusal
from .files import DIRECTORY, resolve
from .secrets import CannotRead, read_bounded

MAXIMUM_KEY_SET: Final = 1024**2
"""Bytes of a file with a key set; a thousand RSA keys fit in."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """A key set as it was read, without private parts.

    Attributes:
        path: The file.
        text: What was in it.
    """

    path: str
    text: str = field(repr=False)


def _read(value: object, info: ValidationInfo) -> KeySet:
    if isinstance(value, KeySet):
        return value
    from_worker = not isinstance(info.context, dict) or DIRECTORY not in info.context
    if isinstance(value, dict) and from_worker:
        return KeySet(**value)
    if not isinstance(value, str):
        raise refusal("wrong-type", "must be text")
    path = resolve(str(value), info)
    try:
        text = read_bounded(path, MAXIMUM_KEY_SET, "a key set")
    except CannotRead as error:
        raise refusal(error.code, str(error)) from None
    return KeySet(path, without_private_parts(text))


def _write(value: KeySet) -> dict[str, Any]:
    return {"path": value.path, "text": value.text}


KeySetFile = Annotated[
    KeySet, PlainValidator(_read), PlainSerializer(_write), WithJsonSchema({"type": "string"})
]
"""The path of a file; the model holds what is in it, so that workers read no file."""
