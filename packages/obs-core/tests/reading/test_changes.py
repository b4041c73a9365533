"""What changed between two executions, told from executions that differ in one thing each."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, Execution, check, execution, load_execution, log_metric, log_params, provenance, span, task
from obs_core.commands import main as obs
from obs_core.journal import flusher
from obs_core.journal.reader import segment_names
from obs_core.model import SpanTable
from obs_core.reading.changes import earlier as earlier_ones
from obs_core.reading.changes import reading
from obs_core.reading.changes.calls import _first_difference
from obs_core.reading.changes.change import Change
from obs_core.reading.changes.drawing import summary
from obs_core.reading.changes.earlier import Earlier, EarlierRun
from obs_core.reading.changes.result import Changes
from obs_core.reading.changes.sides import Operation, Side, operations_of
from obs_core.reading.changes.times import changed_times
from obs_core.rendering import verdict_mark
from obs_core.store.paths import sums_path
from obs_core.testing import FixedClock, RecordingStore
from obs_core.transformers import TypeTransformer, register_transformer

MS = 1_000_000


@task
def fit(rows: int, rate: float = 0.1, model: str = "linear") -> dict[str, Any]:
    log_params(rate=rate)
    with span("merge"):
        pass
    log_metric("loss", 1 / rows)
    return {"rmse": 17.0 / rows, "model": model}


@task
def look(outcome: Any, what: str) -> None:
    Deck("Checked").append(verdict_mark(outcome, what))


@task
def say(*lines: str) -> None:
    for line in lines:
        logging.getLogger("flights").warning(line)


@task
def break_at(rows: int) -> None:
    if rows > 3:
        raise ValueError("no such airport")


def run(*calls: Callable[[], object], name: str = "train", **tags: object) -> Execution:
    """Record an execution that makes some calls; what they raise ends it."""
    made = execution(name, tags=tags)
    try:
        with made:
            for call in calls:
                call()
    except ValueError:
        pass
    return load_execution(made.id)


def told(changes: Changes, kind: str) -> list[tuple[str, str | None, str | None]]:
    """What changed of a kind: what, before, after."""
    return [(one.what, one.before, one.after) for one in changes.found if one.kind == kind]


def test_nothing_changed() -> None:
    run(lambda: fit(2))
    changes = run(lambda: fit(2)).changes()
    assert [one for one in changes.found if one.kind != "time"] == []
    assert {"status", "inputs", "outputs", "sources", "dependencies", "machine"} <= set(changes.same)


def test_the_last_good_execution_of_the_name_is_compared_with() -> None:
    good = run(lambda: fit(2))
    run(lambda: break_at(5))
    run(lambda: fit(3), name="another")
    changes = run(lambda: fit(2)).changes()
    assert changes.other is not None
    assert (changes.other.id, changes.chosen, changes.earlier) == (good.id, False, [good.id])


def test_without_a_good_execution_that_is_said() -> None:
    run(lambda: break_at(5))
    run(lambda: check("rows > 0", False))
    changes = run(lambda: break_at(5)).changes()
    assert (changes.other, changes.found) == (None, [])
    (told,) = changes.unknown
    assert told.startswith("There is no earlier good execution of 'train' to compare with: none that succeeded ")
    assert told.endswith(" without a failed check. obs diff ID OTHER compares any two.")
    assert "no earlier good execution" in str(changes)


def test_any_other_execution_may_be_chosen() -> None:
    first = run(lambda: fit(2))
    run(lambda: fit(3))
    last = run(lambda: fit(4))
    for other in (first, first.id):
        changes = last.changes(other)
        assert changes.chosen
        assert told(changes, "input") == [("fit's rows", "2", "4")]


def test_a_failure_is_told_first_and_once() -> None:
    run(lambda: break_at(2))
    changes = run(lambda: break_at(5)).changes()
    kinds = [one.kind for one in changes.found]
    assert kinds[:2] == ["status", "task"]
    assert told(changes, "status") == [("train", "succeeded", "failed")]  # the task tells by what
    broken = changes.found[1]
    assert (broken.what, broken.after) == ("break_at", "failed: ValueError: no such airport")
    assert "test_changes.py" in broken.note
    assert broken.after_task


def test_a_long_error_and_a_long_line_say_that_they_are_cut() -> None:
    def break_long() -> None:
        say(f"{'wind ' * 50}17")
        raise ValueError("no airport " * 30)

    broken = task(break_long, name="break_at")
    run(lambda: break_at(2))
    in_task, outside = run(lambda: broken()).changes(), run(break_long).changes()
    for kind, changes in (("status", outside), ("task", in_task), ("log", in_task)):
        texts = [after for _, _, after in told(changes, kind) if after is not None and len(after) > 150]
        assert texts, kind
        assert all(text.endswith("…") for text in texts), texts


def test_parameters_that_differ_only_in_their_end_are_not_the_same() -> None:
    run(lambda: log_params(rules=f"{'a' * 300} seven"))
    changes = run(lambda: log_params(rules=f"{'a' * 300} eight")).changes()
    assert [what for what, _, _ in told(changes, "parameter")] == ["rules"]


def test_a_failure_that_bubbles_up_is_told_of_the_inner_task() -> None:
    outer = task(lambda rows: break_at(rows), name="outer")
    run(lambda: outer(2))
    changes = run(lambda: outer(5)).changes()
    assert [what for what, _, _ in told(changes, "task")] == ["break_at"]


def test_tasks_that_are_new_gone_or_called_more_often() -> None:
    run(lambda: fit(2), lambda: say("a"))
    changes = run(lambda: fit(2), lambda: fit(2), lambda: look("passed", "")).changes()
    assert set(told(changes, "task")) == {
        ("fit", "called 1 time", "called 2 times"),
        ("say", "called 1 time", None),
        ("look", None, "called 1 time"),
    }


def test_arguments_parameters_outputs_and_metrics() -> None:
    run(lambda: fit(2))
    changes = run(lambda: fit(4, rate=0.3, model="forest")).changes()
    assert ("fit's rows", "2", "4") in told(changes, "input")
    assert told(changes, "parameter") == [("rate", "0.1", "0.3")]
    assert set(told(changes, "output")) == {("fit: rmse", "8.5", "4.25"), ("fit: model", "linear", "forest")}
    (metric,) = [one for one in changes.found if one.kind == "metric"]
    assert (metric.what, metric.before, metric.after, metric.sure) == ("loss", "0.5", "0.25", "possible")


def test_calls_in_another_order_are_the_same() -> None:
    run(lambda: fit(2), lambda: fit(3))
    assert told(run(lambda: fit(3), lambda: fit(2)).changes(), "input") == []


def test_one_argument_of_many_calls_is_told_once() -> None:
    run(*[partial(say, f"day {n}") for n in range(5)])
    changes = run(*[partial(say, f"month {n}") for n in range(5)]).changes()
    assert len(told(changes, "input")) == 1
    assert next(one.note for one in changes.found if one.kind == "input") == "in 5 calls"


def test_many_changes_of_one_kind_do_not_hide_the_others() -> None:
    logs = task(lambda value: log_params(**{f"p{number}": value for number in range(50)}), name="logs")
    run(lambda: logs(1), year=2013)
    kinds = [one.kind for one in run(lambda: logs(2), year=2014).changes().found]
    assert len(kinds) > 50
    assert kinds.index("tag") < 10


def test_what_is_another_one_in_each_run_is_hardly_a_change() -> None:
    for rows in (2, 3, 4, 5):
        run(partial(fit, rows, rate=rows))
    changes = run(lambda: fit(6, rate=6)).changes()
    varying = [one for one in changes.found if one.kind in ("output", "parameter")]
    assert varying
    assert all("different in each earlier run" in one.note and one.weight < 40 for one in varying)


@task
def publish(model: object, shift: int = 0) -> None: ...


def test_what_is_handed_on_and_another_one_in_each_run_stands_behind_what_changed() -> None:
    for loss in (0.11, 0.42, 0.23, 0.74):
        run(partial(publish, {"loss": loss}, shift=0))
    changes = run(partial(publish, {"loss": 0.35}, shift=1)).changes()
    inputs = [one for one in changes.found if one.kind == "input"]
    assert [(one.what, one.note) for one in inputs] == [
        ("publish's shift", ""),
        ("publish's model", "it was different in each earlier run"),
    ]
    assert inputs[1].weight < 40


def test_calls_that_come_in_another_order_each_time_do_not_vary() -> None:
    for order in ("abc", "bca", "cab", "abc"):
        run(*(partial(publish, letter) for letter in order))
    (changed,) = [one for one in run(*(partial(publish, one) for one in "abd")).changes().found if one.kind == "input"]
    assert (changed.before, changed.after, changed.note) == ("c", "d", "")


def test_what_varies_in_each_run_is_not_told_of_a_failure() -> None:
    for rows, shift in ((1, 0), (2, 0), (3, 0)):
        run(partial(publish, f"model of {rows}", shift), partial(break_at, 0))
    failed = run(partial(publish, "model of 4", 1), partial(break_at, 5))
    said = str(failed.why())
    assert "publish's shift was 0, now 1" in said
    assert "publish's model" not in said


def test_a_metric_within_the_usual_is_none() -> None:
    for rows in (1000, 1010, 990, 1005, 995):
        run(partial(fit, rows))
    changes = run(lambda: fit(1002)).changes()
    assert told(changes, "metric") == []
    changed = run(lambda: fit(10)).changes()
    (metric,) = [one for one in changed.found if one.kind == "metric"]
    assert metric.sure == "likely"
    assert "(6 earlier runs)" in metric.note


def test_before_four_good_runs_nothing_is_said_to_be_usual() -> None:
    said = []
    with FixedClock() as clock:
        for seconds in (1.0, 1.1, 1.0, 1.1, 1.0):
            ran = run(lambda: fit(1000), partial(clock.advance, seconds))
            said.append(next((line for line in summary(ran.changes()) if "usual" in line), ""))
    assert "perhaps no more than usual (1 earlier good run; it takes 4 to tell)." in said[1]
    assert "perhaps no more than usual (3 earlier good runs; it takes 4 to tell)." in said[3]
    assert said[4].endswith(" no more than usual (4 earlier good runs).")
    assert "perhaps" not in said[4]


def test_a_metric_that_is_not_finite_any_more() -> None:
    logs = task(lambda value: log_metric("loss", value), name="logs")
    run(lambda: logs(0.5))
    changes = run(lambda: logs(float("nan"))).changes()
    assert [(one.after, one.note) for one in changes.found if one.kind == "metric"] == [("nan", "it is not finite")]


def test_checks() -> None:
    run(lambda: look("passed", "5 checks"))
    changes = run(lambda: look("failed", "3 of 5 checks failed")).changes()
    assert told(changes, "check") == [("look: Checked", "passed: 5 checks", "failed: 3 of 5 checks failed")]
    assert changes.found[0].kind == "check"


def test_a_check_that_warned_before_and_finds_something_else_is_a_change() -> None:
    run(lambda: look("warned", "4 of 18 columns"))
    changes = run(lambda: look("warned", "delay where origin is BOS")).changes()
    assert told(changes, "check") == [
        ("look: Checked", "warned: 4 of 18 columns", "warned: delay where origin is BOS"),
    ]
    assert "checks" not in changes.same
    again = run(lambda: look("warned", "delay where origin is BOS")).changes()
    assert told(again, "check") == []
    assert "checks" in again.same


@task
def look_at(*marks: tuple[Any, str]) -> None:
    Deck("Checked").append("".join(verdict_mark(outcome, what) for outcome, what in marks))


def test_verdicts_of_one_deck_are_compared_with_those_of_their_own_title() -> None:
    run(lambda: look_at(("passed", "Rules: all passed"), ("warned", "Drift: 1 column")))
    changes = run(lambda: look_at(("failed", "Rules: 1 of 5 failed"), ("passed", "Drift: none"))).changes()
    assert told(changes, "check") == [
        ("look_at: Checked", "passed: Rules: all passed", "failed: Rules: 1 of 5 failed"),
        ("look_at: Checked", "warned: Drift: 1 column", "passed: Drift: none"),
    ]


def test_a_verdict_without_a_title_is_compared_with_the_only_one_there_is() -> None:
    run(lambda: look_at(("passed", ""), ("passed", "Drift: none")))
    changes = run(lambda: look_at(("failed", "Rules: 1 of 5 failed"), ("passed", "Drift: none"))).changes()
    assert told(changes, "check") == [("look_at: Checked", "passed", "failed: Rules: 1 of 5 failed")]


def test_of_a_table_the_row_that_differs_is_told() -> None:
    class Frame:
        def __init__(self, first: float) -> None:
            self.first = first

        def _repr_html_(self) -> str:
            rows = "".join(f"<tr><th>{at}</th><td>{value}</td></tr>" for at, value in enumerate((self.first, 5.0)))
            return f"<p>2 rows</p><table><tr><th></th><th>delay</th><th>number</th></tr>{rows}</table>"

    mean = task(lambda flights: flights.first, name="mean")
    run(lambda: mean(Frame(3.0)))
    (change,) = (one for one in run(lambda: mean(Frame(9.0))).changes().found if one.kind == "input")
    assert change.note == "its contents differ, first: 0 3.0 -> 0 9.0"


def test_of_a_table_whose_column_is_of_another_type_that_column_is_told() -> None:
    class Frame:
        def __init__(self, kind: str, fails: bool) -> None:
            self.kind, self.fails = kind, fails

        def _repr_html_(self) -> str:
            head = "".join(f"<th>{name}</th>" for name in ("country", "str", "price", self.kind, "pieces", "int64"))
            return f"<p>2 rows</p><table><tr>{head}</tr><tr><td>de</td></tr></table>"

    @task
    def revenue(orders: Frame) -> None:
        if orders.fails:
            raise ValueError("free")

    run(lambda: revenue(Frame("float64", fails=False)))
    failed = run(lambda: revenue(Frame("str", fails=True)))
    (change,) = (one for one in failed.changes().found if one.kind == "input")
    assert change.note == "its contents differ, first: price float64 -> price str"
    assert "revenue's orders has other contents: price float64 -> price str" in failed.why().differences


def test_new_warnings_whose_numbers_alone_differ_are_one() -> None:
    run(lambda: say("3 rows dropped"))
    changes = run(lambda: say("4 rows dropped", "no airport 17", "no airport 18")).changes()
    assert told(changes, "log") == [("warning in say", None, "no airport 17 (and 1 more like it)")]


def test_the_source_of_a_task(tmp_path: Path) -> None:
    for number, body in enumerate(("rows * 2", "rows * 3")):
        script = tmp_path / f"steps{number}.py"
        script.write_text(f"from obs_core import task\n\n@task\ndef double(rows):\n    return {body}\n")
        namespace: dict[str, Any] = {"__name__": "steps"}
        exec(compile(script.read_text(), script, "exec"), namespace)
        last = run(partial(namespace["double"], 2))
    (source,) = [one for one in last.changes().found if one.kind == "source"]
    assert (source.what, source.before, source.after) == ("double", "return rows * 2", "return rows * 3")
    assert source.note == "1 line added, 1 removed"
    assert "-    return rows * 2\n+    return rows * 3" in source.detail


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", "-C", str(folder), *names, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_commits_with_their_diff_where_the_repository_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q")
    monkeypatch.chdir(repository)
    for text in ("first", "second"):
        (repository / "steps.py").write_text(f"{text}\n")
        git(repository, "add", ".")
        git(repository, "commit", "-qm", f"The {text} step")
        provenance.git_commit.cache_clear()
        last = run(lambda: fit(2))
    monkeypatch.chdir(tmp_path)  # whoever reads is somewhere else: the execution says where it ran
    (commit,) = [one for one in last.changes().found if one.kind == "commit"]
    assert commit.after == git(repository, "rev-parse", "HEAD")[:12]
    assert commit.note == "1 commit, 1 file changed, 1 insertion(+), 1 deletion(-): The second step"
    assert "-first\n+second" in commit.detail


def test_a_repository_runs_nothing_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads another one's executions must not run what a repository names as its pager, differ or signer."""
    repository, trace = tmp_path / "repository", tmp_path / "ran"
    repository.mkdir()
    git(repository, "init", "-q")
    program = tmp_path / "program.sh"
    program.write_text(f"#!/bin/sh\necho $0 >> {trace}\ncat\n")
    program.chmod(0o755)
    monkeypatch.chdir(repository)
    (repository / ".gitattributes").write_text("*.py diff=own\n")
    for text in ("first", "second"):
        (repository / "steps.py").write_text(f"{text}\n")
        git(repository, "add", ".")
        git(repository, "commit", "-qm", text)
        provenance.git_commit.cache_clear()
        last = run(lambda: fit(2))
    for key in (
        "core.pager",
        "core.fsmonitor",
        "diff.external",
        "diff.own.textconv",
        "diff.own.command",
        "gpg.program",
    ):
        git(repository, "config", key, str(program))
    git(repository, "config", "log.showSignature", "true")
    (commit,) = [one for one in last.changes().found if one.kind == "commit"]
    assert "-first\n+second" in commit.detail
    assert not trace.exists()


