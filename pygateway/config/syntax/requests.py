"""URLs of requests that are asked about, and not sent."""

from __future__ import annotations

from typing import NamedTuple


class RequestUrl(NamedTuple):
    """What a URL says of the request for it.

    Attributes:
        secure: Whether it would come by TLS.
        host: Its host and port; empty where only a path was given.
        target: Path and query as written. The gate alone says what they mean.
    """

    secure: bool
    host: str
    target: str


def split_request_url(url: str) -> RequestUrl:
    """Split `http://host/path?query`, or a path alone.

    Raises:
        ValueError: It is neither.
    """
    if url.startswith(("/", "*")):
        return RequestUrl(secure=False, host="", target=url)
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("neither a URL nor a path")
    if scheme.lower() not in {"http", "https"}:
        raise ValueError("not a URL of http or https")
    end = next((at for at, character in enumerate(rest) if character in "/?#"), len(rest))
    host, target = rest[:end], rest[end:]
    if not host:
        raise ValueError("not a URL of http or https, which has a host")
    target = target if target.startswith("/") else f"/{target}"
    return RequestUrl(secure=scheme.lower() == "https", host=host, target=target)
