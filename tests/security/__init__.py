"""Attacks on authentication, over real sockets where they fit there, and at the door elsewhere."""

import pytest

# Asserted in there, and to be explained where it fails here.
pytest.register_assert_rewrite("tests.security.fortress", "tests.security.door")
