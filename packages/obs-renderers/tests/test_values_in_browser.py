"""Whatever a tree, a Markdown text, an image or a chart holds is what a reader sees.

It is read back in a browser, and compared with what was put in or with what the library that made it says.
"""

import io
import json
import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from obs_core.text.controls import visible, visible_lines
from obs_renderers import ImageRenderer, MarkdownRenderer, PlotlyRenderer, TreeRenderer
from obs_renderers._plotly import library

go = pytest.importorskip("plotly.graph_objects")
pytestmark = pytest.mark.browser

AT_RANDOM = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.fixture(scope="module")
def page(browser):
    """A page without a network; what fails in its scripts fails the test."""
    page = browser.new_context(viewport={"width": 1000, "height": 900}, offline=True).new_page()
    trouble = []
    page.on("pageerror", lambda error: trouble.append(str(error)))

    def shown(html):
        # Parsed as part of a page, so that its scripts run; plotly.js, which is the same each time, is there already.
        page.evaluate(
            "html => document.body.replaceChildren(document.createRange().createContextualFragment(html))",
            html.replace(library(), ""),
        )

    page.set_content(f"<!doctype html><meta charset=utf-8><body>{library()}</body>")

    page.shown = shown
    yield page
    assert trouble == []


# ---- trees -----------------------------------------------------------------------------------------------------

READ_TREE = """() => {
  const read = (item) => {
    const details = item.querySelector(":scope > details");
    const head = details ? details.querySelector(":scope > summary") : item;
    const key = head.querySelector(":scope > .key");
    const value = item.querySelector(":scope > .value");
    const parts = details ? [...details.querySelectorAll(":scope > ul > li")].map(read) : null;
    const note = head.querySelector(":scope > .note");
    return [key && key.textContent, value ? [value.className, value.textContent] : note.textContent, parts];
  };
  return read(document.querySelector(".obs-tree > ul > li"));
}"""
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXTS | st.binary(max_size=8)
NESTED = st.recursive(
    LEAVES,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.lists(parts, max_size=3).map(tuple)
        | st.dictionaries(TEXTS | st.integers(-9, 9), parts, max_size=4)
    ),
    max_leaves=15,
)


def told(value, key=None):
    """What a reader must see of a nested value."""
    name = None if not key else f"{visible(key)}:"
    kind = type(value).__name__
    if isinstance(value, dict):
        parts = [told(part, str(each)) for each, part in value.items()]
        return [name, f"dict · {len(value)} key{'' if len(value) == 1 else 's'}", parts or None]
    if isinstance(value, (list, tuple)):
        parts = [told(part, str(place)) for place, part in enumerate(value)]
        return [name, f"{kind} · {len(value)} item{'' if len(value) == 1 else 's'}", parts or None]
    return [name, leaf(value), None]


