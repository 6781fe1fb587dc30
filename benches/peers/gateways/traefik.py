"""Traefik."""

from __future__ import annotations

import http.client
import json

from benches.peers.gateways.base import ONE_CORE, Gateway
from benches.peers.installation import Installation
from benches.peers.job import ROUTES, WINDOW, Job, Place

READY = "/ready-for-routing"


class Traefik(Gateway):
    """Traefik on one core."""

    name = "traefik"
    program = "traefik"
    limit = "token bucket"
    environment = ONE_CORE

    def cannot(self, job: Job) -> str:
        if job.kind == "full":
            return "checks no tokens without a paid edition, a plugin or another service"
        return super().cannot(job)

    def ready(self, place: Place) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=5)
        try:
            connection.request("GET", READY)
            return connection.getresponse().status != 404
        finally:
            connection.close()

    def command(self, job: Job, place: Place, installation: Installation) -> list[str]:
        router = {"rule": "PathPrefix(`/`)", "service": "origin", "entryPoints": ["front"]}
        routers: dict[str, object] = {"all": router}
        servers = [{"url": f"http://127.0.0.1:{place.upstream}"}]
        document: dict[str, object] = {
            "services": {"origin": {"loadBalancer": {"servers": servers}}}
        }
        if job.kind == "limited":
            limit = {"average": job.quota, "period": f"{WINDOW}s", "burst": job.quota}
            document["middlewares"] = {"limit": {"rateLimit": limit}}
            routers = {"all": router | {"middlewares": ["limit"]}}
        if job.kind == "routes":
            routers = {
                f"service-{number}": router | {"rule": f"PathPrefix(`/service-{number}/`)"}
                for number in range(ROUTES)
            }
        # It listens before it routes.
        routers["ready"] = router | {"rule": f"Path(`{READY}`)"}
        # JSON is YAML too.
        document["routers"] = routers
        dynamic = place.write("dynamic.yml", json.dumps({"http": document}))
        static = {
            "entryPoints": {
                "front": {
                    "address": f"127.0.0.1:{place.port}",
                    "transport": {"respondingTimeouts": {"idleTimeout": "3600s"}},
                }
            },
            "providers": {"file": {"filename": str(dynamic), "watch": False}},
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "ERROR"},
        }
        file = place.write("traefik.yml", json.dumps(static))
        return [str(installation.program(self.program)), f"--configfile={file}"]
