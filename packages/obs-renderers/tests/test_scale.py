"""Ticks and scales."""

from obs_renderers._scale import Scale, nice_ticks, ticks_in, value_in


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


def test_moments_of_any_year_are_written():
    assert [
        value_in("epoch", seconds) for seconds in (0, 0.5, 253_402_300_799, 7_826_526_144_000, -62_135_596_800)
    ] == [
        "1970-01-01",
        "1970-01-01 00:00:00.500",
        "9999-12-31 23:59:59",
        "249982-09-28 08:00:00",
        "0001-01-01",
    ]
