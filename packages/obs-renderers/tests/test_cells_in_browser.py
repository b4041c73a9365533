"""Whatever a frame holds is what a reader sees: cells are read back in a browser and compared with what was put in.

Frames hold every type of numpy, pandas, polars and pyarrow, with every way to say "missing" and every edge.
"""

import datetime as dt
import decimal
import fractions
import functools
import itertools
import math
import re
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_core.text.controls import visible
from obs_core.text.numbers import share
from obs_renderers import FrameProfilingRenderer, TableRenderer, TopFrameRenderer

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.browser
ROWS = 12
NS_MAX = 2**63 - 1

READ = """() => {
  const text = (cell) => cell.classList.contains("missing") ? null : cell.textContent;
  const grid = [...document.querySelectorAll(".obs-table .grid-body .grid-row:not([hidden])")]
    .map((row) => [...row.querySelectorAll(".cell:not(.index)")].map(text));
  const preview = [...document.querySelectorAll(".obs-frame:not(.obs-profile *) tbody tr")]
    .map((row) => [...row.querySelectorAll("td")].map(text));
  const cards = [...document.querySelectorAll("article")].map((card) => card.textContent);
  const facts = [...document.querySelectorAll("article")].map((card) => ({
    name: card.querySelector("h3").textContent,
    badges: [...card.querySelectorAll(".badge")].map((one) => one.textContent),
    facts: Object.fromEntries(
      [...card.querySelectorAll("dl div")].map((pair) => [...pair.children].map((one) => one.textContent))),
  }));
  const all = (rows, cells) =>
    [...document.querySelectorAll(rows)].map((row) => [...row.querySelectorAll(cells)].map(text));
  const texts = (selector) => [...document.querySelectorAll(selector)].map((one) => one.textContent);
  const preview_heads = [...document.querySelectorAll(".obs-frame:not(.obs-profile *) thead th:not(.index)")];
  return {
    grid, preview, cards, facts,
    "grid head": texts(".obs-table .grid-head .cell:not(.index) .name"),
    "grid index": all(".obs-table .grid-body .grid-row:not([hidden])", ".cell.index"),
    "preview head": preview_heads.map((head) => head.querySelector(".name").textContent),
    "preview index": all(".obs-frame:not(.obs-profile *) tbody tr", "th"),
    "preview missing": preview_heads.map((head) => (head.querySelector(".missing-share") || {}).textContent || ""),
  };
}"""


@pytest.fixture(scope="module")
def read(browser):
    """Render a frame with every renderer of frames and read back what a browser shows of it."""
    page = browser.new_context(viewport={"width": 1300, "height": 900}, offline=True).new_page()
    trouble = []
    page.on("pageerror", lambda error: trouble.append(str(error)))

    def shown(frame, *, profile=True):
        renderers = [TableRenderer(), TopFrameRenderer(max_rows=ROWS, max_cols=3_000)]
        html = "".join(renderer.to_html(frame) for renderer in renderers)
        html += FrameProfilingRenderer().to_html(frame) if profile else ""
        page.set_content(f"<!doctype html><meta charset=utf-8><body>{html}</body>")
        found = page.evaluate(READ)
        raised, trouble[:] = list(trouble), []
        assert raised == []
        return found

    shown.page = page
    return shown


# ---- what a cell must say, by the kind of value ----------------------------------------------------------------


def agrees(cell, value, digits=15):
    """Tell whether a cell says what the value is."""
    if value is None:
        return cell is None
    if cell is None:
        return False
    if isinstance(value, float):
        return says_number(cell, value, digits)
    if isinstance(value, np.datetime64):
        return np.datetime64(cell.replace(" ", "T")) == value
    if isinstance(value, np.timedelta64):
        return duration_in(cell) == value
    return cell == str(value)


def says_number(cell, value, digits):
    if math.isnan(value):
        return cell == "NaN"
    if math.isinf(value):
        return cell == ("∞" if value > 0 else "-∞")
    read_back = float(cell)
    # Three digits of the smallest, six of the largest of a column; never zero for what is none.
    return math.isclose(read_back, value, rel_tol=6e-3) and (read_back == 0) == (value == 0)


CLOCK = re.compile(r"(?P<sign>-?)(?:(?P<days>\d+) d ?)?(?:(?P<h>\d+):(?P<m>\d+):(?P<s>\d+)(?:\.(?P<f>\d+))?)?")


