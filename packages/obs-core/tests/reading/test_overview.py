"""The overview of an execution's page."""

from __future__ import annotations

import re
from pathlib import Path

from obs_core import Deck, execution, load_execution, task
from obs_core.reading.overview import render_overview


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
