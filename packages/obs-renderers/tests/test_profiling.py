"""Profiles."""

import re
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


def test_a_long_table_is_sampled_and_the_page_says_so():
    html = FrameProfilingRenderer(max_rows=100).to_html(pd.DataFrame({"a": range(1000)}))

    assert "Profiled on a sample: 100 rows, evenly spread over the 1,000 of the table." in html


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
