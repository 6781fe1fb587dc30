from __future__ import annotations

import pytest

from tests.config.reading import problem_of, read


@pytest.mark.parametrize(("series", "good"), [(63, 0), (64, 1), (65536, 1), (65537, 0)])
def test_series_that_metrics_can_tell_apart(series: int, good: int) -> None:
    text = f"limits: {{metric_series: {series}}}"
    if good:
        assert read(text).limits.metric_series == series
    else:
        assert problem_of(text).message == "must be from 64 to 65536"
