"""What of a column is compared: its values, their types, and what texts of too many kinds look like.

Each facet cuts the rows of both data sets into the same bins. Bins are chosen by both data sets together, never by what
differs: otherwise samples of the same data would seem to differ.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obs_profiles.column_profiles import ColumnProfile, NumberProfile
from obs_profiles.columns.objects import as_float
from obs_profiles.columns.texts import PackedTexts
from obs_profiles.comparison.clusters import LEAST_EXPECTED, CommonValues, effect_of_numbers, effect_of_texts
from obs_profiles.comparison.distance import (
    FEW,
    distance_between,
    may_all_be_on_one_side,
    may_be_as_many,
    may_be_so_unequal,
    may_tell,
)
from obs_profiles.comparison.sequences import number_writer
from obs_profiles.comparison.shares import Counted, Share, common_values, is_whole, share_of_sample
from obs_profiles.sketches.hashing import hashes_of_texts
from obs_profiles.wording import apart, duration_text, number_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Facet", "Movement", "facets_of", "farthest_first", "is_comparable"]

_CUTS = np.array([0.01, 0.05, *(np.arange(1, 10) / 10), 0.95, 0.99])
"""Which shares of all numbers are below the ends of ranges: at both tails, where mistakes show, ranges are smaller."""

_CLEARLY = 0.15

_OFTEN = 5
"""How often a value is there at least that is expected to be there again."""

_SHARED = 0.1
"""Of the values that chance would put on both sides, the part below which they are identifiers."""

_BY_LOOKS = frozenset({"bytes", "list", "mapping", "object", "text"})
"""Types of which the values are texts, or are known by how they look: one table has all of them."""

_UNSURE = 1.5
"""How much larger an effect may be than its estimate: a comparison of two bins has no others that make up for it."""

_TOLD_BY_WHYLOGS = frozenset({"boolean", "integer", "list", "number", "text"})

_CUT = re.compile("…([0-9a-f]{16})$")
"""What a text that is kept in part ends in: half of its hash."""


class Movement(NamedTuple):
    """A value or a range whose share grew or shrank.

    Attributes:
        what: The value or range, as text.
        kind: "value", "range", "others", "missing", "infinite", "type", "length", "elements" or "pattern".
        before: The share, 0 to 1, that it had; `of` tells of what.
        after: The share that it has.
        part: Which share of the squared distance it explains.
        shares: Between which shares both are: counted ones are known, those of a sketch or a sample are estimates.
        of_elements: Whether it is one of what lists hold.
    """

    what: str
    kind: str
    before: float
    after: float
    part: float
    shares: tuple[Share, Share]
    of_elements: bool = False

    @property
    def of(self) -> str:
        """Of what it has a share: "rows" or "elements"; a pattern, of "distinct values", which a sample tells."""
        if self.kind == "pattern":
            return "distinct elements" if self.of_elements else "distinct values"
        return "elements" if self.of_elements else "rows"


@dataclass(frozen=True, slots=True)
class Facet:
    """One aspect of a column that was compared.

    Attributes:
        name: "values", "new values", "ranges", "ends", "types", "lengths", "elements", "patterns" or "missing".
        distance: The Hellinger distance, 0 to 1.
        by_chance: Whether two samples of the same data may well be as far apart.
        bins: In how many bins it was compared.
        movements: What moved, most first.
        of_elements: Whether it is one of what lists hold, not of the lists.
    """

    name: str
    distance: float
    by_chance: bool
    bins: int
    movements: tuple[Movement, ...]
    of_elements: bool = False


@dataclass(slots=True)
class _Bin:
    what: str
    kind: str
    before: float
    after: float
    place: int = -1  # of a range: where it stands among the ranges
    bounds: tuple[Share, Share] | None = None  # None: both are known

    @property
    def shares(self) -> tuple[Share, Share]:
        return self.bounds or (Share.exactly(self.before), Share.exactly(self.after))


def facets_of(
    before: ColumnProfile,
    after: ColumnProfile,
    *,
    tests: int = 1,
    by_value: bool = True,
    effect: float = 1.0,
    of_elements: bool = False,
) -> list[Facet]:
    """Compare two profiles of a column that both have rows.

    Args:
        before: What was.
        after: What is.
        tests: How many parts of the rows are compared like this: the more, the farther one of them is by chance.
        by_value: Whether values are compared, and not only what is missing or of another type.
        effect: How many rows count as one at least, as of elements of the same lists.
        of_elements: Whether the values are what lists hold.

    Returns:
        What was compared, the largest distance that is no chance first.
    """
    compared = _compared(before, after, tests, effect) if by_value else _compared_types(before, after, effect)
    return farthest_first(_facet(each, tests, of_elements=of_elements) for each in compared)


def farthest_first(facets: Iterable[Facet]) -> list[Facet]:
    """Sort what was compared: what is no chance first, and of that the largest distance."""
    return sorted(facets, key=lambda facet: (facet.by_chance, -facet.distance))


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


class _Compared(NamedTuple):
    """Bins, from how many values their shares are known, what the errors of sketches may add, and what chance is."""

    name: str
    bins: list[_Bin]
    sizes: tuple[float, float]
    allowance: float = 0.0
    by_chance: bool | None = None  # None: as the bins tell


def _compared(before: ColumnProfile, after: ColumnProfile, tests: int, effect: float) -> Iterator[_Compared]:
    rows = before.rows / effect, after.rows / effect
    absent = [_Bin("missing", "missing", before.missing_share, after.missing_share)]
    if not is_comparable(before, after):
        yield _Compared("types", [*_bins_of_types(before, after), *absent], rows)
        return
    kind = before.kind if before.present else after.kind
    if not before.present or not after.present or "unknown" in (before.kind, after.kind):
        there = [_Bin("present", "others", 1 - before.missing_share, 1 - after.missing_share)]
        yield _Compared("missing", [*there, *absent], rows)
    elif kind in ("integer", "number", "duration"):
        known = [column.numbers if kind != "duration" else column.durations for column in (before, after)]
        own = ("integer", "number") if kind != "duration" else ("duration",)
        absent += [*_infinite(before, after), *_bins_of_types(before, after, own)]
        write = number_writer(before, after) if kind != "duration" else duration_text
        whole = before.kind == after.kind == "integer"
        yield from _compared_numbers(
            "ranges", known, before, after, absent, write, tests, whole=whole, least_effect=effect
        )
    elif kind == "time":
        yield from _compared_types(before, after, effect)  # time goes on: later moments are no drift
    elif kind == "list":
        known = [column.sizes for column in (before, after)]
        absent += _bins_of_types(before, after, ("list",))
        yield from _compared_numbers("elements", known, before, after, absent, number_text, tests, whole=True)
    else:
        absent += _bins_of_types(before, after, ("boolean",) if kind == "boolean" else _BY_LOOKS)
        yield from _compared_texts(before, after, absent, tests, effect)


def _compared_types(before: ColumnProfile, after: ColumnProfile, effect: float) -> Iterator[_Compared]:
    absent = _Bin("missing", "missing", before.missing_share, after.missing_share)
    types = _bins_of_types(before, after)
    name = "types" if len(types) > 1 else "missing"
    yield _Compared(name, [*types, absent], (before.rows / effect, after.rows / effect))


# ---- numbers ----------------------------------------------------------------------------------------------------


def _compared_numbers(
    name: str,
    known: Sequence[NumberProfile | None],
    before: ColumnProfile,
    after: ColumnProfile,
    absent: list[_Bin],
    write: Callable[[float], str],
    tests: int,
    *,
    whole: bool,
    design_effect: float | None = None,
    least_effect: float = 1.0,
) -> Iterator[_Compared]:
    """Compare numbers, or what texts and lists have of them.

    Args:
        name: What the facet is called: "ranges", "lengths" or "elements".
        known: What is known of the numbers of each side.
        before: What was.
        after: What is.
        absent: The bins of the rows that have no such number.
        write: Writes a number.
        tests: As for `facets_of`.
        whole: Whether they are integers.
        design_effect: How many rows count as one; None if these numbers are to tell.
        least_effect: As `effect` of `facets_of`.
    """
    one, other = known
    if one is None or other is None:
        there = [_Bin("finite", "others", _share(one, before), _share(other, after))]
        yield _Compared(name, [*there, *absent], (before.rows / least_effect, after.rows / least_effect))
        return
    of_column = name == "ranges" and before.is_numeric and after.is_numeric
    common = common_values(
        Counted(one.frequent, one.moments.count, one, before.distinct if of_column else None),
        Counted(other.frequent, other.moments.count, other, after.distinct if of_column else None),
    )
    effect = design_effect or effect_of_numbers(common, (one.known_repeats, other.known_repeats))
    effect = max(effect, least_effect)
    rows = before.rows / effect, after.rows / effect
    if effect > 1 and of_column:
        yield _specials(before, after, absent, (rows[0] / _UNSURE, rows[1] / _UNSURE))
    values = common.named(effect)
    complete = not common.missed and len(values) == len(common.values)
    scales = one.moments.count / before.rows, other.moments.count / after.rows
    kind = {"ranges": "value", "elements": "elements", "lengths": "length"}[name]
    numbers = [common.values[at] for at in values]
    singles = _singles(common, values, apart(numbers, write), kind, scales)
    if singles:
        # Counted, not sketched: a value that stands for "unknown" is found among many others.
        others = [] if complete else [_others(singles, scales)]
        yield _Compared("values" if name == "ranges" else name, [*singles, *others, *absent], rows)
    if not complete:
        ranges, allowance = _ranges(_edges(one, other, effect), one, other, scales, write, whole=whole)
        ranges = ranges if name == "ranges" else [replace(each, kind=kind) for each in ranges]
        disjoint = one.least > other.most or other.least > one.most
        distinct = before.distinct_count, after.distinct_count
        # However many rows of a value count as one, each distinct value could be on either side.
        units = [each.least / least_effect for each in distinct]
        surely = name == "ranges" and disjoint and may_tell(units[0], units[1], tests)
        yield _Compared(name, [*ranges, *absent], rows, allowance, by_chance=False if surely else None)
        if name == "ranges" and not disjoint:
            beside = list(zip(numbers, singles, strict=True))
            sizes = (distinct[0].estimate, distinct[1].estimate) if least_effect == 1 else None
            ends, by_chance = _compared_ends(one, other, scales, beside, write, rows, sizes, tests, whole=whole)
            yield _Compared("ends", [*ends, *absent], rows, by_chance=by_chance)


def _specials(before: ColumnProfile, after: ColumnProfile, absent: list[_Bin], rows: tuple[float, float]) -> _Compared:
    """Compare what is no finite number by itself: among ranges of few rows that count, chance would explain more."""
    there = _Bin("finite", "others", _share(before.numbers, before), _share(after.numbers, after))
    return _Compared("missing" if len(absent) == 1 else "types", [there, *absent], rows)


def _compared_ends(
    one: NumberProfile,
    other: NumberProfile,
    scales: tuple[float, float],
    named: list[tuple[float, _Bin]],
    write: Callable[[float], str],
    rows: tuple[float, float],
    distinct: tuple[float, float] | None,
    tests: int,
    *,
    whole: bool,
) -> tuple[list[_Bin], bool]:
    """Cut the numbers of both where one side has none any more: below the other one's smallest, above its largest.

    If each row may be on either side, the largest of all are as seldom on one as a coin falls so often alike.

    Args:
        one: The numbers of one side.
        other: And of the other one.
        scales: Which share of the rows has such a number.
        named: Numbers that are compared by themselves, and their bins.
        write: Writes a number.
        rows: How many rows each side has.
        distinct: How many distinct numbers; None if several of them may have come together.
        tests: As for `facets_of`.
        whole: Whether they are integers.

    Returns:
        The ranges and those of the named numbers that are beyond; and whether chance explains the others.
    """
    least = max(as_float(one.least), as_float(other.least))
    most = math.nextafter(min(as_float(one.most), as_float(other.most)), math.inf)
    beyond = [each for value, each in named if not least <= value < most]
    edges = np.array([least, most])
    texts = _range_texts(edges, min(one.least, other.least), max(one.most, other.most), write, whole=whole)
    whole_shares, errors = _shares_of_ranges(edges, (one, other), scales)
    shares = whole_shares.copy()
    for value, each in named:
        place = 0 if value < least else 2 if value >= most else None
        if place is not None:
            shares[:, place] -= [each.before, each.after]
            errors[:, place] += [share.most - share.least for share in each.shares]
    shares = np.maximum(shares, 0.0)
    taken = whole_shares[:, ::2] - shares[:, ::2]
    certain = whole_shares[:, ::2] - [
        [known.rank_error * scale] for known, scale in zip((one, other), scales, strict=True)
    ]
    for side, (known, scale) in enumerate(zip((one, other), scales, strict=True)):
        # What the table of frequent numbers has is counted.
        table = np.asarray(known.frequent.values, np.float64)
        counted = [known.frequent.counts[table < least].sum(), known.frequent.counts[table >= most].sum()]
        certain[side] = np.maximum(certain[side], np.array(counted) * (scale / known.moments.count))
    certain -= taken
    by_chance = all(
        may_all_be_on_one_side(int(max(0.0, share) * rows[side]), rows[side], rows[1 - side], 4 * tests)
        for side in (0, 1)
        for share in certain[side].tolist()
    )
    # However many rows of a value count as one, it is one at least.
    sizes = [] if distinct is None else [(one, *distinct), (other, *distinct[::-1])]
    for known, own, others in sizes:
        table = np.asarray(known.frequent.values, np.float64)
        for found in (int((table < least).sum()), int((table >= most).sum())):
            by_chance &= may_all_be_on_one_side(found, own, others, 4 * tests)
    ranges = _bins_of_ranges(texts, shares, errors)
    inner = texts[1].split(" to ")
    if any(value < least for value, _ in named):
        ranges[0] = replace(ranges[0], what=f"others below {inner[0]}", place=-1)
    if any(value >= most for value, _ in named):
        ranges[2] = replace(ranges[2], what=f"others above {inner[-1]}", place=-1)
    return [*ranges, *beyond], by_chance


def _ranges(
    edges: NDArray[np.float64],
    one: NumberProfile,
    other: NumberProfile,
    scales: tuple[float, float],
    write: Callable[[float], str],
    *,
    whole: bool,
) -> tuple[list[_Bin], float]:
    """Cut the numbers of both into ranges.

    Returns:
        The ranges, and what the errors of the sketches may add to the square of their distance.
    """
    texts = _range_texts(edges, min(one.least, other.least), max(one.most, other.most), write, whole=whole)
    ranges = _bins_of_ranges(texts, *_shares_of_ranges(edges, (one, other), scales))
    errors = one.rank_error**2 + other.rank_error**2
    # Both ends of a range may be wrong. The same error makes the more of a distance the smaller the share is.
    return ranges, sum(errors / (2 * (each.before + each.after)) for each in ranges if each.before + each.after)


def _shares_of_ranges(
    edges: NDArray[np.float64], sides: Sequence[NumberProfile], scales: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shares of the rows that each range has on both sides, and by how much each may be wrong."""
    shares = [np.diff(known.shares_below(edges), prepend=0.0, append=1.0) for known in sides]
    ends = [np.concatenate([[0.0], known.errors_below(edges), [0.0]]) for known in sides]
    errors = [each[1:] + each[:-1] for each in ends]
    return np.array(shares) * np.array(scales)[:, None], np.array(errors) * np.array(scales)[:, None]


