"""What a class hides from its repr stays hidden, however it is drawn."""

import collections
import dataclasses
import typing
from typing import Any

import msgspec
import pytest

from obs_core.rendering import bounded_repr, render, shown_fields
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

    return [Login(), OwnLogin()]


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
]


def hides(value):
    for html in (
        render(value),
        render({"nested": [value]}),
        TreeRenderer().to_html({"a": value}),
        bounded_repr([value]),
    ):
        assert PASSWORD not in html
        assert SHOWN in html
    assert PASSWORD not in TreeRenderer().to_html(value)
    assert PASSWORD not in ObjectRenderer().to_html(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_it_stays_hidden(value):
    hides(value)


@pytest.mark.parametrize("make", [of_attrs, of_pydantic])
def test_it_stays_hidden_by_other_libraries_too(make):
    for value in make():
        hides(value)


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
