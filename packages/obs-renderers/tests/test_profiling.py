"""Profiles."""

import decimal
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from obs_renderers import FrameProfilingRenderer
from obs_renderers._frames import open_frame
from obs_renderers._profile import profile_frame

FRAME = pd.DataFrame(
    {
        "delay": [1.0, 2.0, 3.0, 4.0, 100.0, None],
        "origin": ["EWR", "JFK", "EWR", "EWR", "LGA", None],
        "late": [True, False, True, True, False, True],
        "when": pd.to_datetime(["2013-01-01"] * 3 + ["2013-01-05"] * 3),
        "took": pd.to_timedelta([1, 2, 3, 4, 5, 6], unit="h"),
        "same": [7] * 6,
        "none": [None] * 6,
    }
)


def profiled(frame, max_rows=1_000):
    profile = profile_frame(open_frame(frame), max_rows)
    return profile, {column.name: column for column in profile.columns}


def test_each_column_has_its_kind():
    _, columns = profiled(FRAME)

    assert {name: column.kind for name, column in columns.items()} == {
        "delay": "number",
        "origin": "category",
        "late": "boolean",
        "when": "time",
        "took": "duration",
        "same": "number",
        "none": "text",
    }


def test_missing_distinct_and_outliers_are_counted():
    _, columns = profiled(FRAME)

    assert (columns["delay"].missing, columns["delay"].distinct, columns["delay"].outliers) == (1, 5, 1)
    assert (columns["origin"].missing, columns["origin"].top[0]) == (1, ("EWR", 3))
    assert (columns["same"].constant, columns["same"].constant_value) == (True, "7")
    assert columns["none"].missing == 6


def test_statistics_are_written():
    facts = dict(profiled(FRAME)[1]["delay"].facts)

    assert facts == {
        "min": "1",
        "mean": "22",
        "median": "3",
        "max": "100",
        "std": "43.62",
        "q1": "2",
        "q3": "4",
    }


def test_histograms_hold_every_value():
    _, columns = profiled(pd.DataFrame({"a": np.arange(1000.0)}))

    assert sum(columns["a"].histogram.counts) == 1000


def test_columns_that_go_together_are_named():
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    profile, _ = profiled(pd.DataFrame({"x": x, "twice": 2 * x, "noise": rng.normal(size=500)}))

    assert {profile.associations[0].left, profile.associations[0].right} == {"x", "twice"}
    assert profile.associations[0].pearson == pytest.approx(1)


def test_numbers_that_scatter_about_a_line_go_together():
    rng = np.random.default_rng(0)
    x = rng.normal(size=2_000)
    y, noise = x + rng.normal(size=2_000), rng.normal(size=2_000)
    profile, _ = profiled(pd.DataFrame({"x": x, "y": y, "noise": noise}), 2_000)
    [pair] = [each for each in profile.associations if each.strength >= 0.3]

    assert (pair.left, pair.right) == ("x", "y")
    assert pair.cramer < 0.3
    assert 0.6 < pair.strength < pair.pearson < 0.8


@pytest.mark.parametrize("rows", [3, 4, 8])
def test_few_rows_on_a_line_by_chance_do_not_go_together(rows):
    noise = (pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 5))) for seed in range(20))
    found = [pair for frame in noise for pair in profiled(frame)[0].associations if pair.strength >= 0.3]

    assert len(found) <= 1  # of 200 pairs


def test_values_without_a_bar_are_counted():
    values = [f"v{place}" for place in range(12) for _ in range(20 - place)]
    html = FrameProfilingRenderer().to_html(pd.DataFrame({"a": [*values, None, None]}))
    others = sum(20 - place for place in range(7, 12))

    assert re.findall(r"<li title=\"v(\d+): (\d+)\">", html) == [(str(place), str(20 - place)) for place in range(7)]
    assert f'<li class="others" title="{others}"><span>5 other values</span><b>{100 * others / 176:.1f} %</b>' in html


