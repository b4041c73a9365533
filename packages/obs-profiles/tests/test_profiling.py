"""Profiles of whole data sets: beside exact numbers, in parts, in batches, in segments, as bytes."""

from __future__ import annotations

import datetime
import decimal
import functools
import itertools
import json
import math
import os
import pickle
import random as random_module
import re
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_core.testing import ImportContract, TransformerContract
from obs_core.testing.damaged_arrow import damaged_columns
from obs_profiles import Profile, ProfileFormatError, ProfileTransformer, check, drift, expect, merge, profile
from obs_profiles.merging import OTHERS
from obs_profiles.sketches.hashing import coupons_of_numbers

WORDS = ["EWR", "JFK", "LGA", "BOS"]


def mixed(random: np.random.Generator, rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": random.normal(50, 12, rows),
            "small": random.integers(0, 40, rows),
            "wide": random.integers(0, 10**9, rows),
            "word": random.choice(WORDS, rows, p=[0.4, 0.3, 0.2, 0.1]),
            "tail": [f"N{number:05}" for number in random.integers(0, 3_000, rows)],
            "time": pd.date_range("2013-01-01", periods=rows, freq="min"),
            "flag": random.random(rows) > 0.25,
            "gaps": np.where(random.random(rows) > 0.3, random.normal(size=rows), np.nan),
        }
    )


def test_what_is_exact_is_exact(random: np.random.Generator) -> None:
    frame = mixed(random, 30_000)
    known = profile(frame)
    assert (known.rows, len(known)) == (30_000, 8)
    for name in ("number", "small", "wide", "gaps"):
        numbers, exact = known[name].numbers, frame[name].dropna()
        assert numbers is not None
        assert (numbers.least, numbers.most, numbers.moments.count) == (exact.min(), exact.max(), len(exact))
        assert numbers.moments.mean == pytest.approx(exact.mean())
        assert numbers.moments.deviation == pytest.approx(exact.std())
        assert numbers.moments.skewness == pytest.approx(exact.skew(), abs=0.01)
        assert numbers.moments.kurtosis == pytest.approx(exact.kurt(), abs=0.01)
        assert (numbers.zeros, numbers.negatives) == ((exact == 0).sum(), (exact < 0).sum())
    assert known["gaps"].missing == frame["gaps"].isna().sum()
    assert known["flag"].true == frame["flag"].sum()
    assert known["word"].frequent is not None
    assert {value: least for value, least, _ in known["word"].frequent.sorted_by_count()} == frame[
        "word"
    ].value_counts().to_dict()
    times = known["time"].times
    assert times is not None
    assert times.numbers.most == frame["time"].max().value // 1000
    assert times.hours.tolist() == frame["time"].dt.hour.value_counts().reindex(range(24)).tolist()
    assert times.weekdays.tolist() == frame["time"].dt.day_of_week.value_counts().reindex(range(7)).tolist()


def test_what_is_approximate_is_within_its_bound(random: np.random.Generator) -> None:
    frame = mixed(random, 30_000)
    known = profile(frame)
    for name in ("wide", "tail", "number"):
        exact = frame[name].nunique()
        assert known[name].distinct.estimate == pytest.approx(exact, rel=known[name].distinct.relative_error)
    ranks = np.linspace(0.05, 0.95, 19)
    numbers = known["number"].numbers
    assert numbers is not None
    back = np.searchsorted(np.sort(frame["number"]), numbers.quantiles.quantiles(ranks)) / len(frame)
    assert np.abs(back - ranks).max() <= numbers.quantiles.rank_error + 1e-4
    counts = frame["tail"].value_counts()
    assert known["tail"].texts is not None
    frequent = known["tail"].texts.frequent
    for value, least, most in frequent.sorted_by_count():
        assert least <= counts[value] <= most
    assert counts.drop(list(frequent.values)).max() <= frequent.missed


def test_examples_and_patterns_of_identifiers(random: np.random.Generator) -> None:
    texts = profile(mixed(random, 5_000))["tail"].texts
    assert texts is not None
    assert set(texts.sample.patterns) == {"A9"}
    assert len(texts.sample.patterns) == 256
    assert all(text.startswith("N") and len(text) == 6 for text in texts.sample.texts)


def test_the_same_data_from_every_library_has_the_same_profile(random: np.random.Generator) -> None:
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    frame = mixed(random, 5_000)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    as_objects = frame.astype({"word": object, "tail": object})
    everywhere = [frame, as_objects, table, pl.from_arrow(table), {name: table[name].to_pylist() for name in frame}]
    profiles = [without_names_of_types(profile(data)) for data in everywhere]
    for column in frame:
        assert len({column_bytes(each, str(column)) for each in profiles}) == 1, column


def without_names_of_types(known: Profile) -> Profile:
    from dataclasses import replace

    # pandas writes that a float is missing as NaN; arrow has both.
    columns = {name: replace(column, dtype="", nan=0) for name, column in known.columns.items()}
    return Profile(columns, known.rows)


def column_bytes(known: Profile, name: str) -> bytes:
    return Profile({name: known[name]}, known.rows).to_bytes()


# ---- merging ----------------------------------------------------------------------------------------------------


def test_the_order_of_parts_makes_no_difference(random: np.random.Generator) -> None:
    frame = mixed(random, 6_000)
    parts = [profile(part) for part in (frame.iloc[rows] for rows in np.array_split(np.arange(6_000), 4))]
    merged = {merge(order).to_bytes() for order in itertools.permutations(parts)}
    assert len(merged) == 1


def test_the_grouping_of_parts_changes_nothing_that_is_exact(random: np.random.Generator) -> None:
    frame = mixed(random, 6_000)
    one, two, three, four = (profile(frame.iloc[start : start + 1_500]) for start in range(0, 6_000, 1_500))
    whole, at_once = profile(frame), merge([one, two, three, four])
    for grouped in (at_once, (one + two) + (three + four), one + (two + (three + four))):
        for name in frame:
            mine, exact = grouped[str(name)], whole[str(name)]
            assert (mine.rows, mine.missing, mine.types) == (exact.rows, exact.missing, exact.types)
            assert mine.distinct == exact.distinct
            if exact.distribution:
                assert mine.distribution is not None
                assert (mine.distribution.least, mine.distribution.most) == (
                    exact.distribution.least,
                    exact.distribution.most,
                )
                assert mine.distribution.moments.mean == pytest.approx(exact.distribution.moments.mean)
                assert mine.distribution.moments.deviation == pytest.approx(exact.distribution.moments.deviation)
                assert mine.distribution.quantiles.count == exact.distribution.quantiles.count
            if exact.texts:
                assert mine.texts is not None
                assert mine.texts.sample == exact.texts.sample


