"""What failed and what callers handled, wherever it is shown."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import execution, load_execution, span, task
from obs_core.assembly.drawing import decks_of_task, span_bars
from obs_core.assembly.loading import assembled
from obs_core.journal import flusher
from obs_core.reading import overview
from obs_core.store import open_store
from obs_core.values.gantt import Timeline
from obs_ui import index, reports
from obs_ui.columns import FAILED, HANDLED
from obs_ui.index.tasks import TaskIndex
from obs_ui.snapshots import FollowedExecution


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def recorded(run: Callable[[], Any], name: str = "night") -> str:
    with contextlib.suppress(Exception), execution(name) as begun:
        run()
    flusher.flush_all()
    return begun.id


@task
def inner(airport: str = "XYZ") -> None:
    raise ValueError(f"no such airport: {airport}")


@task
def outer() -> None:
    inner()


@task
def flaky(attempt: int) -> None:
    raise ConnectionError(f"refused: {attempt}")


def test_spans_whose_exceptions_were_handled_are_told_from_those_that_failed_something() -> None:
    @task
    def patient() -> None:
        with contextlib.suppress(KeyError), span("look it up"), span("cache"):
            raise KeyError("XYZ")
        with contextlib.suppress(ConnectionError):
            flaky(1)

    @task
    def unlucky() -> None:
        with contextlib.suppress(ConnectionError):
            flaky(1)
        with span("parse"):
            raise ValueError("no such airport")

    def both() -> None:
        patient()
        with contextlib.suppress(OSError), span("outside"):
            raise OSError("no disk")
        unlucky()

    with contextlib.suppress(ValueError), execution("night") as begun:
        both()
    flusher.flush_all()
    snapshot = FollowedExecution(open_store(), begun.id).look()
    trace = snapshot.trace
    bars = snapshot.timeline.window(trace.start, trace.end + 1, 10**9, range(100))
    shown = {(bars["names"][bar[3]], bar[5]) for bar in bars["bars"] if bar[5] & (FAILED | HANDLED)}
    assert shown == {
        *((name, HANDLED) for name in ("look it up", "cache", "flaky")),
        *((name, FAILED) for name in ("parse", "unlucky", "night")),
        ("outside", FAILED),  # what it is part of failed too: nobody knows whether by that
    }
    counts = {one.name: (one.failed, one.handled) for one in snapshot.operations if one.failed}
    assert counts == {
        "look it up": (1, 1),
        "cache": (1, 1),
        "flaky": (2, 2),
        "parse": (1, 0),
        "unlucky": (1, 0),
        "outside": (1, 0),
    }


@task
def wrapping() -> None:
    try:
        with span("connect"):
            flaky(1)
    except ConnectionError as error:
        raise RuntimeError("no connection") from error


@task
def gathering() -> None:
    errors = []
    for call in (first, second):
        try:
            call()
        except OSError as error:
            errors.append(error)
    raise ExceptionGroup("no disk answers", errors)


@task
def first() -> None:
    raise OSError("disk 1")


@task
def second() -> None:
    raise OSError("disk 2")


@task
def unlucky() -> None:
    with contextlib.suppress(RuntimeError):
        wrapping()
    with contextlib.suppress(ExceptionGroup), span("ask all"):
        gathering()
    outer()


@pytest.mark.parametrize("fails", [True, False])
def test_whatever_shows_a_failure_says_the_same_of_who_handled_it(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def night() -> None:
        with contextlib.suppress(*([] if fails else [ValueError])):
            unlucky()

    run = recorded(night)
    handled = dict.fromkeys(("wrapping", "flaky", "gathering", "first", "second"), "handled")
    last = "failed" if fails else "handled"
    expected = handled | dict.fromkeys(("unlucky", "outer", "inner"), last)
    spans = {"connect": "handled", "ask all": last}  # by what a span failed nobody knows, if what is around it did too

    charts: list[Timeline] = []

    def render(chart: Timeline) -> str:
        charts.append(chart)
        return ""

    monkeypatch.setattr(overview, "render", render)  # whatever is installed that draws it
    snapshot = FollowedExecution(open_store(), run).look()
    for page in (load_execution(run).report(), reports.execution_report(snapshot)):
        (contents,) = re.findall(r'<script [^>]*id="obs-contents">(.*?)</script>', page)
        listed = json.loads(contents)["tasks"]
        assert {one["name"]: "handled" if one["handled"] else one["status"] for one in listed} == expected
        bars = charts.pop().bars
        assert {bar.name: "handled" if bar.handled else "failed" for bar in bars if bar.failed} == expected

    calls = snapshot.handled_calls
    assert {one.name: "handled" if one.id in calls else one.status for one in snapshot.tasks} == expected
    whole = snapshot.timeline.window(snapshot.trace.start, snapshot.trace.end + 1, 10**9, range(100))
    flags = {FAILED: "failed", HANDLED: "handled"}
    assert {
        whole["names"][bar[3]]: flags[bar[5]] for bar in whole["bars"] if bar[5] & (FAILED | HANDLED)
    } == expected | spans | ({"night": "failed"} if fails else {})

    grid = TaskIndex(index.connect(f"sqlite:///{tmp_path / 'index.sqlite'}"), open_store(), 1).of([run])[run]
    assert {row.name: "handled" if row.handled else row.status for row in grid} == expected


def test_a_time_line_of_a_task_tells_what_failed_that_task_whoever_handled_it_then() -> None:
    def night() -> None:
        with contextlib.suppress(RuntimeError):
            patient()

    @task
    def patient() -> None:
        with span("load"), contextlib.suppress(KeyError), span("cache"):
            raise KeyError("XYZ")
        with span("fit"):
            raise RuntimeError("no fit")

    run = recorded(night)
    snapshot = FollowedExecution(open_store(), run).look()
    (mine,) = snapshot.tasks
    whole = assembled(open_store(), run)
    bars = span_bars(whole, mine.id)
    assert {bar.name: (bar.failed, bar.handled) for bar in bars} == {
        "load": (False, False),
        "cache": (True, True),
        "fit": (True, False),
    }
    (expected,) = [deck.items for deck in decks_of_task(whole, mine) if deck.name == "Timeline"]
    assert snapshot.items(mine, snapshot.decks(mine)["Timeline"]) == expected


@pytest.mark.browser
def test_the_page_shows_each_failure_of_a_group(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    @task
    def fetch() -> None:
        errors = []
        for host in (*(7 for _ in range(12)), 8):
            try:
                connect(host)
            except ConnectionError as error:
                errors.append(error)
        raise ExceptionGroup("no host answers", errors)

    @task
    def connect(host: int) -> None:
        raise ConnectionError(f"host {host} refused")

    run = recorded(fetch)
    page = open_page(f"{serve().url}executions/{run}")
    boxes = page.locator(".head .error")
    assert boxes.count() == 2
    assert "and 11 more calls like it" in boxes.first.inner_text()
    assert "host 8 refused" in boxes.nth(1).inner_text()
    assert page.locator("details.handled").count() == 0


@pytest.mark.browser
def test_the_page_shows_one_box_and_one_folded_line(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    @task
    def unlucky() -> None:
        for attempt in range(30):
            with contextlib.suppress(ConnectionError):
                flaky(attempt)
        outer()

    run = recorded(unlucky)
    page = open_page(f"{serve().url}executions/{run}")
    boxes = page.locator(".head .error")
    assert boxes.count() == 1
    assert "ValueError: no such airport: XYZ" in boxes.inner_text()
    assert re.search(r"^test_failures\.py:\d+ in inner, in outer, in unlucky$", boxes.inner_text(), re.MULTILINE)
    assert boxes.locator(".place").get_attribute("title").startswith(f"{__file__}:")
    folded = page.locator("details.handled")
    assert folded.locator("summary").inner_text().strip() == (
        "ConnectionError raised 30 times in flaky, handled by its callers"
    )
    assert not folded.locator("li").first.is_visible()
    folded.locator("summary").click()
    folded.get_by_role("link", name="flaky").first.click()
    page.get_by_role("tab", name="Error", selected=True).wait_for()
    expect(page.locator(".head .error")).to_contain_text("refused: 0")


@pytest.mark.browser
def test_the_exception_is_told_once_and_beside_it_what_goes_beyond(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    with execution("nightly"):
        pass
    with contextlib.suppress(ValueError), execution("nightly") as run, span("read"):
        outer()
    page = open_page(f"{serve().url}executions/{run.id}")
    assert page.locator(".head").inner_text().count("no such airport: XYZ") == 1
    told = page.locator(".head .why").inner_text()
    assert told.startswith("Commit, command, tags, host and versions are the same as in the last good run, ")
    assert "It was raised" not in told


@pytest.mark.browser
def test_calls_whose_exceptions_were_handled_are_one_line_of_the_tasks(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    @task
    def calm() -> None:
        for attempt in range(60):
            with contextlib.suppress(ConnectionError):
                flaky(attempt)
        steady()

    @task
    def steady() -> None:
        with contextlib.suppress(ValueError):
            inner()

    with execution("calm") as run:
        calm()
    page = open_page(f"{serve().url}executions/{run.id}")
    rows = page.locator(".tree tbody tr:visible")
    names = [" ".join(text.split()) for text in rows.locator(".called").all_inner_texts()]
    assert names == [
        "calm",
        "ConnectionError raised 60 times in flaky, handled by its callers Show them",
        "steady",
        "inner",
    ]
    red = page.locator(".tree .status").last.evaluate("one => getComputedStyle(one).color")
    amber = page.locator(".tree .folded .icon").evaluate("one => getComputedStyle(one).color")
    assert red == amber  # nothing failed that nobody handled
    page.locator(".tree").get_by_role("button", name="Show them").click()
    expect(rows).to_have_count(63)
    expect(page.locator(".tree .folded")).to_have_count(0)
