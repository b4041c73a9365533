"""Making profiles of data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from obs_core import clock
from obs_core.secrets import masked_text
from obs_profiles.columns import ColumnValues, batches_of, columns_of, storable
from obs_profiles.columns.values import CountedTexts, Times
from obs_profiles.merging import merged
from obs_profiles.profiles import ColumnProfile, NumberProfile, Profile, TextProfile, TimeProfile, by_count
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, TextSample
from obs_profiles.sketches.frequent import CAPACITY, WORKING_CAPACITY, most_frequent
from obs_profiles.sketches.hashing import coupons_of, coupons_of_numbers, hashes_of_texts
from obs_profiles.sketches.samples import EXAMPLES, SIZE, pattern_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["merged_batches", "profile", "profile_batch", "profile_of"]

_MERGED_AT_ONCE = 32
"""Batches that are kept until they are merged: more would take more memory, fewer lose more of what sketches know."""

_LONGEST_TEXT = 100

_MASKED_WITHIN = 10_000
"""Characters of a text that are looked through for secrets before it is cut: half of one would be known to nobody."""
"""Bytes of a text, and characters of what a type is called, that are kept."""

_HOUR = 3_600_000_000
_NARROW = 65_536
"""Integers that span no more than this are counted rather than sorted."""


def profile(data: Any, *, by: str | Sequence[str] | None = None) -> Profile:
    """Profile data: types, missing values, distributions, distinct and frequent values of each column.

    Args:
        data: A DataFrame or Series of pandas or polars, a Table of pyarrow, an array of numpy, a mapping of names to
            columns. Or, where that does not fit in memory, the path of a Parquet file, a LazyFrame of polars, or any
            iterable of frames, such as ``pandas.read_csv(path, chunksize=100_000)``: these are read batch by batch, in
            a memory that does not grow.
        by: The name of a column, or of several: each of its 50 most frequent values, and all others together, have a
            profile of their own in ``.segments`` as well.

    Returns:
        The profile. Its columns have the frame's names as text; of several of one name the second is ``name.1``.

    Raises:
        TypeError: `data` is none of these.
        ValueError: A column of `by` is not there.

    Examples:
        >>> profile({"delay": [3.5, None, 12.0]})["delay"].missing
        1
    """
    if by is not None:
        from obs_profiles.segments import profile_by

        return profile_by(data, (by,) if isinstance(by, str) else tuple(by))
    return merged_batches(profile_batch(frame) for frame in batches_of(data))


def profile_of(data: Any) -> Profile:
    """Return a profile as it is, also one of whylogs, or profile data.

    Args:
        data: A `Profile`; a profile of whylogs, or what has ``view()``; or what `profile` takes.

    Raises:
        TypeError: It is none of these.
    """
    if isinstance(data, Profile):
        return data
    if type(data).__module__.startswith("whylogs."):
        view = data.view() if hasattr(data, "view") else data
        if hasattr(view, "serialize"):
            return Profile.from_bytes(view.serialize())
    return profile(data)


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
    columns = {name: _column(name, values) for name, values in columns_of(frame)}
    rows = max((column.rows for column in columns.values()), default=0)
    return Profile(columns, rows, made=clock.epoch())


def _column(name: str, values: ColumnValues) -> ColumnProfile:
    coupons: list[NDArray[np.uint32]] = []
    numbers, infinite, negative_infinite = _numbers(values, coupons)
    times = _times(values.times, values.zone, coupons) if values.times else None
    durations = None
    if values.durations:
        seconds, counts = _sorted_and_counted(np.concatenate([part.values for part in values.durations]))
        coupons.append(coupons_of_numbers(seconds))
        durations = _number_profile(seconds, counts)
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
        sizes=None if values.sizes is None else _number_profile(*_sorted_and_counted(values.sizes)),
    )


def _shortened(dtype: str) -> str:
    """Shorten what a type is called: some list thousands of categories or fields."""
    text = storable(dtype)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


# ---- numbers ----------------------------------------------------------------------------------------------------


def _numbers(values: ColumnValues, coupons: list[NDArray[np.uint32]]) -> tuple[NumberProfile | None, int, int]:
    """Profile finite numbers; return how many are infinite, and negative infinite, as well."""
    made: list[NumberProfile] = []
    infinite = negative = 0
    for part in values.numbers:
        numbers, counts = _sorted_and_counted(part.values, part.counts)
        coupons.append(coupons_of_numbers(numbers))
        # Sorted as they are, infinities stand at both ends.
        if numbers.dtype.kind == "f" and len(numbers) and not (np.isfinite(numbers[0]) and np.isfinite(numbers[-1])):
            first, last = np.searchsorted(numbers, -np.inf, "right"), np.searchsorted(numbers, np.inf, "left")
            negative += int(first if counts is None else counts[:first].sum())
            infinite += int(len(numbers) - last if counts is None else counts[last:].sum())
            numbers, counts = numbers[first:last], None if counts is None else counts[first:last]
        if len(numbers):
            made.append(_number_profile(numbers, counts))
    if len(made) > 1:
        made = [NumberProfile.merged(made, capacity=WORKING_CAPACITY)]
    return made[0] if made else None, infinite + negative, negative


def _sorted_and_counted(
    values: NDArray[Any], counts: NDArray[np.int64] | None = None
) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """Return distinct numbers, ascending, and how often each is there; None where each is there once."""
    if counts is not None:
        order = np.argsort(values, kind="stable")
        return values[order], counts[order]  # categories are distinct already
    if values.dtype.kind in "iu" and len(values):
        least, most = int(values.min()), int(values.max())
        if most - least < max(_NARROW, 2 * len(values)) and most <= 2**63 - 1:
            counted = np.bincount(np.subtract(values, least, dtype=np.int64, casting="unsafe"))
            there = np.flatnonzero(counted)
            return there + least, counted[there]
    ordered = np.sort(values)
    if len(ordered) < 2:
        return ordered, None
    last = np.empty(len(ordered), bool)  # whether a number is the last one of its kind
    last[-1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
    if np.count_nonzero(last) == len(ordered):
        return ordered, None
    ends = np.flatnonzero(last)
    counts = np.empty(len(ends), np.int64)
    counts[0] = ends[0] + 1
    np.subtract(ends[1:], ends[:-1], out=counts[1:])
    return ordered[ends], counts


def _number_profile(numbers: NDArray[Any], counts: NDArray[np.int64] | None, *, scale: int = 1) -> NumberProfile:
    """Profile finite numbers.

    Args:
        numbers: The numbers, ascending and distinct.
        counts: How often each is there; once, if None.
        scale: What they are divided by.
    """
    least, most = numbers[0].item(), numbers[-1].item()
    values = numbers.astype(np.float64, copy=False)
    if scale != 1:
        values, least, most = values / scale, least // scale, most // scale
    below, above = np.searchsorted(values, [0.0, 0.0], "left")[0], np.searchsorted(values, 0.0, "right")
    kept = numbers if scale == 1 and numbers.dtype.kind == "i" else values
    return NumberProfile(
        least=least,
        most=most,
        zeros=int(above - below if counts is None else counts[below:above].sum()),
        negatives=int(below if counts is None else counts[:below].sum()),
        moments=Moments.of(values, counts),
        quantiles=QuantileSketch.of(values, counts),
        frequent=FrequentItems.of(kept, counts, capacity=WORKING_CAPACITY),
    )


# ---- times ------------------------------------------------------------------------------------------------------

_NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "D": 86_400_000_000_000}


def _times(parts: Sequence[Times], zone: str, coupons: list[NDArray[np.uint32]]) -> TimeProfile:
    made = []
    for part in parts:
        values, counts = _sorted_and_counted(part.values, part.counts)
        coupons.append(_coupons_of_times(values, part.unit))
        micros, scale = _in_microseconds(values, part.unit)
        made.append(
            TimeProfile(_number_profile(micros, counts, scale=scale), zone, *_rhythm(micros, counts, _HOUR * scale))
        )
    return TimeProfile.merged(made, capacity=WORKING_CAPACITY) if len(made) > 1 else made[0]


def _in_microseconds(values: NDArray[np.int64], unit: str) -> tuple[NDArray[np.int64], int]:
    """Return whole numbers, and what they must be divided by to be microseconds; what is too far is cut off."""
    if unit == "ns":
        return values, 1_000
    factor = _NANOSECONDS[unit] // 1_000
    furthest = (2**63 - 1) // factor
    return np.clip(values, -furthest, furthest) * factor, 1


def _coupons_of_times(values: NDArray[np.int64], unit: str) -> NDArray[np.uint32]:
    """Hash moments so that one moment is one value, whatever its unit: in nanoseconds, as far as these reach."""
    furthest = (2**63 - 1) // _NANOSECONDS[unit]
    near = np.abs(values) <= furthest
    keys = values * _NANOSECONDS[unit]
    if not near.all():
        keys = np.where(near, keys, _in_microseconds(values, unit)[0])
    return coupons_of_numbers(keys)


def _rhythm(
    moments: NDArray[np.int64], counts: NDArray[np.int64] | None, hour: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count moments by the hour of the day and the day of the week; an hour is as long as that."""
    first, last = int(moments[0] // hour), int(moments[-1] // hour)
    if last - first < len(moments):
        # Fewer hours than moments: where each hour ends among the sorted moments is found faster than divided.
        hours = np.arange(first, last + 1)
        ends = np.searchsorted(moments, (hours + 1) * hour, "left")
        if counts is not None:
            ends = np.concatenate([[0], np.cumsum(counts)])[ends]
        weights = np.diff(ends, prepend=0)
    else:
        hours, weights = moments // hour, np.ones(len(moments), np.int64) if counts is None else counts
    by_hour = np.bincount(hours % 24, weights, 24).astype(np.int64)
    # 1970-01-01 was a Thursday.
    return by_hour, np.bincount((hours // 24 + 3) % 7, weights, 7).astype(np.int64)


# ---- texts ------------------------------------------------------------------------------------------------------


def _texts(parts: Sequence[CountedTexts], coupons: list[NDArray[np.uint32]]) -> TextProfile:
    made = [_text_profile(part, coupons) for part in parts]
    return TextProfile.merged(made, capacity=WORKING_CAPACITY) if len(made) > 1 else made[0]


def _text_profile(part: CountedTexts, coupons: list[NDArray[np.uint32]]) -> TextProfile:
    texts, counts, kind = part
    h1, h2 = hashes_of_texts(texts)
    firsts, hashes, occurrences = _grouped(h1, counts)
    seen = firsts if 4 * len(firsts) < len(h1) else slice(None)
    coupons.append(coupons_of(h1[seen], h2[seen]))
    places, missed = most_frequent(occurrences, WORKING_CAPACITY)
    if len(places) > CAPACITY and int(occurrences[places].max()) == 1:
        places, missed = places[:0], 1  # all different: none is more frequent than another one
    shown = _shown if kind != "bytes" else _shown_bytes
    known = sorted(
        zip((shown(texts, place) for place in firsts[places].tolist()), occurrences[places].tolist(), strict=True)
    )
    lengths, length_counts = _sorted_and_counted(texts.characters())
    if counts is not None:
        lengths, length_counts = _weighted(texts.characters(), counts)
    sample = firsts[:SIZE].tolist()
    return TextProfile(
        lengths=_number_profile(lengths, length_counts),
        empty=int(np.count_nonzero(texts.lengths == 0) if counts is None else counts[texts.lengths == 0].sum()),
        frequent=FrequentItems(
            [text for text, _ in known], np.array([count for _, count in known], np.int64), missed=missed
        ),
        sample=TextSample(
            hashes[:SIZE],
            [pattern_of(shown(texts, place)) for place in sample],
            [shown(texts, p) for p in sample[:EXAMPLES]],
        ),
    )


def _grouped(
    h1: NDArray[np.uint64], counts: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]:
    """Group equal texts by their hash, of which all bits count but those that say where a text is.

    Returns:
        The place of one text of each group, the upper half of its hash, ascending, and how many texts the group has.
    """
    bits = np.uint64(max(1, (len(h1) - 1).bit_length()))
    keys = (h1 >> bits << bits) | np.arange(len(h1), dtype=np.uint64)
    keys.sort()
    groups = keys >> bits
    starts = np.concatenate([[0], np.flatnonzero(groups[1:] != groups[:-1]) + 1])
    places = (keys & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    occurrences = np.diff(starts, append=len(keys)) if counts is None else np.add.reduceat(counts[places], starts)
    return places[starts], (keys[starts] >> np.uint64(32)).astype(np.uint32), occurrences


def _weighted(values: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    distinct, places = np.unique(values, return_inverse=True)
    return distinct, np.bincount(places, counts, len(distinct)).astype(np.int64)


def _shown(texts: Any, place: int) -> str:
    if texts.lengths[place] <= _LONGEST_TEXT:
        return str(texts.text_at(place, _LONGEST_TEXT))
    return masked_text(texts.text_at(place, _MASKED_WITHIN), _LONGEST_TEXT + 1, "…")


def _shown_bytes(texts: Any, place: int) -> str:
    if texts.lengths[place] <= _LONGEST_TEXT:
        return str(texts.bytes_at(place, _LONGEST_TEXT).decode("utf-8", "backslashreplace"))
    return masked_text(
        texts.bytes_at(place, _MASKED_WITHIN).decode("utf-8", "backslashreplace"), _LONGEST_TEXT + 1, "…"
    )
