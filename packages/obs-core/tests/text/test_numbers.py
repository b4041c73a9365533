"""Numbers as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core.text.numbers import byte_size, count, plural, share, statistic, statistics, told_apart


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (2013, "2013"),
        (8255.0, "8255"),
        (336776.0, "336,776"),
        (336776.4, "336,776"),
        (12.6391, "12.64"),
        (-459.9698794389165, "-460"),
        (-0.00123456, "-0.001235"),
        (99999.5, "100,000"),
        (1e-9, "1e-09"),
        (1e15, "1e+15"),
        (5e-324, "4.941e-324"),
        (1.7976931348623157e308, "1.798e+308"),
        (1860000000000000001, "1,860,000,000,000,000,001"),
        (math.nan, "NA"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
    ],
)
def test_a_statistic_has_four_significant_digits_and_an_integer_all_of_them(value, text):
    assert statistic(value) == text


def test_statistics_side_by_side_are_grouped_alike():
    assert statistics([8255, 336_776, 2.5]) == ["8,255", "336,776", "2.5"]
    assert statistics([1999, 2013]) == ["1999", "2013"]


@given(st.floats(-1e308, 1e308))
def test_a_statistic_reads_back_as_the_number_within_its_digits(value):
    assert float(statistic(value).replace(",", "")) == pytest.approx(value, rel=6e-4, abs=1e-320)


@given(st.floats(-1e308, 1e308), st.floats(-1e308, 1e308))
def test_numbers_that_are_compared_look_alike_only_if_they_are(left, right):
    texts = told_apart(left, right)
    assert (texts[0] == texts[1]) == (left == right)
    assert told_apart(left, left) == (statistic(left), statistic(left))


def test_numbers_that_are_compared_have_no_more_digits_than_it_takes():
    assert told_apart(16_589_932.5, 336_776) == ("16,589,932", "336,776")
    assert told_apart(17.00012, 17.00034) == ("17.0001", "17.0003")


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 100_000, "<0.1 %"),
        (99_999, 100_000, ">99.9 %"),
        (1, 3, "33.3 %"),
        (3, 2, "150.0 %"),
        (0, 0, "0 %"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(part, whole, text):
    assert share(part, whole) == text


def test_a_share_of_a_sample_says_about():
    assert share(24, 1000, about=True) == "about 2.4 %"


def test_counts_are_grouped_and_agree_with_their_noun():
    assert (count(336_776), plural(1, "row"), plural(1200, "row")) == ("336,776", "1 row", "1,200 rows")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1.0 KB"),
        (4_200, "4.2 KB"),
        (99_949, "99.9 KB"),
        (250_000, "250 KB"),
        (999_999, "1.0 MB"),
        (3e12, "3.0 TB"),
        (5e18, "5,000 PB"),
    ],
)
def test_sizes_are_in_powers_of_a_thousand(amount, text):
    assert byte_size(amount) == text