def duration_in(cell):
    told = CLOCK.fullmatch(cell)
    seconds = (
        int(told["days"] or 0) * 86_400 + int(told["h"] or 0) * 3600 + int(told["m"] or 0) * 60 + int(told["s"] or 0)
    )
    fraction = (told["f"] or "").ljust(9, "0")
    total = (seconds * 10**9 + int(fraction)) * (-1 if told["sign"] else 1)
    unit, size = ("ns", 1) if abs(total) <= NS_MAX else ("s", 10**9)
    return np.timedelta64(total // size, unit)


def check(found, columns, *, rounded_digits=15):
    """Compare what the two tables show with the values of each column."""
    for view in ("grid", "preview"):
        rows = found[view]
        assert len(rows) == len(next(iter(columns.values()))), view
        for place, (name, values) in enumerate(columns.items()):
            cells = [row[place] for row in rows]
            wrong = [(c, v) for c, v in zip(cells, values, strict=True) if not agrees(c, v, rounded_digits)]
            assert not wrong, f"{view}, column {name}: {wrong[:3]}"


def check_texts(found, rows):
    """Compare what the two tables show with the text of each cell."""
    assert found["grid"] == rows
    assert found["preview"] == rows


# ---- numpy and pandas ------------------------------------------------------------------------------------------

INTEGERS = {
    f"{sign}int{bits}": [0, 1, info.min, info.max, info.max - 1]
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
    for info in (np.iinfo(f"{sign}int{bits}"),)
}
FLOATS = [0.0, -0.0, 1.5, -1 / 3, 1e-9, 123456.789, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 1e15]
FAR = ["0001-01-01", "1677-09-21", "9999-12-31", "250000-01-01", "-0044-03-15", "1970-01-01", "2024-02-29"]


def test_integers_of_numpy_and_pandas_are_exact(read):
    columns = {f"numpy {name}": (pd.Series(np.array(values, name)), values) for name, values in INTEGERS.items()}
    columns |= {
        f"pandas {name}": (
            pd.Series(pd.array([*values[:4], None], name.replace("int", "Int").replace("uI", "UI"))),
            [*values[:4], None],
        )
        for name, values in INTEGERS.items()
    }
    columns |= {
        f"arrow {name}": (pd.Series(pd.array([*values[:4], None], f"{name}[pyarrow]")), [*values[:4], None])
        for name, values in INTEGERS.items()
    }
    check(read(pd.DataFrame({k: s for k, (s, _) in columns.items()})), {k: v for k, (_, v) in columns.items()})


def test_floats_of_every_size_are_told_apart(read):
    columns = {
        "numpy": (np.array(FLOATS), FLOATS),
        "missing": (np.array([*FLOATS[1:], np.nan]), [*FLOATS[1:], None]),
        "pandas": (pd.array([*FLOATS[1:], None], "Float64"), [*FLOATS[1:], None]),
        "arrow": (pd.array([*FLOATS[1:], None], "double[pyarrow]"), [*FLOATS[1:], None]),
        "usual": (np.linspace(-3, 1000, len(FLOATS)), np.linspace(-3, 1000, len(FLOATS)).tolist()),
        "single": (np.array([0.1] * len(FLOATS), "float32"), [0.1] * len(FLOATS)),
        "half": (np.array([0.1] * len(FLOATS), "float16"), [0.1] * len(FLOATS)),
        "large": (np.array([1e300] * len(FLOATS)), [1e300] * len(FLOATS)),
    }
    found = read(pd.DataFrame({name: pd.Series(array) for name, (array, _) in columns.items()}))

    check(found, {name: values for name, (_, values) in columns.items()})
    assert {row[6] for row in found["grid"]} == {"0.1"}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_and_durations_of_numpy_are_exact(read, unit):
    near = ["1970-01-01", "2024-02-29", "1677-09-22", "2262-04-11", "NaT"]
    times = np.array(near if unit == "ns" else [*FAR[:4], "NaT"], f"datetime64[{unit}]")
    fine = np.array([0, 1, -1, 10**12 + 1, np.iinfo(np.int64).min], np.int64)
    columns = {
        "days": times,
        "fine": fine.view(f"datetime64[{unit}]"),
        "duration": fine.view(f"timedelta64[{unit}]"),
    }
    found = read(pd.DataFrame({name: pd.Series(array) for name, array in columns.items()}))

    check(found, {name: [None if np.isnat(each) else each for each in array] for name, array in columns.items()})


def test_far_years_are_shown_whoever_holds_them(read):
    days = np.array(FAR, "datetime64[D]")
    counts = days.astype(np.int64)
    seconds = counts * 86_400
    columns = {
        "numpy": pd.Series(days.astype("datetime64[s]")),
        "arrow": pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(seconds, pa.timestamp("s"))]))),
    }
    check(read(pd.DataFrame(columns)), {name: list(days) for name in columns})
    check(
        read(pa.table({"a": pa.array(counts.astype(np.int32)).cast(pa.int32()).view(pa.date32())})), {"a": list(days)}
    )
    check(read(pl.DataFrame({"a": pl.Series(seconds * 1000).cast(pl.Datetime("ms"))})), {"a": list(days)})


def test_times_with_a_zone_say_how_far_from_utc_they_are(read):
    utc = pd.date_range("2020-10-25 00:30:00", periods=3, freq="h", tz="UTC")
    frame = pd.DataFrame({"a": utc.tz_convert("Europe/Berlin"), "b": utc, "c": utc.tz_convert("Asia/Kathmandu")})

    check(read(frame), {name: [str(value) for value in frame[name]] for name in frame})
    assert [str(value) for value in frame["a"]][:2] == ["2020-10-25 02:30:00+02:00", "2020-10-25 02:30:00+01:00"]
    check(read(pl.from_pandas(frame)), {name: [str(value) for value in frame[name]] for name in frame})
    check(read(pa.Table.from_pandas(frame)), {name: [str(value) for value in frame[name]] for name in frame})


def test_texts_that_differ_by_a_control_character_do_not_look_the_same(read):
    codes = [code for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) != "\r"]
    frame = pd.DataFrame({"a": [f"a{chr(code)}b" for code in codes[:ROWS]]})
    later = pd.DataFrame({"a": [f"a{chr(code)}b" for code in codes[-ROWS:]]})
    told = {"a": [visible(text) for text in frame["a"]]}

    check(read(frame), told)
    check(read(later), {"a": [visible(text) for text in later["a"]]})
    assert told["a"][:2] == ["a␀b", "a␁b"]


class Broken:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __str__(self):
        raise RuntimeError("str")

    __repr__ = __str__
    __hash__: Any = None


class Panics:
    def __repr__(self):
        raise type("PanicException", (BaseException,), {})("index out of bounds")


def test_objects_of_every_kind_are_shown_as_their_text(read):
    moment = dt.datetime(2013, 1, 1, 5, 15)
    columns = {
        "text": (["a", "", "ü", "NA", None], ["a", "", "ü", "NA", None]),
        "decimal": (
            [decimal.Decimal("1.10"), decimal.Decimal("sNaN"), decimal.Decimal("NaN"), None, decimal.Decimal("1E+30")],
            ["1.10", None, None, None, "1E+30"],
        ),
        "huge": ([10**30, -(10**30), 0, None, 1], [10**30, -(10**30), 0, None, 1]),
        "mixed": ([1, True, "1", 2.5, np.int64(7)], ["1", "True", "1", 2.5, "7"]),
        "dates": ([dt.date(1, 1, 1), dt.date(9999, 12, 31), None, moment, dt.time(5, 15)], None),
        "bytes": ([b"\xff", b"", None, bytearray(b"x"), memoryview(b"x")], None),
        "nested": ([[1, 2], {"a": [None]}, (1,), {2}, np.arange(3)], None),
        "missing": ([None, np.nan, pd.NA, pd.NaT, float("nan")], [None] * 5),
        "complex": ([1 + 2j, 0j, None, uuid.UUID(int=5), range(3)], None),
    }
    told = {
        "dates": ["0001-01-01", "9999-12-31", None, "2013-01-01 05:15:00", "05:15:00"],
        "bytes": ["b'\\xff'", "b''", None, "bytearray(b'x')"],
        "nested": ["[1, 2]", "{'a': [None]}", "(1,)", "{2}", "array 3 of int64"],
        "complex": ["(1+2j)", "0j", None, "00000000-0000-0000-0000-000000000005", "range(0, 3)"],
    }
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, (values, _) in columns.items()})
    found = read(frame)
    expected = {name: told[name] if values is None else values for name, (_, values) in columns.items()}
    expected["bytes"].append(found["grid"][4][5])  # says where in memory it is
    check(found, expected)
    assert found["grid"][4][5].startswith("<memory at")


