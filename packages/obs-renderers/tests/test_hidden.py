"""What a class hides from its repr stays hidden, however it is drawn."""

import collections
import dataclasses
import datetime
import decimal
import enum
import types
import typing
import uuid
from pathlib import PurePosixPath
from typing import Any

import msgspec
import pytest

from obs_core.rendering import as_shown, bounded_repr, render, shown_fields
from obs_core.text.plain_values import plain
from obs_renderers import ObjectRenderer, TreeRenderer

PASSWORD = "hunter2-very-secret"
SHOWN = "shown-to-everybody"


@dataclasses.dataclass
class FieldHidden:
    user: str = SHOWN
    password: str = dataclasses.field(default=PASSWORD, repr=False)


@dataclasses.dataclass(repr=False)
class Inherits(FieldHidden):
    """Its repr is the one of its base, which knows nothing of this field."""

    token: str = PASSWORD


@dataclasses.dataclass(repr=False)
class OwnRepr:
    password: str = PASSWORD

    def __repr__(self):
        return f"OwnRepr({SHOWN})"


class Wrapped:
    @staticmethod
    def decorated(function):
        def inner(self):
            return function(self)

        inner.__wrapped__ = function
        return inner


@dataclasses.dataclass(repr=False)
class DecoratedRepr:
    password: str = PASSWORD

    @Wrapped.decorated
    def __repr__(self):
        return f"DecoratedRepr({SHOWN})"


class StructOwnRepr(msgspec.Struct):
    password: str = PASSWORD

    def __repr__(self):
        return f"StructOwnRepr({SHOWN})"


class TupleOwnRepr(typing.NamedTuple):
    password: str = PASSWORD

    def __repr__(self):
        return f"TupleOwnRepr({SHOWN})"


class DictOwnRepr(dict[str, Any]):
    def __repr__(self):
        return f"DictOwnRepr({SHOWN})"


class ListOwnRepr(list[Any]):
    def __repr__(self):
        return f"ListOwnRepr({SHOWN})"


class TupleSubclass(tuple[Any, ...]):
    def __repr__(self):
        return f"TupleSubclass({SHOWN})"


class OrderedOwnRepr(collections.OrderedDict[str, Any]):
    def __repr__(self):
        return f"OrderedOwnRepr({SHOWN})"


class TextOwnRepr(str):
    def __repr__(self):
        return f"TextOwnRepr({SHOWN})"


class TextOwnTexts(str):
    def __repr__(self):
        return f"TextOwnTexts({SHOWN})"

    __str__ = __repr__


class BytesOwnRepr(bytes):
    def __repr__(self):
        return f"BytesOwnRepr({SHOWN})"


class ByteArrayOwnRepr(bytearray):
    def __repr__(self):
        return f"ByteArrayOwnRepr({SHOWN})"


class TextEnum(str, enum.Enum):  # noqa: UP042  # as many write it
    MEMBER = PASSWORD

    def __repr__(self):
        return f"TextEnum({SHOWN})"


class PlainEnum(enum.Enum):
    MEMBER = PASSWORD

    def __repr__(self):
        return f"PlainEnum({SHOWN})"


class EnumOfRecords(enum.Enum):
    MEMBER = FieldHidden()


class AddressOwnRepr:
    """As URLs of httpx and starlette: what uses it needs the password, what shows it does not."""

    def __str__(self):
        return f"https://ann:{PASSWORD}@host"

    def __repr__(self):
        return f"AddressOwnRepr({SHOWN})"


@dataclasses.dataclass
class RecordOwnText:
    password: str = PASSWORD

    def __str__(self):
        return f"RecordOwnText({SHOWN})"


class UserDictOwnRepr(collections.UserDict[str, Any]):
    def __repr__(self):
        return f"UserDictOwnRepr({SHOWN})"


def of_attrs():
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Login:
        user: str = SHOWN
        password: str = attrs.field(default=PASSWORD, repr=False)
        masked: str = attrs.field(default=PASSWORD, repr=lambda value: "***")

    @attrs.define(repr=False)
    class OwnLogin:
        password: str = PASSWORD

        def __repr__(self):
            return f"OwnLogin({SHOWN})"

    return [Login(), OwnLogin()]


def of_pydantic():
    pydantic = pytest.importorskip("pydantic")

    class Login(pydantic.BaseModel):
        user: str = SHOWN
        password: str = pydantic.Field(PASSWORD, repr=False)
        token: pydantic.SecretStr = pydantic.SecretStr(PASSWORD)

    class OwnLogin(pydantic.BaseModel):
        user: str = SHOWN
        password: str = PASSWORD

        def __repr_args__(self):
            yield "user", self.user

    class ReprLogin(pydantic.BaseModel):
        password: str = PASSWORD

        def __repr__(self):
            return f"ReprLogin({SHOWN})"

    class Root(pydantic.RootModel[str]):
        def __repr__(self):
            return f"Root({SHOWN})"

    return [Login(), OwnLogin(), ReprLogin(), Root(PASSWORD)]


