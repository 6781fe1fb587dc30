from __future__ import annotations

import gc

import pytest

from pygateway.config.collector import collector_held


def test_the_collector_is_held_inside() -> None:
    with collector_held():
        assert not gc.isenabled()
        with collector_held():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_goes_on_after_an_exception() -> None:
    with pytest.raises(ValueError, match="x"), collector_held():
        raise ValueError("x")
    assert gc.isenabled()
