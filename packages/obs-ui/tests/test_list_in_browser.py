"""The list of executions, measured in a real browser: nothing overprints, whatever the names and tags are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from obs_core import execution
from obs_core.journal import flusher

pytestmark = pytest.mark.browser

LONG = "monthly_report_of_all_flights_" * 7
WORDS = "Nightly load of the flights of all three airports and the weather that they had " * 3
TAGS = {f"a_tag_with_a_long_name_{number}": f"and a value that is long as well {number}" * 2 for number in range(20)}

MEASURE = """() => {
  const shown = (box) => box.width > 0 && box.height > 0;
  const found = [];
  const rows = [...document.querySelectorAll(".executions tbody tr")];
  const cellsOf = (row) => [...row.children].filter((cell) => shown(cell.getBoundingClientRect()));
  const isTable = rows.length && getComputedStyle(rows[0]).display === "table-row";
  let above = -Infinity;
  for (const [number, row] of rows.entries()) {
    const own = row.getBoundingClientRect();
    if (own.top < above - 0.5) found.push(`row ${number} begins above the end of the one before`);
    above = own.bottom;
    const cells = cellsOf(row);
    if (isTable) for (const cell of cells) {
      const box = cell.getBoundingClientRect();
      if (Math.abs(box.bottom - own.bottom) > 0.5 || Math.abs(box.top - own.top) > 0.5)
        found.push(`row ${number}: the borders of ${cell.className} are not the row's`);
    }
    for (const cell of cells) {
      const box = cell.getBoundingClientRect();
      for (const inner of cell.querySelectorAll("a, .names, .why, .tag, .more-tags, time, .number, bdi")) {
        // What an ancestor cuts off is not printed.
        let { left, right, top, bottom } = inner.getBoundingClientRect();
        for (let each = inner.parentElement; each !== cell; each = each.parentElement) {
          if (getComputedStyle(each).overflow === "visible") continue;
          const cut = each.getBoundingClientRect();
          [left, right] = [Math.max(left, cut.left), Math.min(right, cut.right)];
          [top, bottom] = [Math.max(top, cut.top), Math.min(bottom, cut.bottom)];
        }
        if (right <= left || bottom <= top) continue;
        if (left < box.left - 0.5 || right > box.right + 0.5 || top < box.top - 0.5 || bottom > box.bottom + 0.5)
          found.push(`row ${number}: ${inner.className || inner.tagName} reaches out of ${cell.className}`);
      }
    }
    const lines = [...row.querySelectorAll(".names > a")].map((name) => name.getBoundingClientRect().height
      / parseFloat(getComputedStyle(name).lineHeight));
    if (lines.some((count) => count > 2.1)) found.push(`row ${number}: a name has ${lines} lines`);
    for (const cell of cells)
      if (cell.scrollWidth > cell.clientWidth + 1) found.push(`row ${number}: ${cell.className} overflows`);
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  return { rows: rows.length, found };
}"""


def record(name: str, error: str = "", **tags: str) -> str:
    run = execution(name, tags=tags)
    with contextlib.suppress(ValueError), run:
        if error:
            raise ValueError(error)
    return run.id


def listed(page: Any, count: int) -> list[str]:
    page.wait_for_function("count => document.querySelectorAll('.executions tbody tr').length === count", arg=count)
    measured = page.evaluate(MEASURE)
    assert measured["rows"] == count
    return list(measured["found"])


@pytest.mark.parametrize("width", [390, 820, 1300, 1920])
def test_one_row_is_whole(width: int, serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record(LONG, error="no such airport: " + "XYZ " * 200, **TAGS)
    flusher.flush_all()
    page = open_page(serve().url, width=width)
    assert listed(page, 1) == []
    name = page.get_by_role("link", name=LONG)
    assert name.get_attribute("title") == LONG
    assert "no such airport" in page.locator(".why").get_attribute("title")
    assert page.locator(".more-tags").get_attribute("title").splitlines()[19].startswith("a_tag_with_a_long_name_19: ")


def test_the_borders_of_500_rows_align(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    names = ["short", LONG, "two words", WORDS, "x" * 200]
    for number in range(500):
        tags = dict(list(TAGS.items())[: number % 21]) if number % 3 else {"year": "2013"} if number % 2 else {}
        record(names[number % 5], error="no such airport " * 20 if number % 4 == 1 else "", **tags)
    flusher.flush_all()
    page = open_page(f"{serve().url}executions")
    page.get_by_text("500 executions").wait_for()
    page.reload()
    for width in (390, 820, 1300, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert listed(page, 50) == [], width