def test_a_commit_whose_repository_is_not_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for number in ("1", "2"):
        monkeypatch.setattr("obs_core.provenance.git_commit", lambda _folder, number=number: number * 40)
        last = run(lambda: fit(2))
    changes = last.changes()
    assert told(changes, "commit") == [("git commit", "1" * 12, "2" * 12)]
    assert "The commits' diff is not shown: their repository is not at hand here." in changes.unknown


def test_tags_command_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    run(lambda: fit(2), year=2013)
    monkeypatch.setattr(sys, "argv", ["train.py", "--fast"])
    monkeypatch.setattr("obs_core.provenance.user", lambda: "somebody")
    changes = run(lambda: fit(2), year=2014).changes()
    assert told(changes, "tag") == [("year", "2013", "2014")]
    assert [after for what, _, after in told(changes, "command") if what == "command"] == ["train.py --fast"]
    assert [after for what, _, after in told(changes, "machine") if what == "user"] == ["somebody"]


def test_dependencies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from obs_core.recording import surroundings

    monkeypatch.syspath_prepend(tmp_path)
    for version in ("1.4.2", "2.0.0"):
        for folder in tmp_path.glob("*.dist-info"):
            shutil.rmtree(folder)
        (tmp_path / f"my_steps-{version}.dist-info").mkdir()
        (tmp_path / f"my_steps-{version}.dist-info" / "METADATA").touch()
        surroundings.forget()
        last = run(lambda: fit(2))
    (change,) = [one for one in last.changes().found if one.kind == "dependency"]
    assert (change.what, change.before, change.after, change.note) == ("my-steps", "1.4.2", "2.0.0", "not imported")


