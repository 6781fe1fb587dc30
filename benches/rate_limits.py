"""Whether rate limits hold, and what they cost.

python -m benches.rate_limits --exact [--seconds 60] [--quota 1000] [--window 10]
python -m benches.rate_limits --schedules 100 [--seed 0] [--disturbed]
python -m benches.rate_limits --price
python -m benches.rate_limits --cost [--rounds 5]

--exact      one gateway of four workers under a saturating load, in every mode
--schedules  random bursts at three gateways that share a Redis: overshoot must be 0
--price      what leases leave unused, and how often Redis is asked
--cost       processor time for each request
"""

from __future__ import annotations

import argparse
import sys

from benches.limits import cost, exact, price, schedules


def main() -> None:
    """Run what is asked for; exits with 1 where a limit did not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--exact", action="store_true")
    which.add_argument("--schedules", type=int, metavar="N", nargs="?", const=100)
    which.add_argument("--price", action="store_true")
    which.add_argument("--cost", action="store_true")
    parser.add_argument("--disturbed", action="store_true", help="Redis hangs in between")
    parser.add_argument("--seconds", type=float, default=60.0, help="of load in each mode")
    parser.add_argument("--quota", type=int, default=1000)
    parser.add_argument("--window", type=float, default=10.0, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.exact:
        held = exact.run(options.quota, options.window, options.seconds)
    elif options.schedules is not None:
        held = schedules.run(options.schedules, options.seed, disturbed=options.disturbed)
    elif options.price:
        held = price.run()
    else:
        held = cost.run(options.rounds)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
