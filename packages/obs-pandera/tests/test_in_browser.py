"""The report in a real browser, offline, with hostile names and values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest

from obs_core import Deck, execution, load_execution, task
from obs_core.testing import HOSTILE_TEXTS
from obs_pandera import PandasReportRenderer

pytestmark = pytest.mark.browser


def test_on_a_phone_each_finding_is_a_card_and_nothing_stands_out(browser: Any, tmp_path: Path) -> None:
    name = "the_number_of_the_flight_of_the_operating_carrier"
    schema = pa.DataFrameSchema({name: pa.Column(int, pa.Check.gt(0)), "price": pa.Column(float)}, name="flights")
    data = pd.DataFrame({name: [-1, 5], "price": [1.5, None]})

    @task(deck_fields=())
    def check() -> None:
        try:
            schema.validate(data, lazy=True)
        except pa.errors.SchemaErrors as error:
            Deck("Report").append(error)

    with execution("night", store=tmp_path) as run:
        check()
    (report,) = load_execution(run.id, tmp_path).report_paths()
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto(Path(report).as_uri())
    frame = page.frame_locator(".panel:not(.away) > iframe")
    card = frame.locator(".list tr", has_text="greater_than(0)").first
    card.wait_for()
    assert card.locator("td").all_inner_texts()[:3] == [name, "greater_than(0)", "1"]
    assert card.locator("td").evaluate_all("cells => cells.map(cell => cell.dataset.head)")[:3] == [
        "Column",
        "Asked for",
        "Failures",
    ]
    assert frame.locator("html").evaluate("root => root.scrollWidth <= root.clientWidth")
    page.set_viewport_size({"width": 1300, "height": 900})
    aligned = "cells => cells.map(cell => getComputedStyle(cell).textAlign)"
    assert set(frame.locator(".preview td").evaluate_all(aligned)) == {"right"}, "numbers"
    context.close()


def test_findings_are_sorted_by_a_head_and_rules_that_hold_can_be_hidden(browser: Any) -> None:
    failing = {"few": 2, "many": 12, "none": 0}
    columns = {name: pa.Column(int, pa.Check.gt(0)) for name in failing} | {f"c{k}": pa.Column(int) for k in range(10)}
    schema = pa.DataFrameSchema(columns)
    values = {name: [-1] * count + [1] * (20 - count) for name, count in failing.items()}
    data = pd.DataFrame(values | {f"c{k}": [1] * 20 for k in range(10)})
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        schema.validate(data, lazy=True)
    page = browser.new_page()
    page.set_content(f"<!doctype html><body>{PandasReportRenderer().to_html(data, schema, caught.value)}")
    findings = page.locator("table", has=page.get_by_role("button", name="Failures"))
    named = findings.locator("tbody tr > td:first-child")
    assert named.all_inner_texts() == ["many", "few"]
    head = findings.get_by_role("columnheader", name="Failures")
    for order, shown in (("descending", ["many", "few"]), ("ascending", ["few", "many"])):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        assert named.all_inner_texts() == shown
    rules = page.locator("table", has=page.get_by_role("button", name="Checks")).locator("tbody tr:visible")
    assert rules.count() == 13
    page.get_by_label("failed ones alone").check()
    assert rules.locator("td:nth-child(2)").all_inner_texts() == ["few", "many"]
    page.close()


def published(folder: Path) -> str:
    """Write a report whose column names, values, schema name and checks are hostile."""
    columns = {
        text: pa.Column(str, pa.Check(lambda column: column == "fine", name=text, error=text)) for text in HOSTILE_TEXTS
    }
    schema = pa.DataFrameSchema(columns, name=HOSTILE_TEXTS[0], strict=True)
    data = pd.DataFrame({text: [text, "fine"] for text in [*HOSTILE_TEXTS, "<b>extra"]}, index=[HOSTILE_TEXTS[1], "b"])

    @task(deck_fields=())
    def check() -> None:
        try:
            schema.validate(data, lazy=True)
        except pa.errors.SchemaErrors as error:
            Deck("Report").append(PandasReportRenderer(HOSTILE_TEXTS[0]).to_html(data, schema, error))
            Deck("Drawn by itself").append(error)

    with execution("night", store=folder) as run:
        check()
    return load_execution(run.id, folder).report_paths()[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_names_and_values_are_text_in_both_tabs(browser: Any, tmp_path: Path, scheme: str) -> None:
    from playwright.sync_api import expect

    report = published(tmp_path)
    complaints: list[str] = []

    def note_complaint(message: Any) -> None:
        if message.type == "error":
            complaints.append(message.text)

    context = browser.new_context(offline=True, color_scheme=scheme)
    page = context.new_page()
    page.on("console", note_complaint)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(Path(report).as_uri())
    for name in ("Report", "Drawn by itself"):
        page.get_by_role("tab", name=re.compile(f"^{name}")).click()
        frame = page.frame_locator(".panel:not(.away) > iframe")
        expect(frame.locator(".verdict b")).to_have_text("Failed")
        expect(frame.locator("td.cell-bad")).to_have_count(len(HOSTILE_TEXTS))
        assert frame.locator("img, svg, iframe, script:not([data-obs-once]), textarea").count() == 0
        assert frame.get_by_text(HOSTILE_TEXTS[0]).first.is_visible()
        background = frame.locator("html").evaluate("root => getComputedStyle(root).backgroundColor")
        assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(16, 19, 23)")
    context.close()
    assert complaints == []
