"""All runs of one pipeline: their tasks, what is usual, what lies outside, what was checked."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import attach, carrier, check, current_context, execution, log_metric, span, task
from obs_core import list_executions as recorded
from obs_core.journal import flusher
from obs_core.model import ExecutionView, VerdictCounts
from obs_core.store import open_store
from obs_ui.index import Indexer, ListQuery, connect, list_executions
from obs_ui.index.queries import counts_of, runs_of
from obs_ui.index.tasks import TaskIndex, TaskRow
from obs_ui.pipelines import Pipeline, every
from obs_ui.site import with_times

DAY = 86_400 * 10**9
SECOND = 10**9


def run(number: int, seconds: float = 10.0, status: str = "succeeded", **more: object) -> ExecutionView:
    started = 1_790_000_000 * SECOND + number * DAY
    return ExecutionView(f"e{number:03}", "night", status, started, int(seconds * SECOND), **more)  # type: ignore[arg-type]


def of(runs: list[ExecutionView], tasks: dict[str, list[TaskRow]] | None = None, days: float = 0.5) -> Pipeline:
    return Pipeline("night", runs[::-1], tasks or {}, runs[-1].started + int(days * DAY))


def test_a_run_is_judged_by_the_good_ones_before_it() -> None:
    pipeline = of([*(run(number) for number in range(8)), run(8, 25.0), run(9, 10.4), run(10, 2.0)])
    assert [pipeline.judged(one) for one in pipeline.runs[-3:]] == ["high", "usual", "low"]
    assert pipeline.judged(pipeline.runs[2]) == ""  # too few before it


def test_failed_runs_are_not_what_is_usual() -> None:
    pipeline = of([run(number, 1.0, "failed") if number % 2 else run(number) for number in range(20)])
    assert pipeline.usual is not None
    assert pipeline.usual.median == 10 * SECOND
    assert (pipeline.succeeded, len(pipeline.ended)) == (10, 20)


def test_a_nightly_run_that_did_not_begin_is_missed() -> None:
    runs = [run(number) for number in range(10)]
    assert not of(runs, days=1.1).is_late
    assert of(runs, days=1.5).is_late


def test_what_needs_attention_is_said_of_the_last_run_that_ended() -> None:
    good = [run(number) for number in range(8)]
    checked = run(8)
    checked.verdicts.failed = 1
    assert of(good).attention == ""
    assert of(good, days=1.5).attention == "late"
    assert of([*good, run(8, status="failed")]).attention == "failed"
    assert of([*good, run(8, status="lost")]).attention == "lost"
    assert of([*good, checked]).attention == "checks"
    assert of([*good, run(8, status="failed"), run(9, status="running")]).attention == "failed"


def test_each_reason_for_attention_is_told() -> None:
    good = [run(number) for number in range(8)]
    failed, lost, going_on = run(8, status="failed"), run(8, status="lost"), run(9, status="running")
    for one in (failed, lost, going_on):
        one.verdicts.failed = 1
    assert of([*good, failed]).reasons == ["failed", "checks"]
    assert of([*good, lost]).reasons == ["lost", "checks"]
    assert of([*good, failed], days=2.5).reasons == ["late", "failed", "checks"]
    assert of([*good, going_on]).reasons == ["checks"]


def test_the_small_picture_has_a_bar_for_each_of_the_last_twenty_runs() -> None:
    runs = [run(number, status="failed" if number % 10 == 3 else "succeeded") for number in range(30)]
    spark = of([*runs, run(30, 20.0)]).spark
    assert {status: outline.count("M") for status, outline in spark.items()} == {"succeeded": 18, "failed": 2}
    assert spark["succeeded"].endswith("M152 0h6v26h-6z")
    assert "M0 13h6v13h-6z" in spark["succeeded"]


def test_tasks_are_in_the_order_of_the_newest_run_and_have_gaps() -> None:
    tasks = {
        "e000": [TaskRow("load", "succeeded", 5, 1, "main.2"), TaskRow("old", "succeeded", 1, 1, "main.3")],
        "e001": [TaskRow("clean", "failed", 5, 2, "main.2"), TaskRow("load", "succeeded", 7, 1, "main.3")],
    }
    pipeline = of([run(0), run(1)], tasks)
    assert [one.name for one in pipeline.tasks] == ["clean", "load", "old"]
    assert [cell and cell.duration for cell in pipeline.tasks[0].cells] == [None, 5]
    assert pipeline.tasks[1].longest == 7
    assert pipeline.of_task("load").values == [5.0, 7.0]


def test_checks_that_failed_lately_come_first() -> None:
    def verdicts(*said: tuple[str, str, str]) -> VerdictCounts:
        return VerdictCounts(1, 0, 0, list(said))

    pipeline = of(
        [
            run(0, verdicts=verdicts(("failed", "old", "x"), ("passed", "fine", ""))),
            run(1, verdicts=verdicts(("passed", "fine", ""), ("failed", "new", "12 rows"), ("passed", "old", ""))),
        ]
    )
    assert [one.name for one in pipeline.checks] == ["new", "old", "fine"]
    assert pipeline.checks[0].cells == [None, ("failed", "12 rows")]


def test_metrics_have_one_value_for_each_run() -> None:
    pipeline = of([run(0, metrics={"rmse": (17.0, 16.0, 18.0)}), run(1), run(2, metrics={"rmse": (16.0, 16.0, 16.0)})])
    assert [(band.name, band.values) for band in pipeline.metrics] == [("rmse", [17.0, None, 16.0])]


def test_how_often_it_runs_is_said_in_words() -> None:
    assert [every(seconds * SECOND) for seconds in (86_000, 3_600, 5_400)] == [
        "once a day",
        "once an hour",
        "every 1 h 30 min",
    ]


@task
def load(rows: int) -> None:
    check("rows > 0", rows > 0, f"{rows} rows")
    if rows < 0:
        raise ValueError("no rows")


def record(name: str, *rows: int) -> str:
    with contextlib.suppress(ValueError), execution(name) as begun:
        for count in rows:
            load(count)
        log_metric("rows", sum(rows))
    return begun.id


@pytest.fixture
def indexer(tmp_path: Path) -> Indexer:
    flusher.flush_all()
    return Indexer(connect(f"sqlite:///{tmp_path / 'index.sqlite'}"), open_store())


def update(indexer: Indexer) -> None:
    flusher.flush_all()
    indexer.update()


@task
def fetch() -> None:
    raise ConnectionError("refused")


@task
def ask() -> None:
    with span("connect"):
        fetch()


@task
def look_up(suppressing: bool) -> None:
    with contextlib.suppress(*([ConnectionError] if suppressing else [])):
        ask()


@pytest.mark.parametrize("fails", [False, True])
def test_what_callers_handled_is_told_apart_from_what_failed_a_run(indexer: Indexer, fails: bool) -> None:
    with contextlib.suppress(ValueError), execution("night") as handling:
        look_up(True)
        if fails:
            load(-1)
    with contextlib.suppress(ConnectionError), execution("night") as failing:
        look_up(False)
    update(indexer)
    tasks = TaskIndex(indexer.engine, indexer.store, indexer.store_number).of([handling.id, failing.id])
    stands = {one: {row.name: (row.status, row.handled) for row in rows} for one, rows in tasks.items()}
    handled, failed = ("failed", True), ("failed", False)
    expected = {"look_up": ("succeeded", False), "ask": handled, "fetch": handled}
    assert stands[handling.id] == (expected | {"load": failed} if fails else expected)
    assert stands[failing.id] == {"look_up": failed, "ask": failed, "fetch": failed}


def test_the_index_finds_by_verdict_and_by_name(indexer: Indexer) -> None:
    good, bad, other = record("night", 3), record("night", 0), record("day", 3)
    update(indexer)
    number = indexer.store_number
    found = list_executions(indexer.engine, number, ListQuery(verdict="failed"))
    assert [view.id for view in found.executions] == [bad]
    assert found.executions[0].verdicts.said == [("failed", "rows > 0", "0 rows")]
    assert found.executions[0].status == "succeeded"
    assert [view.id for view in runs_of(indexer.engine, number, "night", 10)] == [bad, good]
    assert counts_of(indexer.engine, number, "day") == {"succeeded": 1}
    assert other


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_green_run_whose_other_process_found_something_is_not_green(indexer: Indexer) -> None:
    with execution("night"):
        carried = carrier()
        child = os.fork()
        if not child:
            try:
                with attach(carried):
                    check("part is whole", False)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    update(indexer)
    (view,) = list_executions(indexer.engine, indexer.store_number, ListQuery()).executions
    assert (view.status, view.verdicts.outcome) == ("succeeded", "failed")


def test_tasks_are_read_once(indexer: Indexer, folder: Path, tmp_path: Path) -> None:
    one = record("night", 3, 0, -1)
    update(indexer)
    tasks = TaskIndex(indexer.engine, indexer.store, indexer.store_number)
    (row,) = tasks.of([one])[one]
    assert (row.name, row.status, row.calls, row.verdict) == ("load", "failed", 3, "failed")
    for path in (folder / "executions" / one).rglob("*.jsonl*"):
        path.unlink()
    assert tasks.of([one])[one] == [row]
    with sqlite3.connect(tmp_path / "index.sqlite") as database:
        assert database.execute("select count(*) from tasks").fetchone() == (1,)


def test_a_task_that_was_killed_took_as_long_as_it_was_heard_of(indexer: Indexer, tmp_path: Path) -> None:
    script = tmp_path / "night.py"
    script.write_text(
        "import os, signal, time\n"
        "from obs_core import log_metric, task\n"
        "from obs_core.journal import flusher\n"
        "@task\n"
        "def fit():\n"
        "    time.sleep(0.3)\n"
        "    log_metric('loss', 1.0)\n"
        "    flusher.flush_all()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "fit()\n"
    )
    subprocess.run([sys.executable, script], env={**os.environ}, check=False)
    (one,) = (view.id for view in recorded())
    (row,) = TaskIndex(indexer.engine, indexer.store, indexer.store_number).of([one])[one]
    assert (row.name, row.status) == ("fit", "lost")
    assert row.duration >= 300_000_000


def test_numbers_that_tasks_returned_and_kept_are_curves_over_runs(indexer: Indexer) -> None:
    @task
    def fit(rows: int) -> dict[str, object]:
        if rows < 0:
            raise ValueError(rows)
        current_context().keep("scores", [rows / 2])
        return {"rows": rows, "scores": {"rmse": 1 / rows}, "good": True, "name": "flights", "whole": float("nan")}

    ids = []
    for rows in (1, 2, 4):
        with execution("night") as run, contextlib.suppress(ValueError):
            fit(rows)
            fit(-1)
        ids.append(run.id)
    flusher.flush_all()
    update(indexer)
    runs = runs_of(indexer.engine, indexer.store_number, "night", 50)
    tasks = TaskIndex(indexer.engine, indexer.store, indexer.store_number).of(ids)
    curves = {one.name: one.values for one in of(runs[::-1], tasks).outputs}
    assert curves == {
        "fit: rows": [1.0, 2.0, 4.0],
        "fit: scores.rmse": [1.0, 0.5, 0.25],
        "fit: scores: [0]": [0.5, 1.0, 2.0],
    }


def test_what_takes_long_is_read_in_the_background(indexer: Indexer) -> None:
    ids = [record("night", 3) for _ in range(5)]
    update(indexer)
    tasks = TaskIndex(indexer.engine, indexer.store, indexer.store_number)
    assert tasks.of(ids, patience=0) == {}
    while len(found := tasks.of(ids, patience=0)) < 5 or not tasks.version:
        time.sleep(0.01)
    assert {row.name for rows in found.values() for row in rows} == {"load"}


def test_tasks_of_what_is_gone_are_forgotten(indexer: Indexer, folder: Path, tmp_path: Path) -> None:
    one = record("night", 3)
    update(indexer)
    TaskIndex(indexer.engine, indexer.store, indexer.store_number).of([one])
    shutil.rmtree(folder / "executions" / one)
    update(indexer)
    with sqlite3.connect(tmp_path / "index.sqlite") as database:
        assert database.execute("select count(*) from tasks").fetchone() == (0,)


def test_moments_in_text_are_left_to_the_browser() -> None:
    assert with_times("<b> killed at 2026-11-28 22:22:09.123 UTC: gone") == [
        ("<b> killed at ", ""),
        ("2026-11-28 22:22:09.123 UTC", "2026-11-28T22:22:09+00:00"),
        (": gone", ""),
    ]


def test_a_program_under_obs_run_is_one_run_of_its_pipeline(tmp_path: Path) -> None:
    program = "from obs_core import execution\nwith execution('nightly', tags={'year': 2013}): pass"
    for name in ("nightly", "nightly", "job"):
        command = [sys.executable, "-m", "obs_core", "run", "--name", name, "--", sys.executable, "-c", program]
        subprocess.run(command, env={**os.environ, "OBS_STORE": str(tmp_path)}, check=True)
    engine = connect(f"sqlite:///{tmp_path / 'index.db'}")
    indexer = Indexer(engine, open_store(tmp_path))
    indexer.update()
    runs = runs_of(engine, indexer.store_number, "nightly", 50)
    assert len(runs) == 3
    assert [bool(one.within) for one in runs] == [True, False, False]  # of the job it is another one
    assert [one.tags for one in runs] == [{"year": "2013"}] * 3
    assert counts_of(engine, indexer.store_number, "nightly") == {"succeeded": 3}
    assert [one.within for one in runs_of(engine, indexer.store_number, "job", 50)] == [""]
    engine.dispose()


def test_what_was_recorded_outside_tasks_is_listed_and_not_counted(folder: Path, serve: Callable[..., Any]) -> None:
    with execution("night") as run:
        check("rows > 0", True)
        for name in ("load", "fit"):
            task(lambda: None, name=name)()
    flusher.flush_all()
    with urllib.request.urlopen(f"{serve().url}executions/{run.id}") as answer:
        page = answer.read().decode()
    assert re.search(r"<dt>Tasks</dt>\s*<dd>2</dd>", page)
    assert page.count('class="main depth-') == 3
