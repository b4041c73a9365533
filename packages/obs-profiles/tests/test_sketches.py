"""Sketches: their errors are as small as they say, and their parts may come in any order."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_profiles.columns.texts import PackedTexts
from obs_profiles.sketches import DistinctSketch, FrequentItems, Moments, QuantileSketch, TextSample
from obs_profiles.sketches.counting import counted_hashes, counted_numbers
from obs_profiles.sketches.hashing import (
    coupons_of,
    coupons_of_huge_integers,
    coupons_of_numbers,
    coupons_of_times,
    hashes_of_texts,
)
from obs_profiles.sketches.samples import pattern_of

MASK = 2**64 - 1


def murmur(data: bytes, seed: int = 9001) -> tuple[int, int]:
    """MurmurHash3_x64_128 as its author describes it, byte by byte."""

    def rotated(value: int, by: int) -> int:
        return ((value << by) | (value >> (64 - by))) & MASK

    def final(k: int) -> int:
        k ^= k >> 33
        k = k * 0xFF51AFD7ED558CCD & MASK
        k ^= k >> 33
        k = k * 0xC4CEB9FE1A85EC53 & MASK
        return k ^ (k >> 33)

    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = seed
    whole = len(data) // 16 * 16
    for start in range(0, whole, 16):
        k1, k2 = (int.from_bytes(data[at : at + 8], "little") for at in (start, start + 8))
        h1 ^= rotated(k1 * c1 & MASK, 31) * c2 & MASK
        h1 = (rotated(h1, 27) + h2) * 5 + 0x52DCE729 & MASK
        h2 ^= rotated(k2 * c2 & MASK, 33) * c1 & MASK
        h2 = (rotated(h2, 31) + h1) * 5 + 0x38495AB5 & MASK
    k1, k2 = (int.from_bytes(data[whole:][part], "little") for part in (slice(0, 8), slice(8, 16)))
    h2 ^= rotated(k2 * c2 & MASK, 33) * c1 & MASK
    h1 ^= rotated(k1 * c1 & MASK, 31) * c2 & MASK
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = h1 + h2 & MASK
    h2 = h2 + h1 & MASK
    h1, h2 = final(h1), final(h2)
    h1 = h1 + h2 & MASK
    return h1, h2 + h1 & MASK


# ---- hashes -----------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=40))
def test_texts_are_hashed_as_murmurhash_says(texts: list[bytes]) -> None:
    h1, h2 = hashes_of_texts(PackedTexts.of_bytes(texts))
    assert list(zip(h1.tolist(), h2.tolist(), strict=True)) == [murmur(text) for text in texts]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40))
def test_coupons_of_integers_are_those_of_datasketches(numbers: list[int]) -> None:
    def coupon(number: int) -> int:
        h1, h2 = murmur((number & MASK).to_bytes(8, "little"))
        return (min(64 - h2.bit_length(), 62) + 1) << 26 | h1 & 0x3FFFFFF

    assert coupons_of_numbers(np.array(numbers, np.int64)).tolist() == [coupon(number) for number in numbers]


def test_five_and_five_point_nought_are_one_value() -> None:
    whole, real = coupons_of_numbers(np.array([5, -3, 0])), coupons_of_numbers(np.array([5.0, -3.0, -0.0]))
    assert whole.tolist() == real.tolist()
    assert coupons_of_numbers(np.array([5.5])).tolist() != coupons_of_numbers(np.array([5])).tolist()


@given(st.lists(st.one_of(st.integers(2**63 - 3, 2**63 + 3), st.integers(2**64 - 3, 2**64 - 1)), min_size=1))
def test_integers_beyond_the_sign_are_hashed_as_floats_or_as_16_bytes(numbers: list[int]) -> None:
    def coupon(number: int) -> int:
        if number < 2**63 or float(number) != number:
            return int(coupons_of_numbers(np.array([number])).item()) if number < 2**63 else murmured(number)
        return int(coupons_of_numbers(np.array([float(number)])).item())

    def murmured(number: int) -> int:
        h1, h2 = murmur(number.to_bytes(16, "little"))
        return (min(64 - h2.bit_length(), 62) + 1) << 26 | h1 & 0x3FFFFFF

    found = coupons_of_numbers(np.array(numbers, np.uint64)).tolist()
    assert found == [coupon(number) for number in numbers]
    others = [number for number in dict.fromkeys(numbers) if float(number) != number and number >= 2**63]
    assert coupons_of_huge_integers(others).tolist() == [murmured(number) for number in others]


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1), st.integers(0, 10**14))
def test_one_moment_is_hashed_alike_in_every_unit(moments: list[int], far: int) -> None:
    days = np.array(moments) + far // 86_400
    alike = [coupons_of_times(days * factor, unit).tolist() for unit, factor in (("D", 1), ("s", 86_400))]
    assert alike[0] == alike[1]
    if abs(days).max() < 10**8:
        assert coupons_of_times(days * 86_400_000_000, "us").tolist() == alike[0]
    if abs(days).max() < 10**5:
        assert coupons_of_times(days * 86_400_000_000_000, "ns").tolist() == alike[0]


def test_a_distinct_count_knows_what_it_never_saw() -> None:
    for size in (100, 3_000):
        seen, never = np.arange(size), np.arange(10**6, 10**6 + 1_000)
        sketch = DistinctSketch.of(coupons_of_numbers(seen))
        assert not sketch.lacks(coupons_of_numbers(seen)).any()
        assert sketch.lacks(coupons_of_numbers(never)).mean() > 0.5
    assert not DistinctSketch(incomplete=True).lacks(coupons_of_numbers(never)).any()


def test_texts_whose_hashes_agree_in_most_bits_are_told_apart() -> None:
    h1 = np.array([5 << 60 | 1, 5 << 60, 5 << 60 | 1, 7 << 60, 5 << 60], np.uint64)
    h2 = np.array([1, 2, 1, 1, 2], np.uint64)
    places, hashes, occurrences = counted_hashes(h1, h2, None)
    assert sorted(zip(h2[places].tolist(), occurrences.tolist(), strict=True)) == [(1, 1), (1, 2), (2, 2)]
    assert hashes.tolist() == [5 << 28, 5 << 28, 7 << 28]


def test_a_hash_that_begins_with_nothing_but_zeros_has_the_largest_rank() -> None:
    assert coupons_of(np.array([7], np.uint64), np.array([0], np.uint64)).tolist() == [54 << 26 | 7]


def test_a_long_text_is_hashed_in_time_and_differs_by_its_last_letter() -> None:
    texts = ["x" * 5_000_000 + end for end in ("a", "b", "a")]
    h1, _ = hashes_of_texts(PackedTexts.of(texts))
    assert h1[0] == h1[2] != h1[1]


# ---- moments ----------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(-1000, 1000), max_size=30), min_size=1, max_size=6))
def test_moments_of_parts_are_those_of_the_whole(parts: list[list[int]]) -> None:
    whole = [value for part in parts for value in part]
    merged = Moments.merged([Moments.of(np.array(part, float)) for part in parts])
    assert merged.count == len(whole)
    if len(whole) > 1:
        assert merged.mean == pytest.approx(statistics.fmean(whole), abs=1e-9)
        assert merged.deviation == pytest.approx(statistics.stdev(whole), abs=1e-6)
        mean = Fraction(sum(whole), len(whole))
        assert merged.m3 == pytest.approx(float(sum((v - mean) ** 3 for v in whole)), rel=1e-6, abs=1e-3)
        assert merged.m4 == pytest.approx(float(sum((v - mean) ** 4 for v in whole)), rel=1e-6, abs=1e-3)


def test_a_small_variance_far_from_nought_keeps_its_digits() -> None:
    values = 1e9 + np.array([4.0, 7.0, 13.0, 16.0])
    parts = [Moments.of(values[:1]), Moments.of(values[1:3]), Moments.of(values[3:])]
    assert Moments.merged(parts).deviation == pytest.approx(math.sqrt(30), rel=1e-9)


def test_counted_numbers_have_the_moments_of_as_many() -> None:
    values, counts = np.array([1.0, 2.0, 10.0]), np.array([5, 1, 3])
    one, other = Moments.of(values, counts), Moments.of(np.repeat(values, counts))
    assert (one.count, one.mean) == (other.count, pytest.approx(other.mean))
    assert (one.m2, one.m3, one.m4) == pytest.approx((other.m2, other.m3, other.m4))


@pytest.mark.parametrize("exponent", [0, -40, -60, -74, -76, -80, -99, -101, -120, -150, -165, -200, -300])
@pytest.mark.parametrize("rows", [3, 500, 40_000])
def test_moments_of_tiny_numbers_are_as_those_of_large_ones_or_unknown(
    exponent: int, rows: int, random: np.random.Generator
) -> None:
    values = random.lognormal(size=rows)
    known, unit = Moments.of(values), 10.0**exponent
    whole = Moments.of(values * unit)
    merged = Moments.merged([Moments.of(part * unit) for part in np.array_split(values, 3)])
    for tiny in (whole, merged):
        assert tiny.mean == pytest.approx(known.mean * unit, rel=1e-12)
        # A square of less than 1e-324 is none.
        assert tiny.deviation == pytest.approx(known.deviation * unit, rel=1e-9, abs=1e-158)
        for name, least in (("skewness", 1e-98), ("kurtosis", 1e-73)):
            found = getattr(tiny, name)
            if unit > least:
                assert found == pytest.approx(getattr(known, name), rel=1e-6)
            else:
                assert math.isnan(found) or found == pytest.approx(getattr(known, name), rel=1e-6)
        if exponent <= -120:
            assert math.isnan(tiny.skewness)
            assert math.isnan(tiny.kurtosis)


@pytest.mark.parametrize("values", [[1e308, -1e308, 1e308], [1e200, 2e200], [1e-320, 2e-320]])
def test_moments_of_extreme_numbers_raise_nothing(values: list[float]) -> None:
    found = Moments.merged([Moments.of(np.array(values)), Moments.of(np.array(values))])
    assert found.count == 2 * len(values)
    assert not math.isnan(found.deviation)


def test_a_single_number_has_no_deviation() -> None:
    one = Moments.of(np.array([5.0]))
    assert math.isnan(one.deviation)
    assert math.isnan(Moments().deviation)
    assert Moments.merged([one, one]).deviation == 0


@pytest.mark.parametrize("value", [0.1, 3.3, 1e9 + 0.1])
def test_a_constant_has_no_skewness_however_it_is_merged(value: float) -> None:
    merged = Moments.merged([Moments.of(np.full(size, value)) for size in (3, 7, 1000)])
    assert (merged.mean, merged.deviation) == (value, 0)
    assert math.isnan(merged.skewness)
    assert math.isnan(merged.kurtosis)


def test_the_mean_of_the_largest_numbers_is_finite() -> None:
    assert Moments.of(np.array([1.1e308, 1.2e308])).mean == pytest.approx(1.15e308)


# ---- quantiles --------------------------------------------------------------------------------------------------


def data_set(random: np.random.Generator, size: int) -> Any:
    """Numbers of one of several shapes: smooth, heavy-tailed, of few values, of two heaps, ascending, rounded."""
    shape = random.integers(10)
    if shape == 4:
        return np.round(random.normal(15, 8, size), 1)  # temperatures
    if shape == 5:
        return np.round(random.lognormal(3, 1, size), 2)  # prices
    if shape == 6:
        return random.integers(0, 300, size) * 1001.0
    if shape == 7:
        return random.choice(random.normal(size=300), size)
    if shape == 8:
        return -np.round(random.random(size), 2)
    if shape == 0:
        return random.normal(50, 12, size)
    if shape == 1:
        return random.lognormal(0, 3, size)
    if shape == 2:
        return random.integers(0, 40, size).astype(float)
    if shape == 3:
        return np.where(random.random(size) < 0.3, 0.0, random.normal(1e6, 1, size))
    return np.arange(size) * 0.1


def worst_rank_error(sketch: QuantileSketch, values: Any, at: Any) -> float:
    """The largest error of a rank at some numbers, as a share."""
    ordered = np.sort(values)
    exact = np.searchsorted(ordered, at, side="right") / len(ordered)
    exact_below = np.searchsorted(ordered, at, side="left") / len(ordered)
    found, found_below = sketch.shares_below(at, inclusive=True), sketch.shares_below(at)
    return float(max(np.abs(found - exact).max(), np.abs(found_below - exact_below).max()))


def sketch_of(values: Any) -> QuantileSketch:
    return QuantileSketch.of(*counted_numbers(np.asarray(values, float)))


def test_few_numbers_are_all_kept(random: np.random.Generator) -> None:
    values = random.normal(size=256)
    sketch = sketch_of(values)
    assert sketch.rank_error == 0
    assert sketch.quantiles([0, 0.5, 1]).tolist() == [values.min(), np.sort(values)[127], values.max()]


def test_a_rank_of_one_batch_is_never_further_off_than_stated(random: np.random.Generator) -> None:
    for _ in range(50):
        size = int(random.integers(1, 60_000))
        values = data_set(random, size)
        sketch = sketch_of(values)
        assert sketch.count == size
        assert sketch.rank_error <= 0.0025
        distinct = np.unique(values)
        # At all values, right beside each, and where nothing is.
        beside = np.nextafter(distinct, np.inf), np.nextafter(distinct, -np.inf)
        at = np.concatenate([distinct, *beside, (distinct[1:] + distinct[:-1]) / 2])
        assert worst_rank_error(sketch, values, at) <= sketch.rank_error + 1e-15  # what rounding of shares adds
        assert (sketch.quantiles(0.0) >= values.min(), sketch.quantiles(1.0) <= values.max()) == (True, True)


def test_numbers_that_are_counted_once_have_the_sketch_of_those_that_are_not_counted(
    random: np.random.Generator,
) -> None:
    for size in (900, 30_000):
        values = np.unique(data_set(random, size))
        assert QuantileSketch.of(values, np.ones(len(values), np.int64)) == QuantileSketch.of(values)


@pytest.mark.slow
def test_ranks_of_merged_sketches_are_within_the_bound_in_99_of_100_data_sets(
    random: np.random.Generator, nightly: bool
) -> None:
    outside, rounds = 0, 1_000 if nightly else 200
    for _ in range(rounds):
        parts = [data_set(random, int(random.integers(1, 4_000))) for _ in range(random.integers(2, 40))]
        folded = sketch_of(parts[0])
        for part in parts[1:]:
            folded = QuantileSketch.merged([folded, sketch_of(part)])
        values = np.concatenate(parts)
        at = np.quantile(values, random.random())
        outside += worst_rank_error(folded, values, np.array([at])) > folded.rank_error + 1e-12
        assert folded.rank_error < 0.04
    assert outside <= rounds / 100


def test_merging_at_once_costs_no_more_than_one_rounding(random: np.random.Generator) -> None:
    parts = [random.normal(size=10_000) for _ in range(300)]
    merged = QuantileSketch.merged([sketch_of(part) for part in parts])
    values = np.concatenate(parts)
    assert merged.count == len(values)
    assert merged.rank_error < 0.012
    assert worst_rank_error(merged, values, np.quantile(values, np.linspace(0.01, 0.99, 99))) < 0.008
    assert sum(len(level) for level in merged.levels) < 800


def test_numbers_that_repeat_are_kept_as_they_are() -> None:
    prices = np.repeat([9.99, 19.99, 0.1], [5_000, 3_000, 2_000])
    assert set(sketch_of(prices).quantiles([0.1, 0.5, 0.9]).tolist()) == {0.1, 9.99, 19.99}


def test_a_sketch_of_nothing_has_no_quantiles() -> None:
    nothing = QuantileSketch.merged([])
    assert nothing.rank_error == 0
    assert np.isnan(nothing.quantiles([0.5])).all()
    assert nothing.shares_below([1.0]).tolist() == [0.0]


# ---- distinct counts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 5, 300, 512])
def test_few_distinct_values_are_counted_as_they_are(count: int) -> None:
    sketch = DistinctSketch.of(coupons_of_numbers(np.repeat(np.arange(count), 3)))
    assert round(sketch.estimate) == count
    assert sketch.relative_error == 0


@pytest.mark.slow
def test_distinct_counts_are_within_the_bound_in_99_of_100_data_sets(
    random: np.random.Generator, nightly: bool
) -> None:
    outside, rounds, most = 0, *((1_000, 17) if nightly else (200, 6))
    for _ in range(rounds):
        count = int(10 ** random.uniform(2, 6))
        numbers = random.integers(-(2**63), 2**63 - 1, count)
        sketch = DistinctSketch.of(coupons_of_numbers(numbers))
        outside += abs(sketch.estimate / count - 1) > sketch.relative_error + 1e-3
    assert outside <= most  # one in a hundred is expected; more than this one time in a hundred


def test_a_union_is_what_one_sketch_of_all_would_be(random: np.random.Generator) -> None:
    numbers = random.integers(0, 50_000, 30_000)
    parts = np.array_split(numbers, [100, 5_000, 5_010])
    united = DistinctSketch.merged([DistinctSketch.of(coupons_of_numbers(part)) for part in parts])
    assert united == DistinctSketch.of(coupons_of_numbers(numbers))


# ---- frequent items ---------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.lists(st.lists(st.integers(0, 30), max_size=60), min_size=1, max_size=6), st.integers(1, 12), st.booleans())
def test_bounds_of_frequent_values_always_hold(parts: list[list[int]], capacity: int, texts: bool) -> None:
    def sketch(part: list[int]) -> FrequentItems:
        values, counts = np.unique(np.array(part, int), return_counts=True)
        made = FrequentItems.of(values, counts, capacity=capacity)
        return FrequentItems([str(v) for v in made.values], made.counts, made.slack, made.missed) if texts else made

    merged = FrequentItems.merged([sketch(part) for part in parts], capacity=capacity)
    whole = list(itertools.chain(*parts))
    exact = {(str(value) if texts else value): whole.count(value) for value in set(whole)}
    known = merged.sorted_by_count()
    assert len(known) <= capacity
    for value, least, most in known:
        assert least <= exact[value] <= most
    for value in exact.keys() - {value for value, _, _ in known}:
        assert exact[value] <= merged.missed
    assert merged.missed <= len(whole) / (capacity + 1) + sum(len(part) for part in parts) / (capacity + 1)


NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.floats(-3, 3, allow_nan=False).map(lambda number: round(number * 2) / 2),
    st.sampled_from([2**53, 2**53 + 1, 2.0**53, -(2**63), 2**63 - 1, 2**63, 2**63 + 1, 2.0**63, 2**64 - 1, 2**70, 0.1]),
)


@settings(max_examples=200)
@given(st.lists(st.lists(NUMBERS, max_size=8), min_size=1, max_size=4))
def test_equal_numbers_are_one_in_every_table_and_none_loses_a_digit(parts: list[list[float]]) -> None:
    def table(part: list[float]) -> FrequentItems:
        counted = Counter(part)  # Python's own numbers are equal and hashed alike whatever their type
        values = np.array([*sorted(counted), None], object)[:-1]
        return FrequentItems.of(values, np.array([counted[value] for value in values.tolist()], int))

    merged = FrequentItems.merged([table(part) for part in parts])
    assert {value: least for value, least, _ in merged.sorted_by_count()} == Counter(itertools.chain(*parts))
    backwards = FrequentItems.merged([table(part) for part in reversed(parts)])
    assert merged.values.tolist() == backwards.values.tolist()  # type: ignore[union-attr]
    assert merged.values.dtype == backwards.values.dtype  # type: ignore[union-attr]


# ---- samples ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("N12345", "A9"),
        ("EWR", "A"),
        ("2013-01-05", "9-9-9"),
        ("3f2b8c1e-aa7d", "a9-a9"),
        ("Doe, Jane", "Aa, Aa"),
        ("jane@example.org", "a@a.a"),
        ("", ""),
        ("  ", "  "),
        ("Ünïcödé", "Aa"),
        ("a\nb", "a a"),
        ("-" * 100, "-" * 32),
    ],
)
def test_a_pattern_tells_letters_digits_and_all_else(text: str, pattern: str) -> None:
    assert pattern_of(text) == pattern


def test_of_two_texts_of_one_hash_each_order_of_the_parts_keeps_the_same() -> None:
    parts = [TextSample(np.array([7], np.uint32), [pattern_of(text)], [text]) for text in ("id-163243", "id-57516")]
    assert TextSample.merged(parts) == TextSample.merged(parts[::-1])
    texts = ["id-57516", "id-163243", "x"]
    both = TextSample.of(np.array([7, 7, 9], np.uint32), np.array([1, 2, 1]), texts.__getitem__)
    assert (both.hashes.tolist(), both.texts) == ([7, 9], ["id-163243", "x"])


def test_a_sample_of_parts_is_the_sample_of_the_whole() -> None:
    def sample(places: range) -> TextSample:
        hashes = np.array([place * 2654435761 % 2**32 for place in places], np.uint32)
        order = np.argsort(hashes)[:256]
        texts = [f"text {places[place]}" for place in order]
        return TextSample(np.sort(hashes)[:256], [pattern_of(text) for text in texts], texts[:12])

    assert TextSample.merged([sample(range(600, 900)), sample(range(600))]) == sample(range(900))


@pytest.mark.parametrize("rows", [600, 1_000, 1_500, 2_000])
def test_items_of_small_blocks_are_round_and_cost_no_error(rows: int) -> None:
    values = np.sort(np.random.default_rng(rows).normal(size=rows))
    sketch = QuantileSketch.of(values)
    items = sketch.levels[-1]
    assert np.median([len(repr(item)) for item in items.tolist()]) < 14
    for probe in (values, items, np.nextafter(items, -np.inf)):
        exact = np.searchsorted(values, probe, side="right")
        told = sum((np.searchsorted(level, probe, side="right") << place) for place, level in enumerate(sketch.levels))
        assert int(np.abs(exact - told).max()) <= sketch.certain


@pytest.mark.parametrize("rows", [600, 1_500, 30_000, 200_000])
def test_quantiles_of_discrete_data_are_values_of_it_or_of_their_kind(rows: int, random: np.random.Generator) -> None:
    hour, shares = 3_600_000_000, np.linspace(0, 1, 201)
    rare = np.concatenate([random.choice([1.0, 7.0, 30.0, 365.0], rows - 1), [34.18726312]])
    values_alone = [
        random.integers(18_000, 18_030, rows) * 24 * hour,  # days
        random.choice([9.99, 19.99, 24.5, 0.1, 1999.0], rows),  # prices
        random.integers(-50, 50, rows) * 1000.0,
        rare,  # terms, and one that somebody filled in
        random.choice(random.normal(size=min(300, rows // 20)), rows),  # any values, but few
    ]
    for values in values_alone:
        found = sketch_of(values).quantiles(shares)
        assert np.isin(found, values).all(), values[:5]

    def decimals(places: int) -> Any:
        return lambda found: np.round(found, places) == found

    kinds: list[tuple[Any, Any]] = [
        (random.permutation(rows) * hour + hour // 4, lambda found: found % hour == hour // 4),  # each at quarter past
        (random.integers(0, 10**9, rows) * 1_000_000, lambda found: found % 1_000_000 == 0),  # whole seconds
        (random.integers(-(10**8), 10**8, rows) * 1000, lambda found: found % 1000 == 0),
        (np.round(random.lognormal(3, 1, rows), 2), decimals(2)),
        (np.round(random.lognormal(8, 2, rows)) + 0.99, lambda found: np.round(found - 0.99, 9) % 1 == 0),
        (np.round(random.normal(0, 1, rows), 4), decimals(4)),
        (np.where(random.random(rows) < 0.05, 1 / 3, np.round(random.lognormal(3, 1, rows), 2)), None),  # filled in
    ]
    for values, of_its_kind in kinds:
        found = sketch_of(values).quantiles(shares)
        fits = decimals(2)(found) | (found == 1 / 3) if of_its_kind is None else of_its_kind(found)
        assert fits.all(), found[~fits][:5]


def test_a_sample_counts_its_texts_exactly_however_it_is_merged(random: np.random.Generator) -> None:
    hashes = random.integers(0, 2**32, 2_000, np.uint32)

    def sample(rows: Any) -> TextSample:
        kept, counts = np.unique(hashes[rows], return_counts=True)
        return TextSample.of(kept, counts, lambda place: f"t{kept[place]}")

    rows = random.integers(0, 2_000, 9_000)
    parts = [sample(part) for part in np.split(rows, [10, 200, 4_000])]
    whole = sample(rows)
    assert TextSample.merged(parts) == whole
    assert TextSample.merged(parts[::-1]) == whole
    assert TextSample.merged([TextSample.merged(parts[:2]), TextSample.merged(parts[2:])]) == whole


def test_what_one_part_does_not_count_is_not_known_of_the_whole() -> None:
    counted = TextSample(np.array([1, 7], np.uint32), ["a", "a"], ["x", "y"], np.array([2, 3]))
    uncounted = TextSample(np.array([7], np.uint32), ["a"], ["y"])
    assert TextSample.merged([counted, uncounted]).counts is None
    assert counted.beside(uncounted) is None


def test_two_samples_tell_of_the_texts_that_both_would_have() -> None:
    def sample(hashes: range) -> TextSample:
        kept = np.array(hashes, np.uint32)
        return TextSample.of(kept, np.full(len(kept), 3), str)

    known, mine, yours = sample(range(0, 800, 2)).beside(sample(range(100)))  # type: ignore[misc]
    assert known.tolist() == sorted({*range(0, 511, 2), *range(100)})
    assert mine.tolist() == [3 * (hashed % 2 == 0) for hashed in known]
    assert yours.tolist() == [3 * (hashed < 100) for hashed in known]