def test_one_name_of_a_distribution_however_it_is_written_is_no_change() -> None:
    from obs_core.reading.changes.surroundings import changed_dependencies

    one = side({"merge": 1})
    old, new = {"jaraco.classes": "3.4.0", "tool": "1.0"}, {"jaraco-classes": "3.4.0", "tool": "1.1"}
    found = changed_dependencies(one, one, {"installed": old}, {"installed": new})
    assert [change.what for change in found] == ["tool"]


def test_what_comes_after_an_execution_without_a_task(store: RecordingStore) -> None:
    """What it costs to say what is installed is not spent on an execution that is over at once."""
    run(lambda: None)
    assert store.names("shared") == []


# Times


def side(times: dict[str, int], status: Any = "succeeded") -> Side:
    """An execution whose operations took milliseconds."""
    found = run(lambda: None)
    made = Side(found.store, found._assembly, {(False, name): Operation(ms * MS, 1) for name, ms in times.items()})
    made.view.duration, made.view.status = sum(times.values()) * MS, status
    return made


def earlier(*runs: dict[str, int]) -> Earlier:
    views = [run(lambda: None).view for _ in runs]
    for view, times in zip(views, runs, strict=True):
        view.duration = sum(times.values()) * MS
    return Earlier(views, [EarlierRun({(False, name): ms * MS for name, ms in times.items()}) for times in runs])


