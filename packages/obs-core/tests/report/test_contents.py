"""What a page is told about the execution and its tasks."""

from __future__ import annotations

import pytest

from obs_core import execution, load_execution, log_metric
from obs_core import task as obs_core_task
from obs_core.model import ExecutionView, Link, TaskView
from obs_core.report.contents import _timing, execution_contents, task_contents, tree_order
from obs_core.report.payloads import Payloads
from obs_core.testing import RecordingStore


def nothing(digest: str) -> None:
    return None


def task(name: str, *, id: str = "a.1", parent: str | None = None, started: int = 0) -> TaskView:
    return TaskView(id=id, name=name, status="succeeded", started=started, duration=0, parent=parent)


def order(*tasks: TaskView) -> list[tuple[str, int]]:
    return [(each.name, depth) for each, depth in tree_order(list(tasks))]


def test_times_are_milliseconds() -> None:
    shown = task("clean", started=1_795_390_957_417_123_456)
    shown.duration = 1_500_000_000
    contents = task_contents(shown, 2, Payloads(nothing))
    assert contents["started"] == 1_795_390_957_417
    assert contents["ended"] == 1_795_390_958_917
    assert contents["duration"] == "1.50 s"
    assert contents["depth"] == 2


def test_what_was_killed_ran_at_least_so_long() -> None:
    shown = TaskView(id="a.1", name="fit", status="lost", started=0, duration=1_500_000_000)
    execution = ExecutionView(id="x", name="flights", status="lost", started=0, duration=2_000_000_000)
    assert _timing(shown)["duration"] == "at least 1.50 s"
    assert _timing(execution)["duration"] == "at least 2.00 s"
    shown.duration = 0
    assert _timing(shown)["duration"] == "unknown"


def test_a_clock_that_was_set_back_gives_no_negative_duration() -> None:
    shown = task("clean", started=5_000_000)
    shown.duration = -3_000_000
    contents = task_contents(shown, 0, Payloads(nothing))
    assert (contents["duration"], contents["ended"]) == ("0 s", 5)


def test_links_and_notes_are_handed_on_as_they_are() -> None:
    shown = task("clean")
    shown.links = [Link("<b>", "javascript:alert(1)")]
    shown.notes = ["<i>"]
    contents = task_contents(shown, 0, Payloads(nothing))
    assert contents["links"] == [["<b>", "javascript:alert(1)"]]
    assert contents["notes"] == ["<i>"]


@pytest.mark.parametrize(
    ("lost", "notes"),
    [
        (0, []),
        (1, ["1 record of this execution could not be written, so something may be missing here."]),
        (1234, ["1,234 records of this execution could not be written, so something may be missing here."]),
    ],
)
def test_lost_records_are_told(lost: int, notes: list[str]) -> None:
    execution = ExecutionView(id="x", name="flights", status="succeeded", started=0, duration=0, lost_records=lost)
    assert execution_contents(execution)["notes"] == notes


def test_tasks_stand_behind_their_callers_in_the_order_of_their_start() -> None:
    assert order(
        task("late", id="3", started=30),
        task("inner", id="4", parent="1", started=25),
        task("first", id="1", started=10),
        task("other inner", id="2", parent="1", started=15),
        task("innermost", id="5", parent="4", started=26),
    ) == [("first", 0), ("other inner", 1), ("inner", 1), ("innermost", 2), ("late", 0)]


def test_a_task_whose_caller_is_missing_is_not_lost() -> None:
    assert order(task("orphan", parent="gone")) == [("orphan", 0)]


def test_a_circle_of_callers_loses_nobody() -> None:
    assert order(task("a", id="1", parent="2"), task("b", id="2", parent="1"), task("c", id="3", parent="3")) == [
        ("a", 0),
        ("b", 1),
        ("c", 0),
    ]


def test_tasks_of_one_id_are_all_shown() -> None:
    assert order(task("a"), task("b")) == [("a", 0), ("b", 0)]


def test_ten_thousand_nested_tasks_are_no_problem() -> None:
    chain = [task("t", id=str(number), parent=str(number - 1), started=number) for number in range(10_000)]
    assert tree_order(chain)[-1] == (chain[-1], 9_999)


def test_the_page_is_told_what_is_no_task(store: RecordingStore) -> None:
    with execution("night"):
        log_metric("loss", 0.5)
        obs_core_task(lambda: None, name="fit")()
    found = load_execution("last", store).tasks
    told = [task_contents(one, 0, Payloads(nothing)) for one in found]
    assert [(one["name"], one["isExecution"]) for one in told] == [("night", True), ("fit", False)]


def test_what_obs_run_saw_of_the_process_is_told_once_by_the_reason() -> None:
    killed = ExecutionView("x", "night", "failed", 0, 10, error="Terminated: SIGKILL")
    assert execution_contents(killed)["error"] == "Terminated: SIGKILL"
    assert execution_contents(killed, "night was killed by SIGKILL.")["error"] is None
    killed.error = "ValueError: no such airport"
    assert execution_contents(killed, "night failed: ValueError: …")["error"] == "ValueError: no such airport"


def test_a_task_whose_process_was_seen_to_end_took_as_long_as_until_then() -> None:
    seen = TaskView("1", "merge", "lost", 0, 2_600_000_000, cut="killed by the kernel for its memory")
    unseen = TaskView("2", "merge", "lost", 0, 894_000_000)
    found = [task_contents(one, 0, Payloads(nothing)) for one in (seen, unseen)]
    assert [(one["duration"], one["cut"]) for one in found] == [
        ("2.60 s", "killed by the kernel for its memory"),
        ("at least 894 ms", ""),
    ]
