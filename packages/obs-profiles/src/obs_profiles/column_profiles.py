"""What is known of a column: records of numbers, times and texts, and how those of parts become that of the whole."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obs_core.secrets import mask
from obs_core.text.numbers import plural
from obs_profiles.columns.objects import as_float
from obs_profiles.columns.texts import may_be_several
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, RepeatSketch, TextSample
from obs_profiles.sketches.hashing import coupons_of_table
from obs_profiles.sketches.numbers import least_of, most_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ELEMENTS", "ColumnProfile", "DistinctCount", "NumberProfile", "TextProfile", "TimeProfile", "by_count"]

ELEMENTS = "elements"
"""How a column of what lists hold is called."""

_COUNTED = ("integer", "number", "text")
"""Kinds of which each value is known by itself: times are known to the microsecond, and objects by their looks."""

_EXACT = 2.0**53
"""Below it a float holds each integer."""

_ROUNDING = 1e-15
"""By which part of the largest number a mean may be rounded."""

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
        repeats: How often they repeat; None where the table of frequent ones has all of them, or that is not known.
    """

    least: float
    most: float
    zeros: int
    negatives: int
    moments: Moments
    quantiles: QuantileSketch
    frequent: FrequentItems
    repeats: RepeatSketch | None = None

    def __post_init__(self) -> None:
        self.quantiles.ends = as_float(self.least), as_float(self.most)

    @property
    def rank_error(self) -> float:
        """By which share of the ranks `shares_below` may be wrong, in 99 of 100 cases."""
        return 0.0 if self.is_counted else self.quantiles.rank_error

    @property
    def mean(self) -> float:
        """Their mean: of equal numbers the number itself, also where no float is that."""
        return self.least if self.least == self.most else self.moments.mean

    @property
    def mean_error(self) -> float:
        """By how much the mean may be wrong where not each integer is a float; 0 elsewhere, but for rounding."""
        largest = max(-as_float(self.least), as_float(self.most))
        return _ROUNDING * largest if largest >= _EXACT and self.least != self.most else 0.0

    def quantile_errors(self, shares: ArrayLike) -> NDArray[np.float64]:
        """Return by which share the ranks of some quantiles may be wrong; 0 of one that is the same number anyway."""
        error, wanted = self.quantiles.rank_error, np.asarray(shares, np.float64)
        least, most = (self.quantiles.quantiles(np.clip(ends, 0, 1)) for ends in (wanted - error, wanted + error))
        return np.where(least == most, 0.0, error)

    @property
    def is_counted(self) -> bool:
        """Whether the table of frequent numbers has all of them."""
        return int(self.frequent.counts.sum()) == self.moments.count

    def errors_below(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return by how much each of `shares_below` may be wrong: beyond the ends it is known."""
        points = np.asarray(values, np.float64)
        known = (points <= as_float(self.least)) | (points > as_float(self.most))
        return np.where(known, 0.0, self.rank_error)

    def shares_below(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return which share of the numbers is below each of some values: as counted, or as the sketch has it."""
        if not self.is_counted or not self.moments.count:
            return self.quantiles.shares_below(values)
        places = np.searchsorted(np.asarray(self.frequent.values, np.float64), np.asarray(values, np.float64))
        shares = np.concatenate([[0], np.cumsum(self.frequent.counts)])[places] / self.moments.count
        return np.asarray(shares, np.float64)

    @classmethod
    def merged(cls, parts: Sequence[NumberProfile], *, capacity: int, repeats: bool = True) -> NumberProfile:
        """Merge what is known of several parts; how often numbers repeat, if anybody asks."""
        parts = [part for part in parts if part.moments.count] or parts
        frequent = FrequentItems.merged([part.frequent for part in parts], capacity=capacity)
        return cls(
            least_of([part.least for part in parts]),
            most_of([part.most for part in parts]),
            _total(part.zeros for part in parts),
            _total(part.negatives for part in parts),
            Moments.merged([part.moments for part in parts]),
            QuantileSketch.merged([part.quantiles for part in parts]),
            frequent,
            _repeats_of(parts) if repeats and frequent.missed else None,
        )

    @property
    def known_repeats(self) -> RepeatSketch | None:
        """How often they repeat, by the table of frequent numbers where that has all of them; None if not known."""
        return _repeats_of([self])


def _repeats_of(parts: Sequence[NumberProfile]) -> RepeatSketch | None:
    """Tell how often the numbers of all parts repeat; None where that of one is not known."""
    known: list[RepeatSketch] = []
    tables: dict[np.dtype[Any], list[FrequentItems]] = {}
    for part in parts:
        if part.repeats is not None:
            known.append(part.repeats)
        elif part.is_counted:
            tables.setdefault(np.asarray(part.frequent.values).dtype, []).append(part.frequent)
        else:
            return None
    # Hashed by itself, each of many small tables would take as long as all else that is merged.
    for alike in tables.values():
        values = np.concatenate([table.values for table in alike])
        known.append(RepeatSketch.of(coupons_of_table(values), np.concatenate([table.counts for table in alike])))
    return RepeatSketch.merged(known) if known else None


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
            NumberProfile.merged([part.numbers for part in parts], capacity=capacity, repeats=False),
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
            NumberProfile.merged([part.lengths for part in parts], capacity=capacity, repeats=False),
            _total(part.empty for part in parts),
            FrequentItems.merged([part.frequent for part in parts], capacity=capacity),
            TextSample.merged([part.sample for part in parts]),
        )


@dataclass(frozen=True, slots=True, repr=False)
class ColumnProfile:
    """The profile of a column.

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
        elements: What is known of all that lists hold; of lists within lists, of what the innermost ones hold. None if
            there are no lists, or that is not known.
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
    elements: ColumnProfile | None = None

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
            elements=together(operator.attrgetter("elements"), ColumnProfile)
            if all(map(_knows_elements, parts))
            else None,
        )

    def _most_counted(self) -> int:
        numbers = (self.numbers, self.durations, self.sizes, self.times.numbers if self.times else None)
        tables = [known.frequent for known in numbers if known]
        if self.texts:
            tables.append(self.texts.frequent)
        of_elements = self.elements._most_counted() if self.elements else 0
        return max(of_elements, *map(len, tables), 0)

    def __repr__(self) -> str:
        return f"<ColumnProfile {mask(self.name)!r}: {self.kind}, {plural(self.rows, 'row')}, {self.missing:,} missing>"

    @property
    def present(self) -> int:
        """How many values are not missing."""
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        """The share that is missing, from 0 to 1; 0 if there are no rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def kind(self) -> str:
        """What most of its values are: integer, number, text, boolean, time, ...; "empty" if all are missing.

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
        """Whether all values are different; None if the profile cannot tell."""
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
        """The distribution of the values of its kind; None for texts."""
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
        """The most frequent values of its kind."""
        if self.kind == "boolean":
            counts = np.array([self.true, self.types["boolean"] - self.true], np.int64)
            there = [place for place in (0, 1) if counts[place]]
            return FrequentItems([["True", "False"][place] for place in there], counts[there])
        known = self.distribution if self.kind != "list" else None
        return known.frequent if known else self.texts.frequent if self.texts else None


def _knows_elements(part: ColumnProfile) -> bool:
    """Whether a part knows what its lists hold, if it has any: that of some parts is not that of the whole."""
    return part.elements is not None or "list" not in part.types


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
