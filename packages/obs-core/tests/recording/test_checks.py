"""Checks: a verdict stands wherever its task and its execution do, and is never the task's trouble."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obs_core import (
    Deck,
    TaskCall,
    TaskDecorator,
    attach,
    carrier,
    check,
    execution,
    executions,
    list_executions,
    load_execution,
    span,
    task,
)
from obs_core.assembly.verdicts import VerdictAssembly
from obs_core.assembly.writers import Writer
from obs_core.commands import main as obs
from obs_core.journal import records
from obs_core.model import Verdict
from obs_core.rendering import verdict_mark
from obs_core.testing import RecordingStore
from obs_core.text.masking import register_secret_value

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def test_a_check_is_a_verdict_of_its_task_with_the_span_in_which_it_was_said(store: RecordingStore) -> None:
    @task
    def load() -> None:
        assert check("rows > 0", 3 > 0, "3 rows")
        with span("delays"):
            assert not check("delays are known", 0.3 < 0.05, "30 % missing", severity="warn")
        check("no duplicates", False)

    load()
    read = load_execution("last", store)
    found = read.task("load").verdicts
    assert [(one.outcome, one.name, one.found) for one in found] == [
        ("passed", "rows > 0", "3 rows"),
        ("warned", "delays are known", "30 % missing"),
        ("failed", "no duplicates", ""),
    ]
    table = read.table
    assert [table.names[list(table.ids).index(one.span)] for one in found if one.span] == ["delays"]
    assert read.status == "succeeded"


def test_a_list_knows_the_worst_that_was_found(store: RecordingStore) -> None:
    for name, passed in (("good", True), ("bad", False), ("unchecked", None)):
        with execution(name):
            if passed is not None:
                check("rows > 0", passed, "12 rows")
    found = {view.name: view.verdicts for view in list_executions(store)}
    assert {name: verdicts.outcome for name, verdicts in found.items()} == {
        "good": "passed",
        "bad": "failed",
        "unchecked": "",
    }
    assert found["bad"].said == [("failed", "rows > 0", "12 rows")]
    assert [view.name for view in executions(store, verdict="failed")] == ["bad"]


def test_what_a_deck_shows_counts_too(store: RecordingStore) -> None:
    @task
    def validate() -> None:
        Deck("Validation").append(verdict_mark("failed", "2 of 5 checks failed") + "<p>…</p>")

    with execution("night"):
        validate()
    assert load_execution("last", store).task("validate").verdicts == [
        Verdict("failed", "2 of 5 checks failed", deck="Validation")
    ]
    (view,) = list_executions(store)
    assert (view.status, view.verdicts.outcome) == ("succeeded", "failed")
    assert view.verdicts.said == [("failed", "Validation", "2 of 5 checks failed")]


def test_an_error_in_the_log_warns_once_for_each_task(store: RecordingStore) -> None:
    @task
    def load() -> None:
        for number in range(3):
            logging.getLogger("night").error("no answer from %s", number)

    load()
    assert load_execution("last", store).view.verdicts.said == [("warned", "errors logged", "no answer from 0")]


class Untellable:
    def __bool__(self) -> bool:
        raise ValueError("neither")

    def __repr__(self) -> str:
        raise ValueError("no repr")


@pytest.mark.parametrize("passed", [np.array([True, False]), Untellable()])
def test_what_is_neither_true_nor_false_has_failed(store: RecordingStore, passed: Any) -> None:
    with execution("night"):
        assert check("in order", passed) is False
    (verdict,) = load_execution("last", store).tasks[0].verdicts
    assert verdict.outcome == "failed"
    assert verdict.found.startswith("neither true nor false: ValueError")


@pytest.mark.parametrize("given", [None, 7, "x" * 10_000, "\ud800 \x00", Untellable()])
def test_it_takes_any_name_and_any_detail(store: RecordingStore, given: Any) -> None:
    with execution("night"):
        assert check(given, True, given) in (True, False)
    (verdict,) = load_execution("last", store).tasks[0].verdicts
    assert len(verdict.name) <= 200
    assert len(verdict.found) <= 1000


def test_secrets_are_masked(store: RecordingStore) -> None:
    register_secret_value("hunter2-hunter2")
    with execution("night"):
        check("key hunter2-hunter2 works", False, "it is hunter2-hunter2")
    assert b"hunter2" not in b"".join(store.files.values())
    assert "hunter2" not in str(load_execution("last", store).view.verdicts)


def test_a_check_in_a_loop_is_bounded_and_counted(store: RecordingStore) -> None:
    @task
    def load() -> None:
        for number in range(5_000):
            check("positive", number >= 0)
            check(f"row {number}", False)

    load()
    read = load_execution("last", store)
    assert (read.view.verdicts.passed, read.view.verdicts.failed) == (5_000, 5_000)
    assert len(read.task("load").verdicts) < 1_100
    assert len(read.view.verdicts.said) == 50


def test_outside_a_task_it_belongs_to_the_execution(store: RecordingStore) -> None:
    with execution("night"):
        check("disk is free", True)
    (of_execution,) = load_execution("last", store).tasks
    assert of_execution.name == "night"
    assert [one.name for one in of_execution.verdicts] == ["disk is free"]


def test_a_killed_task_keeps_what_was_checked(folder: Path, run_script: RunScript) -> None:
    script = """
