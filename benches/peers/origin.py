"""The upstream of what is measured: an nginx with bodies of every size, and a tunnel."""

from __future__ import annotations

import contextlib
import re
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benches.harness import free_port
from benches.peers.gateways.nginx_lua import lua_modules, lua_paths
from benches.peers.installation import Installation
from benches.peers.running import running

CONFIGURATION = """\
{modules}
worker_processes 1; daemon off; master_process off; pid {folder}/origin.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 16384; }}
http {{
{paths}
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600s; sendfile on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 16m; client_body_buffer_size 2m; default_type application/json;
  open_file_cache max=100; open_file_cache_valid 1h;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 '{body}'; }}
    location /empty/ {{ return 200; }}
    location /files/ {{ root {folder}; }}
    # The whole body is read before the answer.
    location /uploads/ {{ content_by_lua_block {{ ngx.req.read_body() ngx.print([[{body}]]) }} }}
    location /websocket/ {{
      proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade; proxy_pass http://127.0.0.1:{websocket};
      proxy_read_timeout 1h;
    }}
    location = /counters {{ stub_status; }}
  }}
}}
"""
BODY = '{"items": [' + ", ".join(["123456789"] * 90) + "]}"
BODY += " " * (1024 - len(BODY))
FILES = {10 << 10: "10k", 100 << 10: "100k", 1 << 20: "1m"}


@dataclass(frozen=True)
class Origin:
    """The upstream that runs."""

    port: int

    def requests(self) -> int:
        """Requests that it has had; those that ask for it count, too."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counters") as answer:
            numbers = re.findall(rb"^ (\d+) (\d+) (\d+)", answer.read(), re.MULTILINE)
        return int(numbers[0][2])


@contextlib.contextmanager
def running_origin(folder: Path, core: int, installation: Installation) -> Iterator[Origin]:
    """Run it on `core`."""
    files = folder / "files"
    files.mkdir(parents=True)
    for size, name in FILES.items():
        (files / name).write_bytes(b"x" * size)
    folder.chmod(0o755)  # its worker may be another user
    port, websocket = free_port(), free_port()
    text = CONFIGURATION.format(
        modules=lua_modules(installation),
        folder=folder,
        paths=lua_paths(installation),
        port=port,
        body=BODY,
        websocket=websocket,
    )
    file = folder / "origin.conf"
    file.write_text(text)
    program = str(installation.program("nginx"))
    echo = [sys.executable, "-m", "benches.peers.websocket", "serve", str(websocket)]
    command = [program, "-e", "stderr", "-c", str(file), "-p", str(folder)]
    tunnel = folder / "websocket"
    tunnel.mkdir()
    with (
        running(echo, core, websocket, tunnel),
        running(command, core, port, folder, installation.environment()),
    ):
        yield Origin(port)
