"""What a comparison found: of a column, and of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, overload

from obs_core.secrets import mask
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.comparison.facets import Facet, Movement

__all__ = ["ColumnDrift", "PlainDrift"]


@dataclass(frozen=True, slots=True, repr=False)
class ColumnDrift:
    """What became of a column.

    Attributes:
        name: Its name.
        threshold: From which distance on it has drifted.
        reference: What the reference knows of it; None if it is not there.
        current: What the current data set knows of it; None if it is not there.
        change: What is plainer than a distance: "added", "removed", "integer → text", "other values", or "goes on" of
            keys and times that are numbers and of which only what is missing is compared; empty if nothing is.
        facets: What was compared, the largest distance first; none if one side has no rows.
        new_share: Which share of its distinct values the reference does not have; None where that is not known.
    """

    name: str
    threshold: float
    reference: ColumnProfile | None = None
    current: ColumnProfile | None = None
    change: str = ""
    facets: tuple[Facet, ...] = ()
    new_share: float | None = None

    @property
    def distance(self) -> float | None:
        """The largest Hellinger distance of what was compared, 0 to 1; None where there was nothing to compare."""
        if self.change == "other values":
            return 1.0
        return self.facets[0].distance if self.facets else None

    @property
    def drifted(self) -> bool:
        """Whether it was added or removed, or is farther than its threshold, and not by chance."""
        if self.reference is None or self.current is None or self.change == "other values":
            return True
        return bool(self.facets) and self.facets[0].distance >= self.threshold and not self.facets[0].by_chance

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
        """Which values or ranges moved, most first."""
        return self.facets[0].movements if self.facets else ()

    def __repr__(self) -> str:
        return f"<ColumnDrift {self}: {self.severity}>"

    def __str__(self) -> str:
        how = self.change if self.distance is None else f"{self.distance:.2f}"
        return f"{mask(self.name)} ({how})"


@dataclass(frozen=True, slots=True, eq=False)
class PlainDrift(Sequence[ColumnDrift]):
    """What a comparison found: a sequence of columns, those that came or went first, then the farthest ones.

    Attributes:
        columns: Every column of both.
        rows: How many rows the reference has.
        current_rows: How many the current data set has.
        segments: The comparison of each segment that both have; see `obs_profiles.profile`.
        by: The columns whose values these are; none unless both have segments by the same.
    """

    columns: tuple[ColumnDrift, ...]
    rows: int
    current_rows: int
    segments: Mapping[str, Self] = field(default_factory=dict)
    by: tuple[str, ...] = ()

    @property
    def drifted(self) -> list[ColumnDrift]:
        """The columns that drifted."""
        return [column for column in self.columns if column.drifted]

    @property
    def emptied(self) -> bool:
        """Whether there are no rows where there were some."""
        return bool(self.rows) and not self.current_rows

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
            for value, segment in self.segments.items()
            for one in segment.drifted
            if one.name == column.name and one.distance is not None and one.distance > known
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
        if found is None or column.distance is None:
            return str(column)
        value, one = found
        return f"{mask(column.name)} ({column.distance:.2f}; {one.distance:.2f} {self.where(value)})"

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
