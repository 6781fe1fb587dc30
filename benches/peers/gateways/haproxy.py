"""HAProxy, of a wheel and of Debian."""

from __future__ import annotations

from benches.peers.gateways.base import Gateway
from benches.peers.installation import Installation
from benches.peers.job import (
    AUDIENCE,
    CONNECTIONS,
    ISSUER,
    ROUTES,
    SECURITY_HEADERS,
    WINDOW,
    Job,
    Place,
)

CONFIGURATION = """\
global
  nbthread 1
  maxconn {connections}
  no strict-limits
{logged}
defaults
  mode http
  timeout client 1h
  timeout server 1h
  timeout connect 5s
  timeout tunnel 1h
  http-reuse always
frontend front
  bind 127.0.0.1:{port}
  option forwardfor
{front}
backend origin
  server origin 127.0.0.1:{upstream}
"""
TABLE = """\
backend limits
  stick-table type {key} size 100k expire {expire}s store http_req_rate({window}s)
"""
LIMITED = """\
  http-request track-sc0 src table limits
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {quota} }}
  default_backend origin
"""
FULL = """\
  log global
  option dontlognull
  log-format '{line}'
  unique-id-format %[uuid()]
  unique-id-header X-Request-ID
  http-request set-var(txn.method) method
  http-request set-var(txn.path) path
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.algorithm) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.user) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.issuer) var(txn.token),jwt_payload_query('$.iss')
  http-request set-var(txn.audience) var(txn.token),jwt_payload_query('$.aud')
  http-request set-var(txn.end) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 hdr WWW-Authenticate Bearer unless {{ var(txn.algorithm) -m str {algorithm} }}
  http-request deny deny_status 401 hdr WWW-Authenticate Bearer unless {{ var(txn.issuer) -m str {issuer} }}
  http-request deny deny_status 401 hdr WWW-Authenticate Bearer unless {{ var(txn.audience) -m str {audience} }}
  http-request deny deny_status 401 hdr WWW-Authenticate Bearer if {{ var(txn.end),sub(txn.now) -m int le 0 }}
  http-request deny deny_status 401 hdr WWW-Authenticate Bearer unless {{ var(txn.token),jwt_verify(txn.algorithm,"{key}") 1 }}
  http-request track-sc0 var(txn.user) table limits
  http-request set-var(txn.used) sc_http_req_rate(0)
  http-request deny deny_status 429 hdr Retry-After {window} if {{ var(txn.used) -m int gt {quota} }}
  http-request set-header X-User-ID %[var(txn.user)]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-response set-header X-Request-ID %[unique-id]
  http-response set-header X-RateLimit-Limit {quota}
  http-response set-header X-RateLimit-Remaining %[int({quota}),sub(txn.used)]
{headers}
  default_backend origin
"""  # noqa: E501 - a rule is a line there
LINE = (
    '{"timestamp":"%[date,ltime(%Y-%m-%dT%H:%M:%S)]","request_id":"%ID","client":"%ci",'
    '"method":"%[var(txn.method)]","path":"%[var(txn.path),json(utf8s)]","status":%ST,'
    '"duration_ms":%Ta,"upstream":"%s","upstream_ms":%Tr,"user":"%[var(txn.user),json(utf8s)]",'
    '"bytes_in":%U,"bytes_out":%B}'
)


class HAProxy(Gateway):
    """HAProxy of a wheel; it verifies every signature."""

    name = "haproxy"
    program = "haproxy"

    def command(self, job: Job, place: Place, installation: Installation) -> list[str]:
        front, table = "  default_backend origin\n", ""
        if job.kind == "limited":
            front = LIMITED.format(quota=job.quota)
            table = TABLE.format(key="ip", expire=2 * WINDOW, window=WINDOW)
        elif job.kind == "full":
            front = self._full(job, place)
            table = TABLE.format(key="string len 64", expire=2 * WINDOW, window=WINDOW)
        elif job.kind == "routes":
            lines = "\n".join(f"/service-{number}/ origin" for number in range(ROUTES))
            routes = place.write("routes.map", lines + "\n")
            front = f"  use_backend %[path,map_beg({routes})]\n"
        text = CONFIGURATION.format(
            connections=CONNECTIONS,
            # A file that is no terminal: each line is one write.
            logged="  log stdout format raw local0" if job.kind == "full" else "",
            port=place.port,
            front=front,
            upstream=place.upstream,
        )
        file = place.write("haproxy.cfg", text + table)
        return [str(installation.program(self.program)), "-db", "-f", str(file)]

    @staticmethod
    def _full(job: Job, place: Place) -> str:
        headers = "\n".join(
            f'  http-response set-header {name} "{value}"'
            for name, value in SECURITY_HEADERS.items()
        )
        secret = job.algorithm == "HS256"
        return FULL.format(
            line=LINE,
            algorithm=job.algorithm,
            issuer=ISSUER,
            audience=AUDIENCE,
            key=place.keys.secret if secret else place.keys.files[job.algorithm],
            window=WINDOW,
            quota=job.quota,
            headers=headers,
        )


class HAProxyDebian(HAProxy):
    """The same of Debian, which is older and was built otherwise."""

    name = "haproxy-debian"
    program = "haproxy-debian"