def test_eight_values_have_a_bar_each_and_no_others():
    html = FrameProfilingRenderer().to_html(pd.DataFrame({"a": list("abcdefgh") * 3}))

    assert len(re.findall(r'<li title="', html)) == 8
    assert 'class="others"' not in html


def test_a_sample_does_not_say_how_many_other_values_there_are():
    html = FrameProfilingRenderer(max_rows=500).to_html(pd.DataFrame({"a": [f"v{n % 50}" for n in range(1000)]}))

    assert re.search(r"<span>other values</span><b>about \d+\.\d %</b>", html)


@pytest.mark.parametrize(
    ("columns", "copied"),
    [(["a", "</script>"], ["a", "</script>"]), (["a", 1], None), ([("a", "b"), ("a", "c")], None)],
)
def test_names_can_be_copied_where_columns_are_found_by_text(columns, copied):
    html = FrameProfilingRenderer().to_html(pd.DataFrame([[1, 2]], columns=columns))
    found = re.search(r'<script type="application/json" class="names">(.*?)</script>', html)

    assert (found and json.loads(found[1])) == copied
    assert ('data-copy="names"' in html) == (copied is not None)


def test_a_long_table_is_sampled_and_the_page_says_so():
    html = FrameProfilingRenderer(max_rows=100).to_html(pd.DataFrame({"a": range(1000)}))

    assert "Profiled on a sample: 91 rows, evenly spread over the 1,000 of the table." in html


def test_a_short_table_is_not_sampled():
    assert "Profiled on a sample" not in FrameProfilingRenderer().to_html(FRAME)


def test_duplicate_rows_are_counted():
    assert profiled(pd.DataFrame({"a": [1, 1, 2], "b": ["x", "x", "y"]}))[0].duplicates == 1


def test_polars_and_arrow_give_the_same_profile_as_pandas():
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    values = {"n": [1.0, 2.0, None], "s": ["a", "b", "a"]}
    expected = [(c.kind, c.missing, c.distinct, c.facts) for c in profiled(pd.DataFrame(values))[0].columns]

    for frame in (pl.DataFrame(values), pa.table(values)):
        assert [(c.kind, c.missing, c.distinct, c.facts) for c in profiled(frame)[0].columns] == expected


def test_an_engine_that_is_not_installed_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "ydata_profiling", None)

    with pytest.raises(ImportError, match="pip install ydata-profiling"):
        FrameProfilingRenderer(engine="ydata").to_html(FRAME)


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine must be 'obs' or 'ydata', not 'sweetviz'"):
        FrameProfilingRenderer(engine="sweetviz")


def test_buttons_name_the_kinds_of_columns():
    html = FrameProfilingRenderer().to_html(FRAME)

    assert re.findall(r'data-kind="(\w+)"', html) == [
        "number",
        "category",
        "boolean",
        "time",
        "duration",
        "text",
        "missing",
    ]


# ---- what is shown is right ------------------------------------------------------------------------------------


def test_few_whole_numbers_have_a_bar_each():
    months = pd.DataFrame({"month": np.tile(np.arange(1, 13), 5)})
    histogram = profiled(months)[1]["month"].histogram

    assert histogram.counts == [5] * 12
    assert (histogram.edges[0], histogram.edges[-1]) == (0.5, 12.5)
    html = FrameProfilingRenderer().to_html(months)
    assert len(re.findall(r"<rect ", html)) == 12
    assert "<title>12: 5</title>" in html


@pytest.mark.parametrize("most", [2, 49, 50, 51, 60, 61, 1000, 10**6])
def test_bars_of_whole_numbers_hold_as_many_of_them_each(most):
    histogram = profiled(pd.DataFrame({"a": np.arange(most)}), 10**7)[1]["a"].histogram

    assert sum(histogram.counts) == most
    assert len(histogram.counts) == most if most <= 50 else len(histogram.counts) <= 31
    assert set(histogram.counts[:-1]) == {histogram.counts[0]}
    assert len(histogram.edges) == len(histogram.counts) + 1


