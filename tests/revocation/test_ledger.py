from __future__ import annotations

import pytest

from pygateway.revocation.ledger import FEW, Ledger, LedgerFull
from tests.revocation.gateways import FAR, jti, sub


def test_what_is_taken_is_held_once() -> None:
    ledger = Ledger(10)
    changes = ledger.changes([jti("a"), jti("a"), sub("b", 1.0), sub("b", 2.0)], 0.0)
    assert changes == [jti("a"), sub("b", 2.0)]
    ledger.take(changes)
    assert ledger.held(0.0) == changes
    assert ledger.changes([jti("a"), sub("b", 1.5)], 0.0) == []


def test_what_does_not_fit_is_refused_as_a_whole() -> None:
    ledger = Ledger(2)
    ledger.take(ledger.changes([jti("a")], 0.0))
    with pytest.raises(LedgerFull, match="no room for more than 2 revocations"):
        ledger.changes([jti("b"), jti("c")], 0.0)
    assert ledger.held(0.0) == [jti("a")]
    # What is held already needs no room.
    ledger.take(ledger.changes([jti("a", expires=FAR + 1), jti("b")], 0.0))
    assert len(ledger) == 2


def test_what_has_expired_makes_room() -> None:
    ledger = Ledger(1)
    ledger.take(ledger.changes([jti("a", expires=10.0)], 0.0))
    with pytest.raises(LedgerFull):
        ledger.changes([jti("b", expires=20.0)], 9.0)
    ledger.take(ledger.changes([jti("b", expires=20.0)], 10.0))
    assert ledger.held(10.0) == [jti("b", expires=20.0)]


def test_what_has_expired_changes_nothing() -> None:
    assert Ledger(1).changes([jti("a", expires=10.0)], 10.0) == []


def test_an_entry_whose_predecessor_has_expired_starts_anew() -> None:
    ledger = Ledger(10)
    ledger.take(ledger.changes([sub("a", 9.0, expires=10.0)], 0.0))
    assert ledger.changes([sub("a", 5.0, expires=30.0)], 20.0) == [sub("a", 5.0, expires=30.0)]


def test_expired_entries_do_not_pile_up() -> None:
    ledger = Ledger(10_000)
    for number in range(1000):
        ledger.take(ledger.changes([jti(str(number), expires=number + 1.5)], float(number)))
    assert len(ledger) <= 2 * FEW
