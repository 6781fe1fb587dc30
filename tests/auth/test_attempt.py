from __future__ import annotations

import errno

import pytest
from aiohttp import ClientConnectorError, ClientOSError, ServerDisconnectedError
from aiohttp.client_reqrep import ConnectionKey

from pygateway.auth.attempt import Attempt

KEY = ConnectionKey("service.test", 80, False, True, None, None, None)


def no_connection(number: int) -> ClientConnectorError:
    return ClientConnectorError(KEY, OSError(number, "no connection"))


REFUSED = no_connection(errno.ECONNREFUSED)


@pytest.mark.parametrize(
    ("connections", "heard", "error", "doubtful"),
    [
        (0, False, REFUSED, False),
        (0, False, no_connection(errno.EHOSTUNREACH), False),
        (0, False, no_connection(errno.EMFILE), True),
        (1, False, REFUSED, True),
        (0, False, TimeoutError(), False),
        (1, False, TimeoutError(), False),
        (1, True, TimeoutError(), True),
        (2, False, TimeoutError(), True),
        (1, False, ServerDisconnectedError(), True),
        (1, False, ClientOSError(errno.ECONNRESET, "reset"), True),
        (1, True, ValueError(), True),
    ],
)
def test_a_failure_in_which_the_client_may_have_had_a_hand_is_doubtful(
    connections: int, heard: bool, error: Exception, doubtful: bool
) -> None:
    attempt = Attempt()
    attempt.connections, attempt.heard = connections, heard
    assert attempt.is_doubtful(error) == doubtful
