"""A gateway in front of one scripted upstream, which is what most wire tests need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gateway import configuration

if TYPE_CHECKING:
    from tests.conftest import StartGateway, StartUpstream
    from tests.support.gateway import RunningGateway
    from tests.support.upstream import Script, ScriptedUpstream

Proxied = Callable[..., "tuple[RunningGateway, ScriptedUpstream]"]


@pytest.fixture
def proxied(start_gateway: StartGateway, start_upstream: StartUpstream) -> Proxied:
    """Start an upstream with scripts, and a gateway that sends everything to it.

    Keywords are top-level keys of the configuration, but for `section`, which is merged into
    the upstream's own.
    """

    def start(
        *scripts: Script,
        section: dict[str, Any] | None = None,
        **keys: Any,  # noqa: ANN401 - whatever YAML can say
    ) -> tuple[RunningGateway, ScriptedUpstream]:
        upstream = start_upstream(*scripts)
        document = {"endpoints": [upstream.url]} | (section or {})
        return start_gateway(configuration({"app": document}, **keys)), upstream

    return start
