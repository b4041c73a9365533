"""The pages in a real browser, offline, with hostile names and values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("whylogs", reason="needs whylogs, which has no wheel for this Python or system")

from whylogs.core.constraints import ConstraintsBuilder, MetricConstraint, MetricsSelector

from obs_core import Deck, execution, load_execution, task
from obs_core.testing import HOSTILE_TEXTS
from obs_whylogs import WhylogsSummaryDriftRenderer, profile
from obs_whylogs.constraints_report import Verdict, constraints_html

pytestmark = [pytest.mark.browser, pytest.mark.whylogs]

LOADED = "() => document.readyState === 'complete' || new Promise(done => addEventListener('load', () => done(true)))"

BEFORE = pd.DataFrame({text: [text, "fine"] * 20 for text in HOSTILE_TEXTS} | {"number": range(40)})
AFTER = pd.DataFrame({text: [text + "!", "fine"] * 20 for text in HOSTILE_TEXTS} | {"number": range(40)})


def hostile_constraints() -> Any:
    builder = ConstraintsBuilder(profile(BEFORE))
    for text in HOSTILE_TEXTS:
        selector = MetricsSelector(metric_name="frequent_items", column_name=text)
        builder.add_constraint(MetricConstraint(name=text, condition=lambda metric: False, metric_selector=selector))
    return builder.build()


def published(folder: Path) -> str:
    @task(deck_fields=())
    def compare() -> None:
        Deck("Drift").append(WhylogsSummaryDriftRenderer.to_html(BEFORE, AFTER))
        Deck("Profile").append(profile(BEFORE))
        Deck("Constraints").append(hostile_constraints())

    with execution("night", store=folder) as run:
        compare()
    return load_execution(run.id, folder).report_paths()[0]


@pytest.fixture(params=["light", "dark"])
def page(browser: Any, request: Any, tmp_path: Path) -> Iterator[Any]:
    """The report, opened; anything that the browser complains about fails the test."""
    complaints: list[str] = []

    def note_complaint(message: Any) -> None:
        if message.type == "error":
            complaints.append(message.text)

    context = browser.new_context(offline=True, color_scheme=request.param)
    opened = context.new_page()
    opened.on("console", note_complaint)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(Path(published(tmp_path)).as_uri())
    opened.scheme = request.param
    yield opened
    context.close()
    assert complaints == []


def tab(page: Any, name: str) -> Any:
    page.get_by_role("tab", name=re.compile(f"^{name}")).click()  # a verdict may follow
    frame = page.frame_locator(".panel:not(.away) > iframe")
    frame.locator(".obs-whylogs, .obs-profiles").wait_for()
    frame.locator("html").evaluate(LOADED)
    return frame


def test_hostile_names_and_values_are_text_in_every_tab(page: Any) -> None:
    for name, rows, one in (("Drift", 1, ".row"), ("Profile", 1, ".row"), ("Constraints", 0, "tbody tr")):
        frame = tab(page, name)
        assert frame.locator(one).count() == len(HOSTILE_TEXTS) + rows
        assert frame.locator("img, iframe, textarea, .obs-whylogs script, .obs-profiles script").count() == 0
        assert frame.get_by_text(HOSTILE_TEXTS[0], exact=True).first.is_visible()
        background = frame.locator("html").evaluate("root => getComputedStyle(root).backgroundColor")
        assert background == ("rgb(255, 255, 255)" if page.scheme == "light" else "rgb(16, 19, 23)")


def test_many_constraints_are_sorted_and_those_that_hold_can_be_hidden(browser: Any) -> None:
    found = [Verdict(f"constraint {number:02}", "delay", passed=number != 3) for number in range(12)]
    page = browser.new_page()
    page.set_content(constraints_html(found))
    names = page.locator("tbody tr:visible .name")
    assert names.all_inner_texts()[:2] == ["constraint 03", "constraint 00"]
    page.get_by_role("button", name="Constraint").click()
    assert names.all_inner_texts()[:2] == ["constraint 11", "constraint 10"]
    page.get_by_label("failed ones alone").check()
    assert names.all_inner_texts() == ["constraint 03"]
    page.close()


def test_a_drift_table_is_searched_filtered_and_sorted(page: Any) -> None:
    frame = tab(page, "Drift")
    hostile = len(HOSTILE_TEXTS)
    assert frame.locator(".pill").inner_text() == f"{hostile} of {hostile + 1} columns drifted"
    visible = frame.locator(".row:visible")
    assert visible.last.locator(".name").inner_text() == "number"
    assert visible.last.locator("svg path").count() == 2
    frame.get_by_label("drifted ones alone").check()
    assert visible.count() == len(HOSTILE_TEXTS)
    frame.get_by_label("drifted ones alone").uncheck()
    frame.get_by_label("sorted by").select_option("name")
    names = visible.locator(".name").all_inner_texts()
    assert names == sorted(names, key=str.lower)
    frame.get_by_label("Search columns").fill("NUMB")
    assert visible.count() == 1
    visible.first.locator("summary").click()
    assert visible.first.get_by_text("Before and after").is_visible()
