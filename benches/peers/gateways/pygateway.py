"""PyGateway itself."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benches.peers.gateways.base import Gateway
from benches.peers.installation import Installation
from benches.peers.job import (
    AUDIENCE,
    ISSUER,
    LOG_FIELDS,
    ROUTES,
    SECURITY_HEADERS,
    WINDOW,
    Job,
    Place,
)

Document = dict[str, Any]


_HSTS = "Strict-Transport-Security"
"""By itself it says so only to clients that came by TLS, as RFC 6797 wants it."""
_SECURITY = {
    name: value for name, value in SECURITY_HEADERS.items() if name != _HSTS
} | dict.fromkeys(("Content-Security-Policy", "Permissions-Policy", "Referrer-Policy"))
"""As many as the others send."""


class PyGateway(Gateway):
    """One worker and its supervisor."""

    name = "pygateway"

    def version(self, installation: Installation) -> str:
        del installation
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,  # what was downloaded as an archive has no history
        ).stdout.strip()
        return f"{version('pygateway')} {commit}".strip()

    def cannot(self, job: Job) -> str:
        del job
        return ""

    def lacks(self, job: Job) -> tuple[str, ...]:
        # A lease may take all that is left, and nothing is left for the others then.
        return ("remaining",) if job.redis == "leased" else ()

    def command(self, job: Job, place: Place, installation: Installation) -> list[str]:
        del installation
        file = place.write("gateway.yaml", json.dumps(document(job, place)))
        return [sys.executable, "-m", "pygateway", "run", "-c", str(file)]


def document(job: Job, place: Place) -> Document:
    """The configuration; JSON is YAML too."""
    route: Document = {"name": "all", "upstream": "origin", "auth": "none"}
    whole: Document = {
        "version": 1,
        "listen": f"127.0.0.1:{place.port}",
        "workers": 1,
        "timeouts": {"idle": "1h"},
        "security_headers": "none",
        "access_log": False,
        "upstreams": {"origin": {"endpoints": [f"http://127.0.0.1:{place.upstream}"]}},
        "routes": [route],
    }
    if job.kind == "routes":
        whole["routes"] = [
            route
            | {
                "name": f"service-{number}",
                "match": {"paths": [f"/service-{number}/*"]},
            }
            for number in range(ROUTES)
        ]
    if job.kind == "limited":
        whole["rate_limits"] = {"addresses": _limit(job, "ip")}
        whole["routes"] = [route | {"rate_limits": ["addresses"]}]
    if job.kind == "full":
        whole["security_headers"] = _SECURITY
        whole["rate_limits"] = {"users": _limit(job, "user")}
        whole["auth"] = {"providers": {"main": _provider(job, place)}}
        whole["routes"] = [
            route
            | {
                "auth": {"provider": "main"},
                "rate_limits": ["users"],
                "headers": {"response": {"set": {_HSTS: SECURITY_HEADERS[_HSTS]}}},
            }
        ]
        whole["access_log"] = {"path": str(place.log), "fields": list(LOG_FIELDS)}
    if job.redis:
        whole["redis"] = {"url": place.redis}
    return whole


def _limit(job: Job, by: str) -> Document:
    mode = job.redis or "local"
    return {"by": by, "quota": job.quota, "window": f"{WINDOW}s", "mode": mode}


def _provider(job: Job, place: Place) -> Document:
    provider: Document = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "algorithms": [job.algorithm],
        "claims_to_headers": {"sub": "X-User-ID"},
    }
    if job.algorithm == "HS256":
        return provider | {"secrets": [{"value": place.keys.secret}]}
    return provider | {"jwks_file": str(place.keys.key_set(job.algorithm))}
