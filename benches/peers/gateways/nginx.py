"""nginx: what everybody else is compared with."""

from __future__ import annotations

from benches.peers.gateways.base import Gateway
from benches.peers.installation import Installation
from benches.peers.job import CONNECTIONS, ROUTES, WINDOW, Job, Place

CONFIGURATION = """\
{modules}
worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections {connections}; }}
http {{
  keepalive_requests 100000000; keepalive_timeout 3600s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  # Bodies stream, as everywhere else, and none goes to the disk.
  client_max_body_size 16m; proxy_request_buffering off;
  proxy_buffers 16 64k; proxy_busy_buffers_size 256k; proxy_max_temp_file_size 0;
  upstream origin {{
    server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000;
  }}
{http}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
{server}
  }}
}}
"""
NO_LOG = "  access_log off;\n"
BARE = """\
    location / { proxy_pass http://origin; }
    location /websocket {
      proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade; proxy_pass http://origin;
    }
"""
LIMITED_ZONE = """\
  limit_req_zone $binary_remote_addr zone=addresses:10m rate={rate}r/m; limit_req_status 429;
"""
LIMITED = """\
    location / {{ limit_req zone={zone}; proxy_pass http://origin; }}
"""
ROUTE = "    location ^~ /service-{number}/ {{ proxy_pass http://origin; }}"


def zone(name: str, job: Job) -> str:
    """A limit's use of a zone: the quota at once, and then so much in a window."""
    burst = min(job.quota - 1, 1_000_000)
    return f"{name} burst={burst} nodelay" if burst else name


class Nginx(Gateway):
    """Debian's nginx, with what it can do without modules."""

    name = "nginx"
    program = "nginx"
    limit = "leaky bucket"

    def cannot(self, job: Job) -> str:
        if job.kind == "full":
            return "checks no tokens without a module"
        return super().cannot(job)

    def command(self, job: Job, place: Place, installation: Installation) -> list[str]:
        modules, http, server = self.parts(job, place, installation)
        text = CONFIGURATION.format(
            modules=modules,
            folder=place.folder,
            connections=CONNECTIONS,
            upstream=place.upstream,
            port=place.port,
            http=http,
            server=server,
        )
        file = place.write("nginx.conf", text)
        program = str(installation.program(self.program))
        return [program, "-e", "stderr", "-c", str(file), "-p", str(place.folder)]

    def parts(self, job: Job, place: Place, installation: Installation) -> tuple[str, str, str]:
        """What the job adds on top, within `http` and within `server`."""
        del place, installation
        if job.kind == "limited":
            http = LIMITED_ZONE.format(rate=job.quota * 60 // WINDOW)
            return "", http + NO_LOG, LIMITED.format(zone=zone("addresses", job))
        if job.kind == "routes":
            return "", NO_LOG, "\n".join(ROUTE.format(number=number) for number in range(ROUTES))
        return "", NO_LOG, BARE
