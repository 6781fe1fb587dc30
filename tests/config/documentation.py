"""Fills the parts of docs/configuration.md that are made from the sources.

`python -m tests.config.documentation` writes them anew; a test keeps them from getting old.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pygateway.config import check
from pygateway.config.codes import ERRORS, WARNINGS
from pygateway.config.later import KEYS_OF_LATER_VERSIONS
from pygateway.config.model.headers import DEFAULT_SECURITY_HEADERS
from pygateway.config.reference import reference
from pygateway.config.report import as_text

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "configuration.md"
BROKEN = Path("tests/config/broken")
"""Relative, as a user would name the files."""


def broken_files() -> list[Path]:
    """Return the broken files, relative to the project."""
    return sorted(BROKEN / file.name for file in (ROOT / BROKEN).glob("*.yaml"))


def filled(document: str) -> str:
    """Return the document with every part made anew. The working directory is the project's."""
    parts = {
        "security headers": _table("header", "value", DEFAULT_SECURITY_HEADERS),
        "keys": reference(),
        "later": _later(),
        "errors": _table("code", "meaning", ERRORS),
        "warnings": _table("code", "meaning", WARNINGS),
        "broken": "\n".join(_broken(file) for file in broken_files()),
    }
    for name, text in parts.items():
        start, rest = document.split(f"<!-- {name} -->\n")
        document = f"{start}<!-- {name} -->\n{text}{rest[rest.index('<!-- end -->') :]}"
    return document


def _table(first: str, second: str, rows: Mapping[str, str]) -> str:
    lines = [f"| {first} | {second} |", "| --- | --- |"]
    lines += [f"| `{key}` | {value} |" for key, value in rows.items()]
    return "\n".join(lines) + "\n"


def _later() -> str:
    # Only upstreams have names; everything else is in lists.
    written = {
        ".".join(keys).replace(".*", ".NAME" if keys[0] == "upstreams" else "[]")
        for keys in KEYS_OF_LATER_VERSIONS
    }
    names = ", ".join(f"`{name}`" for name in sorted(written))
    return f"{names}, and the balancers `hash` and `p2c`.\n"


def _broken(file: Path) -> str:
    _, problems = check(file, {})
    return (
        f"#### `{file.name}`\n\n```\n{(ROOT / file).read_text()}```\n\n"
        f"```\n$ pygateway check -c {file}\n{as_text(problems)}```\n"
    )


if __name__ == "__main__":
    os.chdir(ROOT)
    DOCUMENT.write_text(filled(DOCUMENT.read_text()))
