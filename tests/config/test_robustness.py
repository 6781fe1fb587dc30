"""Whatever is written, reading it ends, and ends with a configuration or with problems."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pygateway.config import ConfigurationError, json_schema, load_mapping, load_text
from tests.config.configurations import PATIENT, configurations


def keys_of(schema: object) -> set[str]:
    """Every key that a schema knows, wherever it is allowed."""
    if isinstance(schema, dict):
        own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
        return own.union(*(keys_of(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(keys_of(value) for value in schema))
    return set()


KEYS = st.sampled_from(sorted(keys_of(json_schema())))
SCALARS = st.sampled_from(
    ["", "x", "users", "/a/{id}", "*", "10s", "32KiB", "7", "-1", "http://a", "${X}", "on", "GET"]
) | st.sampled_from([None, True, 0, 1.5])
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)
TEXT = st.text(alphabet="abx:{}[]-,&*!|>'\"#%@`?~<$/\\ \n\t\x00é\ufeff0", max_size=60)


@given(st.dictionaries(KEYS, TREES, max_size=5))
@settings(PATIENT, max_examples=200)
def test_any_structure(mapping: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigurationError):
        load_mapping(mapping)


@given(configurations(), st.data())
@settings(PATIENT, max_examples=60)
def test_configurations_with_one_value_replaced(
    mapping: dict[str, Any], data: st.DataObject
) -> None:
    place: Any = mapping
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        if not keys:
            break
        key = data.draw(st.sampled_from(list(keys)))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(TREES)
        break
    with contextlib.suppress(ConfigurationError):
        load_mapping(mapping)


@given(TEXT)
@settings(PATIENT, max_examples=300)
def test_any_text(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        load_text(text)


@given(
    st.dictionaries(st.builds("PYGATEWAY__{}".format, TEXT | KEYS.map(str.upper)), TEXT, max_size=4)
)
@settings(PATIENT, max_examples=100)
def test_any_environment(environment: dict[str, str]) -> None:
    with contextlib.suppress(ConfigurationError):
        load_text("", environment)
