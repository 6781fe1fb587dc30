"""URLs of services that the gateway itself asks: key sets, forward-auth and Redis."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

from ..refusal import nearest, refusal
from .addresses import check_socket_path
from .hosts import split_authority

MAXIMUM_URL: Final = 2048
REDIS_SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")
REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379

_EXAMPLES: Final = (
    "redis://host:6379/0",
    "rediss://host:6379/0",
    "unix:///run/redis.sock",
    "redis+sentinel://host:26379,host:26379/service",
    "redis+cluster://host:6379,host:6379",
)
# RFC 3986: what may stand in a path and a query; everything else is percent-encoded.
_TARGET = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_DATABASE = re.compile(r"\d{1,5}", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def check_http_url(url: str) -> str:
    """Return `url` if it is one that can be fetched.

    Raises:
        PydanticCustomError: it is no http or https URL, or holds a password or a fragment.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in {"http", "https"}:
        near = nearest(scheme, ("http", "https")) if separator else None
        raise refusal(
            "bad-url",
            "must be an https URL, or an http one",
            allowed=("https://host/path",),
            suggestion=near and f"{near}://{rest}",
        )
    cut = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    authority, target = rest[:cut], rest[cut:]
    if "@" in authority:
        raise refusal("bad-url", "the URL has no user and no password")
    if split_authority(authority) is None:
        raise refusal("bad-url", "the URL needs a host name or address, and a port of 1 to 65535")
    if "#" in target:
        raise refusal("bad-url", "a URL that is fetched has no fragment")
    if not _TARGET.fullmatch(target) or len(url) > MAXIMUM_URL:
        raise refusal(
            "bad-url",
            f"a URL has at most {MAXIMUM_URL} characters, others than those of RFC 3986"
            " percent-encoded",
        )
    return url


@dataclass(frozen=True, slots=True)
class RedisLocation:
    """What a Redis URL says, without user and password.

    Attributes:
        kind: One server, a server behind a unix socket, sentinels, or nodes of a cluster.
        tls: Whether TLS is spoken.
        hosts: Hosts without brackets, and ports; none for a unix socket.
        path: File of the unix socket, else None.
        database: Number of the database.
        service: Name under which the sentinels know the primary; empty otherwise.
    """

    kind: Literal["server", "socket", "sentinel", "cluster"]
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    path: str | None = None
    database: int = 0
    service: str = ""


def split_redis_url(url: str) -> tuple[str, str | None, str | None]:
    """Return the URL without user information, the user and the password.

    Raises:
        PydanticCustomError: the URL is not that of a Redis.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in REDIS_SCHEMES:
        near = nearest(scheme, REDIS_SCHEMES) if separator else None
        raise refusal(
            "bad-url",
            "must be the URL of a Redis",
            allowed=_EXAMPLES,
            # The rest is left out: it may hold a password.
            suggestion=near and f"{near}://",
        )
    information, at, place = rest.rpartition("@")
    if not at:
        return f"{scheme.lower()}://{place}", None, None
    user, _, password = information.partition(":")
    return f"{scheme.lower()}://{place}", unquote(user) or None, unquote(password) or None


def locate_redis(url: str) -> RedisLocation:
    """Take a Redis URL without user information apart.

    Raises:
        PydanticCustomError: it is not what its scheme wants.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "unix":
        return _socket(rest)
    if "?" in rest or "#" in rest:
        raise refusal("bad-url", "the URL of a Redis has no query: there are keys for options")
    authority, _, path = rest.partition("/")
    if scheme in {"redis", "rediss"}:
        hosts = _hosts(authority, REDIS_PORT, most=1)
        return RedisLocation("server", scheme == "rediss", hosts, database=_database(path))
    if scheme == "redis+cluster":
        if path:
            raise refusal("bad-url", "a Redis Cluster has one database: the URL has no path")
        return RedisLocation("cluster", False, _hosts(authority, REDIS_PORT, most=100))
    service, _, database = path.partition("/")
    if not _SERVICE.fullmatch(service):
        raise refusal(
            "bad-url",
            "the path is the name under which the sentinels know the primary",
            allowed=_EXAMPLES[3:4],
        )
    hosts = _hosts(authority, SENTINEL_PORT, most=100)
    return RedisLocation("sentinel", False, hosts, database=_database(database), service=service)


def _socket(rest: str) -> RedisLocation:
    parts = urlsplit(f"//{rest}" if not rest.startswith("/") else rest)
    database = parts.query.removeprefix("db=")
    if parts.query and not parts.query.startswith("db="):
        raise refusal("bad-url", "a unix socket's URL has `?db=NUMBER` at most")
    path = check_socket_path(unquote(parts.path) if not parts.netloc else "")
    return RedisLocation("socket", False, (), path=path, database=_database(database))


def _hosts(authority: str, port: int, *, most: int) -> tuple[tuple[str, int], ...]:
    found: list[tuple[str, int]] = []
    for part in authority.split(","):
        split = split_authority(part)
        if split is None:
            raise refusal(
                "bad-url", "the URL needs host names or addresses, and ports of 1 to 65535"
            )
        found.append((split[0].lower().strip("[]"), split[1] or port))
    if len(found) > most:
        message = "names one host" if most == 1 else f"names at most {most} hosts"
        raise refusal("bad-url", f"the URL {message}")
    return tuple(found)


def _database(text: str) -> int:
    if text and not _DATABASE.fullmatch(text):
        raise refusal("bad-url", "a database of Redis is a number")
    return int(text or 0)


HttpUrl = Annotated[str, AfterValidator(check_http_url)]
