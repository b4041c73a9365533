"""Every kind of column of pandas, polars, pyarrow, numpy and plain Python."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import enum
import math
import uuid
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from obs_profiles import ColumnProfile, Profile, check, expect, merge, profile
from obs_profiles.columns import unique_names

MOMENT = datetime.datetime(2013, 5, 1, 12, 30)
MICROS = 1_367_411_400_000_000


def column_of(values: Any) -> ColumnProfile:
    frame = {"it": values} if not hasattr(values, "to_frame") else values.to_frame("it")
    return profile(frame)["it"]


def pandas(values: Any, dtype: Any = None) -> ColumnProfile:
    return profile(pd.DataFrame({"it": pd.Series(values, dtype=dtype)}))["it"]


def arrow(values: Any, kind: Any = None) -> ColumnProfile:
    pa = pytest.importorskip("pyarrow")
    return profile(pa.table({"it": pa.array(values, kind)}))["it"]


def polars(values: Any, kind: Any = None) -> ColumnProfile:
    pl = pytest.importorskip("polars")
    return profile(pl.DataFrame({"it": pl.Series(values, dtype=kind)}))["it"]


def facts(column: ColumnProfile) -> tuple[str, int, int, int]:
    """Kind, rows, missing and distinct values."""
    return column.kind, column.rows, column.missing, round(column.distinct.estimate)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (lambda: pandas([1, 2, 2, None], "Int64"), "integer"),
        (lambda: pandas([1, 2, 2, None], "Float64"), "number"),
        (lambda: pandas([1.0, 2.0, 2.0, None]), "number"),
        (lambda: pandas([1.0, 2.0, 2.0, None], np.float16), "number"),
        (lambda: pandas([1.0, 2.0, 2.0, None], np.float32), "number"),
        (lambda: pandas(["a", "b", "b", None]), "text"),
        (lambda: pandas(["a", "b", "b", None], object), "text"),
        (lambda: pandas(["a", "b", "b", None], "string"), "text"),
        (lambda: pandas(["a", "b", "b", None], pd.StringDtype("python")), "text"),
        (lambda: pandas(["a", "b", "b", None], "category"), "text"),
        (lambda: pandas(pd.Categorical([1, 2, 2, None])), "integer"),
        (lambda: pandas(pd.Categorical([MOMENT, MOMENT + datetime.timedelta(1), MOMENT, None])), "time"),
        (lambda: pandas([True, False, True, None], "boolean"), "boolean"),
        (lambda: pandas([True, False, True, None], object), "boolean"),
        (lambda: pandas([True, False, True, None], "category"), "boolean"),
        (lambda: pandas([MOMENT, MOMENT, datetime.datetime(2014, 1, 1), None]), "time"),
        (lambda: pandas(pd.to_datetime(pd.Series(["2013", "2014", "2014", None]), utc=True)), "time"),
        (lambda: pandas(pd.to_timedelta([1, 2, 2, None], "h")), "duration"),
        (lambda: pandas(pd.PeriodIndex(["2013-01", "2013-02", "2013-02", None], freq="M")), "time"),
        (lambda: pandas(pd.arrays.IntervalArray.from_tuples([(0, 1), (1, 2), (1, 2), cast("Any", None)])), "object"),
        (lambda: pandas(pd.arrays.SparseArray([1.0, 2.0, 2.0, np.nan])), "number"),
        (lambda: pandas([b"a", b"b", b"b", None]), "bytes"),
        (lambda: pandas([[1, 2], [3], [3], None]), "list"),
        (lambda: pandas([{"a": 1}, {"b": 2}, {"b": 2}, None]), "mapping"),
        (lambda: pandas([decimal.Decimal("1.5"), decimal.Decimal(2), 2.0, decimal.Decimal("NaN")]), "number"),
        (
            lambda: pandas(
                [datetime.date(2013, 1, 1), datetime.date(2013, 1, 2)] * 1 + [None, datetime.date(2013, 1, 1)]
            ),
            "time",
        ),
        (lambda: pandas([datetime.time(5), datetime.time(6), datetime.time(6), None]), "duration"),
        (lambda: pandas([uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=2), None]), "object"),
        (lambda: pandas([1 + 2j, 3j, 3j, None], object), "object"),
        (lambda: arrow([1, 2, 2, None]), "integer"),
        (lambda: arrow([1.5, 2.5, 2.5, None]), "number"),
        (lambda: arrow(["a", "b", "b", None]), "text"),
        (lambda: arrow([b"a", b"b", b"b", None]), "bytes"),
        (lambda: arrow([True, False, True, None]), "boolean"),
        (lambda: arrow([MOMENT, datetime.datetime(2014, 1, 1), MOMENT, None]), "time"),
        (
            lambda: arrow([datetime.date(2013, 1, 1), datetime.date(2013, 1, 2), datetime.date(2013, 1, 2), None]),
            "time",
        ),
        (lambda: arrow([datetime.time(5), datetime.time(6), datetime.time(6), None]), "duration"),
        (lambda: arrow([datetime.timedelta(1), datetime.timedelta(2), datetime.timedelta(2), None]), "duration"),
        (lambda: arrow([decimal.Decimal("1.5"), decimal.Decimal(2), decimal.Decimal(2), None]), "number"),
        (lambda: arrow([[1, 2], [3], [3], None]), "list"),
        (lambda: arrow([{"a": 1}, {"a": 2}, {"a": 2}, None]), "mapping"),
        (lambda: polars([1, 2, 2, None]), "integer"),
        (lambda: polars([1.5, 2.5, 2.5, None]), "number"),
        (lambda: polars(["a", "b", "b", None]), "text"),
        (lambda: polars([True, False, True, None]), "boolean"),
        (lambda: polars([MOMENT, datetime.datetime(2014, 1, 1), MOMENT, None]), "time"),
        (lambda: polars([datetime.timedelta(1), datetime.timedelta(2), datetime.timedelta(2), None]), "duration"),
        (lambda: polars([[1, 2], [3], [3], None]), "list"),
        (lambda: column_of([1, 2, 2, None]), "integer"),
        (lambda: column_of(["a", "b", "b", None]), "text"),
        (lambda: column_of([{1}, {2}, {2}, None]), "list"),
        (lambda: column_of(np.array(["2013", "2014", "2014", "NaT"], "M8[Y]")), "time"),
        (lambda: column_of(np.array([1, 2, 2, "NaT"], "m8[s]")), "duration"),
    ],
)
def test_two_values_in_three_and_a_missing_one(column: Any, kind: str) -> None:
    assert facts(column()) == (kind, 4, 1, 2)


@pytest.mark.parametrize("kind", ["dictionary", "large_string", "string_view", "run_end", "binary_view", "fixed"])
def test_other_forms_of_arrow_texts(kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    made = pa.array(["aa", "bb", "bb", None])
    if kind == "dictionary":
        made = made.dictionary_encode()
    elif kind == "run_end":
        made = pytest.importorskip("pyarrow.compute").run_end_encode(made)
    elif kind == "fixed":
        made = pa.array([b"aa", b"bb", b"bb", None], pa.binary(2))
    else:
        if not hasattr(pa, kind):
            pytest.skip("this pyarrow has no views")
        made = made.cast(getattr(pa, kind)())
    column = profile(pa.table({"it": made}))["it"]
    assert facts(column)[1:] == (4, 1, 2)
    assert column.texts is not None
    assert column.texts.frequent.sorted_by_count() == [("bb", 2, 2), ("aa", 1, 1)]


def test_slices_and_chunks_of_arrow() -> None:
    pa = pytest.importorskip("pyarrow")
    texts = pa.chunked_array([["x", "a", None], [], ["b", "b"]]).slice(1)
    times = pa.chunked_array([[None, MOMENT], [MOMENT]]).slice(0, 3)
    assert facts(profile(pa.table({"it": texts}))["it"]) == ("text", 4, 1, 2)
    assert facts(profile(pa.table({"it": times}))["it"]) == ("time", 3, 1, 1)
    assert facts(profile(texts)["value"]) == ("text", 4, 1, 2)


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s"])
def test_times_are_times_in_every_unit_and_one_moment_is_one_value(unit: str) -> None:
    column = pandas(pd.Series([MOMENT, MOMENT, MOMENT.replace(hour=18)]).astype(cast("Any", f"M8[{unit}]")))
    assert column.times is not None
    assert (column.times.numbers.least, column.times.numbers.most) == (MICROS, MICROS + 6 * 3_600_000_000)
    assert column.times.hours.nonzero()[0].tolist() == [12, 18]
    assert column.times.weekdays.tolist() == [0, 0, 3, 0, 0, 0, 0]  # 2013-05-01 was a Wednesday
    both = pandas(pd.Series([MOMENT]).astype("M8[ns]")).distinct.coupons
    assert both is not None
    assert both.tolist() == pandas(pd.Series([MOMENT]).astype("M8[s]")).distinct.coupons.tolist()  # type: ignore[union-attr]


def test_times_with_a_zone_are_in_utc() -> None:
    pa = pytest.importorskip("pyarrow")
    zoned = pd.Series([MOMENT]).dt.tz_localize("America/New_York")
    # from objects pyarrow itself takes the local time at times (seen on Python 3.13): it gets the moment as a number
    moments = arrow([MICROS + 4 * 3_600_000_000], pa.timestamp("us", "America/New_York"))
    for column in (pandas(zoned), column_of([zoned[0]]), moments):
        assert column.times is not None
        assert column.times.numbers.least == MICROS + 4 * 3_600_000_000
        assert column.times.zone


def test_times_far_away() -> None:
    column = column_of(np.array(["-2000", "1970", "9999"], "M8[s]"))
    assert column.times is not None
    assert column.times.numbers.most == 253_370_764_800_000_000
    assert round(column.distinct.estimate) == 3
    assert column_of(np.array([2**62, 0], "M8[s]")).times is not None


def test_types_that_are_mixed_are_counted() -> None:
    column = column_of([1, "a", 2.5, True, None, b"x", [1], {"a": 1}, MOMENT, 2**70, float("nan"), object()])
    assert column.types == {
        "integer": 2,
        "boolean": 1,
        "bytes": 1,
        "list": 1,
        "mapping": 1,
        "number": 1,
        "object": 1,
        "text": 1,
        "time": 1,
    }
    assert (column.missing, column.nan) == (2, 1)
    assert column.numbers is not None
    assert column.numbers.most == 2.0**70


def test_nan_infinities_and_payloads() -> None:
    payload = np.array([0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0002], np.uint64).view(np.float64)
    column = column_of(np.concatenate([payload, [1.0, -np.inf, np.inf, np.inf, 2.0]]))
    assert (column.missing, column.nan, column.infinite, column.negative_infinite) == (2, 2, 3, 1)
    assert column.numbers is not None
    assert (column.numbers.least, column.numbers.most, column.numbers.moments.mean) == (1.0, 2.0, 1.5)


def test_a_nullable_column_tells_nan_from_missing() -> None:
    column = arrow([1.0, float("nan"), None])
    assert (column.missing, column.nan) == (2, 1)


def test_large_integers() -> None:
    unsigned = column_of(np.array([0, 2**64 - 1, 2**63], np.uint64))
    assert unsigned.numbers is not None
    assert (unsigned.numbers.least, unsigned.numbers.most) == (0, 2**64 - 1)
    huge = column_of([10**400, -(10**400), 5])
    assert (huge.infinite, huge.negative_infinite) == (2, 1)
    wide = column_of(np.array([-(2**63), 2**63 - 1]))
    assert wide.numbers is not None
    assert (wide.numbers.least, wide.numbers.most) == (-(2**63), 2**63 - 1)


def test_integers_beyond_the_sign_stay_what_they_are() -> None:
    numbers = [2**63 + 100 * place for place in range(10)]
    array = np.repeat(np.array(numbers, np.uint64), 3)
    found = [column_of(array), column_of(numbers * 3), arrow(numbers * 3, "uint64")]
    for column in found:
        assert column.numbers is not None
        assert (column.numbers.least, column.numbers.most) == (2**63, 2**63 + 900)
        assert column.numbers.moments.deviation == pytest.approx(np.std(np.repeat(range(0, 1_000, 100), 3), ddof=1))
        assert column.numbers.frequent.sorted_by_count() == [(number, 3, 3) for number in numbers]
        assert round(column.distinct.estimate) == 10
    assert len({str(merge_bytes(column)) for column in found}) == 1


def merge_bytes(column: ColumnProfile) -> bytes:
    """The bytes of a column, whatever its type is called."""
    return Profile({"it": replace(column, dtype="")}, column.rows).to_bytes()


def test_integers_of_any_size_are_told_apart() -> None:
    numbers = [2**64, 2**64 + 1, 2**64 + 5, 2**64 + 5, -(2**200) - 1, 7]
    column = Profile.from_bytes(profile({"it": numbers}).to_bytes())["it"]
    assert column.numbers is not None
    assert (column.numbers.least, column.numbers.most) == (-(2**200) - 1, 2**64 + 5)
    assert round(column.distinct.estimate) == 5
    known = {value: (least, most) for value, least, most in column.numbers.frequent.sorted_by_count()}
    assert known == {7: (1, 3), 2**64: (1, 3)}  # of the others it is known that none is there more than twice
    assert column.numbers.frequent.missed == 2


def test_equal_numbers_are_one_value_whatever_holds_them() -> None:
    pa = pytest.importorskip("pyarrow")
    decimals = [decimal.Decimal(cents) / 100 for cents in range(-300, 300)]
    large = [decimal.Decimal(2**53 + 1), decimal.Decimal("9007199254740993.5"), decimal.Decimal("1e-30")]
    for values, kind in ((decimals, None), (large, pa.decimal128(38, 2)), (large[:1], pa.decimal128(38, 0))):
        held = [value for value in values if kind is None or value.as_tuple().exponent >= -kind.scale]
        objects, table = column_of(held), arrow(held, kind)
        assert objects.distinct == table.distinct
        assert objects.numbers == table.numbers
    floats = column_of([float(value) for value in decimals])
    assert floats.distinct == arrow(decimals).distinct == column_of(decimals).distinct
    assert column_of([2**53 + 1]).distinct == column_of(large[:1]).distinct
    for parts in ([[2**53], [2.0**53]], [[0.0], [-0.0]], [[2.0**63], np.array([2**63], np.uint64)]):
        assert round(merge([profile({"it": part}) for part in parts])["it"].distinct.estimate) == 1
    apart: list[list[Any]] = [[np.array([2**64 - 1], np.uint64), [-1]], [[2**53], [2**53 + 1]]]
    for parts in apart:
        assert round(merge([profile({"it": part}) for part in parts])["it"].distinct.estimate) == 2


def test_a_dictionary_that_names_a_value_twice() -> None:
    pa = pytest.importorskip("pyarrow")
    for values in ([5, 5], [5.0, 5.0], ["a", "a"], [MOMENT, MOMENT], [datetime.timedelta(1)] * 2):
        twice = pa.DictionaryArray.from_arrays(pa.array([0] * 6 + [1] * 4, pa.int8()), pa.array(values))
        column = profile(pa.table({"it": twice}))["it"]
        assert column.frequent is not None
        assert [counts for _, *counts in column.frequent.sorted_by_count()] == [[10, 10]]
        assert facts(column)[1:] == (10, 0, 1)


def test_numbers_and_times_of_another_byte_order() -> None:
    for kind in ("i4", "u8", "f8", "M8[us]", "m8[s]"):
        column, swapped = (column_of(np.array([1, 2, 2], "i8").astype(order + kind)) for order in "<>")
        assert merge_bytes(swapped) == merge_bytes(column)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([pd.Timestamp.max - pd.Timedelta(minutes=place) for place in range(100)]),
        pd.Series([pd.Timestamp.max] * 5),
        pd.Series([pd.Timestamp.min] * 5),
        np.array([2**63 - 1, -(2**63) + 1], "M8[us]"),
        np.array([2**62, -(2**62)], "M8[D]"),
        np.array([10**9, -(10**9)], "M8[Y]"),
        np.array([10**15, -(10**15)], "M8[W]"),
        np.array([10**18, 5], "M8[25m]"),
        [np.datetime64(10**9, "Y"), np.datetime64("2020"), datetime.date.max, datetime.datetime.min],
    ],
)
def test_times_at_the_ends_of_what_64_bits_hold(values: Any) -> None:
    known = Profile.from_bytes(profile({"it": values}).to_bytes())
    times = known["it"].times
    assert times is not None
    assert times.hours.sum() == times.weekdays.sum() == known.rows
    assert min(times.hours.min(), times.weekdays.min()) >= 0
    assert times.numbers.least <= times.numbers.most
    known._repr_html_()


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "25s"])
def test_what_is_far_ahead_does_not_come_back_from_the_past(unit: str) -> None:
    column = column_of(np.array([2**62, -(2**62)], f"M8[{unit}]"))
    assert column.times is not None
    assert column.times.numbers.least < -(10**17)
    assert column.times.numbers.most > 10**17


def test_moments_and_lengths_of_time_a_nanosecond_apart_are_two() -> None:
    stamps = [pd.Timestamp(10**18), pd.Timestamp(10**18 + 1)]
    lengths = [pd.Timedelta(10**17), pd.Timedelta(10**17 + 1)]
    for values in (stamps, lengths):
        for column in (column_of(pd.Series(values)), column_of(pd.Series(values, dtype=object)), column_of(values)):
            assert round(column.distinct.estimate) == 2
            assert column.frequent is not None
            assert [counts for _, *counts in column.frequent.sorted_by_count()] == [[2, 2]]  # of one microsecond
    assert column_of(np.array([1], "m8[D]")).distinct == column_of([datetime.timedelta(1)]).distinct
    assert column_of([np.timedelta64(5, "s")]).kind == "duration"
    assert column_of([datetime.timedelta.max, datetime.timedelta.min]).durations.most == 86_399_999_999_999  # type: ignore[union-attr]


def test_periods_that_pandas_has_no_timestamps_for() -> None:
    for frequency, years in (("Y", ["0100", "9000"]), ("D", ["1000-01-01", "3000-01-01"])):
        column = column_of(pd.Series(pd.PeriodIndex([*years, None], freq=frequency)))
        assert facts(column) == ("time", 3, 1, 2)
        assert column.times is not None
        assert column.times.numbers.least == int(np.datetime64(years[0], "us").astype(int))


def test_texts_that_are_no_unicode() -> None:
    column = column_of(["ok", "half \ud800", "half \ud800"])
    assert column.texts is not None
    assert column.texts.frequent.sorted_by_count() == [("half \\ud800", 2, 2), ("ok", 1, 1)]
    assert column_of([b"\xff\xfe", b"\xff\xfe"]).texts.frequent.sorted_by_count() == [("\\xff\\xfe", 2, 2)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "texts",
    [
        ["EWR", "JFK", "", "Zürich"] * 50,  # alike
        [f"Zürich {number}" for number in range(200)],  # all different
        ["a\0b", "a", "b\0", "\0"] * 50,
        [f"\0{number}" for number in range(200)],
        [""],
    ],
)
@pytest.mark.parametrize("missing", [[], [None, math.nan, pd.NA, None]])
def test_texts_among_objects_are_profiled_as_those_of_arrow(texts: list[str], missing: list[Any]) -> None:
    objects = column_of([*missing, *texts])
    assert (objects.missing, objects.nan) == (len(missing), len(missing) // 4)
    assert profile_of_texts(objects) == profile_of_texts(arrow([*texts, *[None] * len(missing)], "string"))


def profile_of_texts(column: ColumnProfile) -> list[Any]:
    """What is known of the texts of a column, but for the name of its type."""
    return [column.rows, column.missing, column.types, column.distinct, column.texts]


def test_texts_among_other_values_are_texts() -> None:
    column = column_of(["a", 1, "a", 2.5, None, np.str_("b"), b"a"])
    assert (column.types, column.missing) == ({"text": 3, "bytes": 1, "integer": 1, "number": 1}, 1)
    assert column.texts is not None
    assert column.texts.frequent.sorted_by_count()[0] == ("a", 3, 3)  # text and bytes


def test_lengths_are_in_characters_and_lists_have_sizes() -> None:
    column = column_of(["", "ä", "日本語", "plain"])
    assert column.texts is not None
    assert (column.texts.lengths.least, column.texts.lengths.most, column.texts.empty) == (0, 5, 1)
    assert column.texts.lengths.moments.mean == 9 / 4
    lists = column_of([[1, 2, 3], [], None])
    assert lists.sizes is not None
    assert (lists.sizes.least, lists.sizes.most) == (0, 3)


def test_what_cannot_be_hashed_written_or_compared() -> None:
    class Hostile:
        __hash__ = None  # type: ignore[assignment]

        def __repr__(self) -> str:
            raise RuntimeError("no repr")

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no comparison")

    class Plain:
        pass

    column = column_of([Hostile(), Plain(), Plain(), enum.Enum("Colour", "RED").RED])  # type: ignore[attr-defined]
    assert (column.kind, column.missing, column.rows) == ("object", 0, 4)
    assert column.texts is not None
    (text, *counts), *_ = column.texts.frequent.sorted_by_count()
    assert counts == [2, 2]
    assert "0x" not in text  # no address: two objects of a class look alike, in every process


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("dtype", [float, int, bool, object, "str", "M8[ns]", "m8[s]", "category", "Int64"])
def test_empty_and_single(rows: int, dtype: Any) -> None:
    column = profile(pd.DataFrame({"it": pd.Series([1] * rows).astype(dtype)}))["it"]
    assert (column.rows, column.missing) == (rows, 0)
    assert column.kind == "empty" or rows


def test_columns_that_are_all_missing() -> None:
    for column in (pandas([None, None]), arrow([None, None]), polars([None, None]), column_of([None, np.nan])):
        assert (column.kind, column.missing, column.missing_share) == ("empty", 2, 1.0)


def test_names_become_texts_that_differ() -> None:
    assert unique_names(["a", "a", 1, ("x", 2), "a.1", "a"]) == ["a", "a.2", "1", "x / 2", "a.1", "a.3"]
    frame = pd.DataFrame([[1, 2.5], [3, 4.5]], columns=["a", "a"])
    assert [(name, column.kind) for name, column in profile(frame).columns.items()] == [
        ("a", "integer"),
        ("a.1", "number"),
    ]
    assert list(profile({"half \ud800": [1]})) == ["half \\ud800"]


def test_arrays_of_numpy() -> None:
    assert list(profile(np.zeros((5, 2)))) == ["0", "1"]
    assert profile(np.arange(5))["value"].rows == 5
    records = np.array([(1, "a"), (2, "b")], [("number", int), ("text", "U1")])
    assert [column.kind for column in profile(records).columns.values()] == ["integer", "text"]
    assert profile({"points": np.zeros((4, 3))})["points"].kind == "list"


@pytest.mark.parametrize("wrong", [5, "nothing.parquet ", object(), None, b"bytes"])
def test_what_is_no_data_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises((TypeError, OSError), match=r"needed, not|No such file|nothing"):
        profile(wrong)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="a: 1, b: 2"):
        profile({"a": [1], "b": [1, 2]})


def test_polars_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    from obs_profiles.columns import polars_columns

    monkeypatch.setattr(polars_columns, "find_spec", lambda name: None)
    assert facts(polars([1, 2, 2, None])) == ("integer", 4, 1, 2)
    assert facts(polars([1.5, 2.5, 2.5, None])) == ("number", 4, 1, 2)
    assert facts(polars(["a", "b", "b", None])) == ("text", 4, 1, 2)
    assert facts(polars([True, False, True, None])) == ("boolean", 4, 1, 2)
    assert facts(polars([MOMENT, datetime.datetime(2014, 1, 1), MOMENT, None])) == ("time", 4, 1, 2)
    assert facts(polars([datetime.date(2013, 1, 1), datetime.date(2014, 1, 1), None])) == ("time", 3, 1, 2)


def test_values_whose_methods_raise_are_counted_with_the_others() -> None:
    class Text(str):
        def __len__(self) -> int:
            raise RuntimeError("no length")

        def encode(self, *_: Any) -> bytes:
            raise RuntimeError("no bytes")

    class Real(float):
        def __ne__(self, other: object) -> bool:
            raise RuntimeError("no comparison")

    class Whole(int):
        def __int__(self) -> int:
            raise RuntimeError("no number")

    class Items(list[int]):
        def __len__(self) -> int:
            return -5

    class Classless:
        @property  # type: ignore[misc]
        def __class__(self) -> Any:
            raise RuntimeError("no class")

    class Zone(datetime.tzinfo):
        def utcoffset(self, moment: Any) -> datetime.timedelta:
            raise RuntimeError("no offset")

        dst = utcoffset

        def tzname(self, moment: Any) -> str:
            raise RuntimeError("no name")

    released = memoryview(b"bytes")
    released.release()
    strange = [Whole(3), Items([1]), Classless(), datetime.datetime(2020, 1, 1, tzinfo=Zone()), released]
    column = column_of([*strange, Real(2.5), Text("ä"), Text("b"), 7, [1, 2], MOMENT, b"x", None])
    assert (column.rows, column.missing) == (13, 1)
    assert column.types == {"object": 5, "text": 2, "bytes": 1, "integer": 1, "list": 1, "number": 1, "time": 1}
    assert column_of([Text("ä"), "b"]).types == {"text": 2}
    assert column_of([Text("a"), Text("bc")]).types == {"text": 2}


class NoHash(type):
    __hash__ = None  # type: ignore[assignment]


class NoComparison(type):
    def __eq__(cls, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __hash__(cls) -> int:
        return 1


class NoName(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


def test_values_whose_types_raise_are_objects() -> None:
    one, two, three, four = (kind("It", (), {})() for kind in (NoHash, NoComparison, NoComparison, NoName))
    column = column_of([one, two, three, four, 1, "a", "a", None, 2.5])
    assert column.types == {"object": 4, "text": 2, "integer": 1, "number": 1}
    assert (column.rows, column.missing) == (9, 1)


def test_names_that_cannot_be_written() -> None:
    class Name:
        def __str__(self) -> str:
            raise RuntimeError("no name")

    (name,) = profile({Name(): [1]})
    assert "Name" in name


def test_a_column_that_its_library_cannot_read_does_not_cost_the_others() -> None:
    pa = pytest.importorskip("pyarrow")
    lists = [pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([[number]])) for number in (1, 2)]
    texts = pa.array(["a", "b"])
    with contextlib.suppress(TypeError):  # older pyarrow makes no runs of what a dictionary holds
        texts = pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), texts.dictionary_encode())
    known = profile(pa.table({"lists": pa.chunked_array(lists), "runs": texts, "good": [1, 2]}))
    assert {name: facts(column)[:3] for name, column in known.columns.items()} == {
        "lists": ("list", 2, 0),
        "runs": ("text", 2, 0),
        "good": ("integer", 2, 0),
    }


def test_the_same_small_containers_look_the_same_as_one_by_one() -> None:
    values: list[Any] = [[1, "a"], [1, "a"], [1.5, "a"], (1, "a"), {"k": None}, [[1], 2], [10**5000], []]
    column = column_of(values)
    assert column.texts is not None
    found = {text: least for text, least, _ in column.texts.frequent.sorted_by_count()}
    assert found["[1, 'a']"] == 2
    assert {"[1.5, 'a']", "(1, 'a')", "{'k': None}", "[[1], 2]", "[]"} <= set(found)
    assert column.types == {"list": 7, "mapping": 1}


@pytest.mark.parametrize(
    "make",
    [
        lambda i: [1] * i,
        lambda i: [1.5, float(i)],
        lambda i: [None, i],
        lambda i: ["a", None] * i,
        lambda i: [[i], None, [None, 3]],
        lambda i: {"a": i, "b": [1, 2]},
        lambda i: [{"a": i, "b": None}],
        lambda i: [datetime.datetime(2024, 1, 1 + i)],
        lambda i: [datetime.timedelta(seconds=i), None],
        lambda i: [datetime.date(2024, 1, 1 + i)],
        lambda i: [i] * 1_000,
    ],
)
def test_a_list_is_one_value_in_each_library(make: Any) -> None:
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    values = [make(i) for i in range(5)] * 4
    table = pa.table({"it": values})
    frames = [table, table.to_pandas(), {"it": values}, pl.from_arrow(table)]
    found = merge(map(profile, frames))["it"]
    assert found.distinct_count.estimate == 5
    assert found.distinct_count.least <= 5
    assert len(found.texts.frequent) == 5  # type: ignore[union-attr]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_a_list_of_moments_is_one_value_in_each_unit(unit: str, zone: str | None) -> None:
    pa = pytest.importorskip("pyarrow")
    moments = [[MOMENT + datetime.timedelta(days=i), None] for i in range(5)]
    table = pa.table({"it": pa.array(moments, pa.list_(pa.timestamp(unit, zone)))})
    assert merge([profile(table), profile(table.to_pandas())])["it"].distinct_count.estimate == 5


def test_a_list_of_whole_floats_is_that_of_integers() -> None:
    floats, integers = column_of([[1.0, math.nan], (2.0,)]), column_of([[1, None], (2,)])
    assert floats.distinct == integers.distinct
    assert column_of([np.array([1.0, math.nan])]).distinct == column_of([[1, None]]).distinct


def test_rows_of_an_array_are_lists() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    assert profile({"it": array})["it"].distinct == column_of(array.tolist()).distinct


def test_nanoseconds_in_lists_are_told_apart() -> None:
    moments = np.array(["2024-01-01T00:00:00.000000001", "2024-01-01T00:00:00.000000002", "NaT"], "M8[ns]")
    assert column_of([moments[:1], moments[1:2], moments[:0], moments[2:]]).distinct_count.estimate == 4


def test_what_a_masked_array_masks_is_missing() -> None:
    masked = np.ma.array([1.0, np.nan, 900.0], mask=[False, False, True])
    column = profile(masked)["value"]
    assert (column.rows, column.missing, column.nan) == (3, 2, 1)
    assert column.numbers is not None
    assert column.numbers.most == 1.0


def test_values_that_python_cannot_hold_are_objects() -> None:
    pa = pytest.importorskip("pyarrow")
    far = pa.array([[2**62], [0], None], pa.list_(pa.timestamp("s")))
    column = column_of(far)
    assert column.types == {"list": 2}
    assert column.texts is not None
    assert column.texts.frequent.values[0].startswith("<a value of list<")
    dictionary = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1, None]), pa.array([[1], [2, 3]]))
    column = profile(pa.table({"it": dictionary}))["it"]
    assert (column.types, column.missing) == ({"list": 3}, 1)
    pl = pytest.importorskip("polars")
    if hasattr(pl, "Int128"):
        assert polars([2**100, None], pl.Int128).types == {"integer": 1}


def test_the_name_of_a_type_stays_short() -> None:
    pl = pytest.importorskip("polars")
    assert len(polars(["c1"], pl.Enum([f"c{k}" for k in range(5_000)])).dtype) <= 101


def test_columns_that_can_be_read_but_once() -> None:
    values = profile({"it": (k % 2 for k in range(10)), "more": iter("abcdefghij")}, by="it")
    assert {name: part.rows for name, part in values.segments.items()} == {"0": 5, "1": 5}


@pytest.mark.parametrize(
    ("shape", "what"), [((), "a single value, with no dimension"), ((2, 2, 2), "one of 3 dimensions")]
)
def test_arrays_of_other_dimensions_are_refused(shape: tuple[int, ...], what: str) -> None:
    with pytest.raises(TypeError, match=f"one dimension, or two, of which the second are columns; this is {what}"):
        profile(np.zeros(shape))


def test_complex_numbers_that_are_none_are_missing() -> None:
    for values in ([1 + 2j, complex("nan"), complex(0, float("nan"))], np.array([1 + 2j, np.nan, complex(0, np.nan)])):
        (column,) = profile({"it": values}).columns.values()
        assert (column.missing, column.nan, dict(column.types)) == (2, 2, {"object": 1})


def test_booleans_of_arrow_that_take_a_byte_are_booleans() -> None:
    arrow = pytest.importorskip("pyarrow")
    if not hasattr(arrow, "bool8"):
        pytest.skip("this pyarrow has none")
    column = arrow.ExtensionArray.from_storage(arrow.bool8(), arrow.array([1, 0, None, 5], arrow.int8()))
    known = profile(arrow.table({"it": column}))["it"]
    assert (dict(known.types), known.true, known.missing) == ({"boolean": 3}, 2, 1)


def test_identifiers_of_arrow_look_as_those_of_python() -> None:
    import uuid

    import pyarrow as pa

    if not hasattr(pa, "uuid"):
        pytest.skip("this pyarrow knows no identifiers")
    values = [uuid.UUID(int=number) for number in (1, 2, 2)]
    table = pa.table({"it": pa.array([value.bytes for value in values], pa.uuid())})
    frame = pd.DataFrame({"it": pd.Series(values, dtype=object)})
    known, other = profile(table)["it"], profile(frame)["it"]
    assert known.kind == other.kind == "object"
    assert known.texts is not None
    assert other.texts is not None
    assert known.texts.frequent.sorted_by_count() == other.texts.frequent.sorted_by_count()


def test_rows_of_a_frame_without_columns_are_counted() -> None:
    assert profile(pd.DataFrame(index=range(5))).rows == 5
    assert profile(np.empty((5, 0))).rows == 5
    assert profile({}).rows == 0


def test_what_cannot_be_profiled_is_named() -> None:
    with pytest.raises(TypeError, match="this is a single value, with no dimension"):
        profile(np.array(5))
    for path in ("", "nowhere.parquet"):
        with pytest.raises(FileNotFoundError, match=f"no such file, of a profile or of Parquet: '{path}'"):
            profile(path)


def test_a_profile_or_a_frame_is_no_column() -> None:
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for make in (profile, pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table):
        whole = make({"delay": [1]})
        with pytest.raises(TypeError, match=f"column 'it' is a sequence of values, not {type(whole).__name__}"):
            profile({"it": whole})


def test_half_a_pair_is_spelled_alike_in_names_and_values() -> None:
    texts = ["\ud800", "a\udfff\xe9", "\ud83d\ude00"]
    known = profile({"\ud800": texts})
    assert list(known) == ["\\ud800"]
    frequent = known["\ud800"].frequent
    assert frequent is not None
    assert set(frequent.values) == {"\\ud800", "a\\udfff\xe9", "\\ud83d\\ude00"}
    assert check(known, expect("\ud800").among(*texts)).passed
    raw = profile({"it": [b"\xed\xa0", b"\xed\xa0\x80", b"\xff"]})["it"].frequent
    assert raw is not None
    assert set(raw.values) == {"\\xed\\xa0", "\\xed\\xa0\\x80", "\\xff"}  # bytes are no text


def test_a_column_named_by_half_a_pair_is_found_by_its_name() -> None:
    known = profile({"\ud800": [1]})
    assert "\ud800" in known
    assert known["\ud800"] is known["\\ud800"]


NANOSECONDS = np.datetime64("2024-01-01T00:00:00.000000005")


@pytest.mark.parametrize(
    "cells",
    [
        [
            [datetime.date(2024, 1, 1)],
            [datetime.datetime(2024, 1, 1)],
            [datetime.datetime(2024, 1, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))],
            [np.datetime64("2024-01-01")],
            [pd.Timestamp("2024-01-01")],
            *(np.array(["2024-01-01"], f"M8[{unit}]") for unit in ("Y", "M", "D", "h", "s", "ms", "us")),
            np.array(["2024-01-01"], "M8[ns]"),
            np.array([datetime.date(2024, 1, 1)], object),
        ],
        [[NANOSECONDS], [pd.Timestamp(NANOSECONDS)], np.array([NANOSECONDS])],
        [[pd.Timestamp(NANOSECONDS, tz="Europe/Berlin")], [pd.Timestamp(NANOSECONDS) - pd.Timedelta(hours=1)]],
        [
            [datetime.timedelta(days=1)],
            [np.timedelta64(1, "D")],
            [pd.Timedelta(days=1)],
            *(np.array([np.timedelta64(1, "D")]).astype(f"m8[{unit}]") for unit in ("D", "h", "s", "ms", "us", "ns")),
        ],
        [[np.timedelta64(5, "ns")], [pd.Timedelta(5, "ns")], np.array([5], "m8[ns]")],
        [[None], [pd.NaT], [np.datetime64("NaT", "s")], np.array(["NaT"], "M8[ns]"), np.array(["NaT"], "m8[s]")],
        [[[datetime.date(2024, 1, 1)]], np.array([["2024-01-01"]], "M8[D]"), [np.array(["2024-01-01"], "M8[s]")]],
        [np.array(["300000-01-01"], "M8[D]"), [np.datetime64("300000-01-01", "s")]],
        [[(1, NANOSECONDS)], np.array([(1, NANOSECONDS)], [("a", int), ("b", "M8[ns]")])],
    ],
)
def test_moments_within_others_are_alike_whatever_holds_them(cells: list[Any]) -> None:
    for by_name in (False, True):
        values = [{"a": cell} for cell in cells] if by_name else cells
        column = profile({"it": values})["it"]
        assert column.texts is not None
        assert len(column.texts.frequent) == 1, column.texts.frequent.values


def test_moments_within_lists_of_arrow_and_polars_are_those_of_python() -> None:
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    moment = pd.Timestamp(NANOSECONDS)
    nanoseconds = pa.array([[moment]], pa.list_(pa.timestamp("ns")))
    for column in (nanoseconds, pd.Series(nanoseconds.to_pandas())):
        assert profile({"it": column})["it"].texts == profile({"it": [[moment]]})["it"].texts
    days = [[datetime.date(2024, 1, 1)]]
    for column in (pa.array(days), pl.Series(days)):
        assert profile({"it": column})["it"].texts == profile({"it": [np.array(days[0], "M8[D]")]})["it"].texts


@pytest.mark.parametrize("make", [pandas, arrow, polars, column_of])
def test_elements_of_lists_are_profiled_as_a_column_of_them_is(make: Any) -> None:
    elements = make([["a", "b"], ["c", None], [], None, ["a"]]).elements
    assert (elements.types, elements.rows, elements.missing) == ({"text": 4}, 5, 1)
    assert elements.frequent.sorted_by_count() == [("a", 2, 2), ("b", 1, 1), ("c", 1, 1)]
    assert make([[], None]).elements.rows == 0
    assert make([1, None]).elements is None


@pytest.mark.parametrize("make", [pandas, arrow, polars, column_of])
def test_elements_of_lists_within_lists_are_those_of_the_innermost(make: Any) -> None:
    elements = make([[[1, 2], [3]], [[4], []], None]).elements
    assert elements.numbers.frequent.values.tolist() == [1, 2, 3, 4]
    assert elements.elements is None


def test_elements_of_arrays_are_those_of_lists() -> None:
    array = np.arange(600_000.0).reshape(3, 2, 100_000)
    rows, cells = profile({"it": array})["it"].elements, column_of(list(array)).elements
    for elements in (rows, cells):
        assert elements is not None
        assert elements.numbers is not None
        assert (elements.rows, elements.numbers.least, elements.numbers.most) == (600_000, 0, 599_999)
        assert abs(float(elements.numbers.quantiles.quantiles(0.5)) - 300_000) < 6_000


def test_elements_of_lists_that_hold_themselves_and_of_what_raises() -> None:
    class Items(list[int]):
        def __iter__(self) -> Any:
            raise RuntimeError

    itself: list[Any] = [1]
    itself.append(itself)
    elements = column_of([itself, Items([2, 3]), {4}, (5, np.array([6, 7]))]).elements
    assert elements is not None
    assert elements.numbers is not None
    assert list(elements.numbers.frequent.values) == [1, 2, 3, 4, 5, 6, 7]


def test_elements_of_parts_are_those_of_the_whole_if_all_know_theirs() -> None:
    one, other = profile({"it": [["a"], ["b", "c"]]}), profile({"it": [["a", None]]})
    assert merge([one, other])["it"].elements == profile({"it": [["a"], ["b", "c"], ["a", None]]})["it"].elements
    unknown = Profile({"it": replace(other["it"], elements=None)}, 1)
    assert merge([one, unknown])["it"].elements is None
    assert Profile.from_bytes(one.to_bytes()) == one
    assert "Elements: Most frequent" in one._repr_html_()