NOISY = [{"merge": 100 + 7 * (number % 5), "read": 500} for number in range(10)]


def times_of(after: dict[str, int], known: list[dict[str, int]], status: Any = "succeeded") -> list[Change]:
    found, _ = changed_times(
        side(known[0] if known else {"merge": 100, "read": 500}), side(after, status), earlier(*known)
    )
    return [one for one in found if one.what != "train"]


def test_noise_is_no_change() -> None:
    assert times_of({"merge": 128, "read": 520}, NOISY) == []


def test_what_takes_longer_than_it_ever_did_is_a_change() -> None:
    (change,) = times_of({"merge": 900, "read": 500}, NOISY)
    assert (change.what, change.before, change.after, change.sure) == ("merge", "100 ms", "900 ms", "certain")
    assert change.note == "usually 70.4 ms to 158 ms (10 earlier runs)"


def test_what_took_long_in_the_other_run_alone_is_a_change() -> None:
    slow = {"merge": 900, "read": 500}
    found, _ = changed_times(side(slow), side(NOISY[0]), earlier(slow, *NOISY))
    (change,) = (one for one in found if one.what == "merge")
    assert (change.before, change.after, change.sure) == ("900 ms", "100 ms", "certain")
    assert change.note == "unusual before, usually 71.5 ms to 156 ms (11 earlier runs)"


