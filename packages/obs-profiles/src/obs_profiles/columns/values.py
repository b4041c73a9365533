"""The values of a column, split by what is treated alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obs_profiles.columns.texts import PackedTexts, UnpackedTexts

__all__ = ["ELEMENTS_AT_ONCE", "ColumnValues", "CountedNumbers", "CountedTexts", "Durations", "Times", "Unit"]

ELEMENTS_AT_ONCE = 1 << 18
"""Elements of lists that are read at once: all of a column of images would take some times its memory."""

Unit = Literal["ns", "us", "ms", "s", "D"]


class CountedNumbers(NamedTuple):
    """Numbers without NaN, and how often each is there (once, if None)."""

    values: NDArray[Any]
    counts: NDArray[np.int64] | None = None


class Times(NamedTuple):
    """Moments, as whole units since 1970-01-01 (UTC, where they have a zone)."""

    values: NDArray[np.int64]
    unit: Unit
    counts: NDArray[np.int64] | None = None


class Durations(NamedTuple):
    """Lengths of time, or times of the day since midnight, as whole units."""

    values: NDArray[np.int64]
    unit: Unit
    counts: NDArray[np.int64] | None = None


class CountedTexts(NamedTuple):
    """Texts, and how often each is there (once, if None).

    Attributes:
        texts: The texts.
        counts: How often each is there.
        kind: "text"; "bytes"; or "object" where these are only how values of another kind look.
    """

    texts: PackedTexts | UnpackedTexts
    counts: NDArray[np.int64] | None = None
    kind: Literal["text", "bytes", "object"] = "text"


@dataclass(slots=True)
class ColumnValues:
    """The values of a column, or of a batch of it.

    Attributes:
        dtype: What its library calls the column's type.
        rows: How many values there are, the missing ones too.
        missing: How many are missing: None, NA, NaT, NaN.
        nan: How many of these are NaN.
        types: How many of those that are there are of which type.
        numbers: Whole and real numbers, infinite ones too.
        huge: Integers that have no 64 bits, and that no float is exactly, or reaches.
        true: How many are True.
        false: How many are False.
        times: Dates and moments.
        zone: Their time zone; empty if they have none.
        durations: Lengths of time.
        texts: Texts, bytes, and how all else looks.
        sizes: How many elements lists have.
        elements: Read what lists hold, some at once.
    """

    dtype: str
    rows: int
    missing: int = 0
    nan: int = 0
    types: dict[str, int] = field(default_factory=dict)
    numbers: list[CountedNumbers] = field(default_factory=list)
    huge: list[int] = field(default_factory=list)
    true: int = 0
    false: int = 0
    times: list[Times] = field(default_factory=list)
    zone: str = ""
    durations: list[Durations] = field(default_factory=list)
    texts: list[CountedTexts] = field(default_factory=list)
    sizes: NDArray[np.int64] | None = None
    elements: list[Callable[[], Iterator[ColumnValues]]] = field(default_factory=list)

    def add_type(self, name: str, count: int) -> None:
        """Count values of a type."""
        if count:
            self.types[name] = self.types.get(name, 0) + count

    @classmethod
    def joined(cls, parts: Sequence[ColumnValues], dtype: str) -> ColumnValues:
        """Join the values of parts of a column; numbers of one type are one array then.

        Args:
            parts: Parts of numbers that are there once each, and of nothing else.
            dtype: What the column's type is called.
        """
        found = cls(dtype, sum(part.rows for part in parts), sum(part.missing for part in parts))
        arrays: dict[np.dtype[Any], list[NDArray[Any]]] = {}
        for part in parts:
            found.nan += part.nan
            found.huge += part.huge
            for name, count in part.types.items():
                found.add_type(name, count)
            for numbers in part.numbers:
                arrays.setdefault(numbers.values.dtype, []).append(numbers.values)
        found.numbers += [CountedNumbers(np.concatenate(values)) for values in arrays.values()]
        return found

    def with_counts(self, counts: NDArray[np.int64]) -> ColumnValues | None:
        """Let each value stand for several; they are changed in place.

        Args:
            counts: How many each value stands for.

        Returns:
            These values; None where they are not all of one kind, so that it is not known which is which.
        """
        parts = [*self.numbers, *self.times, *self.durations, *self.texts]
        others = self.missing or self.huge or self.true or self.false or self.sizes is not None
        if others or len(parts) > 1:
            return None
        self.numbers = [part._replace(counts=counts) for part in self.numbers]
        self.times = [part._replace(counts=counts) for part in self.times]
        self.durations = [part._replace(counts=counts) for part in self.durations]
        self.texts = [part._replace(counts=counts) for part in self.texts]
        self.rows = int(counts.sum())
        self.types = dict.fromkeys(self.types, self.rows)
        return self
