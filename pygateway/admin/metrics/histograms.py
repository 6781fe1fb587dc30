"""Writes histograms.

With thousands of series these are a hundred thousand lines, for which prometheus-client needs most
of a second: an object, a sorting and several substitutions each. What is read from these lines is
the same as what is read from the library's.
"""

from __future__ import annotations

from itertools import accumulate

from pygateway.admin.measurements import Distribution, Histogram
from pygateway.admin.metrics.collector import bucket_names


def write_histogram(histogram: Histogram, *, exemplars: bool) -> str:
    """Write a histogram, with exemplars where the form has them."""
    name = histogram.metric.name
    ends = [f'le="{bucket}"}} ' for bucket in bucket_names(histogram)]
    lines = [f"# HELP {name} {histogram.metric.help}\n# TYPE {name} histogram\n"]
    for each in histogram.distributions:
        pairs = zip(histogram.metric.labels, each.labels, strict=True)
        labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in pairs)
        start = f"{name}_bucket{{{labels}," if labels else f"{name}_bucket{{"
        counts = list(accumulate(each.buckets))
        if exemplars and each.exemplars:
            notes = _notes(each)
            lines += [
                f"{start}{end}{count}{notes.get(index, '')}\n"
                for index, (end, count) in enumerate(zip(ends, counts, strict=True))
            ]
        else:
            lines += [f"{start}{end}{count}\n" for end, count in zip(ends, counts, strict=True)]
        braced = f"{{{labels}}}" if labels else ""
        lines.append(f"{name}_count{braced} {counts[-1]}\n{name}_sum{braced} {each.sum}\n")
    return "".join(lines)


def _notes(distribution: Distribution) -> dict[int, str]:
    """Give the exemplars by the bucket that they are of."""
    return {
        bucket: f' # {{trace_id="{_escaped(trace_id)}"}} {value} {at}'
        for bucket, trace_id, value, at in distribution.exemplars
    }


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