def _bins_of_ranges(texts: list[str], shares: NDArray[np.float64], errors: NDArray[np.float64]) -> list[_Bin]:
    both = zip(texts, shares.T.tolist(), errors.T.tolist(), strict=True)
    return [
        _Bin(text, "range", p, q, place, (Share.about(p, error), Share.about(q, other)))
        for place, (text, (p, q), (error, other)) in enumerate(both)
    ]


def _singles(
    common: CommonValues, places: list[int], texts: list[str], kind: str, scales: tuple[float, float]
) -> list[_Bin]:
    """Return the bins of values that are compared by themselves."""
    before, after = common.before[places] * scales[0], common.after[places] * scales[1]
    ends = common.bounds[:, :, places] * np.array(scales)[:, None, None]
    shares = zip(*(map(Share, *side.tolist()) for side in ends), strict=True)
    return [
        _Bin(text, kind, p, q, bounds=bounds)
        for text, p, q, bounds in zip(texts, before.tolist(), after.tolist(), shares, strict=True)
    ]


def _others(bins: list[_Bin], wholes: tuple[float, float]) -> _Bin:
    """Return the bin of what is left when others are taken away: what of them is not known is not known of it."""
    shares = [each.shares for each in bins]
    before, after = (
        Share(
            max(0.0, whole - sum([both[side].most for both in shares])),
            max(0.0, whole - sum([both[side].least for both in shares])),
        )
        for side, whole in enumerate(wholes)
    )
    return _Bin("all others", "others", *_rest(bins, wholes), bounds=(before, after))


