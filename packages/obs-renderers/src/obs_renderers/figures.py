"""Show charts of plotly, matplotlib and Altair."""

from __future__ import annotations

import functools
import io
import re
from typing import Any

from obs_renderers._markup import escape, fragment, json_for_script, listed_addresses, script
from obs_renderers._types import is_a, reject

__all__ = ["AltairRenderer", "MatplotlibRenderer", "PlotlyRenderer"]

_MAX_SVG = 400_000
_PNG_DPI = 160


class PlotlyRenderer:
    """Show a plotly figure that follows the page's width and its light or dark theme.

    plotly.js is in the HTML, always as the same bytes, so a report keeps it once however many charts it
    has. A width, or a template other than plotly's default, that the figure sets itself is kept. The outlines of
    countries that maps are drawn on are in the HTML too; a map of tiles is drawn on outlines, and a line says so.

    Examples:
        >>> import plotly.express as px
        >>> html = PlotlyRenderer().to_html(px.bar(x=["EWR", "JFK"], y=[120_835, 111_279]))
    """

    def to_html(self, figure: Any) -> str:
        """Render a plotly figure.

        Args:
            figure: A `plotly.graph_objects.Figure` or FigureWidget.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is no plotly figure.
        """
        if not is_a(figure, "plotly.BaseFigure"):
            reject(self, figure, "a plotly Figure")
        from obs_renderers._plotly import chart_html

        return fragment("plotly", chart_html(figure), styles=("figure",))


class MatplotlibRenderer:
    """Show a matplotlib figure, sharp at any size: as SVG, or as PNG where that would be large.

    Args:
        alt: What the figure shows, for those who cannot see it.

    Examples:
        >>> import matplotlib.pyplot as plt
        >>> figure, axes = plt.subplots()
        >>> html = MatplotlibRenderer(alt="Delays by hour").to_html(figure)
    """

    def __init__(self, alt: str = "") -> None:
        self._alt = alt

    def to_html(self, figure: Any) -> str:
        """Render a matplotlib figure.

        Args:
            figure: A matplotlib Figure, or an Axes, whose figure is then shown.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is neither.
        """
        if not is_a(figure, "matplotlib.FigureBase", "matplotlib.Axes", "matplotlib._AxesBase"):
            reject(self, figure, "a matplotlib Figure or Axes")
        while not hasattr(figure, "savefig"):  # axes stand for their figure, a part of a figure for the whole
            figure = figure.figure
        alt = escape(self._alt or _title_of(figure))
        source, width = _matplotlib_source(figure)
        return fragment(
            "image",
            f'<figure><img class="figure" src="{source}" alt="{alt}" width="{width}"></figure>',
            styles=("image",),
        )


def _title_of(figure: Any) -> str:
    titles = [
        figure.get_suptitle() if hasattr(figure, "get_suptitle") else "",
        *(ax.get_title() for ax in figure.axes),
    ]
    return "Figure: " + ", ".join(title for title in titles if title) if any(titles) else "Figure"


def _matplotlib_source(figure: Any) -> tuple[str, int]:
    """Save a figure as a data URL; gives its width in CSS pixels too."""
    import base64

    svg = _saved(figure, "svg")
    content, mime = (svg, "image/svg+xml") if len(svg) <= _MAX_SVG else (_saved(figure, "png"), "image/png")
    width = round(figure.get_size_inches()[0] * 96)
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}", width


def _saved(figure: Any, form: str) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    # Without these two the same figure would be other bytes each time, and be stored again.
    with matplotlib.rc_context({"svg.hashsalt": "obs"}):
        figure.savefig(
            buffer,
            format=form,
            dpi=_PNG_DPI,
            bbox_inches="tight",
            metadata={"Date": None} if form == "svg" else None,
        )
    return buffer.getvalue()


def matplotlib_png(figure: Any) -> tuple[bytes, tuple[int, int]]:
    """Save a figure as PNG; gives its size in CSS pixels too."""
    from PIL import Image

    content = _saved(figure, "png")
    width, height = Image.open(io.BytesIO(content)).size
    return content, (round(width * 96 / _PNG_DPI), round(height * 96 / _PNG_DPI))


class AltairRenderer:
    """Show an Altair chart without a network: with the scripts of `vl-convert-python`, kept once per report.

    Needs ``pip install "obs-renderers[altair]"``.

    Examples:
        >>> import altair as alt
        >>> chart = alt.Chart({"values": [{"x": 1, "y": 2}]}).mark_bar().encode(x="x:Q", y="y:Q")
        >>> html = AltairRenderer().to_html(chart)
    """

    def to_html(self, chart: Any) -> str:
        """Render an Altair chart.

        Args:
            chart: An Altair Chart, LayerChart, FacetChart or concatenation of them.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is no Altair chart.
            ImportError: vl-convert-python is not installed; the message says what to type.
        """
        if not is_a(chart, "altair.TopLevelMixin"):
            reject(self, chart, "an Altair chart")
        content = chart.to_json(indent=None)
        spec = json_for_script(content)
        starter = "<script>obsVega(document.currentScript.parentElement)</script>"
        scripts = _vega() + script("vega_theme") + starter
        body = f'<div class="chart"><script type="application/json">{spec}</script>{scripts}</div>{_needed(content)}'
        return fragment("altair", body, styles=("figure",))


_ADDRESS = re.compile(r"""(?:https?:)?//[^\s"'\\)]+""", re.IGNORECASE)
_AT_URL = re.compile(rf'"url": ?"({_ADDRESS.pattern})"', re.IGNORECASE)
_OF_IMAGES = re.compile(r'"(?:mark|type)": ?"image"')


def _needed(spec: str) -> str:
    """Say which data and images a chart would load from a network."""
    urls = dict.fromkeys(_AT_URL.findall(spec))
    told = f'<p class="note">Its data would be loaded from a network: {escape(listed_addresses(urls))}</p>'
    notes = told if urls else ""
    if _OF_IMAGES.search(spec):  # of which the addresses are in the data, or put together from them
        rest = re.sub(r'"\$schema": ?"[^"]*"', "", spec)
        images = dict.fromkeys(url for url in _ADDRESS.findall(rest) if url not in urls)
        told = f'<p class="note">Its images would be loaded from a network: {escape(listed_addresses(images))}</p>'
        notes += told if images else ""
    return notes


@functools.cache
def _vega() -> str:
    """Give Vega-Embed as a script element, the same bytes for each chart; a page runs it once."""
    try:
        import vl_convert
    except ImportError:
        raise ImportError(
            'an Altair chart needs vl-convert-python to be shown offline; type: pip install "obs-renderers[altair]"'
        ) from None
    make_bundle: Any = vl_convert.javascript_bundle  # its stub requires what is optional
    return f"<script data-obs-once>\nif (!window.vegaEmbed) {{\n{make_bundle()}\n}}\n</script>"
