"""Codes are a promise to scripts: each that can occur is listed, and each listed can occur."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pygateway
from pygateway.config.codes import ERRORS, WARNINGS

PACKAGE = Path(pygateway.__file__).parent
SOURCES = [*(PACKAGE / "config").rglob("*.py"), PACKAGE / "cli" / "check.py"]
MAKERS = {"refusal", "add", "error", "warn", "refuse", "ConfigurationProblem", "_UnreadableError"}


def used_codes() -> Iterator[str]:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id=name) | ast.Attribute(attr=name),
                    args=[ast.Constant(value=str(code)), *_],
                ) if name in MAKERS:
                    yield code
                case ast.Return(value=ast.Tuple(elts=[ast.Constant(value=str(code)), *_])):
                    yield code


def test_every_code_is_listed_and_every_listed_code_is_used() -> None:
    used = {code for code in used_codes() if "-" in code}
    assert used == ERRORS.keys() | WARNINGS.keys()


def test_codes_are_sorted_and_tell_errors_from_warnings() -> None:
    assert list(ERRORS) == sorted(ERRORS)
    assert list(WARNINGS) == sorted(WARNINGS)
    assert not ERRORS.keys() & WARNINGS.keys()