@pytest.mark.parametrize("mean", [0.0, 1.0, 1e3, 1e6, 1e9])
def test_moments_agree_in_any_grouping_to_the_digits_that_docs_state(random: np.random.Generator, mean: float) -> None:
    for _ in range(30):
        waiting = [profile({"it": random.normal(mean, 1, size)}) for size in random.integers(1, 60, 12).tolist()]
        at_once = merge(waiting)
        while len(waiting) > 1:
            random.shuffle(waiting)
            waiting = [merge(waiting[:2]), *waiting[2:]]
        found, expected = (each["it"].numbers for each in (waiting[0], at_once))
        assert found is not None
        assert expected is not None
        one, other = found.moments, expected.moments
        assert one.count == other.count
        assert one.mean == pytest.approx(other.mean, rel=1e-15, abs=1e-15)
        digits = 1e-14 * max(1.0, mean)
        for measure in ("deviation", "skewness", "kurtosis"):
            assert getattr(one, measure) == pytest.approx(getattr(other, measure), rel=digits, abs=digits)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(
            st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=3)), max_size=20
        ),
        min_size=1,
        max_size=4,
    ),
    st.randoms(),
)
def test_parts_of_any_values_merge_in_any_order(parts: list[list[Any]], shuffled: Any) -> None:
    profiles = [profile({"it": part}) for part in parts]
    merged = merge(profiles)
    shuffled.shuffle(profiles)
    assert merge(profiles) == merged
    assert Profile.from_bytes(merged.to_bytes()) == merged
    assert merged["it"].rows == sum(map(len, parts))
    assert sum(merged["it"].types.values()) == merged["it"].present
    merged._repr_html_()


@pytest.mark.parametrize(
    "parts",
    [
        [[5, 6], [5.0, 6.5]],
        [[0.0, 1.0], [-0.0, 1.0]],
        [[2**53] * 3 + [2**53 + 1] * 4, [0.5]],
        [np.array([2**64 - 1, 2**63], np.uint64), [1, 2], [1.5], [2**70]],
        [[1.5e308, 1.6e308], [-1.5e308, -1.6e308], [1.0, 2.0]],
        [["id-163243"], ["id-57516"]],  # of one hash of 32 bits
        [[1, "a", None, 2.5], ["a", b"a", True], [{}, [], (1,)]],
    ],
)
def test_parts_of_several_types_merge_in_any_order_and_so_do_those_that_were_kept(parts: list[Any]) -> None:
    profiles = [profile({"it": part}) for part in parts]
    kept = [Profile.from_bytes(part.to_bytes()) for part in profiles]
    merged = [merge(order) for parts in (profiles, kept) for order in itertools.permutations(parts)]
    for each in merged:
        each.made = 1
    assert len({each.to_bytes() for each in merged}) == 1


def test_counts_of_large_integers_are_exact_beside_real_numbers() -> None:
    merged = merge([profile({"it": [2**53] * 3 + [2**53 + 1] * 4}), profile({"it": [0.5]})])
    assert merged["it"].frequent is not None
    assert merged["it"].frequent.sorted_by_count() == [(2**53 + 1, 4, 4), (2**53, 3, 3), (0.5, 1, 1)]


def test_long_texts_that_begin_alike_are_counted_apart() -> None:
    address = "https://example.org/" + "ä" * 90
    texts = [address + "/one"] * 6 + [address + "/two"] * 3 + ["short"]
    whole, halves = profile({"it": texts}), merge([profile({"it": texts[::2]}), profile({"it": texts[1::2]})])
    for known in (whole, halves):
        assert known["it"].frequent is not None
        assert [least for _, least, _ in known["it"].frequent.sorted_by_count()] == [6, 3, 1]
        assert max(map(len, known["it"].frequent.values)) < 120
    assert drift(whole, halves).column("it").distance == 0


def test_parts_may_lack_columns() -> None:
    merged = merge([profile({"a": [1], "b": [2]}), profile({"b": [3, 4], "c": ["x", "y"]})])
    assert {name: column.rows for name, column in merged.columns.items()} == {"a": 1, "b": 3, "c": 2}
    assert merged.rows == 3


def test_nothing_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="no profiles"):
        merge([])


def test_batches_are_merged_while_they_come(random: np.random.Generator, tmp_path: Path) -> None:
    frame = mixed(random, 9_000)
    whole = profile(frame)
    batched = profile(frame.iloc[start : start + 100] for start in range(0, 9_000, 100))
    assert batched.rows == 9_000
    assert batched["tail"].distinct == whole["tail"].distinct
    assert batched["word"].frequent == whole["word"].frequent
    assert batched["number"].numbers is not None
    assert batched["number"].numbers.quantiles.rank_error < 0.025
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "it.parquet")
    assert profile(tmp_path / "it.parquet")["tail"].distinct == whole["tail"].distinct
    lazy = pytest.importorskip("polars").scan_parquet(tmp_path / "it.parquet")
    assert profile(lazy)["tail"].distinct == whole["tail"].distinct


def test_more_rows_than_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from obs_profiles.columns import frames

    monkeypatch.setattr(frames, "BATCH_ROWS", 100)
    for data in ({"it": list(range(950))}, pd.DataFrame({"it": range(950)}), np.arange(950)):
        (column,) = profile(data).columns.values()
        assert column.rows == 950
        assert round(column.distinct.estimate) == pytest.approx(950, rel=0.05)


# ---- segments ---------------------------------------------------------------------------------------------------


def test_segments_are_the_profiles_of_their_rows(random: np.random.Generator) -> None:
    frame = mixed(random, 2_000)
    known = profile(frame, by="word")
    assert known.by == ("word",)
    assert list(known.segments) == frame["word"].value_counts().index.tolist()
    jfk = without_names_of_types(profile(frame[frame["word"] == "JFK"]))
    assert without_names_of_types(known.segments["JFK"]) == jfk
    assert sum(segment.rows for segment in known.segments.values()) == 2_000


def test_segments_of_several_columns_and_of_missing_values() -> None:
    frame = pd.DataFrame({"a": ["x", "y", None, "x"], "b": [1, 2, 1, 1], "c": range(4)})
    known = profile(frame, by=("a", "b"))
    assert {value: segment.rows for value, segment in known.segments.items()} == {
        "x / 1": 2,
        "(missing) / 1": 1,
        "y / 2": 1,
    }


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow", "mapping"])
def test_no_more_than_the_50_largest_segments_and_the_rest_together(library: str) -> None:
    data: Any = {"key": [f"k{place}" for place in range(80) for _ in range(1 + place % 7)]}
    data["value"] = list(range(len(data["key"])))
    rows = len(data["key"])
    if library == "polars":
        data = pytest.importorskip("polars").DataFrame(data)
    elif library == "arrow":
        data = pytest.importorskip("pyarrow").table(data)
    elif library == "pandas":
        data = pd.DataFrame(data)
    known = profile(data, by="key")
    assert len(known.segments) == 51
    assert min(s.rows for v, s in known.segments.items() if v != OTHERS) >= 3
    assert sum(segment.rows for segment in known.segments.values()) == rows
    assert len((known + known).segments) == 51
    assert Profile.from_bytes(known.to_bytes()) == known


