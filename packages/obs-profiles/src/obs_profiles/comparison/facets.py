"""What of a column is compared: its values, their types, and what texts of too many kinds look like.

Each facet cuts the rows of both data sets into the same bins. Bins are chosen by both data sets together, never by what
differs: otherwise samples of the same data would seem to differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_profiles.column_profiles import ColumnProfile, NumberProfile
from obs_profiles.columns.texts import LONGEST, PackedTexts, may_be_several
from obs_profiles.comparison.distance import distance_between
from obs_profiles.comparison.sequences import number_writer
from obs_profiles.sketches.hashing import coupons_of, coupons_of_numbers, hashes_of_texts
from obs_profiles.sketches.numbers import canonical
from obs_profiles.wording import apart, duration_text, number_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obs_profiles.sketches import DistinctSketch, FrequentItems

__all__ = ["Facet", "Movement", "facets_of"]

_BINS = 10
_LEAST_EXPECTED = 10
"""How many values of the smaller data set a bin should hold, or chance would fill it unevenly."""

_CLEARLY = 0.15


@dataclass(frozen=True, slots=True)
class Movement:
    """A value or a range of which there is more, or less, than there was.

    Attributes:
        what: The value or range, as text.
        kind: "value", "range", "others", "missing", "infinite", "type", "length", "elements" or "pattern".
        before: The share of the rows, 0 to 1, that it had; a pattern's, of the distinct values, as it is a sample of
            these.
        after: The share that it has.
        part: Which share of the squared distance it explains.
    """

    what: str
    kind: str
    before: float
    after: float
    part: float


@dataclass(frozen=True, slots=True)
class Facet:
    """Something of a column that was compared.

    Attributes:
        name: "values", "ranges", "types", "lengths", "elements", "patterns" or "missing".
        distance: The Hellinger distance, 0 to 1.
        by_chance: Whether two samples of the same data may well be as far apart.
        bins: In how many bins it was compared.
        movements: What moved, most first.
    """

    name: str
    distance: float
    by_chance: bool
    bins: int
    movements: tuple[Movement, ...]


@dataclass(slots=True)
class _Bin:
    what: str
    kind: str
    before: float
    after: float
    place: int = -1  # of a range: where it stands among the ranges


def facets_of(before: ColumnProfile, after: ColumnProfile, *, tests: int = 1, by_value: bool = True) -> list[Facet]:
    """Compare two profiles of a column that both have rows.

    Args:
        before: What was.
        after: What is.
        tests: How many parts of the rows are compared like this: the more, the farther one of them is by chance.
        by_value: Whether values are compared, and not only what is missing or of another type.

    Returns:
        What was compared, the largest distance that is no chance first.
    """
    compared = _compared(before, after) if by_value else _compared_types(before, after)
    made = [_facet(name, bins, *sizes, allowance, tests) for name, bins, sizes, allowance in compared]
    return sorted(made, key=lambda facet: (facet.by_chance, -facet.distance))


def is_comparable(before: ColumnProfile, after: ColumnProfile) -> bool:
    """Tell whether the values of both are of the same kind."""
    return (
        before.kind == after.kind
        or (before.is_numeric and after.is_numeric)
        or _share_texts(before, after)
        or not (before.present and after.present)
        or "unknown" in (before.kind, after.kind)  # whylogs says no more of times
    )


def _share_texts(before: ColumnProfile, after: ColumnProfile) -> bool:
    """Tell whether one side has texts and bytes, and the other one of both: they are looked at alike."""
    kinds = {"text", "bytes"}
    return {before.kind, after.kind} <= kinds and bool(before.types.keys() & after.types.keys() & kinds)


_Compared = tuple[str, list[_Bin], tuple[float, float], float]


def _compared(before: ColumnProfile, after: ColumnProfile) -> Iterator[_Compared]:
    rows = float(before.rows), float(after.rows)
    absent = [_Bin("missing", "missing", before.missing_share, after.missing_share)]
    if not is_comparable(before, after):
        yield "types", [*_bins_of_types(before, after), *absent], rows, 0.0
        return
    kind = before.kind if before.present else after.kind
    if not before.present or not after.present or "unknown" in (before.kind, after.kind):
        there = [_Bin("present", "others", 1 - before.missing_share, 1 - after.missing_share)]
        yield "missing", [*there, *absent], rows, 0.0
    elif kind in ("integer", "number", "duration"):
        known = [column.numbers if kind != "duration" else column.durations for column in (before, after)]
        own = ("integer", "number") if kind != "duration" else ("duration",)
        absent += [*_infinite(before, after), *_bins_of_types(before, after, own)]
        write = number_writer(before, after) if kind != "duration" else duration_text
        whole = before.kind == after.kind == "integer"
        yield from _compared_numbers("ranges", known, before, after, absent, write, whole=whole)
    elif kind == "time":
        yield from _compared_types(before, after)  # time goes on: later moments are no drift
    elif kind == "list":
        known = [column.sizes for column in (before, after)]
        absent += _bins_of_types(before, after, ("list",))
        yield from _compared_numbers("elements", known, before, after, absent, number_text, whole=True)
    else:
        if {"text", "bytes"} <= {*before.types, *after.types}:
            yield "types", [*_bins_of_types(before, after), *absent], rows, 0.0
        yield from _compared_texts(before, after, absent)


def _compared_types(before: ColumnProfile, after: ColumnProfile) -> Iterator[_Compared]:
    absent = _Bin("missing", "missing", before.missing_share, after.missing_share)
    yield "missing", [*_bins_of_types(before, after), absent], (float(before.rows), float(after.rows)), 0.0


# ---- numbers ----------------------------------------------------------------------------------------------------


def _compared_numbers(
    name: str,
    known: Sequence[NumberProfile | None],
    before: ColumnProfile,
    after: ColumnProfile,
    absent: list[_Bin],
    write: Callable[[float], str],
    *,
    whole: bool,
) -> Iterator[_Compared]:
    one, other = known
    rows = float(before.rows), float(after.rows)
    if one is None or other is None:
        there = [_Bin("finite", "others", _share(one, before), _share(other, after))]
        yield name, [*there, *absent], rows, 0.0
        return
    of_column = name == "ranges" and before.is_numeric and after.is_numeric
    values = _common_values(
        _Counted(one.frequent, one.moments.count, one, before.distinct if of_column else None),
        _Counted(other.frequent, other.moments.count, other, after.distinct if of_column else None),
    )
    complete = not (one.frequent.missed or other.frequent.missed) and len(values) == len(
        {*one.frequent.values.tolist(), *other.frequent.values.tolist()}  # type: ignore[union-attr]
    )
    scales = one.moments.count / before.rows, other.moments.count / after.rows
    kind = {"ranges": "value", "elements": "elements", "lengths": "length"}[name]
    named = apart([value for value, _, _ in values], write)
    singles = [_Bin(text, kind, p * scales[0], q * scales[1]) for text, (_, p, q) in zip(named, values, strict=True)]
    if singles:
        # Counted, not sketched: a value that stands for "unknown" is found among many others.
        others = [] if complete else [_Bin("all others", "others", *_rest(singles, scales))]
        yield ("values" if name == "ranges" else name), [*singles, *others, *absent], rows, 0.0
    if not complete:
        ranges, allowance = _ranges(one, other, scales, write, whole=whole)
        ranges = ranges if name == "ranges" else [replace(each, kind=kind) for each in ranges]
        yield name, [*ranges, *absent], rows, allowance


def _ranges(
    one: NumberProfile, other: NumberProfile, scales: tuple[float, float], write: Callable[[float], str], *, whole: bool
) -> tuple[list[_Bin], float]:
    """Cut the numbers of both into ranges of about equally many.

    Returns:
        The ranges, and what the errors of the sketches may add to the square of their distance.
    """
    edges = _edges(one, other)
    shares = [
        np.diff(numbers.quantiles.shares_below(edges), prepend=0.0, append=1.0) * scale
        for numbers, scale in zip((one, other), scales, strict=True)
    ]
    texts = _range_texts(edges, min(one.least, other.least), max(one.most, other.most), write, whole=whole)
    ranges = [
        _Bin(text, "range", p, q, k)
        for k, (text, p, q) in enumerate(zip(texts, *map(np.ndarray.tolist, shares), strict=True))
    ]
    errors = one.quantiles.rank_error**2 + other.quantiles.rank_error**2
    return ranges, len(ranges) ** 2 * errors / 8


def _rest(bins: list[_Bin], wholes: tuple[float, float] = (1.0, 1.0)) -> tuple[float, float]:
    """Return what is left of both when bins are taken away."""
    taken = sum(each.before for each in bins), sum(each.after for each in bins)
    return max(0.0, wholes[0] - taken[0]), max(0.0, wholes[1] - taken[1])


def _share(known: NumberProfile | None, column: ColumnProfile) -> float:
    return known.moments.count / column.rows if known else 0.0


def _infinite(before: ColumnProfile, after: ColumnProfile) -> list[_Bin]:
    signs = (
        ("infinite", [column.infinite - column.negative_infinite for column in (before, after)]),
        ("negative infinite", [column.negative_infinite for column in (before, after)]),
    )
    return [
        _Bin(name, "infinite", counts[0] / before.rows, counts[1] / after.rows) for name, counts in signs if any(counts)
    ]


def _edges(one: NumberProfile, other: NumberProfile) -> NDArray[np.float64]:
    """Return what lies between ranges: quantiles of all numbers of both."""
    counts = one.moments.count, other.moments.count
    bins = max(2, min(_BINS, *(count // _LEAST_EXPECTED for count in counts)))
    levels = np.linspace(0, 1, 101)[1:-1]
    candidates = np.unique(np.concatenate([known.quantiles.quantiles(levels) for known in (one, other)]))
    total = sum(counts)
    below = sum(
        known.quantiles.shares_below(candidates) * (count / total)
        for known, count in zip((one, other), counts, strict=True)
    )
    wanted = np.arange(1, bins) / bins
    places = np.minimum(np.searchsorted(below, wanted), len(candidates) - 1)
    edges: NDArray[np.float64] = np.unique(candidates[places])
    return edges


def _range_texts(
    edges: NDArray[np.float64], least: float, most: float, write: Callable[[float], str], *, whole: bool
) -> list[str]:
    """Write ranges, with as many digits as it takes to tell their ends apart."""
    inner: list[float] = edges.tolist()
    if not whole:
        texts = apart([least, *inner, most], write)
        return [f"{low} to {high}" if low != high else low for low, high in pairwise(texts)]
    # The first integer of each range, and the last one.
    starts = [least, *(math.ceil(edge) for edge in inner)]
    ends = [*(math.ceil(edge) - 1 for edge in inner), most]
    return [
        write(int(low)) if low >= high else f"{write(int(low))} to {write(int(high))}"
        for low, high in zip(starts, ends, strict=True)
    ]


# ---- values -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Counted:
    """What one side knows of how often values are there.

    Attributes:
        items: The frequent ones.
        count: How many values there are.
        numbers: The distribution of numbers; None of texts.
        distinct: Which values were seen; None where that is not known of these.
    """

    items: FrequentItems
    count: int
    numbers: NumberProfile | None
    distinct: DistinctSketch | None

    def bounds(self, values: list[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the smallest and the largest share that each value may have."""
        known = {value: (least, most) for value, least, most in self.items.sorted_by_count()}
        pairs = [known.get(value, (0, self.items.missed)) for value in values]
        least, most = np.array(pairs, np.float64).reshape(-1, 2).T / self.count
        others = [place for place, value in enumerate(values) if value not in known]
        if others and self.items.missed:
            most[others] = np.minimum(most[others], self._most_of([values[place] for place in others]))
        return least, most

    def _most_of(self, values: list[Any]) -> NDArray[np.float64]:
        """Return the largest share that values may have which are in no table."""
        if self.numbers is None:
            # What is shortened, escaped or masked is not what was hashed.
            plain = np.array([_is_whole(value) for value in values], bool)
            unseen = self._never_seen(lambda: coupons_of(*hashes_of_texts(PackedTexts.of(values))), len(values))
            return np.where(plain & unseen, 0.0, 1.0)
        table = canonical(np.array([*values, None], object)[:-1])
        points = table.astype(np.float64)
        # They may be outside of the range, and are no more than what the sketch holds of them.
        sketch = self.numbers.quantiles
        held = sketch.shares_below(points, inclusive=True) - sketch.shares_below(points) + 2 * sketch.rank_error
        outside = (points < float(self.numbers.least)) | (points > float(self.numbers.most))
        unseen = outside
        if table.dtype != object:
            unseen = outside | self._never_seen(lambda: coupons_of_numbers(table), len(table))
        return np.where(unseen, 0.0, held)

    def _never_seen(self, coupons: Callable[[], NDArray[np.uint32]], count: int) -> NDArray[np.bool_]:
        return np.zeros(count, bool) if self.distinct is None else self.distinct.lacks(coupons())


