"""Guards on what clients and upstreams send."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..section import Section
from ..units import SizeRange

BodySize = Annotated[int, SizeRange("1B", "1TiB", zero_means_unlimited=True)]


class Limits(Section):
    """Guards with which one client cannot exhaust the gateway or confuse an upstream."""

    header_bytes: Annotated[int, SizeRange("1KiB", "1MiB")] = Field(
        default=32 * 1024,
        description="Bytes of all header lines of one message together; more is answered with 431."
        " 32KiB is what large cookies and tokens need (nginx allows 4 x 8k, Node.js 16KiB). Under"
        " 1KiB browsers fail; over 1MiB, slow heads of many connections would fill the memory.",
    )
    header_count: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Header lines of one message; more is answered with 431. 100 is Apache's and"
        " h11's limit. With more than 10000, reading them"
        " would cost more than all the rest of a request.",
    )
    body_bytes: BodySize = Field(
        default=16 * 1024**2,
        description="Bytes of a request's body, after chunked framing is taken off; more is"
        " answered with 413. 0 is no limit. Bodies are streamed and take no memory here: the limit"
        " protects upstreams (nginx: 1m, Envoy buffers: 1MiB).",
    )
    target_bytes: Annotated[int, SizeRange("64B", "64KiB")] = Field(
        default=8 * 1024,
        description="Bytes of the request target; more is answered with 414. RFC 9112 section 3"
        " recommends to support at least 8000. Common servers refuse targets over 64KiB.",
    )
    connections: int = Field(
        default=20_000,
        ge=1,
        le=1_000_000,
        description="Client connections that one worker has open at a time; when all are taken,"
        " new ones are refused. A connection costs descriptors and some KiB, so the process limit"
        " (`ulimit -n`) has to be above twice this number.",
    )
    minimum_rate: Annotated[int, SizeRange("0B", "1GiB")] = Field(
        default=1024,
        description="Bytes a second that the bodies of an exchange have to move at to outlive"
        " `timeouts.request`; 0 lets none outlive it. A long transfer of an honest client is far"
        " faster than 1KiB a second, a drip that only means to hold a connection is slower.",
    )
    rate_limit_keys: int = Field(
        default=1_048_576,
        ge=1024,
        le=16_777_216,
        description="Keys that `rate_limits` can count apart at a time on this machine, rounded up"
        " to a power of two; 16 bytes each and 8 for leases, shared by all workers. A key that is"
        " counted in Redis takes two places. Keys without a place of their own share one window"
        " per policy. A change takes effect at the next start, not at a reload.",
    )
    metric_series: int = Field(
        default=4096,
        ge=64,
        le=65_536,
        description="Combinations of route, method and status, and of upstream and status, that"
        " metrics tell apart on this machine. What finds no place is counted as method `_OTHER` of"
        " route `_other`, with its status. 4096 are a hundred routes with forty combinations each;"
        " one takes about 3KiB of a scrape, and as much memory in all workers together. They"
        " are kept until the end, so reloads that rename routes use them up. A change takes effect"
        " at the next start, not at a reload.",
    )


class RouteLimits(Section):
    """Limits of one route."""

    body_bytes: BodySize | None = Field(
        default=None,
        description="Bytes of a request's body on this route, instead of `limits.body_bytes`; 0 is"
        " no limit. For routes that take uploads.",
    )
