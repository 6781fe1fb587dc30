"""Secrets: shown as asterisks everywhere but in `Config.to_json`, and read from files."""

from __future__ import annotations

import os
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.functional_serializers import PlainSerializer
from pydantic_core.core_schema import SerializationInfo

from ..refusal import refusal
from .files import resolve

MAXIMUM_SECRET: Final = 65_536
"""Bytes of a file that holds one secret or one key."""


class CannotRead(Exception):
    """A file cannot be used; `code` is the problem's and the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_bounded(path: str, maximum: int, what: str) -> str:
    """Return the text of a file.

    Args:
        path: The file.
        maximum: Bytes that it may have.
        what: What it is, for messages.

    Raises:
        CannotRead: it cannot be read, is no UTF-8, or is too large.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(maximum + 1)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "no reason given"
        raise CannotRead("unreadable-file", f"cannot read the file: {reason}") from None
    except ValueError:
        raise CannotRead("bad-file", "must be the path of a file") from None
    if len(content) > maximum:
        raise CannotRead("too-large", f"{what} has at most {maximum} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        message = "the file cannot be read as UTF-8 text"
        raise CannotRead("unreadable-file", message) from None


def without_line_break(text: str) -> str:
    """Return the text of a secret's file without the line break that editors end it with."""
    return text.removesuffix("\n").removesuffix("\r")


def _read_secret(path: str, info: ValidationInfo) -> str:
    try:
        return without_line_break(read_bounded(resolve(path, info), MAXIMUM_SECRET, "a secret"))
    except CannotRead as error:
        raise refusal(error.code, str(error)) from None


def serialize_secret(value: SecretStr, info: SerializationInfo) -> str:
    """Write asterisks, or the secret where `to_json` asks for it."""
    if isinstance(info.context, dict) and info.context.get("reveal"):
        return value.get_secret_value()
    return str(value)


def take_from_file(section: BaseModel, key: str, file_key: str) -> None:
    """Make what was read for `file_key` the value of `key`, so that readers know one place.

    Raises:
        PydanticCustomError: both were written.
    """
    content = getattr(section, file_key)
    if content is None:
        return
    if getattr(section, key) is not None:
        raise refusal(
            "conflicting-keys",
            f"`{file_key}` stands for `{key}`: keep one",
            at=(file_key,),
        )
    # The model is frozen for everybody else; here it is still being made.
    section.__dict__[key] = content
    section.__dict__[file_key] = None
    section.__pydantic_fields_set__.discard(file_key)
    section.__pydantic_fields_set__.add(key)


Secret = Annotated[
    SecretStr,
    PlainSerializer(serialize_secret, return_type=str),
    WithJsonSchema({"type": "string"}),
]
SecretFile = Annotated[
    str,
    AfterValidator(_read_secret),
    AfterValidator(SecretStr),
    WithJsonSchema({"type": "string"}),
]
"""The path of a file; the model then holds what is in it."""

TextFile = Annotated[str, AfterValidator(_read_secret), WithJsonSchema({"type": "string"})]
"""Likewise, for what is no secret."""