def test_segments_of_any_values_of_any_frame() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no text")

        __repr__ = __str__

        def __ne__(self, other: object) -> bool:
            raise RuntimeError("no comparison")

    values = [Hostile(), "half \ud800", 10**5000, np.arange(3), "x" * 10**6, None]
    known = Profile.from_bytes(profile({"it": values, 1: values}, by="it").to_bytes())
    assert [part.rows for part in known.segments.values()] == [1] * 6
    assert max(map(len, known.segments)) < 200
    assert {"(missing)", "half \\ud800"} < set(known.segments)
    assert set(profile({1: ["a", "b"]}, by="1").segments) == {"a", "b"}


def test_values_that_read_like_the_names_of_summaries_are_segments_of_their_own() -> None:
    reserved = ["(missing)", "(all others)", '"(missing)"']
    known = profile({"key": [*reserved, "(missing)", None], "n": range(5)}, by="key")
    assert {value: segment.rows for value, segment in known.segments.items()} == {
        '"(missing)"': 2,
        '"(all others)"': 1,
        '""(missing)""': 1,
        "(missing)": 1,
    }
    many = profile({"key": ["(all others)"] * 2 + [str(number) for number in range(60)]}, by="key")
    assert (many.segments['"(all others)"'].rows, many.segments[OTHERS].rows) == (2, 11)
    assert merge([many, many]).segments['"(all others)"'].rows == 4


def test_segments_of_arrays_and_of_columns_alone() -> None:
    pairs = profile(np.array([[1, 5], [1, 6], [2, 7]]), by="0")
    assert {name: (part.rows, part["1"].numbers.most) for name, part in pairs.segments.items()} == {  # type: ignore[union-attr]
        "1": (2, 6),
        "2": (1, 7),
    }
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for alone in (pd.Series(["a", "b"]), pl.Series(["a", "b"]), pa.array(["a", "b"]), np.array(["a", "b"])):
        assert set(profile(alone, by="value").segments) == {"a", "b"}
        with pytest.raises(ValueError, match="there is no column 'other' to profile by; there are: value"):
            profile(alone, by="other")
    far = pa.table({"when": pa.array([2**62, 0], pa.timestamp("s"))})
    assert sum(part.rows for part in profile(far, by="when").segments.values()) == 2


def test_segments_by_no_column_are_refused() -> None:
    with pytest.raises(ValueError, match="no column 'b' to profile by; there are: a"):
        profile({"a": [1]}, by="b")


# ---- bytes ------------------------------------------------------------------------------------------------------


def test_profiles_tell_how_they_differ() -> None:
    before = profile(pd.DataFrame({"origin": ["EWR"] * 900 + ["JFK"] * 100, "delay": range(1_000)}))
    after = profile(pd.DataFrame({"origin": ["EWR"] * 100 + ["JFK"] * 900, "gate": range(1_000)}))
    told = {where: (was, now) for where, was, now in ProfileTransformer().differences(before, after)}
    assert told == {
        "column delay": ("integer", "removed"),
        "column gate": (None, "integer"),
        "column origin": ("EWR in 90.0 % of rows", "EWR in 10.0 % of rows"),
    }
    assert list(ProfileTransformer().differences(before, before)) == []


