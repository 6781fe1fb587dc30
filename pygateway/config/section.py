"""The base of every section of the configuration, and how lists may be written."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

Item = TypeVar("Item")
Key = TypeVar("Key")


class PlainText(str):
    """Text that cannot have YAML's structure: an environment variable or an interpolated value.

    Where a list is wanted, such text is split at its commas.
    """

    __slots__ = ()


class BareText(str):
    """Text without quotes that JSON would read as a number or a truth value.

    Only claims make a difference of it: a token has both `7` and `"7"`.
    """

    __slots__ = ()


class Section(BaseModel):
    """A mapping of the configuration: frozen, and without keys that mean nothing."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        ser_json_inf_nan="constants",
    )

    @model_validator(mode="before")
    @classmethod
    def _an_empty_section_has_the_defaults(cls, value: object) -> object:
        return {} if value is None else value


def _as_list(value: object) -> object:
    if value is None:
        return ()
    if isinstance(value, PlainText):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _as_mapping(value: object) -> object:
    return {} if value is None else value


ListOf = Annotated[tuple[Item, ...], BeforeValidator(_as_list)]
"""A list; a key without a value is an empty one."""

MappingOf = Annotated[dict[Key, Item], BeforeValidator(_as_mapping)]
"""A mapping from names; a key without a value is an empty one."""