def leaf(value):
    if value is None:
        return ["value none", "None"]
    if isinstance(value, str):
        return ["value text", visible_lines(value)]
    if isinstance(value, bool):
        return ["value boolean", str(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return ["value other", "NaN"] if value != value else ["value number", "∞" if value > 0 else "-∞"]
    return [f"value {'number' if isinstance(value, (int, float)) else 'other'}", str(value)]


def normal(tree):
    """HTML knows one kind of line end."""
    return json.loads(json.dumps(tree).replace("\\r\\n", "\\n").replace("\\r", "\\n"))


@AT_RANDOM
@given(value=st.lists(NESTED, max_size=4) | st.dictionaries(TEXTS, NESTED, max_size=4))
def test_any_tree_shows_what_it_holds(page, value):
    page.shown(TreeRenderer().to_html(value))

    assert normal(page.evaluate(READ_TREE)) == normal(told(value))


# ---- markdown --------------------------------------------------------------------------------------------------

WORDS = st.lists(st.text("abcdefghijklmnopqrstuvwxyzäßø", min_size=1, max_size=8), min_size=1, max_size=6).map(" ".join)
CODES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30).map(
    lambda text: f"x{text}x".replace("`", "'")
)
ROWS = st.integers(1, 4).flatmap(
    lambda columns: st.lists(st.lists(WORDS, min_size=columns, max_size=columns), min_size=2, max_size=4)
)
BLOCKS = st.one_of(
    st.tuples(st.just("h"), st.integers(1, 6), WORDS),
    st.tuples(st.just("p"), WORDS),
    st.tuples(st.just("code"), CODES),
    st.tuples(st.just("ul"), st.lists(WORDS, min_size=1, max_size=4)),
    st.tuples(st.just("ol"), st.lists(WORDS, min_size=1, max_size=4)),
    st.tuples(st.just("table"), ROWS),
    st.tuples(st.just("quote"), WORDS),
    st.tuples(st.just("tasks"), st.lists(st.tuples(st.booleans(), WORDS), min_size=1, max_size=3)),
)
READ_MARKDOWN = """() => [...document.querySelector(".obs-markdown").children].map((block) => {
  const text = (element) => element.textContent.trim();
  const texts = (selector, within = block) => [...within.querySelectorAll(selector)].map(text);
  const kind = block.localName;
  const boxes = [...block.querySelectorAll("input[type=checkbox]")].map((box) => box.checked);
  if (boxes.length) return ["tasks", texts("li").map((said, place) => [boxes[place], said])];
  if (/^h\\d$/.test(kind)) return ["h", Number(kind[1]), block.textContent];
  if (kind === "ul" || kind === "ol") return [kind, texts("li")];
  const table = kind === "table" ? block : block.querySelector("table");
  if (table) return ["table", [...table.rows].map((row) => texts("th, td", row))];
  if (kind === "blockquote") return ["quote", block.textContent.trim()];
  return [kind === "pre" ? "code" : kind, block.textContent];
})"""


def written(block):
    kind, *what = block
    if kind == "h":
        return f"{'#' * what[0]} {what[1]}"
    if kind == "code":
        return f"````\n{what[0]}\n````"
    if kind == "ul":
        return "\n".join(f"- {item}" for item in what[0])
    if kind == "ol":
        return "\n".join(f"{place}. {item}" for place, item in enumerate(what[0], 1))
    if kind == "tasks":
        return "\n".join(f"- [{'x' if done else ' '}] {item}" for done, item in what[0])
    if kind == "table":
        head, *rows = (f"| {' | '.join(cells)} |" for cells in what[0])
        return "\n".join([head, f"|{'---|' * len(what[0][0])}", *rows])
    return f"> {what[0]}" if kind == "quote" else what[0]


@AT_RANDOM
@given(blocks=st.lists(BLOCKS, min_size=1, max_size=6))
def test_any_markdown_shows_its_blocks(page, blocks):
    # A comment stands between two lists, which would else be one.
    page.shown(MarkdownRenderer().to_html("\n\n<!-- -->\n\n".join(map(written, blocks))))

    assert page.evaluate(READ_MARKDOWN) == json.loads(json.dumps(blocks))


# ---- images ----------------------------------------------------------------------------------------------------

READ_IMAGE = """async () => {
  const image = document.querySelector(".obs-image img");
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", { colorSpace: "srgb" });
  context.drawImage(image, 0, 0);
  return [image.naturalHeight, image.naturalWidth, [...context.getImageData(0, 0, canvas.width, canvas.height).data]];
}"""


def pixels_of(page, html):
    page.shown(html)
    height, width, values = page.evaluate(READ_IMAGE)
    return np.array(values, np.uint8).reshape(height, width, 4)


MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "RGBX"]
FORMS = {"array": ["1", "L", "RGB", "RGBA"], "PNG": [*MODES[:7]], "TIFF": ["1", "L", "P", "RGB", "RGBA", "I;16"]}
FORMS |= {"GIF": ["P"], "WEBP": ["RGB", "RGBA"], "object": MODES}
"""The ways in which an image is given, and the modes that each can hold without a change."""


@AT_RANDOM
@given(
    given_as=st.sampled_from([(form, mode) for form, modes in FORMS.items() for mode in modes]),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 99),
)
def test_any_image_shows_its_pixels(page, given_as, size, seed):
    (form, mode), (width, height) = given_as, size
    random = np.random.default_rng(seed)
    colours = Image.fromarray(random.integers(0, 256, (height, width, 4), np.uint8))
    # A browser rounds what is half transparent.
    colours.putalpha(Image.fromarray((random.random((height, width)) > 0.3).astype(np.uint8) * 255))
    image = colours.convert("L").convert(mode) if mode == "I;16" else colours.convert(mode)
    value = np.asarray(image) if form == "array" else image
    if form in ("PNG", "TIFF", "GIF", "WEBP"):
        saved = io.BytesIO()
        image.save(saved, form, **({"lossless": True} if form == "WEBP" else {}))
        value = saved.getvalue()
        image = Image.open(io.BytesIO(value))
    found = pixels_of(page, ImageRenderer().to_html(value))

    if mode == "I;16":
        check_grey(found, np.asarray(image))
    else:
        expected = np.asarray(image.convert("RGBA"))
        assert found.shape == expected.shape
        assert (found[..., 3] == expected[..., 3]).all()
        assert (found[expected[..., 3] == 255] == expected[expected[..., 3] == 255]).all()


