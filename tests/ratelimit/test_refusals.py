from __future__ import annotations

import pytest

from pygateway.ratelimit.refusals import kind_of, target_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("LOADING Redis is loading the dataset in memory", "LOADING"),
        ("OOM command not allowed when used memory > 'maxmemory'. script: 1", "OOM"),
        (
            "ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed",
            "OOM",
        ),
        ("ERR unknown command", "ERR"),
        ("something else", "ERR"),
        ("", "ERR"),
        ("MOVED 3999 127.0.0.1:6381", "MOVED"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert kind_of(Exception(text)) == kind


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("MOVED 3999 127.0.0.1:6381", ("127.0.0.1", 6381)),
        ("ASK 3999 node.example:6381", ("node.example", 6381)),
        ("MOVED 3999 :6381", ("asked", 6381)),
        ("MOVED 3999 ::1:6381", ("::1", 6381)),
        ("MOVED 3999 [::1]:6381", ("::1", 6381)),
        ("MOVED 3999 127.0.0.1:", None),
        ("MOVED", None),
        ("MOVED 3999 host:port", None),
    ],
)
def test_targets(text: str, target: tuple[str, int] | None) -> None:
    assert target_of(Exception(text), "asked") == target
