"""A long curve is drawn from few points, all of it alike."""

from __future__ import annotations

import numpy as np
import pytest

from obs_core.values.curves import thinned
from obs_ui.metrics import _thinned


@pytest.mark.parametrize("count", [1, 3, 10, 2_001, 3_999, 20_000, 20_001])
@pytest.mark.parametrize("most", [4, 100, 2_000])
def test_points_are_chosen_as_a_report_chooses_them(count: int, most: int) -> None:
    values = np.random.default_rng(7).normal(size=count)
    chosen = list(_thinned(values, most))
    assert chosen == (thinned(list(values), most) if count > most else list(range(count)))


def test_gaps_and_infinity_are_seen() -> None:
    values = np.sin(np.arange(10_000.0))
    values[[3_000, 7_000, 8_000]] = np.nan, np.inf, -np.inf
    assert {3_000, 7_000, 8_000} <= set(_thinned(values, 100).tolist())


def test_what_is_no_number_at_all_is_chosen_too() -> None:
    assert len(_thinned(np.full(10_000, np.nan), 100)) >= 50
