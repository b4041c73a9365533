"""What a comparison found: of a column, and of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self, overload

from obs_core.secrets import mask
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.comparison.distance import may_tell
from obs_profiles.comparison.facets import Facet, Movement, farthest_first

__all__ = ["OTHER_VALUES", "TOO_FEW", "ColumnDrift", "NewShare", "PlainDrift"]

TOO_FEW = "too few rows to tell"
OTHER_VALUES = "other values"

_OF_ELEMENTS = "elements: "
_OTHER_ELEMENTS = _OF_ELEMENTS + OTHER_VALUES


class NewShare(NamedTuple):
    """Which share of the distinct values is new.

    Attributes:
        estimate: About which, 0 to 1.
        least: It is no smaller, in 99 of 100 cases.
        most: And no larger.
    """

    estimate: float
    least: float
    most: float

    @property
    def is_exact(self) -> bool:
        """Whether it is known for certain."""
        return self.least == self.most


@dataclass(frozen=True, slots=True, repr=False)
class ColumnDrift:
    """How a column drifted.

    Attributes:
        name: Its name.
        threshold: From which distance on it has drifted.
        reference: What the reference knows of it; None if it is not there.
        current: What the current data set knows of it; None if it is not there.
        change: What is plainer than a distance: "added", "removed", "integer → text", "other values", or "goes on" of
            keys and times that are numbers and of which only what is missing is compared, or "too few rows to tell",
            if chance may put two kinds of them on one side each; of what lists hold "elements: integer → text" and
            "elements: other values"; empty if nothing is.
        facets: What was compared, of its elements too, the largest distance first; none if one side has no rows.
        new_share: Which share of its distinct values the reference does not have; None where that is not known.
        elements: What became of what its lists hold, compared like a column; None where that is not known.
    """

    name: str
    threshold: float
    reference: ColumnProfile | None = None
    current: ColumnProfile | None = None
    change: str = ""
    facets: tuple[Facet, ...] = ()
    new_share: NewShare | None = None
    elements: ColumnDrift | None = None

    def with_elements(self, elements: ColumnDrift) -> ColumnDrift:
        """Return it with what became of what its lists hold: if that drifted, the column did."""
        change = "" if self.change == TOO_FEW and elements.drifted else self.change
        if not change and (elements.change == OTHER_VALUES or "→" in elements.change):
            change = _OF_ELEMENTS + elements.change
        facets = tuple(farthest_first([*self.facets, *elements.facets]))
        return replace(self, change=change, facets=facets, elements=elements)

    @property
    def distance(self) -> float | None:
        """The largest Hellinger distance of what was compared, 0 to 1; None where there was nothing to compare."""
        if self.change in (OTHER_VALUES, _OTHER_ELEMENTS):
            return 1.0
        return self.facets[0].distance if self.facets else None

    @property
    def drifted(self) -> bool:
        """Whether it was added or removed, or is farther than its threshold, and not by chance."""
        if self.reference is None or self.current is None or self.change in (OTHER_VALUES, _OTHER_ELEMENTS):
            return True
        return bool(self.facets) and self.facets[0].distance >= self.threshold and not self.facets[0].by_chance

    @property
    def in_elements(self) -> bool:
        """Whether what its lists hold drifted, farther than their sizes did."""
        farthest = bool(self.facets) and self.facets[0].of_elements
        return self.drifted and (farthest or self.change == _OTHER_ELEMENTS)

    @property
    def undecided(self) -> bool:
        """Whether it cannot be told if it drifted: a side has no rows, or both have so few that chance explains all."""
        if self.drifted or self.reference is None or self.current is None:
            return False
        rows = self.reference.rows, self.current.rows
        return self.change == TOO_FEW or not all(rows) or not may_tell(*rows)

    @property
    def by_chance(self) -> bool:
        """Whether two samples of the same data may well be as far apart."""
        return bool(self.facets) and self.facets[0].by_chance

    @property
    def severity(self) -> str:
        """How far it drifted, in a word: "none", "slight" (below 0.1), "clear" (below 0.3) or "strong"."""
        if not self.drifted:
            return "none"
        distance = 1.0 if self.distance is None else self.distance
        return "slight" if distance < 0.1 else "clear" if distance < 0.3 else "strong"

    @property
    def movements(self) -> tuple[Movement, ...]:
        """Which values or ranges moved, the largest movement first."""
        return self.facets[0].movements if self.facets else ()

    def __repr__(self) -> str:
        return f"<ColumnDrift {self}: {self.severity}>"

    def __str__(self) -> str:
        return f"{mask(self.name)} ({self.extent})"

    @property
    def extent(self) -> str:
        """How far it drifted: ``0.23``, ``elements: 0.23`` or ``added``."""
        if self.distance is None or self.change == TOO_FEW:
            return self.change
        return f"{_OF_ELEMENTS if self.in_elements else ''}{self.distance:.2f}"


@dataclass(frozen=True, slots=True, eq=False)
class PlainDrift(Sequence[ColumnDrift]):
    """What a comparison found: a sequence of columns, those that came or went first, then the farthest ones.

    Attributes:
        columns: Every column of both.
        rows: How many rows the reference has.
        current_rows: How many the current data set has.
        segments: The comparison of each segment that both have; see `obs_profiles.profile`.
        by: The columns whose values these are; none unless both have segments by the same.
        gone: Segments that the reference alone has: its rows, and how many of the current ones may be among all others.
        new: Segments that the current data set alone has: its rows, and how many those of the reference may be.
    """

    columns: tuple[ColumnDrift, ...]
    rows: int
    current_rows: int
    segments: Mapping[str, Self] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    gone: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    new: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    _drifted_in: dict[str, list[tuple[str, ColumnDrift]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        # Hundreds of columns ask for the segments that they drifted in: each column of each segment is looked at once.
        for value, segment in self.segments.items():
            for column in segment.drifted:
                self._drifted_in.setdefault(column.name, []).append((value, column))

    @property
    def drifted(self) -> list[ColumnDrift]:
        """The columns that drifted."""
        return [column for column in self.columns if column.drifted]

    @property
    def emptied(self) -> bool:
        """Whether there are no rows where there were some."""
        return bool(self.rows) and not self.current_rows

    @property
    def undecided(self) -> bool:
        """Whether there are columns, and of none can it be told if it drifted."""
        return bool(self.columns) and all(column.undecided for column in self.columns)

    @property
    def drifted_segments(self) -> dict[str, list[ColumnDrift]]:
        """The columns that drifted in a segment and not in the whole, by the segment; see `farthest` for the others."""
        known = {column.name for column in self.drifted}
        found = {
            value: [column for column in segment.drifted if column.name not in known]
            for value, segment in self.segments.items()
        }
        return {value: columns for value, columns in found.items() if columns}

    def farthest(self, column: ColumnDrift) -> tuple[str, ColumnDrift] | None:
        """Return the segment where a column drifted farthest, and what became of it there.

        Args:
            column: One of `columns`.

        Returns:
            The segment's value and the column in it; None if the column drifted in none, or in none farther than in the
            whole by more than its threshold.
        """
        if column.drifted and column.distance is None:
            return None
        known = column.distance + column.threshold if column.drifted and column.distance is not None else -1.0
        found = [
            (one.distance, value, one)
            for value, one in self._drifted_in.get(column.name, [])
            if one.distance is not None and one.distance > known
        ]
        if not found:
            return None
        _, value, one = max(found, key=lambda each: each[0])  # of several, the one with the most rows
        return value, one

    def where(self, value: str) -> str:
        """Name a segment: ``where origin is BOS``."""
        return mask(f"where {', '.join(self.by)} is {value}")

    def text_of(self, column: ColumnDrift) -> str:
        """Say how far a column drifted, and where farther: ``delay (0.07; 0.91 where origin is BOS)``."""
        found = self.farthest(column) if column.drifted else None
        if found is None:
            return str(column)
        value, one = found
        return f"{mask(column.name)} ({column.extent}; {one.extent} {self.where(value)})"

    @property
    def passed(self) -> bool:
        """Whether nothing drifted, neither in the whole nor in a segment, and there still are rows."""
        return not (self.drifted or self.drifted_segments or self.emptied)

    def column(self, name: str) -> ColumnDrift:
        """Return what became of a column.

        Raises:
            KeyError: Neither data set has it.
        """
        for column in self.columns:
            if column.name in (name, mask(name)):
                return column
        raise KeyError(f"there is no column {name!r}; there are: {', '.join(c.name for c in self.columns[:20])}")

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, place: int) -> ColumnDrift: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[ColumnDrift]: ...
    def __getitem__(self, place: int | slice) -> ColumnDrift | Sequence[ColumnDrift]:
        """Return columns by their place."""
        return self.columns[place]

    def __iter__(self) -> Iterator[ColumnDrift]:
        return iter(self.columns)

    def __repr__(self) -> str:
        named = ", ".join(map(self.text_of, self.drifted[:5]))
        return f"<Drift: {len(self.drifted)} of {len(self.columns)} columns{': ' if named else ''}{named}>"
