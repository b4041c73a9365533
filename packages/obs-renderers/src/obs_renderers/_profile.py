"""Work out what a profile says of a table: each column by itself, so that one that cannot be read spoils no other."""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from obs_core.interruptions import let_pass
from obs_core.text.numbers import statistics
from obs_renderers._cells import cells_of, value_text
from obs_renderers._columns import Times, Told, Unit
from obs_renderers._histograms import Histogram, histogram_of
from obs_renderers._markup import encodable, shorten
from obs_renderers._moments import mean_and_std
from obs_renderers._sampling import stride
from obs_renderers._scale import value_in
from obs_renderers._times import time_texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from obs_renderers._columns import Column
    from obs_renderers._frames import Frame

__all__ = ["Association", "ColumnProfile", "Profile", "profile_frame"]

_ASSOCIATION_ROWS = 3_000
_MAX_ASSOCIATED_COLUMNS = 60
_LEVELS = 10
_MAX_TEXT = 200
_SORTED_TEXTS = 100_000
_WHISKER = 1.5
_SURE = 3.3  # standard errors: one of a thousand pairs that have nothing in common passes
_SCALARS = frozenset({"string", "bytes", "empty"})


class ColumnProfile(Struct):
    """What a profile says of one column.

    Attributes:
        name: Its label.
        dtype: Its type's name.
        kind: ``"number"``, ``"time"``, ``"duration"``, ``"boolean"``, ``"category"`` or ``"text"``.
        rows: How many values were looked at, the missing ones included.
        missing: How many of them are missing.
        nan: How many are NaN where NaN is a value.
        infinite: How many are infinite.
        distinct: How many different values there are, if that could be told.
        constant: Whether they are all the same.
        constant_value: That value, as text.
        ordered: Whether they are sorted.
        unit: Of the histogram's edges.
        histogram: Of numbers and times.
        top: The most frequent values of others.
        outliers: Numbers more than 1.5 interquartile ranges away from the quartiles.
        facts: Names and texts of statistics.
        measures: The values of those that columns are sorted by, times and durations in seconds.
        equal_to: The name of the first column that holds the same values in the same rows.
        trouble: Why there is nothing more to say, if so.
    """

    name: str
    dtype: str
    kind: str = "text"
    rows: int = 0
    missing: int = 0
    nan: int = 0
    infinite: int = 0
    distinct: int | None = None
    constant: bool = False
    constant_value: str = ""
    ordered: bool = False
    unit: Unit = "number"
    histogram: Histogram | None = None
    top: list[tuple[str, int]] = field(default_factory=list)
    outliers: int = 0
    facts: list[tuple[str, str]] = field(default_factory=list)
    measures: dict[str, float] = field(default_factory=dict)
    equal_to: str | None = None
    trouble: str = ""


class Association(Struct, frozen=True):
    """How strongly two columns go together.

    Attributes:
        left: The name of one.
        right: The name of the other.
        cramer: Cramér's V, from 0 to 1; it sees any kind of dependence, of numbers only that between their tenths.
        pearson: Pearson's correlation of numbers, which sees that they lie on a line.
        strength: Cramér's V, or the least size that the correlation of all rows surely has, whichever is more.
    """

    left: str
    right: str
    cramer: float
    pearson: float | None
    strength: float


class Profile(Struct):
    """What is known of a table.

    Attributes:
        all_rows: Rows of the table.
        rows: Rows that were profiled.
        columns: A profile of each column.
        associations: Pairs of columns, the strongest first.
        association_rows: On how many rows at most associations were computed.
        associations_skipped: Why there are none, if so.
        duplicates: Rows that repeat an earlier one, if that could be told.
    """

    all_rows: int
    rows: int
    columns: list[ColumnProfile]
    associations: list[Association] = field(default_factory=list)
    association_rows: int = _ASSOCIATION_ROWS
    associations_skipped: str = ""
    duplicates: int | None = None

    @property
    def sampled(self) -> bool:
        """Whether some rows were left out."""
        return self.rows < self.all_rows


