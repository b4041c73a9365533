"""Curves are thinned without losing extremes."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core.values.curves import Columns, Curve, Curves, ProgressBar, curves_json, thinned


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=500), st.integers(4, 60))
def test_the_first_the_last_and_the_extremes_stay(values: list[float], most: int) -> None:
    places = thinned(values, most)
    assert len(places) <= most
    assert places == sorted(set(places))
    if values:
        kept = [values[place] for place in places]
        assert (kept[0], kept[-1]) == (values[0], values[-1])
        assert (min(kept), max(kept)) == (min(values), max(values))


def test_a_gap_stays_a_gap() -> None:
    values = [1.0] * 500 + [math.nan] + [1.0] * 500
    assert any(math.isnan(values[place]) for place in thinned(values, 10))


@pytest.mark.parametrize("count", [2_001, 2_028, 2_999, 20_000])
def test_a_curve_of_any_length_is_drawn_with_as_many_points_as_there_may_be(count: int) -> None:
    places = thinned([(-1.0) ** place * place for place in range(count)], 2_000)
    assert 1_990 <= len(places) <= 2_000
    longest = max(after - before for before, after in pairwise(places))
    assert longest <= 3 * count / 2_000 + 1


def test_one_peak_in_a_million_is_drawn() -> None:
    values = array("d", [0.0]) * 1_000_000
    values[654_321] = 7.0
    columns = Columns(array("q", range(1_000_000)), array("q", range(1_000_000)), values)
    drawn = curves_json([Curve.of("loss", columns)])["curves"][0]
    assert len(drawn["steps"]) <= 2_000
    assert (654_321, 7.0) in zip(drawn["steps"], drawn["values"], strict=True)


def test_names_are_escaped() -> None:
    curve = Curve.of("</script><b>", Columns(array("q", [0]), array("q", [0]), array("d", [1.0])))
    html = Curves([curve], {"<i>": "<u>"}, [ProgressBar("<s>", 1, 2, "it", 10**9, "running")])._repr_html_()
    for tag in ("<b>", "<i>", "<u>", "<s>"):
        assert tag not in html


@pytest.mark.parametrize(
    ("bar", "told"),
    [
        (ProgressBar("a", 250, 1000, "it", 50 * 10**9, "running"), "250 of 1,000 it, 25 %, 5 it/s, 2 min 30 s to go"),
        (ProgressBar("a", 7, None, "rows", 10**9, "ended"), "7 rows, 7 rows/s, took 1.00 s"),
        (ProgressBar("a", 41, 100, "it", 10**9, "stopped"), "41 of 100 it, 41 %, 41 it/s, stopped after 1.00 s"),
        (ProgressBar("a", 9, 40, "it", 3 * 10**9, "lost"), "9 of 40 it, 22 %, 3 it/s, when last heard of after 3.00 s"),
        (ProgressBar("a", 9, 40, "it", 6 * 10**9, "running", 3 * 10**9), "9 of 40 it, 22 %, no progress for 3.00 s"),
        (ProgressBar("a", 1, 4, "it", 9 * 10**9, "running", 4 * 10**9), "1 of 4 it, 25 %, 0.111 it/s, 27.0 s to go"),
        (ProgressBar("a", 9, None, "it", 6 * 10**9, "running", 3 * 10**9), "9 it, no progress for 3.00 s"),
        (ProgressBar("a", 0, 0, "it", 0, "ended"), "0 of 0 it"),
    ],
)
def test_progress_is_told_in_words(bar: ProgressBar, told: str) -> None:
    assert bar.told() == told
