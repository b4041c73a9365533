"""What changed, in a real browser: from an execution in one click, with what is told, and what opens."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, execution, log_metric, log_params, span, task
from obs_core.journal import flusher
from obs_core.rendering import verdict_mark
from obs_core.testing import FixedClock

pytestmark = pytest.mark.browser

LONG = "a task whose name goes on for as long as eighty letters, which somebody did write"


@task
def fit(rows: int, broken: bool = False) -> dict[str, float]:
    log_params(rate=rows / 10)
    with span("merge"):
        log_metric("loss", 1 / rows)
    Deck("Checked").append("<p>12 checks</p>" + verdict_mark("failed" if broken else "passed", "12 checks"))
    if broken:
        logging.getLogger("flights").error("cannot reach <b>the registry</b>")
        raise ValueError("no such airport: 'XYZ'")
    return {"rmse": 17.0 / rows}


@task(name=LONG)
def long(text: str) -> str:
    return text


def record(rows: int, *, broken: bool = False, name: str = "flights") -> str:
    run = execution(name, tags={"year": 2013})
    with contextlib.suppress(ValueError), run:
        long("x" * rows * 40)
        fit(rows, broken)
    flusher.flush_all()
    return run.id


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def row(page: Any, kind: str, what: str = "") -> Any:
    found = page.locator(f".changes tr[data-kind={kind}]")
    return found.filter(has_text=what).first


@pytest.mark.parametrize("width", [390, 1300])
def test_one_click_leads_from_a_failure_to_what_changed(
    serve: Callable[..., Any], open_page: Callable[..., Any], width: int
) -> None:
    good, failed = record(2), record(5, broken=True)
    page = open_page(f"{serve().url}executions/{failed}", width=width)
    page.get_by_role("link", name="What changed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What changed since the last good run")
    expect(page.locator(".cards a").first).to_have_attribute("href", f"/executions/{good}")
    page.wait_for_load_state()
    kinds = page.locator(".changes .about").all_inner_texts()
    assert kinds[0] == "status"
    assert {"task", "check", "log", "parameter", "input"} <= set(kinds)
    expect(row(page, "task")).to_contain_text("failed: ValueError: no such airport: 'XYZ'")
    assert page.locator("main").inner_text().count("failed: ValueError: no such airport") == 1
    expect(page.locator(".head .error")).to_have_count(0)
    expect(row(page, "check")).to_contain_text("failed: 12 checks")
    expect(row(page, "log")).to_contain_text("cannot reach <b>the registry</b>")
    rows = row(page, "input", "fit's rows")
    expect(rows.locator(".was")).to_contain_text("2")
    expect(rows.locator(".now")).to_contain_text("5")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    rows.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/executions/{failed}/tasks/"))


def test_an_execution_that_went_well_can_be_asked_too(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record(2)
    page = open_page(f"{serve().url}executions/{record(2)}/changes")
    expect(page.get_by_text("The same: status, tasks, checks,")).to_be_visible()


def test_without_a_good_run_one_chooses(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    first, second = record(2, broken=True), record(3, broken=True)
    page = open_page(f"{serve().url}executions/{second}/changes")
    expect(page.get_by_role("status").filter(has_text="no earlier good run of this name")).to_be_visible()
    page.locator(".executions .names a").first.click()
    expect(page).to_have_url(re.compile(f"left={first}&right={second}"))
    expect(row(page, "input", "fit's rows")).to_contain_text("3")


@task
def settle(clock: FixedClock, seconds: float) -> None:
    with span("wait"):
        clock.advance(seconds)
    for _ in range(int(seconds / 2)):
        with span("batch"):
            clock.advance(1)
    with span("sum up"):
        clock.advance(seconds / 4)
        if seconds < 10:
            raise ValueError("cut short")
    with span("write"):
        clock.advance(1)


def test_what_did_not_finish_was_not_faster(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    ids = []
    with FixedClock() as clock:
        for seconds in (10, 4):
            clock.advance(3600)
            with contextlib.suppress(ValueError), execution("settled") as run:
                settle(clock, seconds)
            ids.append(run.id)
    flusher.flush_all()
    server = serve()
    page = open_page(f"{server.url}executions/{ids[1]}/changes")
    assert page.locator(".change").all_inner_texts() == ["did not finish", *CHANGES, "did not finish"]
    expect(page.locator("rect.unknown")).to_have_count(4)
    expect(page.locator(".change.faster")).to_have_count(1)  # the span that went well although its task did not
    page = open_page(f"{server.url}compare?left={ids[1]}&right={ids[0]}")
    assert page.locator(".change").all_inner_texts() == ["did not finish", "+150 %", *CHANGES[1:], "did not finish"]
    expect(page.locator(".change.slower")).to_have_count(1)


CHANGES = ["-60 %", "fewer calls", "did not finish", "not called", "did not finish"]
"""Of "wait", which went well, of "batch", "sum up", which raised, "write", which was not reached, and the task."""


def record_two_sources(folder: Path) -> str:
    """Record a task, change its source, and record it again."""
    for number, body in enumerate(("rows * 2", "rows < 3")):
        script = folder / f"steps{number}.py"
        script.write_text(f"from obs_core import task\n\n@task\ndef double(rows):\n    return {body}\n")
        namespace: dict[str, Any] = {"__name__": "steps"}
        exec(compile(script.read_text(), script, "exec"), namespace)
        with execution("steps") as run:
            namespace["double"](2)
    flusher.flush_all()
    return run.id


def test_diffs_open(serve: Callable[..., Any], open_page: Callable[..., Any], tmp_path: Path) -> None:
    page = open_page(f"{serve().url}executions/{record_two_sources(tmp_path)}/changes")
    source = row(page, "source", "double").locator("+ tr")
    source.get_by_text("Show the diff").click()
    expect(source.locator("del")).to_have_text("-    return rows * 2")
    expect(source.locator("ins")).to_have_text("+    return rows < 3")


def test_axe_finds_nothing(
    serve: Callable[..., Any],
    open_page: Callable[..., Any],
    violations: Callable[[Any], list[str]],
    tmp_path: Path,
) -> None:
    record(2)
    url = serve().url
    for run, shown in ((record(5, broken=True), "status"), (record_two_sources(tmp_path), "source")):
        page = open_page(f"{url}executions/{run}/changes")
        row(page, shown).wait_for()
        if shown == "source":
            page.get_by_text("Show the diff").click()
            page.locator("ins").wait_for()
        assert violations(page) == []


def test_a_name_of_eighty_letters_is_wrapped(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record(2)
    page = open_page(f"{serve().url}executions/{record(5)}/changes", width=390)
    name = row(page, "input", LONG).locator("th a")
    assert name.evaluate("one => one.scrollWidth <= one.clientWidth + 1 && one.clientHeight > 20")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("locale", "size"), [("de-DE", "595 842"), ("en-US", "612 792")])
def test_pages_are_printed_on_the_reader_s_paper_without_a_complaint(
    serve: Callable[..., Any], open_page: Callable[..., Any], locale: str, size: str
) -> None:
    good, failed = record(2), record(5, broken=True)
    page = open_page(f"{serve().url}executions/{failed}/changes", locale=locale)
    url = page.url.partition("executions/")[0]
    for address in (page.url, f"{url}compare?left={good}&right={failed}", f"{url}executions/{failed}/tasks/main.2"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        boxes = re.findall(rb"/MediaBox \[0 0 ([0-9.]+ [0-9.]+)\]", page.pdf(prefer_css_page_size=True))
        assert {" ".join(str(round(float(one))) for one in box.split()) for box in boxes} == {size}


@pytest.mark.parametrize("width", [390, 1300])
def test_names_without_end_leave_room_for_what_changed(
    serve: Callable[..., Any], open_page: Callable[..., Any], width: int
) -> None:
    endless = "intercompany_transactions_" * 20
    good, failed = record(2, name=endless), record(5, broken=True, name=endless)
    page = open_page(f"{serve().url}compare?left={good}&right={failed}", width=width)
    lines = "one => one.getBoundingClientRect().height / parseFloat(getComputedStyle(one).lineHeight)"
    for name in page.locator(".card h2 a").all():
        expect(name).to_have_attribute("title", endless)
        assert 1.5 < name.evaluate(lines) < 3.5
    for ended in page.locator(".tree.compared .ended a").all():
        assert ended.evaluate(lines) < 2
