"""The gateway as users run it: a command, its processes, their memory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.patience import PATIENCE, wait

PROJECT = Path(__file__).parents[2]


def children(process: int) -> list[int]:
    """The processes that a process has started and not yet lost."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in text.split()]


def memory(process: int, field: str = "VmRSS") -> int:
    """Resident bytes of a process now, or at most so far with `VmHWM`."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {process} has no {field}")


class GatewayProcess:
    """`pygateway` with arguments; leaving the context ends it with TERM.

    Attributes:
        addresses: Where it listens, as it says itself.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._ready = threading.Event()
        self.log: list[str] = []
        self.addresses: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pygateway", *arguments],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        try:
            wait(self._ready, "the gateway's readiness")
            assert self.addresses, "".join(self.log)
        except BaseException:
            # It is not entered, so it would not be left either.
            self._process.kill()
            self._process.wait(PATIENCE)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError("the gateway does not end after TERM") from None
        finally:
            self._reader.join(PATIENCE)
            if self._process.stderr is not None:
                self._process.stderr.close()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "listening":
                    self.addresses = event["addresses"]
                    self._ready.set()
        self._ready.set()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the first listener."""
        host, _, port = self.addresses[0].rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def workers(self) -> list[int]:
        """The processes that serve."""
        return children(self._process.pid)

    def memory(self, field: str = "VmRSS") -> int:
        """Resident bytes of the worker that has most."""
        return max(memory(worker, field) for worker in self.workers)
