"""A gateway whose routes are protected, an issuer it believes, and the upstream behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gateway import configuration, route
from tests.support.issuer import Issuer

if TYPE_CHECKING:
    from tests.conftest import StartGateway, StartUpstream
    from tests.support.gateway import RunningGateway
    from tests.support.upstream import Script, ScriptedUpstream

Protected = Callable[..., "tuple[RunningGateway, ScriptedUpstream]"]


@pytest.fixture
def issuer(resources: contextlib.ExitStack) -> Issuer:
    """An issuer with one key."""
    return resources.enter_context(Issuer())


@pytest.fixture
def protected(start_gateway: StartGateway, start_upstream: StartUpstream) -> Protected:
    """Start an upstream with scripts, and a gateway that protects it with one provider.

    Keywords are top-level keys of the configuration, but for `auth`, which is merged into that
    section, and `access`, which is the route's.
    """

    def start(
        provider: dict[str, Any],
        *scripts: Script,
        auth: dict[str, Any] | None = None,
        access: dict[str, Any] | None = None,
        **keys: Any,  # noqa: ANN401 - whatever YAML can say
    ) -> tuple[RunningGateway, ScriptedUpstream]:
        upstream = start_upstream(*scripts)
        section = {"providers": {"main": provider}} | (auth or {})
        routes = [
            route("open", "/open", upstream="app"),
            route("protected", "/*", upstream="app", auth={"provider": "main"} | (access or {})),
        ]
        document = configuration({"app": upstream.url}, auth=section, routes=routes, **keys)
        return start_gateway(document), upstream

    return start
