"""Values that a column may have, prepared as the values of a column are."""

from __future__ import annotations

import datetime
import math
import numbers
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_core.secrets import mask
from obs_core.text.numbers import plural
from obs_profiles.batches import coupons_in, hashes_in, profile_batch
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.columns import columns_of
from obs_profiles.columns.objects import as_float, is_missing
from obs_profiles.columns.texts import LONGEST
from obs_profiles.comparison.sequences import number_writer
from obs_profiles.limits import micros_of, moment_of
from obs_profiles.sketches import FrequentItems
from obs_profiles.sketches.hashing import coupons_of_numbers
from obs_profiles.wording import duration_text, kept_text, number_text, time_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AllowedValues", "narrowed"]

_AT_ONCE = 100
"""Values that are profiled together: of no more than that are all kept though each is there but once."""

_FAMILIES = {"integer": "number"}
_UNCOUNTED = ("list", "mapping")
_NARROW = re.compile(r"(?<![a-z])(?:float(16|32)|f([24]))(?![a-z0-9])")
"""What numpy, pandas and polars call real numbers of fewer than 64 bits; arrow compares its own as doubles."""

_MOMENTS = re.compile(r"(?:datetime64|timestamp)\[[^|]*|Datetime\([^|]*")
"""What numpy, pandas, arrow and polars call columns of nothing but moments."""

_DATES = re.compile(r"date(32|64)\[|Date$")
_DATES_OF_PANDAS = re.compile(r"date(32|64)\[[^|]*\]\[pyarrow\]")

_DAY = 86_400_000_000

_PERIOD = re.compile(r"period\[([^\]]+)\]")


