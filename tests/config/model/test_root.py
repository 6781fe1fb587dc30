from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pygateway.config import Config, load_mapping
from tests.config.configurations import PATIENT, configurations
from tests.config.reading import read, route


@given(configurations())
@settings(PATIENT, max_examples=60)
def test_json_round_trip_is_exact(mapping: dict[str, object]) -> None:
    config = load_mapping(mapping)
    again = Config.from_json(config.to_json())
    assert again == config
    assert again.to_json() == config.to_json()


@given(st.integers(min_value=10, max_value=3_600_000))
@settings(PATIENT)
def test_durations_survive_the_round_trip(milliseconds: int) -> None:
    config = load_mapping({"timeouts": {"response": f"{milliseconds}ms"}})
    assert Config.from_json(config.to_json()).timeouts.response == milliseconds / 1000


def test_json_holds_the_secrets_and_nothing_else_does() -> None:
    config = read(route("upstream: users, headers: {request: {set: {Authorization: hunter2}}}"))
    assert "hunter2" in config.to_json()
    for shown in (repr(config), str(config), config.model_dump_json(), str(config.model_dump())):
        assert "hunter2" not in shown


def test_models_are_frozen() -> None:
    config = read("workers: 1")
    with pytest.raises(ValidationError):
        config.workers = 2
    with pytest.raises(ValidationError):
        config.limits.header_count = 2


@pytest.mark.parametrize("text", ["false", "'false'", "off", "no", "", "null", '""'])
def test_the_health_path_can_be_turned_off(text: str) -> None:
    config = read(f"health_path: {text}")
    assert config.health_path is None
    assert Config.from_json(config.to_json()).health_path is None


def test_listen_is_short_for_one_listener() -> None:
    config = read("listen: 127.0.0.1:0")
    assert config.listen is None
    assert config == read("listeners: [{address: '127.0.0.1:0'}]")
