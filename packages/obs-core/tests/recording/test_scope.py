"""Whose a span or a task is: whoever enters and leaves, in whatever order, context and thread."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import sys
import threading
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import pytest

from obs_core import (
    ExecutionSpan,
    attach,
    carrier,
    current_context,
    execution,
    list_executions,
    load_execution,
    span,
    task,
)
from obs_core.recording import here, spans
from obs_core.recording.scope import current
from obs_core.recording.threads import scope_of_thread
from obs_core.testing import RecordingStore

knows_submitters = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="before Python 3.12 nothing tells who gave a pool its work"
)


def shape(one: ExecutionSpan) -> list[Any]:
    """Names, each with those below it."""
    return [(child.name, shape(child)) if child.children else child.name for child in one.children]


def shapes(store: RecordingStore) -> list[tuple[str, list[Any]]]:
    return sorted((found.name, shape(found.span)) for found in store.executions())


def ambient() -> str:
    """The name of the ambient execution, once what it holds is written."""
    run = here.ambient().task.run
    run.journal.flush()
    return run.name


@span("rows")
def span_rows() -> Iterator[int]:
    with span("read"):
        yield 1
    yield 2


@task
def task_rows() -> Iterator[int]:
    with span("read"):
        yield 1
    yield 2


def listed() -> Iterator[int]:
    with span("read"):
        yield 1
    yield 2


@span("rows")
def returned_rows() -> Iterator[int]:
    return listed()


@execution("rows")
def execution_rows() -> Iterator[int]:
    with span("read"):
        yield 1
    yield 2


MAKERS: list[Callable[[], Any]] = [span_rows, task_rows, returned_rows, execution_rows]


def use_up(made: Any) -> None:
    assert list(made) == [2]


def close(made: Any) -> None:
    made.close()


def fail(made: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        made.throw(ZeroDivisionError)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("end", [use_up, close, fail])
def test_whoever_ends_a_generator_stays_where_it_is(
    store: RecordingStore, make: Callable[[], Any], end: Callable[[Any], None]
) -> None:
    @task
    def begin() -> Any:
        made = make()
        next(made)
        return made

    @task
    def finish(made: Any) -> str:
        end(made)
        with span("afterwards"):
            return current_context().task_name

    with execution("night"):
        assert finish(begin()) == "finish"
        with span("last"):
            pass
    night = next(shape_ for name, shape_ in shapes(store) if name == "night")
    assert night[1:] == [("finish", ["afterwards"]), "last"]
    if make is not execution_rows:
        assert night[0] == ("begin", [("rows" if make is not task_rows else "task_rows", ["read"])])


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_an_abandoned_generator_that_is_collected_later_changes_nothing_for_others(
    store: RecordingStore, make: Callable[[], Any]
) -> None:
    held: list[Any] = []

    @task
    def peek() -> None:
        made = make()
        held.extend((made, held))  # a cycle: only the collector ends it
        next(made)

    @task
    def nightly() -> None: ...

    peek()
    held.clear()
    gc.collect()
    nightly()
    nightly()
    assert [found for found in shapes(store) if found[0] == "nightly"] == [("nightly", ["nightly"])] * 2


def test_a_generator_that_is_closed_in_a_context_of_its_own_leaves_that_alone(store: RecordingStore) -> None:
    with execution("night"):
        made = span_rows()
        next(made)
        with span("elsewhere"):
            contextvars.copy_context().run(made.close)  # type: ignore[attr-defined]
            with span("inside"):
                pass
    assert shape(store.last().span) == [("rows", ["read"]), ("elsewhere", ["inside"])]


def test_a_generator_of_a_plain_function_leaves_nothing_open_after_its_task(store: RecordingStore) -> None:
    @task
    def peek() -> Any:
        made = listed()
        next(made)
        return made

    made = peek()
    task(lambda: None, name="after")()
    made.close()
    task(lambda: None, name="later")()
    assert [name for name, _ in shapes(store)] == ["after", "later", "peek"]


@span("rows")
async def async_rows() -> AsyncIterator[int]:
    with span("read"):
        yield 1
    await asyncio.sleep(0)
    yield 2


@pytest.mark.parametrize("end", ["use up", "close", "abandon"])
def test_whoever_ends_an_async_generator_stays_where_it_is(store: RecordingStore, end: str) -> None:
    @task
    async def begin() -> Any:
        made = async_rows()
        await anext(made)
        return made

    @task
    async def finish(made: Any) -> str:
        if end == "use up":
            assert [row async for row in made] == [2]
        elif end == "close":
            await made.aclose()
        del made
        await asyncio.sleep(0)
        with span("afterwards"):
            return current_context().task_name

    async def main() -> None:
        async with execution("night"):
            made = await begin()
            finishing = asyncio.create_task(finish(made))
            del made
            gc.collect()
            assert await finishing == "finish"
            with span("last"):
                pass

    asyncio.run(main())
    assert shape(store.last().span) == [("begin", [("rows", ["read"])]), ("finish", ["afterwards"]), "last"]


def test_spans_that_are_left_out_of_order_leave_nothing_open(store: RecordingStore) -> None:
    with execution("night"):
        first, second = span("first"), span("second")
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        with span("between"):
            pass
        second.__exit__(None, None, None)
        with span("after"):
            pass
    assert shape(store.last().span) == [("first", ["second"]), "between", "after"]


def test_an_attach_that_is_left_in_another_context_is_left_everywhere(store: RecordingStore) -> None:
    with execution("day"):
        carried = carrier()
        attached = attach(carried)
        contextvars.copy_context().run(attached.__exit__, None, None, None)
        with span("own"):
            pass
    task(lambda: None, name="alone")()
    assert shapes(store) == [("alone", ["alone"]), ("day", ["own"])]


def test_a_context_that_outlives_its_execution_makes_executions_of_its_own(store: RecordingStore) -> None:
    @task
    def poll() -> None: ...

    async def poll_for_ever(begun: asyncio.Event) -> None:
        await begun.wait()
        poll()
        poll()

    async def main() -> None:
        begun = asyncio.Event()
        with execution("night"):
            polling = asyncio.create_task(poll_for_ever(begun))
        begun.set()
        await polling

    asyncio.run(main())
    assert shapes(store) == [("night", []), ("poll", ["poll"]), ("poll", ["poll"])]


def test_what_is_open_when_its_execution_ends_takes_in_nothing_that_begins_later(store: RecordingStore) -> None:
    rows = span_rows()
    with execution("first"):
        next(rows)
    assert list(rows) == [2]

    @span("in parts")
    def parts() -> Iterator[int]:
        for number in range(2):
            with span("part", number=number):
                yield number

    @task
    def part() -> None:
        with span("of the task"):
            pass

    @span("tasks")
    def tasks() -> Iterator[None]:
        while True:
            part()
            yield

    @task
    def begin(generator: Iterator[Any]) -> None:
        next(generator)

    numbers, called = parts(), tasks()
    begin(numbers)
    begin(called)
    with execution("second"):
        next(numbers)
        next(called)
    outside = ambient()
    assert shapes(store) == sorted(
        [
            ("first", [("rows", ["read"])]),
            ("begin", [("begin", [("in parts", ["part"])])]),
            ("begin", [("begin", [("tasks", [("part", ["of the task"])])])]),
            ("part", [("part", ["of the task"])]),
            ("second", []),
            (outside, ["part"]),
        ]
    )


def test_a_thread_that_outlives_its_execution_goes_on_outside_of_it(store: RecordingStore) -> None:
    ended, began = threading.Event(), threading.Event()

    @task
    def works() -> None:
        with span("open"):
            began.set()
            ended.wait()
            with span("late"):
                pass
        with span("later"):
            pass

    with execution("night"):
        thread = threading.Thread(target=works)
        thread.start()
        began.wait()
    ended.set()
    thread.join()
    outside = ambient()
    assert shapes(store) == sorted([("night", [("works", ["open"])]), (outside, ["late", "later"])])


@pytest.mark.posix
def test_a_worker_that_outlives_the_execution_in_which_it_was_forked_leaves_it(
    folder: Path, run_script: Callable[..., Any]
) -> None:
    run_script(
        """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from obs_core import execution, span, task

