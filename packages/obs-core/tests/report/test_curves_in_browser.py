"""What a reader sees of curves: a dot where there is no line, and labels that are whole and tell ticks apart."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import obs_core.report
from obs_core.rendering import render
from obs_core.text.numbers import precise
from obs_core.values.curves import Columns, Curve, Curves

pytestmark = pytest.mark.browser

NOTED = """() => {
  window.texts = [];
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...where) {
    const { width } = this.measureText(text);
    const { e, f } = this.getTransform();
    const at = { left: 0, start: 0, center: width / 2, right: width, end: width }[this.textAlign];
    window.texts.push({ text, left: where[0] + e - at, top: where[1] + f, side: this.textAlign });
    return fillText.call(this, text, ...where);
  };
}"""
PAINTED = """canvas => {
  const [area, blue] = [canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, [47, 91, 216]];
  let found = 0;
  for (let place = 0; place < area.length; place += 4) {
    found += blue.every((part, index) => Math.abs(area[place + index] - part) < 8) && area[place + 3] > 200;
  }
  return found;
}"""


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


@pytest.fixture
def show(browser: Any) -> Any:
    """Draw a metric's values, and give the page."""
    context = browser.new_context(viewport={"width": 900, "height": 600}, offline=True)

    def shown(*values: float) -> Any:
        page = context.new_page()
        page.evaluate(NOTED)
        columns = Columns(array("q", range(len(values))), array("q", range(len(values))), array("d", values))
        html = "".join(map(str, [render(Curves([Curve.of("loss", columns)], {}, []))]))
        page.set_content(f'<!doctype html><html data-theme="light"><body>{html}</body></html>')
        page.locator("canvas").first.wait_for()
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return page

    yield shown
    context.close()


def ticks_of(page: Any) -> list[dict[str, Any]]:
    """What was written at the left axis."""
    written: list[dict[str, Any]] = page.evaluate("window.texts")
    return [one for one in written if one["side"] == "right" and one["text"]]


def test_a_curve_of_one_point_is_a_dot(show: Callable[..., Any]) -> None:
    page = show(0.25)
    assert page.locator("canvas").first.evaluate(PAINTED) > 12
    assert page.locator(".aside").text_content() == "1 point"


def test_a_point_between_gaps_is_a_dot(show: Callable[..., Any]) -> None:
    alone = [math.nan if number % 2 else 1.0 + number for number in range(1_000)]
    assert show(*alone).locator("canvas").first.evaluate(PAINTED) > 100


@pytest.mark.parametrize("value", [0.45698743, -1.23456e-9, 1.5e12, -987_654.321, 0.0, 1_000_000.25])
def test_labels_of_an_axis_are_not_cut(show: Callable[..., Any], value: float) -> None:
    for values in ([value], [value, value * 1.0000004], [value, -value]):
        ticks = ticks_of(show(*values))
        assert ticks
        assert [one for one in ticks if one["left"] < 0] == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((1e301, 2e301, 3e301), {"1e+301", "2e+301", "3e+301"}),
        ((-1.5e308, 1.5e308), {"-1e+308", "0", "1e+308"}),
        ((1e-299, 2e-299), {"1e-299", "2e-299"}),
        ((1e301, math.nan, math.inf, 2e301), {"1e+301", "2e+301"}),
    ],
)
def test_the_axis_of_huge_and_of_tiny_values_has_labels(
    show: Callable[..., Any], values: tuple[float, ...], told: set[str]
) -> None:
    ticks = ticks_of(show(*values))
    assert {one["text"] for one in ticks} >= told
    assert [one for one in ticks if one["left"] < 0] == []


@pytest.mark.parametrize("values", [(math.nan,), (math.nan, math.inf, math.nan)])
def test_a_chart_of_nothing_that_can_be_drawn_says_so(show: Callable[..., Any], values: tuple[float, ...]) -> None:
    page = show(*values)
    assert ticks_of(page) == []
    told = page.locator(".plot").evaluate("place => getComputedStyle(place, '::after').content")
    assert told == '"No value can be drawn: none is finite"'


