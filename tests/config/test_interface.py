"""The whole example of the interface, but for what later versions bring.

One thing is written otherwise: YAML wants quotes around `/users/{id}` inside of brackets.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pygateway.cli import main
from pygateway.config import check

EXAMPLE = """\
version: 1
listen: 0.0.0.0:8000
admin: 127.0.0.1:8001
workers: auto
trusted_proxies: []
redis:
  url: redis://localhost:6379/0
  timeout: 50ms
limits:
  header_bytes: 32KiB
  header_count: 100
  body_bytes: 16MiB
  target_bytes: 8KiB
  connections: 20000
timeouts:
  {header: 10s, idle: 60s, body_stall: 30s, connect: 3s, response: 15s, request: 60s, drain: 30s}
auth:
  providers:
    main:
      issuer: https://idp.example
      audiences: [api]
      algorithms: [RS256, ES256, EdDSA]
      jwks_url: https://idp.example/.well-known/jwks.json
      leeway: 30s
      claims_to_headers: {sub: X-User-ID, scope: X-User-Scopes}
  revocation: {when_stale: allow, stale_after: 30s}
rate_limits:
  per-user: {by: user, quota: 100, window: 60s, mode: leased, on_store_failure: local}
  per-ip:   {by: ip, quota: 1000, window: 60s}
upstreams:
  users:
    endpoints: [http://10.0.0.1:9000, http://10.0.0.2:9000]
    balancer: round_robin
    retry: {attempts: 2}
    pool: {max_idle: 256, idle_timeout: 60s, max_connections: 1024}
routes:
  - name: users
    match:
      hosts: [api.example]
      paths: ["/users/{id}", /users/*]
      methods: [GET, POST]
      headers: {X-Env: canary}
    upstream: users
    auth: {provider: main, scopes: [users:read]}
    rate_limits: [per-user, per-ip]
    rewrite: {strip_prefix: /users, host: preserve}
    headers: {request: {set: {}, remove: []}, response: {set: {}, remove: []}}
security_headers: default
access_log: {path: stdout, sample: 1.0}
"""


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("version", "version"),
        ("jwks_url: https://idp.example/.well-known/jwks.json", "discovery: true"),
        ("when_stale: allow", "when_stale: deny"),
        ("balancer: round_robin", "balancer: least_requests"),
        ("mode: leased", "mode: strict"),
        ("mode: leased, on_store_failure: local", "mode: local"),
        ("on_store_failure: local", "on_store_failure: open"),
        ("on_store_failure: local", "on_store_failure: closed"),
        ("http://10.0.0.2:9000]", "{url: http://10.0.0.2:9000, weight: 2}]"),
        ("redis://localhost", "rediss://localhost"),
        ("redis://localhost:6379/0", "redis+cluster://localhost:6379"),
        ("redis://localhost:6379/0", "redis+sentinel://localhost:26379/primary/0"),
        ("listen: 0.0.0.0:8000", "listeners: [{address: 0.0.0.0:8000}]"),
        ("upstream: users", "upstream: [{name: users, weight: 90}]"),
    ],
)
def test_the_example_of_the_interface_would_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str, instead: str
) -> None:
    file = tmp_path / "gateway.yaml"
    assert written in EXAMPLE
    file.write_text(EXAMPLE.replace(written, instead))
    config, problems = check(file, {})
    assert config is not None, problems
    assert not [problem for problem in problems if problem.severity == "error"]
    assert main(["check", "-c", str(file)]) == 0, capsys.readouterr()


def test_a_path_without_quotes_says_that_it_needs_them(tmp_path: Path) -> None:
    """As the interface has it, which is no YAML."""
    file = tmp_path / "gateway.yaml"
    file.write_text(EXAMPLE.replace('"/users/{id}"', "/users/{id}"))
    _, (problem,) = check(file, {})
    assert problem.code == "bad-yaml"
    assert problem.message.endswith("inside { } and [ ], text with { or } needs quotes")