def _is_whole(text: str) -> bool:
    return not may_be_several(text) and len(text.encode()) <= LONGEST


def _common_values(one: _Counted, other: _Counted) -> list[tuple[Any, float, float]]:
    """Return values that are frequent in both together, with the share that each has.

    Of a share that is known roughly, it is the one that is nearest to that of the other side. Where both may be the
    same, the value is left to the others.
    """
    if not one.count or not other.count:
        return []
    values = list(dict.fromkeys([value for side in (one, other) for value, _, _ in side.items.sorted_by_count()]))
    (least, most), (other_least, other_most) = one.bounds(values), other.bounds(values)
    before, after = np.clip(other_least, least, most), np.clip(least, other_least, other_most)
    exact = (least == most) & (other_least == other_most)
    together = (before * one.count + after * other.count) / (one.count + other.count)
    enough = together >= _LEAST_EXPECTED / min(one.count, other.count)
    chosen = np.flatnonzero(enough & (exact | (before != after))).tolist()
    found = [(float(together[at]), values[at], float(before[at]), float(after[at])) for at in chosen]
    found.sort(key=lambda entry: (-entry[0], str(entry[1])))
    return [(value, p, q) for _, value, p, q in found]


def _bins_of_types(before: ColumnProfile, after: ColumnProfile, but: Sequence[str] = ()) -> list[_Bin]:
    """Return the share of each type of value, but for some."""
    return [
        _Bin(kind, "type", before.types.get(kind, 0) / before.rows, after.types.get(kind, 0) / after.rows)
        for kind in dict.fromkeys([*before.types, *after.types])
        if kind not in but
    ]


