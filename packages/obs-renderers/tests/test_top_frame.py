"""The preview of a table."""

import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from obs_renderers import TopFrameRenderer


def cells(html):
    return re.findall(r"<td[^>]*>(.*?)</td>", html)


def test_the_first_and_last_rows_are_shown_and_the_others_counted():
    html = TopFrameRenderer(max_rows=4).to_html(pd.DataFrame({"a": range(10)}))

    assert [cell for cell in cells(html) if cell.isdigit()] == ["0", "1", "8", "9"]
    assert "6 rows not shown" in html
    assert "<b>10 rows</b> × <b>1 column</b> · pandas DataFrame" in html


def test_the_first_and_last_columns_are_shown():
    html = TopFrameRenderer(max_cols=2).to_html(pd.DataFrame([range(9)], columns=list("abcdefghi")))

    assert re.findall(r'<span class="name">(\w)</span>', html) == ["a", "i"]


def test_missing_values_are_counted_in_all_rows_of_a_short_table():
    html = TopFrameRenderer().to_html(pd.DataFrame({"a": [1.0, None, None, 4.0]}))

    assert "50.0 % missing" in html
    assert "spread over" not in html


def test_missing_values_of_a_long_table_are_counted_in_a_sample_and_the_page_says_so():
    html = TopFrameRenderer().to_html(pd.DataFrame({"a": np.where(np.arange(100_000) % 7 == 0, np.nan, 1.0)}))

    assert "missing values counted in 1,887 rows spread over the table, ± 2.1 %" in html
    assert re.search(r'title="2\d\d of 1,887 rows, ± 2\.1 %">about 1[34]\.\d % missing', html)


def test_a_sample_without_missing_values_says_how_many_there_may_be():
    assert "spread over the table, ± 0.2 %" in TopFrameRenderer().to_html(pd.DataFrame({"a": np.ones(100_000)}))


@pytest.mark.parametrize("period", [2, 3, 10, 60])
def test_missing_values_that_come_regularly_are_not_all_or_none_of_a_sample(period: int):
    rows = 2_000 * period * 15
    html = TopFrameRenderer().to_html(pd.DataFrame({"a": np.where(np.arange(rows) % period, 1.0, np.nan)}))

    (share,) = re.findall(r"about ([\d.]+) % missing", html)
    assert float(share) == pytest.approx(100 / period, rel=0.1)


def test_a_long_text_is_cut_to_200_characters():
    html = TopFrameRenderer().to_html(pd.DataFrame({"a": ["x" * 5000]}))

    assert cells(html) == ["x" * 199 + "…"]


def test_floats_of_a_column_have_the_same_decimals():
    html = TopFrameRenderer().to_html(pd.DataFrame({"a": [1.5, 22.25, -3.0, 1 / 3]}))

    assert cells(html) == ["1.5000", "22.2500", "-3.0000", "0.3333"]


def test_times_at_midnight_are_dates():
    html = TopFrameRenderer().to_html(pd.DataFrame({"a": pd.to_datetime(["2013-01-01", "2013-01-02"])}))

    assert cells(html) == ["2013-01-01", "2013-01-02"]


def test_pandas_2_and_3_name_types_alike():
    frame = pd.DataFrame(
        {
            "text": ["a", "b"],
            "time": pd.to_datetime(["2013-01-01 05:15", "2013-01-02 05:15"]),
            "zoned": pd.to_datetime(["2013-01-01", "2013-01-02"]).tz_localize("Europe/Berlin"),
            "duration": pd.to_timedelta([1, 2], unit="s"),
            "number": [1, 2],
        }
    )

    names = re.findall(r'<span class="dtype">(.*?)</span>', TopFrameRenderer().to_html(frame))
    assert names == ["str", "datetime", "datetime, Europe/Berlin", "duration", "int64"]


def test_a_series_is_a_table_of_one_column():
    html = TopFrameRenderer().to_html(pd.Series([1, 2], name="delay"))

    assert "<b>2 rows</b> × <b>1 column</b> · pandas Series" in html
    assert ">delay<" in html


def test_polars_frames_are_read_in_place():
    pl = pytest.importorskip("polars")
    html = TopFrameRenderer(max_rows=2).to_html(pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", "z"]}))

    assert "polars DataFrame" in html
    assert "33.3 % missing" in html
    assert cells(html)[:2] == ["1", "x"]


def test_the_table_is_not_copied():
    frame = pd.DataFrame({f"c{i}": np.zeros(1_000_000) for i in range(4)})
    tracemalloc.start()
    try:
        html = TopFrameRenderer().to_html(frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < frame.memory_usage().sum() / 20
    assert "<b>1,000,000 rows</b> × <b>4 columns</b>" in html


@pytest.mark.parametrize("name", ["max_rows", "max_cols"])
def test_a_size_below_one_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, not 0"):
        TopFrameRenderer(**{name: 0})


def test_rows_have_their_names():
    frame = pd.DataFrame({"carrier": ["AA", "UA", "AA"], "month": [1, 2, 2], "delay": [1.0, 5.0, 3.0]})

    def names(value):
        return re.findall(r'<th scope="row" class="(.*?)">(.*?)</th>', TopFrameRenderer().to_html(value))

    assert names(frame.groupby("carrier").delay.mean()) == [("index text", "AA"), ("index text", "UA")]
    assert names(frame.groupby(["month", "carrier"]).delay.mean())[:2] == [
        ("index many", "1"),
        ("index many text", "AA"),
    ]
    assert [text for _, text in names(frame.delay.describe())][4:7] == ["25%", "50%", "75%"]


def test_numbers_and_what_is_missing_among_them_are_on_the_right():
    html = TopFrameRenderer().to_html(pd.DataFrame({"a": [1.5, None], "b": pd.Series([1, "x"], dtype=object)}))

    assert '<td class="number">1.5</td>' in html
    assert '<td class="missing number">NA</td>' in html
    assert '<td class="other">1</td>' in html


def test_a_rounded_number_has_all_its_digits_in_its_tooltip():
    html = TopFrameRenderer().to_html(pd.DataFrame({"a": [1 / 3, 100.0]}))

    assert '<td class="number" title="0.3333333333333333">0.333</td>' in html
