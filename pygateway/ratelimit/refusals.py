"""What Redis means by its errors.

An error begins with one word, but for errors of commands inside of scripts: those of Redis 6 begin
with `ERR` and name the word somewhere in the text.
"""

from __future__ import annotations

import re
from typing import Final

NO_SCRIPT: Final = "NOSCRIPT"
MOVED: Final = "MOVED"
ASK: Final = "ASK"

RECONNECT: Final = frozenset({"READONLY", "NOAUTH"})
"""Only a new connection helps: the server is a primary no longer, so that another one is to be
looked for, or it has been given a password."""

ALIVE: Final = frozenset({NO_SCRIPT, MOVED, ASK, "TRYAGAIN", "WRONGTYPE", "CROSSSLOT"})
"""The server does its work; what it refuses is this command or this key. Everything else (LOADING,
OOM, MASTERDOWN, BUSY, MISCONF, NOPERM, CLUSTERDOWN and so on) is true of all that it is asked."""

_HIDDEN = re.compile(r"\b(?:OOM|READONLY|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|NOPERM|WRONGTYPE)\b")


def kind_of(error: Exception) -> str:
    """Give the word that says what an error is."""
    text = str(error)
    word = text.partition(" ")[0]
    if word == "ERR" and (hidden := _HIDDEN.search(text)):
        return hidden[0]
    return word if word.isascii() and word.isupper() else "ERR"


def target_of(error: Exception, asked: str) -> tuple[str, int] | None:
    """Give the node that `MOVED` or `ASK` names; None if it names none.

    Args:
        error: What Redis said, such as `MOVED 3999 127.0.0.1:6381`.
        asked: The host that said it, which is meant where none is named.
    """
    host, _, port = str(error).rpartition(" ")[2].rpartition(":")
    if not (port.isascii() and port.isdigit()):
        return None
    return host.strip("[]") or asked, int(port)