@task(enable_deck=False)
def part(number):
    with span("in it"): pass

def plain(number):
    with span("plain", number=number): pass

with execution("first"):
    with span("forks"):
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
        pool.submit(plain, 1).result()
        pool.submit(part, 1).result()
with execution("second"):
    pool.submit(plain, 2).result()
    pool.submit(part, 2).result()
    pool.submit(plain, 3).result()
pool.shutdown()
"""
    )
    found = [load_execution(one.id, folder) for one in list_executions(folder)]
    named = {one.view.name: shape(one.span) for one in found}
    assert named.pop("first") == [("forks", ["plain", ("part", ["in it"])])]
    assert named.pop("second") == []
    assert named.pop("part") == [("part", ["in it"])]
    assert list(named.values()) == [["plain", "plain"]]
    assert {one.status for one in found} == {"succeeded"}


@pytest.mark.posix
@pytest.mark.parametrize("work", ["late()", "with span('late'): pass"])
def test_a_child_that_outlives_executions_within_each_other_is_part_of_none(
    work: str, folder: Path, run_script: Callable[..., Any]
) -> None:
    run_script(
        f"""
import os
from obs_core import execution, span, task

@task(enable_deck=False)
def late(): pass

waiting, go_on = os.pipe()
with execution("outer"):
    with execution("inner"):
        child = os.fork()
        if not child:
            os.read(waiting, 1)
            {work}
            exit()
