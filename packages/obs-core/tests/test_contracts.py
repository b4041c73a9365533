"""The contract tests hold for good implementations and fail for bad ones."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from obs_core.rendering import escape
from obs_core.testing import RendererContract, TransformerContract
from obs_core.testing.contracts import ImportContract
from obs_core.transformers import JsonTransformer, TypeTransformer

TAKES_TEXTS = "takes a list of texts"


class ListRenderer:
    """A good renderer: a list of texts, a chart's data in a script, a link for the reader to click."""

    def to_html(self, python_value: list[str]) -> str:
        if not isinstance(python_value, list):
            raise TypeError(f"ListRenderer {TAKES_TEXTS}, not a {type(python_value).__name__}")
        rows = "".join(f'<li title="{escape(text)}">{escape(text)}</li>' for text in python_value)
        data = json.dumps(python_value).replace("<", "\\u003c")
        return (
            f'<style>li {{ background: url("data:image/png;base64,AAAA") }}</style><ul>{rows}</ul>'
            f'<script>draw({data}, `size ${{1 + 1}}`)</script><script type="application/json">{data}</script>'
            f'<img src="data:image/png;base64,AAAA"><a href="https://example.org">more</a>'
            f'<svg xmlns="http://www.w3.org/2000/svg"></svg>'
        )


class TestListRenderer(RendererContract):
    renderer = ListRenderer()
    values = (["a", "b"], [], ["<b>", "é"])
    wrong = 5

    def hostile(self, text: str) -> list[str]:
        return ["before", text, "after"]


class TestJsonTransformer(TransformerContract):
    transformer = JsonTransformer()
    values = ({"a": [1, 2.5, None, "é"]}, 10**100, "text")


class TestImportOfObsCore(ImportContract):
    package = "obs_core"
    lazy = ("pandas", "numpy", "plotly", "jinja2", "fsspec", "asyncio", "yaml", "click")


def renderer_failures(renderer: Any, values: tuple[Any, ...] = (["a"],), wrong: Any = 5) -> dict[str, str]:
    """The contract's tests that fail for a renderer, with their messages."""
    made = type("Bad", (RendererContract,), {"renderer": renderer, "values": values, "wrong": wrong})
    made.hostile = lambda self, text: ["before", text, "after"]  # type: ignore[attr-defined]
    return failures(made())


def failures(contract: object) -> dict[str, str]:
    failed: dict[str, str] = {}
    for name in sorted(name for name in dir(contract) if name.startswith("test_")):
        try:
            getattr(contract, name)()
        except AssertionError as error:
            failed[name] = str(error)
    return failed


class Drawing:
    """A renderer made of a function; it refuses what is no list."""

    def __init__(self, draw: Callable[[list[str]], Any]) -> None:
        self.draw = draw

    def to_html(self, python_value: list[str]) -> Any:
        if not isinstance(python_value, list):
            raise TypeError(f"Drawing {TAKES_TEXTS}, not a {type(python_value).__name__}")
        return self.draw(python_value)


def test_a_good_renderer_fails_nothing() -> None:
    assert renderer_failures(ListRenderer()) == {}
    assert renderer_failures(Drawing(lambda texts: "<p>nothing of it</p>")) == {}


@pytest.mark.parametrize(
    "draw",
    [
        lambda texts: f"<p>{texts[1:2]}</p>",
        lambda texts: "".join(f"<p>{text}</p>" for text in texts),
        lambda texts: "".join(f"<p>{text.replace('hostile()', '')}</p>" for text in texts),
        lambda texts: "".join(f'<p title="{text.replace("<", "&lt;")}">x</p>' for text in texts),
        lambda texts: "".join(f"<p title='{text.replace('<', '&lt;')}'>x</p>" for text in texts),
        lambda texts: "".join(f"<p title={text.replace(' ', '') and escape(text)}>x</p>" for text in texts),
        lambda texts: f"<style>/* {texts} */</style>",
        lambda texts: f"<textarea>{texts}</textarea>",
        lambda texts: f"<!-- {texts[1:2]} -->",
        lambda texts: f"<script>draw({json.dumps(texts)})</script>",
        lambda texts: "".join(f"<script>draw('{escape(text).replace('&#x27;', chr(39))}')</script>" for text in texts),
        lambda texts: "".join(f"<script>draw(`{escape(text)}`)</script>" for text in texts),
        lambda texts: "".join(f"<script>draw({escape(text)})</script>" for text in texts),
        lambda texts: "".join(f'<a href="{escape(text)}">open</a>' for text in texts),
        lambda texts: "".join(f"<button onclick='{escape(text)}'>open</button>" for text in texts),
        lambda texts: "".join(f'<iframe srcdoc="{escape(text)}"></iframe>' for text in texts),
    ],
)
def test_text_that_is_not_escaped_is_found(draw: Callable[[list[str]], str]) -> None:
    failed = renderer_failures(Drawing(draw))
    assert set(failed) == {"test_text_from_data_stays_text"}
    assert re.search("is not escaped|can run", failed["test_text_from_data_stays_text"])


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<img src="//cdn.example/x.png">',
        '<link rel="stylesheet" href="http://cdn.example/x.css">',
        '<img srcset="data:x 1x, https://cdn.example/x.png 2x">',
        "<style>@import 'x.css';</style>",
        "<style>p { background: url( 'https://cdn.example/x.png') }</style>",
        '<p style="background:url(//cdn.example/x.png)">x</p>',
        '<svg><use xlink:href="https://cdn.example/x.svg#a"></use></svg>',
        "<iframe srcdoc=\"<script src='https://cdn.example/x.js'></script>\"></iframe>",
    ],
)
def test_what_is_loaded_from_a_network_is_found(html: str) -> None:
    failed = renderer_failures(Drawing(lambda texts: html))
    assert set(failed) == {"test_nothing_is_loaded_from_a_network"}
    assert "loads" in failed["test_nothing_is_loaded_from_a_network"]