@dataclass(slots=True)
class AllowedValues:
    """Values that a column may have.

    Attributes:
        count: How many.
        types: The types that they are of.
        known: What their profiles know of them, by where that stands in a profile; "text" and "bytes" are what is known
            of these alone, for profiles count both together.
        infinite: Which infinite numbers are among them.
        beyond: Which of them are among them by numbers that no float reaches.
        days: Which moments are there as a date alone, or as a datetime alone, and may be either in the column.
        prepared: The values, as they are to be hashed.
    """

    count: int = 0
    types: set[str] = field(default_factory=set)
    known: dict[str, set[Any]] = field(default_factory=dict)
    infinite: set[float] = field(default_factory=set)
    beyond: set[float] = field(default_factory=set)
    days: set[int] = field(default_factory=set)
    prepared: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, values: Sequence[Any], column: ColumnProfile) -> AllowedValues:
        """Prepare values for a column: what its library calls equal to one of them."""
        dtype = column.dtype
        found = cls(len(values), days=_days_of_one_kind(values, dtype))
        values = [value for value in values if not _equals_no_moment(value, column)]
        if frequencies := _PERIOD.findall(dtype):
            values = _starts_of_periods(values, frequencies)
        plain = [mask(value) for value in values if _is_plain(value)]
        if plain:
            found.types.add("text")
            found.known = {
                "texts": set(plain),
                "text": set(plain),
                "lengths": {len(value) for value in values if _is_plain(value)},
            }
        rest = [value for value in values if not _is_plain(value)]
        rest += narrowed(rest, dtype)
        found.prepared = [value for value in values if _is_plain(value)] + rest
        groups: dict[str, list[Any]] = {}
        for value in rest:
            infinite = _infinite_instead(value)
            if infinite is not None:
                found.types.add("number")
                found.beyond.add(infinite)
            else:
                groups.setdefault("bytes" if issubclass(type(value), bytes) else "other", []).append(value)
        for group in groups.values():
            for place in range(0, len(group), _AT_ONCE):
                found._learn(profile_batch({"": group[place : place + _AT_ONCE]})[""])
        return found

    def _learn(self, column: ColumnProfile) -> None:
        self.types.update(_FAMILIES.get(kind, kind) for kind in column.types)
        for name, (items, _) in _tables(column).items():
            values = {value for value, _, _ in items.sorted_by_count()}
            self.known.setdefault(name, set()).update(values)
            if name == "texts":
                self.known.setdefault("bytes" if "bytes" in column.types else "text", set()).update(values)
        if column.true:
            self.known.setdefault("booleans", set()).add(True)
        if column.types.get("boolean", 0) > column.true:
            self.known.setdefault("booleans", set()).add(False)
        self.infinite.update(_infinities(column))

    def others_in(
        self, column: ColumnProfile, hashes: Callable[[], NDArray[np.uint64]] | None = None
    ) -> tuple[list[str], bool, bool]:
        """Look for other values in a column.

        Args:
            column: The profile of the column.
            hashes: Returns those of all its values, as `obs_profiles.batches.hashes_in` has them; it is called where no
                table tells. None if they are gone: of up to 512 the profile has 32 bits each, by which one of 200,000
                others may be taken for one of these.

        Returns:
            The others with how many there are, as texts; whether all values of the column were looked at; whether
            none of them could be mistaken for another one.
        """
        tables = _tables(column)
        lengths = tables.pop("lengths", None)
        others = list(self._of_other_types(column))
        infinite, doubt = self._other_infinities(column)
        others += infinite
        others += self._other_booleans(column)
        for name, (items, write) in tables.items():
            allowed = self.known.get(name, set())
            counted = items.sorted_by_count()
            texts = {write(value) for value in allowed} if name == "numbers" else set()
            named = ((write(value), value, _many(*counts)) for value, *counts in counted if value not in allowed)
            # A rounded number must not read like one that is allowed.
            others += [f"{value if text in texts else text} ({many})" for text, value, many in named]
        if not others and lengths is not None and set(column.types) == {"text"}:
            allowed = self.known.get("lengths", set())
            counted = lengths[0].sorted_by_count()
            others = [
                f"texts of {value:,.0f} characters ({_many(*counts)})"
                for value, *counts in counted
                if value not in allowed
            ]
        if not others and {"text", "bytes"} <= set(column.types):
            others, alike = self._of_the_other_type(column)
            doubt = doubt or alike
        doubt = doubt or self._is_in_doubt_about_days(column)
        hashed = None if others else self._other_hashes(column, hashes)
        if hashed:
            others = [f"{plural(hashed, 'other value')}, of which no more is known"]
        doubt = doubt or (column.holds_texts_alike and hashed is None)
        complete = hashed == 0 or not any(items.missed for items, _ in tables.values())
        return others, complete, bool(others) or not doubt

    def _is_in_doubt_about_days(self, column: ColumnProfile) -> bool:
        counted = column.times.numbers.frequent.sorted_by_count() if column.times else []
        return any(value in self.days for value, _, _ in counted)

    def _of_the_other_type(self, column: ColumnProfile) -> tuple[list[str], bool]:
        """Look for texts that may only be bytes, and bytes that may only be texts, of a column that has both.

        Returns:
            Those of which there are more than the column has of the type, as texts; whether there may be others.
        """
        assert column.texts is not None
        counted = column.texts.frequent.sorted_by_count()
        text, raw = self.known.get("text", set()), self.known.get("bytes", set())
        others = []
        for kind, alone in (("text", text - raw), ("bytes", raw - text)):
            least = sum(count for value, count, _ in counted if value in alone)
            if least > column.types[kind]:
                others.append(f"values that are allowed as {kind} alone ({least:,}, of {column.types[kind]:,} {kind})")
        return others, any(value not in text & raw for value, _, _ in counted)

    def _other_infinities(self, column: ColumnProfile) -> tuple[list[str], bool]:
        """Look for infinite numbers; numbers that no float reaches, such as 10^400, are kept as such, too.

        Returns:
            The others, as texts; whether there may be others among those that are allowed.
        """
        others, doubt = [], False
        for value, count in _infinities(column).items():
            if value not in self.beyond and not (value in self.infinite and "number" in column.types):
                others.append(f"{number_text(value)} ({count:,})")
            doubt = doubt or value in self.beyond or "integer" in column.types
        return others, doubt and not _lacks_infinities(column)

    def _other_hashes(self, column: ColumnProfile, hashes: Callable[[], NDArray[np.uint64]] | None) -> int | None:
        """Count the hashes that no allowed value has, of values in no table too; None if not all are known."""
        (allowed,) = (values for _, values in columns_of({"": self.prepared}))
        if hashes is not None:
            return _count_others(hashes(), hashes_in(allowed))
        coupons = _coupons_of(column)
        return None if coupons is None else _count_others(coupons, np.concatenate([coupons[:0], *coupons_in(allowed)]))

    def _of_other_types(self, column: ColumnProfile) -> Iterator[str]:
        for kind, count in column.types.items():
            if kind in _UNCOUNTED:
                yield f"{count:,} {kind}, of which values are not counted"
            elif _FAMILIES.get(kind, kind) not in self.types:
                yield f"{count:,} {kind}"

    def _other_booleans(self, column: ColumnProfile) -> Iterable[str]:
        counts = {True: column.true, False: column.types.get("boolean", 0) - column.true}
        allowed = self.known.get("booleans", set())
        # If none is allowed, they are of another type, which was said.
        return [f"{value} ({n:,})" for value, n in counts.items() if n and allowed and value not in allowed]


