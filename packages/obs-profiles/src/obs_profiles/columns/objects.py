"""Columns of Python objects, of which each may be of another type."""

from __future__ import annotations

import datetime
import math
import numbers
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_core.interruptions import let_pass
from obs_core.rendering import bounded_repr
from obs_profiles.columns.texts import PackedTexts
from obs_profiles.columns.units import whole_units
from obs_profiles.columns.values import ColumnValues, CountedNumbers, CountedTexts, Durations, Times
from obs_profiles.damage import ProfileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obs_profiles.columns.values import Unit

__all__ = ["as_float", "is_missing", "look", "read_objects", "read_or_look"]

_SIGNED, _UNSIGNED = 1 << 63, 1 << 64
_EXACT = 1 << 53
"""Up to here each integer is a float."""

_MOST_BITS, _MOST_DIGITS = 1 << 16, 19_728
"""Integers of no more are told apart; larger ones are infinite."""

_LONGEST = 200
"""Characters of how an object looks that are kept."""

_SOME = 1 << 14
"""Texts of a column by which it is told whether they are alike."""

_FEW = 20
_SCALARS = frozenset({int, float, bool, type(None)})
_MOST_LOOKS = 10_000

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}(?=[>;])")
"""Where an object is, in how most of those look that do not write themselves, also within others."""

_EPOCH = datetime.datetime(1970, 1, 1)
_UTC_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def read_objects(values: Sequence[Any], dtype: str = "object") -> ColumnValues:
    """Read any Python values; None, NaN, NA and NaT are missing.

    Args:
        values: The values.
        dtype: What the column's type is called.
    """
    try:
        kinds = set(map(type, values))
    except BaseException as error:  # of types whose own type forbids to hash or compare them
        let_pass(error)
        kinds = {str} | {object}
    # Most columns of objects are texts, of which some are missing: no function of Python is called for each of them.
    text_kinds = {id(kind) for kind in kinds if issubclass(kind, str)}
    texts, others = values, list[Any]()
    if len(kinds) != len(text_kinds):
        texts = [value for value in values if id(type(value)) in text_kinds]
        others = [value for value in values if id(type(value)) not in text_kinds]
    present = [value for value in others if not is_missing(value)]
    nan = sum(1 for value in others if issubclass(type(value), _FLOATS) and is_missing(value))
    found = ColumnValues(dtype, len(values), len(others) - len(present), nan)
    if texts:
        found.texts.append(_counted(texts) if text_kinds == {id(str)} else CountedTexts(PackedTexts.of(texts)))
        found.add_type("text", len(texts))
    _sort_in(present, found)
    return found


def read_or_look(
    read: Callable[[], ColumnValues], values: Callable[[], Sequence[Any]], rows: int, dtype: str
) -> ColumnValues:
    """Read a column; as objects if its library fails, and if that fails too, as that many objects of no known look.

    Args:
        read: Reads the column.
        values: Returns its values as Python has them.
        rows: How many rows it has.
        dtype: What its type is called.

    Raises:
        ProfileFormatError: `values` found that the column is damaged.
    """
    try:
        return read()
    except BaseException as error:
        let_pass(error)
    try:
        return read_objects(values(), dtype)
    except ProfileFormatError:
        raise
    except BaseException as error:
        let_pass(error)
    return ColumnValues(dtype, rows, types={"object": rows} if rows else {})