def test_an_object_that_raises_at_everything_is_one_cell(read):
    found = read(pd.DataFrame({"a": pd.Series([1, Broken(), 3, Panics()], dtype=object), "b": [1, 2, 3, 4]}))

    check(found, {"a": ["1", found["grid"][1][0], "3", found["grid"][3][0]], "b": [1, 2, 3, 4]})
    assert found["grid"][1][0] == "<Broken that cannot be printed: RuntimeError>"
    assert found["grid"][3][0] == "<Panics that cannot be printed: PanicException>"


def arrow(values, kind):
    return pd.Series(pd.array(values, pd.ArrowDtype(kind)))


def test_pandas_own_types_are_shown_as_pandas_writes_them(read):
    columns = {
        "category": pd.Series(pd.Categorical(["b", None, "a", "b"])),
        "numbered": pd.Series(pd.Categorical([2, None, 1, 2])),
        "period": pd.Series(pd.PeriodIndex(["2020-01", "NaT", "1900-12", "2020-01"], freq="M")),
        "interval": pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 1), None, (1.5, 2), (0, 1)])),
        "boolean": pd.Series(pd.array([True, None, False, True], "boolean")),
        "sparse": pd.Series(pd.arrays.SparseArray([0, 5, 0, 7])),
        "string": pd.Series(pd.array(["a", None, "<b>", ""], "string")),
        "list": arrow([[1], None, [], [1, 2]], pa.list_(pa.int64())),
        "struct": arrow([{"a": 1}, None, {"a": 2}, {"a": None}], pa.struct([("a", pa.int64())])),
        "date": arrow([dt.date(2020, 1, 1), None, dt.date(1, 1, 1), dt.date(9999, 12, 31)], pa.date32()),
        "time": arrow([dt.time(5, 15), None, dt.time(0), dt.time(23, 59, 59)], pa.time64("us")),
        "decimal": arrow([decimal.Decimal("1.10"), None, decimal.Decimal(0), decimal.Decimal(-5)], pa.decimal128(9, 2)),
    }
    expected = {name: [None if pd.isna(v) is True else str(v) for v in series] for name, series in columns.items()}
    expected["list"] = ["[1]", None, "[]", "[1, 2]"]
    expected["struct"] = ["{'a': 1}", None, "{'a': 2}", "{'a': None}"]

    check(read(pd.DataFrame(columns)), expected)


# ---- polars and pyarrow ----------------------------------------------------------------------------------------


def test_polars_types_are_shown_as_they_are(read):
    integers = INTEGERS
    columns = {
        name: pl.Series([*values[:4], None], dtype=getattr(pl, name.replace("int", "Int").replace("uI", "UI")))
        for name, values in integers.items()
    }
    expected = {name: [*values[:4], None] for name, values in integers.items()}
    columns["Int128"], expected["Int128"] = (
        pl.Series([2**100, None, 0, -1, 1], dtype=pl.Int128),
        [2**100, None, 0, -1, 1],
    )
    columns["float"], expected["float"] = (
        pl.Series([1.5, None, math.nan, -2.25, 0.0]),
        [1.5, None, math.nan, -2.25, 0.0],
    )
    columns["f32"], expected["f32"] = (
        pl.Series([0.1, None, 0.1, 0.1, 0.1], dtype=pl.Float32),
        [0.1, None, 0.1, 0.1, 0.1],
    )
    columns["bool"], expected["bool"] = (
        pl.Series([True, None, False, True, True]),
        ["True", None, "False", "True", "True"],
    )
    columns["text"], expected["text"] = pl.Series(["a", None, "", "<b>", "NA"]), ["a", None, "", "<b>", "NA"]
    columns["cat"], expected["cat"] = (
        pl.Series(["a", None, "b", "a", "a"], dtype=pl.Categorical),
        ["a", None, "b", "a", "a"],
    )
    columns["enum"], expected["enum"] = (
        pl.Series(["a", None, "b", "a", "a"], dtype=pl.Enum(["a", "b"])),
        ["a", None, "b", "a", "a"],
    )
    columns["list"], expected["list"] = (
        pl.Series([[1, None], None, [], [2], [3]]),
        ["[1, None]", None, "[]", "[2]", "[3]"],
    )
    columns["struct"], expected["struct"] = pl.Series([{"a": 1}] * 5), ["{'a': 1}"] * 5
    columns["binary"], expected["binary"] = (
        pl.Series([b"\xff", None, b"", b"a", b"b"]),
        ["b'\\xff'", None, "b''", "b'a'", "b'b'"],
    )
    columns["decimal"] = pl.Series(
        [decimal.Decimal("1.10"), None, decimal.Decimal(0), decimal.Decimal(5), decimal.Decimal(-5)],
        dtype=pl.Decimal(10, 2),
    )
    expected["decimal"] = ["1.10", None, "0.00", "5.00", "-5.00"]
    columns["null"], expected["null"] = pl.Series([None] * 5), [None] * 5
    columns["object"], expected["object"] = (
        pl.Series([uuid.UUID(int=5)] * 5, dtype=pl.Object),
        [str(uuid.UUID(int=5))] * 5,
    )
    columns["time"], expected["time"] = (
        pl.Series([dt.time(5, 15), None, dt.time(0), dt.time(1), dt.time(2)]),
        ["05:15:00", None, "00:00:00", "01:00:00", "02:00:00"],
    )
    columns["date"], expected["date"] = (
        pl.Series([dt.date(1, 1, 1), None, dt.date(9999, 12, 31), dt.date(1970, 1, 1), dt.date(2024, 2, 29)]),
        ["0001-01-01", None, "9999-12-31", "1970-01-01", "2024-02-29"],
    )
    nanoseconds = [1732800000123456789, None, 0, -1, 1]
    columns["ns"] = pl.Series(nanoseconds).cast(pl.Datetime("ns"))
    expected["ns"] = [None if n is None else np.datetime64(n, "ns") for n in nanoseconds]
    columns["duration"] = pl.Series(nanoseconds).cast(pl.Duration("ns"))
    expected["duration"] = [None if n is None else np.timedelta64(n, "ns") for n in nanoseconds]

    check(read(pl.DataFrame(columns)), expected)