def test_the_last_bar_ends_with_the_greatest_number():
    html = FrameProfilingRenderer().to_html(pd.DataFrame({"a": [*range(100, 4999, 7), 4999]}))

    assert re.search('<p class="ends"><span>100</span>.*?<span>4999</span></p>', html)
    assert '<span class="most" title="rows in the tallest bar">↑ ' in html


def test_a_clipped_histogram_says_what_it_leaves_out():
    values = np.append(np.random.default_rng(0).normal(size=500), [1e6, 2e6, -3e6])
    column = profiled(pd.DataFrame({"a": values}))[1]["a"]

    assert (column.histogram.below, column.histogram.above) == (1, 2)
    assert re.search(
        r"Not drawn: 1 below -[\d.]+, 2 above [\d.]+", FrameProfilingRenderer().to_html(pd.DataFrame({"a": values}))
    )


def test_a_histogram_of_times_of_a_zone_says_that_it_is_in_utc():
    times = pd.date_range("2013-01-01 05:15", periods=9, freq="D", tz="Asia/Kathmandu")
    html = FrameProfilingRenderer().to_html(pd.DataFrame({"a": times}))
    assert "<span>2012-12-31 UTC</span>" in html
    assert "2013-01-01 05:15:00+05:45" in html


def test_far_years_keep_their_range():
    frame = pd.DataFrame({"until": pd.Series(["9999-12-31", "0001-01-01", "2024-05-01"]).astype("datetime64[s]")})

    assert profiled(frame)[1]["until"].facts == [("min", "0001-01-01"), ("median", "2024-05-01"), ("max", "9999-12-31")]


def test_the_largest_integers_keep_their_digits():
    facts = dict(profiled(pd.DataFrame({"a": np.array([2**63 - 1, 2**63 - 3, 5])}))[1]["a"].facts)

    assert (facts["min"], facts["max"]) == ("5", f"{2**63 - 1:,}")


def test_shares_of_a_sample_say_about():
    frame = pd.DataFrame({"a": np.where(np.arange(1000) % 7 == 0, np.nan, 1.5), "b": ["x", "y"] * 500})
    html = FrameProfilingRenderer(max_rows=500).to_html(frame)

    assert re.search(r"about 1\d\.\d % missing", html)
    assert "missing cells</dt><dd>about" in html
    assert "≥ 1" in html
    assert "about " not in FrameProfilingRenderer().to_html(frame)


class Broken:
    def __getattribute__(self, name):
        raise RuntimeError(name)


def test_one_bad_column_leaves_the_others_as_they_are():
    good = pd.DataFrame({"n": [1, 2, 3]})
    values = np.empty(3, dtype=object)
    for row, value in enumerate((Broken(), decimal.Decimal("sNaN"), 2)):
        values[row] = value  # taken together, numpy 1 would ask each for its array
    bad = good.assign(bad=pd.Series(values, dtype=object))

    assert profiled(bad)[1]["n"] == profiled(good)[1]["n"]
    assert profiled(bad)[1]["bad"].missing == 1


def test_nan_is_a_value_where_a_library_says_so():
    pl = pytest.importorskip("polars")
    column = profiled(pl.DataFrame({"a": [1.0, float("nan"), None, float("inf")]}))[1]["a"]

    assert (column.missing, column.nan, column.infinite) == (1, 1, 1)


def test_2_000_columns_are_profiled_without_drawing_each_bar_by_itself():
    html = FrameProfilingRenderer().to_html(pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2_000))))

    assert html.count("<article") == 2_000
    assert len(html) < 5_000_000


def test_no_library_for_statistics_is_imported():
    code = (
        "import sys, pandas as pd, obs_renderers\n"
        "obs_renderers.FrameProfilingRenderer().to_html(pd.DataFrame({'a': [1, 2], 'b': [3, 4]}))\n"
        "print(sorted({'skrub', 'sklearn', 'scipy'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