# ---- texts ------------------------------------------------------------------------------------------------------


def _compared_texts(before: ColumnProfile, after: ColumnProfile, absent: list[_Bin]) -> Iterator[_Compared]:
    rows = float(before.rows), float(after.rows)
    one, other = before.frequent, after.frequent
    of_column = before.kind == after.kind == "text"
    values = []
    if one is not None and other is not None:
        values = _common_values(
            _Counted(one, before.present, None, before.distinct if of_column else None),
            _Counted(other, after.present, None, after.distinct if of_column else None),
        )
    scales = 1 - before.missing_share, 1 - after.missing_share
    bins = [_Bin(_value_text(value), "value", p * scales[0], q * scales[1]) for value, p, q in values]
    rest = _rest(bins, scales)
    others = [_Bin("all others" if bins else "present", "others", *rest)] if max(rest) > 1e-12 else []
    yield ("values" if bins else "missing"), [*bins, *others, *absent], rows, 0.0
    if before.texts is None or after.texts is None or before.kind == "boolean" or max(rest) < 0.05:
        return
    lengths = [before.texts.lengths, after.texts.lengths]
    if all(known.moments.count for known in lengths):
        yield from _compared_numbers("lengths", lengths, before, after, absent, number_text, whole=True)
    yield from _compared_patterns(before, after)


