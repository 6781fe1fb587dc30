"""A real Prometheus server, and its tool, where they are installed."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.support.patience import PATIENCE, wait


def require(program: str) -> str:
    """The program's path; the test is skipped where there is none."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def promtool(*arguments: str | Path, given: str | None = None) -> str:
    """Let promtool look at something; what it says when it has nothing to complain of."""
    done = subprocess.run(
        [require("promtool"), *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


_CONFIGURATION = """
global: {{scrape_interval: {interval}, scrape_timeout: {interval}, evaluation_interval: {interval}}}
rule_files: {rules}
storage: {{exemplars: {{max_exemplars: 1000}}}}
scrape_configs:
  - job_name: pygateway
    {authorization}
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    """Scrapes one target; leaving the context ends it.

    Args:
        directory: Where it keeps what it has seen.
        target: Host and port.
        interval: Between two scrapes, as its configuration has it.
        token: What it has to send.
        rules: Files of rules.
    """

    def __init__(
        self,
        directory: Path,
        target: tuple[str, int],
        interval: str = "200ms",
        token: str | None = None,
        rules: list[Path] | None = None,
    ) -> None:
        program = require("prometheus")
        file = directory / "prometheus.yml"
        authorization = f"authorization: {{credentials: {token}}}" if token else ""
        file.write_text(
            _CONFIGURATION.format(
                interval=interval,
                target=f"{target[0]}:{target[1]}",
                authorization=authorization,
                rules=json.dumps([str(each) for each in rules or []]),
            )
        )
        self._ready = threading.Event()
        self._port = 0
        self._log: list[str] = []
        self._process = subprocess.Popen(
            [
                program,
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                "--web.listen-address=127.0.0.1:0",
                "--enable-feature=exemplar-storage",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line)
            if found := re.search(r'"Listening on" address=\S+:(\d+)', line):
                self._port = int(found[1])
                self._ready.set()
        self._ready.set()

    def __enter__(self) -> Self:
        wait(self._ready, "the start of Prometheus")
        assert self._port, "".join(self._log)
        self.await_value("min(up)", 1.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def ask(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - as JSON has it
        """Ask its HTTP API; what it calls data."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
            reply = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert reply["status"] == "success", (parameters, reply)
        return reply["data"]

    def query(self, expression: str, at: float | None = None) -> dict[tuple[str, ...], float]:
        """Evaluate an expression: values by those of the labels, in the labels' order.

        Args:
            expression: In PromQL.
            at: Unix seconds, if not now.
        """
        moment = {} if at is None else {"time": str(at)}
        result = self.ask("query", query=expression, **moment)["result"]
        return {
            tuple(value for _, value in sorted(each["metric"].items())): float(each["value"][1])
            for each in result
        }

    def value(self, expression: str, at: float | None = None) -> float | None:
        """Evaluate an expression that has one value; None if it has none."""
        values = list(self.query(expression, at).values())
        assert len(values) <= 1, values
        return values[0] if values else None

    def await_value(self, expression: str, expected: float) -> None:
        """Wait until an expression has a value."""
        deadline = time.monotonic() + PATIENCE
        while True:
            # Prometheus answers 503 until it has read what it had stored.
            try:
                value = self.value(expression)
            except (AssertionError, json.JSONDecodeError):
                value = None
            if value == expected:
                return
            assert time.monotonic() < deadline, (expression, value, "".join(self._log[-5:]))
            threading.Event().wait(0.05)
