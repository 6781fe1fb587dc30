"""nginx with Lua: how gateways are often built on it."""

from __future__ import annotations

from pathlib import Path

from benches.peers.gateways.nginx import Nginx
from benches.peers.installation import Installation
from benches.peers.job import AUDIENCE, ISSUER, SECURITY_HEADERS, WINDOW, Job, Place

LOG = """\
  log_format line escape=json '{"timestamp":"$time_iso8601","request_id":"$request_id",'
    '"client":"$remote_addr","method":"$request_method","path":"$uri","status":$status,'
    '"duration_ms":$request_time,"upstream":"$upstream_addr","upstream_ms":"$upstream_response_time",'
    '"user":"USER","bytes_in":$request_length,"bytes_out":$bytes_sent}';
  access_log FILE line buffer=64k flush=1s;
"""
HTTP = """\
{paths}
  lua_shared_dict limits 20m; lua_shared_dict metrics 1m;
  init_by_lua_block {{
    gate = require("nginx_lua").new{{
      algorithm = "{algorithm}", key = [[{key}]], issuer = "{issuer}", audience = "{audience}",
      quota = {quota}, window = {window},
    }}
  }}
"""
SERVER = """\
    set $user "";
    proxy_set_header X-Request-ID $request_id; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-User-ID $user;
{headers}
    add_header X-Request-ID $request_id always;
    location / {{
      access_by_lua_block {{ gate:enter() }}
      header_filter_by_lua_block {{ gate:answer() }}
      log_by_lua_block {{ gate:count() }}
      proxy_pass http://origin;
    }}
"""


def lua_modules(installation: Installation) -> str:
    """The lines that load the module; above everything else."""
    modules = installation.folder / "debian" / "root" / "usr" / "lib" / "nginx" / "modules"
    names = ("ndk_http_module", "ngx_http_lua_module")
    return "\n".join(f"load_module {modules / name}.so;" for name in names)


def lua_paths(installation: Installation) -> str:
    """Where Lua finds its modules; within `http`."""
    root = installation.folder / "debian" / "root" / "usr"
    native = next(each for each in installation.libraries() if each.parent.parent == root)
    written = f"{Path(__file__).parent}/?.lua;{root / 'share' / 'lua' / '5.1'}/?.lua;;"
    return (
        f'  lua_package_path "{written}";\n  lua_package_cpath "{native / "lua" / "5.1"}/?.so;;";'
    )


def log_format(place: Place, user: str) -> str:
    """The access log of any nginx: one JSON object a line."""
    return LOG.replace("USER", user).replace("FILE", str(place.log))


def header_lines() -> str:
    """The security headers as nginx is told them."""
    return "\n".join(
        f'    add_header {name} "{value}" always;' for name, value in SECURITY_HEADERS.items()
    )


class NginxLua(Nginx):
    """Debian's nginx and its Lua module; signatures by OpenSSL, known tokens in a table."""

    name = "nginx-lua"

    def cannot(self, job: Job) -> str:
        if job.redis:
            return "Debian has no client of Redis for nginx's Lua"
        if job.kind != "full":
            return "as nginx"
        return ""

    def parts(self, job: Job, place: Place, installation: Installation) -> tuple[str, str, str]:
        key = place.keys.secret
        if job.algorithm != "HS256":
            key = place.keys.files[job.algorithm].read_text()
        http = HTTP.format(
            paths=lua_paths(installation),
            algorithm=job.algorithm,
            key=key,
            issuer=ISSUER,
            audience=AUDIENCE,
            quota=job.quota,
            window=WINDOW,
        )
        return (
            lua_modules(installation),
            http + log_format(place, "$user"),
            SERVER.format(headers=header_lines()),
        )