VALUES = [
    FieldHidden(),
    Inherits(),
    OwnRepr(),
    DecoratedRepr(),
    StructOwnRepr(),
    TupleOwnRepr(),
    DictOwnRepr(password=PASSWORD),
    ListOwnRepr([PASSWORD]),
    UserDictOwnRepr(password=PASSWORD),
    TupleSubclass([PASSWORD]),
    OrderedOwnRepr(password=PASSWORD),
    TextOwnRepr(PASSWORD),
    TextOwnTexts(PASSWORD),
    BytesOwnRepr(PASSWORD.encode()),
    ByteArrayOwnRepr(PASSWORD.encode()),
    TextEnum.MEMBER,
    PlainEnum.MEMBER,
    [AddressOwnRepr()],
    {AddressOwnRepr(): 1},
    {TextOwnRepr(PASSWORD)},
    {TextOwnRepr(PASSWORD): 1},
    types.MappingProxyType(DictOwnRepr(password=PASSWORD)),
    types.MappingProxyType({"inside": TextOwnRepr(PASSWORD)}),
    collections.UserDict(inside=DictOwnRepr(password=PASSWORD)),
]


def hides(value):
    for html in (
        render(value),
        render({"nested": [value]}),
        TreeRenderer().to_html({"a": value}),
        bounded_repr([value]),
        str(plain({"attribute": value})),
        str(plain({"attribute": [{"nested": value}]})),
    ):
        assert PASSWORD not in html
        assert PASSWORD.encode().hex(" ") not in html
        assert SHOWN in html
    if not isinstance(value, (str, bytes, bytearray, enum.Enum)):  # which are no trees
        assert PASSWORD not in TreeRenderer().to_html(value)
    assert PASSWORD not in ObjectRenderer().to_html(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_it_stays_hidden(value):
    hides(value)


@pytest.mark.parametrize("make", [of_attrs, of_pydantic])
def test_it_stays_hidden_by_other_libraries_too(make):
    for value in make():
        hides(value)


def test_where_a_short_text_is_wanted_the_repr_counts_that_a_class_wrote_and_else_its_str():
    shown = {
        AddressOwnRepr(): f"AddressOwnRepr({SHOWN})",
        PurePosixPath("a.csv"): "a.csv",
        decimal.Decimal("1.50"): "1.50",
        datetime.date(2013, 1, 1): "2013-01-01",
        uuid.UUID(int=1): "00000000-0000-0000-0000-000000000001",
    }
    assert {as_shown(value): text for value, text in shown.items()} == {text: text for text in shown.values()}
    assert as_shown(RecordOwnText()) == f"RecordOwnText({SHOWN})"


def test_a_member_of_an_enum_hides_what_its_value_hides():
    member = EnumOfRecords.MEMBER
    for text in (
        render(member),
        render({"a": [member]}),
        bounded_repr(member),
        str(plain({"a": member, "b": [member]})),
    ):
        assert PASSWORD not in text
        assert "MEMBER" in text or SHOWN in text
    assert plain({"a": member}) == {"a": repr(FieldHidden())}


class Plain(msgspec.Struct):
    a: int
    b: list[int]


def test_a_record_with_the_generated_repr_is_taken_apart():
    html = TreeRenderer().to_html(Plain(1, [2]))

    assert shown_fields(Plain(1, [2])) == {"a": 1, "b": [2]}
    assert 'class="key">a:</span>' in html
    assert "1 item" in html


def test_containers_of_the_standard_library_are_taken_apart():
    for value in (collections.OrderedDict(a=1), collections.defaultdict(int, a=1), collections.UserDict(a=1)):
        assert 'class="key">a:</span>' in TreeRenderer().to_html(value)


def of_data_libraries():
    import numpy as np
    import pandas as pd
    import polars as pl

    class Vault:
        def __repr__(self):
            return f"Vault({SHOWN})"

    class Array(Vault, np.ndarray):
        pass

    class Keys(np.ndarray):
        def __repr__(self):
            return f"Keys({SHOWN})"

    class Frame(pd.DataFrame):
        def __repr__(self):
            return f"Frame({SHOWN})"

    class Column(pd.Series):
        def __repr__(self):
            return f"Column({SHOWN})"

    class Polars(pl.DataFrame):
        def __repr__(self):
            return f"Polars({SHOWN})"

    array = np.array([PASSWORD, PASSWORD])
    columns = {PASSWORD: [PASSWORD]}
    return [array.view(Array), array.view(Keys), Frame(columns), Column([PASSWORD]), Polars(columns)]


@pytest.mark.parametrize("number", range(5))
def test_arrays_and_frames_of_a_class_with_its_own_repr_hide_what_they_hold(number):
    value = of_data_libraries()[number]
    for html in (render(value), render([value]), render({"name": value}), str(plain({"attribute": value}))):
        assert PASSWORD not in html
        assert SHOWN in html


def test_arrays_and_frames_that_inherit_their_repr_are_drawn_by_what_they_hold():
    import numpy as np
    import pandas as pd

    class Rows(pd.DataFrame):
        pass

    class Vector(np.ndarray):
        pass

    for value in (Rows({SHOWN: [1]}), np.array([SHOWN]).view(Vector), np.ma.masked_array([SHOWN])):
        assert SHOWN in render(value)
        assert "<table" in render(value)
