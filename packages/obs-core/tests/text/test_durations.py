from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core.text.durations import format_duration, format_iso, format_moment

SECOND = 1_000_000_000
MOMENT = 1_795_390_957_417_123_456


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (1, "1 ns"),
        (417, "417 ns"),
        (1_000, "1.0 µs"),
        (1_234, "1.2 µs"),
        (12_345, "12.3 µs"),
        (123_456, "123 µs"),
        (3_400_000, "3.4 ms"),
        (250_000_000, "250 ms"),
        (2_050_000_000, "2.05 s"),
        (12_345_000_000, "12.3 s"),
        (72 * SECOND, "1 min 12 s"),
        (65 * SECOND, "1 min 05 s"),
        ((3 * 60 + 4) * 60 * SECOND, "3 h 04 min"),
        (51 * 3_600 * SECOND, "2 d 3 h"),
        (400_000 * 3_600 * SECOND, "16,666 d 16 h"),
        (-1_234, "-1.2 µs"),
    ],
)
def test_durations_are_written_in_the_unit_that_fits_them(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (999, "999 ns"),
        (99_949, "99.9 µs"),
        (99_950, "100 µs"),
        (999_499, "999 µs"),
        (999_500, "1.0 ms"),
        (999_499_999, "999 ms"),
        (999_500_000, "1.00 s"),
        (9_994_999_999, "9.99 s"),
        (9_995_000_000, "10.0 s"),
        (59_949_999_999, "59.9 s"),
        (59_950_000_000, "1 min 00 s"),
        (3_599_499_999_999, "59 min 59 s"),
        (3_599_500_000_000, "1 h 00 min"),
        (86_369_999_999_999, "23 h 59 min"),
        (86_370_000_000_000, "1 d 0 h"),
    ],
)
def test_what_is_rounded_up_to_the_next_unit_is_written_in_it(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@given(st.integers(1, 10**18))
def test_no_duration_is_written_with_sixty_seconds_or_a_thousand_of_a_unit(ns: int) -> None:
    number, _, rest = format_duration(ns).partition(" ")
    assert float(number.replace(",", "")) < 1_000 or rest.startswith("d")
    assert "60 " not in rest


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        (0, "2026-11-22 23:42:37 UTC"),
        (3, "2026-11-22 23:42:37.417 UTC"),
        (9, "2026-11-22 23:42:37.417123456 UTC"),
    ],
)
def test_moments_are_written_in_utc_with_as_many_digits_as_asked(digits: int, text: str) -> None:
    assert format_moment(MOMENT, digits) == text


def test_the_first_nanosecond_and_the_one_before_the_epoch_are_moments_too() -> None:
    assert format_moment(0) == "1970-01-01 00:00:00.000 UTC"
    assert format_moment(-1, 9) == "1969-12-31 23:59:59.999999999 UTC"


def test_iso_moments_keep_all_nanoseconds() -> None:
    assert format_iso(MOMENT) == "2026-11-22T23:42:37.417123456+00:00"
