from __future__ import annotations

from dataclasses import dataclass

import pytest

from pygateway.auth.freshness import lifetime, refresh_after, retry_after


@dataclass(frozen=True)
class Bounds:
    refresh: float = 300.0
    minimum_refresh: float = 30.0
    maximum_refresh: float = 3600.0


NOW = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 300.0),
        ({"cache-control": "max-age=600"}, 600.0),
        ({"cache-control": "public, MAX-AGE=600, must-revalidate"}, 600.0),
        ({"cache-control": 'max-age="600"'}, 600.0),
        ({"cache-control": "max-age=600, max-age=40"}, 600.0),
        ({"cache-control": "max-age=600", "age": "100"}, 500.0),
        ({"cache-control": "max-age=600", "age": "junk"}, 600.0),
        ({"cache-control": "max-age=600", "expires": NOW, "date": NOW}, 600.0),
        ({"cache-control": "public"}, 300.0),
        ({"expires": "Mon, 23 Nov 2026 12:10:00 GMT", "date": NOW}, 600.0),
    ],
)
def test_the_lifetime_is_what_the_answer_says(headers: dict[str, str], seconds: float) -> None:
    assert lifetime(headers, Bounds()) == seconds


@pytest.mark.parametrize(
    "headers",
    [
        {"cache-control": "max-age=0"},
        {"cache-control": "max-age=1"},
        {"cache-control": "max-age=600", "age": "600"},
        {"cache-control": "max-age=-5"},
        {"cache-control": "max-age=soon"},
        {"cache-control": "max-age="},
        {"cache-control": "max-age=\u0664\u0665\u0666"},
        {"cache-control": "no-store, max-age=600"},
        {"cache-control": "no-cache"},
        {"expires": "0", "date": NOW},
        {"expires": NOW},
        {"expires": "Mon, 23 Nov 2026 11:00:00 GMT", "date": NOW},
    ],
)
def test_what_is_stale_at_once_is_kept_for_the_least_time(headers: dict[str, str]) -> None:
    assert lifetime(headers, Bounds()) == 30.0


@pytest.mark.parametrize("digits", ["86400", "9" * 400])
def test_no_issuer_can_keep_its_keys_for_longer_than_allowed(digits: str) -> None:
    assert lifetime({"cache-control": f"max-age={digits}"}, Bounds()) == 3600.0


def test_keys_are_fetched_ahead_of_their_expiry_and_not_all_at_once() -> None:
    moments = {refresh_after(100.0) for _ in range(50)}
    assert all(75.0 <= moment <= 95.0 for moment in moments)
    assert len(moments) > 1


def test_retries_become_rarer_up_to_the_least_time_between_fetches() -> None:
    for failures, longest in ((1, 1.0), (2, 2.0), (3, 4.0), (10, 30.0), (10_000, 30.0)):
        assert longest / 2 <= retry_after(failures, Bounds()) <= longest
