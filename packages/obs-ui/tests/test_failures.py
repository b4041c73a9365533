"""What went wrong: each root cause once with its path and place; what callers handled apart from it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core import execution, span, task
from obs_core.journal import flusher
from obs_core.model import ExecutionView, Status, TaskView
from obs_core.store import open_store
from obs_ui.columns import FAILED, HANDLED
from obs_ui.failures import Failure, Handled, failures_of
from obs_ui.snapshots import FollowedExecution


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


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
    failures, handled = failures_of(view, tasks, chains if with_chains else {}, {})
    paths = [path for failure in failures for path in (failure.path, *failure.alike)]
    told = [one.id for path in paths for one in path] + [one.id for each in handled for one in each.calls]
    assert len(told) == len(set(told))
    by_id = {one.id: one for one in tasks}
    for one in tasks:
        if one.status == "failed" and one.id not in told:
            assert by_id[str(one.parent)].error == one.error
    assert set(told) <= {one.id for one in tasks if one.status == "failed"}
    assert not view.error or failures[0].error == error


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

    _, failures, (cancelled,) = recorded(lambda: asyncio.run(fetch()))
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
        _, failures, handled = recorded(run)
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

    _, failures, handled = recorded(lambda: asyncio.run(patient()))
    assert [(one.error, len(one.alike)) for one in failures] == [
        ("ConnectionError: host 1 refused", 1),
        ("ConnectionError: host 2 refused", 0),
    ]
    assert [(one.task, len(one.calls)) for one in handled] == [("flaky", 1), ("download", 2)]

    @task
    async def crowded() -> None:
        await fetching(*[7] * 40)

    _, (failure,), handled = recorded(lambda: asyncio.run(crowded()))
    assert (len(failure.alike), handled) == (39, [])


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

    run, _, _ = recorded(fetch)
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

    run, _, _ = recorded(unlucky)
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


def failed(id: str, name: str, parent: str | None, started: int, error: str = "Terminated: SIGTERM") -> TaskView:
    return TaskView(id, name, "failed", started, 10, parent=parent, error=error)


def test_a_signal_ends_what_runs_and_is_raised_and_handled_by_nobody() -> None:
    view = ExecutionView("x", "night", "failed", 0, 20, error="Terminated: SIGTERM")
    tasks = [failed("1", "main", None, 0), failed("2", "fits", "1", 1), failed("3", "waits", "1", 2)]
    came = [("Terminated: SIGTERM", "night.py:10")]
    waits = [("Terminated: SIGTERM", "")]
    (failure,), handled = failures_of(view, tasks, {"": came, "1": waits, "2": came, "3": waits}, {})
    assert (names(failure.path), failure.place, handled) == (["fits", "main"], "night.py:10", [])


def test_a_signal_that_ended_a_worker_was_not_handled_by_its_caller() -> None:
    view = ExecutionView("x", "night", "succeeded", 0, 20)
    caller = TaskView("1", "pool", "succeeded", 0, 20)
    for error, by_signal in (("Terminated: SIGTERM", True), ("Terminated: by the user", False)):
        tasks = [caller, failed("2", "leaf", "1", 1, error)]
        failures, (handled,) = failures_of(view, tasks, {"2": [(error, "night.py:10")]}, {})
        assert (failures, handled.by_signal, handled.task) == ([], by_signal, "leaf")
