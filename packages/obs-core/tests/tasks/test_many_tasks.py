"""Tasks in great numbers: within each other, after each other, and what is left of them."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

from obs_core import execution, executions, load_execution, span, task
from obs_core.journal import flusher
from obs_core.recording.scope import active, leave
from obs_core.secrets import forget_secret_values, register_secret_value
from obs_core.testing import RecordingStore


class Large:
    pass


@pytest.mark.parametrize("fails", [False, True])
def test_a_task_and_what_it_closes_over_are_freed(store: RecordingStore, fails: bool) -> None:
    alive: list[weakref.ref[Any]] = []

    def job() -> None:
        large = Large()

        class Local: ...

        @task
        def total(_value: Local | None = None) -> Local:
            if fails:
                raise ValueError(large)
            return Local()

        alive.extend((weakref.ref(large), weakref.ref(Local), weakref.ref(total)))
        if fails:
            with pytest.raises(ValueError, match="Large"):
                total(Local())
        else:
            total(Local())

    for _ in range(3):
        job()
    gc.collect()
    # The last one may still be named by what `pytest.raises` keeps, and by the last exception.
    assert sum(one() is not None for one in alive[:-3]) == 0


def test_a_failure_far_down_is_told_in_full_where_it_arose_and_where_it_came_through(store: RecordingStore) -> None:
    @task
    def load() -> None:
        raise ValueError("no such file")

    @task
    def helper() -> None:
        load()

    @task
    def pipeline() -> None:
        helper()

    with pytest.raises(ValueError, match="no such file"):
        pipeline()
    shown = {
        one.name: "".join(deck.items[-1] for deck in one.decks if deck.name == "Error") for one in store.last().tasks
    }
    assert "ValueError" in shown["load"]
    assert "no such file" in shown["load"]
    assert shown["helper"] == shown["pipeline"] == shown["load"]
    pipeline_decks = next(one.decks for one in store.last().tasks if one.name == "pipeline")
    (led,) = [deck.items[0] for deck in pipeline_decks if deck.name == "Error"]
    assert "in test_a_failure_far_down" in led
    assert ".pipeline" in led
    assert all(one.error == "ValueError: no such file" for one in store.last().tasks)


def test_an_error_that_replaces_another_is_drawn_anew(store: RecordingStore) -> None:
    @task
    def load() -> None:
        raise KeyError("raw")

    @task
    def pipeline() -> None:
        try:
            load()
        except KeyError as error:
            raise RuntimeError("cannot go on") from error

    with pytest.raises(RuntimeError, match="cannot go on"):
        pipeline()
    (deck,) = [deck for deck in store.last().tasks[0].decks if deck.name == "Error"]
    assert "cannot go on" in deck.items[0]
    assert "raw" in deck.items[0]


def test_an_error_that_ends_many_tasks_within_each_other_is_written_once(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task
    def down(levels: int) -> None:
        if levels:
            down(levels - 1)
        raise ValueError("x" * 40_000)

    written: list[str] = []
    put = store.put

    def noted(path: str, content: bytes) -> None:
        written.append(path)
        put(path, content)

    monkeypatch.setattr(store, "put", noted)
    with pytest.raises(ValueError, match="xxx"):
        down(10)
    errors = [path for path in written if "/blobs/" in path]
    assert len(errors) == 1
    tasks = store.last().tasks
    assert len(tasks) == 11
    for one in tasks:
        (deck,) = [deck for deck in one.decks if deck.name == "Error"]
        assert "x" * 1_000 in deck.items[-1]


def test_endless_recursion_of_a_task_spoils_nothing_afterwards(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    def fails() -> None:
        raise ValueError("unrelated")

    @task
    def endless(number: int) -> Any:
        return endless(number + 1)

    def decks() -> dict[str, list[str]]:
        with pytest.raises(ValueError, match="unrelated"):
            fails()
        return {deck.name: deck.items for deck in store.last().tasks[-1].decks}

    before = decks()
    # The collector may run at the limit, where no finalizer has room, nor has pytest to tell of that.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RecursionError):
            endless(0)
    assert store.last().status == "failed"
    assert decks().keys() == before.keys()
    assert decks()["Source Code"] == before["Source Code"]


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("enable_deck", [False, True])
@pytest.mark.parametrize("room", [None, 190, 150, 100, 60])
def test_each_call_of_an_endless_recursion_ends_or_is_missed(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, room: int | None, enable_deck: bool, masks: bool
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    calls = 0

    @task(enable_deck=enable_deck)
    def endless() -> Any:
        nonlocal calls
        calls += 1
        return endless()

    def night() -> None:
        with execution("night"), contextlib.suppress(RecursionError):
            endless()

    def with_room(calls: int) -> None:
        night() if calls == 0 else with_room(calls - 1)

    depth = sum(1 for _ in traceback.walk_stack(None))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            if masks:
                register_secret_value("k9-very-secret")
            with_room(0 if room is None else sys.getrecursionlimit() - depth - room)
            recorded = store.last()
        finally:
            forget_secret_values()
    assert recorded.name == "night"
    assert recorded.status == "succeeded"
    assert {one.status for one in recorded.tasks} == {"failed"}
    assert all(one.duration > 0 for one in recorded.tasks)
    missed = calls - len(recorded.tasks)  # which has no room depends on what runs the tests
    assert [text.partition(" record")[0] for text in recorded.missing] == [str(missed)] * (missed > 0)
    said = [str(each.message) for each in told]
    assert said.count("obs had no room left on the stack to record task 'endless'") == missed


def test_no_call_at_the_recursion_limit_that_was_recorded_to_its_end_is_told_of_as_lost(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    calls = 0

    @task(enable_deck=False)
    def one() -> None:
        nonlocal calls
        calls += 1

    def with_room(calls: int) -> None:
        one() if calls == 0 else with_room(calls - 1)

    depth = sum(1 for _ in traceback.walk_stack(None))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with execution("night"):
            for room in range(10, 200):
                with contextlib.suppress(RecursionError):
                    with_room(sys.getrecursionlimit() - depth - room)
        recorded = store.last()
    assert {one.status for one in recorded.tasks} <= {"succeeded", "failed"}
    said = [str(each.message) for each in told]
    assert not [text for text in said if text.startswith("obs failed while ending")]
    missed = said.count("obs had no room left on the stack to record task 'one'")
    assert len(recorded.tasks) + missed >= calls, "where there was no room for the body, it failed without a call"


class Pause:
    def __await__(self) -> Generator[None]:
        yield


def begun(decorator: Any, kind: str, left: list[bool]) -> tuple[Callable[[], object], Callable[[], object]]:
    """Begin a call that pauses, and notes that it is left; return what resumes it, and what closes it."""

    @decorator
    def generator() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            left.append(True)

    @decorator
    async def coroutine() -> None:
        try:
            await Pause()
            await Pause()
        finally:
            left.append(True)

    @decorator
    async def async_generator() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            left.append(True)

    def driven(step: Any) -> None:
        with contextlib.suppress(StopIteration):
            step.send(None)

    made: Any = {"generator": generator, "coroutine": coroutine, "async generator": async_generator}[kind]()
    if kind == "generator":
        next(made)
        return lambda: next(made), made.close
    if kind == "coroutine":
        made.send(None)
        return lambda: made.send(None), made.close
    driven(made.__anext__())
    return lambda: driven(made.__anext__()), lambda: driven(made.aclose())


def ends_with_room(decorator: Any, kind: str, closes: bool, calls: int) -> bool:
    """Go on with a call that pauses so many calls deeper than it was begun, and tell whether its body was left."""

    def go_on(calls: int, do: Callable[[], object]) -> None:
        do() if calls == 0 else go_on(calls - 1, do)

    left: list[bool] = []
    resume, close = begun(decorator, kind, left)
    with contextlib.suppress(RecursionError):
        go_on(calls, close if closes else resume)
    close()
    return bool(left)


@pytest.mark.filterwarnings("ignore:coroutine method:RuntimeWarning")  # there was no room to begin it
@pytest.mark.parametrize("kind", ["generator", "coroutine", "async generator"])
@pytest.mark.parametrize("closes", [False, True])
def test_what_is_resumed_at_the_recursion_limit_ends(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, kind: str, closes: bool
) -> None:
    """It was begun where there was room, and its end finds none."""
    monkeypatch.setenv("OBS_STRICT", "0")
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    depth = sum(1 for _ in traceback.walk_stack(None))
    for decorator in (task(enable_deck=False), span("step"), execution("inner")):
        for room in range(2, 25):
            calls = sys.getrecursionlimit() - depth - room
            if not ends_with_room(lambda function: function, kind, closes, calls):
                continue  # one that has no room to be resumed in Python forgets, without a word to its body
            with execution("night") as run, warnings.catch_warnings(action="ignore"):
                ends_with_room(decorator, kind, closes, calls)
            assert not active, f"{room} calls below the limit"
            assert not [each.name for each in load_execution(run.id).span.walk() if each.is_open]
    flusher.flush_all()  # an end that there was no room to write out at once is written within a second
    assert {one.status for one in executions()} <= {"succeeded", "failed"}


def test_a_call_without_room_is_missed_once_though_two_threads_may_count_it(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    said: list[str] = []

    def tell(message: Warning | str, *_: Any) -> None:
        said.append(str(message))
        if len(said) == 1:
            another = threading.Thread(target=lambda: [work() for work in flusher._each_round])
            another.start()
            another.join()

    @task(enable_deck=False)
    def endless() -> Any:
        return endless()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", tell)
        with execution("night"), contextlib.suppress(RecursionError):
            endless()
    missed = said.count("obs had no room left on the stack to record task 'endless'")
    assert missed > 0
    assert [text.partition(" record")[0] for text in store.last().missing] == [str(missed)]


@contextlib.contextmanager
def low_limit(room: int) -> Iterator[None]:
    """Room for so many calls more within each other."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(sum(1 for _ in traceback.walk_stack(None)) + room)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def test_a_task_that_returned_did_not_fail_because_there_was_no_room_to_end_it(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    tried: list[Any] = []

    def leave_without_room(scope: Any) -> None:
        tried.append(scope)
        if len(tried) == 1:
            raise RecursionError
        leave(scope)

    @task(enable_deck=False)
    def work() -> None:
        pass

    with execution("night"):
        monkeypatch.setattr(sys.modules["obs_core.tasks.task"], "leave", leave_without_room)
        work()
    assert len(tried) > 1
    assert {(one.name, one.status, one.error) for one in store.last().tasks if one.name == "work"} == {
        ("work", "succeeded", None)
    }


