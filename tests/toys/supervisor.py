"""A supervisor of toy workers: `python supervisor.py FILE [once]`; `once` cannot reload."""

from __future__ import annotations

import sys
from pathlib import Path

from pygateway.cli.failure import CommandFailed
from pygateway.cli.serving import serve
from pygateway.config import Config, load
from pygateway.supervisor import Supervisor

# Only the supervisor's coverage is measured: that of workers would make them start half as fast.
UNMEASURED = ("env", "-u", "COVERAGE_PROCESS_CONFIG")
TOY_WORKER = (*UNMEASURED, sys.executable, "-P", str(Path(__file__).with_name("worker.py")))


def main() -> int:
    """Supervise until a signal ends it."""
    path = Path(sys.argv[1])

    def load_it() -> Config:
        return load(path, {})

    reload = None if "once" in sys.argv else load_it
    try:
        config = load_it()
        return serve(Supervisor(config, reload=reload, command=TOY_WORKER).run(), config.log)
    except CommandFailed as failure:
        print(failure.message, file=sys.stderr)
        return failure.code


if __name__ == "__main__":
    sys.exit(main())
