"""Frames of every kind render with every renderer of frames."""

import datetime as dt
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_renderers import FrameProfilingRenderer, TableRenderer, TopFrameRenderer

NIGHT = dt.datetime(2013, 1, 1, 5, 15)

COLUMNS = {
    "ints": lambda n: pd.Series(range(n), dtype="int64"),
    "uints": lambda n: pd.Series([2**64 - 1] * n, dtype="uint64"),
    "floats": lambda n: pd.Series([0.1, np.inf, np.nan, -1e300, 5e-324] * n, dtype="float64")[:n],
    "strings": lambda n: pd.Series(["a", "", "ü\ud800\n\0"] * n, dtype=object)[:n],
    "long": lambda n: pd.Series(["x" * 5000] * n, dtype=object),
    "huge": lambda n: pd.Series([10**400, -(10**30), 3] * n, dtype=object)[:n],
    "missing": lambda n: pd.Series([None] * n, dtype=object),
    "nan": lambda n: pd.Series([np.nan] * n, dtype="float64"),
    "nested": lambda n: pd.Series([{"a": [1]}, [1, 2], np.arange(3), (1,), None] * n, dtype=object)[:n],
    "mixed": lambda n: pd.Series([1, "a", 2.5, None, True] * n, dtype=object)[:n],
    "times": lambda n: pd.Series([NIGHT, pd.NaT] * n, dtype="datetime64[ns]")[:n],
    "zoned": lambda n: pd.Series(pd.date_range("2020-10-25", periods=n, freq="h", tz="Europe/Berlin")),
    "durations": lambda n: pd.Series([dt.timedelta(days=-1, seconds=3), pd.NaT] * n, dtype="timedelta64[ns]")[:n],
    "periods": lambda n: pd.Series(pd.period_range("2020-01", periods=n, freq="M")),
    "intervals": lambda n: (
        pd.Series(pd.interval_range(0, n, periods=n)) if n else pd.Series([], dtype="interval[int64, right]")
    ),
    "categories": lambda n: pd.Series(pd.Categorical(["a", None, "b"] * n))[:n],
    "numbered": lambda n: pd.Series(pd.Categorical([1, 2, None] * n))[:n],
    "booleans": lambda n: pd.Series([True, False] * n, dtype=bool)[:n],
    "nullable": lambda n: pd.Series([1, None, 3] * n, dtype="Int64")[:n],
    "maybe": lambda n: pd.Series([True, None] * n, dtype="boolean")[:n],
    "decimals": lambda n: pd.Series([Decimal("1.10"), Decimal("NaN"), None] * n, dtype=object)[:n],
    "complex": lambda n: pd.Series([1 + 2j] * n),
    "dates": lambda n: pd.Series([dt.date(2020, 1, 1), None] * n, dtype=object)[:n],
    "clock": lambda n: pd.Series([dt.time(5, 15)] * n, dtype=object),
    "arrow ints": lambda n: pd.Series([1, None, 3] * n, dtype="int64[pyarrow]")[:n],
    "arrow strings": lambda n: pd.Series(["a", None] * n, dtype="string[pyarrow]")[:n],
    "arrow times": lambda n: pd.Series([NIGHT, None] * n, dtype="timestamp[us][pyarrow]")[:n],
    "sparse": lambda n: pd.Series(pd.arrays.SparseArray([0, 0, 1] * n))[:n],
}
NAMES = st.one_of(
    st.text(max_size=8),
    st.integers(),
    st.none(),
    st.tuples(st.text(max_size=3), st.integers()),
    st.just(NIGHT),
)
RENDERERS = [TopFrameRenderer(), TableRenderer(), FrameProfilingRenderer(max_rows=20)]


def built(kinds, names, rows):
    frame = (
        pd.concat([COLUMNS[kind](rows).reset_index(drop=True) for kind in kinds], axis=1)
        if kinds
        else pd.DataFrame(index=range(rows))
    )
    frame.columns = pd.Index(names[: len(kinds)], dtype=object, tupleize_cols=False)
    return frame


def size(html):
    """The number of rows and columns that a page names, and how many cards a profile has."""
    named = re.search(r"<b>([\d,]+) rows?</b> × <b>(\d+) columns?</b>", html)
    if named is None:
        named = re.search(r"<dt>rows</dt><dd>([\d,]+)</dd></div><div><dt>columns</dt><dd>(\d+)</dd>", html)
        assert html.count("<article") == int(named[2])
    return int(named[1]), int(named[2])


@pytest.mark.parametrize("rows", [0, 1, 7, 60])
@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_every_kind_renders(kind, rows):
    frame = built([kind], ["the column"], rows)

    for renderer in RENDERERS:
        assert "the column" in renderer.to_html(frame)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kinds=st.lists(st.sampled_from(sorted(COLUMNS)), max_size=5),
    names=st.lists(NAMES, min_size=5, max_size=5),
    rows=st.integers(0, 25),
)
def test_any_frame_renders(kinds, names, rows):
    frame = built(kinds, names, rows)

    for renderer in RENDERERS:
        html = renderer.to_html(frame)
        assert html.encode("utf-8")
        assert size(html) == (rows, len(kinds))


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=5), st.booleans(), st.binary(max_size=3))
    )
)
def test_any_mixture_of_values_renders(values):
    frame = pd.DataFrame({"the mixture": pd.Series(values, dtype=object)})

    for renderer in RENDERERS:
        html = renderer.to_html(frame)
        assert html.encode("utf-8")
        assert "the mixture" in html
        assert size(html) == (len(values), 1)


def test_duplicate_names_are_columns_of_their_own():
    frame = pd.DataFrame([[1, "x"], [2, "y"]], columns=["a", "a"])

    for renderer in RENDERERS:
        html = renderer.to_html(frame)
        assert html.count(">a<") >= 2
        assert "int64" in html
        assert "str" in html


def test_a_multiindex_on_both_axes_shows_its_levels():
    columns = pd.MultiIndex.from_tuples([("delay", "mean"), ("delay", "max")])
    rows = pd.MultiIndex.from_tuples([("EWR", 2013), ("JFK", 2014)], names=["origin", "year"])
    html = TopFrameRenderer().to_html(pd.DataFrame([[1, 2], [3, 4]], columns=columns, index=rows))

    for text in ("delay / mean", "delay / max", "origin", "year", ">EWR<", ">2014<"):
        assert text in html


def test_no_rows_and_no_columns_say_so():
    html = TopFrameRenderer().to_html(pd.DataFrame())

    assert "<b>0 rows</b> × <b>0 columns</b>" in html