def test_arrow_types_are_shown_as_they_are(read):
    columns = {name: pa.array([*values[:4], None], getattr(pa, name)()) for name, values in INTEGERS.items()}
    expected = {name: [*values[:4], None] for name, values in INTEGERS.items()}

    def add(name, array, texts):
        columns[name], expected[name] = array, texts

    add("double", pa.array([1.5, None, math.nan, -2.25, 0.0]), [1.5, None, math.nan, -2.25, 0.0])
    add("half", pa.array([1.5, None, 0.25, -2.25, 0.0], pa.float16()), [1.5, None, 0.25, -2.25, 0.0])
    add("bool", pa.array([True, None, False, True, True]), ["True", None, "False", "True", "True"])
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        add(str(kind), pa.array(["a", None, "", "<b>", "NA"], kind), ["a", None, "", "<b>", "NA"])
    for kind in (pa.binary(), pa.large_binary(), pa.binary(1)):
        add(str(kind), pa.array([b"\xff", None, b"a", b"b", b"c"], kind), ["b'\\xff'", None, "b'a'", "b'b'", "b'c'"])
    add(
        "undecodable",
        pa.array([b"caf\xe9", None, b"a", b"b", b"c"], pa.binary()).view(pa.utf8()),
        ["caf\\xe9", None, "a", "b", "c"],
    )
    add("dictionary", pa.array(["a", None, "b", "a", "a"]).dictionary_encode(), ["a", None, "b", "a", "a"])
    add("null", pa.nulls(5), [None] * 5)
    add("list", pa.array([[1, None], None, [], [2], [3]]), ["[1, None]", None, "[]", "[2]", "[3]"])
    add(
        "fixed",
        pa.array([[1, 2], None, [3, 4], [5, 6], [7, 8]], pa.list_(pa.int8(), 2)),
        ["[1, 2]", None, "[3, 4]", "[5, 6]", "[7, 8]"],
    )
    add(
        "struct",
        pa.array([{"a": 1}, None, {"a": None}, {"a": 2}, {"a": 3}]),
        ["{'a': 1}", None, "{'a': None}", "{'a': 2}", "{'a': 3}"],
    )
    add(
        "map",
        pa.array([[("a", 1)], None, [], [("b", 2)], [("c", 3)]], pa.map_(pa.string(), pa.int8())),
        ["[('a', 1)]", None, "[]", "[('b', 2)]", "[('c', 3)]"],
    )
    for bits, kind in ((128, pa.decimal128(20, 2)), (256, pa.decimal256(50, 2))):
        numbers = [
            decimal.Decimal("1.10"),
            None,
            decimal.Decimal("0.00"),
            decimal.Decimal("-5.00"),
            decimal.Decimal("9.99"),
        ]
        add(f"decimal{bits}", pa.array(numbers, kind), [None if n is None else str(n) for n in numbers])
    counts = [10**12 + 1, None, 0, -1, 1]
    for unit in ("s", "ms", "us", "ns"):
        add(
            f"timestamp {unit}",
            pa.array(counts, pa.timestamp(unit)),
            [None if n is None else np.datetime64(n, unit) for n in counts],
        )
        add(
            f"duration {unit}",
            pa.array(counts, pa.duration(unit)),
            [None if n is None else np.timedelta64(n, unit) for n in counts],
        )
    add(
        "date32",
        pa.array([0, None, -719_162, 2_932_896, 1], pa.date32()),
        ["1970-01-01", None, "0001-01-01", "9999-12-31", "1970-01-02"],
    )
    add(
        "date64",
        pa.array([0, None, 86_400_000, 0, 0], pa.date64()),
        ["1970-01-01", None, "1970-01-02", "1970-01-01", "1970-01-01"],
    )
    add(
        "time32",
        pa.array([0, None, 1, 3600, 86_399], pa.time32("s")),
        ["00:00:00", None, "00:00:01", "01:00:00", "23:59:59"],
    )
    add(
        "time64",
        pa.array([0, None, 1, 2, 3], pa.time64("ns")),
        ["00:00:00.000000000", None, "00:00:00.000000001", "00:00:00.000000002", "00:00:00.000000003"],
    )

    check(read(pa.table(columns)), expected)
    check(read(pa.record_batch(columns)), expected)


# ---- the rarer types, as many of them as the installed versions have ---------------------------------------------


def makes(module, *names):
    """Tell whether a version of a library has all of these."""
    return all(hasattr(module, name) for name in names)


def rare_arrow():
    dollars = [decimal.Decimal("1.10"), None, decimal.Decimal("-5.00")]
    made = {
        "interval": pa.array([(1, 2, 3), None, (0, -1, 5)], pa.month_day_nano_interval()),
        "runs": pa.RunEndEncodedArray.from_arrays([2, 3], [7, None]),
        "large list": pa.array([[1], None, [2, 3]], pa.large_list(pa.int8())),
        "view": pa.array([b"a", None, b"\xff"], pa.binary_view()),
        "dense": pa.UnionArray.from_dense(
            pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()), [pa.array([1, None]), pa.array(["x"])]
        ),
        "sparse": pa.UnionArray.from_sparse(
            pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, None]), pa.array(["x", "y", "z"])]
        ),
        "tens": pa.array([decimal.Decimal("1100"), None, decimal.Decimal("500")], pa.decimal128(5, -2)),
        "numbered": pa.array([3, None, 1]).dictionary_encode(),
        "moments": pa.array([3, None, 1], pa.timestamp("s")).dictionary_encode(),
        "zone": pa.array([0, None, 10**9], pa.timestamp("ms", "Europe/Berlin")),
        "offset": pa.array([0, None, 10**9], pa.timestamp("us", "+05:30")),
        "struct": pa.array([{"t": dt.datetime(2020, 1, 1)}, None, {"t": None}]),
        "map": pa.array([[("a", None)], None, []], pa.map_(pa.string(), pa.int8())),
        "nested": pa.array([[b"\xff"], None, [None]]),
        "tensor": pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.int32(), [2]), pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int32(), 2))
        ),
    }
    if makes(pa, "list_view"):
        made["list view"] = pa.array([[1], None, [2, 3]], pa.list_view(pa.int8()))
        made["large view"] = pa.array([[1], None, [2, 3]], pa.large_list_view(pa.int8()))
    if makes(pa, "uuid", "json_", "bool8", "opaque"):
        made["uuid"] = pa.array([uuid.UUID(int=5).bytes, None, uuid.UUID(int=6).bytes], pa.uuid())
        made["json"] = pa.array(['{"a":1}', None, "[]"], pa.json_())
        made["bool8"] = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 0], pa.int8()))
        opaque = pa.opaque(pa.int32(), "point", "somebody")
        made["opaque"] = pa.ExtensionArray.from_storage(opaque, pa.array([1, None, 3], pa.int32()))
    if makes(pa, "decimal32", "decimal64"):
        made["decimal32"] = pa.array(dollars, pa.decimal32(5, 2))
        made["decimal64"] = pa.array(dollars, pa.decimal64(15, 2))
    return made