def test_little_time_is_no_change_however_many_times_it_is() -> None:
    assert times_of({"merge": 4, "read": 5000}, [{"merge": 1, "read": 5000}] * 6) == []


def test_with_few_earlier_runs_only_what_is_far_off_is_told() -> None:
    assert times_of({"merge": 120, "read": 500}, NOISY[:2]) == []
    (change,) = times_of({"merge": 900, "read": 500}, NOISY[:2])
    assert change.sure == "possible"
    assert change.note == "it may vary that much: only 2 earlier good runs are known"
    (change,) = times_of({"merge": 900, "read": 500}, [])
    assert change.note == "it may vary that much: no earlier good run is known"


def test_what_failed_before_its_end_is_no_quicker() -> None:
    assert times_of({"merge": 3}, NOISY, status="failed") == []
    assert [one.what for one in times_of({"merge": 3, "read": 500}, NOISY)] == ["merge"]


def test_what_never_ended_took_at_least_so_long() -> None:
    lost = side({}, "lost")
    lost.operations = operations_of(
        SpanTable(
            execution=lost.view,
            ids=["main.1", "main.2"],
            parents=[-1, 0],
            names=["train", "merge"],
            kinds=["workflow", "operation"],
            starts=[0, 0],
            durations=[900 * MS, 900 * MS],
            open={0, 1},
        )
    )
    found, _ = changed_times(side({"merge": 100}), lost, Earlier())
    assert [(one.what, one.before, one.after) for one in found] == [("merge", "100 ms", "≥ 900 ms")]


