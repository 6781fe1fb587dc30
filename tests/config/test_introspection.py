from __future__ import annotations

import pytest

from pygateway.config import Config, Endpoint, Limits, RateLimitPolicy, Retry, Route
from pygateway.config.document import Path
from pygateway.config.introspection import bounds_of, keys_of, section_at
from pygateway.config.model.rate_limits import KeyPartSection, RouteRateLimitSection
from pygateway.config.model.routes import UpstreamShareSection


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ((), Config),
        (("limits",), Limits),
        (("routes", 3), Route),
        (("routes", 3, "upstream", 0), UpstreamShareSection),
        (("upstreams", "any", "endpoints", 0), Endpoint),
        (("upstreams", "any", "retry"), Retry),
        (("rate_limits", "any"), RateLimitPolicy),
        (("rate_limits", "any", "by", 0), KeyPartSection),
        (("rate_limits", "any", "tiers"), None),
        (("routes", 3, "rate_limits", 0), RouteRateLimitSection),
        (("workers",), None),
        (("nothing",), None),
        (("nothing", "inside"), None),
        (("limits", "header_bytes", "deeper"), None),
        (("security_headers",), None),
        (("routes", 0, "security_headers"), None),
    ],
)
def test_sections_are_found(path: Path, section: object) -> None:
    assert section_at(Config, path) is section


def test_keys_are_those_that_may_be_written() -> None:
    assert keys_of(Endpoint) == ("url", "weight")
    assert "listen" in keys_of(Config)


def test_bounds_of_numbers() -> None:
    assert bounds_of(Retry.model_fields["attempts"]) == (1, 10)
    assert bounds_of(Endpoint.model_fields["url"]) == (None, None)