os.write(go_on, b"x")
os.waitpid(child, 0)
"""
    )
    found = {one.name: load_execution(one.id, folder).span for one in list_executions(folder)}
    assert found.pop("outer").children == found.pop("inner").children == []
    (of_the_child,) = found.values()
    assert [one.name for one in of_the_child.children] == ["late"]


@pytest.mark.posix
def test_a_child_that_forks_tells_its_own_children_of_its_own_executions(
    folder: Path, run_script: Callable[..., Any]
) -> None:
    run_script(
        """
import os
from obs_core import execution, span

with execution("of the parent"):
    if not os.fork():
        with execution("of the child"):
            ready, begin = os.pipe()
            if not os.fork():
                os.read(ready, 1)
                with span("of the grandchild"): pass
                exit()
            with execution("another"):
                if not os.fork(): os._exit(0)
                os.wait()
            os.write(begin, b"x")
            os.wait()
        os._exit(0)
    with execution("meanwhile"):
        if not os.fork(): os._exit(0)
    os.wait(); os.wait()
"""
    )
    named = {found.name: load_execution(found.id, folder) for found in list_executions(folder)}
    assert [one.name for one in named["of the child"].span.children] == ["of the grandchild"]
    assert named["of the parent"].span.children == named["meanwhile"].span.children == []


def test_what_outlives_its_span_belongs_to_what_is_still_open_around_that(store: RecordingStore) -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def background() -> None:
            await ended.wait()
            with span("one"):
                pass
            with span("two"):
                pass

        with execution("night"), span("around"):
            with span("begin"):
                running = asyncio.create_task(background())
            ended.set()
            await running

    asyncio.run(main())
    assert shape(store.last().span) == [("around", ["begin", "one", "two"])]


@knows_submitters
def test_a_thread_that_outlives_its_span_belongs_to_what_is_still_open_around_that(store: RecordingStore) -> None:
    ended = threading.Event()

    def work() -> None:
        ended.wait(60)
        with span("late"):
            pass

    with execution("night"), span("around"):
        threads = [threading.Thread(target=work)]
        with span("begin"):
            context = contextvars.copy_context()
            threads.append(threading.Thread(target=context.run, args=(work,)))
            for thread in threads:
                thread.start()
        ended.set()
        for thread in threads:
            thread.join()
    assert shape(store.last().span) == [("around", ["begin", "late", "late"])]


def in_turn(begin: Callable[[Callable[[], None]], object], step: Callable[[int], Any], times: int) -> int:
    """Let each step begin the next one inside itself, as a service that polls does.

    Returns:
        How many scopes the last one still names around it.
    """

    async def main() -> int:
        last: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def tick(number: int) -> None:
            with step(number):
                if number == times:
                    last.set_result(len(around()))
                else:
                    begin(functools.partial(tick, number + 1))

        tick(1)
        return await last

    return asyncio.run(main())


def around() -> list[Any]:
    found, scope = [], current.get()
    while scope is not None:
        found.append(scope)
        scope = scope.outside or scope.parent
    return found


def soon(work: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_soon(work)


def in_a_coroutine(work: Callable[[], None]) -> object:
    async def run() -> None:
        work()

    return asyncio.ensure_future(run())


@pytest.mark.parametrize("begin", [soon, in_a_coroutine], ids=lambda begin: begin.__name__)
def test_a_span_that_lets_itself_be_begun_again_is_no_child_of_itself(
    store: RecordingStore, begin: Callable[[Callable[[], None]], object]
) -> None:
    with execution("service"):
        assert in_turn(begin, lambda number: span("tick", number=number), 50) == 2
    assert shape(store.last().span) == ["tick"] * 50


def test_a_task_that_lets_itself_be_begun_again_is_no_child_of_itself(store: RecordingStore) -> None:
    async def main() -> None:
        last = asyncio.get_running_loop().create_future()

        @task(enable_deck=False)
        async def poll(number: int) -> None:
            if number == 20:
                last.set_result(len(around()))
                return
            later = functools.partial(poll, number + 1)
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(later()))

        await poll(1)
        assert await last == 2

    with execution("service"):
        asyncio.run(main())
    assert shape(store.last().span) == ["poll"] * 20


def test_an_execution_that_lets_itself_be_begun_again_keeps_nothing_of_those_before(store: RecordingStore) -> None:
    assert in_turn(soon, lambda number: execution(f"tick {number:02}"), 20) == 1
    assert shapes(store) == [(f"tick {number:02}", []) for number in range(1, 21)]


def test_what_is_called_after_a_span_outside_any_execution_is_an_execution_of_its_own(store: RecordingStore) -> None:
    @task
    def handle() -> None: ...

    async def main() -> None:
        with span("set up"):
            answered = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(lambda: answered.set_result(handle()))
        await answered

    asyncio.run(main())
    outside = ambient()
    assert shapes(store) == sorted([("handle", ["handle"]), (outside, ["set up"])])


@pytest.mark.parametrize("kind", [span, functools.partial(task, enable_deck=False)], ids=["span", "task"])
def test_of_operations_that_each_begin_the_next_one_and_end_first_none_is_kept(
    store: RecordingStore, kind: Callable[[str], Callable[[Any], Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "_FRESH", -1)  # as if there were a while between them

    async def main() -> None:
        last = asyncio.get_running_loop().create_future()

        @kind("hand over")
        async def hand_over(number: int, begun: asyncio.Event) -> None:
            begun.set()
            if number == 500:
                last.set_result(len(around()))
                return
            if number % 50 == 0:
                around()[0].task.journal.flush(wait=True)
            next_begun = asyncio.Event()
            next_one = asyncio.ensure_future(hand_over(number + 1, next_begun))
            handed_over.append(next_one)
            await next_begun.wait()

        handed_over: list[Any] = [asyncio.ensure_future(hand_over(1, asyncio.Event()))]
        assert await last < 200
        await asyncio.gather(*handed_over)

    with execution("service"):
        asyncio.run(main())
    one, depth = store.last().span, 0
    while one.children:
        (one,) = one.children
        depth += 1
    assert depth == 500


# ---- where others see a thread


def seen_in() -> str | None:
    """The task or span that a profiler sees this thread in."""
    return getattr(scope_of_thread(threading.get_ident()), "name", None)


@pytest.fixture
def followed() -> Iterator[None]:
    spans.follow(True)
    yield
    spans.follow(False)


@span("rows")
def rows_of_a_span(seen: list[Any]) -> Iterator[int]:
    for number in range(2):
        seen.append(seen_in())
        yield number


def rows_undecorated(seen: list[Any]) -> Iterator[int]:
    for number in range(2):
        seen.append(seen_in())
        yield number


rows_of_a_task = task(rows_undecorated, name="rows")


@task(name="rows")
def rows_of_a_plain_function(seen: list[Any]) -> Iterator[int]:
    return rows_undecorated(seen)


@span("rows")
def rows_of_a_plain_functions_span(seen: list[Any]) -> Iterator[int]:
    return rows_undecorated(seen)


@pytest.mark.parametrize(
    "rows",
    [rows_of_a_span, rows_of_a_task, rows_of_a_plain_function, rows_of_a_plain_functions_span],
    ids=["span", "task", "task of a plain function", "span of a plain function"],
)
@pytest.mark.usefixtures("followed")
def test_a_thread_is_seen_in_a_generator_only_while_that_runs(rows: Callable[[list[Any]], Iterator[int]]) -> None:
    seen: list[Any] = []

    @task
    def use() -> None:
        made = rows(seen)
        for _ in made:
            seen.append(seen_in())
            with span("work"):
                seen.append(seen_in())
        seen.append(seen_in())

    with execution("night"):
        use()
    assert seen == ["rows", "use", "work", "rows", "use", "work", "use"]


@span("rows")
async def arows_of_a_span(seen: list[Any]) -> AsyncIterator[int]:
    for number in range(2):
        seen.append(seen_in())
        await asyncio.sleep(0)
        yield number


@task(name="rows")
async def arows_of_a_task(seen: list[Any]) -> AsyncIterator[int]:
    for number in range(2):
        seen.append(seen_in())
        await asyncio.sleep(0)
        yield number


@pytest.mark.parametrize("rows", [arows_of_a_span, arows_of_a_task], ids=lambda rows: rows.__name__)
@pytest.mark.usefixtures("followed")
def test_a_thread_is_seen_in_an_async_generator_only_while_that_runs(
    rows: Callable[[list[Any]], AsyncIterator[int]],
) -> None:
    seen: list[Any] = []

    @task
    async def use() -> None:
        async for _ in rows(seen):
            seen.append(seen_in())
            with span("work"):
                seen.append(seen_in())
        seen.append(seen_in())

    with execution("night"):
        asyncio.run(use())
    assert seen == ["rows", "use", "work", "rows", "use", "work", "use"]


def test_what_another_coroutine_is_seen_in_stays_while_an_async_generator_is_paused(store: RecordingStore) -> None:
    seen: list[Any] = []
    begun = asyncio.Event()

    @task
    async def beside() -> None:
        begun.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    @task(name="rows")
    async def rows() -> AsyncIterator[int]:
        await begun.wait()
        yield 1

    @task
    async def use() -> None:
        async for _ in rows():
            seen.append(seen_in())

    async def both() -> None:
        await asyncio.gather(use(), beside())

    with execution("night"):
        asyncio.run(both())
    assert seen == ["beside"]


def test_a_thread_is_seen_in_a_task_that_is_a_generator_only_while_that_runs(store: RecordingStore) -> None:
    seen: list[Any] = []

    @task
    def use() -> None:
        for _ in rows_of_a_task(seen):
            seen.append(seen_in())

    use()
    assert seen == ["rows", "use"] * 2


@pytest.mark.parametrize(
    "rows", [rows_of_a_span, rows_of_a_task, rows_of_a_plain_function], ids=["span", "task", "task of a plain function"]
)
@pytest.mark.usefixtures("followed")
def test_a_generator_that_goes_on_in_another_thread_is_seen_there_alone(
    rows: Callable[[list[Any]], Iterator[int]],
) -> None:
    seen: list[Any] = []
    held: list[Any] = []
    begun, ended = threading.Event(), threading.Event()

    def begin() -> None:
        with execution("elsewhere"):
            held.append(rows(seen))
            next(held[0])
            begun.set()
            ended.wait(60)

    @task
    def go_on(thread: threading.Thread) -> None:
        begun.wait(60)
        seen.append(getattr(scope_of_thread(thread.ident or 0), "name", None))
        next(held[0])
        seen.append(seen_in())
        held[0].close()
        seen.append(seen_in())

    thread = threading.Thread(target=begin)
    thread.start()
    go_on(thread)
    ended.set()
    thread.join()
    assert seen == ["rows", None, "rows", "go_on", "go_on"]


@pytest.mark.usefixtures("followed")
def test_a_thread_is_seen_where_it_is_after_spans_that_are_left_out_of_order() -> None:
    with execution("night"):
        first, second = span("first"), span("second")
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert seen_in() == "night"
        second.__exit__(None, None, None)


@pytest.fixture
def handed_to_a_loop() -> Iterator[Callable[[], None]]:
    """Lets a loop in a thread of its own, which the first call starts, run a task."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)

    @task
    async def handed() -> None:
        await asyncio.sleep(0)

    def hand_over() -> None:
        if not thread.ident:
            thread.start()
        asyncio.run_coroutine_threadsafe(handed(), loop).result(60)

    yield hand_over
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_what_is_handed_to_a_loop_belongs_to_the_span_that_hands_it_over(
    store: RecordingStore, handed_to_a_loop: Callable[[], None]
) -> None:
    @task
    def use(name: str) -> None:
        with span(name):
            handed_to_a_loop()

    with execution("night"):
        use("first")  # which starts the loop's thread
        use("second")
    assert shape(store.last().span) == [("use", [("first", ["handed"])]), ("use", [("second", ["handed"])])]