def test_a_new_operation() -> None:
    (change,) = times_of({"merge": 100, "read": 500, "sort": 300}, NOISY)
    assert (change.what, change.before, change.after) == ("sort", None, "300 ms")


def test_names_with_numbers_are_one_operation_where_there_are_very_many() -> None:
    known = [{f"fold {number}": 1 for number in range(300)}] * 5
    (change,) = times_of({f"fold {number}": 4 for number in range(300)}, known)
    assert (change.what, change.before, change.after) == ("fold #", "300 ms", "1.20 s")


def test_spans_of_a_large_execution_are_added_up_as_those_of_a_small_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nested(count: int) -> None:
        for _ in range(count):
            with span("read"), span("parse"):
                pass

    last = run(lambda: task(nested, name="outer")(30), lambda: fit(2))
    small = reading.read_side(last.store, last.id)
    monkeypatch.setattr(reading, "_LARGE", 0)
    large = reading.read_side(last.store, last.id)
    assert large.operations == small.operations == operations_of(last.table)
    assert small.operations[False, "parse"].task == "outer"
    assert large.view == small.view


def test_what_was_added_up_of_large_earlier_executions_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [run(lambda: fit(2)) for _ in range(4)]
    last = run(lambda: fit(2))
    size = max(earlier_ones._size_of(one.store, path) for one in runs for path in segment_names(one.store, one.id))
    monkeypatch.setattr(earlier_ones, "_LARGE", 0)
    monkeypatch.setattr(earlier_ones, "_MOST_BYTES", int(1.5 * size))
    known = []
    for _ in range(5):
        changes = last.changes()
        known.append(next((one for one in changes.unknown if "tell what is usual" in one), ""))
    assert [text.partition(":")[0] for text in known] == [
        *(f"{number} of 4 earlier good runs tell what is usual of times" for number in (1, 2, 3)),
        "",
        "",
    ]
    kept = earlier_ones.earlier_runs(last.store, last.view)
    for one in runs:
        one.store.remove(sums_path(one.id))
    monkeypatch.setattr(earlier_ones, "_MOST_BYTES", 100 * size)
    assert earlier_ones.earlier_runs(last.store, last.view) == kept


def test_a_store_that_cannot_be_written_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    run(lambda: fit(2))
    last = run(lambda: fit(4))
    monkeypatch.setattr(earlier_ones, "_LARGE", 0)
    monkeypatch.setattr(last.store, "put", refuse)
    assert told(last.changes(), "input")


# What is shown


