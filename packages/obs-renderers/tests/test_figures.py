"""Charts of plotly, matplotlib and Altair."""

import base64
import json
import re

import plotly.graph_objects as go
import pytest

from obs_renderers import AltairRenderer, MatplotlibRenderer, PlotlyRenderer

BAR = go.Figure(go.Bar(x=["EWR"], y=[1]))


def content(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def scripts(html):
    return re.findall(r"<script(?: data-obs-once)?>(.*?)</script>", html, re.DOTALL)


def test_every_chart_carries_the_same_library_so_that_a_report_keeps_it_once():
    first = PlotlyRenderer().to_html(BAR)
    second = PlotlyRenderer().to_html(go.Figure(go.Scatter(y=[1, 2])))

    assert scripts(first) == scripts(second)
    assert len(scripts(first)[0]) > 1_000_000


def test_what_differs_between_charts_is_small():
    html = PlotlyRenderer().to_html(BAR)

    assert len(html) - sum(map(len, scripts(html))) < 8_000
    assert [(bar["x"], bar["y"]) for bar in content(html)["data"]] == [(["EWR"], [1])]


def test_the_default_template_is_left_out_and_another_is_kept():
    white = go.Figure(BAR).update_layout(template="ggplot2")

    assert "template" not in content(PlotlyRenderer().to_html(BAR))["layout"]
    assert content(PlotlyRenderer().to_html(white))["own"] is True
    assert "template" in content(PlotlyRenderer().to_html(white))["layout"]


def test_matplotlib_figures_are_svg_and_the_same_bytes_each_time():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    figure.subplots().set_title("Delays")

    html = MatplotlibRenderer().to_html(figure)
    drawn = re.search(r"data:image/svg\+xml;base64,([^\"]+)", html)
    assert b"<!-- Delays -->" in base64.b64decode(drawn[1])
    assert html == MatplotlibRenderer().to_html(figure)


def test_a_matplotlib_figure_of_many_points_is_png():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    figure.subplots().scatter(range(20_000), range(20_000))

    assert "data:image/png;base64," in MatplotlibRenderer().to_html(figure)


def test_axes_stand_for_their_figure():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots()
    axes.set_title("Delays")

    assert 'alt="Figure: Delays"' in MatplotlibRenderer().to_html(axes)


def test_altair_charts_need_no_network():
    pytest.importorskip("vl_convert")
    alt = pytest.importorskip("altair")
    html = AltairRenderer().to_html(alt.Chart({"values": [{"x": 1}]}).mark_point().encode(x="x:Q"))

    assert content(html)["mark"]["type"] == "point"
    assert "<script src" not in html


def test_without_vl_convert_the_error_says_what_to_type(monkeypatch):
    import sys

    from obs_renderers import figures

    alt = pytest.importorskip("altair")
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    figures._vega.cache_clear()

    with pytest.raises(ImportError, match=r'pip install "obs-renderers\[altair\]"'):
        AltairRenderer().to_html(alt.Chart({"values": []}).mark_point())


def tiles(kind, **more):
    return getattr(go, kind)(lon=[2.3, -74], lat=[48.8, 40.7], **more)


MAPS = {
    "countries": (go.Figure(go.Choropleth(locations=["FRA", "BRA"], z=[1, 2])), ["world_110m"], ""),
    "states": (
        go.Figure(go.Choropleth(locations=["NY"], z=[1], locationmode="USA-states")).update_layout(geo_scope="usa"),
        ["usa_110m"],
        "",
    ),
    "finer": (
        go.Figure(go.Scattergeo(lon=[2], lat=[48])).update_layout(geo={"scope": "europe", "resolution": 50}),
        ["europe_110m"],
        "Outlines are drawn at 1 : 110 million",
    ),
    "tiles": (
        go.Figure(tiles("Scattermap")).update_layout(map_style="open-street-map"),
        ["world_110m"],
        "Drawn on outlines: the tiles of the map “open-street-map” would be loaded from a network.",
    ),
    "finer in the template": (
        go.Figure(go.Scattergeo(lon=[2], lat=[48])).update_layout(template={"layout": {"geo": {"resolution": 50}}}),
        ["world_110m"],
        "Outlines are drawn at 1 : 110 million",
    ),
    "in a frame": (
        go.Figure(BAR.data, frames=[go.Frame(data=[go.Scattergeo(lon=[2], lat=[48])])]),
        ["world_110m"],
        "",
    ),
    "shapes from an address": (
        go.Figure(go.Choropleth(geojson="https://example.com/a.json", locations=["a"], z=[1])),
        ["world_110m"],
        "Not shown, since it would be loaded from a network: https://example.com/a.json",
    ),
    "density": (go.Figure(tiles("Densitymap", z=[1, 2])), ["world_110m"], "Drawn on outlines"),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_bring_their_outlines_and_say_what_is_not_shown(name):
    figure, outlines, note = MAPS[name]
    html = PlotlyRenderer().to_html(figure)

    assert re.findall(r'PlotlyGeoAssets\.topojson\["(.*?)"\] = \{', html) == outlines
    assert note in html
    assert not any(trace["type"].endswith("map") for trace in content(html)["data"])


def test_a_chart_without_a_map_brings_no_outlines():
    html = PlotlyRenderer().to_html(BAR)

    assert 'topojson["' not in html
    assert [trace["type"] for trace in content(html)["data"]] == ["bar"]


def test_an_image_in_a_chart_that_would_be_loaded_is_named_instead():
    figure = go.Figure(BAR).add_layout_image(source="https://example.com/logo.png", x=0, y=0, sizex=1, sizey=1)
    html = PlotlyRenderer().to_html(figure)

    assert content(html)["layout"]["images"] == []
    assert "would be loaded from a network: https://example.com/logo.png" in html
    html = PlotlyRenderer().to_html(go.Figure(go.Image(source="https://example.com/logo.png")))
    assert "would be loaded from a network: https://example.com/logo.png" in html


def test_of_many_addresses_a_few_are_named():
    figure = go.Figure(BAR)
    for number in range(100):
        figure.add_layout_image(source=f"https://example.com/{number}.png", x=0, y=0, sizex=1, sizey=1)

    assert "https://example.com/4.png and 95 more</p>" in PlotlyRenderer().to_html(figure)


def test_altair_data_that_would_be_loaded_are_named():
    alt = pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    html = AltairRenderer().to_html(alt.Chart("https://example.com/flights.csv").mark_bar().encode(x="a:Q"))

    assert "Its data would be loaded from a network: https://example.com/flights.csv" in html


def test_altair_images_that_would_be_loaded_are_named():
    alt = pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    rows = {"values": [{"x": 1, "u": "https://example.com/a.png"}, {"x": 2, "u": "//example.com/b.png"}]}
    chart = alt.Chart(rows).encode(x="x:Q", url="u:N")

    assert "Its images would be loaded from a network: https://example.com/a.png, //example.com/b.png" in (
        AltairRenderer().to_html(chart.mark_image())
    )
    assert "from a network" not in AltairRenderer().to_html(chart.mark_point())