def test_what_a_thread_without_a_context_hands_to_a_loop_belongs_to_nothing(
    store: RecordingStore, handed_to_a_loop: Callable[[], None]
) -> None:
    begun, done = threading.Event(), threading.Event()

    def outside() -> None:
        begun.wait(60)
        handed_to_a_loop()
        done.set()

    @task
    def waits() -> None:
        begun.set()
        done.wait(60)

    handed_to_a_loop()
    thread = threading.Thread(target=outside)
    thread.start()
    with execution("night"):
        waits()
    thread.join()
    assert shapes(store) == [("handed", ["handed"])] * 2 + [("night", ["waits"])]


@knows_submitters
def test_what_a_thread_without_a_context_hands_to_a_loop_belongs_to_who_started_the_loops_thread_while_that_runs(
    store: RecordingStore, handed_to_a_loop: Callable[[], None]
) -> None:
    def outside() -> None:
        thread = threading.Thread(target=contextvars.Context().run, args=(handed_to_a_loop,))
        thread.start()
        thread.join()

    @task
    def serve() -> None:
        handed_to_a_loop()
        outside()

    serve()
    outside()
    assert shapes(store) == [("handed", ["handed"]), ("serve", [("serve", ["handed"] * 2)])]


# ---- threads


@task
def part(number: int) -> int:
    return number


