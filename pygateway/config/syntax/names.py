"""Names that the configuration gives, and words that stand for themselves."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from ..refusal import nearest, refusal
from .hosts import split_authority

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def _check_name(name: str) -> str:
    # Names become labels of metrics and fields of logs, so they are short and plain.
    if not _NAME.fullmatch(name):
        raise refusal(
            "bad-name",
            "a name has 1 to 64 letters, digits, dots, hyphens and underscores, a letter or digit"
            " first",
        )
    return name


def _check_rewrite_host(host: str) -> str:
    if host in {"preserve", "upstream"}:
        return host
    # Without a dot or port it is more likely a misspelt word than a host.
    near = nearest(host, ("preserve", "upstream"))
    if near is not None or split_authority(host) is None:
        raise refusal(
            "bad-host",
            "must be `preserve`, `upstream` or a host of its own, with or without a port",
            allowed=("preserve", "upstream", "host[:port]"),
            suggestion=near,
        )
    return host


Name = Annotated[str, AfterValidator(_check_name)]
RewriteHost = Annotated[str, AfterValidator(_check_rewrite_host)]
