from __future__ import annotations

from pygateway.config.refusal import nearest, refusal


def test_the_nearest_word_is_found_in_any_case() -> None:
    assert nearest("heder", ["header", "idle"]) == "header"
    assert nearest("HEADER", ["header"]) == "header"
    assert nearest("Listen", ["LISTEN"]) == "LISTEN"


def test_nothing_is_near_enough() -> None:
    assert nearest("xyz", ["header", "idle"]) is None
    assert nearest("", ["header"]) is None


def test_braces_in_a_message_stay() -> None:
    error = refusal("bad", "use {path} or {}", allowed=iter(["{a}"]))
    assert error.message() == "use {path} or {}"
    assert error.context is not None
    assert error.context["allowed"] == ("{a}",)