def test_tasks_in_a_pool_are_children_of_who_submits_them(store: RecordingStore) -> None:
    barrier = threading.Barrier(4)

    @task
    def piece(number: int) -> None:
        barrier.wait(60)

    @task
    def fan_out() -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(piece, range(8)))

    with execution("threads"):
        fan_out()
    assert shape(store.last().span) == [("fan_out", ["piece"] * 8)]


@knows_submitters
def test_tasks_in_a_pool_are_children_of_the_very_span_that_submits_them(store: RecordingStore) -> None:
    with execution("threads"), ThreadPoolExecutor(2) as pool:
        for name in ("first", "second"):
            with span(name):
                list(pool.map(part, range(2)))
    assert shape(store.last().span) == [("first", ["part"] * 2), ("second", ["part"] * 2)]


def test_overlapping_requests_in_threads_are_executions_of_their_own(store: RecordingStore) -> None:
    barrier = threading.Barrier(3)

    @task
    def handle() -> None:
        barrier.wait(60)

    threads = [threading.Thread(target=handle) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes(store) == [("handle", ["handle"])] * 3


def test_overlapping_requests_of_one_event_loop_are_executions_of_their_own(store: RecordingStore) -> None:
    @task
    async def handle() -> None:
        await asyncio.sleep(0.01)

    async def main() -> None:
        await asyncio.gather(*(handle() for _ in range(3)))

    asyncio.run(main())
    assert shapes(store) == [("handle", ["handle"])] * 3


def test_a_thread_that_a_thread_of_a_task_starts_is_the_tasks_too(store: RecordingStore) -> None:
    def inner() -> None:
        part(1)
        with span("deep"):
            pass

    def outer() -> None:
        thread = threading.Thread(target=inner)
        thread.start()
        thread.join()

    @task
    def start() -> None:
        thread = threading.Thread(target=outer)
        thread.start()
        thread.join()

    start()
    assert shapes(store) == [("start", [("start", ["part", "deep"])])]


def test_what_a_thread_does_after_its_task_belongs_to_what_goes_on_around_that(store: RecordingStore) -> None:
    ended = threading.Event()

    def work() -> None:
        ended.wait(60)
        part(1)

    @task
    def start() -> threading.Thread:
        thread = threading.Thread(target=work)
        thread.start()
        return thread

    with execution("night"):
        thread = start()
        ended.set()
        thread.join()
    assert shapes(store) == [("night", ["start", "part"])]
    ended.clear()
    thread = start()
    ended.set()
    thread.join()
    assert shapes(store)[1:] == [("part", ["part"]), ("start", ["start"])]


def test_a_thread_that_was_there_before_stands_by_itself_while_a_task_runs(store: RecordingStore) -> None:
    begun, ended = threading.Event(), threading.Event()

    def background() -> None:
        begun.wait(60)
        part(1)
        ended.set()

    thread = threading.Thread(target=background)
    thread.start()

    @task
    def work() -> None:
        begun.set()
        ended.wait(60)

    work()
    thread.join()
    assert shapes(store) == [("part", ["part"]), ("work", ["work"])]


def started(of: Callable[..., Any] = part) -> None:
    thread = threading.Thread(target=of, args=(1,))
    thread.start()
    thread.join()


def runs(of: Callable[[], object]) -> bool:
    of()
    return True


@task(name="source")
def task_source() -> Iterator[int]:
    started()
    yield 1
    started(span("later")(part))
    yield 2


@task(name="source")
def handed_on_source() -> Iterator[int]:
    return (number for number in (1, 2) if runs(started))


@execution("source")
def execution_source() -> Iterator[int]:
    started(span("mine")(int))
    yield 1
    yield 2


@task
def nested_source() -> Iterator[int]:
    yield from task_source()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (task_source, [("source", ["part", ("later", ["part"])]), "part", "part"]),
        (handed_on_source, [("source", ["part", "part"]), "part", "part"]),
        (nested_source, [("nested_source", [("source", ["part", ("later", ["part"])])]), "part", "part"]),
        # Before Python 3.12, they are of no execution where two go on.
        pytest.param(execution_source, ["part", "part"], marks=knows_submitters),
    ],
)
def test_threads_that_the_consumer_of_a_generator_starts_are_the_consumers(
    store: RecordingStore, source: Callable[[], Iterator[int]], expected: list[Any]
) -> None:
    @task
    def use() -> None:
        for _ in source():
            started()

    use()
    assert next(children for name, children in shapes(store) if name == "use") == [("use", expected)]


