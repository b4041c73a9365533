"""Columns packed into a page come out as they went in."""

import base64

import numpy as np
import pandas as pd
import pytest

from obs_renderers._frames import open_frame
from obs_renderers._packing import pack_column


def packed(values, **options):
    frame = open_frame(pd.DataFrame({"a": pd.Series(values, **options)}))
    return pack_column(frame.column(0), "a", frame.dtype(0))


def unpacked(column):
    """What the page's script does."""
    raw = base64.b64decode(column.bytes)
    numbers = [int.from_bytes(raw[at : at + column.width], "little") for at in range(0, len(raw), column.width)]
    return [None if n == 256**column.width - 1 else n + int(column.offset) for n in numbers]


@pytest.mark.parametrize("values", [[1, 2, 3], [-5, 0, 254], [10**9, 0], [2**40, -3], []])
def test_integers_come_back(values):
    column = packed(values, dtype="int64")

    assert column.kind == "number"
    assert unpacked(column) == values


def test_small_integers_take_one_byte():
    assert packed([1000, 1001, 1254], dtype="int64").width == 1


def test_missing_integers_come_back():
    assert unpacked(packed([1, None, 3], dtype="Int64")) == [1, None, 3]


def test_floats_keep_six_significant_digits():
    column = packed([1.25, -2.5, np.nan])

    assert (column.kind, column.decimals, unpacked(column)) == ("number", 2, [125, -250, None])
    assert not column.rounded


def test_decimals_that_are_left_out_are_marked():
    column = packed([1 / 3, 123.456789])

    assert (column.decimals, unpacked(column), column.rounded) == (3, [333, 123457], True)


def test_a_few_floats_that_would_vanish_among_the_others_are_kept_by_themselves():
    column = packed([1e-9, 1e9, 3.0, -np.inf])

    assert (column.kind, column.decimals, unpacked(column)) == ("number", 1, [0, 10**10, 30, 0])
    assert column.odd == {0: "1e-09", 3: "-∞"}


def test_floats_of_many_sizes_stay_floats():
    column = packed(np.geomspace(1e-200, 1e200, 101))

    assert (column.kind, column.decimals) == ("float", None)
    assert np.frombuffer(base64.b64decode(column.bytes), "<f8").tolist() == np.geomspace(1e-200, 1e200, 101).tolist()


@pytest.mark.parametrize("values", [[2**63 - 1, -(2**63) + 2], [1860000000000000001, 1860000000000000002]])
def test_integers_beyond_what_a_page_counts_with_come_back(values):
    column = packed(values, dtype="int64")

    assert (column.kind, unpacked(column)) == ("number", values)


def test_integers_that_no_eight_bytes_hold_are_texts():
    column = packed([2**63 - 1, -(2**63)], dtype="int64")

    assert (column.kind, column.texts, column.numeric) == ("text", [str(2**63 - 1), str(-(2**63))], True)


def test_a_missing_value_among_the_largest_integers_comes_back():
    assert unpacked(packed([2**64 - 1, None, 5], dtype="UInt64")) == [2**64 - 1, None, 5]


def test_times_with_a_zone_bring_how_far_their_clock_is_ahead():
    column = packed(pd.date_range("2020-10-25 00:30", periods=2, freq="h", tz="UTC").tz_convert("Europe/Berlin"))

    assert (column.zone.texts, column.zone.seconds) == (["+01:00", "+02:00"], [3600, 7200])


def test_times_beyond_what_a_page_can_date_are_texts():
    column = packed(np.array(["300000-01-01", "2020-01-01"], "datetime64[s]"))

    assert (column.kind, column.texts) == ("text", ["300000-01-01", "2020-01-01"])


def test_times_take_the_coarsest_unit_that_holds_them():
    days = packed(pd.to_datetime(["1970-01-02", None, "1970-01-04"]))
    seconds = packed(pd.to_datetime(["1970-01-01 00:00:05"]))

    assert (days.kind, days.unit, unpacked(days)) == ("time", "D", [1, None, 3])
    assert (seconds.unit, unpacked(seconds)) == ("s", [5])


def test_repeating_texts_become_numbers_into_a_list():
    column = packed(["EWR", "JFK", None] * 10, dtype=object)

    assert (column.kind, column.texts, unpacked(column)[:3]) == ("category", ["EWR", "JFK", None], [0, 1, 2])


def test_distinct_texts_stay_readable_so_that_secrets_in_them_can_be_masked():
    column = packed(["token-abc", "token-def"], dtype=object)

    assert (column.kind, column.texts) == ("text", ["token-abc", "token-def"])


def test_huge_integers_are_texts_that_sort_as_numbers():
    column = packed([10**30, 2], dtype=object)

    assert (column.texts, column.numeric) == (["1000000000000000000000000000000", "2"], True)
