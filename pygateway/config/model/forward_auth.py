"""Forward-auth: a service that is asked about every request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..section import ListOf, Section
from ..syntax.headers import HeaderName
from ..syntax.urls import HttpUrl
from ..units import DurationRange, SizeRange


class ForwardAuth(Section):
    """A service that decides: 2xx lets the request go on, its other answers go to the client."""

    url: HttpUrl = Field(
        description="URL that is asked, with GET. The request's method, scheme, host and target are"
        " in X-Forwarded-Method, -Proto, -Host and -Uri."
    )
    timeout: Annotated[float, DurationRange("10ms", "1m")] = Field(
        default=1.0, description="For its answer; then `on_failure` says what happens."
    )
    request_headers: ListOf[HeaderName] = Field(
        default=("Authorization", "Cookie"),
        max_length=100,
        description="Headers of the request that it is sent.",
    )
    response_headers: ListOf[HeaderName] = Field(
        default=(),
        max_length=100,
        description="Headers of its answer that the upstream is sent. What clients send under these"
        " names is removed.",
    )
    cache: Annotated[float, DurationRange("0s", "1h")] = Field(
        default=0.0,
        description="For which its permission is used again for requests with the same method,"
        " target and `request_headers`; 0 asks every time.",
    )
    on_failure: Literal["deny", "allow"] = Field(
        default="deny",
        description="What happens when it cannot be asked: answer 503, or go on without it.",
    )
    body: Annotated[int, SizeRange("0B", "1MiB")] = Field(
        default=64 * 1024, description="Bytes of its refusal that the client is sent."
    )
