"""A repr that stays short, ends, and never raises."""

from __future__ import annotations

import sys
import typing
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core.secrets import forget_secret_values, register_secret_value
from obs_core.text.bounded_repr import as_told, bounded_repr, describe_error, int_text, notes_of

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


class Loud:
    """Its repr costs something: it counts how often it is made."""

    made = 0

    def __repr__(self) -> str:
        type(self).made += 1
        return "Loud()"


@dataclass
class Flight:
    origin: str
    delays: list[int]
    kind: typing.ClassVar[str] = "flight"
    hidden: int = field(default=0, repr=False)


@dataclass
class Named:
    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Point(typing.NamedTuple):
    x: int
    y: list[int]


class Raising:
    def __repr__(self) -> str:
        raise ValueError("no repr today")


class WithoutText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message either")


@given(PLAIN)
def test_small_values_are_written_as_repr_writes_them(value: object) -> None:
    assert bounded_repr(value, 1_000_000) == repr(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (set(), "set()"),
        (frozenset([1]), "frozenset({1})"),
        ((1,), "(1,)"),
        (deque([1, 2]), "deque([1, 2])"),
        (OrderedDict(a=1), "OrderedDict({'a': 1})"),
        (Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (defaultdict(int, a=1), "defaultdict({'a': 1})"),
        (MappingProxyType({"a": 1}), "mappingproxy({'a': 1})"),
        ({"a": 1}.items(), "dict_items([('a', 1)])"),
        (Flight("JFK", [1]), "Flight(origin='JFK', delays=[1])"),
        (Named("me"), "<me>"),
        (Point(1, [2]), "Point(x=1, y=[2])"),
    ],
)
def test_containers_and_records_look_like_themselves(value: object, text: str) -> None:
    assert bounded_repr(value) == text


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, deque, dict.fromkeys, Counter])
def test_a_large_container_costs_no_more_than_what_is_shown(
    kind: typing.Callable[[list[Loud]], object],
) -> None:
    Loud.made = 0
    text = bounded_repr(kind([Loud() for _ in range(100_000)]))
    assert Loud.made == 200
    assert "... 99,800 more" in text


@pytest.mark.parametrize("value", [Flight("JFK", list(range(100_000))), Point(1, list(range(100_000)))])
def test_a_record_of_large_parts_is_bounded(value: object) -> None:
    assert bounded_repr(value).endswith(", 199, ... 99,800 more])")


def test_the_limit_is_kept_and_what_comes_after_is_not_made() -> None:
    Loud.made = 0
    assert bounded_repr([[Loud()] * 100] * 100, limit=20) == "[[Loud(), Loud(), Lo..."
    assert Loud.made == 3


def test_containers_that_hold_themselves_end() -> None:
    ring: list[object] = [1]
    ring.append(ring)
    circle: dict[str, object] = {}
    circle["me"] = circle
    assert bounded_repr(ring) == "[1, [...]]"
    assert bounded_repr(circle) == "{'me': {...}}"


def test_deep_nesting_ends() -> None:
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    assert bounded_repr(deep) == "[" * 13 + "..." + "]" * 13


def test_what_doubles_at_each_level_ends() -> None:
    twice: list[object] = ["leaf"]
    for _ in range(60):
        twice = [twice, twice]
    assert len(bounded_repr(twice)) <= 20_003


def test_an_item_that_cannot_be_written_spoils_nothing_else() -> None:
    text = bounded_repr([1, Raising(), 2])
    assert text.startswith(f"[1, <{__name__}.Raising object at 0x")
    assert text.endswith("; its repr raised ValueError: no repr today>, 2]")


def test_a_container_that_cannot_be_read_is_told() -> None:
    class Broken(dict[str, int]):
        def items(self) -> typing.NoReturn:
            raise OSError("gone")

    assert bounded_repr(Broken(a=1)).endswith("; its repr raised OSError: gone>")


def test_a_repr_that_is_no_text_is_told() -> None:
    class Wrong:
        def __repr__(self) -> str:
            return 5  # type: ignore[return-value]

    assert "its repr raised TypeError: __repr__ returned non-string" in bounded_repr(Wrong())


