"""A value counts the same, whichever container it came from."""

from __future__ import annotations

import datetime
import decimal
import enum
import pathlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from obs_profiles import ColumnProfile, Profile, check, expect, profile

Values = Sequence[Any]


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


class Word(enum.StrEnum):
    A = "a"
    B = "b"


def objects(values: Values) -> Any:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def series(values: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"it": pd.Series(values, dtype=dtype)})


def categories(values: Values) -> pd.DataFrame:
    distinct = pd.Index(list(dict.fromkeys(values)), dtype=object)
    made = pd.Categorical(values, categories=distinct)
    if made.isna().any():
        pytest.skip("this pandas does not find such values among its categories")
    return series(made)


def of_arrow(values: Values, change: Callable[[Any], Any] = lambda array: array) -> Any:
    pa = pytest.importorskip("pyarrow")
    return pa.table({"it": change(pa.array(values))})


def of_polars(values: Values, dtype: str = "") -> Any:
    pl = pytest.importorskip("polars")
    try:
        made = pl.Series("it", values, dtype=getattr(pl, dtype) if dtype else None)
    except TypeError:
        pytest.skip("this polars does not take such values")
    return pl.DataFrame({"it": made})


def as_arrow_has_them(values: Values) -> Any:
    pa = pytest.importorskip("pyarrow")
    return pa.table({"it": pa.Array.from_pandas(pd.Series(values))})


def fixed(values: Values) -> Any:
    pa = pytest.importorskip("pyarrow")
    return pa.table({"it": pa.array(values, pa.binary(len(values[0])))})


def views(values: Values) -> Any:
    pa = pytest.importorskip("pyarrow")
    if not hasattr(pa, "binary_view"):
        pytest.skip("this pyarrow knows no views")
    return pa.table({"it": pa.array(values, pa.binary_view() if isinstance(values[0], bytes) else pa.string_view())})


EVERYWHERE: dict[str, Callable[[Values], Any]] = {
    "list": lambda values: {"it": list(values)},
    "numpy": lambda values: {"it": objects(values)},
    "pandas, objects": lambda values: series(objects(values), object),
    "pandas": series,
    "pandas, categories": categories,
    "polars, objects": lambda values: of_polars(values, "Object"),
}
ARROW: dict[str, Callable[[Values], Any]] = {
    "arrow": of_arrow,
    "arrow, dictionary": lambda values: of_arrow(values, lambda array: array.dictionary_encode()),
    "polars": of_polars,
}
FROM_PANDAS: dict[str, Callable[[Values], Any]] = {"arrow, as pandas gives it": as_arrow_has_them}
NUMPY: dict[str, Callable[[Values], Any]] = {"numpy, its own type": lambda values: {"it": np.array(values)}}
NOT_POLARS = {name: make for name, make in EVERYWHERE.items() if not name.startswith("polars")}

MONTHS = [pd.Period("2013-05", "M"), pd.Period("2014-01", "M"), pd.Period("2013-05", "M"), pd.Period("1500-01", "M")]
MOMENTS = [pd.Period("2013-05-01 05:00:00.000000001", "ns"), pd.Period("2014-01-01", "ns")]
SPANS = [pd.Interval(0, 1), pd.Interval(1, 2), pd.Interval(0, 1)]
BYTES = [b"\x80" * 10, b"\xff" * 10, b"0123456789", b"\xc3\xa9" * 5]

