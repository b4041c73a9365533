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


def test_integers_that_floats_cannot_tell_apart_have_the_outliers_that_they_have():
    rows = [*range(10), 1000]
    _, columns = profiled(
        pd.DataFrame({"near": [2**53 + row % 3 for row in rows], "far": [2**60 + row for row in rows]})
    )

    assert (columns["near"].outliers, columns["far"].outliers) == (0, 1)


@pytest.mark.parametrize("values", [[5e-324, 1e-323, 0.0], [1e-200, 3e-200]])
def test_the_smallest_floats_have_a_standard_deviation(values):
    _, columns = profiled(pd.DataFrame({"a": values}))

    scaled = np.array(values) * 1e200 * (1e120 if max(values) < 1e-300 else 1)
    expected = scaled.std(ddof=1) / scaled.max() * max(values)
    assert float(dict(columns["a"].facts)["std"]) == pytest.approx(expected, rel=1e-3, abs=1e-323)


@pytest.mark.parametrize(("values", "shown"), [(list("ab"), "a · b</p>"), (list("abcdefghijkl"), " …</p>")])
def test_texts_that_all_differ_end_in_an_ellipsis_only_if_there_are_more(values, shown):
    assert shown in FrameProfilingRenderer().to_html(pd.DataFrame({"a": values}))


def test_the_least_and_the_greatest_of_a_column_do_not_look_the_same():
    _, columns = profiled(pd.DataFrame({"a": [1_000_000.25, 1_000_000.5]}))

    facts = dict(columns["a"].facts)
    assert (facts["min"], facts["max"]) == ("1,000,000.2", "1,000,000.5")


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
    assert html.count("<article") == len(columns)


@pytest.mark.parametrize("values", [[2013, 2014], [2013.0] * 3 + [2014.0]])
def test_a_mean_that_no_row_is_close_to_does_not_look_like_the_greatest_value(values):
    _, columns = profiled(pd.DataFrame({"year": values}))
    facts = dict(columns["year"].facts)

    assert (facts["min"], facts["max"]) == ("2013", "2014")
    assert float(facts["mean"]) == round(sum(values) / len(values), 1)


def test_a_long_table_is_sampled_and_the_page_says_so():
    html = FrameProfilingRenderer(max_rows=100).to_html(pd.DataFrame({"a": range(1000)}))

    assert "Profiled on a sample: 91 rows, evenly spread over the 1,000 of the table." in html


def test_a_short_table_is_not_sampled():
    html = FrameProfilingRenderer().to_html(FRAME)

    assert "Profiled on a sample" not in html
    assert "<dt>rows</dt><dd>6</dd>" in html


def test_duplicate_rows_are_counted():
    assert profiled(pd.DataFrame({"a": [1, 1, 2], "b": ["x", "x", "y"]}))[0].duplicates == 1


EQUAL = {
    "whole and float numbers": ([1, 2, 3], [1.0, 2.0, 3.0]),
    "zeros": ([0.0, 1.5], [-0.0, 1.5]),
    "missing numbers": ([1.5, None], [1.5, None]),
    "texts": (["a", "b", None], pd.Categorical(["a", "b", None], categories=["b", "a"])),
    "long texts": (["a" * 300 + "b"], ["a" * 300 + "b"]),
    "times": ([pd.Timestamp("2020-01-01"), pd.NaT], [pd.Timestamp("2020-01-01"), None]),
    "truths": ([True, False], pd.array([True, False], "boolean")),
    "decimals": ([decimal.Decimal("0.1")], [decimal.Decimal("0.10")]),
}
DIFFERENT = {
    "order": ([1, 2], [2, 1]),
    "where one is missing": ([0.0, None, 1.0], [None, 0.0, 1.0]),
    "numbers beyond what floats tell apart": ([2**60, 1], [2**60 + 1, 1]),
    "signs of the same bits": (np.array([2**64 - 1, 2**60], "uint64"), np.array([-1, 2**60], "int64")),
    "truths and numbers": ([True, False], [1, 0]),
    "texts and numbers": (["1", "2"], [1, 2]),
    "texts and bytes": (["a", "b"], [b"a", b"b"]),
    "ends of long texts": (["a" * 300 + "b"], ["a" * 300 + "c"]),
    "times and durations": (pd.to_datetime([1, 2]), pd.to_timedelta([1, 2])),
    "what is only written the same": ([[1], [2]], [[1], [2]]),
}


@pytest.mark.parametrize("case", [*EQUAL, *DIFFERENT])
def test_a_column_that_equals_an_earlier_one_names_it(case):
    left, right = (EQUAL | DIFFERENT)[case]
    frame = pd.DataFrame({"left": pd.Series(left), "right": pd.Series(right)})
    _, columns = profiled(frame)

    assert columns["left"].equal_to is None
    assert columns["right"].equal_to == ("left" if case in EQUAL else None)
    html = FrameProfilingRenderer().to_html(frame)
    assert ('<span class="badge warn">equal to left</span>' in html) == (case in EQUAL)


def test_in_a_sample_columns_are_equal_only_there():
    frame = pd.DataFrame({"a": np.arange(1000), "b": np.where(np.arange(1000) == 501, 0, np.arange(1000))})

    assert "equal to a in the sample" in FrameProfilingRenderer(max_rows=500).to_html(frame)
    assert "equal to a" not in FrameProfilingRenderer().to_html(frame)


def overview(frame, **how):
    """Read the table of all columns: its fields by their names, and each column's text in them."""
    html = FrameProfilingRenderer(**how).to_html(frame)
    [content] = re.findall(r'<script type="application/json">(\{"rows".*?)</script>', html)
    return {field["name"]: field["texts"] for field in json.loads(content)["columns"]}


def test_the_overview_has_a_line_for_each_column():
    found = overview(FRAME.assign(delay_again=FRAME["delay"]))

    assert found["Column"] == [*FRAME.columns, "delay_again"]
    assert found["Missing"] == ["1 (16.7 %)", "1 (16.7 %)", "0", "0", "0", "0", "6 (100 %)", "1 (16.7 %)"]
    assert found["Distinct"][:3] == ["5 (100 %)", "3 (60.0 %)", "2 (33.3 %)"]
    assert found["Distinct"][5:7] == ["1 (16.7 %)", "0"]
    assert found["Mean"] == ["22", "", "", "", "3 h 30 min", "7", "", "22"]
    assert found["Median"] == ["3", "", "", "2013-01-01", "3 h 00 min", "7", "", "3"]
    assert found["Most frequent"][:3] == ["", "EWR (50.0 %)", "True (66.7 %)"]
    assert found["Noticed"][5:] == ["constant", "", "equal to delay, sorted, 1 outlier"]


def test_the_overview_of_a_sample_says_about():
    frame = pd.DataFrame({"a": np.where(np.arange(1000) % 7 == 0, np.nan, 1.5), "b": range(1000)})
    found = overview(frame, max_rows=500)

    assert re.fullmatch(r"\d+ \(about 1\d\.\d %\)", found["Missing"][0])
    assert found["Distinct"][1] == "≥ 500 (about 100 %)"


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [], "b": []})])
def test_one_column_and_a_table_without_rows_have_no_overview(frame):
    assert '<div class="table-root"' not in FrameProfilingRenderer().to_html(frame)


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
