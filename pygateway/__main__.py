"""`python -m pygateway` is `pygateway`."""

import sys

from pygateway.cli import main

sys.exit(main())