def check_grey(found, levels):
    """Sixteen bits are shown in eight: in the same order, and each colour is a grey."""
    greys = found[..., 0].astype(int)
    assert (found[..., :3] == found[..., :1]).all()
    order = np.argsort(levels.ravel(), kind="stable")
    assert (np.diff(greys.ravel()[order]) >= 0).all()


# ---- plotly ----------------------------------------------------------------------------------------------------

DRAWN_MAP = """async () => {
  const plot = document.querySelector(".obs-plotly .plot");
  const length = (path) => (path.getAttribute("d") || "").length;
  const lines = () => [...plot.querySelectorAll(":is(.coastlines, .countries) path")];
  const drawn = () => lines().some((path) => length(path) > 999);
  for (let turn = 0; turn < 200 && !drawn(); turn += 1) await new Promise((done) => setTimeout(done, 20));
  return drawn();
}"""


def test_a_map_is_drawn_without_a_network_whatever_part_of_the_world_a_button_asks_for(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    figure = go.Figure(
        go.Scattergeo(lon=[2, 100], lat=[48, 9]), layout={"template": {"layout": {"geo": {"resolution": 50}}}}
    )
    page.shown(PlotlyRenderer().to_html(figure))
    assert page.evaluate(DRAWN_MAP)
    page.evaluate("() => Plotly.relayout(document.querySelector('.obs-plotly .plot'), {'geo.scope': 'asia'})")
    assert page.evaluate(DRAWN_MAP)
    page.shown(
        PlotlyRenderer().to_html(
            go.Figure(go.Scattergeo(lon=[2, 100], lat=[48, 9]), layout={"geo": {"scope": "africa"}})
        )
    )
    assert page.evaluate(DRAWN_MAP)
    assert page.evaluate("() => Object.keys(PlotlyGeoAssets.topojson.africa_110m.objects).includes('coastlines')")
    assert [url for url in asked if url.startswith("http")] == []


NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6, allow_subnormal=False) | st.none()
TRACES = st.tuples(
    st.sampled_from(["bar", "lines", "markers"]),
    TEXTS.map(lambda text: re.sub(r"[<>&{}$%\\]|\s", "", text)),
    st.lists(NUMBERS, min_size=1, max_size=8),
)
READ_PLOTLY = """async () => {
  const plot = document.querySelector(".obs-plotly .plot");
  for (let turn = 0; turn < 200 && !(plot.calcdata && plot.querySelector(".main-svg")); turn += 1) {
    await new Promise((done) => setTimeout(done, 20));
  }
  return plot.calcdata.map((points) => {
    const { trace } = points[0];
    const known = points.filter((point) => typeof (trace.type === "bar" ? point.s : point.y) === "number");
    return [trace.name, known.map((point) => [point.i ?? point.p, trace.type === "bar" ? point.s : point.y])];
  });
}"""
READ_PAINTED = """() => [...document.querySelectorAll(".obs-plotly .trace.bars")].map((trace) =>
  [...trace.querySelectorAll(".point path")].filter((path) => path.getBBox().height > 0.5).length)"""


def figure_of(traces):
    figure = go.Figure()
    for kind, name, values in traces:
        trace = go.Bar(y=values) if kind == "bar" else go.Scatter(y=values, mode=kind)
        figure.add_trace(trace.update(name=name))
    return figure.update_layout(barmode="group")


@AT_RANDOM
@given(traces=st.lists(TRACES, min_size=1, max_size=3))
def test_any_chart_draws_the_values_of_its_figure(page, traces):
    figure = figure_of(traces)
    page.shown(PlotlyRenderer().to_html(figure))

    assert page.evaluate(READ_PLOTLY) == [
        [name, [[place, value] for place, value in enumerate(values) if value is not None]]
        for _, name, values in traces
    ]


def test_bars_are_as_many_as_the_values_that_are_not_zero(page):
    page.shown(PlotlyRenderer().to_html(figure_of([("bar", "a", [3, None, -2, 0, 5])])))
    page.evaluate(READ_PLOTLY)

    assert page.evaluate(READ_PAINTED) == [3]
