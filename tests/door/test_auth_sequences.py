"""Keys, revocations and time, in any order: the gate knows at every step what its model knows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.door.sequences import Conversation
from tests.door.strategies.sequences import (
    API_KEY_SETS,
    EXTERNAL,
    EXTERNAL_RINGS,
    MAIN,
    MAIN_RINGS,
    PARTNERS,
    SECRET_RINGS,
    SECRETS,
    Step,
    specification,
    steps,
)


def conversation(when_stale: str = "allow") -> Conversation:
    talk = Conversation(specification(when_stale))
    talk.set_keys(MAIN, MAIN_RINGS[0], renewable=True)
    talk.set_keys(SECRETS, SECRET_RINGS[0], renewable=False)
    talk.set_keys(EXTERNAL, EXTERNAL_RINGS[0], renewable=False)
    talk.set_api_keys(PARTNERS, *API_KEY_SETS[0])
    return talk


@settings(max_examples=200)
@given(st.sampled_from(["allow", "deny"]), steps())
def test_every_step_is_answered_as_in_the_model(when_stale: str, taken: list[Step]) -> None:
    talk = conversation(when_stale)
    for step in taken:
        step(talk)
