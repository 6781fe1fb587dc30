"""How long a test waits for what must happen; nothing ever sleeps for it."""

from __future__ import annotations

import threading

PATIENCE = 15.0
"""Seconds until a test gives up waiting. Long, because a loaded machine is not a bug."""


def wait(event: threading.Event, what: str) -> None:
    """Wait for an event; a test that would wait for ever fails and says for what."""
    if not event.wait(PATIENCE):
        raise AssertionError(f"{what} did not happen within {PATIENCE:g} s")
