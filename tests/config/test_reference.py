from __future__ import annotations

from pygateway.config import Config, reference

TABLES = {
    block.split("`", 2)[1] if block.startswith("#### `") else "": block
    for block in reference().split("\n\n#### ")
    for block in [block if block.startswith("####") else f"#### {block}"]
}


def test_every_key_of_every_section_has_its_line() -> None:
    text = reference()
    for model in [Config.model_json_schema(), *Config.model_json_schema()["$defs"].values()]:
        for key in model["properties"]:
            assert f"\n| `{key}` | " in text


def test_sections_are_named_by_their_place() -> None:
    for place in (
        "limits",
        "upstreams.NAME.endpoints[]",
        "rate_limits.NAME.by[]",
        "routes[].headers.request",
    ):
        assert place in TABLES


def test_lines_have_value_default_and_meaning() -> None:
    assert "| `idle` | duration, 100ms to 1h | `1m` | Between two requests" in TABLES["timeouts"]
    assert "| `name` | text | required |" in TABLES["routes[]"]
    assert "| `verify` | true or false | `true` |" in TABLES["upstreams.NAME.tls"]
    assert "| `attempts` | whole number, 1 to 10 | `2` |" in TABLES["upstreams.NAME.retry"]
    assert "| `by` | list of sections or section | required |" in TABLES["rate_limits.NAME"]
    assert "| `window` | duration, 100ms to 1d |" in TABLES["rate_limits.NAME"]
    assert "| `balancer` | `round_robin`, `least_requests` | `round_robin` |" in reference()