def test_a_thread_that_outlives_the_turn_of_a_generator_in_which_it_began_is_its(store: RecordingStore) -> None:
    go_on = threading.Event()

    def late() -> None:
        go_on.wait()
        part(1)

    @task
    def source() -> Iterator[threading.Thread]:
        thread = threading.Thread(target=late)
        thread.start()
        yield thread
        yield thread

    @task
    def use() -> None:
        for number, thread in enumerate(source()):
            if number:
                go_on.set()
                thread.join()

    use()
    assert shapes(store) == [("use", [("use", [("source", ["part"])])])]


@knows_submitters
def test_an_older_pool_works_for_whoever_submits(store: RecordingStore) -> None:
    @task
    def use(pool: ThreadPoolExecutor) -> None:
        pool.submit(part, 1).result()
        pool.submit(span("in the pool")(int)).result()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        use(pool)
        pool.submit(part, 2).result()
        use(pool)
    used = ("use", [("use", ["part", "in the pool"])])
    assert shapes(store) == [("part", ["part"]), used, used]


@knows_submitters
def test_two_tasks_that_share_a_pool_get_their_own_work(store: RecordingStore) -> None:
    barrier = threading.Barrier(2)

    def both(name: str, pool: ThreadPoolExecutor) -> None:
        with execution(name):
            barrier.wait(60)
            list(pool.map(part, range(3)))
            barrier.wait(60)

    with ThreadPoolExecutor(2) as pool:
        threads = [threading.Thread(target=both, args=(name, pool)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert shapes(store) == [("a", ["part"] * 3), ("b", ["part"] * 3)]


@knows_submitters
def test_a_pool_of_multiprocessing_works_for_who_made_it(store: RecordingStore) -> None:
    @task
    def work() -> None:
        with ThreadPool(2) as pool:
            pool.map(part, range(3))

    work()
    assert shapes(store) == [("work", [("work", ["part"] * 3)])]


@knows_submitters
def test_a_thread_is_its_starters_whatever_else_runs(store: RecordingStore) -> None:
    barrier = threading.Barrier(2)

    def run(name: str) -> None:
        with execution(name):
            barrier.wait(60)
            thread = threading.Thread(target=part, args=(1,))
            thread.start()
            thread.join()
            barrier.wait(60)

    threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes(store) == [("a", ["part"]), ("b", ["part"])]


# ---- what functions give, whatever they claim to be


async def fetched(fails: bool) -> int:
    with span("wait"):
        await asyncio.sleep(0)
    if fails:
        raise ValueError("server said no")
    return 7


def plainly(fails: bool) -> Awaitable[int]:
    return fetched(fails)


def in_the_background(fails: bool) -> Awaitable[int]:
    return asyncio.ensure_future(fetched(fails))


@types.coroutine
def by_hand(fails: bool) -> Any:
    return (yield from fetched(fails).__await__())


class Fetcher:
    async def __call__(self, fails: bool) -> int:
        return await fetched(fails)


class PlainFetcher:
    def __call__(self, fails: bool) -> Awaitable[int]:
        return fetched(fails)


def marked(fails: bool) -> Awaitable[int]:
    return fetched(fails)


if sys.version_info >= (3, 12):
    inspect.markcoroutinefunction(marked)
else:
    marked._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]

AWAITED: list[tuple[Callable[..., Any], str]] = [
    (fetched, "fetched"),
    (plainly, "plainly"),
    (in_the_background, "in_the_background"),
    (by_hand, "by_hand"),
    (functools.partial(fetched), "fetched"),
    (functools.partial(plainly), "plainly"),
    (Fetcher(), "Fetcher"),
    (PlainFetcher(), "PlainFetcher"),
    (marked, "marked"),
]


@pytest.mark.parametrize(
    ("function", "name"), AWAITED, ids=[f"{number}-{name}" for number, (_, name) in enumerate(AWAITED)]
)
@pytest.mark.parametrize("fails", [False, True])
def test_a_task_over_whatever_is_awaited_lasts_until_that_is_done(
    store: RecordingStore, function: Callable[..., Any], name: str, fails: bool
) -> None:
    async def main() -> None:
        with execution("night"):
            fetching = task(function)(fails)
            with span("meanwhile"):
                pass
            if fails:
                with pytest.raises(ValueError, match="server said no"):
                    await fetching
            else:
                assert await fetching == 7
            with span("after"):
                pass

    asyncio.run(main())
    (found,) = store.last().tasks
    assert (found.name, found.status) == (name, "failed" if fails else "succeeded")
    assert sorted(shape(store.last().span), key=str) == [(name, ["wait"]), "after", "meanwhile"]
    assert [deck.name for deck in found.decks if deck.name == "Source Code"] == ["Source Code"]


def test_a_future_that_a_task_returns_is_the_very_same(store: RecordingStore) -> None:
    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        assert task(lambda: future, name="wait")() is future
        future.cancel()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert store.last().tasks[0].status == "failed"


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("function", [functools.partial(plainly, False), listed], ids=["coroutine", "generator"])
def test_what_is_never_begun_is_a_task_that_did_not_succeed(store: RecordingStore, function: Callable[[], Any]) -> None:
    made = task(lambda: function(), name="made")()
    assert current_context().task_name != "made"
    del made
    gc.collect()
    assert [(one.name, one.status) for one in store.last().tasks] == [("made", "failed")]


@dataclass
class Scale:
    factor: int

    def __call__(self, number: int) -> int:
        return self.factor * number


class Model:
    def __init__(self, size: int) -> None:
        self.size = size


def grow(number: int, by: int) -> int:
    return number + by


@pytest.mark.parametrize(
    ("function", "name", "source"),
    [
        (Scale(3), "Scale", "class Scale"),
        (Model, "Model", "class Model"),
        (functools.partial(grow, by=1), "grow", "def grow"),
        (functools.lru_cache(functools.partial(grow, by=1)), "grow", "def grow"),
    ],
    ids=["unhashable object", "class", "partial", "cached partial"],
)
def test_any_callable_is_named_and_its_source_is_shown(
    store: RecordingStore, function: Callable[..., Any], name: str, source: str
) -> None:
    decorated = task(function)
    decorated(2)
    (found,) = store.last().tasks
    assert (found.name, decorated.__name__) == (name, name)
    (shown,) = [deck for deck in found.decks if deck.name == "Source Code"]
    assert source in "".join(shown.items)


# ---- outside of any task, whatever is missing


HOSTILE = {
    "no arguments": "import sys; del sys.argv",
    "no working folder": "import os, tempfile; gone = tempfile.mkdtemp(); os.chdir(gone); os.rmdir(gone)\n"
    "del os.environ['OBS_STORE']",
    "a store that cannot be written": "import os; os.environ['OBS_STORE'] = '/proc/nowhere'",
    "a store that is a file": "import os, tempfile; os.environ['OBS_STORE'] = tempfile.mkstemp()[1]",
    "a store of an unknown kind": "import os; os.environ['OBS_STORE'] = 'unheardof://bucket'",
    "no randomness": "import os\ndef refuse(count): raise OSError('no entropy')\nos.urandom = refuse",
}

ALL_OF_OBS = """
from obs_core import *
with span("read"):
    Deck("Notes").append("x")
    current_context().note("x")
    link("docs", "https://example.com")
task(lambda: 1, name="one")()
with execution("night"):
    with attach(carrier()), span("inside"):
        Deck.publish()
print("result", 7)
"""


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda name: name.replace(" ", "-"))
def test_outside_of_any_task_nothing_of_obs_fails_the_pipeline(run_script: Callable[..., Any], hostile: str) -> None:
    ran = run_script(f"{HOSTILE[hostile]}\n{ALL_OF_OBS}", env={"OBS_STRICT": "0"})
    assert ran.stdout == "result 7\n"


def test_finalizers_may_use_obs_while_the_interpreter_ends(run_script: Callable[..., Any]) -> None:
    ran = run_script(
        """
import atexit, os
from obs_core import *
write = os.write
def use():
    with span("last"): pass
    Deck("Notes").append("x")
    current_context().note("x")
    task(lambda: 1, name="one")()
    with execution("night"): pass
    write(1, b"used ")
class Late:
    def __del__(self): use()
atexit.register(use)
held = [Late()]
atexit.register(held.clear)  # later Python takes the modules apart, ours too
""",
        env={"OBS_STRICT": "0"},
    )
    assert ran.stdout == "used used "
    assert "Exception ignored" not in ran.stderr
