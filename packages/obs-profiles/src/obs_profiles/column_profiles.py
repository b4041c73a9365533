"""What is known of a column: records of numbers, times and texts, and how those of parts become that of the whole."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obs_core.secrets import mask
from obs_profiles.columns.objects import as_float
from obs_profiles.columns.texts import may_be_several
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, TextSample
from obs_profiles.sketches.numbers import least_of, most_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ColumnProfile", "DistinctCount", "NumberProfile", "TextProfile", "TimeProfile", "by_count"]

_COUNTED = ("integer", "number", "text")
"""Kinds of which each value is known by itself: times are known to the microsecond, and objects by their looks."""

_LONGEST, _MORE = 100, "…"
"""Characters of joined texts, and what stands for those that have no room."""

_HASHED_APART = ({"boolean", "integer", "number", "text"}, {"bytes"}, {"time"}, {"duration"})
"""Types of which two values that differ have hashes that differ, but for chance: a text and bytes may have one."""


class DistinctCount(NamedTuple):
    """How many distinct values there are.

    Attributes:
        estimate: About how many.
        least: There are no fewer, in 99 of 100 cases.
        most: There are no more.
    """

    estimate: float
    least: float
    most: float

    @property
    def is_exact(self) -> bool:
        """Whether it is known for certain."""
        return self.least == self.most


@dataclass(frozen=True, slots=True)
class NumberProfile:
    """What is known of finite numbers.

    Attributes:
        least: The smallest.
        most: The largest.
        zeros: How many are 0; -1 where that is not known.
        negatives: How many are below 0; -1 where that is not known.
        moments: Mean and variance.
        quantiles: Their distribution, approximately.
        frequent: The most frequent ones.
    """

    least: float
    most: float
    zeros: int
    negatives: int
    moments: Moments
    quantiles: QuantileSketch
    frequent: FrequentItems

    def __post_init__(self) -> None:
        self.quantiles.ends = as_float(self.least), as_float(self.most)

    @classmethod
    def merged(cls, parts: Sequence[NumberProfile], *, capacity: int) -> NumberProfile:
        """Merge what is known of several parts."""
        parts = [part for part in parts if part.moments.count] or parts
        return cls(
            least_of([part.least for part in parts]),
            most_of([part.most for part in parts]),
            _total(part.zeros for part in parts),
            _total(part.negatives for part in parts),
            Moments.merged([part.moments for part in parts]),
            QuantileSketch.merged([part.quantiles for part in parts]),
            FrequentItems.merged([part.frequent for part in parts], capacity=capacity),
        )


@dataclass(frozen=True, slots=True, eq=False)
class TimeProfile:
    """What is known of moments: microseconds since 1970-01-01, of UTC where they have a time zone.

    Attributes:
        numbers: Their distribution; `least` and `most` are exact.
        zone: The name of their time zone; empty if they have none.
        hours: How many there are in each hour of the day.
        weekdays: How many there are on each day of the week, Monday first.
    """

    numbers: NumberProfile
    zone: str
    hours: NDArray[np.int64]
    weekdays: NDArray[np.int64]

    @classmethod
    def merged(cls, parts: Sequence[TimeProfile], *, capacity: int) -> TimeProfile:
        """Merge what is known of several parts."""
        return cls(
            NumberProfile.merged([part.numbers for part in parts], capacity=capacity),
            _joined(part.zone for part in parts),
            np.sum([part.hours for part in parts], axis=0),
            np.sum([part.weekdays for part in parts], axis=0),
        )


@dataclass(frozen=True, slots=True)
class TextProfile:
    """What is known of texts, bytes, and of how values of other kinds look.

    Attributes:
        lengths: How many characters they have; of no texts where that is not known.
        empty: How many have none; -1 where that is not known.
        frequent: The most frequent ones, shortened to 100 bytes.
        sample: What they look like.
    """

    lengths: NumberProfile
    empty: int
    frequent: FrequentItems
    sample: TextSample

    @classmethod
    def merged(cls, parts: Sequence[TextProfile], *, capacity: int) -> TextProfile:
        """Merge what is known of several parts."""
        return cls(
            NumberProfile.merged([part.lengths for part in parts], capacity=capacity),
            _total(part.empty for part in parts),
            FrequentItems.merged([part.frequent for part in parts], capacity=capacity),
            TextSample.merged([part.sample for part in parts]),
        )


@dataclass(frozen=True, slots=True, repr=False)
class ColumnProfile:
    """What is known of a column.

    Attributes:
        name: Its name.
        dtype: What its library calls its type.
        rows: How many values there are, the missing ones too.
        missing: How many are missing: None, NA, NaT, NaN.
        nan: How many of these are NaN.
        types: How many of those that are there are of which type, the most frequent type first.
        true: How many are True.
        infinite: How many are infinite.
        negative_infinite: How many of these are below 0.
        distinct: How many distinct values there are, approximately.
        numbers: What is known of finite numbers; None where there are none.
        times: What is known of moments.
        durations: What is known of lengths of time, in seconds.
        texts: What is known of texts, and of all that only looks like something.
        sizes: How many elements lists have.
    """

    name: str
    dtype: str
    rows: int
    missing: int = 0
    nan: int = 0
    types: Mapping[str, int] = field(default_factory=dict)
    true: int = 0
    infinite: int = 0
    negative_infinite: int = 0
    distinct: DistinctSketch = field(default_factory=DistinctSketch)
    numbers: NumberProfile | None = None
    times: TimeProfile | None = None
    durations: NumberProfile | None = None
    texts: TextProfile | None = None
    sizes: NumberProfile | None = None

    @classmethod
    def merged(cls, parts: Sequence[ColumnProfile], *, capacity: int) -> ColumnProfile:
        """Merge what is known of several parts of a column."""
        if len(parts) == 1 and parts[0]._most_counted() <= capacity:
            return parts[0]
        types: dict[str, int] = {}
        for part in parts:
            for name, count in part.types.items():
                types[name] = types.get(name, 0) + count

        def together(read: Callable[[ColumnProfile], Any], kind: Any) -> Any:
            found = [known for part in parts if (known := read(part)) is not None]
            return kind.merged(found, capacity=capacity) if found else None

        return cls(
            name=parts[0].name,
            dtype=_joined(part.dtype for part in parts),
            rows=sum(part.rows for part in parts),
            missing=sum(part.missing for part in parts),
            nan=sum(part.nan for part in parts),
            types=by_count(types),
            true=sum(part.true for part in parts),
            infinite=sum(part.infinite for part in parts),
            negative_infinite=sum(part.negative_infinite for part in parts),
            distinct=DistinctSketch.merged([part.distinct for part in parts]),
            numbers=together(operator.attrgetter("numbers"), NumberProfile),
            times=together(operator.attrgetter("times"), TimeProfile),
            durations=together(operator.attrgetter("durations"), NumberProfile),
            texts=together(operator.attrgetter("texts"), TextProfile),
            sizes=together(operator.attrgetter("sizes"), NumberProfile),
        )

    def _most_counted(self) -> int:
        numbers = (self.numbers, self.durations, self.sizes, self.times.numbers if self.times else None)
        tables = [known.frequent for known in numbers if known]
        if self.texts:
            tables.append(self.texts.frequent)
        return max(map(len, tables), default=0)

    def __repr__(self) -> str:
        return f"<ColumnProfile {mask(self.name)!r}: {self.kind}, {self.rows:,} rows, {self.missing:,} missing>"

    @property
    def present(self) -> int:
        """How many values are not missing."""
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        """The share that is missing, from 0 to 1; 0 of no rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def kind(self) -> str:
        """What most of its values are: integer, number, text, boolean, time, ...; "empty" where all are missing.

        A column that holds both texts and bytes is one of texts, or chance would decide where there are about as many.
        """
        kind = next(iter(self.types), "empty")
        return "text" if kind == "bytes" and "text" in self.types else kind

    @property
    def is_numeric(self) -> bool:
        """Whether most of its values are numbers."""
        return self.kind in ("integer", "number")

    @property
    def all_different(self) -> bool | None:
        """Whether no value is there twice; None where the profile does not tell."""
        by_table = self._all_different_by_table()
        if by_table is not None:
            return by_table
        found = self.distinct_count
        # An estimate is off by twice its error in one of millions.
        beyond = found.most - found.estimate if self.distinct.relative_error else 0
        return True if found.least >= self.present else False if found.most + beyond < self.present else None

    def _all_different_by_table(self) -> bool | None:
        """Tell by the frequent values, if those are of one kind that is known by value."""
        counts = self.frequent
        if counts is None or len(self.types) != 1 or self.kind not in _COUNTED or self.holds_texts_alike:
            return None
        if len(counts) and int(counts.counts.max()) > 1:
            return False
        at_most = max([counts.missed, *(counts.counts + counts.slack).tolist(), self.infinite])
        return True if at_most <= 1 else None

    @property
    def holds_texts_alike(self) -> bool:
        """Whether some texts that are counted as one may have differed: secrets are masked, no UTF-8 is escaped."""
        return self.texts is not None and any(map(may_be_several, self.texts.frequent.values))

    @property
    def distinct_count(self) -> DistinctCount:
        """How many distinct values there are, and between which numbers it is for certain, or in 99 of 100 cases."""
        estimate, error = min(self.distinct.estimate, self.present), self.distinct.relative_error
        if math.isinf(error):  # some values were not counted: there is at least one, and no two need be equal
            return DistinctCount(estimate, min(1, self.present), self.present)
        counted = self.present if self._all_different_by_table() else self._counted_distinct()
        if counted is not None:
            return DistinctCount(counted, counted, counted)
        known = estimate if error else round(estimate)
        most: float = self.present
        if any(self.types.keys() <= family for family in _HASHED_APART):
            # Of up to 512 values each hash is kept. That two of so many have one happens in one of 1,500 data sets, and
            # that this happens twice in one of millions.
            most = min(most, known * (1 + error) if error else known + 1)
        least = known * (1 - error)
        return DistinctCount(known, least / 2 if self._is_hashed_in_two_ways else least, most)

    @property
    def _is_hashed_in_two_ways(self) -> bool:
        """Whether a value may be counted twice: whylogs hashes 5.0 as a float, and we do as the integer that it is."""
        return self.distinct.foreign and "number" in self.types and bool(self.dtype)  # whylogs tells no dtype

    def _counted_distinct(self) -> int | None:
        """Return how many distinct values there are, if all of them are in a table; None if not."""
        if self.distinct.foreign:
            return None
        if not self.types:
            return 0
        if self.types.keys() == {"boolean"}:
            return int(self.true > 0) + int(self.types["boolean"] > self.true)
        if self.types.keys() == {"text"} and self.texts:
            return None if self.texts.frequent.missed or self.holds_texts_alike else len(self.texts.frequent)
        if not self.types.keys() <= {"integer", "number"} or (self.numbers and self.numbers.frequent.missed):
            return None
        signs = [count for count in (self.negative_infinite, self.infinite - self.negative_infinite) if count]
        if any(count > 1 for count in signs) and ("integer" in self.types or "object" in self.dtype):
            return None  # several numbers that no float reaches are one infinite number
        return len(signs) + (len(self.numbers.frequent) if self.numbers else 0)

    @property
    def distribution(self) -> NumberProfile | None:
        """The distribution of what most of its values are; of texts there is none."""
        match self.kind:
            case "integer" | "number":
                return self.numbers
            case "time":
                return self.times.numbers if self.times else None
            case "duration":
                return self.durations
            case "list":
                return self.sizes
        return None

    @property
    def frequent(self) -> FrequentItems | None:
        """The most frequent values of what most of its values are."""
        if self.kind == "boolean":
            counts = np.array([self.true, self.types["boolean"] - self.true], np.int64)
            there = [place for place in (0, 1) if counts[place]]
            return FrequentItems([["True", "False"][place] for place in there], counts[there])
        known = self.distribution if self.kind != "list" else None
        return known.frequent if known else self.texts.frequent if self.texts else None


def _total(counts: Iterable[int]) -> int:
    """Add up counts; what one part does not know is not known of the whole."""
    known = list(counts)
    return -1 if -1 in known else sum(known)


def by_count(types: Mapping[str, int]) -> dict[str, int]:
    """Sort types, the most frequent first; those that are as frequent by name."""
    return dict(sorted(types.items(), key=lambda item: (-item[1], item[0])))


def _joined(texts: Iterable[str]) -> str:
    """Join texts that differ, in an order that does not depend on that of the parts."""
    parts = {part for text in set(texts) for part in text.split(" | ")} - {""}
    kept = sorted(parts - {_MORE})
    ends = np.cumsum([len(part) + len(" | ") for part in kept])
    # The first ones that have room together: of parts whose own last ones were left out that is the same.
    room = max(1, int(np.searchsorted(ends, _LONGEST + len(" | "), side="right")))
    return " | ".join(kept[:room] + [_MORE] * (len(kept) > room or _MORE in parts))
