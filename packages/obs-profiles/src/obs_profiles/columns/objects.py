"""Columns of Python objects, of which each may be of another type."""

from __future__ import annotations

import datetime
import math
import numbers
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_core.interruptions import let_pass
from obs_core.rendering import bounded_repr
from obs_profiles.columns.texts import PackedTexts, UnpackedTexts, cuts
from obs_profiles.columns.typed_arrays import TYPED, read_typed
from obs_profiles.columns.units import whole_units
from obs_profiles.columns.values import ELEMENTS_AT_ONCE, ColumnValues, CountedNumbers, CountedTexts, Durations, Times
from obs_profiles.damage import ProfileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obs_profiles.columns.values import Unit

__all__ = ["Shown", "as_float", "is_missing", "look", "looks_of", "read_objects", "read_or_look"]

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
_DEEPEST = 12
"""Containers within each other that are looked into."""

_DEEPEST_ELEMENTS = 5
"""Lists within each other of which the elements are read; what is deeper is known by how it looks."""


_SCALARS = frozenset(map(id, (int, float, bool, type(None))))
_MOST_LOOKS = 10_000

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}(?=[>;])")
"""Where an object is, in how most of those look that do not write themselves, also within others."""

_EPOCH = datetime.datetime(1970, 1, 1)
_UTC_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_MICROSECONDS = {"us": 1, "ms": 10**3, "s": 10**6, "D": 86_400 * 10**6}


class Shown:
    """Stands for a value of which it is known how it looks."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


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
        found.texts.append(_counted(texts) if text_kinds == {id(str)} else CountedTexts(UnpackedTexts.of(texts)))
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
        ProfileFormatError: The column is damaged.
    """
    try:
        return read()
    except ProfileFormatError:
        raise
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
        return CountedTexts(UnpackedTexts.of(texts))
    counts = Counter(texts)
    return CountedTexts(UnpackedTexts.of(list(counts)), np.fromiter(counts.values(), np.int64, len(counts)))


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
        parts.setdefault(_name_of(value), []).append(value)
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
        found = next((name for kind, name in _BASES if issubclass(type(value), kind)), "object")
        return "time" if found == "object" and _is_period(type(value)) else found
    except BaseException as error:  # an abstract class asks a type for more than some tell
        let_pass(error)
        return "object"


def _is_period(kind: Any) -> bool:
    return bool(kind.__name__ == "Period" and kind.__module__.partition(".")[0] == "pandas")


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
    found.texts.append(CountedTexts(UnpackedTexts.of(values)))
    found.add_type("text", len(values))


def _read_bytes(values: list[Any], found: ColumnValues) -> None:
    sizes = np.fromiter((memoryview(value).nbytes for value in values), np.int64, len(values))

    def pack(start: int, stop: int) -> PackedTexts:
        return PackedTexts.of_bytes([memoryview(value).tobytes() for value in values[start:stop]])

    found.texts.append(CountedTexts(UnpackedTexts(sizes, pack), kind="bytes"))
    found.add_type("bytes", len(values))


def _read_moments(values: list[Any], found: ColumnValues) -> None:
    zones = {str(zone) for value in values if (zone := getattr(value, "tzinfo", None)) is not None}
    parts = [Times(*part) for part in _by_unit(values, _microseconds)]
    if zones:
        found.zone = zones.pop() if len(zones) == 1 else "mixed"
    found.times += parts
    found.add_type("time", len(values))
    frequencies = {f"period[{value.freqstr}]" for value in values if _is_period(type(value))}
    if frequencies:  # a period equals none of another frequency
        found.dtype = " of ".join([found.dtype, *sorted(frequencies)])


def _read_durations(values: list[Any], found: ColumnValues) -> None:
    found.durations += [Durations(*part) for part in _by_unit(values, _microseconds_of)]
    found.add_type("duration", len(values))


def _by_unit(values: Iterable[Any], microseconds: Callable[[Any], int]) -> Iterable[tuple[NDArray[np.int64], Unit]]:
    """Turn objects into whole units: those of numpy and pandas into their own, all others into microseconds."""
    micros: list[int] = []
    further: list[int] = []
    arrays: dict[np.dtype[Any], list[Any]] = {}
    for value in values:
        own = _start_of(value) if _is_period(type(value)) else value.asm8 if hasattr(value, "asm8") else value
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


def _start_of(period: Any) -> Any:
    """Return when a period of pandas begins; as Timestamps, pandas 2 knows none before 1677 and after 2262."""
    unit: Unit = "ns" if period.freqstr in ("ns", "N") else "us"
    return np.datetime64(period.asfreq(unit, how="start").ordinal, unit)