def _rest(bins: list[_Bin], wholes: tuple[float, float]) -> tuple[float, float]:
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


def _edges(one: NumberProfile, other: NumberProfile, design_effect: float) -> NDArray[np.float64]:
    """Return what lies between ranges of about equally many: quantiles of all numbers of both.

    No range is so small that the errors of the sketches alone could empty it on one side and fill it on the other.
    """
    counts = one.moments.count, other.moments.count
    narrowest = max(LEAST_EXPECTED * design_effect / min(counts), 1e-9)
    bins = int(min(10, max(2, 1 / narrowest)))
    levels = np.linspace(0, 1, 101)[1:-1]
    candidates = np.unique(np.concatenate([known.quantiles.quantiles(levels) for known in (one, other)]))
    shares = [known.shares_below(candidates) for known in (one, other)]
    below = np.average(shares, axis=0, weights=counts)
    # Too few numbers for tenths have ranges of equal size.
    wanted = _CUTS[np.minimum(_CUTS, 1 - _CUTS) >= narrowest] if bins == 10 else np.arange(1, bins) / bins
    places = np.unique(np.minimum(np.searchsorted(below, wanted), len(candidates) - 1))
    least, last, kept = 2 * (one.rank_error + other.rank_error), 0.0, []
    for place in places.tolist():
        if min(below[place] - last, 1 - below[place]) >= least:
            kept.append(place)
            last = below[place]
    edges: NDArray[np.float64] = candidates[kept]
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


