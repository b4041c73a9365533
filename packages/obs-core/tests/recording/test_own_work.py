"""A task's duration is its function's own; what obs does around it is told apart."""

from __future__ import annotations

import functools
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from obs_core import Deck, TaskCall, TaskDecorator, execution, load_execution, span, task
from obs_core.assembly.assembly import Assembly
from obs_core.journal import flusher, records
from obs_core.reading.execution import Execution
from obs_core.testing import FixedClock, RecordingStore

RunScript = Callable[..., subprocess.CompletedProcess[str]]

SECOND = 1_000_000_000


class Slow:
    """A value that takes its time to be drawn."""

    def __init__(self, clock: FixedClock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds

    def _repr_html_(self) -> str:
        self.clock.advance(self.seconds)
        return "<p>drawn</p>"


class slow(TaskDecorator):
    """Takes two seconds before and four after."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock

    def around(self, call: TaskCall) -> Iterator[None]:
        self.clock.advance(2)
        yield
        self.clock.advance(4)


def own_work(found: Execution) -> list[tuple[str, float]]:
    return [(one.name, one.duration) for one in found.span.walk() if one.kind == "obs" and one.duration]


def task_span(found: Execution, name: str) -> Any:
    return next(one for one in found.span.walk() if one.kind == "task" and one.name == name)


def test_drawing_inputs_and_output_is_not_the_tasks_time(store: RecordingStore) -> None:
    with FixedClock() as clock:

        @task(deck_fields=["Input", "Output", "Timeline"])
        def work(value: Slow) -> Slow:
            with span("compute"):
                clock.advance(1)
            return Slow(clock, 16)

        with execution("night"):
            work(Slow(clock, 8))
        found = store.last()
        one = task_span(found, "work")
        (view,) = found.tasks
        assert (view.started, view.duration) == (one.start_ns, 1 * SECOND)
        assert (one.duration, one.self_time) == (1.0, 0.0)
        assert own_work(found) == [("obs: draw the inputs", 8.0), ("obs: finish the decks", 16.0)]
        assert found.span.duration == 25.0
        assert found.span.self_time == 0.0
        assert [child.name for child in found.span.children] == ["work"]
        assert [child.name for child in found.span.own_work] == ["obs: draw the inputs", "obs: finish the decks"]


def test_drawing_what_is_appended_to_a_deck_is_told_where_it_happens(store: RecordingStore) -> None:
    with FixedClock() as clock:

        @task(deck_fields=[])
        def work() -> None:
            Deck("Quality").append(Slow(clock, 2)).append("<p>text</p>")
            with span("compute"):
                clock.advance(1)
                Deck("Charts", Slow(clock, 4)).append("<p>text</p>").append(5)

        work()
        one = task_span(store.last(), "work")
        (compute,) = [child for child in one.children if child.name == "compute"]
        drawing = "obs: draw for a deck"
        assert (one.duration, one.self_time) == (7.0, 0.0)
        assert (compute.duration, compute.self_time) == (5.0, 1.0)
        assert [(child.name, child.duration) for child in one.own_work if child.duration] == [(drawing, 2.0)]
        assert [(child.name, child.duration) for child in compute.own_work] == [(drawing, 4.0)]


def test_what_a_decorator_draws_is_told_once(store: RecordingStore) -> None:
    with FixedClock() as clock:

        class drawing(TaskDecorator):
            def around(self, call: TaskCall) -> Iterator[None]:
                yield
                call.deck("Quality").append(Slow(clock, 2))

        @task(deck_fields=[])
        @drawing()
        def work() -> None:
            clock.advance(1)

        work()
        assert own_work(store.last()) == [("obs: end drawing", 2.0)]


def test_decorators_above_and_below_are_not_the_tasks_time(store: RecordingStore) -> None:
    with FixedClock() as clock:

        @slow(clock)
        @task(enable_deck=False)
        @slow(clock)
        def work() -> None:
            clock.advance(1)

        work()
        found = store.last()
        assert task_span(found, "work").duration == 1.0
        assert own_work(found) == [
            ("obs: begin slow", 2.0),
            ("obs: begin slow", 2.0),
            ("obs: end slow", 4.0),
            ("obs: end slow", 4.0),
        ]
        assert found.span.self_time == 0.0


def test_a_decorator_within_a_task_is_obs_own_work_in_its_time(store: RecordingStore) -> None:
    with FixedClock() as clock:

        @task(enable_deck=False)
        def work() -> None:
            clock.advance(1)
            with slow(clock):
                clock.advance(10)

        work()
        one = task_span(store.last(), "work")
        assert (one.duration, one.self_time) == (17.0, 11.0)
        assert [(child.name, child.duration) for child in one.own_work] == [
            ("obs: begin slow", 2.0),
            ("obs: end slow", 4.0),
        ]


def test_a_function_that_is_called_again_runs_from_the_first_call_to_the_last(store: RecordingStore) -> None:
    with FixedClock() as clock:

        def twice(function: Callable[[], None]) -> Callable[[], None]:
            @functools.wraps(function)
            def call() -> None:
                function()
                clock.advance(100)
                function()

            return call

        @task(enable_deck=False)
        @twice
        @slow(clock)
        def work() -> None:
            clock.advance(1)

        work()
        one = task_span(store.last(), "work")
        assert one.duration == 1 + 4 + 100 + 2 + 1
        assert one.self_time == 102.0


def test_a_call_that_a_decorator_refuses_took_no_time(store: RecordingStore) -> None:
    with FixedClock() as clock:

        class refusing(TaskDecorator):
            def around(self, call: TaskCall) -> Iterator[None]:
                clock.advance(5)
                call.reject(ValueError("no"))
                yield

        @task(enable_deck=False)
        @refusing()
        def work() -> None:
            raise AssertionError("it is not called")

        with pytest.raises(ValueError, match="no"):
            work()
        one = task_span(store.last(), "work")
        assert (one.status, one.duration) == ("failed", 0.0)


def test_explain_counts_obs_own_work_apart(store: RecordingStore) -> None:
    with FixedClock() as clock:

        @task(deck_fields=["Input"])
        def night(value: Slow) -> None:
            with span("compute"):
                clock.advance(3)

        with execution("night"):
            night(Slow(clock, 1))
        text = io.StringIO()
        store.last().span.explain(text)
        head, tree, hottest, _path = text.getvalue().split("\n\n")
        assert "Took       4.00 s, in 3 spans" in head
        assert "obs itself 1.00 s (25 %) in 2 steps, included in the time of the span around each" in head
        assert "obs: draw the inputs" in tree
        assert [line.split("  ")[0] for line in hottest.splitlines()[1:]] == ["compute", "night", "night (execution)"]


def test_a_journal_from_before_reads_as_it_did(store: RecordingStore) -> None:
    old = [
        ["head", 1, "e", "main", 0, ["host", 1, 2, "boot"], "3.11", "0.1"],
        ["execution", 1, "night", 0, {}, "", "", ""],
        ["task", 2, 1, "work", 100, 1, "m.work", True],
        ["span", 3, 2, "step", 110, 20, 0],
        ["task-end", 2, 50, 7, "succeeded", None],
        ["execution-end", 200, "succeeded", None, 0, 0],
    ]
    assembly = Assembly(store, "e")
    kinds: Any = records.AnyRecord
    decoder = msgspec.json.Decoder(kinds)
    lines = [msgspec.json.encode(line) for line in old[1:]]
    assembly.add("main", [decoder.decode(line) for line in lines])
    assembly.finish()
    (view,) = assembly.tasks
    assert (view.started, view.duration, assembly.table.kinds) == (100, 50, ["workflow", "task", "operation"])


def ways_to_a_decorated_body(clock: FixedClock) -> dict[str, Callable[..., Any]]:
    def work() -> None:
        clock.advance(1)

    class Steps:
        @slow(clock)
        def __call__(self) -> None:
            clock.advance(1)

        @slow(clock)
        def method(self) -> None:
            clock.advance(1)

        partial_method = functools.partialmethod(method)

    class Made:
        @slow(clock)
        def __init__(self) -> None:
            clock.advance(1)

    return {
        "function": slow(clock)(work),
        "partial": functools.partial(slow(clock)(work)),
        "partial of a partial": functools.partial(functools.partial(slow(clock)(work))),
        "decorated partial": slow(clock)(functools.partial(work)),
        "method": Steps().method,
        "partial method": Steps().partial_method,
        "object": Steps(),
        "class": Made,
        "cached": functools.lru_cache(slow(clock)(work)),
    }


@pytest.mark.parametrize("way", ways_to_a_decorated_body(FixedClock()))
def test_decorators_are_not_the_tasks_time_whatever_leads_to_its_function(store: RecordingStore, way: str) -> None:
    with FixedClock() as clock:
        task(name="work", enable_deck=False)(ways_to_a_decorated_body(clock)[way])()
        assert task_span(store.last(), "work").duration == 1.0


def test_a_decorated_function_that_calls_itself_began_with_the_first_call(store: RecordingStore) -> None:
    with FixedClock() as clock:

        @slow(clock)
        def walk(steps: int) -> None:
            clock.advance(1)
            if steps:
                walk(steps - 1)
            clock.advance(10)

        task(enable_deck=False)(walk)(2)
        one = task_span(store.last(), "walk")
        assert (one.duration, one.self_time) == (3 * 11 + 2 * 6, 33.0)
        assert [child.duration for child in one.own_work] == [2.0, 2.0, 4.0, 4.0]


def test_a_function_that_calls_itself_decorated_began_with_the_first_call(store: RecordingStore) -> None:
    with FixedClock() as clock:

        def walk(steps=1):  # type: ignore[no-untyped-def]
            clock.advance(1)
            if steps:
                slow(clock)(walk)(steps - 1)

        task(enable_deck=False)(walk)()
        one = task_span(store.last(), "walk")
        assert (one.duration, one.self_time) == (2 + 6, 2.0)


def test_a_task_that_still_runs_began_with_its_function(store: RecordingStore) -> None:
    seen: list[Any] = []
    with FixedClock() as clock:

        @task(deck_fields=["Input"])
        def work(value: Slow) -> None:
            clock.advance(1)
            flusher.flush_all()
            found = store.last()
            seen.extend((found.tasks[0], task_span(found, "work"), found.span))

        work(Slow(clock, 8))
    view, one, whole = seen
    (drawing,) = whole.own_work
    assert (view.status, one.start_ns, drawing.name) == ("running", view.started, "obs: draw the inputs")
    assert view.started - drawing.start_ns == 8 * SECOND


def test_a_task_that_is_killed_lasted_since_its_function_began(folder: Path, run_script: RunScript) -> None:
    script = """
import os, signal, time
from obs_core import task
class Slow:
    def __repr__(self):
        time.sleep(0.5)
        print(time.time_ns(), flush=True)
        return "slow"
@task
def work(value):
    print(time.time_ns(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
work(Slow())
"""
    *drawn, began = map(int, run_script(script, check=False).stdout.split())
    (view,) = load_execution("last", folder).tasks
    assert view.status == "lost"
    # To draw the input took twice as long as both clocks may be apart.
    assert drawn[-1] - SECOND // 4 < view.started < began + SECOND // 4