class _Keys(Struct):
    """What a column's values are told apart by, to compare rows and columns.

    Attributes:
        values: A number for each row: the value, or which of the different values it is.
        missing: Which are missing.
        numeric: Whether the values are numbers, to be correlated.
        identity: What columns of the same values have in common, and no others; None where that cannot be told.
    """

    values: NDArray[Any]
    missing: NDArray[np.bool_]
    numeric: bool
    identity: int | None = None


def profile_frame(frame: Frame, max_rows: int) -> Profile:
    """Profile a table.

    Args:
        frame: The table.
        max_rows: Rows to look at most; of a longer table every so many-th row is taken.
    """
    step = stride(frame.rows, max_rows)
    rows = len(range(0, frame.rows, step))
    columns = [ColumnProfile(frame.label(place), frame.dtype(place), rows=rows) for place in range(frame.columns)]
    profile = Profile(frame.rows, rows, columns)
    known = [_filled(profile.columns[place], frame, place, step) for place in range(frame.columns)] if rows else []
    keys = {place: each for place, each in enumerate(known) if each is not None}
    profile.duplicates = _duplicates(list(keys.values()), rows) if keys else None
    _name_equals(columns, keys)
    if len(keys) > _MAX_ASSOCIATED_COLUMNS:
        profile.associations_skipped = f"Not computed for more than {_MAX_ASSOCIATED_COLUMNS} columns."
    elif len(keys) > 1:
        names = [profile.columns[place].name for place in keys]
        profile.associations = _associations(names, list(keys.values()))
    return profile


def _name_equals(columns: list[ColumnProfile], keys: dict[int, _Keys]) -> None:
    """Tell of each column which earlier one is the same."""
    first: dict[int, int] = {}
    for place, each in keys.items():
        earlier = place if each.identity is None else first.setdefault(each.identity, place)
        if earlier != place:
            columns[place].equal_to = columns[earlier].name


def _identity(values: NDArray[Any], missing: NDArray[np.bool_], of: object) -> int:
    """Hash a column's values, in 64 bits.

    Args:
        values: The values, or a number for each.
        missing: Which are missing.
        of: What kind of values they are: those of another one are never the same.
    """
    shown = values.copy()
    shown[missing] = 0
    return hash((of, shown.tobytes(), missing.tobytes()))


def _number_identity(values: NDArray[Any], missing: NDArray[np.bool_]) -> int:
    """Hash numbers: the same ones have the same hash whether they are integers or floats."""
    present = values[~missing]
    if values.dtype.kind == "f" or max(-int(present.min()), int(present.max())) < _EXACT:
        return _identity(values + 0.0, missing, "number")  # adding makes -0.0 the same as 0.0
    return _identity(values, missing, ("integer", values.dtype.kind))


_EXACT = 2**53
"""Integers up to which each is a float."""


def _filled(profile: ColumnProfile, frame: Frame, place: int, step: int) -> _Keys | None:
    """Profile one column in its own way, or as text, or say why neither could be done."""
    try:
        column = frame.column(place).part(0, frame.rows, step)
        missing = column.missing()
        profile.missing = int(missing.sum())
    except BaseException as error:
        let_pass(error)
        profile.trouble = f"It could not be read: {type(error).__name__}."
        return None
    if profile.missing == profile.rows:
        return None
    for fill in (_fill_as_it_is, _fill_texts):
        try:
            return fill(profile, column, missing)
        except BaseException as error:
            let_pass(error)
            profile.trouble = f"It could not be profiled: {type(error).__name__}."
    return None


