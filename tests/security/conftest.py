"""The fortress that most attacks are made on, and a trap for whoever is lured out of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.security.fortress import Fortress, fortress_configuration
from tests.support.gateway import RunningGateway
from tests.support.recording import RecordingUpstream
from tests.support.upstream import listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.gateway import Document


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    """One for a whole module: an attack that succeeds later, because of an earlier one, counts."""
    directory: Path = tmp_path_factory.mktemp("fortress")
    with (
        RecordingUpstream() as upstream,
        RunningGateway(fortress_configuration(upstream.url), directory) as gateway,
    ):
        yield Fortress(gateway, upstream)
        gateway.raise_complaints()


@pytest.fixture
def build(resources: contextlib.ExitStack, tmp_path: Path) -> Callable[..., Fortress]:
    """Build a fortress of one's own: keywords are top-level keys of its configuration."""

    def start(**keys: object) -> Fortress:
        upstream = resources.enter_context(RecordingUpstream())
        document: Document = fortress_configuration(upstream.url, **keys)
        return Fortress(resources.enter_context(RunningGateway(document, tmp_path)), upstream)

    return start


class Trap:
    """A listening socket that nobody has any business to connect to."""

    def __init__(self) -> None:
        self._listener = listening()
        self._listener.setblocking(False)
        host, port = self._listener.getsockname()
        self.url = f"http://{host}:{port}/keys"

    def nobody_came(self) -> None:
        """On the loopback, a connection is here as soon as the other end has it."""
        with pytest.raises(BlockingIOError):
            self._listener.accept()

    def close(self) -> None:
        """Take the trap away."""
        self._listener.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    """Set a trap, and look into it in the end."""
    made = Trap()
    yield made
    made.nobody_came()
    made.close()