def rare_pandas():
    seconds = np.array([0, -62_135_596_800, 253_402_300_799], "datetime64[s]")
    made = {
        "complex": np.array([1 + 2j, np.nan, complex(0, -1)]),
        "single": np.array([1 + 2j, 0, complex(0, -1)], "complex64"),
        "long": np.array([1.5, np.nan, -2], np.longdouble),
        "bytes": np.array([b"a", b"", b"\xff"]),
        "bool": np.array([True, False, True]),
        "day": pd.PeriodIndex(["2020-01-01", "NaT", "1900-12-31"], freq="D"),
        "quarter": pd.PeriodIndex(["2020Q1", "NaT", "1900Q4"], freq="Q"),
        "hour": pd.PeriodIndex(["2020-01-01 05:00", "NaT", "1900-12-31"], freq="h"),
        "times": pd.arrays.IntervalArray.from_breaks(pd.to_datetime(["2020", "2021", "2022", "2023"])),
        "closed": pd.arrays.IntervalArray.from_tuples([(1, 2), (3, 4), (5, 6)], closed="both"),
        "categories of times": pd.Categorical(pd.to_datetime(["2020", None, "2021"], format="%Y")),
        "categories of booleans": pd.Categorical([True, None, False]),
        "categories of large integers": pd.Categorical([2**60 + 1, None, 3]),
        "cut": pd.cut([1, 5, np.nan], [0, 2, 6]),
        "sparse": pd.arrays.SparseArray([np.nan, np.nan, 2.5], fill_value=np.nan),
        "sparse booleans": pd.arrays.SparseArray([True, False, True]),
        "string of Python": pd.array(["a", None, ""], "string[python]"),
        "string of arrow": pd.array(["a", None, ""], "string[pyarrow]"),
        "nanoseconds of a zone": pd.to_datetime([1, None, 10**18 + 1], utc=True).tz_convert("Asia/Kathmandu"),
        "far times of a zone": pd.Series(seconds).dt.tz_localize("UTC"),
        "aware and naive": np.array([dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None, dt.datetime(2020, 1, 1)]),
        "scalars": np.array([np.datetime64("2020"), np.bool_(True), np.int8(-3)], object),
        "periods among others": np.array([pd.Period("2020"), None, pd.Interval(0, 1)], object),
    }
    return {name: pd.Series(values).reset_index(drop=True) for name, values in made.items()}


def rare_polars():
    made = {
        "array": pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int8, 2)),
        "zone": pl.Series([0, None, 10**9]).cast(pl.Datetime("ms", "Europe/Berlin")),
        "Int128": pl.Series([2**126, None, -(2**126)], dtype=pl.Int128),
        "whole": pl.Series([decimal.Decimal(5), None, decimal.Decimal(-5)], dtype=pl.Decimal(38, 0)),
        "structs": pl.Series([[{"a": 1}], None, []]),
        "lists": pl.Series([[[1], None], None, []]),
        "fields": pl.Series([{"a": None, "b": dt.date(2020, 1, 1)}, None, {"a": 1, "b": None}]),
        "moments": pl.Series([[dt.datetime(2020, 1, 1)], None, []]),
        "no category": pl.Series([None, None, None], dtype=pl.Categorical),
        "no value": pl.Series([None, None, None], dtype=pl.Enum([])),
    }
    if makes(pl, "UInt128"):
        made["UInt128"] = pl.Series([2**127, None, 0], dtype=pl.UInt128)
    return made


def told(values):
    """Give what Python prints of each value; None for a missing one."""
    return [None if v is None or v is pd.NaT or v is pd.NA or v != v else str(v) for v in values]


def test_rare_types_of_pandas_are_shown_as_pandas_writes_them(read):
    columns = rare_pandas()
    columns |= {
        f"arrow {n}": pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([a]))) for n, a in rare_arrow().items()
    }
    check(read(pd.DataFrame(columns)), {name: told(list(series)) for name, series in columns.items()})


def test_rare_types_of_polars_are_shown_as_polars_gives_them(read):
    columns = rare_polars()
    check(read(pl.DataFrame(columns)), {name: told(series.to_list()) for name, series in columns.items()})


def test_rare_types_of_arrow_are_shown_as_arrow_gives_them(read):
    columns = rare_arrow()
    check(read(pa.table(columns)), {name: told(array.to_pylist()) for name, array in columns.items()})


def test_years_before_our_era_have_four_digits_everywhere(read):
    found = read(pl.DataFrame({"day": pl.Series([-(10**6), None], dtype=pl.Int32).cast(pl.Date)}))
    assert found["grid"] == found["preview"] == [["-0768-02-04"], [None]]


# ---- the cards of a profile -----------------------------------------------------------------------------------