def _fill_as_it_is(profile: ColumnProfile, column: Column, missing: NDArray[np.bool_]) -> _Keys:
    import numpy as np

    times = column.times()
    if times is not None and times.kind != "clock":
        return _fill_times(profile, times)
    integers = column.integers()
    if integers is not None:
        _fill_numbers(profile, integers.values[~missing])
        _tell_constant(profile, column, missing)
        return _Keys(integers.values, missing, True, _number_identity(integers.values, missing))
    values = column.values() if column.floats() is None else []
    if values and all(type(value) is bool or type(value) is np.bool_ for value in _some_present(values, missing)):
        return _fill_texts(profile, column, missing, kind="boolean")
    numbers = column.numbers()
    if numbers is None or times is not None:
        return _fill_texts(profile, column, missing)
    present = numbers.values[~missing]
    profile.nan = int(np.isnan(present).sum())
    profile.infinite = int(np.isinf(present).sum())
    finite = present[np.isfinite(present)]
    if not len(finite):
        return _fill_texts(profile, column, missing)
    _fill_numbers(profile, finite)
    if column.floats() is None:
        # Decimals and long integers, of which floats take some for the same.
        exact = [None if gone else value for value, gone in zip(column.values(), missing.tolist(), strict=True)]
        profile.distinct = len(set(exact) - {None})
        if profile.constant and profile.distinct > 1:
            return _fill_texts(profile, column, missing)
        identity = hash(("exact", *exact))
    else:
        identity = _number_identity(numbers.values, missing)
    _tell_constant(profile, column, missing)
    return _Keys(numbers.values, missing, True, identity)


def _tell_constant(profile: ColumnProfile, column: Column, missing: NDArray[np.bool_]) -> None:
    """Write a value that all rows have as it is: it is no statistic, which is rounded."""
    if profile.constant:
        first = int(missing.argmin())
        profile.constant_value = cells_of(column.part(first, first + 1))[0].exact


def _some_present(values: Sequence[Any], missing: NDArray[np.bool_]) -> list[Any]:
    import numpy as np

    return [values[place] for place in np.flatnonzero(~missing)[:100].tolist()]


class _Sorted(Struct):
    """What the sorted values of a column tell."""

    values: NDArray[Any]
    distinct: int
    ordered: bool

    def at(self, share: float) -> float:
        """Read the value below which a share of the others lies, interpolated; exactly where it is one of them."""
        rank = share * (len(self.values) - 1)
        place = math.floor(rank)
        below = self.values[place].item()
        if rank == place:
            return below  # type: ignore[no-any-return]
        above = self.values[place + 1].item()
        return below if above == below else below * (1 - (rank - place)) + above * (rank - place)  # type: ignore[no-any-return]


def _sorted(present: NDArray[Any]) -> _Sorted:
    import numpy as np

    ordered = bool((present[:-1] <= present[1:]).all())
    values = present if ordered else np.sort(present)
    return _Sorted(values, 1 + int((values[1:] != values[:-1]).sum()), ordered)


def _fill_numbers(profile: ColumnProfile, present: NDArray[Any]) -> None:

    known = _sorted(present)
    low, q1, median, q3, high = (known.at(share) for share in (0, 0.25, 0.5, 0.75, 1))
    mean, std = mean_and_std(present, ddof=1)
    profile.kind, profile.unit = "number", "number"
    _describe(profile, known)
    profile.measures = {"mean": mean, "min": low, "median": median, "max": high}
    if profile.constant:
        return
    profile.measures["std"] = std
    profile.outliers = _outliers(known)
    names = ("min", "mean", "median", "max", "std", "q1", "q3")
    # The mean of as many 2013 as 2014 is no year: it must not look like the greatest of them.
    apart = (low, mean, high) if float(low) < float(mean) < float(high) else (low, high)
    texts = statistics([low, mean, median, high, std, q1, q3], apart=apart)
    profile.facts = list(zip(names, texts, strict=True))
    profile.histogram = histogram_of(known.values, q1, q3)