def _bins_of_types(before: ColumnProfile, after: ColumnProfile, but: Collection[str] = ()) -> list[_Bin]:
    """Return the share of each type of value, but for some."""
    one, other = before.types, after.types
    if "unknown" in {*one, *other}:
        one, other = map(_types_of_whylogs, (one, other))
    return [
        _Bin(kind, "type", one.get(kind, 0) / before.rows, other.get(kind, 0) / after.rows)
        for kind in dict.fromkeys([*one, *other])
        if kind not in but
    ]


def _types_of_whylogs(types: Mapping[str, int]) -> dict[str, int]:
    """Count types as whylogs does, which has one name for times and all that it does not know."""
    known = {kind: count for kind, count in types.items() if kind in _TOLD_BY_WHYLOGS}
    return {**known, "unknown": sum(types.values()) - sum(known.values())}


# ---- texts ------------------------------------------------------------------------------------------------------


def _compared_texts(
    before: ColumnProfile, after: ColumnProfile, absent: list[_Bin], tests: int, effect: float
) -> Iterator[_Compared]:
    rows = before.rows / effect, after.rows / effect
    one, other = before.frequent, after.frequent
    of_column = before.kind == after.kind == "text"
    values: list[Any] = []
    bins: list[_Bin] = []
    exactly: list[_Compared] = []
    scales = 1 - before.missing_share, 1 - after.missing_share
    if one is not None and other is not None:
        common = common_values(
            Counted(one, before.present, None, before.distinct if of_column else None),
            Counted(other, after.present, None, after.distinct if of_column else None),
        )
        places = common.named(effect)
        values = [common.values[at] for at in places]
        bins = _singles(common, places, list(map(_value_text, values)), "value", scales)
        exactly = list(_compared_few_texts(common, len(places), scales, absent, rows, tests))
    others = _others([*bins, *(each for each in absent if each.kind == "type")], scales)
    rest = others.before, others.after
    if not bins or len({*before.types, *after.types}) > 1:  # the table of values does not tell of which type each is
        yield from _compared_types(before, after, effect)
    if exactly or bins:
        yield from exactly or [_Compared("values", [*bins, *([others] if max(rest) > 1e-12 else []), *absent], rows)]
    if before.texts is None or after.texts is None or before.kind == "boolean" or max(rest) < 0.05:
        return
    counts = _counts_of_rest(before, after, values, effect)
    design_effect = effect
    if counts is not None:
        # At least those of the sample: the shares of frequent values may be the largest that they may have.
        rest_rows = np.maximum([rest[0] * rows[0], rest[1] * rows[1]], [side.sum() for side in counts])
        design_effect *= effect_of_texts(counts, rest_rows)
        if not _are_identifiers(counts, rest_rows):
            split, by_chance = _split_rest(counts, rest, rest_rows, tests)
            yield _Compared("new values", [*bins, *split, *absent], rows, by_chance=by_chance)
    lengths = [before.texts.lengths, after.texts.lengths]
    if all(known.moments.count for known in lengths):
        yield from _compared_numbers(
            "lengths", lengths, before, after, absent, number_text, tests, whole=True, design_effect=design_effect
        )
    yield from _compared_patterns(before, after, effect)


