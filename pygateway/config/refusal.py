"""How a value is refused: a stable code, a sentence, and what would have been accepted.

Validators raise the error that `refusal` makes; the loader turns it into a
`ConfigurationProblem` at the place the value was written. A message says what is wanted and never
repeats the value: a value may be a secret, and the report shows the line it stands in anyway.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic_core import PydanticCustomError

NEAR_ENOUGH = 0.6
"""Similarity (difflib ratio) from which another spelling is proposed."""


def refusal(
    code: str,
    message: str,
    *,
    allowed: Iterable[str] = (),
    suggestion: str | None = None,
    at: tuple[str | int, ...] = (),
) -> PydanticCustomError:
    """Make the error that refuses the value being validated.

    Args:
        code: Stable name of the kind of problem.
        message: One sentence without the value itself.
        allowed: What would have been accepted, where that can be listed.
        suggestion: The nearest accepted spelling.
        at: Keys from the validated value down to the culprit, where it is inside.
    """
    context = {
        "message": message,
        "allowed": tuple(allowed),
        "suggestion": suggestion,
        "at": at,
    }
    # Code and sentence are fixed text here; braces in the sentence must not be formatted.
    return PydanticCustomError(code, "{message}", context)


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that looks most like `word`, if one looks alike at all."""
    spellings = {candidate.lower(): candidate for candidate in allowed}
    found = difflib.get_close_matches(word.lower(), spellings, n=1, cutoff=NEAR_ENOUGH)
    return spellings[found[0]] if found else None