def _outliers(known: _Sorted) -> int:
    """Count what lies more than 1.5 interquartile ranges away from the quartiles."""
    import numpy as np

    values = known.values
    if values.dtype.kind in "iu" and max(-int(values[0]), int(values[-1])) >= 2**53:
        # Counted from the least one: of integers beyond 2^53 floats do not know the difference.
        values = values.astype(np.uint64) - np.uint64(int(values[0]) % 2**64)
        known = _Sorted(values, known.distinct, known.ordered)
    q1, q3 = float(known.at(0.25)), float(known.at(0.75))
    reach = _WHISKER * (q3 - q1)
    if not math.isfinite(reach):
        return 0
    below, within = values.searchsorted(q1 - reach, "left"), values.searchsorted(q3 + reach, "right")
    return int(below + len(values) - within)


def _describe(profile: ColumnProfile, known: _Sorted) -> None:
    profile.distinct = known.distinct
    profile.constant = known.distinct == 1 and not profile.nan and not profile.infinite
    profile.ordered = known.ordered


def _fill_times(profile: ColumnProfile, times: Times) -> _Keys:
    import numpy as np

    present = times.counts[~times.missing]
    known = _sorted(present)
    duration = times.kind == "duration"
    profile.kind, profile.unit = "duration" if duration else "time", times.measured_in
    _describe(profile, known)
    places = [round(share * (len(present) - 1)) for share in (0, 0.5, 1)]
    texts = _moments(times, known.values[places])
    seconds = _in_seconds(known.values, times.unit)
    profile.measures = dict(zip(_OF_TIMES, seconds[places].tolist(), strict=True))
    identity = _identity(times.counts, times.missing, (profile.kind, times.unit, str(times.zone)))
    keys = _Keys(times.counts, times.missing, True, identity)
    if profile.constant:
        profile.constant_value = texts[0]
        return keys
    profile.facts = list(zip(_OF_TIMES, texts, strict=True))
    if duration:
        mean, std = (value * _SECONDS[times.unit] for value in mean_and_std(present, ddof=1))
        profile.measures |= {"mean": mean, "std": std}
        profile.facts[1:1] = [("mean", value_in("seconds", mean))]
        profile.facts.append(("std", value_in("seconds", std)))
    q1, q3 = (float(np.quantile(seconds, share)) for share in (0.25, 0.75))
    profile.histogram = histogram_of(seconds, q1, q3, whole_numbers=False, clip=duration)
    return keys


_OF_TIMES = ("min", "median", "max")


def _moments(times: Times, counts: NDArray[np.int64]) -> list[str]:
    """Write a few of a column's times; durations in the unit that suits each."""
    import numpy as np

    if times.kind == "duration":
        return [value_in("seconds", seconds) for seconds in _in_seconds(counts, times.unit).tolist()]
    few = Times(counts, np.zeros(len(counts), dtype=bool), times.unit, times.kind, times.zone)
    return [text or "" for text in time_texts(few)]


def _in_seconds(counts: NDArray[np.int64], unit: str) -> NDArray[np.float64]:
    return counts.astype(float) * _SECONDS[unit]


