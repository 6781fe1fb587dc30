"""Holds the cyclic garbage collector while a configuration is made.

Everything that is made then lives on, so that the collector would look through a growing heap over
and over and find nothing: half of the time that ten thousand routes take.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_held() -> Iterator[None]:
    """Hold the collector inside of the block, unless it is off already."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
