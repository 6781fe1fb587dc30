"""Fixtures that start what a test talks to, and stop it afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.gateway import Document, RunningGateway
    from tests.support.upstream import Script, ScriptedUpstream

StartGateway = Callable[..., "RunningGateway"]
StartUpstream = Callable[..., "ScriptedUpstream"]


@pytest.fixture
def resources() -> Iterator[contextlib.ExitStack]:
    """Whatever a test has started; closed in reverse order."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def start_upstream(resources: contextlib.ExitStack) -> StartUpstream:
    """Start a scripted upstream."""
    from tests.support.upstream import ScriptedUpstream

    def start(*scripts: Script, **options: object) -> ScriptedUpstream:
        return resources.enter_context(ScriptedUpstream(*scripts, **options))  # type: ignore[arg-type]

    return start


@pytest.fixture
def start_gateway(resources: contextlib.ExitStack, tmp_path: Path) -> StartGateway:
    """Start a gateway from a configuration document."""
    from tests.support.gateway import RunningGateway

    def start(document: Document | str, **options: object) -> RunningGateway:
        return resources.enter_context(RunningGateway(document, tmp_path, **options))  # type: ignore[arg-type]

    return start