def _microseconds(value: Any) -> int:
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    return int((value - (_EPOCH if value.tzinfo is None else _UTC_EPOCH)) // _MICROSECOND)


def _microseconds_of(value: Any) -> int:
    if isinstance(value, datetime.time):
        return (value.hour * 3600 + value.minute * 60 + value.second) * 1_000_000 + value.microsecond
    return int(value // _MICROSECOND)


def _read_lists(values: list[Any], found: ColumnValues) -> None:
    sizes = _sizes(values)
    found.add_type("list", len(values))
    found.sizes = sizes if found.sizes is None else np.concatenate([found.sizes, sizes])
    found.elements.append(lambda: _elements(values, sizes))
    _read_looks(values, found)


def _elements(
    values: list[Any], sizes: NDArray[np.int64], within: frozenset[int] = frozenset(), depth: int = 1
) -> Iterator[ColumnValues]:
    """Read what lists hold, some at once; of lists within them, what the innermost ones hold.

    Args:
        values: The lists.
        sizes: How many elements each has.
        within: What these are within, by identity: a list may hold itself.
        depth: How many lists an element is within.
    """
    for start, stop in cuts(sizes, ELEMENTS_AT_ONCE):
        parts: list[Any] = []
        for value in values[start:stop]:
            if issubclass(type(value), np.ndarray) and value.dtype.kind in TYPED:
                continue
            parts += _parts_of(value)
        yield from _elements_of_arrays(values[start:stop])
        lists = _lists_among(parts) if depth < _DEEPEST_ELEMENTS else []
        if lists:
            parts = [part for part in parts if _name_of(part) != "list"]
            outer = within.union(map(id, values[start:stop]))
            lists = [part for part in lists if id(part) not in outer]
            yield from _elements(lists, _sizes(lists), outer, depth + 1)
        if parts:
            yield read_objects(parts)


def _parts_of(value: Any) -> Iterable[Any]:
    """Return what a list holds; nothing of the value's own is called."""
    if issubclass(type(value), np.ndarray):
        parts: list[Any] = value.reshape(-1).tolist()
        return parts
    base: Any = next(base for base in (list, tuple, set, frozenset) if issubclass(type(value), base))
    return base.__iter__(value)  # type: ignore[no-any-return]


def _elements_of_arrays(values: list[Any]) -> Iterator[ColumnValues]:
    """Read what those of some lists hold that are arrays, without a Python object for each element."""
    alike: dict[str, list[NDArray[Any]]] = {}
    for value in values:
        if issubclass(type(value), np.ndarray) and value.dtype.kind in TYPED and value.size:
            alike.setdefault(value.dtype.str, []).append(value.reshape(-1))
    for arrays in alike.values():
        join: Any = np.ma.concatenate if any(map(np.ma.isMaskedArray, arrays)) else np.concatenate
        whole = join(arrays)
        for start in range(0, len(whole), ELEMENTS_AT_ONCE):
            yield read_typed(whole[start : start + ELEMENTS_AT_ONCE])


def _lists_among(values: list[Any]) -> list[Any]:
    kinds = {id(type(value)): value for value in values}
    found = {kind for kind, value in kinds.items() if _name_of(value) == "list"}
    return [value for value in values if id(type(value)) in found] if found else []


def _name_of(value: Any) -> str:
    return _TYPES.get(id(type(value))) or _type_of(value)


def _sizes(lists: list[Any]) -> NDArray[np.int64]:
    return np.fromiter(map(_size, lists), np.int64, len(lists))


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


def _read_looks(values: Sequence[Any], found: ColumnValues) -> None:
    found.texts.append(looks_of(len(values), lambda start, stop: values[start:stop]))


def looks_of(rows: int, read: Callable[[int, int], Iterable[Any]]) -> CountedTexts:
    """Know values by what they look like.

    Args:
        rows: How many there are.
        read: Returns the values from one row up to another one, as Python has them.
    """
    known: dict[str, str] = {}

    def pack(start: int, stop: int) -> PackedTexts:
        return PackedTexts.of([_known_look(value, known) for value in read(start, stop)])

    return CountedTexts(UnpackedTexts(np.full(rows, _LONGEST), pack), kind="object")


def _known_look(value: Any, known: dict[str, str]) -> str:
    """Write how a value looks; small containers that look alike are written once, for that takes a while."""
    try:
        if issubclass(type(value), np.ndarray):
            value = _plain(value)  # first: most are then small, and written once
        plain = repr(value) if _is_small(value) else ""
    except BaseException as error:  # of numbers with more digits than Python writes, and parts that raise
        let_pass(error)
        return look(value)
    if not plain:
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
        len(part) <= _LONGEST if type(part) is str else id(type(part)) in _SCALARS for part in parts
    )


def look(value: Any) -> str:
    """Write how a value looks, the same in each process: no address in memory, no order of a set."""
    kind: Any = type(value)
    try:
        if kind.__repr__ is object.__repr__:
            return f"<{kind.__module__}.{kind.__qualname__}>"
        text = str(bounded_repr(_plain(value), _LONGEST, sort_sets=True)).encode("utf-8", "backslashreplace").decode()
        return _ADDRESS.sub("", text)
    except BaseException as error:  # of a type that does not even tell its name
        let_pass(error)
        return "<an object that tells nothing>"


def _plain(value: Any, depth: int = _DEEPEST) -> Any:
    """Return a value as one that looks alike in each library: with lists for arrays, None for NaN, 5 for 5.0.

    Args:
        value: Anything; only lists, tuples, mappings, arrays, and numbers within these are looked into.
        depth: How many of them may be within each other.
    """
    kind = type(value)
    if not depth:
        return value
    if kind is list or kind is tuple:
        # What comes after so many is not written, but for how many they are.
        return kind([_plain_part(part, depth) for part in value[:_LONGEST]]) + value[_LONGEST:]
    if kind is dict and len(value) <= _LONGEST:
        return {key: _plain_part(part, depth) for key, part in value.items()}
    if kind is np.ndarray and value.ndim:
        parts = _of_array(value[:_LONGEST])
        return [_plain_part(part, depth) for part in parts] + [None] * (len(value) - len(parts))
    return value


def _of_array(values: NDArray[Any]) -> list[Any]:
    """Return what an array holds as Python has it."""
    if values.dtype.names:
        return [tuple(row[name] for name in values.dtype.names) for row in values]
    if values.ndim > 1:
        return list(values)
    return _of_numpy(values) if values.dtype.kind in "mM" else list(values.tolist())


def _of_numpy(values: NDArray[Any]) -> list[Any]:
    """Return moments or lengths of time of numpy as Python has them; those that it has no room for as they look."""
    made: list[Any] = [None] * len(values)
    there = ~np.isnat(values)
    numbers, unit = whole_units(values[there])
    kind = values.dtype.kind
    for place, number in zip(np.flatnonzero(there).tolist(), numbers.tolist(), strict=True):
        made[place] = _moment(kind, number, unit)
    return made


def _moment(kind: str, number: int, unit: Unit) -> Any:
    micros, rest = divmod(number, 1_000) if unit == "ns" else (number * _MICROSECONDS[unit], 0)
    try:
        length = datetime.timedelta(microseconds=micros)
        near = length if kind == "m" else _EPOCH + length
    except OverflowError:
        return Shown(f"{micros:,} microseconds{' since 1970' if kind == 'M' else ''}")
    return Shown(f"{near} and {rest} nanoseconds") if rest else near


def _plain_part(part: Any, depth: int) -> Any:
    """Return a part of a container as it looks in each library."""
    kind = type(part)
    if kind is str or (kind is not float and id(kind) in _SCALARS):
        return part
    if issubclass(kind, np.datetime64 | np.timedelta64):
        return _of_numpy(np.array([part]))[0]
    if issubclass(kind, np.generic):
        part = part.item()
        kind = type(part)
    if kind is float:
        return None if part != part else int(part) if part.is_integer() else part
    if is_missing(part):
        return None
    if issubclass(kind, datetime.date | datetime.timedelta):
        return _plain_moment(part)
    return _plain(part, depth - 1)


def _plain_moment(moment: Any) -> Any:
    """Return a moment, or a length of time, as Python's own; one with a zone in UTC, without it, as numpy has it."""
    if getattr(moment, "nanosecond", 0) or getattr(moment, "nanoseconds", 0):
        return _of_numpy(np.array([moment.asm8]))[0]  # of pandas: Python's own has no nanoseconds
    if issubclass(type(moment), datetime.timedelta):
        return datetime.timedelta(moment.days, moment.seconds, moment.microseconds)
    if not issubclass(type(moment), datetime.datetime):
        return datetime.datetime(moment.year, moment.month, moment.day)
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC)
    return datetime.datetime.combine(moment.date(), moment.time())


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
