"""The overview of an execution's page."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from msgspec import structs

from obs_core import Deck, execution, load_execution, task
from obs_core.assembly.loading import assembled, opened
from obs_core.reading.overview import render_overview
from obs_core.testing import FixedClock


def test_the_chart_of_tasks_has_no_bar_of_the_execution_that_they_are_in(folder: Path) -> None:
    @task
    def clean() -> None: ...

    with execution("night", store=folder) as run:
        Deck("Notes").append("recorded outside any task")
        clean()
    recorded = load_execution(run.id, folder)
    assert [one.name for one in recorded.tasks] == ["night", "clean"]
    chart, _, _ = render_overview(recorded.tasks, recorded.span).partition("<h2>Trace</h2>")
    assert "night" not in chart
    (body,) = re.findall(r"<tbody>(.*?)</tbody>", chart)
    assert re.findall(r"<tr><td>(.*?)</td>", body) == ["clean"]


def test_shares_and_bars_of_tasks_are_those_of_the_whole_execution(folder: Path) -> None:
    @task
    def load(clock: FixedClock) -> None:
        clock.advance(2)

    with FixedClock() as clock, execution("night", store=folder) as run:
        clock.advance(3)
        load(clock)
        clock.advance(5)
    recorded = load_execution(run.id, folder)
    chart, _, trace = render_overview(recorded.tasks, recorded.span).partition("<h2>Trace</h2>")
    assert "20 %" in trace  # of 10 s
    assert re.findall(r'<rect x="(.*?)" width="(.*?)"', chart) == [("30%", "20%")]


def test_a_failed_task_whose_caller_went_on_is_told_from_one_that_failed_it(folder: Path) -> None:
    @task
    def fetch() -> None:
        raise TimeoutError

    @task
    def load(*, again: bool) -> None:
        fetch_again = contextlib.suppress(TimeoutError) if again else contextlib.nullcontext()
        with fetch_again:
            fetch()

    shown = []
    for again in (True, False):
        with contextlib.suppress(TimeoutError), execution("night", store=folder) as run:
            load(again=again)
        recorded, handled = load_execution(run.id, folder), assembled(opened(folder), run.id).failures.handled_calls
        overview = render_overview(recorded.tasks, recorded.span, handled=handled)
        chart, _, _ = overview.partition("<h2>Trace</h2>")
        shown.append(re.findall(r'class="name" title="(\w+)".*?<rect [^>]*?(?: class="(\w+)")?>', chart))
    assert shown == [[("load", ""), ("fetch", "handled")], [("load", "failed"), ("fetch", "failed")]]


def test_a_task_that_a_kill_cut_off_has_not_ended(folder: Path) -> None:
    @task
    def load() -> None: ...

    with execution("night", store=folder) as run:
        load()
    recorded = load_execution(run.id, folder)
    lost = [structs.replace(one, status="lost") for one in recorded.tasks]
    chart, _, _ = render_overview(lost, recorded.span).partition("<h2>Trace</h2>")
    assert "not ended" in chart
    assert "failed</span>" not in chart.partition("<table")[0]
