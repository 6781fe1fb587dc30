"""Caddy."""

from __future__ import annotations

from benches.peers.gateways.base import ONE_CORE, Gateway
from benches.peers.installation import Installation
from benches.peers.job import ROUTES, Job, Place

CONFIGURATION = """\
{{
  admin off
  auto_https off
  persist_config off
  log {{
    level ERROR
  }}
}}
http://:{port} {{
  bind 127.0.0.1
{routes}
}}
"""
ROUTE = """\
  handle /service-{number}/* {{
    reverse_proxy 127.0.0.1:{upstream}
  }}"""


class Caddy(Gateway):
    """Caddy on one core, without plugins."""

    name = "caddy"
    program = "caddy"
    environment = ONE_CORE

    def cannot(self, job: Job) -> str:
        if job.kind == "full":
            return "checks no tokens without a plugin"
        if job.kind == "limited":
            return "limits no rates without a plugin"
        return super().cannot(job)

    def command(self, job: Job, place: Place, installation: Installation) -> list[str]:
        routes = f"  reverse_proxy 127.0.0.1:{place.upstream}"
        if job.kind == "routes":
            routes = "\n".join(
                ROUTE.format(number=number, upstream=place.upstream) for number in range(ROUTES)
            )
        text = CONFIGURATION.format(port=place.port, routes=routes)
        file = place.write("Caddyfile", text)
        program = str(installation.program(self.program))
        return [program, "run", "--adapter", "caddyfile", "--config", str(file)]
