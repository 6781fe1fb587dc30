"""nginx as an upstream, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.patience import PATIENCE
from tests.support.upstream import listening


def require() -> str:
    """The program's path; the test is skipped where there is none."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    return program


_CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    sendfile on;
    server {{
        listen 127.0.0.1:{port};
        root {directory}/files;
        client_max_body_size 0;
        keepalive_timeout 60s;
        location / {{ }}
        location /upload/ {{
            root {directory}/files;
            create_full_put_path on;
            dav_methods PUT;
        }}
        location /moved {{ return 301 /elsewhere; }}
        location /status {{ return 200 "$request_method $http_host $http_x_forwarded_for"; }}
    }}
}}
"""


class Nginx:
    """Serves `files`, takes uploads below `/upload/`; leaving the context ends it.

    It inherits a socket that listens already, as in an upgrade of the program, so that there is
    neither a port to be guessed nor a start to be waited for.
    """

    def __init__(self, directory: Path) -> None:
        program = require()
        self.files = directory / "files"
        self.files.mkdir()
        self._listener = listening()
        self.port = int(self._listener.getsockname()[1])
        file = directory / "nginx.conf"
        # Workers of a master that is root would become somebody who may not read the files.
        user = "user root;" if os.geteuid() == 0 else ""
        file.write_text(_CONFIGURATION.format(directory=directory, port=self.port, user=user))
        descriptor = self._listener.fileno()
        self._process = subprocess.Popen(
            [program, "-p", str(directory), "-c", str(file), "-e", str(directory / "error.log")],
            env={"NGINX": f"{descriptor};"},
            pass_fds=[descriptor],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._listener.close()
        shutil.rmtree(self.files)  # pytest keeps the folders of some runs, and these are large

    @property
    def url(self) -> str:
        """What a configuration calls it."""
        return f"http://127.0.0.1:{self.port}"