def test_a_chart_of_values_says_nothing_of_the_kind(show: Callable[..., Any]) -> None:
    page = show(1.0, math.nan)
    assert page.locator(".plot").evaluate("place => getComputedStyle(place, '::after').content") == "none"
    page.get_by_label("log scale").check()
    expect(page.locator(".plot")).to_have_attribute("data-nothing", "")


@pytest.mark.parametrize("count", [2, 3, 7, 30])
def test_steps_are_whole(show: Callable[..., Any], count: int) -> None:
    written = show(*map(float, range(count))).evaluate("window.texts")
    steps = {one["text"] for one in written if one["side"] == "center" and one["text"]}
    assert {"0", "1" if count < 9 else "10"} <= steps
    assert all(text.isdecimal() for text in steps)


def test_ticks_of_values_that_hardly_differ_are_told_apart(show: Callable[..., Any]) -> None:
    ticks = {one["text"] for one in ticks_of(show(1_000_000.25, 1_000_000.75))}
    assert len(ticks) > 2
    assert ticks >= {"1,000,000.4", "1,000,000.6"}


def test_a_curve_of_large_values_that_hardly_differ_fills_its_chart(show: Callable[..., Any]) -> None:
    page = show(*(1e9 + number / 1000 for number in range(20)))
    ticks = ticks_of(page)
    assert {"1,000,000,000.005", "1,000,000,000.010", "1,000,000,000.015"} <= {one["text"] for one in ticks}
    assert len({one["text"] for one in ticks}) == len(ticks) < 10
    assert [one for one in ticks if one["left"] < 0] == []
    page.locator(".u-over").hover()
    pointed_at = page.locator(".u-legend .u-value").nth(1)
    expect(pointed_at).to_have_text(re.compile(r"^1,000,000,000\.0(09|1)$"))


@pytest.mark.parametrize("value", [1.0, 1e9, -1e9, 1e14, 1e-9])
def test_neighbouring_floats_are_drawn_apart(show: Callable[..., Any], value: float) -> None:
    ticks = ticks_of(show(value, math.nextafter(value, math.inf)))
    assert 0 < len(ticks) < 10
    assert len({one["top"] for one in ticks}) == len(ticks)


@pytest.mark.parametrize("value", [1e6, 20_000.0, 1e-3, 1e-5, -2e15, 0.2, 2000.0, -1e6])
def test_the_axis_writes_a_value_as_the_table_does(show: Callable[..., Any], value: float) -> None:
    page = show(0.0, value)
    written = {one["text"] for one in ticks_of(page)}
    assert precise(value) in written
    assert page.locator(f'td:text-is("{precise(value)}")').count() > 0


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1_000_000.0, "1,000,000"),
        (1234.0, "1234"),
        (16_589_932.5, "16,589,932"),
        (0.000123456789, "0.000123457"),
        (-1.5e-9, "-1.5e-09"),
        (2e16, "2e+16"),
        (0.1, "0.1"),
        (-0.0, "0"),
    ],
)
def test_the_table_and_the_chart_write_a_number_alike(show: Callable[..., Any], value: float, told: str) -> None:
    page = show(value)
    assert page.locator("table:not(.u-legend) tbody td").nth(1).text_content() == told
    page.locator(".u-over").hover()
    expect(page.locator(".u-legend .u-value").nth(1)).to_have_text(told)


def test_a_chart_writes_numbers_as_the_table_does(browser: Any) -> None:
    page = browser.new_page()
    page.add_script_tag(path=str(Path(obs_core.report.__file__).with_name("numbers.js")))
    digits = (1, 1.5, 1.23456789, 9.99999949, -1, -1.5, -1.23456789, -9.99999949)
    values = [0.0, -0.0, 5e-324, 1.797e308, 1 / 3, 2.5, 12345.678, 99999.95, 12345.25, 12345.75, 100000.5, 100001.5]
    values += [each * 10.0**power for each in digits for power in range(-9, 17)]

    assert page.evaluate("values => values.map(obsNumbers.number)", values) == [precise(value) for value in values]
