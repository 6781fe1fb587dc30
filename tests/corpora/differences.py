"""Where the gateway's verdict differs from a corpus' own, on purpose.

This is the only list: the tests hold every case to its corpus unless it stands here, and hold
the ones that stand here to the verdict given. `docs/threat-model.md` shows the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["accepted", "refused", "mixed"]


@dataclass(frozen=True)
class Difference:
    """Cases of one kind.

    Attributes:
        verdict: What the gateway does instead; `mixed` accepts the first message and refuses
            or ignores what follows.
        reason: Why that is right for a gateway.
        cases: Names of the cases.
    """

    verdict: Verdict
    reason: str
    cases: tuple[str, ...]


DIFFERENCES: tuple[Difference, ...] = ()

BY_CASE: dict[str, Difference] = {
    case: difference for difference in DIFFERENCES for case in difference.cases
}


def expected(case: str, corpus: Verdict) -> Verdict:
    """The verdict that a case must get, from its corpus or from the table."""
    difference = BY_CASE.get(case)
    if difference is None:
        return corpus
    assert difference.verdict != corpus, f"{case} is listed as a difference and is none"
    return difference.verdict


def render() -> str:
    """The table as Markdown."""
    lines = ["| Corpus says | The gateway | Why | Cases |", "|---|---|---|---|"]
    for difference in DIFFERENCES:
        corpus = "refuse" if difference.verdict == "accepted" else "accept"
        cases = ", ".join(f"`{case}`" for case in difference.cases)
        lines.append(f"| {corpus} | {difference.verdict} | {difference.reason} | {cases} |")
    return "\n".join(lines) + "\n"