@pytest.mark.parametrize("html", [None, b"<p></p>", "", "<p>\ud800</p>"])
def test_what_is_no_html_is_found(html: Any) -> None:
    contract = type("Bad", (RendererContract,), {"renderer": Drawing(lambda texts: html), "values": (["a"],)})()
    with pytest.raises((AssertionError, UnicodeEncodeError)):
        contract.test_each_value_becomes_a_str_that_utf8_can_hold()


def test_html_that_differs_from_call_to_call_is_found() -> None:
    failed = renderer_failures(Drawing(lambda texts: f"<p>{random.random()}</p>"))
    assert "differs between two calls, at character" in failed["test_the_same_value_becomes_the_same_html"]


def test_a_changed_value_is_found() -> None:
    def draw(texts: list[str]) -> str:
        texts.append("more")
        return "<p></p>"

    failed = renderer_failures(Drawing(draw))
    assert "changed the value" in failed["test_rendering_leaves_the_value_as_it_is"]


@pytest.mark.parametrize("message", ["wrong type", "Polite takes lists", "not a int"])
def test_a_wrong_type_that_is_not_refused_by_name_is_found(message: str) -> None:
    class Polite:
        def to_html(self, python_value: object) -> str:
            if isinstance(python_value, list):
                return "<p></p>"
            raise TypeError(message)

    failed = renderer_failures(Polite())
    assert "the TypeError does not name" in failed["test_a_wrong_type_is_refused_by_name"]


def test_a_wrong_type_that_is_drawn_is_found() -> None:
    class Anything:
        def to_html(self, python_value: object) -> str:
            return "<p></p>"

    assert set(renderer_failures(Anything())) == {"test_a_wrong_type_is_refused_by_name"}
    assert renderer_failures(Anything(), wrong=None) == {}


def test_a_contract_without_values_or_hostile_says_what_is_missing() -> None:
    contract = type("TestMine", (RendererContract,), {"renderer": ListRenderer(), "values": ()})()
    with pytest.raises(AssertionError, match=r"TestMine\.values is empty"):
        contract.test_nothing_is_loaded_from_a_network()
    with pytest.raises(NotImplementedError, match=r"TestMine must define hostile\(text\)"):
        contract.test_text_from_data_stays_text()


class Bad(TypeTransformer[Any]):
    """A transformer that is right, until a test breaks a part of it."""

    python_type = list
    name = "test.bad"

    def to_bytes(self, value: Any) -> Any:
        return json.dumps(value).encode()

    def from_bytes(self, data: bytes) -> Any:
        return json.loads(data)


class HalfPickled(JsonTransformer):
    """Another process gets less of it."""

    def __init__(self) -> None:
        self.known = {"1": 1}

    def __reduce__(self) -> Any:
        return (JsonTransformer, ())

    def to_bytes(self, value: Any) -> bytes:
        return b"one"

    def from_bytes(self, data: bytes) -> Any:
        return 1


def transformer_failures(transformer: Any, values: tuple[Any, ...]) -> set[str]:
    contract = type("Bad", (TransformerContract,), {"transformer": transformer, "values": values})
    return set(failures(contract()))


def test_a_good_transformer_fails_nothing() -> None:
    assert transformer_failures(JsonTransformer(), ([1], {"a": None})) == set()


def test_a_value_that_comes_back_different_is_found() -> None:
    found = transformer_failures(Bad(), ((1, 2),))
    assert "test_an_equal_value_comes_back" in found


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 81])
def test_a_name_that_does_not_fit_is_found(name: str) -> None:
    transformer = JsonTransformer()
    transformer.name = name
    assert transformer_failures(transformer, (1,)) == {"test_the_name_fits_into_a_journal"}


def test_bytes_that_are_none_are_found() -> None:
    class Mutable(JsonTransformer):
        def to_bytes(self, value: Any) -> Any:
            return bytearray(super().to_bytes(value))

    found = failures(type("Bad", (TransformerContract,), {"transformer": Mutable(), "values": (1,)})())
    assert "to_bytes gave bytearray" in found["test_each_value_becomes_bytes"]


def test_what_another_process_cannot_read_is_found() -> None:
    found = failures(type("Bad", (TransformerContract,), {"transformer": HalfPickled(), "values": (1,)})())
    assert set(found) == {"test_another_process_reads_what_this_one_wrote"}
    assert "JSONDecodeError" in found["test_another_process_reads_what_this_one_wrote"]


def test_an_import_that_loads_too_much_is_found() -> None:
    contract = type("Bad", (ImportContract,), {"package": "json", "lazy": ("json.decoder", "pandas")})()
    with pytest.raises(AssertionError, match=r"import json loads json\.decoder$"):
        contract.test_importing_loads_no_client()
