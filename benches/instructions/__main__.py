"""Count instructions of one request, of each kind.

    .venv/bin/python -m benches.instructions [--kind known-token ...] [--callgrind FOLDER]

Each kind runs under callgrind, which counts nothing until the gateway is built and warm: to start
takes an amount that varies. Sockets are left out: both Protocols, the proxy and the door work in
memory, so that what is counted is the gateway's own. Needs valgrind.

--callgrind  keep callgrind's files there, for callgrind_annotate
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from benches.instructions.kinds import KINDS

REQUESTS = 4_000
DEADLINE = 120.0
"""Seconds for one kind; it takes about ten."""

COLLECTED = re.compile(r"Collected : (\d+)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--callgrind", type=Path)
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed")
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kind or KINDS:
            spent = count(kind, REQUESTS, options.callgrind or Path(folder))
            print(f"{kind:24} {spent / REQUESTS:10,.0f}", flush=True)


def count(kind: str, requests: int, folder: Path) -> int:
    """Instructions that so many requests take."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        f"--callgrind-out-file={folder}/callgrind.{kind}",
        sys.executable,
        "-m",
        "benches.instructions.kinds",
        kind,
        str(requests),
    ]
    # The same hashes each time, so that dictionaries have the same shape.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    deadline = threading.Timer(DEADLINE, child.kill)
    deadline.start()
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        for switch in ("on", "off"):
            # It says that it is ready, and later that it is done.
            if child.stdout.readline().strip():
                control = ["callgrind_control", f"--instr={switch}", str(child.pid)]
                subprocess.run(control, check=True, capture_output=True, timeout=30)
            child.stdin.write("\n")
            child.stdin.flush()
        _, said = child.communicate()
    except BrokenPipeError:
        _, said = child.communicate()
    finally:
        deadline.cancel()
        child.kill()
        child.wait()
    found = COLLECTED.search(said)
    if child.returncode or found is None:
        sys.exit(f"{kind}: {said[-2000:]}")
    return int(found[1])


if __name__ == "__main__":
    main()
