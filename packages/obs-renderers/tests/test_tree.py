"""Nested values as a tree."""

import dataclasses
import re
from collections import namedtuple

import msgspec
import pytest

from obs_renderers import ObjectRenderer, TreeRenderer


def text(html):
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def test_keys_and_values_are_shown_in_order():
    shown = text(TreeRenderer().to_html({"b": 1, "a": [True, None]}))
    assert shown == "dict · 2 keys b: 1 a: list · 2 items 0: True 1: None"


@dataclasses.dataclass
class Scores:
    mae: float
    secret: str = dataclasses.field(default="x", repr=False)


class Model(msgspec.Struct):
    depth: int


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Scores(9.5), "Scores · 1 field mae: 9.5"),
        (Model(3), "Model · 1 field depth: 3"),
        (Point(1, 2), "Point · 2 fields x: 1 y: 2"),
        ({"a"}, "set · 1 item 0: a"),
        ('{"a": 1}', "dict · 1 key a: 1"),
        ([], "list · 0 items"),
    ],
)
def test_records_sets_and_json_are_trees(value, expected):
    assert text(TreeRenderer().to_html(value)) == expected


def test_text_that_is_no_json_is_refused():
    with pytest.raises(ValueError, match="reads a string as JSON, and this is not"):
        TreeRenderer().to_html("hello")


def test_a_value_that_holds_itself_ends():
    value = {"name": "loop"}
    value["self"] = value

    assert "the same dict as above" in text(TreeRenderer().to_html(value))


def test_a_long_list_is_cut_and_the_rest_counted():
    assert "and 900 more" in text(TreeRenderer().to_html(list(range(1000))))


def test_a_huge_value_gives_a_page_of_bounded_size():
    value = {str(i): {str(j): "x" * 10_000 for j in range(50)} for i in range(1000)}

    html = TreeRenderer().to_html(value)

    assert len(html) < 12_000_000
    assert text(html).startswith("dict · 1,000 keys 0: dict · 50 keys 0: xxx")


def test_deep_nesting_ends():
    value = []
    for _ in range(3000):
        value = [value]

    assert "deeper levels not shown" in text(TreeRenderer().to_html(value))


def test_any_object_is_shown_as_what_it_is():
    class Displayed:
        def _repr_html_(self):
            return "<i>mine</i>"

    assert "mae: 9.5" in text(ObjectRenderer().to_html(Scores(9.5)))
    assert "<i>mine</i>" in ObjectRenderer().to_html(Displayed())
    assert "&lt;object object at" in ObjectRenderer().to_html(object())
    assert "Displayed" in text(ObjectRenderer().to_html(Displayed))


class Unhashable(type):
    def __eq__(cls, other):
        return cls is other


def test_a_dict_and_a_list_whose_classes_cannot_be_hashed_are_trees():
    odd_dict, odd_list = Unhashable("Odd", (dict,), {}), Unhashable("Odd", (list,), {})
    shown = text(TreeRenderer().to_html({"a": odd_dict(b=1), "c": odd_list([2])}))
    assert shown == "dict · 2 keys a: Odd · 1 key b: 1 c: Odd · 1 item 0: 2"
