"""The admin server: what operators ask and tell a running gateway."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from ..refusal import refusal
from ..section import Section
from ..syntax.addresses import Address, ListenAddress
from ..syntax.secrets import Secret, SecretFile, take_from_file

DEFAULT_ADMIN_ADDRESS: Final = Address("127.0.0.1", 8001)

MINIMUM_TOKEN: Final = 16
"""Characters of the token; 16 random letters and digits cannot be guessed over a network."""

# RFC 6750 section 2.1: what can stand after `Bearer`.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


def _check_token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value()
    if len(token) < MINIMUM_TOKEN:
        raise refusal("short-secret", f"the token has at least {MINIMUM_TOKEN} characters")
    if len(token) > 1024 or not _TOKEN.fullmatch(token):
        raise refusal(
            "bad-secret",
            "the token has letters, digits and any of -._~+/ only (RFC 6750 section 2.1), and at"
            " most 1024 of them",
        )
    return value


def is_loopback(address: Address) -> bool:
    """Tell whether only this machine can reach an address."""
    if address.path is not None or address.host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return False


class Admin(Section):
    """The admin server: health, status, reload, drain and revocations."""

    address: ListenAddress = Field(
        default=DEFAULT_ADMIN_ADDRESS,
        description="`host:port`, `[IPv6 address]:port` or `unix:/path`. Without a `token` only"
        " loopback addresses and unix sockets are accepted.",
    )
    token: Annotated[Secret, AfterValidator(_check_token)] | None = Field(
        default=None,
        description=f"Bearer token that every request must have, of at least {MINIMUM_TOKEN}"
        " characters. Without one, whoever can connect is trusted.",
    )
    token_file: Annotated[SecretFile, AfterValidator(_check_token)] | None = Field(
        default=None, exclude=True, description="File that holds the token, instead of `token`."
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_address(cls, value: object) -> object:
        return {"address": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _a_file_stands_for_its_value(self) -> Self:
        take_from_file(self, "token", "token_file")
        return self
