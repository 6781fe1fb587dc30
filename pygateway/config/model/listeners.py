"""Where the gateway listens."""

from __future__ import annotations

from pydantic import Field

from ..section import Section
from ..syntax.addresses import ListenAddress


class Listener(Section):
    """One address on which the gateway accepts connections."""

    address: ListenAddress = Field(
        description="`host:port`, `[IPv6 address]:port` or `unix:/path`. Port 0 takes any free one."
    )
