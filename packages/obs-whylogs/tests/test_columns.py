"""Columns of every type, also those on which whylogs fails on numpy 2 and pandas 3."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")

from obs_whylogs import profile
from obs_whylogs.columns import unique_names

LARGEST = 2**63 - 1


def column(series: Any) -> dict[str, Any]:
    """Profile one column, and return what whylogs says about it."""
    frame = pd.DataFrame({"it": series}) if not isinstance(series, pd.DataFrame) else series
    (found,) = profile(frame).get_columns().values()
    summary: dict[str, Any] = found.to_summary_dict()
    return summary


def types_in(summary: dict[str, Any]) -> dict[str, int]:
    return {name.removeprefix("types/"): n for name, n in summary.items() if name.startswith("types/") and n}


def counts_in(summary: dict[str, Any]) -> tuple[int, int, int]:
    return summary["counts/n"], summary["counts/null"], summary["counts/nan"]


def frequent(summary: dict[str, Any]) -> dict[str, int]:
    return {item.value: item.est for item in summary["frequent_items/frequent_strings"]}


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["EWR", "JFK", None, "EWR"]),
        pd.Series(["EWR", "JFK", None, "EWR"], dtype=object),
        pd.Series(["EWR", "JFK", None, "EWR"], dtype="string"),
        pd.Series(["EWR", "JFK", None, "EWR"], dtype="category"),
        pd.Series(["EWR", "JFK", None, "EWR"], dtype="string[python]"),
    ],
    ids=lambda series: str(series.dtype),
)
def test_texts_of_every_dtype_give_the_same_profile(series: Any) -> None:
    summary = column(series)
    assert counts_in(summary)[:2] == (4, 1)
    assert types_in(summary) == {"string": 3}
    assert frequent(summary) == {"EWR": 2, "JFK": 1}
    assert summary["cardinality/est"] == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "Int64", "UInt8"])
def test_integers_of_every_dtype_give_the_same_profile(dtype: str) -> None:
    summary = column(pd.Series([3, 1, 2, 2], dtype=dtype))
    assert types_in(summary) == {"integral": 4}
    assert (summary["ints/min"], summary["ints/max"]) == (1, 3)
    assert summary["distribution/mean"] == 2
    assert frequent(summary) == {"1": 1, "2": 2, "3": 1}


def test_a_nullable_integer_is_missing_without_being_nan() -> None:
    assert counts_in(column(pd.Series([1, None, 3], dtype="Int64"))) == (3, 1, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_is_missing_and_nan_and_infinity_is_neither(dtype: str) -> None:
    summary = column(pd.Series([1.5, np.nan, np.inf], dtype=dtype))
    assert counts_in(summary) == (3, 1, 1)
    assert summary["counts/inf"] == 1
    assert types_in(summary) == {"fractional": 2}


def test_a_nullable_float_is_missing_without_being_nan() -> None:
    assert counts_in(column(pd.Series([1.5, None], dtype="Float64"))) == (2, 1, 0)


@pytest.mark.parametrize("dtype", ["bool", "boolean"])
def test_booleans_are_counted(dtype: str) -> None:
    summary = column(pd.Series([True, False, True], dtype=dtype))
    assert types_in(summary) == {"boolean": 3}
    assert summary["counts/true"] == 2
    assert frequent(summary) == {"True": 2, "False": 1}
    assert summary["distribution/mean"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([pd.Timestamp("2013-01-01"), pd.NaT]),
        pd.Series([pd.Timestamp("2013-01-01", tz="UTC"), pd.NaT]),
        pd.Series(pd.to_timedelta(["1h", None])),
        pd.Series(pd.PeriodIndex(["2013-01", None], freq="M")),
        pd.Series([pd.Interval(0, 1), None], dtype="interval"),
        pd.Series([dt.date(2013, 1, 1), None]),
        pd.Series([b"bytes", None]),
        pd.Series([1 + 2j, complex("nan")]),
    ],
    ids=lambda series: str(series.dtype),
)
def test_times_and_the_like_are_counted(series: Any) -> None:
    summary = column(series)
    assert counts_in(summary)[:2] == (2, 1)
    assert types_in(summary) == {"object": 1}


def test_integers_beyond_64_bits_are_numbers_and_do_not_wrap_around() -> None:
    summary = column(pd.Series([1, 2**64 - 1], dtype="uint64"))
    assert types_in(summary) == {"integral": 1, "fractional": 1}
    assert summary["distribution/max"] == pytest.approx(2.0**64)
    summary = column(pd.Series([1, 10**30, -(10**400)], dtype=object))
    assert types_in(summary) == {"integral": 1, "fractional": 2}
    assert (summary["distribution/min"], summary["distribution/max"]) == (-np.inf, 1e30)


def test_a_mixed_column_is_split_by_the_type_of_its_values() -> None:
    values = ["text", 1, 2.5, Decimal("0.5"), True, None, np.nan, [1, 2], np.arange(3), [[1], [2, 3]], {"a": 1}]
    summary = column(pd.Series(values, dtype=object))
    assert counts_in(summary) == (11, 2, 1)
    assert types_in(summary) == {
        "string": 1, "integral": 1, "fractional": 2, "boolean": 1, "tensor": 2, "object": 2,
    }  # fmt: skip


def test_a_categorical_of_numbers_has_their_distribution() -> None:
    summary = column(pd.Series([3, 1, None], dtype="category"))
    assert types_in(summary) in ({"integral": 2}, {"fractional": 2})
    assert summary["distribution/mean"] == 2


def test_a_sparse_column_is_read_as_a_dense_one() -> None:
    summary = column(pd.Series([0.0, 0.0, 5.0], dtype="Sparse[float]"))
    assert summary["counts/n"] == 3
    assert summary["distribution/max"] == 5


def test_an_all_missing_column_counts_what_is_missing() -> None:
    for values in ([None, None], [np.nan, np.nan], [pd.NA, pd.NA], [pd.NaT, pd.NaT]):
        summary = column(pd.Series(values))
        assert counts_in(summary)[:2] == (2, 2)
        assert types_in(summary) == {}


def test_long_texts_are_counted_by_their_beginning_and_distinguished_by_all_of_it() -> None:
    summary = column(pd.Series(["x" * 128 + "a", "x" * 128 + "b"]))
    assert frequent(summary) == {"x" * 128: 2}
    assert summary["cardinality/est"] == pytest.approx(2, abs=0.01)


class TestArrow:
    pa: Any = pytest.importorskip("pyarrow")

    @pytest.mark.parametrize(
        ("values", "kind", "types"),
        [
            (["a", None, "b"], "string", {"string": 2}),
            (["a", None, "b"], "large_string", {"string": 2}),
            ([1, None, 3], "int32", {"integral": 2}),
            ([1, None, 2**64 - 1], "uint64", {"integral": 1, "fractional": 1}),
            ([1.5, None, 2.5], "float32", {"fractional": 2}),
            ([True, None, False], "bool_", {"boolean": 2}),
            ([dt.datetime(2013, 1, 1), None, dt.datetime(2013, 1, 2)], "date64", {"object": 2}),
            ([b"x", None, b"y"], "binary", {"object": 2}),
            ([None, None, None], "null", {}),
        ],
    )
    def test_types_in_a_table_and_in_pandas_are_read_alike(self, values: Any, kind: str, types: Any) -> None:
        array = self.pa.array(values, getattr(self.pa, kind)())
        table = self.pa.table({"it": self.pa.chunked_array([array, array])})
        arrow = profile(table).get_column("it").to_summary_dict()
        assert counts_in(arrow)[:2] == (6, 2 * values.count(None))
        assert types_in(arrow) == {name: 2 * count for name, count in types.items()}
        in_pandas = column(table.to_pandas(types_mapper=pd.ArrowDtype))
        assert types_in(in_pandas) == types_in(arrow)
        assert counts_in(in_pandas)[:2] == counts_in(arrow)[:2]

    def test_decimals_keep_what_is_behind_the_point(self) -> None:
        array = self.pa.array([Decimal("1.25"), Decimal("2.25")], self.pa.decimal128(10, 2))
        assert column(pd.Series(array, dtype=pd.ArrowDtype(array.type)))["distribution/mean"] == 1.75

    def test_nan_in_arrow_is_missing_as_in_pandas(self) -> None:
        summary = profile(self.pa.table({"it": [1.0, float("nan"), None]})).get_column("it").to_summary_dict()
        assert counts_in(summary) == (3, 2, 1)

    def test_dictionaries_are_categoricals_and_lists_of_numbers_tensors(self) -> None:
        table = self.pa.table({"d": self.pa.array(["a", "b", None]).dictionary_encode(), "l": [[1, 2], None, [3]]})
        view = profile(table)
        assert types_in(view.get_column("d").to_summary_dict()) == {"string": 2}
        assert types_in(view.get_column("l").to_summary_dict()) == {"tensor": 2}

    def test_a_record_batch_is_a_frame_too(self) -> None:
        batch = self.pa.RecordBatch.from_pydict({"it": [1, 2]})
        assert profile(batch).get_column("it").get_metric("counts").n.value == 2


class TestPolars:
    pl: Any = pytest.importorskip("polars")

    def test_every_type_is_read(self) -> None:
        pytest.importorskip("pyarrow")
        frame = self.pl.DataFrame(
            {
                "text": ["a", None, "b"],
                "int": [1, None, 3],
                "float": [1.5, float("nan"), None],
                "flag": [True, None, False],
                "time": [dt.datetime(2013, 1, 1), None, dt.datetime(2013, 1, 2)],
                "list": [[1], None, [2, 3]],
                "struct": [{"a": 1}, None, {"a": 2}],
                "category": self.pl.Series(["x", None, "y"], dtype=self.pl.Categorical),
            }
        )
        view = profile(frame)
        found = {name: types_in(each.to_summary_dict()) for name, each in view.get_columns().items()}
        assert found == {
            "text": {"string": 2}, "int": {"integral": 2}, "float": {"fractional": 1}, "flag": {"boolean": 2},
            "time": {"object": 2}, "list": {"tensor": 2}, "struct": {"object": 2}, "category": {"string": 2},
        }  # fmt: skip
        nulls = {name: each.get_metric("counts").null.value for name, each in view.get_columns().items()}
        assert nulls == dict.fromkeys(found, 1) | {"float": 2}

    def test_python_objects_are_read_by_their_values(self) -> None:
        column = self.pl.Series("it", [1, "text", None], dtype=self.pl.Object)
        summary = profile(self.pl.DataFrame([column])).get_column("it").to_summary_dict()
        assert types_in(summary) == {"integral": 1, "string": 1}


def test_names_become_unique_texts() -> None:
    assert unique_names(["a", "a", 1, "1", None, ("x", 2), "a.1", "a"]) == [
        "a", "a.2", "1", "1.1", "None", "x / 2", "a.1", "a.3",
    ]  # fmt: skip


def test_columns_of_one_name_are_profiled_each_by_itself() -> None:
    frame = pd.DataFrame([[1, "x"], [2, "y"]], columns=["it", "it"])
    view = profile(frame)
    assert types_in(view.get_column("it").to_summary_dict()) == {"integral": 2}
    assert types_in(view.get_column("it.1").to_summary_dict()) == {"string": 2}


def test_five_thousand_columns_of_one_name_differ() -> None:
    assert len(set(unique_names(["same"] * 5000))) == 5000
