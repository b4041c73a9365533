"""Values that a column may have, prepared as the values of a column are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from obs_profiles.columns.texts import LONGEST
from obs_profiles.profiles import ColumnProfile
from obs_profiles.profiling import profile_batch
from obs_profiles.sketches import FrequentItems
from obs_profiles.wording import duration_text, number_text, time_text

__all__ = ["AllowedValues"]

_AT_ONCE = 100
"""Values that are profiled together: of no more than that are all kept though each is there but once."""

_FAMILIES = {"integer": "number"}
_UNCOUNTED = ("list", "mapping")
_NARROW = ("float16", "float32", "float", "halffloat")
"""What libraries call real numbers of fewer than 64 bits."""


@dataclass(slots=True)
class AllowedValues:
    """Values that a column may have.

    Attributes:
        count: How many.
        types: The types that they are of.
        known: What their profiles know of them, by where that stands in a profile.
        infinite: Which infinite numbers are among them.
    """

    count: int = 0
    types: set[str] = field(default_factory=set)
    known: dict[str, set[Any]] = field(default_factory=dict)
    infinite: set[float] = field(default_factory=set)

    @classmethod
    def of(cls, values: Sequence[Any], dtype: str) -> AllowedValues:
        """Prepare values for a column of that dtype."""
        found = cls(len(values))
        plain = [value for value in values if type(value) is str and value.isascii() and len(value) <= LONGEST]
        if plain:
            found.types.add("text")
            found.known = {"texts": set(plain), "lengths": {len(value) for value in plain}}
        rest = [value for value in values if not (type(value) is str and value.isascii() and len(value) <= LONGEST)]
        if dtype.lower() in _NARROW:
            rest += [float(np.float32(value)) for value in rest if type(value) is float]
        for place in range(0, len(rest), _AT_ONCE):
            found._learn(profile_batch({"": rest[place : place + _AT_ONCE]})[""])
        return found

    def _learn(self, column: ColumnProfile) -> None:
        self.types.update(_FAMILIES.get(kind, kind) for kind in column.types)
        for name, (items, _) in _tables(column).items():
            self.known.setdefault(name, set()).update(value for value, _, _ in items.sorted_by_count())
        if column.true:
            self.known.setdefault("booleans", set()).add(True)
        if column.types.get("boolean", 0) > column.true:
            self.known.setdefault("booleans", set()).add(False)
        self.infinite.update(_infinities(column))

    def others_in(self, column: ColumnProfile) -> tuple[list[str], bool, bool]:
        """Look for other values in a column.

        Returns:
            The others with how many there are, as texts; whether all values of the column were looked at; whether
            none of them could be mistaken for another one.
        """
        tables = _tables(column)
        lengths = tables.pop("lengths", None)
        others = list(self._of_other_types(column))
        others += [
            f"{number_text(value)} ({n:,})" for value, n in _infinities(column).items() if value not in self.infinite
        ]
        others += self._other_booleans(column)
        for name, (items, write) in tables.items():
            allowed = self.known.get(name, set())
            counted = items.sorted_by_count()
            others += [f"{write(value)} ({count:,})" for value, count, _ in counted if value not in allowed]
        if not others and lengths is not None and set(column.types) == {"text"}:
            allowed = self.known.get("lengths", set())
            counted = lengths[0].sorted_by_count()
            others = [f"texts of {value:,.0f} characters ({n:,})" for value, n, _ in counted if value not in allowed]
        complete = not any(items.missed for items, _ in tables.values())
        told_apart = not {"text", "bytes"} <= set(column.types)
        return others, complete, told_apart

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


_Table = tuple[FrequentItems, Callable[[Any], str]]


def _tables(column: ColumnProfile) -> dict[str, _Table]:
    """Return the values that are counted of a column, of whatever type they are, with how each is written."""
    found: dict[str, _Table] = {}
    if column.numbers:
        found["numbers"] = column.numbers.frequent, number_text
    if column.times:
        found["times"] = column.times.numbers.frequent, time_text
    if column.durations:
        found["durations"] = column.durations.frequent, duration_text
    if column.texts:
        found["texts"] = column.texts.frequent, str
        found["lengths"] = column.texts.lengths.frequent, number_text
    return found


def _infinities(column: ColumnProfile) -> dict[float, int]:
    counts = {-np.inf: column.negative_infinite, np.inf: column.infinite - column.negative_infinite}
    return {value: count for value, count in counts.items() if count}
