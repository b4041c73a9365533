"""Profiling data that fits in memory, column by column, and merging what such batches give."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_core import clock
from obs_core.interruptions import let_pass
from obs_core.secrets import mask
from obs_profiles.column_profiles import ELEMENTS, ColumnProfile, NumberProfile, TextProfile, TimeProfile, by_count
from obs_profiles.columns import ColumnValues, columns_of, storable
from obs_profiles.columns.objects import as_float
from obs_profiles.columns.texts import PackedTexts, UnpackedTexts
from obs_profiles.columns.values import CountedTexts, Durations, Times
from obs_profiles.damage import ProfileFormatError
from obs_profiles.merging import merged
from obs_profiles.profiles import Profile
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, RepeatSketch, TextSample
from obs_profiles.sketches.counting import counted_hashes, counted_numbers, joined_equals, weighted
from obs_profiles.sketches.frequent import CAPACITY, WORKING_CAPACITY, most_frequent
from obs_profiles.sketches.hashing import (
    NANOSECONDS,
    coupons_of,
    coupons_of_huge_integers,
    coupons_of_numbers,
    coupons_of_times,
    first_halves_of_huge_integers,
    first_halves_of_numbers,
    first_halves_of_times,
    hashes_of_texts,
)
from obs_profiles.sketches.samples import SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["coupons_in", "hashes_in", "merged_batches", "profile_batch"]

_MERGED_AT_ONCE = 32
"""Batches that are kept until they are merged: more would take more memory, fewer lose more of what sketches know."""

_LONGEST_DTYPE = 100
"""Characters of what a type is called that are kept."""

_EXACT = 1 << 53
"""Up to here each integer is a float."""

_SPARE = 8
"""Texts that are looked at beyond those of a sample, should some of these share a hash of 32 bits."""

_HOUR = 3_600_000_000


def merged_batches(parts: Iterable[Profile]) -> Profile:
    """Merge the profiles of batches while they come; frequent values are counted longer than in a finished profile."""
    waiting: list[Profile] = []
    for part in parts:
        waiting.append(part)
        if len(waiting) == _MERGED_AT_ONCE:
            waiting = [merged(waiting, capacity=WORKING_CAPACITY)]
    return merged(waiting or [Profile({}, 0)], capacity=CAPACITY)


def profile_batch(frame: Any) -> Profile:
    """Profile a frame that fits in memory, with more frequent values than a finished profile has."""
    columns = {name: _column(name, values, [], elements=_elements(values)) for name, values in columns_of(frame)}
    without_columns = 0 if isinstance(frame, Mapping) else len(frame)
    rows = max((column.rows for column in columns.values()), default=without_columns)
    return Profile(columns, rows, made=clock.epoch())


def coupons_in(values: ColumnValues) -> list[NDArray[np.uint32]]:
    """Hash the values of a column as its profile counts distinct ones, with no bound to how many are kept."""
    coupons: list[NDArray[np.uint32]] = []
    _column("", values, coupons)
    return coupons


def hashes_in(values: ColumnValues) -> NDArray[np.uint64]:
    """Hash the values of a column in the same way, with 64 bits for each: that two have the same is out of question."""
    hashed = [np.empty(0, np.uint64)]
    hashed += [first_halves_of_numbers(counted_numbers(part.values, part.counts)[0]) for part in values.numbers]
    if values.huge:
        hashed.append(first_halves_of_huge_integers(values.huge))
    for moments in values.times:
        hashed.append(first_halves_of_times(counted_numbers(moments.values, moments.counts)[0], moments.unit))
    for lengths in values.durations:
        hashed.append(first_halves_of_times(counted_numbers(lengths.values, lengths.counts)[0], lengths.unit))
    for texts, _, _ in values.texts:
        hashed += [hashes_of_texts(piece)[0] for piece in texts.pieces()]
    if seen := [number for number, count in ((1, values.true), (0, values.false)) if count]:
        hashed.append(first_halves_of_numbers(np.array(seen, np.int64)))
    return np.concatenate(hashed)


def _elements(values: ColumnValues) -> ColumnProfile | None:
    """Profile what lists hold; None where there are none, or where that cannot be read."""
    if not values.elements:
        return None
    made = [ColumnProfile(ELEMENTS, "", 0)]
    try:
        for read in values.elements:
            for part in read():
                made.append(_column(ELEMENTS, part, []))
                if len(made) == _MERGED_AT_ONCE:
                    made = [ColumnProfile.merged(made, capacity=WORKING_CAPACITY)]
    except ProfileFormatError:
        raise
    except BaseException as error:
        let_pass(error)
        return None
    return ColumnProfile.merged(made[1:] or made, capacity=WORKING_CAPACITY)


def _column(
    name: str,
    values: ColumnValues,
    coupons: list[NDArray[np.uint32]],
    *,
    elements: ColumnProfile | None = None,
) -> ColumnProfile:
    numbers, infinite, negative_infinite = _numbers(values, coupons)
    times = _times(values.times, values.zone, coupons) if values.times else None
    durations = _durations(values.durations, coupons) if values.durations else None
    texts = _texts(values.texts, coupons) if values.texts else None
    if values.true or values.false:
        seen = [number for number, count in ((1, values.true), (0, values.false)) if count]
        coupons.append(coupons_of_numbers(np.array(seen, np.int64)))
    return ColumnProfile(
        name=name,
        dtype=_shortened(values.dtype),
        rows=values.rows,
        missing=values.missing,
        nan=values.nan,
        types=by_count(values.types),
        true=values.true,
        infinite=infinite,
        negative_infinite=negative_infinite,
        distinct=DistinctSketch.of(np.concatenate(coupons)) if coupons else DistinctSketch(),
        numbers=numbers,
        times=times,
        durations=durations,
        texts=texts,
        sizes=None if values.sizes is None else _compared_by_value(*counted_numbers(values.sizes)),
        elements=elements,
    )


def _shortened(dtype: str) -> str:
    """Mask and shorten what a type is called: some list thousands of categories or fields."""
    text = mask(storable(dtype))
    return text if len(text) <= _LONGEST_DTYPE else f"{text[:_LONGEST_DTYPE]}…"


# ---- numbers ----------------------------------------------------------------------------------------------------


def _numbers(values: ColumnValues, coupons: list[NDArray[np.uint32]]) -> tuple[NumberProfile | None, int, int]:
    """Profile finite numbers; return how many are infinite, and negative infinite, as well."""
    made: list[NumberProfile] = []
    infinite = negative = 0
    for part in values.numbers:
        numbers, counts = counted_numbers(part.values, part.counts)
        hashed = coupons_of_numbers(numbers)
        coupons.append(hashed)
        # Sorted as they are, infinities stand at both ends.
        if numbers.dtype.kind == "f" and len(numbers) and not (np.isfinite(numbers[0]) and np.isfinite(numbers[-1])):
            first, last = np.searchsorted(numbers, -np.inf, "right"), np.searchsorted(numbers, np.inf, "left")
            negative += int(first if counts is None else counts[:first].sum())
            infinite += int(len(numbers) - last if counts is None else counts[last:].sum())
            numbers, counts = numbers[first:last], None if counts is None else counts[first:last]
            hashed = hashed[first:last]
        if len(numbers):
            made.append(_number_profile(numbers, counts, hashed))
    if values.huge:
        coupons.append(coupons_of_huge_integers(values.huge))
        finite = [number for number in values.huge if math.isfinite(as_float(number))]
        infinite += sum(number > 0 for number in values.huge) - sum(number > 0 for number in finite)
        negative += sum(number < 0 for number in values.huge) - sum(number < 0 for number in finite)
        made += [_huge_profile(finite)] if finite else []
    if len(made) > 1:
        made = [NumberProfile.merged(made, capacity=WORKING_CAPACITY)]
    return made[0] if made else None, infinite + negative, negative


def _compared_by_value(numbers: NDArray[Any], counts: NDArray[np.int64] | None) -> NumberProfile:
    """Profile finite numbers of which a comparison wants to know how often they repeat."""
    return _number_profile(numbers, counts, coupons_of_numbers(numbers))


def _number_profile(
    numbers: NDArray[Any], counts: NDArray[np.int64] | None, coupons: NDArray[np.uint32] | None = None
) -> NumberProfile:
    """Profile finite numbers.

    Args:
        numbers: The numbers, ascending and distinct.
        counts: How often each is there; once, if None.
        coupons: What each is hashed to; None where nobody asks how often they repeat.
    """
    least, most = numbers[0].item() + 0, numbers[-1].item() + 0  # -0.0 becomes 0.0
    values = numbers.astype(np.float64, copy=False)
    if numbers.dtype.kind in "iu" and max(-least, most) > _EXACT:
        # As floats, large integers are farther from each other, or nearer, than they are: distances are not.
        distances = np.subtract(numbers, least, dtype=numbers.dtype).astype(np.uint64).astype(np.float64)
        moments = Moments.of(distances, counts).moved(least)
    else:
        moments = Moments.of(values, counts)
    frequent = FrequentItems.of(numbers, counts, capacity=WORKING_CAPACITY)
    below, above = np.searchsorted(values, [0.0, 0.0], "left")[0], np.searchsorted(values, 0.0, "right")
    return NumberProfile(
        least=least,
        most=most,
        zeros=int(above - below if counts is None else counts[below:above].sum()),
        negatives=int(below if counts is None else counts[:below].sum()),
        moments=moments,
        quantiles=QuantileSketch.of(values, counts),
        frequent=frequent,
        repeats=RepeatSketch.of(coupons, counts) if frequent.missed and coupons is not None else None,
    )


def _huge_profile(numbers: list[int]) -> NumberProfile:
    """Profile integers that are no floats: as the nearest ones, but for the smallest and the largest."""
    occurrences = Counter(numbers)
    made = _compared_by_value(*joined_equals(np.sort(np.array(numbers, np.float64)), None))
    none = FrequentItems.none(texts=False, missed=max(occurrences.values()))
    return replace(made, least=min(numbers), most=max(numbers), frequent=none)


# ---- times ------------------------------------------------------------------------------------------------------


def _times(parts: Sequence[Times], zone: str, coupons: list[NDArray[np.uint32]]) -> TimeProfile:
    made = []
    for part in parts:
        values, counts = counted_numbers(part.values, part.counts)
        coupons.append(coupons_of_times(values, part.unit))
        # Several nanoseconds may be one microsecond.
        micros, counts = joined_equals(_microseconds(values, part.unit), counts)
        made.append(TimeProfile(_number_profile(micros, counts), zone, *_rhythm(micros, counts)))
    return TimeProfile.merged(made, capacity=WORKING_CAPACITY) if len(made) > 1 else made[0]


def _microseconds(values: NDArray[np.int64], unit: str) -> NDArray[np.int64]:
    """Turn whole units into microseconds, rounded down; what is too far is cut off."""
    if unit == "ns":
        return values // 1_000
    factor = NANOSECONDS[unit] // 1_000
    furthest = (2**63 - 1) // factor
    return np.clip(values, -furthest, furthest) * factor


def _durations(parts: Sequence[Durations], coupons: list[NDArray[np.uint32]]) -> NumberProfile:
    made = []
    for part in parts:
        values, counts = counted_numbers(part.values, part.counts)
        coupons.append(coupons_of_times(values, part.unit))
        made.append(_compared_by_value(*joined_equals(_seconds(values, part.unit), counts)))
    return NumberProfile.merged(made, capacity=WORKING_CAPACITY) if len(made) > 1 else made[0]


def _seconds(values: NDArray[np.int64], unit: str) -> NDArray[np.float64]:
    """Turn whole units into seconds: one length of time into one number, whatever its unit."""
    if unit == "D":
        return values.astype(np.float64) * 86_400
    per_second = 1_000_000_000 // NANOSECONDS[unit]
    seconds, rest = np.divmod(values, per_second)
    return (seconds + rest / per_second).astype(np.float64, copy=False)


def _rhythm(
    moments: NDArray[np.int64], counts: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count moments by the hour of the day and the day of the week."""
    first, last = int(moments[0]) // _HOUR, int(moments[-1]) // _HOUR
    if last - first < len(moments):
        # Fewer hours than moments: where each hour ends among the sorted moments is found faster than divided. The last
        # one may end beyond what 64 bits hold.
        hours = np.arange(first, last + 1)
        ends = np.append(np.searchsorted(moments, hours[1:] * _HOUR, "left"), len(moments))
        if counts is not None:
            ends = np.concatenate([[0], np.cumsum(counts)])[ends]
        weights = np.diff(ends, prepend=0)
    else:
        hours, weights = moments // _HOUR, np.ones(len(moments), np.int64) if counts is None else counts
    by_hour = np.bincount(hours % 24, weights, 24).astype(np.int64)
    # 1970-01-01 was a Thursday.
    return by_hour, np.bincount((hours // 24 + 3) % 7, weights, 7).astype(np.int64)


# ---- texts ------------------------------------------------------------------------------------------------------


def _texts(parts: Sequence[CountedTexts], coupons: list[NDArray[np.uint32]]) -> TextProfile:
    made = [_text_profile(part, coupons) for part in parts]
    return TextProfile.merged(made, capacity=WORKING_CAPACITY) if len(made) > 1 else made[0]


def _text_profile(part: CountedTexts, coupons: list[NDArray[np.uint32]]) -> TextProfile:
    texts, counts, kind = part
    h1, h2, sizes = _looked_over(texts, raw=kind == "bytes")
    firsts, hashes, occurrences = counted_hashes(h1, h2, counts)
    seen = firsts if 4 * len(firsts) < len(h1) else slice(None)
    coupons.append(coupons_of(h1[seen], h2[seen]))

    def show(group: int) -> str:
        place = int(firsts[group])
        return texts.shown_at(place, int(h1[place]), raw=kind == "bytes")

    lengths, length_counts = counted_numbers(sizes) if counts is None else weighted(sizes, counts)
    return TextProfile(
        lengths=_number_profile(lengths, length_counts),
        empty=int(np.count_nonzero(sizes == 0) if counts is None else counts[sizes == 0].sum()),
        frequent=_frequent_texts(occurrences, show),
        sample=TextSample.of(hashes[: SIZE + _SPARE], occurrences[: SIZE + _SPARE], show),
    )


def _looked_over(
    texts: PackedTexts | UnpackedTexts, *, raw: bool
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
    """Return both halves of the hash of each text, and how many characters it has; of bytes, how many bytes."""
    h1, h2, sizes = np.empty(len(texts), np.uint64), np.empty(len(texts), np.uint64), np.empty(len(texts), np.int64)
    start = 0
    for piece in texts.pieces():
        rows = slice(start, start := start + len(piece))
        h1[rows], h2[rows] = hashes_of_texts(piece)
        sizes[rows] = piece.lengths if raw else piece.characters()
    return h1, h2, sizes


def _frequent_texts(occurrences: NDArray[np.int64], show: Callable[[int], str]) -> FrequentItems:
    places, missed = most_frequent(occurrences, WORKING_CAPACITY)
    if len(places) > CAPACITY and int(occurrences[places].max()) == 1:
        return FrequentItems.none(texts=True, missed=1)  # all different: none is more frequent than another one
    known: dict[str, int] = {}
    for place, count in zip(places.tolist(), occurrences[places].tolist(), strict=True):
        text = show(place)  # bytes that are no text may be written as another text is
        known[text] = known.get(text, 0) + count
    values = sorted(known)
    return FrequentItems(values, np.array([known[value] for value in values], np.int64), missed=missed)
