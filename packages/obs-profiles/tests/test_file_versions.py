"""Files of each version that is read, and the arrays in them."""

from __future__ import annotations

import datetime
import zlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_profiles import Profile, merge, profile
from obs_profiles.files.arrays import (
    Nibbles,
    in_units,
    packed_floats,
    packed_integers,
    packed_registers,
    unpacked_integers,
    unpacked_registers,
)


def mixed(random: np.random.Generator, rows: int) -> dict[str, Any]:
    start = datetime.datetime(2013, 1, 1)
    return {
        "price": np.round(random.gamma(2, 20, rows), 2),
        "rate": np.round(random.random(rows), 4),
        "normal": random.normal(size=rows),
        "key": np.arange(rows) * 1_000,
        "time": [start + datetime.timedelta(seconds=int(second)) for second in random.integers(0, 10**7, rows)],
        "word": [f"w{code}" for code in random.integers(0, 900, rows)],
        "few": random.integers(0, 9, rows) / 4,
    }


def as_version_2(known: Profile) -> bytes:
    """Write a file as version 2 has it: registers a byte each, all items and frequent numbers as floats."""
    record = msgspec.msgpack.decode(zlib.decompress(known.to_bytes()[5:]))
    for column in record["columns"]:
        of = known[column["name"]]
        if "nibbles" in column["distinct"]:
            registers = of.distinct.registers
            assert registers is not None
            column["distinct"] = {"registers": registers.tobytes()}
        for name, numbers in (("numbers", of.numbers), ("times", of.times.numbers if of.times else None)):
            if numbers is None:
                continue
            kept = column[name]["numbers"] if name == "times" else column[name]
            kept["items"] = packed_floats(np.concatenate(numbers.quantiles.levels))
            kept.pop("divisor", None)
            kept.pop("factor", None)
            if "decimals" in kept.get("frequent", {}):
                del kept["frequent"]["decimals"]
                kept["frequent"]["floats"] = packed_floats(np.asarray(numbers.frequent.values, np.float64))
        if of.texts is not None:
            lengths = column["texts"]["lengths"]
            lengths["items"] = packed_floats(np.concatenate(of.texts.lengths.quantiles.levels))
            lengths.pop("divisor", None)
            lengths.pop("factor", None)
    return b"OBSP\x02" + zlib.compress(msgspec.msgpack.encode(record), 6)


@pytest.mark.parametrize("parts", [1, 5])
def test_a_file_of_version_2_says_the_same_and_is_larger(parts: int, random: np.random.Generator) -> None:
    known = merge([profile(mixed(random, 9_000)) for _ in range(parts)])
    older, newer = as_version_2(known), known.to_bytes()
    assert Profile.from_bytes(older) == Profile.from_bytes(newer) == known
    for name in known:
        found = Profile.from_bytes(newer)[name]
        assert found.distinct == known[name].distinct
        assert (found.numbers, found.texts) == (known[name].numbers, known[name].texts)
    assert len(newer) < 0.8 * len(older)


REGISTERS = st.lists(st.integers(0, 63), min_size=16, max_size=16).map(lambda found: np.array(found, np.uint8))


@given(REGISTERS)
@settings(deadline=None)
def test_registers_of_four_bits_hold_all_of_them(registers: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    assert np.array_equal(unpacked_registers(packed_registers(registers)), registers)


def test_registers_whose_coupons_are_missing_are_refused() -> None:
    packed = packed_registers(np.array([1, 60] * 8, np.uint8))
    assert len(packed.coupons) == 8
    with pytest.raises(ValueError, match="registers that are in no coupons"):
        unpacked_registers(Nibbles(packed.nibbles, packed.base, packed.coupons[1:]))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0), max_size=9))
@settings(deadline=None)
def test_numbers_become_integers_only_where_these_are_the_same_numbers(numbers: list[float]) -> None:
    units = in_units(np.array(numbers))
    if units is not None:
        integers, divisor, factor = units
        back = unpacked_integers(packed_integers(integers)).astype(np.float64) * factor / divisor
        assert back.tolist() == numbers


@pytest.mark.parametrize(
    ("numbers", "divisor", "factor"),
    [
        ([1.0, 2.0], 1, 1),
        ([60e6, 180e6], 1, 60_000_000),
        ([0.01, 12.34], 10_000, 100),
        ([0.0001], 10_000, 1),
        ([0.0], 1, 1),
    ],
)
def test_whole_numbers_and_decimals_are_written_as_integers(numbers: list[float], divisor: int, factor: int) -> None:
    units = in_units(np.array(numbers))
    assert units is not None
    assert units[1:] == (divisor, factor)


@pytest.mark.parametrize("numbers", [[], [1 / 3], [1e300], [2.0**53], [0.00001], [1.5, 1 / 3]])
def test_other_numbers_stay_floats(numbers: list[float]) -> None:
    assert in_units(np.array(numbers)) is None
