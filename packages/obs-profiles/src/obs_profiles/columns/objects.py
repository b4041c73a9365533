"""Columns of Python objects, of which each may be of another type."""

from __future__ import annotations

import datetime
import math
import numbers
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np

from obs_core.interruptions import let_pass
from obs_core.rendering import bounded_repr
from obs_profiles.columns.texts import PackedTexts
from obs_profiles.columns.values import ColumnValues, CountedNumbers, CountedTexts, Durations, Times

__all__ = ["is_missing", "look", "read_objects"]

_LARGEST = 2**63 - 1
_LONGEST = 200
"""Characters of how an object looks that are kept."""

_SOME = 1 << 14
"""Texts of a column by which it is told whether they are alike."""

_FEW = 20
_SCALARS = frozenset({int, float, bool, type(None)})
_MOST_LOOKS = 10_000

_EPOCH = datetime.datetime(1970, 1, 1)
_UTC_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def read_objects(values: Sequence[Any], dtype: str = "object") -> ColumnValues:
    """Read any Python values; None, NaN, NA and NaT are missing.

    Args:
        values: The values.
        dtype: What the column's type is called.
    """
    # Most columns of objects are texts, of which some are missing: no function of Python is called for each of them.
    kinds = set(map(type, values))
    text_kinds = {kind for kind in kinds if issubclass(kind, str)}
    texts, others = values, list[Any]()
    if kinds != text_kinds:
        texts = [value for value in values if type(value) in text_kinds]
        others = [value for value in values if type(value) not in text_kinds]
    present = [value for value in others if not is_missing(value)]
    nan = sum(1 for value in others if issubclass(type(value), _REAL) and is_missing(value))
    found = ColumnValues(dtype, len(values), len(others) - len(present), nan)
    if texts:
        found.texts.append(_counted(texts) if text_kinds == {str} else CountedTexts(PackedTexts.of(texts)))
        found.add_type("text", len(texts))
    _sort_in(present, found)
    return found