TABLE: list[tuple[str, Values, dict[str, Callable[[Values], Any]]]] = [
    ("time", MONTHS, EVERYWHERE | FROM_PANDAS),
    ("time", MOMENTS, EVERYWHERE | FROM_PANDAS),
    ("object", SPANS, EVERYWHERE | FROM_PANDAS),
    ("duration", [pd.Timedelta("1h"), pd.Timedelta("2h"), pd.Timedelta("1h")], EVERYWHERE | ARROW),
    ("duration", [datetime.timedelta(hours=1), datetime.timedelta(hours=2)], EVERYWHERE | ARROW | NUMPY),
    ("time", [pd.Timestamp("2013-01-01 05:00"), pd.Timestamp("2014-01-01")], EVERYWHERE | ARROW),
    ("time", [datetime.date(2013, 5, 1), datetime.date(2013, 5, 2)], EVERYWHERE | ARROW),
    ("object", [Colour.RED, Colour.BLUE, Colour.RED], NOT_POLARS),  # of an Enum polars itself takes the value
    ("integer", [Number.ONE, Number.TWO, Number.ONE], EVERYWHERE | ARROW | NUMPY),
    ("text", [Word.A, Word.B, Word.A], EVERYWHERE | ARROW | NUMPY | {"arrow, views": views}),
    ("object", [uuid.UUID(int=5), uuid.UUID(int=7), uuid.UUID(int=5)], EVERYWHERE),
    ("object", [pathlib.PurePosixPath("/a"), pathlib.PurePosixPath("/b")], EVERYWHERE),
    ("number", [decimal.Decimal("1.50"), decimal.Decimal("2.25")], EVERYWHERE | ARROW),
    ("integer", [np.int8(1), np.int8(-2), np.int8(1)], EVERYWHERE | ARROW | NUMPY),
    ("number", [np.float32(0.1), np.float32(2), np.float32(0.1)], EVERYWHERE | ARROW | NUMPY),
    ("boolean", [np.bool_(True), np.bool_(False), np.bool_(True)], EVERYWHERE | ARROW | NUMPY),
    ("text", [np.str_("é"), np.str_("bc"), np.str_("é")], EVERYWHERE | ARROW | NUMPY),
    ("time", [np.datetime64("2013-05-01T05:00"), np.datetime64("2014-05-01T05:00")], EVERYWHERE | NUMPY),
    ("duration", [np.timedelta64(5, "h"), np.timedelta64(6, "h")], EVERYWHERE | NUMPY),
    ("bytes", BYTES, EVERYWHERE | ARROW | NUMPY | {"arrow, one width": fixed, "arrow, views": views}),
    ("text", ["é", "日本", "\U0001f600", "", "a"], EVERYWHERE | ARROW | NUMPY | {"arrow, views": views}),
]
CASES = [(kind, values, name, make) for kind, values, found in TABLE for name, make in found.items()]


@pytest.mark.parametrize(
    ("kind", "values", "make"),
    [(kind, values, make) for kind, values, _, make in CASES],
    ids=[f"{type(values[0]).__name__}, {name}" for _, values, name, _ in CASES],
)
def test_a_value_counts_the_same_whichever_container_it_came_from(
    kind: str, values: Values, make: Callable[[Values], Any]
) -> None:
    column = profile(make(values))["it"]
    assert column.kind == kind
    assert bytes_of(column) == bytes_of(profile({"it": list(values)})["it"])


def bytes_of(column: ColumnProfile) -> bytes:
    """The bytes of a column, whatever its type is called."""
    return Profile({"it": replace(column, dtype="")}, column.rows).to_bytes()


OF_BYTES = EVERYWHERE | ARROW | NUMPY | {"arrow, one width": fixed, "arrow, views": views}


@pytest.mark.parametrize("make", OF_BYTES.values(), ids=list(OF_BYTES))
def test_bytes_are_as_long_as_they_are(make: Callable[[Values], Any]) -> None:
    texts = profile(make(BYTES))["it"].texts
    assert texts is not None
    assert (texts.lengths.least, texts.lengths.most, texts.empty) == (10, 10, 0)


def test_each_byte_of_what_is_no_text_is_a_character() -> None:
    pa = pytest.importorskip("pyarrow")
    values = [b"\x80\x80", b"\xc3", b"\xa9", "é".encode(), b"a\xff", b""]
    texts = profile({"it": pa.array(values, pa.binary()).view(pa.string())})["it"].texts
    assert texts is not None
    assert texts.empty == 1
    assert texts.lengths.frequent.sorted_by_count() == [(1, 3, 3), (2, 2, 2), (0, 1, 1)]


@pytest.mark.parametrize("kind", ["list_", "large_list", "map_", "struct", "binary", "string"])
def test_columns_of_arrow_without_a_value_have_no_sizes(kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    parts: dict[str, tuple[Any, ...]] = {"map_": (pa.int8(), pa.int8()), "struct": ([("part", pa.int8())],)}
    made = getattr(pa, kind)(*parts.get(kind, () if kind in ("binary", "string") else (pa.int8(),)))
    for values in (pa.array([], made), pa.array([None, None], made), pa.chunked_array([], made)):
        column = profile({"it": values})["it"]
        assert (column.kind, column.rows, column.sizes, column.texts) == ("empty", len(values), None, None)


@pytest.mark.parametrize("make", (EVERYWHERE | FROM_PANDAS).values(), ids=list(EVERYWHERE | FROM_PANDAS))
def test_a_period_equals_none_of_another_frequency_whichever_container_it_came_from(
    make: Callable[[Values], Any],
) -> None:
    months = [pd.Period("2013-05", "M"), pd.Period("2013-06", "M")]
    data = make(months)
    for known in (data, profile(data)):
        assert check(known, expect("it").among(*months)).passed
        assert not check(known, expect("it").among(*(month.asfreq("D", "start") for month in months))).passed
        assert not check(known, expect("it").among(months[0])).passed