@pytest.mark.parametrize("share", [200, 20], ids=["in the segment alone", "farther in the segment"])
def test_profiles_tell_where_a_column_drifted_farthest(share: int) -> None:
    frame = pd.DataFrame({"origin": (["BOS"] + ["JFK"] * (share - 1)) * (20_000 // share), "state": "late"})
    moved = frame.assign(state=frame.state.where(frame.origin != "BOS", "early"))
    told = list(ProfileTransformer().differences(profile(frame, by="origin"), profile(moved, by="origin")))
    shares = ("early in 0 % of rows", "early in 100 % of rows")
    assert told == [("column state where origin is BOS", *shares)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([["a"]] * 200, [["b"]] * 200, ("a in 100 % of elements", "a in 0 % of elements")),
        ([["a"]] * 200, [["a", "a"]] * 200, ("1 element in 100 % of rows", "1 element in 0 % of rows")),
        ([1] * 200, [1] * 100 + [None] * 100, ("missing in 0 % of rows", "missing in 50.0 % of rows")),
        ([""] * 200, ["a"] * 200, ("(empty) in 100 % of rows", "(empty) in 0 % of rows")),
    ],
)
def test_a_difference_tells_of_what_a_share_is(before: list[Any], after: list[Any], told: tuple[str, ...]) -> None:
    differences = ProfileTransformer().differences(profile({"it": before}), profile({"it": after}))
    assert list(differences) == [("column it", *told)]


class TestProfileTransformer(TransformerContract):
    transformer = ProfileTransformer()
    values = (
        profile({}),
        profile({"a": []}),
        profile({"a": [1, 2.5, None, "x", True], "b": [[1], {"x": 1}, b"\xff", 2**80, float("inf")]}),
        profile({"a": np.random.default_rng(1).normal(size=5_000), "b": ["x", "y"] * 2_500}, by="b"),
    )


class TestImport(ImportContract):
    package = "obs_profiles"
    lazy = ("numpy", "pandas", "polars", "pyarrow", "msgspec.msgpack", "zlib.compress")


def test_a_profile_of_20_columns_and_of_many_rows_is_small(random: np.random.Generator) -> None:
    frame = pd.concat([mixed(random, 40_000).add_suffix(str(place)) for place in range(3)], axis=1).iloc[:, :20]
    assert len(profile(frame).to_bytes()) < 40_000


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    path = tmp_path / "golden.profile"
    profile({"n": [1, 2, 3]}).save(path)
    program = (
        "import resource, sys\n"
        "from obs_profiles import profile\n"
        "known = profile({'n': range(5_000)})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "known.save(sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program, path], capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["golden.profile"]
    assert Profile.load(path).rows == 3


def test_a_link_leads_to_what_is_saved(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(tmp_path / "golden.profile")
    profile({"n": [1, 2, 3]}).save(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert Profile.load(tmp_path / "golden.profile").rows == 3


def test_half_a_file_is_refused_by_name(tmp_path: Path) -> None:
    whole = profile({"n": range(1_000), "word": ["a", "b"] * 500}, by="word").to_bytes()
    path = tmp_path / "half.profile"
    for size in (0, 3, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ProfileFormatError, match=r"half\.profile: .*(not a profile|cut off)"):
            Profile.load(path)


def test_profiles_can_be_pickled_saved_and_loaded(tmp_path: Path) -> None:
    known = profile({"a": [1, 2, 3]})
    assert pickle.loads(pickle.dumps(known)) == known
    known.save(tmp_path / "golden.profile")
    assert Profile.load(tmp_path / "golden.profile") == known


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes are not a profile"),
        (b"hello", "not a profile: they begin with b'hell', a profile with b'OBSP'"),
        (b"OBSP\x09" + zlib.compress(b""), "version 9, and this obs-profiles reads version 3: upgrade"),
        (b"OBSP\x01" + zlib.compress(b""), "version 1, and this obs-profiles reads version 3: profile the data again"),
        (b"OBSP\x03", "cut off"),
        (b"OBSP\x03nonsense", "damaged"),
        (b"OBSP\x03" + zlib.compress(b"\xc1"), "damaged"),
        (b"OBSP\x03" + zlib.compress(msgspec.msgpack.encode({"rows": "many"})), "damaged"),
    ],
)
def test_what_is_no_profile_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ProfileFormatError, match=says):
        Profile.from_bytes(data)


def test_a_profile_cut_anywhere_is_refused() -> None:
    data = profile({"a": [1, 2, 3], "b": ["x", "y", "z"]}).to_bytes()
    for length in range(len(data)):
        with pytest.raises(ProfileFormatError):
            Profile.from_bytes(data[:length])


EVERY_KIND: dict[str, Any] = {
    "number": [k * 0.1 for k in range(600)],
    "word": ["EWR", "JFK", "LGA"] * 200,
    "id": [f"id{k}" for k in range(600)],
    "time": [datetime.datetime(2013, 1, 1) + datetime.timedelta(hours=k) for k in range(600)],
    "took": [datetime.timedelta(minutes=k) for k in range(600)],
    "list": [[0] * (k % 4) for k in range(600)],
    "flag": [True, False, None] * 200,
}


def crafted(record: Any) -> bytes:
    return b"OBSP\x03" + zlib.compress(msgspec.msgpack.encode(record), 1)


def places_in(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Go through the places in a record: all columns, and of lists of numbers and texts the first three."""
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value if value and isinstance(value[0], dict) else value[:3])
    for key, part in parts:
        yield (*above, key)
        yield from places_in(part, (*above, key))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_crafted_file_holds_it_is_refused_or_can_be_used(seed: int) -> None:
    rng = random_module.Random(seed)
    known = profile({name: values[:30] for name, values in EVERY_KIND.items()})
    content = zlib.decompress(merge([profile(EVERY_KIND, by="word"), known]).to_bytes()[5:])
    kinds: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}  # each is as likely, however many places it has
    for place in places_in(msgspec.msgpack.decode(content)):
        kinds.setdefault(tuple(key for key in place if isinstance(key, str)), []).append(place)
    numbers = [-1, 0, 2**50, 2**63, 1e308, -1e308, math.nan, -math.inf]
    hostile: list[Any] = [*numbers, "", b"", b"\xff" * 64, [], [-1], {}, None]
    refused = 0
    for _ in range(60):
        record = inside = msgspec.msgpack.decode(content)
        *way, last = rng.choice(rng.choice(list(kinds.values())))
        for key in way:
            inside = inside[key]
        inside[last] = rng.choice([value for value in hostile if type(value) is type(inside[last])] or hostile)
        try:
            found = Profile.from_bytes(crafted(record))
        except ProfileFormatError:
            refused += 1
            continue
        found.to_dict()
        found._repr_html_()
        assert Profile.from_bytes(found.to_bytes()) == found
        Profile.from_bytes(merge([found, known]).to_bytes())
        drift(found, known)._repr_html_()
    assert 0 < refused < 60


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ({"types": {"time": 1}}, "1 values of the type time, but no times"),
        ({"types": {"text": 1}}, "no texts"),
        ({"types": {"duration": 1}}, "no durations"),
        ({"missing": 2}, "1 rows, but more values"),
        ({"types": {"list": 2}}, "1 rows, but more values"),
        ({"types": {"boolean": 1}, "true": 2}, "more values"),
        ({"types": {"number": 1}, "negative_infinite": 1}, "0 infinite numbers, but more negative ones"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(column: dict[str, Any], says: str) -> None:
    with pytest.raises(ProfileFormatError, match=f"damaged: {says}|{says}"):
        Profile.from_bytes(crafted({"rows": 1, "columns": [{"name": "it", "rows": 1} | column]}))


def test_a_page_of_lengths_of_time_whose_deviation_is_infinite_is_drawn() -> None:
    known = profile({"took": EVERY_KIND["took"]})
    record = msgspec.msgpack.decode(zlib.decompress(known.to_bytes()[5:]))
    record["columns"][0]["durations"]["m2"] = math.inf
    assert "\N{INFINITY}" in Profile.from_bytes(crafted(record))._repr_html_()


INCONSISTENT = {
    "a sample of more texts": (["texts", "counts", 0], 1_000),
    "a text that is never there": (["texts", "counts", 0], 0),
    "a negative count of a sample": (["texts", "counts", 0], -1),
    "a text that is more frequent than there are rows": (["texts", "frequent", "counts", 0], 1_000),
    "a negative frequency": (["texts", "frequent", "counts", 0], -5),
    "a number that is more frequent than there are rows": (["numbers", "frequent", "counts", 0], 1_000),
    "a value that may be missed more often": (["texts", "frequent", "missed"], 1_000),
    "a value that may be more frequent": (["numbers", "frequent", "slack"], [1_000, 0]),
    "more empty texts": (["texts", "empty"], 1_000),
    "more zeros": (["numbers", "zeros"], 1_000),
    "more negatives": (["numbers", "negatives"], 1_000),
    "hours of other times": (["times", "hours", 3], 1_000),
    "days of other times": (["times", "weekdays", 0], 0),
    "fewer rows": (["rows"], 1),
}


@pytest.mark.parametrize(("place", "value"), INCONSISTENT.values(), ids=list(INCONSISTENT))
def test_a_file_whose_counts_contradict_each_other_is_refused_with_a_reason(place: list[Any], value: Any) -> None:
    frame = pd.DataFrame(
        {
            "texts": ["a", "b", "b", "b"],
            "numbers": [1, 2, 2, 2],
            "times": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-01", "2024-01-01"]),
        }
    )
    record = msgspec.msgpack.decode(zlib.decompress(profile(frame).to_bytes()[5:]))
    name = place[0] if place[0] in frame else "texts"
    inside = next(column for column in record["columns"] if column["name"] == name)
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(
        ProfileFormatError, match=r"this profile of \d+ bytes is damaged: .*(no more than|more values|times|>= 0)"
    ):
        Profile.from_bytes(b"OBSP\x03" + zlib.compress(msgspec.msgpack.encode(record)))


def test_a_damaged_file_of_parquet_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "flights.parquet"
    pd.DataFrame({"delay": range(50), "origin": ["EWR", None] * 25}).to_parquet(path)
    whole = path.read_bytes()
    for place in (4, 30, len(whole) - 20):
        path.write_bytes(whole[:place] + b"\xff" * 12 + whole[place + 12 :])
        with pytest.raises(ProfileFormatError, match=r"flights\.parquet: pyarrow cannot read it: "):
            profile(path)


def test_a_lazy_frame_of_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"delay": range(500), "origin": ["EWR", "JFK"] * 250})
    path = tmp_path / "flights"
    for write, scan in ((frame.write_parquet, pl.scan_parquet), (frame.write_ipc, pl.scan_ipc)):
        write(path)
        whole = path.read_bytes()
        for place in (whole.index(b"EWR") - 4, len(whole) - 20):
            path.write_bytes(whole[:place] + b"\xff" * 12 + whole[place + 12 :])
            with pytest.raises(ProfileFormatError, match="this LazyFrame: polars cannot read it: "):
                profile(scan(path))
    with pytest.raises(pl.exceptions.ColumnNotFoundError):  # nothing of that is damaged
        profile(frame.lazy().select("gate"))


def damaged(table: Any, value: bytes, other: bytes) -> Any:
    """Read a table from a stream of Arrow IPC in which some bytes are other ones."""
    pa = pytest.importorskip("pyarrow")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    whole = sink.getvalue().to_pybytes()
    assert whole.count(value) == 1
    return pa.ipc.open_stream(whole.replace(value, other)).read_all()


@pytest.mark.parametrize("values", [["EWR", "JFK", "LaGuardia"], [["EWR"], ["JFK", "LGA"], ["ORD"] * 6]])
def test_arrow_that_contradicts_itself_is_refused_by_name(values: list[Any]) -> None:
    wrong = pytest.importorskip("pyarrow").table({"origin": values})
    ends = np.cumsum([0, *map(len, values)]).astype(np.int32).tobytes()
    for place in (4, 8, 12):
        for end in (-7, 2**30):
            other = ends[:place] + np.int32(end).tobytes() + ends[place + 4 :]
            for data in (damaged(wrong, ends, other), damaged(wrong, ends, other).to_reader()):
                with pytest.raises(ProfileFormatError, match=r"a column of .* is damaged: "):
                    profile(data)


@pytest.mark.parametrize("held", ["arrow", "pandas"])
def test_no_damage_of_arrow_is_read(held: str) -> None:
    pa, pd = pytest.importorskip("pyarrow"), pytest.importorskip("pandas")
    for name, column in damaged_columns().items():
        data = column
        if held == "pandas":
            if len(column) > 10**7:
                continue  # pandas itself cannot hold so many
            data = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([column])))
        if name == "utf8":
            assert profile(data)["value"].rows == 6
        else:
            with pytest.raises(ProfileFormatError, match=r"a column of .* is damaged: "):
                profile(data)


def test_a_stream_of_arrow_that_breaks_off_is_refused_by_name() -> None:
    pa = pytest.importorskip("pyarrow")
    sink = pa.BufferOutputStream()
    table = pa.table({"delay": range(1_000)})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    half = sink.getvalue().to_pybytes()[:4_000]
    with pytest.raises(ProfileFormatError, match="this RecordBatchStreamReader: pyarrow cannot read it: "):
        profile(pa.ipc.open_stream(half))


def test_a_file_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = msgspec.msgpack.encode({"name": "", "rows": 0})
    header = msgspec.msgpack.encode({"rows": 0, "columns": []})[:-1]
    for columns, says in ((2**31, "length <= 65536"), (70_000, "length <= 65536")):
        content = header + b"\xdd" + columns.to_bytes(4, "big") + name * 70_000
        with pytest.raises(ProfileFormatError, match=says):
            Profile.from_bytes(b"OBSP\x03" + zlib.compress(content, 1))
    deep = b"\x83\xa4rows\0\xa7columns\x90\xa4made" + b"\x91" * 100_000
    with pytest.raises(ProfileFormatError, match="damaged"):
        Profile.from_bytes(b"OBSP\x03" + zlib.compress(deep))
    many = header + b"\xdd" + (40_000).to_bytes(4, "big") + name * 40_000
    with pytest.raises(ProfileFormatError, match=r"40,000 columns in all segments, of which so small a file"):
        Profile.from_bytes(b"OBSP\x03" + zlib.compress(many))
    lists: list[dict[str, Any]] = [
        {"numbers": {"least": 0, "most": 0, "count": 0, "mean": 0.0, "frequent": {"counts": [1] * 9_000}}},
        {"types": {str(number): 0 for number in range(100)}},
    ]
    for column in lists:
        content = msgspec.msgpack.encode({"rows": 1, "columns": [{"name": "", "rows": 1} | column]})
        with pytest.raises(ProfileFormatError, match="of length <="):
            Profile.from_bytes(b"OBSP\x03" + zlib.compress(content))
    monkeypatch.setattr("obs_profiles.files.bounds._MOST", 1 << 20)
    with pytest.raises(ProfileFormatError, match="cut off, or too large"):
        Profile.from_bytes(b"OBSP\x03" + zlib.compress(bytes(2**20 + 1)))


@pytest.mark.parametrize(
    "names", [["a" * 30_000_000], [f"{number}{'a' * 200_000}" for number in range(200)]], ids=["one", "many"]
)
def test_long_names_are_read_again(names: list[str]) -> None:
    known = profile({name: [1] for name in names})
    assert list(Profile.from_bytes(known.to_bytes())) == names


def test_many_columns_by_many_segments_are_read_again() -> None:
    empty = profile({"": [None]})[""]
    columns = {name: replace(empty, name=name) for name in (f"feature_{number}" for number in range(1_300))}
    known = Profile(
        columns, 50, segments={f"s{number}": Profile(columns, 1) for number in range(50)}, by=("feature_0",)
    )
    assert len(Profile.from_bytes(known.to_bytes()).segments) == 50


def test_what_no_file_takes_is_refused_when_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = profile({"": [None]})[""]
    wide = Profile({str(number): empty for number in range(65_537)}, 1)
    with pytest.raises(ProfileFormatError, match="has 65,537 columns, and a file holds at most 65,536"):
        wide.save(tmp_path / "wide.profile")
    assert not list(tmp_path.iterdir())
    narrow = Profile({str(number): empty for number in range(11_000)}, 1)
    with pytest.raises(ProfileFormatError, match="has 561,000 columns with those of its segments"):
        Profile(narrow.columns, 1, segments={str(number): narrow for number in range(50)}, by=("0",)).to_bytes()
    with pytest.raises(ProfileFormatError, match="has 65 columns that it is by"):
        Profile({}, 1, by=tuple(map(str, range(65)))).to_bytes()
    monkeypatch.setattr("obs_profiles.files.bounds._MOST", 100)
    with pytest.raises(ProfileFormatError, match=r"this profile has [\d,]+ bytes, and a file holds at most 100"):
        profile({"a": range(100)}).to_bytes()


def test_a_file_of_this_version_is_read_for_ever() -> None:
    known = Profile.load(Path(__file__).parent / "version_2.profile")
    assert (known.rows, known.by, known.made) == (600, ("word",), 1)
    expected = profile(EVERY_KIND, by="word")
    assert list(known.segments) == list(expected.segments)
    parts = zip([known, *known.segments.values()], [expected, *expected.segments.values()], strict=True)
    for one, other in parts:
        assert list(one) == list(other)
        for name, facts in other.to_dict().items():
            read = one.to_dict()[name]
            # Which number between two neighbours stands for both, is no part of the format.
            quartiles = {quartile: facts.pop(quartile) for quartile in ("25%", "50%", "75%") if quartile in facts}
            assert {quartile: read.pop(quartile) for quartile in quartiles} == pytest.approx(quartiles, rel=1e-2)
            assert read == pytest.approx(facts)
    assert not drift(known, EVERY_KIND).drifted


def test_a_field_of_a_newer_version_is_skipped() -> None:
    known = profile({"a": [1, 2, 3]})
    record = msgspec.msgpack.decode(zlib.decompress(known.to_bytes()[5:]))
    record["invented"] = record["columns"][0]["invented"] = {"x": 1}
    assert Profile.from_bytes(b"OBSP\x03" + zlib.compress(msgspec.msgpack.encode(record))) == known


def test_texts_that_are_kept_alike_are_counted_by_their_hashes() -> None:
    pa = pytest.importorskip("pyarrow")
    ends = pa.py_buffer(np.array([0, 1, 5], np.int32).tobytes())
    undecodable = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"\xff\\xff")])
    for values in (["\ud800", "\\ud800"], undecodable):
        column = profile({"c": values})["c"]
        assert (column.distinct_count, column.all_different) == ((2, 2, 2), True)
    half = profile({"c": ["\ud800"] * 40 + ["sixsix"]})
    (verdict,) = check(half, expect("c").among("\\ud800", "sixsix"))
    assert (verdict.passed, verdict.certain) == (False, True)


def test_types_of_many_parts_are_cut_whatever_their_order() -> None:
    column = profile({"a": [1]})["a"]
    parts = [Profile({"a": replace(column, dtype=f"Enum(categories=['zz{number}'])")}, 1) for number in range(50)]
    whole = merge(parts)["a"].dtype
    assert len(whole) <= 104
    assert whole.startswith("Enum(categories=['zz0'])")
    assert whole.endswith(" | …")
    for grouped in ([merge(parts[:7]), merge(parts[7:])], [merge(parts[30:]), *parts[:30]]):
        assert merge(grouped)["a"].dtype == whole


def test_the_outermost_quantiles_are_the_extremes() -> None:
    values = np.random.default_rng(0).normal(size=20_001)
    for known in (profile({"a": values}), merge([profile({"a": values[:9]}), profile({"a": values[9:]})])):
        numbers = Profile.from_bytes(known.to_bytes())["a"].numbers
        assert numbers is not None
        assert numbers.quantiles.quantiles([0, 1]).tolist() == [values.min(), values.max()]


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "kept.profile"
    profile({"a": [1]}).save(path)
    path.chmod(0o600)
    profile({"a": [2]}).save(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_segments_are_lost_where_a_part_has_none() -> None:
    parts = [profile({"a": [1, 2, 2]}, by="a"), profile({"a": [1, 5]}), profile({"a": []})]
    for whole in map(merge, itertools.permutations(parts)):
        assert {value: part.rows for value, part in whole.segments.items()} == {"2": 2, "1": 1, OTHERS: 2}
        assert (whole.by, whole.segment_slack) == (("a",), 2)
    with pytest.raises(ValueError, match="these are by: a; b"):
        merge([profile({"a": [1], "b": [2]}, by=name) for name in "ab"])


def test_intervals_of_arrow_are_no_lists() -> None:
    pa = pytest.importorskip("pyarrow")
    values = pa.array([(1, 15, -30), None, (1, 15, -30)], pa.month_day_nano_interval())
    column = profile(pa.table({"a": values}))["a"]
    assert (column.kind, column.missing, column.distinct_count.estimate) == ("object", 1, 1)


def test_names_that_are_written_alike_are_two_columns() -> None:
    known = profile({"\ud800": [1], "\\ud800": ["x"]})
    assert {name: column.kind for name, column in known.columns.items()} == {"\\ud800": "integer", "\\ud800.1": "text"}
    assert Profile.from_bytes(known.to_bytes()) == known


def test_renamed_columns_have_their_name_in_segments_too_and_none_is_lost() -> None:
    known = profile({"a": [1, 2], "b": ["x", "y"]}, by="b")
    renamed = known.renamed({"a": "b", "b": "a"})
    assert (renamed.by, {name: column.kind for name, column in renamed.columns.items()}) == (
        ("a",),
        {"b": "integer", "a": "text"},
    )
    assert [list(part) for part in renamed.segments.values()] == [["b", "a"]] * 2
    with pytest.raises(ValueError, match="two columns would be called 'b'"):
        known.renamed({"a": "b"})


def test_sets_look_the_same_in_every_process() -> None:
    source = (
        "import dataclasses, obs_profiles as o\n"
        "@dataclasses.dataclass\n"
        "class Role:\n"
        "    may: set\n"
        "tags = {'alpha', 'beta', 'gamma', frozenset({'delta', 'epsilon', ('zeta', frozenset('xyz'))})}\n"
        "rows = [tags, {'tags': tags}, [tags], (1, {'a': [tags]}), Role(tags), {str(n) for n in range(5_000)}]\n"
        "p = o.profile({'c': rows}, by='c')\n"
        "print(sorted(p['c'].frequent.values), sorted(p.segments))"
    )
    looks = set()
    for seed in "123":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", source]
        looks.add(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    assert len(looks) == 1
    inner = "frozenset({'delta', 'epsilon', ('zeta', frozenset({'x', 'y', 'z'}))})"
    assert f"{{'alpha', 'beta', 'gamma', {inner}}}" in looks.pop()


def test_equal_data_makes_equal_bytes_in_every_process() -> None:
    source = (
        "import hashlib, obs_profiles as o\n"
        "p = o.profile({'a': ['x', 'y', 'zz'] * 500, 'b': [k * 0.1 for k in range(1500)], 'c': [{1, 2}] * 1500})\n"
        "print(hashlib.sha256(o.Profile(p.columns, p.rows).to_bytes()).hexdigest())"
    )
    runs = {subprocess.run([sys.executable, "-c", source], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1


def test_a_profile_is_asked_for_columns_by_name() -> None:
    known = profile({"a": [1, 2], "b": ["x", None]})
    assert "a" in known
    assert list(known) == ["a", "b"]
    assert repr(known) == "<Profile of 2 rows, 2 columns>"
    assert repr(profile({"a": [1]})) == "<Profile of 1 row, 1 column>"
    with pytest.raises(KeyError, match="there is no column 'c'; there are: a, b"):
        known["c"]
    table = pd.DataFrame(known.to_dict()).T
    assert table.loc["a", "mean"] == 1.5
    assert table.loc["b", "missing"] == 1


def test_pairs_that_read_alike_are_segments_of_their_own() -> None:
    pairs = {"one": ["x / y", "x", '"a', 'a" / "b', "plain"], "other": ["z", "y / z", "b", "c", "plain"]}
    known = profile(pairs, by=["one", "other"])
    assert sorted(known.segments) == sorted(
        ['"x / y" / z', 'x / "y / z"', '"""a" / b', '"a"" / ""b" / c', "plain / plain"]
    )


def test_integers_that_are_floats_beside_missing_ones_have_the_same_segments() -> None:
    whole, gaps = pd.DataFrame({"key": [1, 2] * 5}), pd.DataFrame({"key": [1, 2] * 5 + [None]})
    assert set(profile(gaps, by="key").segments) == {*profile(whole, by="key").segments, "(missing)"}
    assert set(profile({"key": [1.5, 2.0, float("inf")]}, by="key").segments) == {"1.5", "2", "inf"}


def test_rows_without_a_value_are_beside_the_50_largest() -> None:
    keys = [f"k{number:02}" for number in range(60) for _ in range(number + 2)]
    for known in (profile({"key": [*keys, None]}, by="key"), merge([profile({"key": [*keys, None]}, by="key")] * 2)):
        names = {*known.segments} - {OTHERS, "(missing)"}
        assert names == {f"k{number:02}" for number in range(10, 60)}
        assert known.segments["(missing)"].rows in (1, 2)


def within_slack(known: Profile, counts: Mapping[str, int]) -> None:
    named = {value: part.rows for value, part in known.segments.items() if value not in (OTHERS, "(missing)")}
    for value, rows in named.items():
        assert rows <= counts[value] <= rows + known.segment_slack
    least = min(named.values())
    assert all(count <= least + known.segment_slack for value, count in counts.items() if value not in named)
    assert sum(part.rows for part in known.segments.values()) == sum(counts.values())


def test_what_a_segment_may_lack_after_a_merge_is_stated() -> None:
    one = ["hot"] * 100 + [f"a{number}" for number in range(40)]
    other = ["hot"] * 2 + [f"b{number}" for number in range(60) for _ in range(5)]
    parts = [profile({"key": keys}, by="key") for keys in (one, other)]
    assert [part.segment_slack for part in parts] == [0, 0]
    whole = merge(parts)
    assert (whole.segments["hot"].rows, whole.segment_slack) == (100, 5)
    within_slack(whole, Counter(one + other))
    assert merge(parts[::-1]) == whole
    assert Profile.from_bytes(whole.to_bytes()).segment_slack == 5
    assert merge([parts[0], parts[0]]).segment_slack == 0


@pytest.mark.parametrize("seed", range(20))
def test_what_a_segment_may_lack_is_a_bound_however_parts_are_merged(seed: int) -> None:
    random = np.random.default_rng(seed)
    keys = [(random.zipf(1.3, 400) % 150 + shift).astype(str).tolist() for shift in random.integers(0, 60, 6)]
    parts = [profile({"key": part}, by="key") for part in keys]
    counts = Counter(key for part in keys for key in part)
    left, right = merge(parts[:2]), merge(parts[2:])
    for whole in (merge(parts), left + right, functools.reduce(Profile.__add__, parts)):
        within_slack(whole, counts)


def test_segments_of_many_batches_are_bounded_and_say_what_they_lack() -> None:
    batches = [["hot"] * 3 + [f"{batch}-{number % 300}" for number in range(900)] for batch in range(20)]
    known = profile(({"key": keys} for keys in batches), by="key")
    assert len(known.segments) == 51
    within_slack(known, Counter(key for keys in batches for key in keys))


def twins() -> tuple[int, int]:
    """Return two integers of which a distinct count keeps the same hash."""
    coupons = coupons_of_numbers(np.arange(100_000))
    order = np.argsort(coupons, kind="stable")
    (place, *_) = np.flatnonzero(np.diff(coupons[order].astype(np.int64)) == 0)
    return int(order[place]), int(order[place + 1])


def test_a_distinct_count_is_exact_only_where_no_hash_decides() -> None:
    one, other = twins()
    numbers = profile({"it": [one, other]})["it"]
    assert round(numbers.distinct.estimate) == 1
    assert (numbers.distinct_count, numbers.all_different) == ((2, 2, 2), True)
    many = profile({"it": [one, other, *range(200_000, 200_300)]})["it"]  # no table has so many
    assert (many.distinct_count, many.all_different) == ((302, 302, 302), True)
    times = profile({"it": np.array([one, other], "M8[ns]")})["it"]
    assert (times.distinct_count, times.all_different) == ((1, 1, 2), None)
    for values, exact in (
        ([1.0, math.inf, -math.inf, 5], 4),
        ([True, False, True], 2),
        (["a", "b", "a" * 200, "a" * 201], 4),
        ([], 0),
    ):
        assert profile({"it": values})["it"].distinct_count == (exact, exact, exact)


def test_what_looks_alike_may_differ() -> None:
    values: list[Any]
    for values in (["a", b"a"], [[1] * 500 + [2], [1] * 500 + [3]], [10**30_000, 10**30_001]):
        known = profile({"it": values})["it"]
        assert (known.distinct_count, known.all_different) == ((1, 1, 2), None)
    for values in ([10**400, 10**401], [10**400, 10**400 + 1], [10**400, math.inf]):
        known = profile({"it": values})["it"]
        assert (known.distinct_count, known.all_different, known.infinite) == ((2, 2, 2), True, 2)
    for values in ([10**400, 10**400], [10**400, decimal.Decimal("1e400")]):
        known = profile({"it": values})["it"]
        assert (known.distinct_count, known.all_different) == ((1, 1, 2), None)


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow", "numpy", "list"])
def test_segments_of_columns_in_a_mapping_are_by_place_not_by_label(library: str) -> None:
    import polars as pl
    import pyarrow as pa

    make: dict[str, Any] = {
        "pandas": lambda values: pd.Series(values, index=[3, 2, 1, 0]),  # its labels are other places
        "polars": pl.Series,
        "arrow": pa.array,
        "numpy": np.array,
        "list": list,
    }
    made = make[library]
    found = profile({"number": made([1, 2, 2, 3]), "word": made(["x", "y", "y", "z"])}, by="word")
    least = {value: part["number"].distribution for value, part in found.segments.items()}
    assert {value: known and known.least for value, known in least.items()} == {"x": 1, "y": 2, "z": 3}
    assert found.segments["y"].rows == 2


def test_segments_of_columns_whose_labels_are_texts() -> None:
    found = profile({"it": pd.Series([1, 2, 2], index=list("abc"))}, by="it")
    assert {value: part.rows for value, part in found.segments.items()} == {"2": 2, "1": 1}


def test_a_mapping_in_batches_is_cut_by_place_and_its_columns_are_of_one_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("obs_profiles.columns.frames.BATCH_ROWS", 100)
    labels = np.arange(250) * 7.0  # slices of an index of floats go by label
    known = profile({"it": pd.Series(np.arange(250), index=labels)})["it"]
    assert (known.rows, known.distinct_count.estimate) == (250, 250)
    # Of as many whole batches nothing was missed in the first ones, and the rest of the second column was.
    with pytest.raises(ValueError, match="must have the same length; these differ: one: 200, other: 300"):
        profile({"one": np.arange(200), "other": np.arange(300)})


def test_only_profiles_are_merged() -> None:
    one: Any = profile({"it": [1]})
    with pytest.raises(TypeError, match="several parts"):
        merge(one)
    with pytest.raises(TypeError, match=r"merge takes profiles, .* not str"):
        merge(["it"])
    with pytest.raises(TypeError, match="not int"):
        merge([one, 5])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="not NoneType"):
        merge([None])  # type: ignore[list-item]


def test_what_is_all_different_has_as_many_distinct_values(random: np.random.Generator) -> None:
    for values in (random.normal(size=20_000), np.arange(20_000), [f"id{number}" for number in range(20_000)]):
        known = profile({"it": values})["it"]
        assert known.all_different is True
        assert known.distinct_count == (20_000, 20_000, 20_000)


@pytest.mark.parametrize(
    ("library", "name", "way"),
    [
        ("dask.dataframe.dask_expr", "DataFrame", "obs_dask.profile(frame)"),
        ("pyspark.sql", "DataFrame", "frame.toPandas()"),
        ("ibis.expr", "Table", "expression.to_pyarrow()"),
        ("_duckdb", "DuckDBPyRelation", "relation.to_arrow_table()"),
        ("modin.pandas", "Series", "frame.modin.to_pandas()"),
        ("xarray.core", "Dataset", "data.to_dataframe().reset_index()"),
    ],
)
def test_data_of_another_library_is_refused_with_the_way_that_it_takes(library: str, name: str, way: str) -> None:
    def compute(_: object) -> Iterator[int]:
        raise AssertionError("its values were asked for, which may compute them")

    data = type(name, (), {"__module__": library, "__iter__": compute})()
    for source in (data, {"it": data}):
        with pytest.raises(TypeError, match=f"not {name}; .*{re.escape(way)}"):
            profile(source)
    with pytest.raises(TypeError, match=f"not list of {name}; .*{re.escape(way)}"):
        profile([data])


@pytest.mark.parametrize(("library", "name"), [("_duckdb", "DuckDBPyRelation"), ("ibis.expr", "Table")])
def test_what_offers_a_stream_of_arrow_is_computed(library: str, name: str) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"it": [1, 2]})
    streams = {"__module__": library, "__arrow_c_stream__": lambda _, schema=None: table.__arrow_c_stream__(schema)}
    assert profile(type(name, (), streams)())["it"] == profile(table)["it"]


