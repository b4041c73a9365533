"""What went wrong: each root cause once with its path and place; what callers handled apart from it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core import execution, task
from obs_core.journal import flusher
from obs_core.model import ExecutionView, Status, TaskView
from obs_core.store import open_store
from obs_ui.failures import Failure, Handled, failures_of
from obs_ui.snapshots import FollowedExecution


def recorded(run: Callable[[], Any], name: str = "night") -> tuple[str, list[Failure], list[Handled]]:
    with contextlib.suppress(Exception), execution(name) as begun:
        run()
    flusher.flush_all()
    failures, handled = FollowedExecution(open_store(), begun.id).look().failures
    return begun.id, failures, handled


def names(path: Sequence[TaskView]) -> list[str]:
    return [one.name for one in path]


@task
def inner(airport: str = "XYZ") -> None:
    raise ValueError(f"no such airport: {airport}")


@task
def outer() -> None:
    inner()


def test_an_exception_that_bubbles_is_one_failure_with_its_path_and_place() -> None:
    _, (failure,), handled = recorded(outer)
    assert (failure.error, names(failure.path)) == ("ValueError: no such airport: XYZ", ["inner", "outer"])
    line = inner.__wrapped__.__code__.co_firstlineno + 2  # type: ignore[attr-defined]
    assert failure.place == f"{__file__}:{line}"
    assert failure.became == []
    assert handled == []


def test_one_that_is_raised_on_as_another_is_still_one_failure() -> None:
    @task
    def wrapping() -> None:
        try:
            outer()
        except ValueError as error:
            raise RuntimeError("cannot fit") from error

    _, (failure,), handled = recorded(wrapping)
    assert failure.error == "ValueError: no such airport: XYZ"
    assert names(failure.path) == ["inner", "outer", "wrapping"]
    assert failure.became == ["RuntimeError: cannot fit"]
    assert handled == []


@task
def flaky(attempt: int) -> None:
    raise ConnectionError(f"refused: {attempt}")


def test_what_callers_handled_is_gathered() -> None:
    @task
    def patient() -> None:
        for attempt in range(60):
            with contextlib.suppress(ConnectionError):
                flaky(attempt)

    _, failures, (handled,) = recorded(patient)
    assert failures == []
    assert (handled.kind, handled.task, len(handled.calls)) == ("ConnectionError", "flaky", 60)
    assert not handled.still_running


def test_a_handled_one_is_not_taken_for_what_failed_its_caller_later() -> None:
    @task
    def unlucky() -> None:
        with contextlib.suppress(ConnectionError):
            flaky(1)
        inner("ABC")

    _, (failure,), (handled,) = recorded(unlucky)
    assert (failure.error, names(failure.path)) == ("ValueError: no such airport: ABC", ["inner", "unlucky"])
    assert [call.error for call in handled.calls] == ["ConnectionError: refused: 1"]


def test_of_attempts_that_fail_alike_the_last_is_the_failure() -> None:
    @task
    def retrying() -> None:
        for attempt in range(3):
            try:
                inner()
            except ValueError:
                if attempt == 2:
                    raise

    _, (failure,), (handled,) = recorded(retrying)
    assert names(failure.path) == ["inner", "retrying"]
    assert len(handled.calls) == 2
    assert failure.path[0] not in handled.calls


def test_a_failure_outside_any_task_is_told_too() -> None:
    def fail() -> None:
        raise OSError("disk is full")

    _, (failure,), _ = recorded(fail)
    assert (failure.error, failure.path) == ("OSError: disk is full", [])
    assert failure.place.startswith(f"{__file__}:")


ERRORS = st.sampled_from(["ValueError: a", "ValueError: b", "OSError: c"])
STATUSES: st.SearchStrategy[Status] = st.sampled_from(["succeeded", "failed", "running", "lost"])


@given(st.lists(st.tuples(st.integers(-1, 12), STATUSES, ERRORS), max_size=12), STATUSES, ERRORS, st.booleans())
def test_every_failed_call_is_told_once_itself_or_with_its_caller(
    given_tasks: list[tuple[int, Status, str]], status: Status, error: str, with_chains: bool
) -> None:
    tasks = [
        TaskView(f"main.{number}", "t", kind, number, 1, parent=f"main.{min(above, number - 1)}")
        for number, (above, kind, _) in enumerate(given_tasks)
    ]
    for one, (_, kind, text) in zip(tasks, given_tasks, strict=True):
        one.error = text if kind == "failed" else None
    view = ExecutionView("e", "e", status, 0, 100, error=error if status == "failed" else None)
    chains = {one.id: [(one.error or "", "x.py:1")] for one in tasks if one.error} | {"": [(error, "x.py:2")]}
    failures, handled = failures_of(view, tasks, chains if with_chains else {})
    told = [one.id for failure in failures for one in failure.path] + [one.id for each in handled for one in each.calls]
    assert len(told) == len(set(told))
    by_id = {one.id: one for one in tasks}
    for one in tasks:
        if one.status == "failed" and one.id not in told:
            assert by_id[str(one.parent)].error == one.error
    assert set(told) <= {one.id for one in tasks if one.status == "failed"}
    assert not view.error or failures[0].error == error


@pytest.mark.browser
def test_the_page_shows_one_box_and_one_folded_line(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    @task
    def unlucky() -> None:
        for attempt in range(30):
            with contextlib.suppress(ConnectionError):
                flaky(attempt)
        outer()

    run, _, _ = recorded(unlucky)
    page = open_page(f"{serve().url}executions/{run}")
    boxes = page.locator(".head .error")
    assert boxes.count() == 1
    assert "ValueError: no such airport: XYZ" in boxes.inner_text()
    assert "in inner, in outer, in unlucky" in boxes.inner_text()
    assert "tests/test_failures.py:" in boxes.inner_text()
    folded = page.locator("details.handled")
    assert folded.locator("summary").inner_text().strip() == (
        "ConnectionError raised 30 times in flaky, handled by its callers"
    )
    assert not folded.locator("li").first.is_visible()
    folded.locator("summary").click()
    folded.get_by_role("link", name="flaky").first.click()
    page.get_by_role("tab", name="Error", selected=True).wait_for()
    assert "refused: 0" in page.locator(".head .error").inner_text()


def failed(id: str, name: str, parent: str | None, started: int, error: str = "Terminated: SIGTERM") -> TaskView:
    return TaskView(id, name, "failed", started, 10, parent=parent, error=error)


def test_a_signal_ends_what_runs_and_is_raised_and_handled_by_nobody() -> None:
    view = ExecutionView("x", "night", "failed", 0, 20, error="Terminated: SIGTERM")
    tasks = [failed("1", "main", None, 0), failed("2", "fits", "1", 1), failed("3", "waits", "1", 2)]
    came = [("Terminated: SIGTERM", "night.py:10")]
    waits = [("Terminated: SIGTERM", "")]
    (failure,), handled = failures_of(view, tasks, {"": came, "1": waits, "2": came, "3": waits})
    assert (names(failure.path), failure.place, handled) == (["fits", "main"], "night.py:10", [])


def test_a_signal_that_ended_a_worker_was_not_handled_by_its_caller() -> None:
    view = ExecutionView("x", "night", "succeeded", 0, 20)
    caller = TaskView("1", "pool", "succeeded", 0, 20)
    tasks = [caller, failed("2", "leaf", "1", 1)]
    failures, (handled,) = failures_of(view, tasks, {"2": [("Terminated: SIGTERM", "night.py:10")]})
    assert (failures, handled.by_signal, handled.task) == ([], True, "leaf")