def _counted(texts: Sequence[str]) -> CountedTexts:
    """Count texts, each of which is then looked at once; where few are alike that would take longer."""
    some = texts[:: max(1, len(texts) // _SOME)]
    if 2 * len(set(some)) > len(some):
        return CountedTexts(PackedTexts.of(texts))
    counts = Counter(texts)
    return CountedTexts(PackedTexts.of(list(counts)), np.fromiter(counts.values(), np.int64, len(counts)))


_NEVER_MISSING = (str, int, list, tuple, dict, set, bytes)
_FLOATS = (float, Decimal, np.floating, complex, np.complexfloating)


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
    if issubclass(kind, np.floating | np.complexfloating):
        return bool(np.isnan(value))
    if issubclass(kind, complex):
        return complex.__ne__(value, value)
    if issubclass(kind, Decimal):
        return Decimal.is_nan(value)
    return type.__dict__["__name__"].__get__(kind) in ("NAType", "NaTType") or (
        issubclass(kind, np.datetime64 | np.timedelta64) and bool(np.isnat(value))
    )


def _sort_in(values: Iterable[Any], found: ColumnValues) -> None:
    """Sort values by their type."""
    parts: dict[str, list[Any]] = {}
    for value in values:
        parts.setdefault(_TYPES.get(id(type(value))) or _type_of(value), []).append(value)
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
    try:
        return next((name for kind, name in _BASES if issubclass(type(value), kind)), "object")
    except BaseException as error:  # an abstract class asks a type for more than some tell
        let_pass(error)
        return "object"


def _read_integers(values: list[Any], found: ColumnValues) -> None:
    _add_integers(list(map(int, values)), found)
    found.add_type("integer", len(values))


def _add_integers(numbers: Sequence[int], found: ColumnValues) -> None:
    """Sort integers in by the bits that they need: those of 64 bits, those that are floats, all others."""
    signed = [number for number in numbers if -_SIGNED <= number < _SIGNED]
    parts: list[NDArray[Any]] = [np.array(signed, np.int64)]
    if len(signed) < len(numbers):
        others = [number for number in numbers if not -_SIGNED <= number < _SIGNED]
        parts.append(np.array([number for number in others if 0 <= number < _UNSIGNED], np.uint64))
        large = [(number, as_float(number)) for number in others if not 0 <= number < _UNSIGNED]
        floats = [near for number, near in large if near == number or number.bit_length() > _MOST_BITS]
        parts.append(np.array(floats, np.float64))
        found.huge += [number for number, near in large if near != number and number.bit_length() <= _MOST_BITS]
    found.numbers += [CountedNumbers(part) for part in parts if len(part)]


def _read_floats(values: list[Any], found: ColumnValues) -> None:
    floats = [as_float(value) for value in values]
    whole: list[int] = []
    if not all(type(value) is float for value in values):
        # What is a whole number to the last digit stays one: a decimal, a fraction.
        exact = [_is_large_integer(value, near) for value, near in zip(values, floats, strict=True)]
        whole = [int(value) for value, is_whole in zip(values, exact, strict=True) if is_whole]
        floats = [near for near, is_whole in zip(floats, exact, strict=True) if not is_whole]
    if floats:
        found.numbers.append(CountedNumbers(np.array(floats, np.float64)))
    _add_integers(whole, found)
    found.add_type("number", len(values))


def _is_large_integer(value: Any, near: float) -> bool:
    if abs(near) == math.inf:
        return _is_integer_beyond_floats(value)
    large = abs(near) >= _EXACT and not issubclass(type(value), float)
    return large and bool(value == int(value))


def _is_integer_beyond_floats(value: Any) -> bool:
    if issubclass(type(value), Decimal):  # of which a short one may have more digits than fit in memory
        return bool(value.is_finite() and value.adjusted() < _MOST_DIGITS and value == int(value))
    return issubclass(type(value), numbers.Rational) and bool(value.denominator == 1)


def as_float(value: Any) -> float:
    """Return the nearest float; an infinite one of what is beyond all others."""
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
    zones = {str(zone) for value in values if (zone := getattr(value, "tzinfo", None)) is not None}
    parts = [Times(*part) for part in _by_unit(values, _microseconds)]
    if zones:
        found.zone = zones.pop() if len(zones) == 1 else "mixed"
    found.times += parts
    found.add_type("time", len(values))


def _read_durations(values: list[Any], found: ColumnValues) -> None:
    found.durations += [Durations(*part) for part in _by_unit(values, _microseconds_of)]
    found.add_type("duration", len(values))


def _by_unit(values: Iterable[Any], microseconds: Callable[[Any], int]) -> Iterable[tuple[NDArray[np.int64], Unit]]:
    """Turn objects into whole units: those of numpy and pandas into their own, all others into microseconds."""
    micros: list[int] = []
    further: list[int] = []
    arrays: dict[np.dtype[Any], list[Any]] = {}
    for value in values:
        own = value.asm8 if hasattr(value, "asm8") else value
        if isinstance(own, np.datetime64 | np.timedelta64):
            arrays.setdefault(own.dtype, []).append(own)
        elif abs(found := microseconds(value)) < _SIGNED:
            micros.append(found)
        else:  # lengths of time may have 2.7 million years
            further.append(found // 1_000_000)
    made: list[tuple[NDArray[np.int64], Unit]] = [whole_units(np.array(part, kind)) for kind, part in arrays.items()]
    if micros:
        made.append((np.array(micros, np.int64), "us"))
    if further:
        made.append((np.array(further, np.int64), "s"))
    return made


def _microseconds(value: Any) -> int:
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    return int((value - (_EPOCH if value.tzinfo is None else _UTC_EPOCH)) // _MICROSECOND)


def _microseconds_of(value: Any) -> int:
    if isinstance(value, datetime.time):
        return (value.hour * 3600 + value.minute * 60 + value.second) * 1_000_000 + value.microsecond
    return int(value // _MICROSECOND)


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
    """Write how a value looks, the same in each process: no address in memory, no order of a set."""
    kind: Any = type(value)
    try:
        if kind.__repr__ is object.__repr__:
            return f"<{kind.__module__}.{kind.__qualname__}>"
        text = str(bounded_repr(value, _LONGEST, sort_sets=True)).encode("utf-8", "backslashreplace").decode()
        return _ADDRESS.sub("", text)
    except BaseException as error:  # of a type that does not even tell its name
        let_pass(error)
        return "<an object that tells nothing>"


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

_TYPES: dict[int, str] = {
    id(bool): "boolean",
    id(bytes): "bytes",
    id(dict): "mapping",
    id(float): "number",
    id(int): "integer",
    id(list): "list",
    id(str): "text",
    id(datetime.datetime): "time",
}
"""By identity: the types of some values cannot be hashed, or compared."""

_BASES: tuple[tuple[Any, str], ...] = (
    (str, "text"),
    ((bool, np.bool_), "boolean"),
    ((datetime.timedelta, datetime.time, np.timedelta64), "duration"),  # numpy's is an integer too
    ((int, np.integer), "integer"),
    ((float, np.floating, Decimal), "number"),
    ((datetime.date, np.datetime64), "time"),
    ((bytes, bytearray, memoryview), "bytes"),
    ((list, tuple, set, frozenset, np.ndarray), "list"),
    (dict, "mapping"),
    (numbers.Real, "number"),
)
