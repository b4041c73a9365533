"""What holds for all renderers at once."""

import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import obs_renderers as r
import obs_renderers.dependencies

HOSTILE = "</script></style></title><img src=x onerror=hack()>\"'><b id=hacked>&amp;"
SURROGATE = "lone \ud800 surrogate"


def hostile_frame():
    return pd.DataFrame(
        {
            HOSTILE: pd.Series([HOSTILE, SURROGATE, None], dtype=object),
            f"n{HOSTILE}": [1.5, np.nan, 3.0],
            ("a", HOSTILE): [{HOSTILE: [HOSTILE]}] * 3,
        },
    ).set_index(pd.Index([HOSTILE, 1, None], name=HOSTILE, dtype=object))


def times(name):
    return [{"Name": name, "Start": datetime(2026, 1, 1), "Finish": datetime(2026, 1, 2)}]


class Printed:
    def __repr__(self):
        return HOSTILE


def raised():
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        error.add_note(HOSTILE)
        return error


def plotly_figure():
    import plotly.graph_objects as go

    return go.Figure(go.Bar(x=[HOSTILE], y=[1], name=HOSTILE))


def matplotlib_figure():
    plt = pytest.importorskip("matplotlib.figure")
    figure = plt.Figure()
    figure.subplots().set_title(HOSTILE.replace("$", ""))
    return figure


def altair_chart():
    pytest.importorskip("vl_convert")
    alt = pytest.importorskip("altair")
    return alt.Chart(pd.DataFrame({"x": [HOSTILE]}), title=HOSTILE).mark_bar().encode(x="x:N")


def arrow_table():
    pa = pytest.importorskip("pyarrow")
    return pa.table({HOSTILE: [HOSTILE], "b": [1]}).replace_schema_metadata({HOSTILE: HOSTILE})


def polars_frame():
    pl = pytest.importorskip("polars")
    return pl.DataFrame({HOSTILE: [HOSTILE, None], "b": [1, 2]})


def image():
    from PIL import Image

    return Image.new("RGB", (2000, 10))


CASES = {
    "ArrowRenderer": lambda: r.ArrowRenderer().to_html(arrow_table()),
    "ArrayRenderer": lambda: r.ArrayRenderer().to_html(np.array([HOSTILE, SURROGATE, Printed()], dtype=object)),
    "AltairRenderer": lambda: r.AltairRenderer().to_html(altair_chart()),
    "BoxRenderer": lambda: r.BoxRenderer(f"n{HOSTILE}").to_html(hostile_frame()),
    "BoxRenderer plotly": lambda: r.BoxRenderer(f"n{HOSTILE}", engine="plotly").to_html(hostile_frame()),
    "FrameProfilingRenderer": lambda: r.FrameProfilingRenderer(HOSTILE).to_html(hostile_frame()),
    "GanttChartRenderer": lambda: r.GanttChartRenderer().to_html(times(HOSTILE)),
    "ImageRenderer": lambda: r.ImageRenderer(alt=HOSTILE, caption=HOSTILE).to_html(image()),
    "MatplotlibRenderer": lambda: r.MatplotlibRenderer(alt=HOSTILE).to_html(matplotlib_figure()),
    "MarkdownRenderer": lambda: r.MarkdownRenderer().to_html("```\n" + HOSTILE + "\n```\n`" + HOSTILE + "`"),
    "ObjectRenderer": lambda: r.ObjectRenderer().to_html(Printed()),
    "NotebookRenderer": lambda: r.NotebookRenderer().to_html(
        {"cells": [{"cell_type": "code", "source": HOSTILE, "outputs": [{"output_type": "stream", "text": [HOSTILE]}]}]}
    ),
    "PlotlyRenderer": lambda: r.PlotlyRenderer().to_html(plotly_figure()),
    "PythonDependencyRenderer": lambda: r.PythonDependencyRenderer(HOSTILE).to_html(
        [r.dependencies.Package(HOSTILE, HOSTILE, HOSTILE, HOSTILE)]
    ),
    "SourceCodeRenderer": lambda: r.SourceCodeRenderer(HOSTILE).to_html(f"x = '''{HOSTILE}{SURROGATE}'''"),
    "TableRenderer": lambda: r.TableRenderer().to_html(hostile_frame()),
    "TableRenderer polars": lambda: r.TableRenderer().to_html(polars_frame()),
    "TopFrameRenderer": lambda: r.TopFrameRenderer().to_html(hostile_frame()),
    "TopFrameRenderer polars": lambda: r.TopFrameRenderer().to_html(polars_frame()),
    "TracebackRenderer": lambda: r.TracebackRenderer().to_html(raised()),
    "TreeRenderer": lambda: r.TreeRenderer().to_html({HOSTILE: [HOSTILE, SURROGATE, Printed()]}),
}


SCRIPTED = {"AltairRenderer", "PlotlyRenderer", "BoxRenderer plotly"}
"""What is drawn by a script, whose data are compared in `test_figures` and in `test_values_in_browser`."""


