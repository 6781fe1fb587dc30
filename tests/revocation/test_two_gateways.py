"""Two whole gateways and one Redis."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from tests.support.patience import PATIENCE
from tests.support.redis import RedisServer
from tests.toys.program import Program, parse_address

SECRET = "0123456789abcdef" * 4

CONFIGURATION = """
version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
workers: 1
redis: {{url: "{url}"}}
auth:
  revocation: {{when_stale: deny, stale_after: 1s}}
  providers:
    main: {{secrets: [{{id: only, value: "{secret}"}}]}}
routes: [{{name: hello, respond: {{body: hello}}}}]
"""


def status(program: Program, token: str) -> int:
    connection = http.client.HTTPConnection(*program.address(), timeout=PATIENCE)
    connection.request("GET", "/", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse().status
    connection.close()
    return answer


def admin(program: Program, method: str, path: str, body: object = None) -> int:
    address = parse_address(program.event("listening")["admin"][0])
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json"})
    answer = connection.getresponse().status
    connection.close()
    return answer


def token(name: str) -> str:
    return jwt.encode({"sub": "a", "jti": name, "exp": time.time() + 600}, SECRET)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 2 * PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.yaml"


def test_what_one_revokes_the_other_refuses_whatever_redis_does(tmp_path: Path, file: Path) -> None:
    with RedisServer(tmp_path) as server:
        file.write_text(CONFIGURATION.format(url=server.url, secret=SECRET))
        with Program("run", "-c", file) as one, Program("run", "-c", file) as other:
            # A worker that has not seen Redis yet cannot vouch for anybody.
            eventually(lambda: status(one, token("a")) == status(other, token("a")) == 200)
            assert admin(one, "POST", "/revocations", {"jti": "a"}) == 200
            assert status(one, token("a")) == 401
            eventually(lambda: status(other, token("a")) == 401)
            server.kill()
            # What cannot be shared is heeded here, and said to be missing there.
            assert admin(one, "POST", "/revocations", {"jti": "b"}) == 202
            assert status(one, token("b")) == 401
            # In time, nobody can vouch for anybody any more.
            eventually(lambda: status(other, token("c")) == 503)
            eventually(lambda: admin(other, "GET", "/readyz") == 503)
            server.start()
            eventually(lambda: status(other, token("b")) == 401)
            eventually(lambda: status(other, token("c")) == 200)
            assert status(other, token("a")) == 401
            eventually(lambda: admin(other, "GET", "/readyz") == 200)
