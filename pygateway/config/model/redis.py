"""Redis: where gateways share what they know."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from ..refusal import refusal
from ..section import Section
from ..syntax.files import FilePath
from ..syntax.secrets import Secret, SecretFile, take_from_file
from ..syntax.urls import RedisLocation, locate_redis, split_redis_url
from ..units import DurationRange

# Braces would be a hash tag, which decides where a cluster holds a key; the store sets its own.
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


def _check_url(url: str) -> str:
    locate_redis(split_redis_url(url)[0])
    return url


def _check_prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise refusal(
            "bad-name",
            "a prefix has 1 to 64 letters, digits, dots, hyphens, underscores and colons, a letter"
            " or digit first",
        )
    return prefix


class Redis(Section):
    """The Redis that gateways share. Without it, each machine keeps what it knows to itself."""

    url: Annotated[str, AfterValidator(_check_url)] = Field(
        description="`redis://host:6379/0`, `rediss://...` with TLS, `unix:///run/redis.sock?db=0`,"
        " `redis+sentinel://host:26379,host:26379/service/0` or"
        " `redis+cluster://host:6379,host:6379`. A user and a password in it are the same as"
        " `username` and `password`."
    )
    timeout: Annotated[float, DurationRange("1ms", "10s")] = Field(
        default=0.05,
        description="For an answer of Redis; no request waits longer for it. Within a data centre"
        " 50ms is a hundred times what Redis needs.",
    )
    key_prefix: Annotated[str, AfterValidator(_check_prefix)] = Field(
        default="pygateway",
        description="What the names of all keys begin with. Gateways with one prefix share"
        " everything, and gateways with different ones nothing.",
    )
    ca_file: FilePath | None = Field(
        default=None,
        description="File with the PEM certificates of the authorities to trust for `rediss://`,"
        " instead of the system's. Relative to the configuration file.",
    )
    username: str | None = Field(
        default=None, min_length=1, max_length=256, description="User of Redis' access control."
    )
    password: Secret | None = Field(default=None, description="Password of that user.")
    password_file: SecretFile | None = Field(
        default=None, exclude=True, description="File that holds the password."
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_url(cls, value: object) -> object:
        return {"url": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _a_file_stands_for_its_value(self) -> Self:
        take_from_file(self, "password", "password_file")
        return self

    @model_validator(mode="after")
    def _the_url_holds_no_secret(self) -> Self:
        """Move user and password out of the URL, so that it can be shown and logged."""
        url, user, password = split_redis_url(self.url)
        self.__dict__["url"] = url
        for key, value in (
            ("username", user),
            ("password", None if password is None else SecretStr(password)),
        ):
            if value is None:
                continue
            if getattr(self, key) is not None:
                raise refusal(
                    "conflicting-keys", f"the URL has a {key} of its own: keep one", at=(key,)
                )
            self.__dict__[key] = value
            self.__pydantic_fields_set__.add(key)
        return self

    @cached_property
    def location(self) -> RedisLocation:
        """What the URL says, taken apart."""
        return locate_redis(self.url)