NO_ROOM = """
import contextlib, json, sys, warnings
from obs_core import execution, list_executions, load_execution
from obs_core.store import using
from obs_core.testing import RecordingStore

returned = []

def deeper(number):
    with contextlib.suppress(RecursionError):
        with execution(str(number)):
            pass
        returned.append(str(number))
    with contextlib.suppress(RecursionError):
        deeper(number + 1)

store = RecordingStore()
with using(store):
    with execution("before"): pass
    usual = sys.getrecursionlimit()
    with warnings.catch_warnings(record=True) as told, execution("night") as night:
        warnings.simplefilter("always")
        sys.setrecursionlimit(300)
        deeper(0)
        sys.setrecursionlimit(usual)
recorded = {one.name: one.status for one in list_executions(store)}
missing = load_execution(night.id, store).missing
print(json.dumps([recorded, missing, returned, [str(one.message) for one in told]]))
"""


def test_executions_that_there_is_no_room_for_are_counted(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """In a process of its own: Python tells there of what fails in callbacks of its own, and fails no test for it."""
    recorded, missing, returned, told = json.loads(run_script(NO_ROOM, env={"OBS_STRICT": "0"}).stdout)
    before = "obs had no room left on the stack to record execution "
    missed = {text[len(before) :].strip("'") for text in told if text.startswith(before)}
    assert missed
    assert set(returned) - set(recorded) <= missed
    assert set(recorded.values()) == {"succeeded"}
    assert [text.partition(" record")[0] for text in missing] == [str(len(missed))]


SOAK = """
import contextlib, ctypes, gc, os, sys, threading, weakref
from concurrent.futures import ThreadPoolExecutor
from obs_core import Deck, attach, carrier, execution, span, task
from obs_core.journal import flusher
from obs_core.recording.scope import active

ROUNDS = int(os.environ["ROUNDS"])

def closure(number):
    large = bytearray(10_000)

    @task(enable_deck=number % 50 == 0)
    def total(_x: int = 0) -> int:
        with span("sum", number=number):
            return len(large)

    return total()

def failing():
    @task(enable_deck=False)
    def fail():
        raise ValueError("no")
    try:
        fail()
    except ValueError:
        pass

def chart(number):
    Deck("Chart").append(f"<script>{'x' * 5000}{number}</script>")

def foreign(number):
    # As a worker gets it from another process: an execution that this one only joins.
    return {**carried, "obs-execution": f"20200101-000000-{number:06d}-aaaaaa"}

def once(number):
    with execution(f"job {number}"):
        closure(number)
        failing()
        if number % 20 == 0:
            chart(number)
        if number % 10 == 0:
            thread = threading.Thread(target=closure, args=(1,))
            thread.start()
            thread.join()
        pool.submit(closure, 1).result()
        list(rows(3))
        next(rows(3))
    with attach(foreign(number)), span("message"):
        pass
    closure(1)

@span("rows")
def rows(count):
    yield from range(count)

def figures():
    flusher.flush_all()  # hundreds of ended executions may wait for it
    gc.collect()
    with contextlib.suppress(AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)  # what it keeps of freed memory depends on who was when at work
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * 4096
    # References to locks that are gone are thrown away by the hundred, so their number goes up and down.
    objects = sum(type(one) is not weakref.ReferenceType for one in gc.get_objects())
    return len(os.listdir("/proc/self/fd")), threading.active_count(), resident, objects

pool = ThreadPoolExecutor(2)
with execution("first"):
    carried = carrier()
for number in range(ROUNDS):
    once(number)
before = figures()
for number in range(ROUNDS, 3 * ROUNDS):
    once(number)
after = figures()
print(*before, *after)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads Linux's own figures")
def test_files_threads_and_memory_stay_constant_over_thousands_of_executions(run_script: Callable[..., Any]) -> None:
    rounds = os.environ.get("OBS_SOAK_ROUNDS", "300")  # of four executions; twice as many until the second look
    ran = run_script(SOAK, env={"OBS_STRICT": "0", "ROUNDS": rounds}, timeout=120 + int(rounds))
    print("open files, threads, bytes in memory, objects: first look, second look\n", ran.stdout)
    *before, files, threads, resident, objects = map(int, ran.stdout.split())
    # Four thousand tasks in between: one kept for each would be seen in every figure.
    assert files <= before[0] + 16  # so many executions that were left last stay open
    assert threads <= before[1]
    assert objects <= before[3] + 1_000
    assert resident <= before[2] + 8 * 1024 * 1024


def test_spans_of_a_generator_that_is_made_often_leave_nothing(store: RecordingStore) -> None:
    @span("rows")
    def rows() -> Any:
        yield 1
        yield 2

    with execution("night"):
        for _ in range(10):
            next(rows())
    assert [child.name for child in store.last().span.children] == ["rows"] * 10
