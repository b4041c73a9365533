"""How values become bytes and come back."""

from __future__ import annotations

import math
import subprocess
from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core import ObsError, TypeTransformer, register_transformer
from obs_core.rendering import render
from obs_core.transformers import UnknownTransformerError, find_transformer, transformer_named

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)


class Point(NamedTuple):
    x: int


class Level(IntEnum):
    LOW = 1


class Text(str):
    __slots__ = ()


class Celsius(float):
    pass


class Station:
    def __init__(self, name: str) -> None:
        self.name = name


class StationTransformer(TypeTransformer[Station]):
    python_type = Station
    name = "test.station"

    def to_bytes(self, value: Station) -> bytes:
        return value.name.encode()

    def from_bytes(self, data: bytes) -> Station:
        return Station(data.decode())


def there_and_back(value: object) -> Any:
    """What a later execution gets."""
    transformer = find_transformer(value)
    assert transformer is not None
    data = transformer.to_bytes(value)
    assert type(data) is bytes
    return transformer_named(transformer.name).from_bytes(data)


def same(one: object, other: object) -> bool:
    """Equal, of the same types all through, and in the same order."""
    return repr(one) == repr(other)


@given(JSON)
def test_plain_values_come_back_equal(value: object) -> None:
    assert same(there_and_back(value), value)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"null"),
        (True, b"true"),
        ({"airport": "JFK", "delays": [1, -2.5, None]}, b'{"airport":"JFK","delays":[1,-2.5,null]}'),
        ("é <b>", '"é <b>"'.encode()),
        (math.inf, b"Infinity"),
        ((1, "a"), b'[1,"a"]'),
        (b"\x00\xff", b"\x00\xff"),
    ],
)
def test_what_is_written_is_plain_to_read(value: object, data: bytes) -> None:
    transformer = find_transformer(value)
    assert transformer is not None
    assert transformer.to_bytes(value) == data


@pytest.mark.parametrize(
    "value",
    [
        -(2**64),
        10**4_000,
        -0.0,
        5e-324,
        -math.inf,
        "\ud83d\ude00",  # two halves of a pair, as they are in names of files
        "\x00",
        {"": [[], {}, ""]},
        [[1] * 98 for _ in range(100)],
        b"",
        bytes(range(256)),
        (),
        (1, [2.5], {"a": None}),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "int",
)
def test_unusual_values_come_back_equal(value: object) -> None:
    assert there_and_back(value) == value
    assert same(there_and_back(value), value) or isinstance(value, int)


def test_nan_comes_back() -> None:
    assert math.isnan(there_and_back(math.nan))
    assert math.isnan(there_and_back({"mean": math.nan})["mean"])


def test_a_float_of_a_subclass_comes_back_as_float() -> None:
    back = there_and_back([Celsius(21.5), Celsius("inf")])
    assert same(back, [21.5, math.inf])


@pytest.mark.parametrize(
    "value",
    [
        [(1, 2)],
        {"a": {1, 2}},
        {1: "a"},
        {None: 1},
        [b"bytes"],
        Point(1),
        Level.LOW,
        Text("text"),
        OrderedDict(a=1),
        Counter("aab"),
        [Level.LOW],
        {Text("a"): 1},
        [object()],
        object(),
        {1, 2},
        bytearray(b"x"),
        list(range(10_001)),
        [[0] * 9_000] * 9_000,
        tuple(range(10_001)),
        "a" * (16 * 1024 * 1024 + 1),
        bytes(16 * 1024 * 1024 + 1),
        10**5_000,
        [-(10**5_000)],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_equal_or_is_large_is_not_kept(value: object) -> None:
    assert find_transformer(value) is None


def test_deep_and_circular_values_are_not_kept() -> None:
    deep: list[object] = []
    for _ in range(1_000):
        deep = [deep]
    ring: list[object] = []
    ring.append(ring)
    assert find_transformer(deep) is None
    assert find_transformer(ring) is None


def test_a_registered_transformer_serves_its_type_and_subclasses() -> None:
    class Airport(Station):
        pass

    assert find_transformer(Station("JFK")) is None
    with register_transformer(StationTransformer()):
        assert there_and_back(Station("JFK")).name == "JFK"
        assert there_and_back(Airport("EWR")).name == "EWR"
    assert find_transformer(Station("JFK")) is None


def test_a_transformer_may_be_given_as_its_class_and_for_another_type() -> None:
    with register_transformer(StationTransformer, Point):
        assert isinstance(find_transformer(Point(1)), StationTransformer)


def test_a_registered_transformer_replaces_the_built_in_one() -> None:
    class Loud(StationTransformer):
        name = "test.loud"

        def can_transform(self, value: Any) -> bool:
            return bool(value != "quiet")

    with register_transformer(Loud, str):
        assert isinstance(find_transformer("text"), Loud)
        assert find_transformer("quiet") is None


def test_the_default_html_is_that_of_the_renderers() -> None:
    assert StationTransformer().to_html([1]) == render([1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "lacks"),
    [
        ("text", "name, python_type, can_transform, to_bytes, from_bytes, to_html"),
        (TypeTransformer, "name, python_type"),
    ],
)
def test_what_is_no_transformer_is_refused(made: Any, lacks: str) -> None:
    with pytest.raises(TypeError, match=f"is not a TypeTransformer: it lacks {lacks}$"):
        register_transformer(made)


def test_a_method_left_out_says_what_to_write() -> None:
    class Half(TypeTransformer[int]):
        python_type = int
        name = "test.half"

    with pytest.raises(NotImplementedError, match=r"Half must define to_bytes\(value\) -> bytes"):
        Half().to_bytes(1)
    with pytest.raises(NotImplementedError, match=r"Half must define from_bytes\(data\) -> value"):
        Half().from_bytes(b"")


def test_a_missing_transformer_is_told_with_those_that_are_there() -> None:
    with pytest.raises(UnknownTransformerError) as raised:
        transformer_named("whylogs.profile")
    assert str(raised.value).startswith("no transformer named 'whylogs.profile' is installed; there are: bytes, json,")
    assert str(raised.value).endswith(
        "Install the package that kept the value, or call register_transformer before you load it"
    )
    assert isinstance(raised.value, ObsError)
    assert isinstance(raised.value, LookupError)


def test_declared_transformers_are_found_by_type_and_by_name(
    run_script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    files = {
        "acme-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        "acme-1.0.dist-info/entry_points.txt": "[obs.transformers]\nfractions.Fraction = acme:Fractions\n",
        "acme.py": """
from fractions import Fraction
from obs_core import TypeTransformer

class Fractions(TypeTransformer):
    python_type = Fraction
    name = "acme.fraction"
    def to_bytes(self, value): return str(value).encode()
    def from_bytes(self, data): return Fraction(data.decode())
""",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    result = run_script(
        """
import sys
from obs_core.transformers import find_transformer, transformer_named
assert transformer_named("json").from_bytes(b"[1]") == [1]
assert find_transformer([1]) and find_transformer(object()) is None
assert "acme" not in sys.modules
print(transformer_named("acme.fraction").from_bytes(b"1/3"))
from fractions import Fraction
print(find_transformer(Fraction(2, 3)).to_bytes(Fraction(2, 3)))
"""
    )
    assert result.stdout == "1/3\nb'2/3'\n"


def test_finding_a_transformer_for_a_number_reads_no_metadata(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    run_script(
        """
import sys
before = set(sys.modules)
from obs_core.transformers import find_transformer
for value in (None, True, 1, 1.5, "text", b"bytes"):
    assert find_transformer(value) is not None
assert "importlib.metadata" not in set(sys.modules) - before
"""
    )