def test_it_is_shown_in_text_html_and_markdown() -> None:
    run(lambda: fit(2, model="a|b <i>"))
    changes = run(lambda: fit(4, model="@team #7 `x`")).changes()
    text = str(changes)
    assert re.search("^input +fit's rows +2 -> 4$", text, re.MULTILINE)
    html = changes._repr_html_()
    assert "a|b &lt;i&gt;" in html
    assert "<i>" not in html
    markdown = changes.to_markdown()
    assert "| input | fit's rows | 2 | 4 |" in markdown.replace("\\", "")
    assert "@team" not in markdown
    assert "<i>" not in markdown
    assert all(line.count("|") == 6 for line in markdown.splitlines() if line.startswith("|") and "---" not in line)
    assert len(repr(changes)) < 120


def test_long_texts_are_shown_where_they_differ() -> None:
    run(lambda: None, note=f"{'a' * 150} seven")
    lines = str(run(lambda: None, note=f"{'a' * 150} eight").changes()).splitlines()
    assert any(line.endswith("aaa seven") and "- …a" in line for line in lines)
    assert any(line.endswith("aaa eight") and "+ …a" in line for line in lines)


def test_contents_with_one_summary_are_shown_once_with_all_of_what_differs() -> None:
    summary = "200,000 rows × 3 columns · pandas DataFrame · missing values counted in 1,981 rows"
    note = f"its contents differ, first: {'str price float64 ' * 3} -> {'str price str ' * 3}the end"
    change = Change(kind="input", what="revenue's orders", before=summary, after=summary, note=note)
    view = run(lambda: None).view
    lines = str(Changes(execution=view, other=view, found=[change])).splitlines()
    assert sum("200,000 rows" in line for line in lines) == 1
    assert any(line.endswith("the end") for line in lines)


def test_what_was_returned_and_not_kept_is_not_called_the_same(folder: Path) -> None:
    @task
    def load(rows: int) -> object:
        return object() if rows else None  # no transformer keeps that

    for rows in (1, 2):
        with execution("train", store=folder):
            load(rows)
    changes = load_execution("last", folder).changes()
    assert "outputs" not in changes.same
    assert "What tasks returned was not compared: it is not kept in both executions." in changes.unknown


def test_of_contents_that_differ_the_first_is_told() -> None:
    assert _first_difference("0 AA 430.0 1 B6 425.0", "0 AA 430.0 1 b6 425.0") == "1 B6 -> 1 b6"
    assert _first_difference("0 3.0 AA 5", "0 9.0 BB 5") == "0 3.0 AA -> 0 9.0 BB"
    assert _first_difference("x x", "x x x") == "x x -> x x x"
    assert _first_difference("delay float64 n int64", "delay float64 9 % missing n int64") == (
        "delay float64 -> delay float64 9 % missing"
    )
    assert _first_difference("a", "a b") == "a -> a b"