def _counted(texts: Sequence[str]) -> CountedTexts:
    """Count texts, each of which is then looked at once; where few are alike that would take longer."""
    some = texts[:: max(1, len(texts) // _SOME)]
    if 2 * len(set(some)) > len(some):
        return CountedTexts(PackedTexts.of(texts))
    counts = Counter(texts)
    return CountedTexts(PackedTexts.of(list(counts)), np.fromiter(counts.values(), np.int64, len(counts)))


_NEVER_MISSING = (str, int, list, tuple, dict, set, bytes)
_REAL = (float, Decimal, np.floating)


def is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, NA or NaT; nothing of the value's own is called but its type is asked for."""
    # Not isinstance: that asks the value for its class, and any object may answer with an exception.
    kind = type(value)
    if value is None:
        return True
    if issubclass(kind, _NEVER_MISSING):
        return False
    if issubclass(kind, float):
        return float.__ne__(value, value)
    if issubclass(kind, np.floating):
        return bool(np.isnan(value))
    if issubclass(kind, Decimal):
        return Decimal.is_nan(value)
    return kind.__name__ in ("NAType", "NaTType") or (
        issubclass(kind, np.datetime64 | np.timedelta64) and bool(np.isnat(value))
    )


def _sort_in(values: Iterable[Any], found: ColumnValues) -> None:
    """Sort values by their type."""
    parts: dict[str, list[Any]] = {}
    for value in values:
        parts.setdefault(_TYPES.get(type(value)) or _type_of(value), []).append(value)
    for name, members in parts.items():
        _read_part(name, members, found)


def _read_part(name: str, values: list[Any], found: ColumnValues) -> None:
    """Read values of one type; those whose methods raise are objects, known by what they look like."""
    if _was_read(name, values, found):
        return
    fine: list[Any] = []
    others: list[Any] = []
    for value in values:
        (fine if _was_read(name, [value], ColumnValues("", 1)) else others).append(value)
    if fine and not _was_read(name, fine, found):
        fine, others = [], values
    if others:
        _read_any(others, found)


def _was_read(name: str, values: list[Any], found: ColumnValues) -> bool:
    """Read values, all of them or none: a reader puts nothing into the column before it has called all methods."""
    try:
        _READ[name](values, found)
    except BaseException as error:
        let_pass(error)
        return False
    return True


def _type_of(value: Any) -> str:
    for kind, name in _BASES:
        if issubclass(type(value), kind):
            return name
    return "object"


def _read_integers(values: list[Any], found: ColumnValues) -> None:
    small = np.array([int(value) for value in values if -_LARGEST <= value <= _LARGEST], np.int64)
    large = np.array([_as_float(value) for value in values if not -_LARGEST <= value <= _LARGEST], np.float64)
    found.add_type("integer", len(values))
    found.numbers += [CountedNumbers(part) for part in (small, large) if len(part)]


def _read_floats(values: list[Any], found: ColumnValues) -> None:
    found.numbers.append(CountedNumbers(np.array([_as_float(value) for value in values], np.float64)))
    found.add_type("number", len(values))


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # beyond 1.8e308
        return math.inf if value > 0 else -math.inf


def _read_booleans(values: list[Any], found: ColumnValues) -> None:
    true = sum(map(bool, values))
    found.add_type("boolean", len(values))
    found.true += true
    found.false += len(values) - true


def _read_texts(values: list[Any], found: ColumnValues) -> None:
    found.texts.append(CountedTexts(PackedTexts.of(values)))
    found.add_type("text", len(values))


def _read_bytes(values: list[Any], found: ColumnValues) -> None:
    found.texts.append(CountedTexts(PackedTexts.of_bytes([bytes(value) for value in values]), kind="bytes"))
    found.add_type("bytes", len(values))


def _read_moments(values: list[Any], found: ColumnValues) -> None:
    micros = np.array([_microseconds(value) for value in values], np.int64)
    zones = {str(zone) for value in values if (zone := getattr(value, "tzinfo", None)) is not None}
    if zones:
        found.zone = zones.pop() if len(zones) == 1 else "mixed"
    found.times.append(Times(micros, "us"))
    found.add_type("time", len(values))


def _microseconds(value: Any) -> int:
    if isinstance(value, np.datetime64):
        return int(value.astype("M8[us]").astype(np.int64))
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    elif type(value) is not datetime.datetime:  # pandas' Timestamp has a subtraction of its own
        value = value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
    return int((value - (_EPOCH if value.tzinfo is None else _UTC_EPOCH)) // _MICROSECOND)


def _read_durations(values: list[Any], found: ColumnValues) -> None:
    found.durations.append(Durations(np.array([_seconds(value) for value in values], np.float64)))
    found.add_type("duration", len(values))


def _seconds(value: Any) -> float:
    if isinstance(value, np.timedelta64):
        return float(value / np.timedelta64(1, "us")) / 1e6
    if isinstance(value, datetime.time):
        return value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6
    return float(value.total_seconds())


def _read_lists(values: list[Any], found: ColumnValues) -> None:
    sizes = np.fromiter((_size(value) for value in values), np.int64, len(values))
    found.add_type("list", len(values))
    found.sizes = sizes if found.sizes is None else np.concatenate([found.sizes, sizes])
    _read_looks(values, found)


def _size(value: Any) -> int:
    try:
        return len(value)
    except TypeError:  # an array without dimensions
        return 1


def _read_mappings(values: list[Any], found: ColumnValues) -> None:
    found.add_type("mapping", len(values))
    _read_looks(values, found)


def _read_any(values: list[Any], found: ColumnValues) -> None:
    found.add_type("object", len(values))
    _read_looks(values, found)


def _read_looks(values: Iterable[Any], found: ColumnValues) -> None:
    known: dict[str, str] = {}
    found.texts.append(CountedTexts(PackedTexts.of([_known_look(value, known) for value in values]), kind="object"))


def _known_look(value: Any, known: dict[str, str]) -> str:
    """Write how a value looks; small containers that look alike are written once, for that takes a while."""
    if not _is_small(value):
        return look(value)
    try:
        plain = repr(value)
    except ValueError:  # a number of more digits than Python writes
        return look(value)
    if plain not in known:
        if len(known) == _MOST_LOOKS:
            known.clear()
        known[plain] = look(value)
    return known[plain]


def _is_small(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        parts: Iterable[Any] = chain.from_iterable(value.items())
    elif kind is list or kind is tuple:
        parts = value
    else:
        return False
    return len(value) <= _FEW and all(
        len(part) <= _LONGEST if type(part) is str else type(part) in _SCALARS for part in parts
    )


def look(value: Any) -> str:
    """Write how a value looks, the same in each process: an address in memory is none of its content."""
    kind: Any = type(value)
    if kind.__repr__ is object.__repr__:
        return f"<{kind.__module__}.{kind.__qualname__}>"
    return str(bounded_repr(value, _LONGEST)).encode("utf-8", "backslashreplace").decode()


_READ: dict[str, Callable[[list[Any], ColumnValues], None]] = {
    "boolean": _read_booleans,
    "bytes": _read_bytes,
    "duration": _read_durations,
    "integer": _read_integers,
    "list": _read_lists,
    "mapping": _read_mappings,
    "number": _read_floats,
    "object": _read_any,
    "text": _read_texts,
    "time": _read_moments,
}

_TYPES: dict[type, str] = {
    bool: "boolean",
    bytes: "bytes",
    dict: "mapping",
    float: "number",
    int: "integer",
    list: "list",
    str: "text",
    datetime.datetime: "time",
}

_BASES: tuple[tuple[Any, str], ...] = (
    (str, "text"),
    ((bool, np.bool_), "boolean"),
    ((int, np.integer), "integer"),
    ((float, np.floating, Decimal), "number"),
    ((datetime.timedelta, datetime.time, np.timedelta64), "duration"),
    ((datetime.date, np.datetime64), "time"),
    ((bytes, bytearray, memoryview), "bytes"),
    ((list, tuple, set, frozenset, np.ndarray), "list"),
    (dict, "mapping"),
    (numbers.Real, "number"),
)