any_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.datetimes(),
    st.dates(),
    st.timedeltas(),
    st.times(),
    st.decimals(),
    st.fractions(),
    st.complex_numbers(),
    st.lists(st.floats(), max_size=2),
    st.dictionaries(st.text(max_size=1), st.floats(), max_size=2),
)


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.lists(any_values, max_size=5), st.lists(st.floats(), max_size=5), st.lists(st.timedeltas())))
def test_the_numbers_of_any_column_are_json(values: list[Any]) -> None:
    known = profile({"it": values})
    for one in (known, merge([known, known]), Profile.from_bytes(known.to_bytes())):
        assert json.loads(json.dumps(one.to_dict(), allow_nan=False)).keys() == {"it"}


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [1],
        [1e300, -1e300],
        [math.inf],
        [],
        [None],
        np.array([1], np.int8),
        np.array([2**63], np.uint64),
        [10**400, 1],
        np.array([1.5], np.float16),
        np.array(["2024-01-01"], "M8[D]"),
        np.array([5], "m8[ns]"),
        pd.Categorical([1, 2]),
        pd.array([1, None], "Int64"),
        [[1]],
    ],
)
def test_what_is_no_number_in_json_is_none(values: Any) -> None:
    text = json.dumps(profile({"it": values}).to_dict(), allow_nan=False)
    assert len(values) != 1 or '"std"' not in text or '"std": null' in text


