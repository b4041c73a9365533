"""Profiles: what is known of the columns of a data set."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from obs_core.secrets import mask
from obs_profiles.columns import storable
from obs_profiles.columns.texts import MASKED
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, TextSample
from obs_profiles.sketches.numbers import least_of, most_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ColumnProfile", "DistinctCount", "NumberProfile", "Profile", "TextProfile", "TimeProfile"]

T = TypeVar("T")

_COUNTED = ("integer", "number", "text")
"""Kinds of which each value is known by itself: times are known to the microsecond, and objects by their looks."""

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
        if counts is None or len(self.types) != 1 or self.kind not in _COUNTED or self._holds_masked:
            return None
        if len(counts) and int(counts.counts.max()) > 1:
            return False
        at_most = max([counts.missed, *(counts.counts + counts.slack).tolist(), self.infinite])
        return True if at_most <= 1 else None

    @property
    def _holds_masked(self) -> bool:
        """Whether some texts that are counted as one may have differed, since secrets in them are masked."""
        return self.texts is not None and any(MASKED in text for text in self.texts.frequent.values)

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
            return None if self.texts.frequent.missed or self._holds_masked else len(self.texts.frequent)
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


class Profile:
    """What is known of a data set: a few kilobytes, however many rows there are.

    Profiles of parts are merged by `obs_profiles.merge`, or with ``+``. They are equal if all that they know is. Two
    are compared by `obs_profiles.drift`. In a notebook, and in a deck, a profile shows itself.

    Attributes:
        columns: What is known of each column, by name.
        rows: How many rows there are.
        segments: The profiles of parts of the rows, by the value that they have in common; see `profile`.
        by: The columns whose values these are.
        made: When it was made: nanoseconds since 1970-01-01, UTC; 0 where that is not known.
        segment_slack: How many rows of a segment may be among all others at most: merged parts in which it was none of
            the largest ones have them there.
    """

    __slots__ = ("by", "columns", "made", "rows", "segment_slack", "segments")

    def __init__(
        self,
        columns: Mapping[str, ColumnProfile],
        rows: int,
        *,
        segments: Mapping[str, Profile] | None = None,
        by: tuple[str, ...] = (),
        made: int = 0,
        segment_slack: int = 0,
    ) -> None:
        self.columns = dict(columns)
        self.rows = rows
        self.segments = dict(segments or {})
        self.by = by
        self.made = made
        self.segment_slack = segment_slack

    def __getitem__(self, name: str) -> ColumnProfile:
        """Return what is known of a column.

        Raises:
            KeyError: There is no such column; the message names those that there are.
        """
        name = name if name in self.columns else storable(mask(name))  # as the names of columns are
        if name not in self.columns:
            named = mask(", ".join(list(self.columns)[:20]))
            raise KeyError(f"there is no column {name!r}; there are: {named}")
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns or (isinstance(name, str) and storable(mask(name)) in self.columns)

    def __add__(self, other: Profile) -> Profile:
        from obs_profiles.merging import merge

        return merge([self, other])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profile) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return Profile.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return f"<Profile of {self.rows:,} rows, {len(self.columns):,} columns>"

    def _repr_html_(self) -> str:
        from obs_profiles.pages import profile_html

        return profile_html(self)

    def to_bytes(self) -> bytes:
        """Write the profile; docs/profiles.md tells how. `from_bytes` reads it."""
        from obs_profiles.files.writing import written

        return written(self)

    @staticmethod
    def from_bytes(data: bytes) -> Profile:
        """Read what `to_bytes` wrote, or what whylogs did.

        Raises:
            ProfileFormatError: It is no profile, or one of a newer version.
        """
        from obs_profiles.files.reading import read

        return read(data)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the profile into a file; `load` reads it.

        A process that ends meanwhile leaves the file as it was, and so does a full disk.

        Args:
            path: The file; one that is there is replaced.

        Raises:
            OSError: It cannot be written.

        Examples:
            >>> profile(flights).save("golden.profile")
        """
        target = os.path.realpath(path)  # of a link, what it leads to is replaced
        scratch = Path(f"{target}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            scratch.write_bytes(self.to_bytes())
            scratch.replace(target)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Profile:
        """Read the file of a profile: one of `save`, or one of whylogs.

        Raises:
            ProfileFormatError: It is no profile, or half of one; the message names the file.
            OSError: It cannot be read.

        Examples:
            >>> Profile.load("golden.profile")["delay"].missing
            1
        """
        from obs_profiles.files.reading import read
        from obs_profiles.refusals import ProfileFormatError

        try:
            return read(Path(path).read_bytes())
        except ProfileFormatError as error:
            raise ProfileFormatError(f"{os.fspath(path)}: {error}") from error

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the most important numbers of each column, by name, for a table: ``pandas.DataFrame(...).T``."""
        return {name: _summary(column) for name, column in self.columns.items()}

    def renamed(self, names: Mapping[str, str]) -> Profile:
        """Return the same profile with other names of columns."""
        columns = {names.get(name, name): column for name, column in self.columns.items()}
        columns = {name: replace(column, name=name) for name, column in columns.items()}
        return Profile(
            columns,
            self.rows,
            segments=self.segments,
            by=self.by,
            made=self.made,
            segment_slack=self.segment_slack,
        )


def _total(counts: Iterable[int]) -> int:
    """Add up counts; what one part does not know is not known of the whole."""
    known = list(counts)
    return -1 if -1 in known else sum(known)


def by_count(types: Mapping[str, int]) -> dict[str, int]:
    """Sort types, the most frequent first; those that are as frequent by name."""
    return dict(sorted(types.items(), key=lambda item: (-item[1], item[0])))


def _joined(texts: Iterable[str]) -> str:
    """Join texts that differ, in an order that does not depend on that of the parts."""
    parts: set[str] = reduce(lambda known, text: known | set(text.split(" | ")), set(texts), set())
    return " | ".join(sorted(parts - {""}))


def _summary(column: ColumnProfile) -> dict[str, Any]:
    known = column.distribution
    found: dict[str, Any] = {
        "kind": column.kind,
        "dtype": column.dtype,
        "rows": column.rows,
        "missing": column.missing,
        "distinct": round(column.distinct_count.estimate),
    }
    if known is not None:
        quartiles = known.quantiles.quantiles([0.25, 0.5, 0.75]).tolist()
        found |= {"mean": known.moments.mean, "std": known.moments.deviation, "min": known.least, "max": known.most}
        found |= dict(zip(("25%", "50%", "75%"), quartiles, strict=True))
    return found
