"""What a route demands of those who use it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from ..refusal import nearest, refusal
from ..section import ListOf, MappingOf, Section
from ..syntax.claims import ClaimPath, ClaimText, Scope
from ..syntax.json_values import ClaimRule
from .auth import Names


class RouteAuth(Section):
    """What a request must show. Everything that is written has to hold."""

    provider: Names = Field(
        default=(),
        min_length=1,
        max_length=100,
        description="Name of the provider, or a list of names, any of which will do. Left out,"
        " `auth.default`.",
    )
    optional: bool = Field(
        default=False,
        description="Whether requests without a credential go on, without the principal's headers."
        " A credential that is there must be good.",
    )
    scopes: ListOf[Scope] = Field(
        default=(), max_length=100, description="Scopes that are all needed."
    )
    any_scopes: ListOf[Scope] = Field(
        default=(), max_length=100, description="Scopes of which one is needed."
    )
    roles: ListOf[ClaimText] = Field(
        default=(), max_length=100, description="Roles of which one is needed."
    )
    claims: MappingOf[ClaimPath, ClaimRule] = Field(
        default_factory=dict,
        max_length=100,
        description="Claims, and what they must be: a value, a list of values, or `{matches: RE}`"
        " for a regular expression that takes the whole claim.",
    )
    authorization: Literal["pass", "remove"] = Field(
        default="pass",
        description="Whether the upstream is sent the credential. `headers.request.set` can put"
        " another in its place.",
    )


def _word_or_section(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    if value == "none":
        return "none"
    if isinstance(value, str):
        raise refusal(
            "not-allowed-value",
            "must be `none`, or a mapping such as {provider: NAME, scopes: [NAME]}",
            allowed=("none",),
            suggestion=nearest(value, ("none",)),
        )
    return handler(value)


def _write(value: object, handler: SerializerFunctionWrapHandler) -> object:
    return value if value == "none" else handler(value)


class _NoneOrSection:
    """A section or the word `none`; pydantic's own union would report every error twice."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate the word apart from the section."""
        section = core_schema.nullable_schema(handler.generate_schema(RouteAuth))
        return core_schema.no_info_wrap_validator_function(
            _word_or_section,
            section,
            serialization=core_schema.wrap_serializer_function_ser_schema(_write, schema=section),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe both."""
        described = handler(schema)
        return {"anyOf": [{"const": "none"}, *described["anyOf"]]}


RouteAuthSetting = Annotated[RouteAuth | Literal["none"] | None, _NoneOrSection()]
