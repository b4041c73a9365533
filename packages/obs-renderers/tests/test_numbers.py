"""Numbers as people read them."""

import pytest

from obs_renderers._numbers import byte_size, duration, share, statistic
from obs_renderers._scale import Scale, nice_ticks, ticks_in


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 s"),
        (1, "1 ns"),
        (850, "850 ns"),
        (12_300, "12.3 µs"),
        (4_560_000, "4.56 ms"),
        (1_500_000_000, "1.50 s"),
        (125_000_000_000, "2 min 05 s"),
        (7_500_000_000_000, "2 h 05 min"),
        (270_000_000_000_000, "3 d 03 h"),
        (-5_000, "−5.00 µs"),
    ],
)
def test_durations(nanoseconds, text):
    assert duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (336776.0, "336,776"),
        (12.6391, "12.64"),
        (-0.00123456, "−0.001235"),
        (1e-9, "1e−09"),
        (1e15, "1e+15"),
        (float("nan"), "NA"),
        (float("-inf"), "−∞"),
        (1.0, "1"),
        (99999.5, "100,000"),
    ],
)
def test_statistics(number, text):
    assert statistic(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 5, "0%"),
        (5, 5, "100%"),
        (1, 100_000, "<0.1%"),
        (99_999, 100_000, ">99.9%"),
        (1, 3, "33.3%"),
        (0, 0, "0%"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(part, whole, text):
    assert share(part, whole) == text


def test_sizes():
    assert [byte_size(n) for n in (812, 4_200, 4_200_000, 3e12)] == ["812 B", "4.2 KB", "4.2 MB", "3.0 TB"]


def test_ticks_are_round_numbers():
    assert nice_ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert nice_ticks(5, 5) == [5]


def test_ticks_of_times_are_dates():
    assert [text for _, text in ticks_in("epoch", 0, 4 * 86_400, 4)] == [
        "1970-01-01",
        "1970-01-02",
        "1970-01-03",
        "1970-01-04",
        "1970-01-05",
    ]


def test_a_scale_places_values_in_percent():
    scale = Scale(0, 10, start=0)

    assert (scale.at(2.5), Scale(3, 3).at(3)) == ("25.000%", "50.000%")