@pytest.mark.parametrize("data", [[1, 2], pd.Index([1, 2]), pd.Categorical(["a"]), ["a"], [[1], [2]]])
def test_what_is_no_frame_is_refused_by_its_own_name(data: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(data).__name__} of (int|str|list)"):
        profile(data)


def test_an_address_in_memory_is_no_part_of_a_value() -> None:
    class Plain:
        pass

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("mine")

    values = [[Plain()], Broken(), print, len, Plain(), lambda: None]
    known = profile({"it": pd.Series(values, dtype=object)}, by="it")
    texts = known["it"].texts
    assert texts is not None
    shown = [*texts.frequent.values, *known.segments]
    assert not [text for text in shown if "0x" in text]


def test_what_is_behind_a_profile_is_refused() -> None:
    with pytest.raises(ProfileFormatError, match="3 bytes follow the end of this profile"):
        Profile.from_bytes(profile({"it": [1]}).to_bytes() + b"and")


def test_a_matrix_has_numbers() -> None:
    with pytest.warns(PendingDeprecationWarning):
        known = profile(np.matrix([[1, 2], [3, 4]]))
    assert [known[name].kind for name in known] == ["integer", "integer"]


def test_files_of_profiles_are_taken_wherever_profiles_and_data_are(tmp_path: Path) -> None:
    known, golden, parquet = profile({"it": range(300)}), tmp_path / "golden.profile", tmp_path / "it.parquet"
    known.save(golden)
    pd.DataFrame({"it": range(300)}).to_parquet(parquet)
    for file in (golden, str(golden)):
        assert profile(file) == profile(known) == known
        assert merge([file, known]).rows == 600
        assert check(file, [expect.rows(at_least=300)]).passed
        for data in (known, {"it": range(300)}, file, parquet):
            assert drift(file, data).passed
            assert drift(data, file).passed