def test_a_huge_repr_is_cut() -> None:
    class Huge:
        def __repr__(self) -> str:
            return "x" * 100_000_000

    assert bounded_repr(Huge()) == "x" * 20_000 + "..."


def test_long_texts_and_integers_are_cut() -> None:
    assert bounded_repr("a" * 3_000) == f"'{'a' * 2_000}'... 1,000 more"
    assert bounded_repr(b"a" * 3_000) == f"b'{'a' * 2_000}'... 1,000 more"
    assert bounded_repr(10**10_000) == "<int of about 10,000 digits>"


def test_lines_give_each_item_its_own() -> None:
    assert bounded_repr([[1, 2], {3: 4}], lines=True) == "[\n    [1, 2],\n    {3: 4}\n]"
    assert bounded_repr({"a": 1}, lines=True) == "{\n    'a': 1\n}"
    assert bounded_repr(5, lines=True) == "5"


def test_an_error_is_told_in_one_bounded_line() -> None:
    assert describe_error(ValueError("no such\n  airport")) == "ValueError: no such airport"
    assert describe_error(ValueError()) == "ValueError"
    assert describe_error(ValueError("x" * 100_000)) == f"ValueError: {'x' * 500}..."
    assert describe_error(WithoutText()) == "WithoutText: (its message cannot be had)"


class RefusesItsNotes(Exception):
    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(f"no {name}")


def with_notes(*notes: object) -> ValueError:
    error = ValueError("no such airport")
    vars(error)["__notes__"] = list(notes)
    return error


def test_the_notes_of_an_exception_are_bounded_lines_and_what_is_none_is_left_out() -> None:
    class Text(str):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    told = ["row 5 of flights.csv", f"{'x' * 500}..."]
    assert notes_of(with_notes("row 5\n  of flights.csv", "x" * 100_000)) == (told, 0)
    assert notes_of(with_notes(*"abcdefg")) == (["a", "b", "c", "d", "e"], 2)
    assert notes_of(with_notes(5, None, " ", b"row 6", Text("row 7"))) == (["row 7"], 0)
    assert notes_of(ValueError("no such airport")) == ([], 0)
    assert notes_of(RefusesItsNotes()) == ([], 0)
    error = ValueError("no such airport")
    vars(error)["__notes__"] = 5
    assert notes_of(error) == ([], 0)


def test_a_note_is_masked_before_it_is_cut() -> None:
    secret = "Zq7Kp2Vx9Lm4Wt8Nb3Rc"
    register_secret_value(secret)
    try:
        (line,), _ = notes_of(with_notes("a" * 490 + secret))
    finally:
        forget_secret_values()
    assert line == "a" * 490 + "***"


def test_an_integer_that_python_refuses_to_write_is_told_by_its_digits() -> None:
    assert (int_text(-5), int_text(10**2000)) == ("-5", str(10**2000))
    assert int_text(10**5000) == "<int of about 5,000 digits>"
    assert int_text(-(10**5000)) == "<negative int of about 5,000 digits>"


def test_a_lower_limit_of_the_users_own_is_no_error() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert int_text(10**700) == "<int of about 700 digits>"
    finally:
        sys.set_int_max_str_digits(before)


def test_a_value_whose_text_raises_is_told_all_the_same() -> None:
    class Mute:
        def __str__(self) -> str:
            raise ValueError("no")

    assert as_told(Mute()).endswith("its repr raised ValueError: no>")
    assert [as_told("a"), as_told(3), as_told(10**5000)] == ["a", "3", "<int of about 5,000 digits>"]


def test_sets_are_sorted_where_that_is_asked_for() -> None:
    value = {"b": {10, 2, (frozenset("zyx"),)}, "a": set(range(20_000))}
    written = "{'b': {(frozenset({'x', 'y', 'z'}),), 10, 2}, 'a': {... 20,000 more}}"
    assert bounded_repr(value, sort_sets=True) == written
