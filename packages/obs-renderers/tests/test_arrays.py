"""Numpy arrays."""

import re
import tracemalloc
from html import unescape

import numpy as np
import pytest

from obs_renderers import ArrayRenderer


def shown(html):
    return dict(re.findall(r"<dt>(\w+)</dt><dd>(.*?)</dd>", html))


def test_shape_type_and_statistics():
    html = ArrayRenderer().to_html(np.array([[0.0, 2.0], [4.0, np.nan]]))

    assert "<b>2 × 2</b> · float64 · 32 B" in html
    assert shown(html) == {
        "min": "0",
        "mean": "2",
        "max": "4",
        "std": "1.633",
        "NaN": "25.0 %",
        "zero": "25.0 %",
    }


def cells(html):
    return re.findall(r"<td[^>]*>(.*?)</td>", html)


def test_what_is_masked_is_neither_shown_nor_counted():
    html = ArrayRenderer().to_html(np.ma.masked_array([1, 1000, 3, np.nan], mask=[False, True, False, False]))

    assert cells(html) == ["1.0", "NA", "3.0", "NaN"]
    told = {"min": "1", "mean": "2", "max": "3", "std": "1", "masked": "25.0 %", "NaN": "25.0 %"}
    assert shown(html) == told


def test_a_missing_element_is_not_what_lies_between_others():
    assert cells(ArrayRenderer().to_html(np.array([1, None, "x"], dtype=object))) == ["1", "NA", "x"]
    assert cells(ArrayRenderer().to_html(np.array(["2013-01-01T05:15", "NaT"], "datetime64[s]"))) == [
        "2013-01-01 05:15:00",
        "NA",
    ]


def test_records_between_the_first_and_the_last_are_left_out():
    records = np.array([(n,) for n in range(30)], dtype=[("n", int)])
    firsts, lasts = [f"({n},)" for n in range(5)], [f"({n},)" for n in range(25, 30)]

    assert cells(ArrayRenderer().to_html(records)) == [*firsts, "⋯", *lasts]


def test_the_corners_of_a_large_array_are_shown():
    html = ArrayRenderer().to_html(np.arange(10_000).reshape(100, 100))

    assert ">9999<" in html
    assert ">5050<" not in html


def test_statistics_of_a_very_large_array_are_of_a_sample_and_say_so():
    html = ArrayRenderer().to_html(np.ones(12_000_000, dtype=np.int8))

    assert "of 4,000,000 values spread over the array" in html


def test_the_sample_of_a_large_array_is_of_all_its_columns():
    html = ArrayRenderer().to_html(np.tile(np.array([0, 30, 60], dtype=np.int8), (4_000_000, 1)))

    assert "<dt>mean</dt><dd>30" in html


@pytest.mark.parametrize(
    ("array", "head", "cells"),
    [
        (np.array(3), "a single value", ["3"]),
        (np.empty((0, 4)), "0 × 4", []),
        (np.array([1 + 2j]), "1", ["(1+2j)"]),
        (np.array(["2013-01-01", "NaT"], dtype="datetime64[ns]"), "2", ["2013-01-01 00:00:00.000000000", "NA"]),
        (np.array([b"x"]), "1", ["b'x'"]),
        (np.array([(1, "a")], dtype=[("n", int), ("s", "U5")]), "1", ["(1, 'a')"]),
        (np.array([{"a": 1}, None], dtype=object), "2", ["{'a': 1}", "NA"]),
        (np.zeros((2, 3, 4, 5)), "2 × 3 × 4 × 5", ["0.0"] * 20),
        (np.ma.masked_array([1, 2], mask=[True, False]), "2", ["NA", "2"]),
        (np.array([2**64 - 1], dtype=np.uint64), "1", ["18446744073709551615"]),
        (np.array([np.finfo(float).max] * 3), "3", ["1.79769e+308"] * 3),
        (np.matrix([[1, 2]]), "1 × 2", ["1", "2"]),
    ],
    ids=lambda value: f"{value.dtype}-{value.shape}" if isinstance(value, np.ndarray) else "",
)
def test_arrays_of_every_kind_are_shown(array, head, cells):
    html = ArrayRenderer().to_html(array)

    assert f"<b>{head}</b> · " in html
    assert [unescape(re.sub("<.*?>", "", cell)) for cell in re.findall("<td.*?>(.*?)</td>", html)] == cells


@pytest.mark.parametrize(
    "view",
    [
        np.broadcast_to(np.float64(1), (6000, 5001)),
        np.zeros((6000, 5001)).T,
        np.ma.array(np.broadcast_to(np.float64(1), (6000, 5001)), mask=np.broadcast_to(False, (6000, 5001))),
        np.broadcast_to(np.array((1, 2), dtype="f8,f8"), (6000, 5001)),
    ],
    ids=["one number", "transposed", "masked", "records"],
)
def test_a_view_is_not_copied_whole(view):
    ArrayRenderer().to_html(np.arange(6.0))
    tracemalloc.start()
    try:
        html = ArrayRenderer().to_html(view)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "6,000" in html
    assert peak < 160_000_000 < view.size * 8


def test_a_program_that_makes_numpys_warnings_errors_sees_its_arrays_all_the_same():
    with np.errstate(all="raise"):
        html = ArrayRenderer().to_html(np.array([1e308, -1e308, 1e-320, np.nan]))
    assert shown(html)["max"] == "1e+308"
