"""What shows itself in notebooks shows itself in decks."""

import base64
import re

import pytest

from obs_core.rendering import render
from obs_renderers import HtmlReprRenderer

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ENCODED = base64.b64encode(PNG).decode()


def showing(**answers):
    """Make an object whose methods for notebooks give these answers."""
    methods = {f"_repr_{name}_": lambda self, *_, answer=answer, **__: answer for name, answer in answers.items()}
    return type("Shown", (), methods)()


def raises(self, *_, **__):
    raise RuntimeError("no comm")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"svg": "<svg width='10' height='10'></svg>"}, "<svg width='10'"),
        ({"png": PNG}, f'src="data:image/png;base64,{ENCODED}"'),
        ({"png": ENCODED}, f'src="data:image/png;base64,{ENCODED}"'),
        ({"png": (PNG, {"width": 40, "height": 30})}, 'width="40" height="30"'),
        ({"jpeg": b"\xff\xd8"}, 'src="data:image/jpeg;base64,/9g="'),
        ({"markdown": "# A title"}, "<h1>A title</h1>"),
        ({"latex": r"$\frac{a}{b} < 1$"}, r"$\frac{a}{b} &lt; 1$"),
        ({"mimebundle": {"text/html": "<b>bundle</b>", "text/plain": "x"}}, "<b>bundle</b>"),
        ({"mimebundle": ({"image/png": PNG}, {"image/png": {"width": 7}})}, 'width="7"'),
        ({"mimebundle": {"application/vnd.widget+json": {}, "text/plain": "Slider(3)"}}, "Slider(3)"),
        ({"mimebundle": {}, "svg": "<svg id='s'></svg>"}, "<svg id='s'>"),
        ({"html": None, "png": PNG}, "data:image/png"),
        ({"html": "<i>first</i>", "png": PNG, "markdown": "# last"}, "<i>first</i>"),
    ],
)
def test_the_richest_of_what_it_gives_is_shown(answers, expected):
    assert expected in render(showing(**answers))


def test_one_method_that_raises_leaves_it_to_the_others():
    kind = type("Widget", (), {"_repr_mimebundle_": raises, "_repr_html_": lambda self: "<b>plain</b>"})

    assert "<b>plain</b>" in render(kind())


def test_where_all_raise_the_repr_is_shown_with_a_note(monkeypatch):
    monkeypatch.delenv("OBS_STRICT", raising=False)
    kind = type("Widget", (), {"_repr_svg_": raises, "__repr__": lambda self: "Widget(3)"})

    with pytest.warns(match="no comm"):
        html = render(kind())
    assert "its own _repr_svg_ failed on this Widget" in html
    assert "Widget(3)" in html


def test_a_class_is_no_object_that_shows_itself():
    html = re.sub(r"<style>.*?</style>", "", render(type(showing(svg="<svg id='x'></svg>"))), flags=re.DOTALL)
    assert "svg" not in html
    assert "Shown" in html


def test_text_in_an_image_cannot_leave_its_attribute():
    assert "onerror" not in render(showing(png='"><img onerror=hack()>'))


def test_one_that_shows_nothing_is_refused_when_that_is_asked_for():
    with pytest.raises(TypeError, match="HtmlReprRenderer got"):
        HtmlReprRenderer().to_html(showing(html=None))


def test_a_display_that_loads_from_a_network_says_from_where():
    folium = '<iframe srcdoc="&lt;script src=&quot;https://cdn.jsdelivr.net/npm/leaflet.js&quot;&gt;"></iframe>'

    assert "This display loads from cdn.jsdelivr.net: without a network it may be blank." in render(
        showing(html=folium)
    )
    assert "loads from" not in render(showing(html='<a href="https://example.org">docs</a>'))


@pytest.mark.parametrize(
    "html",
    [
        "<img srcset='data:x 1x, https://x.org/a.png 2x'>",
        "<img alt=a src=https://x.org/a.png>",
        "<img src='//x.org/a.png'>",
        "<style>@import url(//x.org/a.css)</style>",
        "<style>@import 'https://x.org/a.css'</style>",
        "<p style='background: url( &quot;https://x.org/a.png&quot;)'>a</p>",
        "<script>fetch('https://x.org')</script>",
        "<script type=module>import draw from 'https://x.org/a.js'</script>",
        "<script>const image = new Image(); image.src = `https://x.org/a.png`</script>",
        "<script>request.open('GET', 'https://x.org/a.json')</script>",
        "<svg><use xlink:href='https://x.org/a.svg#a'></use></svg>",
        "<video poster='https://x.org/a.jpg'></video>",
        "<object data='https://x.org/a.pdf'></object>",
    ],
)
def test_whatever_a_display_loads_it_says_so(html):
    assert "This display loads from x.org: without a network it may be blank." in render(showing(html=html))


@pytest.mark.parametrize(
    "html",
    [
        '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        "<script>var docs = 'https://x.org'; // see https://x.org</script>",
        "<img src='data:image/png;base64,ab//cd'>",
        "<p>https://x.org</p><a href=//x.org>a</a>",
        "<style>p { background: url(#a) }</style>",
    ],
)
def test_what_names_an_address_and_does_not_load_it_says_nothing(html):
    assert "loads from" not in render(showing(html=html))


@pytest.mark.parametrize("empty", ["", " \n"])
def test_a_display_that_is_empty_is_none(empty):
    assert "Shown object" in render(showing(html=empty))
    assert "<svg" in render(showing(html=empty, svg="<svg></svg>"))
