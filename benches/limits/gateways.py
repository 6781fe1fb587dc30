"""Several gateways, each with one worker and a table of its own, as on so many machines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.limits.fleet import Document, Fleet, eventually, write
from tests.toys.program import Program


@contextlib.contextmanager
def several(document: Document, count: int, directory: Path) -> Iterator[list[tuple[str, int]]]:
    """Run so many gateways until they know of each other; gives their addresses."""
    file = write(directory / "gateway.yaml", document | {"workers": 1, "access_log": False})
    with contextlib.ExitStack() as stack:
        # One after the other, since many at once take longer to start than anybody waits.
        fleets = [Fleet(stack.enter_context(Program("run", "-c", file))) for _ in range(count)]
        await_all(fleets)
        yield [fleet.address for fleet in fleets]


def await_all(fleets: list[Fleet]) -> None:
    """Return when every worker knows of every gateway."""

    def known() -> bool:
        stores = [store for fleet in fleets for store in fleet.stores()]
        return all(store["up"] and store["gateways"] == len(fleets) for store in stores)

    eventually(known, "meeting of the gateways", patience=60.0)