def test_a_file_that_is_no_profile_and_no_data_is_refused_by_name(tmp_path: Path) -> None:
    other, parquet = tmp_path / "other.profile", tmp_path / "it.parquet"
    other.write_text("a,b")
    pd.DataFrame({"it": [1]}).to_parquet(parquet)
    for take in (profile, lambda file: drift(file, {"it": [1]}), lambda file: merge([file])):
        with pytest.raises(
            ProfileFormatError, match=r"other\.profile: it is neither a profile nor a Parquet file: .*a,b"
        ):
            take(other)
    with pytest.raises(TypeError, match=r"merge takes profiles, .* not (Posix|Windows)Path"):
        merge([parquet])
    with pytest.raises(TypeError, match="several parts"):
        merge(str(other))


def test_a_profile_has_the_segments_that_it_has() -> None:
    known = profile({"it": [1, 2]}, by="it")
    assert profile(known, by="it") == known
    with pytest.raises(ValueError, match="no segments by other, and no rows"):
        profile(known, by="other")


@pytest.mark.parametrize("by", [5, ["it", 5], b"it"])
def test_by_takes_names(by: Any) -> None:
    with pytest.raises(TypeError, match=r"by takes the name of a column, or several, .* not (5|b'it')"):
        profile({"it": [1]}, by=by)


def test_a_column_of_texts_and_bytes_is_one_of_texts_whichever_are_more() -> None:
    parts = [profile({"it": ["a"] * texts + [b"a"] * (100 - texts)}) for texts in (49, 50, 51)]
    assert [part["it"].kind for part in parts] == ["text"] * 3
    found = [drift(before, after).column("it") for before in parts for after in parts]
    assert {(each.change, each.drifted) for each in found} == {("", False)}
    raw = profile({"it": [b"a"] * 100})
    assert raw["it"].kind == "bytes"
    assert drift(raw, profile({"it": [b"a"] * 99 + ["a"]})).passed
    assert drift(raw, parts[0]).column("it").facets[0].name == "types"