def test_obs_diff(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    before = json_of(folder, "fit(2)")
    after = json_of(folder, "fit(4)")
    assert obs(["diff", "--store", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["execution"]["id"], found["other"]["id"], found["chosen"]) == (after, before, False)
    rows = next(one for one in found["changes"] if one["kind"] == "input")
    assert (rows["what"], rows["before"], rows["after"], rows["sure"]) == ("fit's rows", "2", "4", "certain")
    assert obs(["diff", after, before, "--store", str(folder), "-n", "1"]) == 0
    printed = capsys.readouterr().out
    assert "compared with" in printed
    assert "more (-n 0 shows all)" in printed
    assert obs(["diff", "train", "--store", str(folder), "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("### What changed in train\n")
    assert obs(["diff", "nobody", "--store", str(folder)]) == 2
    assert "no execution with the id or the name 'nobody'" in capsys.readouterr().err
    assert obs(["diff", "-n", "-1", "--store", str(folder)]) == 2


def json_of(folder: Path, call: str) -> str:
    """Record an execution as a program of its own; returns its id."""
    source = f"""
from obs_core import execution, task
@task
def fit(rows):
    return rows
with execution("train") as made:
    {call}
print(made.id)
"""
    script = folder.parent / "train.py"
    script.write_text(source)
    done = subprocess.run([sys.executable, str(script)], check=True, capture_output=True, text=True)
    return done.stdout.split()[-1]


def test_one_part_that_cannot_be_compared_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise OSError("gone")

    run(lambda: fit(2))
    last = run(lambda: fit(4))
    flusher.flush_all()
    monkeypatch.setenv("OBS_STRICT", "0")
    monkeypatch.setattr("obs_core.reading.changes.said.read_log", broken)
    changes = last.changes()
    assert told(changes, "input")
    assert "The warnings and errors could not be compared: OSError: gone." in changes.unknown


def test_numbers_of_outputs_are_written_as_everywhere() -> None:
    @task
    def made(scale: int) -> dict[str, float]:
        return {"sum": 16_589_932.5 * scale, "mean": 17.00012 + scale / 1e5, "rows": 336_776}

    run(lambda: made(1))
    assert told(run(lambda: made(2)).changes(), "output") == [
        ("made: sum", "16,589,932", "33,179,865"),
        ("made: mean", "17.00013", "17.00014"),
    ]


def test_a_transformer_tells_how_its_values_differ() -> None:
    class Scores(dict[str, int]):
        pass

    class ScoresTransformer(TypeTransformer[Scores]):
        python_type = Scores
        name = "example.scores"

        def to_bytes(self, value: Scores) -> bytes:
            return json.dumps(value).encode()

        def from_bytes(self, data: bytes) -> Scores:
            return Scores(json.loads(data))

        def differences(self, before: Scores, after: Scores) -> list[tuple[str, str | None, str | None]]:
            return [("best", max(before), max(after))]

    made = task(lambda name: Scores({name: 1}), name="made")
    with register_transformer(ScoresTransformer()):
        run(lambda: made("a"))
        assert told(run(lambda: made("b")).changes(), "output") == [("made: best", "a", "b")]


def test_what_neither_has_or_one_lacks_is_not_called_the_same() -> None:
    @task
    def predict(fails: bool) -> int:
        if fails:
            raise ValueError("no such airport")
        log_metric("rmse", 16.0)
        return 7

    run(lambda: fit(2), lambda: predict(False))
    changes = run(lambda: fit(2), lambda: predict(True)).changes()
    assert not {"outputs", "metrics", "checks", "data profiles", "engine"} & set(changes.same)
    assert {"parameters", "warnings and errors"} <= set(changes.same)
    assert "Not all compared: outputs, metrics. One execution has some that the other lacks." in changes.unknown


def test_what_varies_is_not_called_the_same() -> None:
    logs = task(lambda value: log_metric("loss", value), name="logs")
    for value in (1.0, 1.0002, 0.9998, 1.0001):
        run(partial(logs, value))
    varied = run(partial(logs, 1.0003)).changes()
    assert told(varied, "metric") == []
    assert not {"times", "metrics"} & set(varied.same)
    alike = run(partial(logs, 1.0003)).changes()
    assert "metrics" in alike.same
    run(partial(logs, 7.0))
    (metric,) = (one for one in run(partial(logs, 1.0)).changes().found if one.kind == "metric")
    assert (metric.before, metric.after) == ("7", "1")
    assert metric.note.startswith("unusual before, usually 0.99")


def test_what_differs_and_is_not_told_is_not_called_the_same() -> None:
    def handles(message: str) -> None:
        with contextlib.suppress(ValueError):
            fails(message)

    @task
    def fails(message: str) -> None:
        raise ValueError(message)

    look = task(lambda *rows: None, name="look")
    run(lambda: handles("a"), lambda: look(1), lambda: look(2), lambda: say("odd"))
    changes = run(lambda: handles("b"), lambda: look(1), lambda: break_at(5)).changes()
    assert not {"tasks", "inputs", "warnings and errors"} & set(changes.same)

    run(lambda: None, name="other")
    going_on = execution("other")
    with going_on:
        say()
        assert "status" not in load_execution(going_on.id).changes().same


def test_times_of_one_name_are_told_apart() -> None:
    before, after = (run(lambda: None, name="fit") for _ in range(2))
    sides = []
    for one, ms in ((before, 100), (after, 900)):
        sums = {(is_task, "fit"): Operation(ms * MS, 1, "fit") for is_task in (True, False)}
        sides.append(Side(one.store, one._assembly, sums))
        sides[-1].view.duration = ms * MS
    found, _ = changed_times(sides[0], sides[1], Earlier())
    assert {(change.what, change.of, change.where) for change in found} == {
        ("fit", "execution", "whole run"),
        ("fit", "task", ""),
        ("fit", "operation", "in fit"),
    }
    shown = Changes(execution=after.view, other=before.view, found=found)
    for text in (str(shown), shown._repr_html_(), shown.to_markdown().replace("\\", "")):
        assert "fit (whole run)" in text
        assert "fit (in fit)" in text
