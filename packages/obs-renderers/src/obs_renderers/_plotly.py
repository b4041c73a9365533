"""What every plotly chart of a report shares: plotly.js, outlines of maps, and a script that follows page and theme."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from obs_renderers._markup import escape, json_for_script, listed_addresses, script

__all__ = ["chart_html"]

_OUTLINES = Path(__file__).parent / "assets" / "outlines"
_ON_OUTLINES = ("scattergeo", "choropleth")
_TILED = {
    f"{kind}{tiles}": plain
    for tiles in ("map", "mapbox")
    for kind, plain in (("scatter", "scattergeo"), ("choropleth", "choropleth"), ("density", "scattergeo"))
}


@functools.cache
def library() -> str:
    """Give plotly.js of the installed plotly as a script element.

    It is the same bytes for each chart, so a report keeps one copy; a page that holds several runs it once.
    """
    from plotly.offline import get_plotlyjs

    return f"<script data-obs-once>\nif (!window.Plotly) {{\n{get_plotlyjs()}\n}}\n</script>"


def chart_html(figure: Any) -> str:
    """Write a plotly figure as HTML that holds the library, the theme script, and the figure by itself.

    The default template, 6 KB in each figure, is left out: the theme script has one for light and one for
    dark pages. A template that the user chose is kept. What plotly.js would load from a network is put in (its outlines
    of countries) or left out, and a line says so.

    Args:
        figure: A plotly Figure.
    """
    content = json.loads(figure.to_json(validate=False))
    data, layout = content.get("data", []), content.get("layout", {})
    own_template = not _is_default(figure)
    if not own_template:
        layout.pop("template", None)
    frames = content.get("frames", [])
    notes = list(_left_out(data, layout))
    loaded = _taken_out([data, layout, frames])
    if loaded:
        notes.append(f"Not shown, since it would be loaded from a network: {listed_addresses(loaded)}")
    drawn = data + [trace for frame in frames for trace in frame.get("data") or []]
    outlines = _outlines(drawn, layout)
    notes += _coarser(outlines)
    chart = {
        "data": data,
        "layout": layout,
        "frames": frames,
        "own": own_template,
        "outlines": outlines,
    }
    encoded = json_for_script(json.dumps(chart, separators=(",", ":")))
    starter = "<script>obsPlotly(document.currentScript.parentElement)</script>"
    scripts = "".join(_outline_script(name) for name in sorted(set(outlines.values())))
    return (
        f'<div class="chart"><noscript><p class="note">This chart needs scripts.</p></noscript>'
        f'<script type="application/json">{encoded}</script>{library()}{scripts}'
        f"{script('plotly_theme')}{starter}</div>" + "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    )


def _is_default(figure: Any) -> bool:
    import plotly.io as pio

    template = figure.layout.template
    if template is None or not template.to_plotly_json():
        return True
    name = pio.templates.default
    return isinstance(name, str) and name in ("plotly", "plotly_white") and template == pio.templates[name]


def _outlines(data: list[Any], layout: dict[str, Any]) -> dict[str, str]:
    """Name the outlines that the figure's maps ask for, each with those that come with this package."""
    used = {trace.get("geo") or "geo" for trace in data if trace.get("type") in _ON_OUTLINES}
    used |= {key for key in layout if key == "geo" or (key.startswith("geo") and key[3:].isdigit())}
    known = {}
    common = ((layout.get("template") or {}).get("layout") or {}).get("geo") or {}
    for subplot in used:
        asked = {**common, **(layout.get(subplot) or {})}
        scope = str(asked.get("scope") or "world").replace(" ", "-")
        name = f"{scope}_{asked.get('resolution') or 110}m"
        near = f"{scope}_110m"
        known[name] = near if (_OUTLINES / f"{near}.json.gz").exists() else "world_110m"
    return known


def _coarser(outlines: dict[str, str]) -> Iterator[str]:
    if any(name.endswith("_50m") for name in outlines):
        yield "Outlines are drawn at 1 : 110 million; the finer ones would be loaded from a network."


@functools.cache
def _outline_script(name: str) -> str:
    outlines = gzip.decompress((_OUTLINES / f"{name}.json.gz").read_bytes())
    start = "window.PlotlyGeoAssets = window.PlotlyGeoAssets || { topojson: {} };"
    return f"<script>\n{start}\nPlotlyGeoAssets.topojson[{json.dumps(name)}] = {json_for_script(outlines)};\n</script>"


def _left_out(data: list[Any], layout: dict[str, Any]) -> Iterator[str]:
    """Take out what would be loaded from a network, and say what it was."""
    tiled = {_subplot_of(trace) for trace in data if trace.get("type") in _TILED}
    for subplot in sorted(tiled):
        yield from _on_outlines(subplot, data, layout)


def _taken_out(part: Any) -> list[str]:
    """Take images and shapes that are addresses out of a part of a figure, and give the addresses."""
    found = []
    parts = [part]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            if _is_address(part.get("geojson")):
                found.append(part["geojson"])
                part["geojson"] = {"type": "FeatureCollection", "features": []}
            if part.get("type") == "image" and _is_address(part.get("source")):
                found.append(part.pop("source"))
            if isinstance(images := part.get("images"), list):
                found += [image["source"] for image in images if _is_image_to_load(image)]
                part["images"] = [image for image in images if not _is_image_to_load(image)]
            parts += reversed([value for value in part.values() if isinstance(value, (dict, list))])
        elif part and isinstance(part[0], (dict, list)):  # of a column of numbers nothing else need be looked at
            parts += reversed(part)
    return list(dict.fromkeys(found))


def _is_image_to_load(image: Any) -> bool:
    return isinstance(image, dict) and _is_address(image.get("source"))


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.lower().startswith(("http:", "https:", "//"))


def _subplot_of(trace: dict[str, Any]) -> str:
    return str(trace.get("subplot") or ("mapbox" if trace["type"].endswith("mapbox") else "map"))


def _on_outlines(subplot: str, data: list[Any], layout: dict[str, Any]) -> Iterator[str]:
    """Draw the data of a map of tiles on outlines of countries, as close as they lie."""
    tiles = layout.pop(subplot, {})
    geo = f"geo{len([key for key in layout if key.startswith('geo')]) + 1}".replace("geo1", "geo")
    layout[geo] = {
        "fitbounds": "locations",
        "showcountries": True,
        "showland": True,
        "projection": {"type": "mercator"},
    }
    if "domain" in tiles:
        layout[geo]["domain"] = tiles["domain"]
    for trace in data:
        if trace.get("type") in _TILED and _subplot_of(trace) == subplot:
            _move(trace, geo)
    style = tiles.get("style", "basic")
    name = f"“{style}”" if isinstance(style, str) else "of its own style"
    yield f"Drawn on outlines: the tiles of the map {name} would be loaded from a network."


def _move(trace: dict[str, Any], geo: str) -> None:
    """Turn a trace on tiles into the one on outlines that holds the same data."""
    kind = trace["type"]
    trace.update(type=_TILED[kind], geo=geo)
    for key in ("subplot", "below", "cluster", "radius"):
        trace.pop(key, None)
    if kind.startswith("density"):
        colours = {
            key: trace.pop(key) for key in ("colorscale", "coloraxis", "zmin", "zmax", "showscale") if key in trace
        }
        renamed = {{"zmin": "cmin", "zmax": "cmax"}.get(key, key): value for key, value in colours.items()}
        trace.update(mode="markers", marker={"color": trace.pop("z", None), **renamed})
    for key in ("symbol", "allowoverlap", "angle"):
        trace.get("marker", {}).pop(key, None)
