"""`pygateway`, and `python -m pygateway`: the command line, from its first moment on."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line; give its exit code."""
    # Until a supervisor listens for them, these would end it: a log that is rotated at this moment
    # is reason enough for one. What there is to import takes half a second.
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    from pygateway import cli  # noqa: PLC0415 - only now

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
