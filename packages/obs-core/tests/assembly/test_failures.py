"""What went wrong: each root cause once with its path and place; what callers handled apart from it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from obs_core import execution, task
from obs_core.assembly.failures import Failure, Failures, Handled, failures_of
from obs_core.assembly.loading import assembled, opened
from obs_core.model import ExecutionView, Status, TaskView


def found_in(run: Callable[[], Any]) -> Failures:
    with contextlib.suppress(Exception), execution("night") as begun:
        run()
    return assembled(opened(None), begun.id).failures


def recorded(run: Callable[[], Any]) -> tuple[list[Failure], list[Handled]]:
    found = found_in(run)
    return found.causes, found.handled


def names(path: Sequence[TaskView]) -> list[str]:
    return [one.name for one in path]


@task
def inner(airport: str = "XYZ") -> None:
    raise ValueError(f"no such airport: {airport}")


@task
def outer() -> None:
    inner()


@task
def wrapping() -> None:
    try:
        outer()
    except ValueError as error:
        raise RuntimeError("cannot fit") from error


def test_an_exception_that_bubbles_is_one_failure_with_its_path_and_place() -> None:
    (failure,), handled = recorded(outer)
    assert (failure.error, names(failure.path)) == ("ValueError: no such airport: XYZ", ["inner", "outer"])
    line = inner.__wrapped__.__code__.co_firstlineno + 2  # type: ignore[attr-defined]
    assert failure.place == f"{__file__}:{line}"
    assert failure.became == []
    assert handled == []


def test_one_that_is_raised_on_as_another_is_still_one_failure() -> None:
    (failure,), handled = recorded(wrapping)
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

    failures, (handled,) = recorded(patient)
    assert failures == []
    assert (handled.kind, handled.task, len(handled.calls)) == ("ConnectionError", "flaky", 60)
    assert not handled.still_running


def test_a_handled_one_is_not_taken_for_what_failed_its_caller_later() -> None:
    @task
    def unlucky() -> None:
        with contextlib.suppress(ConnectionError):
            flaky(1)
        inner("ABC")

    (failure,), (handled,) = recorded(unlucky)
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

    (failure,), (handled,) = recorded(retrying)
    assert names(failure.path) == ["inner", "retrying"]
    assert len(handled.calls) == 2
    assert failure.path[0] not in handled.calls


def test_a_failure_outside_any_task_is_told_too() -> None:
    def fail() -> None:
        raise OSError("disk is full")

    (failure,), _ = recorded(fail)
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
    found = failures_of(view, tasks, chains if with_chains else {}, {})
    failures, handled = found.causes, found.handled
    paths = [path for failure in failures for path in (failure.path, *failure.alike)]
    told = [one.id for path in paths for one in path] + [one.id for each in handled for one in each.calls]
    assert len(told) == len(set(told))
    by_id = {one.id: one for one in tasks}
    for one in tasks:
        if one.status == "failed" and one.id not in told:
            assert by_id[str(one.parent)].error == one.error
    assert set(told) <= {one.id for one in tasks if one.status == "failed"}
    assert not view.error or failures[0].error == error
    assert {call.id for one in handled if not one.still_running for call in one.calls} <= found.handled_calls
    assert found.handled_calls.isdisjoint(one.id for path in paths for one in path)


@task
async def download(host: int) -> None:
    raise ConnectionError(f"host {host} refused")


async def fetching(*hosts: int) -> None:
    found = await asyncio.gather(*map(download, hosts), return_exceptions=True)
    raise ExceptionGroup("no host answers", [one for one in found if isinstance(one, Exception)])


def test_each_exception_of_a_group_is_a_failure_and_what_was_cancelled_is_none() -> None:
    @task
    async def told_to(host: int, go: asyncio.Event) -> None:
        await go.wait()
        raise ConnectionError(f"host {host} refused")

    @task
    async def fetch() -> None:
        go = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for host in (1, 2, 3):
                group.create_task(told_to(host, go))
            group.create_task(told_to(4, asyncio.Event()))  # for which it waits until it is cancelled
            await asyncio.sleep(0)
            go.set()

    failures, (cancelled,) = recorded(lambda: asyncio.run(fetch()))
    assert [one.error for one in failures] == [f"ConnectionError: host {host} refused" for host in (1, 2, 3)]
    assert all(names(one.path) == ["told_to", "fetch"] for one in failures)
    assert all(one.became == failures[0].became and "3 sub-exceptions" in one.became[0] for one in failures)
    assert (cancelled.by_cancelling, len(cancelled.calls)) == (True, 1)


def test_a_group_that_the_execution_itself_raised_or_that_was_raised_on_is_told_whole_too() -> None:
    def outside_any_task() -> None:
        asyncio.run(fetching(1, 2))

    @task
    async def wrapping() -> None:
        try:
            await fetching(1, 2)
        except* ConnectionError as errors:
            raise RuntimeError("cannot fit") from errors

    for run in (outside_any_task, lambda: asyncio.run(wrapping())):
        failures, handled = recorded(run)
        assert sorted(one.error for one in failures) == [f"ConnectionError: host {host} refused" for host in (1, 2)]
        assert handled == []


def test_many_that_fail_alike_in_one_group_are_one_failure_and_what_was_handled_before_is_apart() -> None:
    @task
    async def patient() -> None:
        with contextlib.suppress(ConnectionError):
            flaky(1)
        for host in (1, 1):
            with contextlib.suppress(ConnectionError):
                await download(host)
        await fetching(1, 1, 2)

    failures, handled = recorded(lambda: asyncio.run(patient()))
    assert [(one.error, len(one.alike)) for one in failures] == [
        ("ConnectionError: host 1 refused", 1),
        ("ConnectionError: host 2 refused", 0),
    ]
    assert [(one.task, len(one.calls)) for one in handled] == [("flaky", 1), ("download", 2)]

    @task
    async def crowded() -> None:
        await fetching(*[7] * 40)

    (failure,), handled = recorded(lambda: asyncio.run(crowded()))
    assert (len(failure.alike), handled) == (39, [])


def failed(id: str, name: str, parent: str | None, started: int, error: str = "Terminated: SIGTERM") -> TaskView:
    return TaskView(id, name, "failed", started, 10, parent=parent, error=error)


def test_a_signal_ends_what_runs_and_is_raised_and_handled_by_nobody() -> None:
    view = ExecutionView("x", "night", "failed", 0, 20, error="Terminated: SIGTERM")
    tasks = [failed("1", "main", None, 0), failed("2", "fits", "1", 1), failed("3", "waits", "1", 2)]
    came = [("Terminated: SIGTERM", "night.py:10")]
    waits = [("Terminated: SIGTERM", "")]
    found = failures_of(view, tasks, {"": came, "1": waits, "2": came, "3": waits}, {})
    (failure,) = found.causes
    assert (names(failure.path), failure.place, found.handled) == (["fits", "main"], "night.py:10", [])
    assert found.handled_calls == frozenset()


def test_a_signal_that_ended_a_worker_was_not_handled_by_its_caller() -> None:
    view = ExecutionView("x", "night", "succeeded", 0, 20)
    caller = TaskView("1", "pool", "succeeded", 0, 20)
    for error, by_signal in (("Terminated: SIGTERM", True), ("Terminated: by the user", False)):
        tasks = [caller, failed("2", "leaf", "1", 1, error)]
        found = failures_of(view, tasks, {"2": [(error, "night.py:10")]}, {})
        (handled,) = found.handled
        assert (found.causes, handled.by_signal, handled.task) == ([], by_signal, "leaf")


def test_what_went_through_callers_was_handled_where_one_went_on() -> None:
    @task
    def patient() -> None:
        with contextlib.suppress(RuntimeError):
            wrapping()

    @task
    def unlucky() -> None:
        patient()
        inner("ABC")

    found = found_in(unlucky)
    assert [(one.task, names(one.calls)) for one in found.handled] == [("wrapping", ["wrapping"])]
    assert len(found.handled_calls) == 3, "and those that failed it"
    (failure,) = found.causes
    assert names(failure.path) == ["inner", "unlucky"]
    assert found.handled_calls.isdisjoint(one.id for one in failure.path)


def test_a_group_that_was_handled_as_a_whole_is_no_failure() -> None:
    @task
    async def fetch() -> None:
        await fetching(1, 2)

    async def patient() -> None:
        with contextlib.suppress(ExceptionGroup):
            await fetch()

    found = found_in(lambda: asyncio.run(patient()))
    assert found.causes == []
    assert [(one.kind, one.task) for one in found.handled] == [("ExceptionGroup", "fetch")]
    assert len(found.handled_calls) == 3


def test_nobody_knows_what_becomes_of_an_exception_while_a_caller_runs() -> None:
    view = ExecutionView("x", "night", "succeeded", 0, 20)
    caller = TaskView("1", "load", "running", 0, 20)
    tasks = [caller, failed("2", "fetch", "1", 1, "OSError: no"), failed("3", "open", "2", 2, "OSError: no")]
    expected: list[tuple[Status, set[str], list[bool]]] = [
        ("running", set(), [True]),
        ("succeeded", {"2", "3"}, [False]),
        ("lost", set(), []),
    ]
    for caller.status, handled, still_running in expected:
        found = failures_of(view, tasks, {}, {})
        assert (found.handled_calls, [one.still_running for one in found.handled]) == (handled, still_running)
    assert [names(one.path) for one in found.causes] == [["open", "fetch"]], "of which it may have ended"


def test_of_a_failed_caller_whose_own_exception_is_not_known_it_may_have_been_that_one() -> None:
    view = ExecutionView("x", "night", "failed", 0, 20, error="ValueError: no rows")
    tasks = [failed("1", "load", None, 0, "ValueError: no rows"), failed("2", "fetch", "1", 1, "OSError: no")]
    assert failures_of(view, tasks, {}, {}).handled_calls == frozenset()
    assert failures_of(view, tasks, {"1": [("ValueError: no rows", "")]}, {}).handled_calls == {"2"}
    view.status, view.error = "succeeded", None
    assert failures_of(view, tasks, {}, {}).handled_calls == {"1", "2"}


def test_callers_that_called_one_another_handled_nothing() -> None:
    tasks = [failed("1", "load", "2", 0), failed("2", "fetch", "1", 1)]
    view = ExecutionView("x", "night", "succeeded", 0, 20)
    assert failures_of(view, tasks, {}, {}).handled_calls == frozenset()