def _compared_patterns(before: ColumnProfile, after: ColumnProfile) -> Iterator[_Compared]:
    assert before.texts is not None
    assert after.texts is not None
    samples = [column.texts.sample.patterns for column in (before, after) if column.texts]
    sizes = len(samples[0]), len(samples[1])
    if min(sizes) < 3 * _LEAST_EXPECTED:
        return
    counts = [{pattern: sample.count(pattern) for pattern in set(sample)} for sample in samples]
    least = _LEAST_EXPECTED * sum(sizes) / min(sizes)
    together = {p: counts[0].get(p, 0) + counts[1].get(p, 0) for p in {**counts[0], **counts[1]}}
    kept = sorted((p for p in together if together[p] >= least), key=lambda p: (-together[p], p))
    bins = [
        _Bin(p or "(empty)", "pattern", counts[0].get(p, 0) / sizes[0], counts[1].get(p, 0) / sizes[1]) for p in kept
    ]
    yield "patterns", [*bins, _Bin("other patterns", "others", *_rest(bins))], (float(sizes[0]), float(sizes[1])), 0.0


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else number_text(value)


# ---- putting it together ----------------------------------------------------------------------------------------


def _facet(name: str, bins: list[_Bin], rows: float, other_rows: float, allowance: float, tests: int) -> Facet:
    before = np.array([each.before for each in bins], np.float64)
    after = np.array([each.after for each in bins], np.float64)
    found = distance_between(before, after, rows, other_rows, allowance=allowance, tests=tests)
    moved = _joined([(each, part) for each, part in zip(bins, found.parts.tolist(), strict=True)])
    return Facet(name, found.value, found.by_chance, len(bins), tuple(moved))


def _way(each: _Bin) -> int:
    """Return 1 if there is clearly more than there was, -1 if there is less, 0 if there is about as much."""
    change = each.after - each.before
    return 0 if abs(change) < _CLEARLY * max(each.after, each.before) else 1 if change > 0 else -1


def _joined(bins: list[tuple[_Bin, float]]) -> list[Movement]:
    """Join neighbouring ranges that moved the same way, and sort what moved."""
    made: list[Movement] = []
    last: _Bin | None = None
    for each, part in bins:
        same = last is not None and each.place == last.place + 1 and _way(each) == _way(last) != 0
        if same:
            before = made.pop()
            low, high = before.what.split(" to ")[0], each.what.split(" to ")[-1]
            made.append(
                Movement(
                    f"{low} to {high}",
                    each.kind,
                    before.before + each.before,
                    before.after + each.after,
                    before.part + part,
                )
            )
        else:
            made.append(Movement(each.what, each.kind, each.before, each.after, part))
        last = each if each.place >= 0 else None
    return sorted((one for one in made if one.before != one.after), key=lambda one: -one.part)