def said_number(text):
    return float(text.replace(",", "").replace(" ", "").replace("∞", "inf"))


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_a_profile_says_what_the_library_says(read, library):
    values = {name: [*limits[:4], None, limits[2], None, limits[0]] for name, limits in INTEGERS.items()}
    values["subnormal"] = [5e-324, None, 0.0, -5e-324, 1e-300, 5e-324, None, 0.0]
    values["widest"] = [1.797e308, -1.797e308, 1.0, None, 2.0, 3.0, 4.0, 5.0]
    values["usual"] = [0.1, 0.2, None, 12.5, -3.25, 0.1, 1e6, 7.0]
    pandas = {
        name: pd.Series(v, dtype=name.replace("int", "Int").replace("uI", "UI") if name in INTEGERS else "Float64")
        for name, v in values.items()
    }
    arrow = {name: pa.array(v, getattr(pa, name)() if name in INTEGERS else pa.float64()) for name, v in values.items()}
    made = {
        "pandas": pd.DataFrame(pandas),
        "polars": pl.DataFrame({name: pl.Series(array) for name, array in arrow.items()}),
        "arrow": pa.table(arrow),
    }
    cards = read(made[library])["facts"]

    assert [card["name"] for card in cards] == list(values)
    for card, (name, series) in zip(cards, pandas.items(), strict=True):
        facts = card["facts"]
        assert int(facts["distinct"]) == series.nunique(), name
        assert f"{100 * series.isna().mean():.1f} % missing" in card["badges"], name
        for statistic in ("min", "median", "max"):
            told, true = said_number(facts[statistic]), float(getattr(series, statistic)())
            # Four digits are shown.
            assert math.isclose(told, true, rel_tol=1e-3, abs_tol=5e-324), (name, statistic, facts[statistic], true)


def test_times_that_no_calendar_holds_are_shown_too(read):
    """Polars panics at these and pyarrow overflows; numpy's calendar goes on."""
    for frame in (
        pl.DataFrame({"a": pl.Series([2**62, None]).cast(pl.Datetime("ms")), "b": [1, 2]}),
        pa.table({"a": pa.array([2**62, None], pa.timestamp("ms")), "b": [1, 2]}),
    ):
        check(read(frame), {"a": [np.datetime64(2**62, "ms"), None], "b": [1, 2]})


# ---- shapes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1])
def test_frames_of_no_row_and_of_one(read, rows):
    kinds = {"n": "int64", "f": "float64", "t": "datetime64[ns]", "o": object, "b": "boolean", "c": "category"}
    frame = pd.DataFrame(
        {name: pd.Series([None] * rows if kind is object else [], dtype=kind) for name, kind in kinds.items()}
    )
    if rows:
        frame = pd.DataFrame(
            {"n": [1], "f": [0.5], "t": [np.datetime64("2024-01-01")], "o": [None], "b": [True], "c": ["x"]}
        )
    found = read(frame)

    check_texts(found, [["1", "0.5", "2024-01-01", None, "True", "x"]] * rows)
    assert found["grid head"] == found["preview head"] == [card["name"] for card in found["facts"]] == list(kinds)
    assert [("100 % missing" in card["badges"]) for card in found["facts"]] == [bool(rows) and n == "o" for n in kinds]


def test_two_thousand_columns_are_shown_or_said_to_be_left_out(read):
    frame = pd.DataFrame(np.arange(4_000).reshape(2, 2_000), columns=[f"c{n}" for n in range(2_000)])
    found = read(frame)

    assert [row[499] for row in found["grid"]] == ["499", "2499"]
    assert "the first 500 columns are in this page" in TableRenderer().to_html(frame)
    assert [row[1999] for row in found["preview"]] == ["1999", "3999"]
    assert len(found["cards"]) == 2_000


def test_columns_of_one_name_are_columns_of_their_own(read):
    found = read(pd.DataFrame([[1, "x", 2.5], [2, "y", 3.5]], columns=["a", "a", "a"]))

    check(found, {"1": [1, 2], "2": ["x", "y"], "3": [2.5, 3.5]})


# ---- edges -----------------------------------------------------------------------------------------------------


def test_a_negative_zero_keeps_its_sign(read):
    found = read(pd.DataFrame({"a": [-0.0, 0.0, 1.0], "b": [-0.0, 123456.5, 1.25]}))
    check_texts(found, [["-0.0", "-0.00"], ["0.0", "123456.50"], ["1.0", "1.25"]])


def test_a_whole_half_float_is_not_rounded(read):
    check_texts(read(pd.DataFrame({"a": np.array([65504, 0.1], "float16")})), [["65504.0"], ["0.1"]])
    check_texts(read(pa.table({"a": pa.array(np.array([2049, 0.1], "float16"))})), [["2048.0"], ["0.1"]])


def test_the_least_and_the_greatest_count_of_arrow_are_times_in_any_zone(read):
    """numpy takes the least for "not a time"; what a zone adds to the greatest begins anew at the least."""
    ends = [-(2**63), None, 2**63 - 1]
    for unit, first, last in (
        ("s", "-292277022657-01-27 08:29:52", "292277026596-12-04 15:30:07"),
        ("ms", "-292275055-05-16 16:47:04.192", "292278994-08-17 07:12:55.807"),
        ("ns", "1677-09-21 00:12:43.145224192", "2262-04-11 23:47:16.854775807"),
    ):
        check_texts(read(pa.table({"a": pa.array(ends, pa.timestamp(unit))})), [[first], [None], [last]])
        check_texts(read(pa.table({"a": pa.array(ends[:2], pa.timestamp(unit))})), [[first], [None]])
    zoned = pa.table({"a": pa.array(ends, pa.timestamp("s", "Asia/Kathmandu"))})
    check_texts(read(zoned), [["-292277022657-01-27 14:11:08+05:41:16"], [None], ["292277026596-12-04 21:15:07+05:45"]])


def test_times_of_day_that_no_clock_shows_are_told_from_others(read):
    found = read(pa.table({"a": pa.array([86_400 * 10**9, None, -1], pa.time64("ns"))}))
    check_texts(found, [["24:00:00.000000000"], [None], ["-00:00:00.000000001"]])


def test_parts_that_python_cannot_hold_spoil_no_other_part(read):
    bad = pa.array([b"caf\xe9", b"a"]).view(pa.utf8())
    columns = {
        "dictionary": pa.DictionaryArray.from_arrays(pa.array([0, 1]), bad),
        "list": pa.ListArray.from_arrays(pa.array([0, 1, 2]), bad),
        "struct": pa.StructArray.from_arrays([bad], ["x"]),
    }
    first = ["caf\\xe9", "['caf\\\\xe9']", "{'x': 'caf\\\\xe9'}"]
    check_texts(read(pa.table(columns)), [first, ["a", "['a']", "{'x': 'a'}"]])
    far = pl.DataFrame({"a": pl.Series([[2**60, 0], None]).cast(pl.List(pl.Datetime("ms")))})
    check_texts(read(far), [["['36536598-01-28 21:54:06.976', datetime.datetime(1970, 1, 1, 0, 0)]"], [None]])


