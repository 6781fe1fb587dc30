from __future__ import annotations

import pytest

from pygateway.config.syntax.times import parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1893456000", 1893456000.0),
        ("1893456000.5", 1893456000.5),
        ("1970-01-02", 86400.0),
        ("2030-01-01T00:00:00Z", 1893456000.0),
        ("2030-01-01t00:00:00z", 1893456000.0),
        ("2030-01-01 01:00:00+01:00", 1893456000.0),
        ("2030-01-01T00:00:00.25Z", 1893456000.25),
        ("9999-12-31T23:59:59Z", 253402300799.0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "-1",
        "1e3",
        "2030-02-30",
        "2030-01-01T00:00:00",
        "1969-12-31",
        "9" * 13,
        "2030-01-01T24:00:00Z",
        "2030-W01-1",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "999999999999",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)
