"""One turn of one gateway, and rounds of turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from benches.peers.checks import LOG_PATIENCE
from benches.peers.contest import Contestant, Field, Site
from benches.peers.figures import Turn, order
from benches.peers.load import Sent, Wrong, saturate, timed, write_requests
from benches.peers.running import processor
from benches.peers.scenarios import Scenario

USERS = 1_000
ADMITTED = 3
"""Answers of a flood that may be good ones: what the limit lets in meanwhile."""

Result = TypeVar("Result")


def rounds(
    field: Field, number: int, turn: Callable[[Contestant, int], Result]
) -> dict[str, list[Result]]:
    """Let everybody have `number` turns, A B B A ...; who gives wrong answers is left out."""
    results: dict[str, list[Result]] = {each.name: [] for each in field.contestants}
    for current in range(number):
        by_name = {each.name: each for each in field.contestants}
        for name in order(list(by_name), current):
            try:
                results[name].append(turn(by_name[name], current))
            except (Wrong, OSError) as reason:
                field.leave_out(name, f"not measured: {reason}")
                del results[name]
    return results


class Lines:
    """Counts the lines that gateways log, from where their logs end now."""

    def __init__(self, field: Field) -> None:
        self._ends = {
            each.name: (each.log, each.log.stat().st_size)
            for each in field.contestants
            if each.log is not None and "log" not in each.lacks
        }

    def shares(self, answered: Mapping[str, int]) -> dict[str, float]:
        """How many lines there are for each request; waits a while for those that come later."""
        shares = dict.fromkeys(self._ends, 0.0)
        deadline = time.monotonic() + LOG_PATIENCE
        while True:
            for name, share in shares.items():
                if share < 1 and name in answered:
                    log, start = self._ends[name]
                    with log.open("rb") as lines:
                        lines.seek(start)
                        shares[name] = sum(1 for _ in lines) / answered[name]
            if min(shares.values(), default=1.0) >= 1 or time.monotonic() > deadline:
                return {name: share for name, share in shares.items() if name in answered}
            time.sleep(0.2)


class Turns:
    """The turns of a scenario.

    Args:
        number: How many there will be of each gateway, the one for warmth not counted.
        new_tokens: How many tokens are new in each.
    """

    def __init__(
        self, scenario: Scenario, site: Site, seconds: int, number: int, new_tokens: int
    ) -> None:
        self._scenario, self._site, self._seconds = scenario, site, seconds
        self.files = self._write(number, new_tokens)

    def __call__(self, contestant: Contestant, number: int) -> Turn:
        """Have a turn.

        Raises:
            Wrong: The answers were wrong.
        """
        file = self.files[number % len(self.files)]
        before = processor(contestant.pid)
        sent = self._load(contestant, file, self._seconds)
        total, user = processor(contestant.pid).since(before)
        self._judge(contestant, sent)
        return Turn(sent.requests, sent.seconds, total, user, sent.octets)

    def warm(self, contestant: Contestant, number: int) -> Sent:
        """A short turn that is not counted."""
        del number
        return self._load(contestant, self.files[-1], 1)

    def _load(self, contestant: Contestant, file: Path, seconds: int) -> Sent:
        site = self._site
        if self._scenario.load == "websocket":
            return _messages(contestant.port, seconds, site.load_core)
        if self._scenario.load == "first seen":
            options = ("--requests", str(file), "--once")
            found = timed(contestant.port, 60, site.load_core, *options)
            return Sent(int(found["answered"]), found["seconds"], 0, 0)
        return saturate(site.installation, contestant.port, file, seconds, site.load_core)

    def _judge(self, contestant: Contestant, sent: Sent) -> None:
        good = sent.requests - sent.refused
        if self._scenario.refused and not contestant.bare:
            if good > ADMITTED:
                raise Wrong(f"{good} of {sent.requests} requests were not refused")
        elif sent.refused:
            raise Wrong(f"{sent.refused} of {sent.requests} requests were refused")
        elif sent.octets and sent.octets < sent.requests * self._body():
            raise Wrong("bodies were cut")

    def _body(self) -> int:
        downloads = self._scenario.requests[0].method == "GET"
        return self._scenario.payload if downloads else 0

    def _write(self, number: int, new_tokens: int) -> list[Path]:
        """Files of requests: the same in each turn, or one for each turn and one for warmth."""
        folder, keys = self._site.folder, self._site.keys
        algorithm = self._scenario.job.algorithm
        requests = self._scenario.requests

        def written(name: str, tokens: Sequence[str]) -> Path:
            encoded = [each.encode(token) for token in tokens for each in requests]
            return write_requests(folder / f"{self._scenario.name}-{name}", encoded)

        def tokens(first: int, count: int) -> list[str]:
            return [keys.token(algorithm, f"user-{each}") for each in range(first, first + count)]

        match self._scenario.tokens:
            case "none":
                return [written("requests", [""])]
            case "known":
                return [written("requests", tokens(0, USERS))]
            case "forged":
                return [written("requests", [keys.forged(algorithm, "user-0")])]
            case "new":
                return [
                    written(f"requests-{turn}", tokens(turn * new_tokens, new_tokens))
                    for turn in range(number + 1)
                ]


def _messages(port: int, seconds: int, core: int) -> Sent:
    command = [sys.executable, "-m", "benches.peers.websocket", "load", str(port)]
    done = subprocess.run(
        [*command, "--seconds", str(seconds)],
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    if done.returncode:
        raise Wrong((done.stderr.strip().splitlines() or ["the load ended"])[-1])
    found = json.loads(done.stdout)
    if found["failed"]:
        raise Wrong(f"{found['failed']} connections or messages failed")
    return Sent(found["answered"], seconds, 0, 0)