import os, signal
from obs_core import check, task
from obs_core.journal import flusher
@task
def load():
    check("rows > 0", False, "0 rows")
    flusher.flush_all()
    os.kill(os.getpid(), signal.SIGKILL)
load()
"""
    assert run_script(script, check=False).returncode == -signal.SIGKILL
    (view,) = list_executions(folder)
    assert (view.status, view.verdicts.outcome) == ("lost", "failed")


def test_a_run_that_is_killed_early_tells_lists_what_passed(folder: Path, run_script: RunScript) -> None:
    script = """
import os, signal
from obs_core import check, span, task
from obs_core.journal import flusher
@task
def load():
    check("rows > 0", True)
    check("no gaps", True)
    for number in range(5_000):
        with span("row", number=number, text="x" * 50):
            pass
    flusher.flush_all()
    os.kill(os.getpid(), signal.SIGKILL)
load()
"""
    assert run_script(script, check=False).returncode == -signal.SIGKILL
    (view,) = list_executions(folder)
    assert (view.status, view.verdicts.outcome, view.verdicts.passed) == ("lost", "passed", 2)


def test_a_note_counts_though_its_writer_did_not_come_to_say_so() -> None:
    verdicts, writer = VerdictAssembly(), Writer("main")
    verdicts.take_note(writer, records.Note("main.1", "the tracker is away"))
    assert (verdicts.counts().warned, verdicts.counts().said) == (1, [("warned", "Note", "the tracker is away")])
    verdicts.take_summary(writer, records.VerdictSummary(0, 0, 1, 0, [("warned", "Note", "the tracker is away")]))
    assert verdicts.counts().warned == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_what_another_process_checked_is_in_the_list(folder: Path) -> None:
    with execution("night", store=folder):
        carried = carrier()
        child = os.fork()
        if not child:
            try:
                with attach(carried):
                    check("part is whole", False, "2 rows missing")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    (view,) = list_executions(folder)
    assert view.verdicts.said == [("failed", "part is whole", "2 rows missing")]
    assert [one.name for one in load_execution("last", folder).tasks[0].verdicts] == ["part is whole"]


@pytest.mark.parametrize("joins", ["", "attach(json.loads(os.environ['OBS_CARRIER']))"], ids=["environment", "attach"])
def test_a_process_that_took_part_ends_without_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str], joins: str
) -> None:
    child = f"import json, os\nfrom obs_core import *\n{joins}\nwith span('in the child'): pass"
    with execution("night", store=folder):
        environment = {**os.environ, "OBS_CARRIER": json.dumps(carrier())}
        subprocess.run([sys.executable, "-c", child], env=environment, check=True)
    assert obs(["check", "--store", str(folder), "--strict"]) == 0
    assert "night succeeded, no checks" in capsys.readouterr().out
    assert [child.name for child in load_execution("last", folder).span.children] == ["in the child"]


def test_a_note_of_what_began_nowhere_is_the_executions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with execution("night", store=folder) as run:
        run._run.journal.append(records.Note("gone.7", "the tracker is away"))  # type: ignore[union-attr]
    assert obs(["check", "--store", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "1 check warned" in said
    assert "note: the tracker is away" in said
    (view,) = load_execution("last", folder).tasks
    assert (view.is_execution, view.notes) == (True, ["the tracker is away"])


def test_one_that_is_open_when_its_process_ends_counts_alike_in_the_list(folder: Path) -> None:
    source = """
from obs_core import *
opened = execution("night")
opened.__enter__()
for number in range(500):  # a list does not read all of it
    with span(f"part {number}"):
        pass