_SECONDS = {"D": 86_400.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def _fill_texts(profile: ColumnProfile, column: Column, missing: NDArray[np.bool_], kind: str = "") -> _Keys:
    """Profile a column by the texts of its values."""
    import numpy as np

    coded = _coded(column, missing)
    codes, texts, exact = coded.codes, coded.texts, coded.exact
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    most = np.argsort(-counts, kind="stable")[:10]
    profile.top = [(texts[place], int(counts[place])) for place in most.tolist()]
    profile.distinct = len(texts) if exact else None
    profile.constant = len(texts) == 1 and exact
    profile.constant_value = texts[0] if profile.constant else ""
    profile.kind = kind or ("category" if len(texts) <= max(20, len(codes) // 20) else "text")
    profile.ordered = _is_ordered(codes[codes >= 0], texts) if exact and not kind else False
    profile.measures, profile.trouble = {}, ""
    of = "text" if column.times() is None else "clock"
    identity = _identity(np.array(coded.marks, dtype=np.int64)[codes], missing, of) if coded.marks else None
    return _Keys(codes, missing, False, identity)


def _is_ordered(codes: NDArray[np.int64], texts: list[str]) -> bool:
    import numpy as np

    if len(texts) > _SORTED_TEXTS:
        return False
    ranks = np.empty(len(texts), dtype=np.int64)
    ranks[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    return bool((np.diff(ranks[codes]) >= 0).all())


class _Coded(Struct):
    """The different values of a column.

    Attributes:
        codes: Which of them each row has, -1 where it is missing.
        texts: How they are written.
        marks: A hash of each; empty where one is of a type of which nothing is known but its text.
        exact: Whether different texts are all the different values: of nested ones only the beginning is looked at.
    """

    codes: NDArray[np.int64]
    texts: list[str]
    marks: list[int]
    exact: bool


def _coded(column: Column, missing: NDArray[np.bool_]) -> _Coded:
    """Number the different values of a column."""
    import numpy as np
    import pandas as pd
    from pandas.api.types import infer_dtype

    if column.times() is not None:
        values: Any = np.array([cell.text for cell in cells_of(column)], dtype=object)
    elif isinstance(getattr(column.raw, "dtype", None), pd.CategoricalDtype):
        return _used_categories(column.raw.cat, missing)
    else:
        values = np.empty(len(missing), dtype=object)
        values[:] = column.values()
    if infer_dtype(values[~missing][:10_000], skipna=False) in _SCALARS:
        try:
            values[missing] = None
            codes, distinct = pd.factorize(values)
            known = distinct.tolist()
            if all(type(value) in (str, bytes, Told) for value in known):
                shown = [encodable(shorten(value_text(value), _MAX_TEXT)) for value in known]
                return _Coded(codes.astype(np.int64), shown, [_mark(value) for value in known], exact=True)
        except TypeError:
            pass
    return _by_text(values.tolist(), np.flatnonzero(~missing).tolist())


def _mark(value: object) -> int:
    """Hash a value: bytes are another one than the text that they spell, and a truth another one than a number."""
    return hash((value, isinstance(value, (str, bool))))


def _used_categories(categories: Any, missing: NDArray[np.bool_]) -> _Coded:
    """Number the categories that are there: there may be millions of rows, and few of them."""
    import numpy as np

    known = _by_text(list(categories.categories), range(len(categories.categories)))
    places = known.codes[categories.codes.to_numpy().astype(np.int64)]
    used, again = np.unique(np.append(np.where(missing, -1, places), -1), return_inverse=True)
    there = used[1:].tolist()
    texts, marks = [known.texts[place] for place in there], [known.marks[place] for place in there if known.marks]
    return _Coded((again[:-1] - 1).astype(np.int64), texts, marks, known.exact)


def _by_text(values: Sequence[Any], present: Sequence[int]) -> _Coded:
    import numpy as np

    places: dict[tuple[str, bool], int] = {}  # the text "1" is another value than the number
    first: list[Any] = []
    codes = np.full(len(values), -1)
    exact = True
    for row in present:
        value = values[row]
        exact = exact and not isinstance(value, (list, tuple, dict, set, frozenset, np.ndarray))
        codes[row] = place = places.setdefault((value_text(value), isinstance(value, str)), len(places))
        if place == len(first):
            first.append(value)
    texts = [encodable(shorten(text, _MAX_TEXT)) for text, _ in places]
    marks = [_mark(value) for value in first] if all(id(type(value)) in _PLAIN for value in first) else []
    return _Coded(codes, texts, marks, exact)


_PLAIN = frozenset(map(id, (str, bool, int, float, decimal.Decimal, fractions.Fraction, datetime.date)))
"""By their ids, the types of which a hash tells the values apart and never fails."""


def _duplicates(keys: list[_Keys], rows: int) -> int:
    """Count rows that repeat an earlier one, by a hash of 64 bits for each row."""
    import numpy as np
    from pandas.util import hash_array

    rowwise = np.zeros(rows, dtype=np.uint64)
    for each in keys:
        hashed = hash_array(np.ascontiguousarray(each.values), categorize=False)
        hashed[each.missing] = np.uint64(1)
        rowwise = rowwise * np.uint64(0x9E3779B97F4A7C15) + hashed
        rowwise ^= rowwise >> np.uint64(29)
    return rows - len(np.unique(rowwise))


def _associations(names: list[str], keys: list[_Keys]) -> list[Association]:
    """Measure how strongly each pair of columns goes together, on rows spread evenly over the table.

    One measure is Cramér's V with Bergsma's correction for bias (2013), of values in at most ten levels each: quantiles
    of numbers, the most frequent of others, and missing as one of them. The other is Pearson's correlation: numbers
    that scatter about a line have a small V.
    """
    import numpy as np

    step = max(1, -(-len(keys[0].values) // _ASSOCIATION_ROWS))
    few = [_Keys(each.values[::step], each.missing[::step], each.numeric) for each in keys]
    levels = [_levels(each) for each in few]
    hot = [np.eye(int(level.max()) + 1, dtype=np.float32)[level] for level in levels]
    found = []
    for right in range(len(keys)):
        for left in range(right):
            cramer = _cramer(hot[left].T @ hot[right])
            pearson, least = _pearson(few[left], few[right])
            if cramer > 0 or least > 0:
                found.append(Association(names[left], names[right], cramer, pearson, max(cramer, least)))
    found.sort(key=lambda pair: -pair.strength)
    return found[:50]


def _levels(keys: _Keys) -> NDArray[np.int64]:
    import numpy as np

    present = keys.values[~keys.missing]
    if keys.numeric:
        present = present[np.isfinite(present)] if present.dtype.kind == "f" else present
        shares = np.linspace(0, 1, _LEVELS + 1)[1:-1]
        edges = np.unique(np.quantile(present.astype(np.float64), shares)) if len(present) else np.zeros(0)
        level = np.searchsorted(edges, keys.values.astype(np.float64), "right")
    else:
        counts = np.bincount(present[present >= 0].astype(np.int64), minlength=1)
        frequent = np.argsort(-counts, kind="stable")[: _LEVELS - 1]
        place = np.full(len(counts), len(frequent))
        place[frequent] = np.arange(len(frequent))
        level = place[np.maximum(keys.values, 0).astype(np.int64)]
    return np.unique(np.where(keys.missing, -1, level), return_inverse=True)[1]


def _cramer(table: NDArray[Any]) -> float:
    import numpy as np

    rows, columns = table.shape
    total = float(table.sum())
    if min(rows, columns) < 2 or total < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    phi = float(((table - expected) ** 2 / expected).sum()) / total
    bias = (rows - 1) * (columns - 1) / (total - 1)
    room = min(rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1)) - 1
    return math.sqrt(max(0.0, phi - bias) / room) if room > 0 else 0.0


def _pearson(left: _Keys, right: _Keys) -> tuple[float | None, float]:
    """Correlate two columns of numbers.

    Returns:
        The correlation, if there is one, and the least size that it surely has: few rows lie on a line by chance. That
        is the end of Fisher's confidence interval (1915).
    """
    import numpy as np

    if not (left.numeric and right.numeric):
        return None, 0.0
    x, y = left.values.astype(np.float64), right.values.astype(np.float64)
    both = ~left.missing & ~right.missing & np.isfinite(x) & np.isfinite(y)
    rows = int(both.sum())
    if rows < 3:
        return None, 0.0
    with np.errstate(all="ignore"):
        correlation = float(np.corrcoef(x[both], y[both])[0, 1])
    if not math.isfinite(correlation):
        return None, 0.0
    size = min(abs(correlation), 1 - 1e-12)
    least = math.tanh(math.atanh(size) - _SURE / math.sqrt(rows - 3)) if rows > 3 else 0.0
    return correlation, max(0.0, least)