UNSEEN = [
    "a\u202eb",
    "a\u200bb",
    "\ufeffa",
    "a\u2028b",
    "\xad",
    "\x1b[31mred",
    "a\rb",
    "a\r\nb",
    " a",
    "a ",
    "  ",
    "a  b",
]
SEEN = [
    "a\\u202eb", "a\\u200bb", "\\ufeffa", "a\\u2028b", "\\xad", "␛[31mred", "a␍b", "a↵b", "␠a", "a␠", "␠␠", "a  b",
]  # fmt: skip


def test_what_has_no_look_of_its_own_is_seen_in_values_and_in_names(read):
    found = read(pd.DataFrame({"value": UNSEEN}, index=pd.Index(UNSEEN)))
    check_texts(found, [[text] for text in SEEN])
    assert found["grid index"] == found["preview index"] == [[text] for text in SEEN]

    found = read(pd.DataFrame([range(len(UNSEEN) + 1)], columns=[*UNSEEN, ""]))
    names = [*SEEN, "(no name)"]
    assert found["grid head"] == found["preview head"] == names
    assert [card["name"] for card in found["facts"]] == names


def test_spaces_in_a_value_are_not_run_together(read):
    read(pd.DataFrame({"a": ["a  b"]}))
    for cell in (".grid-body .cell:not(.index)", ".obs-frame td"):
        assert read.page.locator(cell).first.inner_text() == "a  b"


def test_a_row_without_a_name_is_told_from_one_named_na(read):
    found = read(pd.DataFrame({"v": [1, 2]}, index=pd.Index([None, "NA"])))
    assert found["grid index"] == found["preview index"] == [[None], ["NA"]]


def test_missing_values_behind_references_are_counted(read):
    shared = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1]), pa.array(["a", None]))
    runs = pa.RunEndEncodedArray.from_arrays([3, 4], ["a", None])
    found = read(pa.table({"dictionary": shared, "runs": runs}))

    check_texts(found, [["a", "a"], [None, "a"], [None, "a"], [None, None]])
    assert found["preview missing"] == ["75.0 % missing", "25.0 % missing"]


@pytest.mark.parametrize(
    "values", [[decimal.Decimal("1." + "0" * 40 + "1"), decimal.Decimal(1)], [10**40, 10**40 + 1], [10**4000, 10**4001]]
)
def test_a_profile_tells_numbers_apart_that_no_float_tells_apart(read, values):
    card = read(pd.DataFrame({"a": pd.Series(values, dtype=object)}))["facts"][0]
    assert card["facts"]["distinct"] == "2"
    assert not {"constant", "100 % infinite"} & set(card["badges"])


def test_no_figure_of_a_profile_lies_upon_another_or_beyond_its_card(browser):
    frame = pd.DataFrame(
        {
            "i64": [2**63 - 1, -(2**63), 0],
            "u64": np.array([2**64 - 1, 1, 1], dtype="uint64"),
            "f64": [1.797e308, -1e-300, 5e-324],
            "small": [1, 2, 3],
        }
    )
    page = browser.new_page(viewport={"width": 340, "height": 900}, offline=True)
    page.set_content(FrameProfilingRenderer().to_html(frame))
    figures = page.locator(".obs-profile article").evaluate_all(
        """cards => cards.map(card => [...card.querySelectorAll("dd")].map(figure => {
            const range = document.createRange();
            range.selectNodeContents(figure);
            const {left, right, top} = range.getBoundingClientRect();
            return {left, right, top, text: figure.textContent, end: card.getBoundingClientRect().right};
        }))"""
    )
    page.close()

    assert [one["text"] for one in figures[0]][:1] == ["-9,223,372,036,854,775,808"]
    assert [one["text"] for card in figures for one in card if one["right"] > one["end"]] == []
    for card in figures:
        for left, right in itertools.pairwise(card):
            assert left["top"] < right["top"] or left["right"] < right["left"], (left, right)


def test_a_long_type_leaves_room_for_the_name_of_its_column(browser):
    frame = pl.DataFrame({"departed": [dt.datetime(2013, 1, 1)], "struct": [{"a": 1, "a long name": [{"b": None}]}]})
    page = browser.new_page(viewport={"width": 340, "height": 900}, offline=True)
    page.set_content(FrameProfilingRenderer().to_html(frame))
    heads = page.locator(".obs-profile article").evaluate_all(
        """cards => cards.map(card => {
            const name = card.querySelector("h3"), type = card.querySelector(".dtype");
            const inside = type.getBoundingClientRect().right <= card.getBoundingClientRect().right;
            return [name.textContent, name.clientHeight < 25, type.textContent.length > 30, inside];
        })"""
    )
    page.close()

    assert heads == [["departed", True, True, True], ["struct", True, True, True]]


def test_a_profile_keeps_a_constant_value_as_it_is_and_the_text_1_apart_from_the_number(read):
    frame = pd.DataFrame({"a": [12345.678, 12345.678], "b": np.array([0.1, 0.1], "float32"), "c": pd.Series([1, "1"])})
    found = read(frame)
    assert re.search(r"always ([^d]*)distinct", found["cards"][0])[1] == "12345.678"
    assert re.search(r"always ([^d]*)distinct", found["cards"][1])[1] == "0.1"
    assert found["facts"][2]["facts"]["distinct"] == "2"


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        (pd.Series([1.6e308, 1.6e308, 1.7e308]), "1.633e+308", "5.774e+306"),
        (pd.Series([2**62, 2**62 + 2]), "4.612e+18", "1.414"),
        (pd.Series([1e308, -1e308]), "0", "1.414e+308"),
    ],
)
def test_mean_and_deviation_neither_overflow_nor_round_to_zero(read, values, mean, std):
    facts = read(pd.DataFrame({"a": values}))["facts"][0]["facts"]
    assert (facts["mean"], facts["std"]) == (mean, std)