"""
    subprocess.run([sys.executable, "-c", source], env={**os.environ, "OBS_STORE": str(folder)}, check=True)
    (view,) = list_executions(folder)
    assert view.verdicts.warned == load_execution(view.id, folder).view.verdicts.warned == 1


class TestTheCommand:
    def test_it_exits_with_0_if_all_passed(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with execution("night", store=folder):
            check("rows > 0", True, "3 rows")
        assert obs(["check", "--store", str(folder)]) == 0
        said = capsys.readouterr().out
        assert "night succeeded, 1 check passed" in said
        assert "rows > 0: 3 rows" in said

    def test_it_exits_with_1_if_a_check_failed_though_the_code_did_not(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with execution("night", store=folder):
            check("rows > 0", False, "0 rows")
            check("rows > 0", False, "0 rows")
        assert obs(["check", "night", "--store", str(folder), "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert (found["execution"]["status"], found["outcome"], found["failed"]) == ("succeeded", "failed", 2)
        (verdict,) = found["verdicts"]
        assert (verdict["outcome"], verdict["name"], verdict["found"], verdict["count"]) == (
            "failed", "rows > 0", "0 rows", 2,
        )  # fmt: skip

    def test_it_exits_with_1_if_the_execution_failed(self, folder: Path) -> None:
        with pytest.raises(ValueError, match="no"), execution("night", store=folder):
            raise ValueError("no")
        assert obs(["check", "--store", str(folder)]) == 1

    def test_a_warning_fails_only_if_that_is_asked_for(self, folder: Path) -> None:
        with execution("night", store=folder):
            check("rows > 10", False, severity="warn")
        assert obs(["check", "--store", str(folder)]) == 0
        assert obs(["check", "--store", str(folder), "--strict"]) == 1

    def test_a_killed_runs_first_line_counts_what_its_lines_tell(
        self, folder: Path, run_script: RunScript, capsys: pytest.CaptureFixture[str]
    ) -> None:
        script = """
import os, signal
from obs_core import check, current_context, task
from obs_core.journal import flusher
@task
def load():
    check("rows > 0", True, "5 rows")
    current_context().note("the tracker is away")
    flusher.flush_all()
    os.kill(os.getpid(), signal.SIGKILL)
load()
"""
        assert run_script(script, check=False).returncode == -signal.SIGKILL
        assert obs(["check", "--store", str(folder)]) == 1
        first, *lines = capsys.readouterr().out.splitlines()
        assert " lost, 1 check warned, 1 passed " in first
        assert [line.split()[0] for line in lines] == ["warned", "passed"]

    def test_what_is_typed_wrong_exits_with_2(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with execution("night", store=folder):
            pass
        assert obs(["check", "nope", "--store", str(folder)]) == 2
        assert "nope" in capsys.readouterr().err

    def test_ls_says_and_chooses_by_what_was_found(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder.mkdir()
        for name, passed in (("good", True), ("bad", False)):
            with execution(name, store=folder):
                check("rows > 0", passed)
        obs(["ls", "--store", str(folder), "--verdict", "failed"])
        header, bad = capsys.readouterr().out.splitlines()
        assert header.split()[:3] == ["ID", "STATUS", "CHECKS"]
        assert bad.split()[1:4] == ["succeeded", "1", "failed"]

    def test_explain_names_what_failed(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with execution("night", store=folder):
            check("rows > 0", False, "0 rows")
        obs(["explain", "--store", str(folder)])
        assert "1 check failed: rows > 0 (0 rows)" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_counts_only_its_own(folder: Path) -> None:
    with execution("night", store=folder) as run:
        check("before", True)
        child = os.fork()
        if not child:
            try:
                check("in the child", True)
                run._run.verdicts.summarize()  # type: ignore[union-attr]
                run._run.journal.close_now()  # type: ignore[union-attr]
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    (view,) = list_executions(folder)
    assert view.verdicts.passed == 2
    assert sorted(name for _, name, _ in view.verdicts.said) == ["before", "in the child"]


def test_a_note_that_tells_what_a_verdict_tells_is_no_second_check(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class warning(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            yield
            check("rows > 0", False, "0 rows")
            call.warn("there are no rows", checked=True)
            call.note("the tracker is away")

    def clean() -> None:
        pass

    watched: Callable[[], None] = task(warning()(clean))
    with pytest.warns(UserWarning, match="there are no rows"):
        watched()
    assert obs(["check"]) == 1
    first, *lines = capsys.readouterr().out.splitlines()
    assert "1 check failed, 1 warned" in first
    assert [line.split()[0] for line in lines] == ["failed", "warned"]
    assert load_execution("last").tasks[0].notes == ["there are no rows", "the tracker is away"]
