"""The list of all pipelines in a real browser."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import check, clock, execution, list_executions
from obs_core.journal import flusher
from obs_core.testing import FixedClock

pytestmark = pytest.mark.browser

DAY = 86_400
LONG = "a pipeline whose name is longer than its column is wide, on any screen, as far as anybody knows"


def expect(locator: Any, what: str | None = None) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator, what)


def record(name: str, runs: int, *, ago: float = 0.1, last: str = "good") -> None:
    """Record a run each night, the last one so many days ago."""
    now = clock.epoch() / 1e9
    for number in range(runs):
        is_last = number == runs - 1
        began = now - (ago + runs - 1 - number) * DAY
        with FixedClock(began) as fixed, contextlib.suppress(ValueError), execution(name):
            fixed.advance(40 if is_last and last == "slow" else 10)
            if is_last and last == "checked":
                check("rows > 0", False, "0 rows")
            if is_last and last == "both":
                check("rows > 0", False, "0 rows")
                raise ValueError("no rows")
            if is_last and last == "failed":
                raise ValueError("no such airport")
    flusher.flush_all()


def record_all() -> None:
    record("flights", 8, last="slow")
    record("weather", 8, last="failed")
    record("airports", 8, last="checked")
    record("billing", 8, ago=2)
    record(LONG, 1)


def shows(page: Any, names: list[str]) -> None:
    """Wait until the list shows just these pipelines."""
    expect(page.locator(".pipelines tbody tr:visible .names")).to_have_text(names)


def opened(address: str, open_page: Callable[..., Any], count: int = 5, **options: Any) -> Any:
    page = open_page(address, **options)
    expect(page.locator(".pipelines tbody tr")).to_have_count(count)  # the index may still be read
    return page


def test_what_needs_attention_comes_first_and_is_told(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record_all()
    page = opened(f"{serve().url}pipelines", open_page)
    rows = page.locator(".pipelines tbody tr")
    for place, name in enumerate(("billing", "weather", "airports")):
        expect(rows.nth(place).locator(".names")).to_have_text(name)
    expect(rows.nth(0)).to_contain_text("late")
    expect(rows.nth(1).locator(".status")).to_have_text("Failed")
    expect(rows.nth(1)).to_contain_text("87.5 %")
    expect(rows.nth(2).locator(".main .verdict")).to_have_attribute("title", "1 check failed\nrows > 0: 0 rows")
    last = {one.name: one.id for one in reversed(list(list_executions()))}
    for name in ("billing", "weather", "airports"):
        link = rows.filter(has_text=name).locator(".when a")
        expect(link).to_have_attribute("href", f"/executions/{last[name]}")
    expect(rows.filter(has_text="flights").locator(".number").first).to_contain_text("40.0 s")
    expect(rows.nth(0).locator(".number").first).to_contain_text("10.0 s")
    slow = rows.filter(has_text="flights")
    expect(slow).to_contain_text("longer")
    expect(slow).to_contain_text("10.0 s")
    expect(slow).to_contain_text("once a day")
    expect(slow.get_by_role("img")).to_have_attribute("aria-label", "8 runs, 8 of them succeeded")
    slow.locator(".names a").click()
    expect(page.locator(".runs .whole td a")).to_have_count(8)
    page.locator(".crumbs a", has_text="Pipelines").click()
    expect(page.locator("h1")).to_have_text("Pipelines")


def test_it_is_searched_narrowed_and_sorted(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record_all()
    page = opened(f"{serve().url}pipelines", open_page)
    page.locator("[data-search]").fill("LIGHTS")
    shows(page, ["flights"])
    page.locator("[data-search]").fill("nowhere")
    expect(page.get_by_text("No pipeline matches")).to_be_visible()
    page.locator("[data-search]").fill("")
    page.get_by_role("button", name="Failed 1", exact=True).click()
    shows(page, ["weather"])
    page.get_by_role("button", name="Checks failed 1", exact=True).click()
    shows(page, ["airports"])
    page.get_by_role("button", name="All 5", exact=True).click()
    head = page.locator('th[data-sort="name"]')
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    shows(page, sorted(["flights", "weather", "airports", "billing", LONG]))
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    page.locator('th[data-sort="duration"] button').click()
    expect(page.locator(".pipelines tbody tr:visible .names").first).to_have_text("flights")


def test_a_pipeline_is_found_under_each_reason_for_attention(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    record("late and failed", 8, ago=2, last="failed")
    record("failed with a check", 8, last="both")
    record("checked", 8, last="checked")
    page = opened(f"{serve().url}pipelines", open_page, 3)
    found = {"Late 1": 1, "Failed 2": 2, "Lost 0": 0, "Checks failed 2": 2}
    for button, count in found.items():
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator(".pipelines tbody tr:visible"), button).to_have_count(count)
    expect(page.locator(".pipelines tbody tr:visible .verdict[data-outcome=failed]")).to_have_count(2)


def test_it_follows_what_happens_and_stays_as_the_reader_left_it(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    record_all()
    page = opened(f"{serve().url}pipelines", open_page)
    page.locator("[data-search]").fill("weather")
    record("weather", 1, ago=0)
    expect(page.locator(".pipelines tbody tr:visible .status")).to_have_text("Succeeded")
    shows(page, ["weather"])


def test_a_site_has_it_too(write_site: Callable[..., Path], open_page: Callable[..., Any]) -> None:
    record_all()
    site = write_site()
    page = opened((site / "index.html").as_uri().replace("index.html", "pipelines/index.html"), open_page)
    page.locator("[data-search]").fill("flights")
    shows(page, ["flights"])
    page.locator(".names a", has_text="flights").click()
    expect(page.locator(".runs .whole td a")).to_have_count(8)


def test_axe_finds_nothing_here_and_in_a_site(
    serve: Callable[..., Any],
    write_site: Callable[..., Path],
    open_page: Callable[..., Any],
    violations: Callable[[Any], list[str]],
) -> None:
    record_all()
    site = write_site()
    # axe reads styles again by itself, which pages from disk refuse.
    page = opened(f"{serve().url}pipelines", open_page, complains=True)
    pages = [site / "index.html", site / "pipelines" / "index.html", *sorted(site.glob("executions/*/index.html"))[-1:]]
    for address in ["", *(page.as_uri() for page in pages)]:
        if address:
            page.goto(address)
        page.locator("h1").wait_for()
        expect(page.locator("main")).to_contain_text(re.compile("flights|weather|airports|billing|a pipeline whose"))
        assert violations(page) == [], address


def test_a_phone_scrolls_the_table_and_not_the_page(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record_all()
    page = opened(f"{serve().url}pipelines", open_page, width=390)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