def _compared_few_texts(
    common: CommonValues,
    named: int,
    scales: tuple[float, float],
    absent: list[_Bin],
    rows: tuple[float, float],
    tests: int,
) -> Iterator[_Compared]:
    """Compare texts of which there are so few that each may be rare: as exactly as they are counted.

    What is there fewer than five times may be an identifier, and is left to the others.

    Args:
        common: The values.
        named: How many of them are so frequent that they are compared by themselves in any case.
        scales: Which share of the rows has such a value.
        absent: The bins of the rows that have none.
        rows: How many rows each side has.
        tests: As for `facets_of`.
    """
    often = common.together * sum(common.sizes) >= _OFTEN
    if common.missed or named == len(common.values) or not often.any():
        return
    places = np.flatnonzero(often).tolist()
    bins = _singles(common, places, [_value_text(common.values[at]) for at in places], "value", scales)
    bins.append(_others([*bins, *(each for each in absent if each.kind == "type")], scales))
    compared = [*bins, *absent]
    before, after = np.array([(each.before, each.after) for each in compared], np.float64).T
    if min(rows) <= FEW and not may_be_so_unequal(before, after, *rows, tests):
        yield _Compared("values", compared, rows, by_chance=False)


def _counts_of_rest(
    before: ColumnProfile, after: ColumnProfile, named: list[str], effect: float
) -> list[NDArray[np.int64]] | None:
    """Return how often each of a sample of values is there on each side, but for those that are compared one by one.

    Where several rows count as one, so many of a value do.

    None where the profiles do not tell.
    """
    assert before.texts is not None
    assert after.texts is not None
    found = before.texts.sample.beside(after.texts.sample)
    if found is None:
        return None
    hashes, *counts = found
    others = ~np.isin(hashes, _hashes_of_kept(named))
    counts = [(side[others] // effect).astype(np.int64) for side in counts]
    return counts if all(side.sum() for side in counts) else None


def _split_rest(
    counts: list[NDArray[np.int64]], rest: tuple[float, float], rows: NDArray[np.float64], tests: int
) -> tuple[list[_Bin], bool]:
    """Split the values that are not compared one by one into those of one side alone and those of both.

    A value that is often on one side would by chance be on the other one, too; what is there a few times is an
    identifier, of which each data set has others.

    Args:
        counts: How often each of a sample of these values is there, on either side.
        rest: The shares of all of them.
        rows: In how many rows they are.
        tests: As for `facets_of`.

    Returns:
        The bins, and whether chance explains them.
    """
    often = counts[0] + counts[1] >= _OFTEN
    parts = rows / rows.sum()
    shares, seldom = [], False
    for own, other, part in zip(counts, counts[::-1], parts, strict=True):
        # Each of the rows of a value is on this side with the probability that a row is.
        total = (own + other)[often]
        alone = part**total
        lost = (other == 0) & often
        shares.append(min(1.0, max(0.0, float(own[lost].sum() - (total * alone).sum())) / float(own.sum())))
        seldom |= not may_be_as_many(int(lost.sum()), float(alone.sum()), 2 * tests)
    p, q = rest[0] * shares[0], rest[1] * shares[1]
    none = Share.exactly(0.0)
    gone, new = Share(0.0, rest[0], p), Share(0.0, rest[1], q)
    others = Share(0.0, rest[0], rest[0] - p), Share(0.0, rest[1], rest[1] - q)
    bins = [
        _Bin("new values", "others", 0.0, q, bounds=(none, new)),
        _Bin("values that are gone", "others", p, 0.0, bounds=(gone, none)),
        _Bin("all others", "others", rest[0] - p, rest[1] - q, bounds=others),
    ]
    return bins, not seldom


def _are_identifiers(counts: list[NDArray[np.int64]], rows: NDArray[np.float64]) -> bool:
    """Tell whether values that are there a few times are others on each side, as the keys of orders with a few lines.

    Then those of a few more lines are others, too, and that is no drift.

    Args:
        counts: How often each of a sample of values is there, on either side.
        rows: In how many rows such values are.
    """
    parts = rows / rows.sum()
    total = counts[0] + counts[1]
    few = (total > 1) & (total < _OFTEN)
    expected = float((1 - parts[0] ** total[few] - parts[1] ** total[few]).sum())  # if each row were on either side
    on_both = int(((counts[0] > 0) & (counts[1] > 0) & few).sum())
    return int(few.sum()) > int((total >= _OFTEN).sum()) and on_both < _SHARED * expected


def _hashes_of_kept(texts: list[str]) -> NDArray[np.uint32]:
    """Return the hashes that a sample has of values as they are kept; none of what is masked or escaped."""
    whole = PackedTexts.of([text for text in texts if is_whole(text)])
    cut = [int(found[1], 16) >> 32 for text in texts if (found := _CUT.search(text)) and not is_whole(text)]
    return np.concatenate([(hashes_of_texts(whole)[0] >> np.uint64(32)).astype(np.uint32), np.array(cut, np.uint32)])


def _compared_patterns(before: ColumnProfile, after: ColumnProfile, effect: float) -> Iterator[_Compared]:
    assert before.texts is not None
    assert after.texts is not None
    sides = before.texts.sample, after.texts.sample
    samples = [side.patterns for side in sides]
    sizes = len(samples[0]), len(samples[1])
    if min(sizes) < 3 * LEAST_EXPECTED:
        return
    counts = [Counter(sample) for sample in samples]
    least = LEAST_EXPECTED * sum(sizes) / min(sizes)
    together = counts[0] + counts[1]
    kept = sorted((p for p in together if together[p] >= least), key=lambda p: (-together[p], p))
    found = [(p or "(empty)", "pattern", counts[0][p], counts[1][p]) for p in kept]
    rest = [size - sum(side[p] for p in kept) for size, side in zip(sizes, counts, strict=True)]
    found.append(("other patterns", "others", rest[0], rest[1]))
    bins = [
        _Bin(
            what, kind, p / sizes[0], q / sizes[1], bounds=(share_of_sample(sides[0], p), share_of_sample(sides[1], q))
        )
        for what, kind, p, q in found
    ]
    yield _Compared("patterns", bins, (sizes[0] / effect, sizes[1] / effect))


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else number_text(value)


# ---- putting it together ----------------------------------------------------------------------------------------


def _facet(compared: _Compared, tests: int, *, of_elements: bool) -> Facet:
    bins = compared.bins
    before = np.array([each.before for each in bins], np.float64)
    after = np.array([each.after for each in bins], np.float64)
    found = distance_between(before, after, *compared.sizes, allowance=compared.allowance, tests=tests)
    by_chance = found.by_chance if compared.by_chance is None else compared.by_chance
    moved = _joined(zip(bins, found.parts.tolist(), strict=True), of_elements=of_elements)
    return Facet(compared.name, found.value, by_chance, len(bins), tuple(moved), of_elements)


def _way(each: _Bin) -> int:
    """Return 1 if there is clearly more than there was, -1 if there is less, 0 if there is about as much."""
    change = each.after - each.before
    return 0 if abs(change) < _CLEARLY * max(each.after, each.before) else 1 if change > 0 else -1


def _together(first: Movement, each: _Bin, part: float) -> Movement:
    """Join a range with the next one: it has two ends as either has, so that it may be wrong by no more."""
    low, high = first.what.split(" to ")[0], each.what.split(" to ")[-1]
    before, after = first.before + each.before, first.after + each.after
    errors = [max(one.error, other.error) for one, other in zip(first.shares, each.shares, strict=True)]
    shares = Share.about(before, errors[0]), Share.about(after, errors[1])
    return first._replace(what=f"{low} to {high}", before=before, after=after, part=first.part + part, shares=shares)


def _joined(bins: Iterable[tuple[_Bin, float]], *, of_elements: bool) -> list[Movement]:
    """Join neighbouring ranges that moved the same way, and sort what moved."""
    made: list[Movement] = []
    last: _Bin | None = None
    for each, part in bins:
        if last is not None and each.place == last.place + 1 and _way(each) == _way(last) != 0:
            made.append(_together(made.pop(), each, part))
        elif each.place >= 0 or each.before != each.after:
            made.append(Movement(each.what, each.kind, each.before, each.after, part, each.shares, of_elements))
        last = each if each.place >= 0 else None
    return sorted((one for one in made if one.before != one.after), key=lambda one: -one.part)
