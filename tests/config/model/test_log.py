from __future__ import annotations

import pytest

from tests.config.reading import problem_of, read


def test_the_log_is_set_up_for_people_on_terminals_and_programs_elsewhere() -> None:
    log = read("{}").log
    assert (log.level, log.format) == ("info", "auto")
    log = read("log: {level: debug, format: json}").log
    assert (log.level, log.format) == ("debug", "json")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("log: {level: warn}", "not-allowed-value"),
        ("log: {format: xml}", "not-allowed-value"),
        ("log: {to: x}", "unknown-key"),
    ],
)
def test_what_it_cannot_be(text: str, code: str) -> None:
    assert problem_of(text).code == code