def _many(least: int, most: int) -> str:
    """Write how often a value is there, of which merged parts may not have counted all."""
    return f"{least:,}" if least == most else f"at least {least:,}"


def _count_others(hashes: NDArray[Any], allowed: NDArray[Any]) -> int:
    return int(np.count_nonzero(~np.isin(np.unique(hashes), allowed)))


def _coupons_of(column: ColumnProfile) -> NDArray[np.uint32] | None:
    sketch = column.distinct
    return None if sketch.incomplete or sketch.foreign else sketch.coupons


def _is_plain(value: Any) -> bool:
    """Tell whether a profile keeps a value as it is."""
    return type(value) is str and value.isascii() and len(value) <= LONGEST


def narrowed(values: Iterable[Any], dtype: str) -> list[Any]:
    """Return Python's numbers as a column of few bits has them: numpy, pandas and polars compare them as such."""
    widths = {int(bits or 8 * int(size)) for bits, size in _NARROW.findall(dtype.lower())}
    plain = [value for value in values if type(value) is float or (type(value) is int and abs(value) < 1 << 1023)]
    with np.errstate(over="ignore"):
        return [float(np.dtype(f"f{width // 8}").type(value)) for width in sorted(widths) for value in plain]


def _infinite_instead(value: Any) -> float | None:
    """Return what profiles have in place of a number that no float reaches; None of any other value."""
    if not isinstance(value, numbers.Rational | Decimal) or is_missing(value):
        return None
    near = as_float(value)
    return near if math.isinf(near) and near != value else None


def _equals_no_moment(value: Any, column: ColumnProfile) -> bool:
    """Tell whether a date or datetime equals nothing in a column of moments.

    A date is no datetime, and one with a time zone is none without.
    """
    if not isinstance(value, datetime.date | np.datetime64) or column.times is None:
        return False
    has_time = isinstance(value, datetime.datetime | np.datetime64)
    if _DATES_OF_PANDAS.fullmatch(column.dtype):
        return has_time
    has_zone = has_time and getattr(value, "tzinfo", None) is not None
    if not _MOMENTS.fullmatch(column.dtype):
        return has_zone and not column.times.zone
    return not has_time or has_zone != bool(column.times.zone)


def _days_of_one_kind(values: Iterable[Any], dtype: str) -> set[int]:
    """Return the midnights that are there as a date alone, or as a datetime alone.

    A column of Python's own objects may hold either, which a profile does not tell.
    """
    if _MOMENTS.fullmatch(dtype) or _DATES.match(dtype):
        return set()
    found: dict[bool, set[int]] = {True: set(), False: set()}
    for value in values:
        if isinstance(value, datetime.date) and not is_missing(value):
            found[isinstance(value, datetime.datetime)].add(micros_of(moment_of(value, "among")))
    return {micros for micros in found[True] ^ found[False] if micros % _DAY == 0}


def _starts_of_periods(values: Iterable[Any], frequencies: Sequence[str]) -> list[Any]:
    """Return when periods of the column's frequency begin, as a column of them is read; no other value equals one."""
    same = [value for value in values if getattr(value, "freqstr", None) in frequencies]
    return [np.datetime64(value.asfreq("us", how="start").ordinal, "us") for value in same]


_Table = tuple[FrequentItems, Callable[[Any], str]]


def _tables(column: ColumnProfile) -> dict[str, _Table]:
    """Return the values that are counted of a column, of whatever type they are, with how each is written."""
    found: dict[str, _Table] = {}
    if column.numbers:
        found["numbers"] = column.numbers.frequent, number_writer(column)
    if column.times:
        found["times"] = column.times.numbers.frequent, time_text
    if column.durations:
        found["durations"] = column.durations.frequent, duration_text
    if column.texts:
        found["texts"] = column.texts.frequent, kept_text
        found["lengths"] = column.texts.lengths.frequent, number_text
    return found


def _lacks_infinities(column: ColumnProfile) -> bool:
    """Tell whether what is infinite in a column are numbers that no float reaches, each of which has its own hash."""
    return bool(column.distinct.lacks(coupons_of_numbers(np.array([-np.inf, np.inf]))).all())


def _infinities(column: ColumnProfile) -> dict[float, int]:
    counts = {-np.inf: column.negative_infinite, np.inf: column.infinite - column.negative_infinite}
    return {value: count for value, count in counts.items() if count}
