"""Files that contradict themselves: what one part says of the rows cannot be true beside another one."""

from __future__ import annotations

import datetime
import math
import zlib
from typing import Any

import msgspec
import numpy as np
import pytest

from obs_profiles import Profile, ProfileFormatError, profile
from obs_profiles.files.arrays import packed_floats, packed_integers, unpacked_floats, unpacked_integers


def crafted(record: Any) -> bytes:
    return b"OBSP\x03" + zlib.compress(msgspec.msgpack.encode(record), 1)


def columns_of_each_kind() -> dict[str, Any]:
    random = np.random.default_rng(3)
    return {
        "number": random.normal(size=2_000).tolist(),
        "price": [None, *[round(price, 2) for price in random.gamma(2, 9, 1_999)]],
        "text": [f"id{number}" for number in random.permutation(2_000)],
        "word": ["EWR", "JFK", "LGA", "BOS"] * 500,
        "time": [datetime.datetime(2013, 1, 1) + datetime.timedelta(hours=k) for k in range(2_000)],
        "took": [datetime.timedelta(minutes=k % 700) for k in range(2_000)],
        "list": [[0] * (k % 4) for k in range(2_000)],
        "mapping": [{"a": k} for k in range(2_000)],
        "flag": [True, False, None, True] * 500,
    }


def floats(*numbers: float) -> bytes:
    return packed_floats(np.array(numbers))


def integers(*numbers: int) -> bytes:
    return packed_integers(np.array(numbers, np.int64))


CONTRADICTING: dict[str, tuple[str, list[Any], Any]] = {
    "more rows of a column than of all": ("number", ["rows"], 2_001),
    "more missing values than rows are left": ("price", ["missing"], 2),
    "more of a type than rows are left": ("word", ["types", "integer"], 1),
    "more NaN than missing values": ("price", ["nan"], 2),
    "infinite numbers beside as many finite ones": ("number", ["infinite"], 1),
    "the least above the most": ("number", ["numbers", "least"], 99.0),
    "a mean below the least": ("price", ["numbers", "mean"], -1.0),
    "a mean above the most": ("took", ["durations", "mean"], 1e9),
    "no mean": ("number", ["numbers", "mean"], math.nan),
    "no deviation": ("number", ["numbers", "m2"], math.nan),
    "squares that are negative": ("number", ["numbers", "m2"], -1.0),
    "fourth powers that are negative": ("list", ["sizes", "m4"], -1.0),
    "values that are farther from the mean than any": ("list", ["sizes", "m2"], 1e9),
    "negative numbers of none below 0": ("price", ["numbers", "negatives"], 3),
    "no negative numbers of some below 0": ("number", ["numbers", "negatives"], 0),
    "zeros of numbers above 0": ("took", ["durations", "least"], 5.0),
    "items that do not ascend": ("number", ["numbers", "items"], lambda items: items[::-1]),
    "items beyond the most": ("number", ["numbers", "most"], 1.0),
    "items of lists below the least": ("list", ["sizes", "least"], 1),
    "items of lengths beyond the most": ("text", ["texts", "lengths", "most"], 3),
    "frequent numbers that do not ascend": ("list", ["sizes", "frequent", "integers"], integers(1, 0, 2, 3)),
    "a frequent number twice": ("list", ["sizes", "frequent", "integers"], integers(0, 1, 1, 3)),
    "a frequent number beyond the most": ("list", ["sizes", "frequent", "integers"], integers(0, 1, 2, 300)),
    "a frequent number that is never there": ("list", ["sizes", "frequent", "counts"], [0, 500, 500, 500]),
    "frequent texts that do not ascend": ("word", ["texts", "frequent", "texts"], ["EWR", "BOS", "JFK", "LGA"]),
    "a frequent text twice": ("word", ["texts", "frequent", "texts"], ["BOS", "BOS", "JFK", "LGA"]),
    "texts of a column that has none": ("flag", ["texts"], "text"),
    "texts of a column of numbers": ("number", ["texts"], "word"),
    "times of a column of texts": ("word", ["times"], "time"),
    "lists of a column of texts": ("word", ["sizes"], "list"),
    "numbers of a column of times": ("time", ["numbers"], "number"),
    "lengths of time of a column of numbers": ("number", ["durations"], "took"),
    "more examples than texts": (
        "flag",
        ["texts"],
        {"lengths": {"least": 0, "most": 0, "count": 0, "mean": 0.0}, "texts": ["a"]},
    ),
    "hashes that do not ascend": ("text", ["texts", "hashes"], lambda hashes: hashes[::-1]),
    "hashes of other widths": ("word", ["texts", "hashes"], integers(1, 2, 3, 1 << 40)),
    "more distinct values than there are": (
        "flag",
        ["distinct", "coupons"],
        integers(*range(1 << 26, (1 << 26) + 1_501)),
    ),
    "coupons of other widths": ("flag", ["distinct", "coupons"], integers(-1, 5)),
    "coupons of registers that need none": ("number", ["distinct", "coupons"], integers(1 << 26)),
    "coupons and registers": ("flag", ["distinct", "registers"], bytes(4_096)),
    "registers beyond the largest": ("number", ["distinct", "base"], 63),
    "elements of a column of texts": ("word", ["elements"], {"name": "elements", "rows": 3}),
    "elements of elements": ("list", ["elements", "elements"], {"name": "elements", "rows": 3}),
    "more missing elements than there are": ("list", ["elements", "missing"], 3_001),
    "two columns of one name": ("number", ["name"], "word"),
}


@pytest.mark.parametrize(("name", "place", "value"), CONTRADICTING.values(), ids=list(CONTRADICTING))
def test_a_file_whose_parts_cannot_all_be_true_is_refused_with_a_reason(
    name: str, place: list[Any], value: Any
) -> None:
    record = msgspec.msgpack.decode(zlib.decompress(profile(columns_of_each_kind()).to_bytes()[5:]))
    columns = {column["name"]: column for column in record["columns"]}
    assert Profile.from_bytes(crafted(record)).rows == 2_000
    *way, last = place
    inside = columns[name]
    for key in way:
        inside = inside[key]
    if callable(value):
        packed = np.frombuffer(inside[last], np.uint8)
        unpack, pack = (unpacked_floats, packed_floats) if last == "items" else (unpacked_integers, packed_integers)
        inside[last] = pack(value(unpack(packed.tobytes())))
    else:
        described = last in ("texts", "times", "sizes", "numbers", "durations") and isinstance(value, str)
        inside[last] = columns[value][last] if described else value
    with pytest.raises(ProfileFormatError, match=r"this profile of [\d,]+ bytes is damaged: \S+ \S+"):
        Profile.from_bytes(crafted(record))


@pytest.mark.parametrize(
    ("place", "value"),
    [(["segments", "EWR", "rows"], 1_501), (["by"], []), (["segment_slack"], 2_001)],
)
def test_segments_that_are_no_parts_of_the_rows_are_refused(place: list[Any], value: Any) -> None:
    record = msgspec.msgpack.decode(zlib.decompress(profile(columns_of_each_kind(), by="word").to_bytes()[5:]))
    inside = record
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(ProfileFormatError, match=r"rows of a|rows of segments|no column that they are by"):
        Profile.from_bytes(crafted(record))
