from __future__ import annotations

from pathlib import Path

from benches.peers.contest import Contestant, Field
from benches.peers.load import Wrong
from benches.peers.turns import Lines, rounds


def field(*names: str) -> Field:
    return Field([Contestant(name, 0, 0) for name in names])


def test_everybody_has_a_turn_in_each_round_forwards_and_backwards() -> None:
    order = []

    def turn(contestant: Contestant, number: int) -> int:
        order.append(f"{contestant.name}{number}")
        return number

    assert rounds(field("a", "b"), 2, turn) == {"a": [0, 1], "b": [0, 1]}
    assert order == ["a0", "b0", "b1", "a1"]


def test_who_gives_wrong_answers_is_left_out_with_all_its_figures() -> None:
    def turn(contestant: Contestant, number: int) -> int:
        if contestant.name == "b" and number == 1:
            raise Wrong("3 answers were refused")
        return number

    lists = field("a", "b", "c")
    assert rounds(lists, 3, turn) == {"a": [0, 1, 2], "c": [0, 1, 2]}
    assert lists.left_out == {"b": "not measured: 3 answers were refused"}
    assert [each.name for each in lists.contestants] == ["a", "c"]


def test_lines_are_counted_from_where_the_log_was(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("earlier\n" * 10)
    lines = Lines(Field([Contestant("a", 0, 0, log), Contestant("b", 0, 0)]))
    with log.open("a") as stream:
        stream.write("later\n" * 6)
    assert lines.shares({"a": 5, "b": 5}) == {"a": 1.2}


def test_lines_that_are_missing_show(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("")
    lines = Lines(Field([Contestant("a", 0, 0, log)]))
    log.write_text("line\n" * 3)
    assert lines.shares({"a": 4}) == {"a": 0.75}