# ---- at random -------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def told_count(kind, unit, count):
    return kind(count, unit)


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12)
KINDS: dict[str, tuple[Any, ...]] = {
    # A strategy of values, the types of pandas, polars and pyarrow, and what a cell must show of a value.
    "int64": (st.integers(-(2**63), 2**63 - 1), "Int64", pl.Int64, pa.int64(), None),
    "uint64": (st.integers(0, 2**64 - 1), "UInt64", pl.UInt64, pa.uint64(), None),
    "small": (st.integers(-3, 40), "Int8", pl.Int8, pa.int8(), None),
    "float64": (st.floats(allow_nan=False), "Float64", pl.Float64, pa.float64(), None),
    "float32": (st.floats(allow_nan=False, width=32), "Float32", pl.Float32, pa.float32(), None),
    "usual": (st.floats(-1e4, 1e4), "Float64", pl.Float64, pa.float64(), None),
    "boolean": (st.booleans(), "boolean", pl.Boolean, pa.bool_(), None),
    "text": (TEXTS, "string", pl.String, pa.string(), visible),
    "few": (st.sampled_from(["EWR", "JFK ", "", "\u202e"]), "category", pl.Categorical, pa.string(), visible),
    "bytes": (st.binary(max_size=12), object, pl.Binary, pa.binary(), str),
    "list": (st.lists(st.none() | st.integers(-9, 9), max_size=5), object, pl.List(pl.Int8), pa.list_(pa.int8()), str),
    "decimal": (DECIMALS, object, pl.Decimal(38, 3), pa.decimal256(76, 3), None),
    "day": (st.dates(), object, pl.Date, pa.date32(), None),
    "clock": (
        st.integers(0, 86_399).map(lambda s: (dt.datetime.min + dt.timedelta(seconds=s)).time()),
        object, pl.Time, pa.time32("s"), None,
    ),
}  # fmt: skip
KINDS |= {
    f"time {unit}": (
        st.integers(-most, most), f"datetime64[{unit}]", pl.Datetime(unit), pa.timestamp(unit),
        functools.partial(told_count, np.datetime64, unit),
    )
    for unit, most in (("ns", NS_MAX), ("us", 2**61), ("ms", 2**61))
}  # fmt: skip
KINDS |= {
    f"duration {unit}": (
        st.integers(-most, most), f"timedelta64[{unit}]", pl.Duration(unit), pa.duration(unit),
        functools.partial(told_count, np.timedelta64, unit),
    )
    for unit, most in (("ns", NS_MAX), ("us", 2**53))
}  # fmt: skip


def built(kind, values):
    """Give a column of each library, and what it must show."""
    _, pandas, polars, arrow, told = KINDS[kind]
    shown = [value if value is None or told is None else told(value) for value in values]
    if "64[" in str(pandas):  # polars and pandas take counts as they are only from integers
        counts = np.array([np.iinfo(np.int64).min if v is None else v for v in values], np.int64)
        made = pd.Series(counts.view(pandas)), pl.Series(values, dtype=pl.Int64).cast(polars)
    else:
        made = pd.Series(values, dtype=pandas), pl.Series(values, dtype=polars)
    return *made, pa.array(values, arrow), shown


@settings(
    max_examples=90, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    data=st.data(), kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6), rows=st.integers(1, ROWS)
)
def test_any_frame_shows_what_it_holds(read, data, kinds, rows):
    made = []
    for kind in kinds:
        values = data.draw(st.lists(st.none() | KINDS[kind][0], min_size=rows, max_size=rows))
        made.append(built(kind, values))
    expected = {f"c{place}": column[3] for place, column in enumerate(made)}

    for place, frame in enumerate((pd.DataFrame, pl.DataFrame, pa.table)):
        found = read(frame({f"c{number}": column[place] for number, column in enumerate(made)}))
        check(found, expected)
        for card, (name, values) in zip(found["facts"], expected.items(), strict=True):
            missing = sum(value is None for value in values)
            badges = [badge for badge in card["badges"] if badge.endswith("missing")]
            assert card["name"] == name
            assert badges == ([f"{share(missing, rows)} missing"] if missing else [])


# ---- sorted as what the values are -----------------------------------------------------------------------------

D = decimal.Decimal
LEVELS = ["low", "mid", "high"]
IN_ORDER = {
    "fractions": pd.Series([fractions.Fraction(1, 7), fractions.Fraction(1, 3), fractions.Fraction(1, 2), None]),
    "long decimals": pd.Series(
        [D("-1E+30"), D("12345678901234567.01"), D("12345678901234567.02"), D("Infinity"), None]
    ),
    "longest integers": pd.Series([-(10**5000), 5, 2**70, 2**70 + 2, 10**4999, 10**5000, None], dtype=object),
    "long doubles": pd.Series(np.array([1, 9, 10, 100], np.longdouble) / 3),
    "far times": pd.Series(np.array([-(2**62), -(2**61), 0, 2**62], "M8[s]")),
    "all integers": pd.Series([-(2**63), -1, 9, 10, 2**63 - 1]),
    "ordered categories": pd.Series(pd.Categorical([*LEVELS, None], LEVELS, ordered=True)),
    "enumeration": pl.Series([*LEVELS, None], dtype=pl.Enum(LEVELS)),
    "ordered dictionary": pa.chunked_array([pa.DictionaryArray.from_arrays([0, 1, 2, None], LEVELS, ordered=True)]),
    "NaN and missing": pd.Series([-math.inf, -1e300, 1e-300, 2.0, 1e300, math.nan, None], dtype="Float64"),
    "letters": pd.Series(["a", "b", "c", None]),
}


@pytest.mark.parametrize("kind", sorted(IN_ORDER))
def test_a_column_is_sorted_as_what_its_values_are(read, kind):
    column = IN_ORDER[kind]
    rows = len(column)
    mixed = [*range(1, rows, 2), *range(0, rows, 2)]
    if isinstance(column, pd.Series):
        column = pd.DataFrame({"a": column.iloc[mixed].reset_index(drop=True), "place": mixed})
    elif isinstance(column, pl.Series):
        column = pl.DataFrame({"a": column.gather(mixed), "place": mixed})
    else:
        column = pa.table({"a": column.take(mixed), "place": mixed})
    missing = sum(cells[0] is None for cells in read(column, profile=False)["grid"])
    known = list(range(rows - missing))
    heads = read.page.locator(".grid-head button").first
    found = []
    for _ in range(2):
        heads.click()
        found.append([int(cells[1]) for cells in read.page.evaluate(READ)["grid"]])
    up = [*known, *range(rows - missing, rows)]
    down = [*reversed(known), *range(rows - missing, rows)]
    assert sorted(places[: len(known)] for places in found) == sorted([up[: len(known)], down[: len(known)]])
    assert all(sorted(places[len(known) :]) == up[len(known) :] for places in found)
