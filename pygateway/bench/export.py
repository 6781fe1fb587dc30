"""The histogram of all latencies as a table, to be drawn or added up elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygateway.bench.histogram import Histogram


def as_csv(histogram: Histogram) -> str:
    """Render the buckets that hold something, upwards.

    `seconds_up_to` is the bucket's upper end, `share` of all the values that are not above it.
    """
    lines = ["seconds_from,seconds_up_to,count,share"]
    seen = 0
    for bucket in histogram.buckets():
        seen += bucket.values
        share = seen / histogram.count
        lowest, highest = bucket.lowest / 1e9, bucket.highest / 1e9
        lines.append(f"{lowest:.9f},{highest:.9f},{bucket.values},{share:.9f}")
    return "\n".join(lines) + "\n"
