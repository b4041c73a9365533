"""Box plots from quartiles."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_renderers import BoxRenderer
from obs_renderers.box import box_statistics

FINITE = st.floats(-1e12, 1e12, allow_subnormal=False)


@given(st.lists(FINITE, min_size=1, max_size=200))
def test_quartiles_are_those_of_numpy(values):
    numbers = np.array(values)
    box = box_statistics(numbers)

    expected = np.percentile(numbers, [0, 25, 50, 75, 100])
    np.testing.assert_allclose([box.low, box.q1, box.median, box.q3, box.high], expected, rtol=1e-9, atol=1e-3)
    assert box.low <= box.whiskers[0] <= box.whiskers[1] <= box.high


def test_nan_counts_as_missing_and_infinity_is_left_out_and_counted():
    box = box_statistics(np.array([1.0, np.nan, 2.0, np.inf, -np.inf, 3.0]))

    assert (box.values, box.missing, box.infinite, box.median) == (3, 1, 2, 2.0)


def test_whiskers_end_at_values_and_what_is_beyond_is_an_outlier():
    box = box_statistics(np.array([1.0, 2, 3, 4, 5, 100]))

    assert box.whiskers == (1.0, 5.0)
    assert box.outliers == [100.0]


def test_at_most_200_outliers_are_kept_the_extremes_among_them():
    numbers = np.concatenate([np.linspace(0, 1, 10_000), np.linspace(10, 1000, 1_000)])
    box = box_statistics(numbers)

    assert box.n_outliers == 1_000
    assert len(box.outliers) == 200
    assert box.outliers[-1] == 1000.0


def test_the_input_is_not_changed():
    numbers = np.array([3.0, 1.0, 2.0])
    box_statistics(numbers)

    assert numbers.tolist() == [3.0, 1.0, 2.0]


def test_the_page_of_a_million_rows_is_as_small_as_that_of_a_hundred():
    rng = np.random.default_rng(0)
    html = BoxRenderer("a").to_html(pd.DataFrame({"a": rng.normal(size=1_000_000)}))

    assert len(html) < 40_000
    assert "200 of them drawn" in html


def shown(html):
    return dict(re.findall(r"<dt>(\w+)</dt><dd>(.*?)</dd>", html))


def test_the_statistics_are_in_the_page():
    html = BoxRenderer("delay").to_html(pd.DataFrame({"delay": [1.0, 2.0, 3.0, 4.0, None]}))

    assert shown(html) == {
        "min": "1",
        "q1": "1.75",
        "median": "2.5",
        "q3": "3.25",
        "max": "4",
        "mean": "2.5",
        "values": "4",
        "missing": "1",
    }


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        ([1e308, -1e308, 0.0], ("-1e+308", "-5e+307", "0", "5e+307", "1e+308", "0")),
        ([1e308, 1.1e308, 1.2e308], ("1e+308", "1.05e+308", "1.1e+308", "1.15e+308", "1.2e+308", "1.1e+308")),
        ([0.0, 4e-320, 1.2e-319], ("0", "2e-320", "4e-320", "8e-320", "1.2e-319", "5.333e-320")),
        ([5e-324, 1e-323, 0.0], ("0", "0", "4.941e-324", "4.941e-324", "9.881e-324", "4.941e-324")),
        ([1e6, 1e6 + 0.5], ("1,000,000", "1,000,000.1", "1,000,000.2", "1,000,000.4", "1,000,000.5", "1,000,000.2")),
    ],
)
@pytest.mark.filterwarnings("error")
def test_values_at_the_ends_of_what_floats_hold_are_drawn_in_their_places(values, facts):
    html = BoxRenderer("a").to_html(pd.DataFrame({"a": values}))

    assert tuple(shown(html)[name] for name in ("min", "q1", "median", "q3", "max", "mean")) == facts
    left, right = re.search(r'class="whisker" x1="(.*?)%" y1="42".*?class="whisker" .*? x2="(.*?)%"', html).groups()
    assert (float(left), float(right)) == (2.0, 98.0)
    ticks = re.findall(r'<text x="(.*?)%" y="94">(.*?)<', html)
    assert all(2 <= float(place) <= 98 for place, _ in ticks)
    assert 2 <= len(ticks) == len({text for _, text in ticks})


@pytest.mark.parametrize(
    ("values", "median"),
    [
        (pd.to_timedelta([1, 2, 3], unit="s"), "2.00 s"),
        (pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03"]), "2013-01-02"),
        (pd.array([1, None, 3], dtype="Int64"), "2"),
        ([True, False, True], "1"),
    ],
)
def test_durations_times_nullable_numbers_and_booleans_are_drawn(values, median):
    assert shown(BoxRenderer("a").to_html(pd.DataFrame({"a": values})))["median"] == median


def test_times_of_a_zone_are_given_in_utc_and_say_so():
    times = pd.date_range("2013-01-01 05:15", periods=3, freq="D", tz="Asia/Kathmandu")
    html = BoxRenderer("a").to_html(pd.DataFrame({"a": times}))
    assert shown(html)["median"] == "2013-01-01 23:30:00 UTC"
    assert "UTC" not in BoxRenderer("a").to_html(pd.DataFrame({"a": times.tz_localize(None)}))


def test_polars_and_arrow_are_drawn():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")

    for frame in (pl.DataFrame({"a": [1, None, 3]}), pa.table({"a": [1, None, 3]})):
        assert shown(BoxRenderer("a").to_html(frame))["missing"] == "1"


def test_an_unknown_column_names_those_there_are():
    with pytest.raises(KeyError, match="no column 'b'; there are: 'a'"):
        BoxRenderer("b").to_html(pd.DataFrame({"a": [1]}))


def test_a_column_of_text_is_refused_with_its_type():
    with pytest.raises(TypeError, match="column 'a' holds str"):
        BoxRenderer("a").to_html(pd.DataFrame({"a": ["x"]}))


def test_a_column_without_values_says_so():
    assert "none of them a finite number" in BoxRenderer("a").to_html(pd.DataFrame({"a": [np.nan, np.nan]}))


def test_plotly_gets_the_quartiles_and_not_the_rows():
    figure = BoxRenderer("a").to_figure(pd.DataFrame({"a": np.arange(100_001.0)}))

    assert figure.data[0].median[0] == 50_000
    assert figure.data[0].q1[0] == 25_000
    assert figure.data[0].y is None
