"""The UI in a real browser, over real stores and the real server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from obs_core import Deck, execution, link, span, task
from obs_core.journal import flusher

pytestmark = pytest.mark.browser


@task
def load(rows: int) -> int:
    with span("read", rows=rows):
        Deck("Quality").append("<h2>336,776 rows</h2>")
        link("W&B run", "https://wandb.example/runs/1")
    return rows


@task
def fit() -> None:
    load(3)
    raise ValueError("no such airport: 'XYZ'")


def record() -> str:
    run = execution("flights", tags={"year": 2013})
    with contextlib.suppress(ValueError), run:
        load(2)
        fit()
    flusher.flush_all()
    return run.id


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def deck_frame(page: Any) -> Any:
    return page.frame_locator(".panel:not(.away) > iframe:not(.arriving)")


def test_from_the_list_to_a_deck(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record()
    page = open_page(serve().url)
    row = page.locator(".executions tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("ValueError: no such airport: 'XYZ'")
    expect(row).to_contain_text("year: 2013")

    row.get_by_role("link", name="flights").click()
    expect(page.get_by_role("heading", name="flights")).to_be_visible()
    expect(page.locator(".head .badge")).to_have_text("Failed")
    assert page.locator(".tree td.main a").all_inner_texts() == ["load", "fit", "load"]
    expect(page.locator("[data-timeline][data-ready]")).to_be_visible()
    expect(page.locator(".hot td.main").first).to_be_visible()

    page.locator(".tree").get_by_role("link", name="Quality").first.click()
    expect(page.get_by_role("tab", name="Quality")).to_have_attribute("aria-selected", "true")
    expect(deck_frame(page).get_by_role("heading", name="336,776 rows")).to_be_visible()
    assert page.locator(".panel iframe").get_attribute("sandbox") == "allow-scripts allow-popups allow-downloads"


def test_a_failed_task_opens_its_error(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(f"{serve().url}executions/{record()}")
    page.locator(".head .error a", has_text="fit").click()
    expect(page.get_by_role("tab", name="Error")).to_have_attribute("aria-selected", "true")
    expect(deck_frame(page).get_by_text("no such airport").first).to_be_visible()