class Elements(HTMLParser):
    """Collects the elements that a browser would make, with their attributes."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.read = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.read += [value for name, value in attrs if name in ("alt", "title")]

    def handle_data(self, data):
        if not self.found or self.found[-1][0] not in ("script", "style"):
            self.read.append(data)

    def handle_endtag(self, tag):
        self.found.append((f"/{tag}", {}))


@pytest.fixture(params=CASES, scope="module")
def page(request):
    """A page of hostile text, in which a reader finds it all the same: an empty page is harmless, and no use."""
    html = CASES[request.param]()
    if request.param in SCRIPTED:
        assert re.search(r"hack\(\)|data:image/svg", html)
    else:
        assert HOSTILE in "".join(Elements(html).read)
    return html


def test_hostile_text_makes_no_element_and_no_handler(page):
    elements = Elements(page).found

    assert [e for e in elements if e[1].get("id") == "hacked" or "onerror" in e[1]] == []
    assert [e for e in elements if e[0] in ("iframe", "object", "embed", "base", "meta", "link")] == []


def test_scripts_and_styles_end_where_they_should(page):
    assert page.lower().count("<script") == page.lower().count("</script")
    assert page.lower().count("<style") == page.lower().count("</style")


def test_nothing_is_loaded_from_a_network(page):
    sources = [attrs.get("src") or "" for _, attrs in Elements(page).found]

    assert [source[:30] for source in sources if source and not source.startswith("data:")] == []
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "@import" not in styles
    assert "url(" not in styles


def test_the_page_can_be_written_as_utf8(page):
    assert page.encode("utf-8")


WRONG = {
    "ArrowRenderer": (
        lambda: r.ArrowRenderer().to_html(3),
        "ArrowRenderer got int; it takes a pyarrow Table",
    ),
    "ArrayRenderer": (
        lambda: r.ArrayRenderer().to_html([1]),
        "ArrayRenderer got list; it takes a numpy array",
    ),
    "AltairRenderer": (
        lambda: r.AltairRenderer().to_html({}),
        "AltairRenderer got dict; it takes an Altair chart",
    ),
    "BoxRenderer": (
        lambda: r.BoxRenderer("a").to_html({"a": [1]}),
        "BoxRenderer got dict; it takes a DataFrame",
    ),
    "FrameProfilingRenderer": (
        lambda: r.FrameProfilingRenderer().to_html(None),
        "FrameProfilingRenderer got NoneType; it takes a DataFrame",
    ),
    "GanttChartRenderer": (
        lambda: r.GanttChartRenderer().to_html(1),
        "GanttChartRenderer got int; it takes a DataFrame",
    ),
    "HtmlReprRenderer": (
        lambda: r.HtmlReprRenderer().to_html(1),
        "HtmlReprRenderer got int; it takes an object",
    ),
    "ImageRenderer": (
        lambda: r.ImageRenderer().to_html(1.5),
        "ImageRenderer got float; it takes a PIL image",
    ),
    "MarkdownRenderer": (
        lambda: r.MarkdownRenderer().to_html(cast(Any, b"x")),
        "MarkdownRenderer got bytes; it takes a string",
    ),
    "MatplotlibRenderer": (
        lambda: r.MatplotlibRenderer().to_html("x"),
        "MatplotlibRenderer got str; it takes a matplotlib Figure",
    ),
    "PlotlyRenderer": (
        lambda: r.PlotlyRenderer().to_html({}),
        "PlotlyRenderer got dict; it takes a plotly Figure",
    ),
    "SourceCodeRenderer": (
        lambda: r.SourceCodeRenderer().to_html(cast(Any, print)),
        "SourceCodeRenderer got builtin_function_or_method; it takes a string of source code",
    ),
    "DatasetRenderer": (
        lambda: r.DatasetRenderer().to_html([1]),
        "DatasetRenderer got list; it takes a Hugging Face Dataset",
    ),
    "NotebookRenderer": (lambda: r.NotebookRenderer().to_html({}), "NotebookRenderer got dict; it takes a notebook"),
    "TableRenderer": (lambda: r.TableRenderer().to_html([1]), "TableRenderer got list; it takes a DataFrame"),
    "TopFrameRenderer": (
        lambda: r.TopFrameRenderer().to_html(np.arange(3)),
        "TopFrameRenderer got numpy.ndarray; it takes a DataFrame",
    ),
    "TracebackRenderer": (
        lambda: r.TracebackRenderer().to_html("x"),
        "TracebackRenderer got str; it takes an exception",
    ),
    "TreeRenderer": (lambda: r.TreeRenderer().to_html(3), "TreeRenderer got int; it takes a dict"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_type_names_the_renderer_what_it_got_and_what_it_takes(name):
    render, message = WRONG[name]

    with pytest.raises(TypeError, match=re.escape(message)):
        render()


def test_every_renderer_is_covered_here():
    named = {name for name in r.__all__ if name.endswith("Renderer")}

    assert named - {case.partition(" ")[0] for case in CASES} == {"DatasetRenderer", "HtmlReprRenderer"}
    assert named - set(WRONG) == {"ObjectRenderer", "PythonDependencyRenderer"}
