"""Tasks."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import pickle
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import cloudpickle
import pytest

from obs_core import (
    DeckField,
    ObsWarning,
    current_context,
    execution,
    list_executions,
    load_execution,
    span,
    task,
)
from obs_core.testing import RecordingStore


@task
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


def names(store: RecordingStore) -> list[str]:
    return [found.name for found in store.last().tasks]


def test_a_task_returns_what_its_function_returns(store: RecordingStore) -> None:
    assert add(1, b=2) == 3
    recorded = store.last()
    assert (recorded.name, recorded.status, names(store)) == ("add", "succeeded", ["add"])


def test_a_task_keeps_name_signature_and_docstring() -> None:
    assert (add.__name__, add.__doc__) == ("add", "Add two numbers.")
    assert add.__wrapped__(1) == 2  # type: ignore[attr-defined]


def test_a_failing_task_raises_the_very_exception_and_is_failed(store: RecordingStore) -> None:
    error = ValueError("no such airport")

    @task
    def fail() -> None:
        raise error

    with pytest.raises(ValueError, match="no such airport") as caught:
        fail()
    assert caught.value is error
    (failed,) = store.last().tasks
    assert (failed.status, failed.error, store.last().status) == (
        "failed",
        "ValueError: no such airport",
        "failed",
    )


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_what_ends_a_program_ends_the_task_as_failed(store: RecordingStore, error: BaseException) -> None:
    @task
    def leave() -> None:
        raise error

    with pytest.raises(type(error)):
        leave()
    assert store.last().tasks[0].status == "failed"


def test_tasks_of_one_execution_are_grouped_and_nested_calls_become_children(store: RecordingStore) -> None:
    @task
    def outer() -> int:
        with span("step"):
            return add(1)

    with execution("night", tags={"year": 2013}):
        outer()
        add(2)
    recorded = store.last()
    parents = {found.id: found.parent for found in recorded.tasks}
    by_name = [(found.name, found.id) for found in recorded.tasks]
    assert [name for name, _ in by_name] == ["outer", "add", "add"]
    assert [parents[found] for _, found in by_name] == ["main.1", by_name[0][1], "main.1"]
    assert recorded.view.tags == {"year": "2013"}
    assert len(store.executions()) == 1


def test_each_task_outside_any_execution_makes_its_own(store: RecordingStore) -> None:
    add(1)
    add(2)
    assert [found.name for found in store.executions()] == ["add", "add"]


def test_async_tasks_side_by_side_never_mix(store: RecordingStore) -> None:
    @task
    async def work(number: int) -> str:
        await asyncio.sleep(0)
        current_context().default_deck.append(f"deck of {number}")
        with span(f"span of {number}"):
            await asyncio.sleep(0)
        return current_context().task_name

    async def main() -> list[str]:
        return await asyncio.gather(*(work(number) for number in range(4)))

    with execution("night"):
        assert asyncio.run(main()) == ["work"] * 4
    recorded = store.last()
    for number, found in enumerate(recorded.tasks):
        (deck,) = [deck for deck in found.decks if deck.name == "default"]
        assert deck.items == [f"deck of {number}"]
    spans = recorded.span.children
    assert [[grandchild.name for grandchild in child.children] for child in spans] == [
        [f"span of {number}"] for number in range(4)
    ]


def test_a_generator_task_lasts_until_it_is_exhausted(store: RecordingStore) -> None:
    @task
    def produce(count: int) -> Iterator[int]:
        yield from range(count)

    with execution("night"):
        numbers = produce(3)
        assert names_of_active() == []
        assert list(numbers) == [0, 1, 2]
    assert store.last().tasks[0].status == "succeeded"


def names_of_active() -> list[str]:
    from obs_core.recording.scope import active

    return [found.name for found in active if found.parent is not None]


@pytest.mark.parametrize("leave", ["close", "break", "collect"])
def test_a_generator_task_that_its_consumer_leaves_has_not_failed(store: RecordingStore, leave: str) -> None:
    @task
    def produce() -> Iterator[int]:
        with span("read"):
            yield 1
            yield 2

    with execution("night"):
        numbers: Any = produce()
        for _ in numbers:
            break
        if leave == "close":
            numbers.close()
        numbers = None
    (left,) = store.last().tasks
    assert (left.status, left.error) == ("succeeded", None)
    assert left.notes == ["This generator was closed before its end."]
    assert [each.error for each in load_execution("last", store).span.walk() if each.name == "read"] == [None]


def test_an_async_generator_task_that_its_consumer_leaves_has_not_failed(store: RecordingStore) -> None:
    @task
    async def produce() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def main() -> None:
        async with contextlib.aclosing(produce()) as numbers:  # type: ignore[type-var]
            async for _ in numbers:
                break

    asyncio.run(main())
    assert store.last().tasks[0].status == "succeeded"


def test_a_generator_task_that_fails_while_it_is_closed_failed(store: RecordingStore) -> None:
    @task
    def produce() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise ValueError("cannot clean up")

    with execution("night"):
        numbers: Any = produce()
        next(numbers)
        with pytest.raises(ValueError, match="clean"):
            numbers.close()
    (left,) = store.last().tasks
    assert (left.status, left.error) == ("failed", "ValueError: cannot clean up")


def raises_it() -> Iterator[int]:
    yield 1
    raise GeneratorExit


def raises_it_while_closed() -> Iterator[int]:
    try:
        yield 1
    finally:
        raise GeneratorExit("mine")


def uses_up_one_that_raises_it() -> None:
    list(raises_it())


def throws_it_into_another() -> None:
    other: Any = raises_it()
    next(other)
    other.throw(GeneratorExit)


def use_up(made: Any) -> None:
    for _ in made or ():
        pass


def close_with_an_error(made: Any) -> None:
    next(made)
    made.throw(ValueError)


@pytest.mark.parametrize(
    ("function", "use"),
    [
        (raises_it, use_up),
        (raises_it_while_closed, close_with_an_error),
        (uses_up_one_that_raises_it, use_up),
        (throws_it_into_another, use_up),
    ],
)
def test_an_exit_that_a_function_raises_itself_is_a_failure(
    store: RecordingStore, function: Callable[[], Any], use: Callable[[Any], None]
) -> None:
    with execution("night"), pytest.raises(GeneratorExit):
        use(task(span("inside")(function))())
    (failed,) = store.last().tasks
    assert (failed.status, failed.notes) == ("failed", [])
    assert [one.error for one in store.last().span.walk() if one.name == "inside"] == ["GeneratorExit"]


@pytest.mark.parametrize("raises_again", [False, True])
def test_a_generator_that_cleans_up_and_passes_its_closing_on_has_not_failed(
    store: RecordingStore, raises_again: bool
) -> None:
    @task
    @span("outer")
    def produce() -> Iterator[int]:
        try:
            with span("inner"):
                yield from (1, 2)
        except GeneratorExit as error:
            if raises_again:
                raise error
            raise

    with execution("night"):
        numbers: Any = produce()
        next(numbers)
        numbers.close()
    assert store.last().tasks[0].status == "succeeded"
    assert {one.error for one in store.last().span.walk()} == {None}


def test_an_async_generator_task_is_recorded(store: RecordingStore) -> None:
    @task
    async def produce() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def main() -> list[int]:
        return [number async for number in produce()]

    assert asyncio.run(main()) == [1, 2]
    assert store.last().tasks[0].status == "succeeded"


def test_methods_static_and_class_methods_are_tasks(store: RecordingStore) -> None:
    class Model:
        @task
        def fit(self, rows: int) -> tuple[type, int]:
            return type(self), rows

        @staticmethod
        @task
        def score(rows: int) -> int:
            return rows

        @classmethod
        @task
        def load(cls) -> type:
            return cls

    with execution("night"):
        assert Model().fit(3) == (Model, 3)
        assert Model.score(4) == 4
        assert Model.load() is Model
    assert names(store) == ["fit", "score", "load"]


@pytest.mark.parametrize("wrong", [5, b"name", None, classmethod(cast(Any, add)), property(cast(Any, add))])
def test_what_cannot_be_called_is_refused_with_its_value(wrong: object) -> None:
    decorate: Any = task() if wrong is None else task
    with pytest.raises(TypeError, match="cannot decorate"):
        decorate(wrong)


def test_an_unknown_deck_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown deck fields \['Inputs'\].*'Input'"):
        task(deck_fields=["Inputs"])(add)


def test_deck_fields_are_known_in_any_case(store: RecordingStore) -> None:
    task(deck_fields=["input", "OUTPUT"])(add)(1, 2)
    assert [deck.name for deck in store.last().tasks[0].decks] == ["Input", "Output"]


@pytest.mark.parametrize("attempt", [0, -1, "2"])
def test_an_attempt_below_one_is_refused(attempt: object) -> None:
    with pytest.raises(ValueError, match="attempt counts from 1"):
        task(attempt=attempt)  # type: ignore[call-overload]


def test_the_attempt_is_what_the_decorator_or_the_environment_says(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look() -> None:
        seen.append(current_context().attempt)

    task(look)()
    monkeypatch.setenv("OBS_ATTEMPT", "3")
    task(look)()
    task(look, attempt=2)()
    assert seen == [1, 3, 2]
    assert [found.tasks[0].attempt for found in store.executions()] == [1, 3, 2]


def test_a_task_pickles_by_reference_and_by_value(store: RecordingStore) -> None:
    assert pickle.loads(pickle.dumps(add)) is add

    @task
    def local(x: int) -> int:
        return add(x)

    assert cloudpickle.loads(cloudpickle.dumps(local))(4) == 5


def test_a_thread_without_context_works_for_the_only_active_task(store: RecordingStore) -> None:
    @task
    def fan_out() -> list[str]:
        def work(number: int) -> str:
            with span(f"part {number}"):
                return current_context().task_name

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(work, range(3)))

    assert fan_out() == ["fan_out"] * 3
    assert sorted(child.name for child in store.last().span.children[0].children) == [
        "part 0",
        "part 1",
        "part 2",
    ]


def test_tasks_called_from_threads_of_a_task_are_its_children(store: RecordingStore) -> None:
    @task
    def fan_out() -> list[int]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(add, range(3)))

    assert fan_out() == [1, 2, 3]
    assert len(store.executions()) == 1
    assert names(store) == ["fan_out", "add", "add", "add"]


def test_a_task_in_an_older_thread_belongs_to_who_submitted_it_where_python_tells(store: RecordingStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        with execution("night"):
            assert pool.submit(add, 1).result() == 2
    known = sys.version_info >= (3, 12)
    assert sorted(found.name for found in store.executions()) == (["night"] if known else ["add", "night"])


def test_a_threads_span_leaves_no_context_behind(store: RecordingStore) -> None:
    @task
    def use(pool: ThreadPoolExecutor) -> None:
        def work() -> None:
            with span("in the thread"):
                pass

        pool.submit(work).result()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        use(pool)
        use(pool)
    used = [[child.name for child in found.span.children[0].children] for found in store.executions()]
    if sys.version_info >= (3, 12):
        assert used == [["in the thread"]] * 2
    else:  # nothing tells who gave an older pool its work
        assert used == [[]] * 2


def test_a_task_after_a_span_outside_any_execution_still_makes_its_own(
    run_script: Callable[..., object], folder: Path
) -> None:
    run_script(
        """
from obs_core import span, task

with span("outside"):
    pass
task(lambda: 1, name="alone")()
"""
    )
    assert sorted(found.name for found in list_executions(folder)) == ["alone", "script"]


def test_default_decks_are_those_that_were_asked_for(store: RecordingStore) -> None:
    @task(deck_fields=[DeckField.INPUT, DeckField.OUTPUT])
    def double(x: int) -> int:
        return 2 * x

    double(4)
    assert [deck.name for deck in store.last().tasks[0].decks] == ["Input", "Output"]


def test_all_default_decks_are_made(store: RecordingStore) -> None:
    @task
    def double(x: int) -> int:
        with span("multiply"):
            return 2 * x

    double(4)
    assert [deck.name for deck in store.last().tasks[0].decks] == [
        "Input",
        "Output",
        "Timeline",
        "Source Code",
        "Dependencies",
    ]


def test_a_failing_renderer_fails_neither_the_task_nor_its_report(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def _repr_html_(self) -> str:
            raise ZeroDivisionError("in the renderer")

    @task
    def give(value: object) -> object:
        return value

    monkeypatch.setenv("OBS_STRICT", "0")
    broken = Broken()
    with pytest.warns(ObsWarning, match="in the renderer"):
        assert give(broken) is broken
    assert store.last().status == "succeeded"


def test_with_warnings_as_errors_a_task_still_succeeds(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def _repr_html_(self) -> str:
            raise ZeroDivisionError

    monkeypatch.setenv("OBS_STRICT", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert task(lambda value: 1)(Broken()) == 1


def test_a_running_execution_refuses_to_be_entered_again() -> None:
    run = execution("night")
    with run, pytest.raises(RuntimeError, match="'night' is running already"):
        run.__enter__()


def test_an_execution_decorator_makes_one_for_each_call(store: RecordingStore) -> None:
    @execution("nightly")
    def pipeline(x: int) -> int:
        return add(x)

    assert [pipeline(1), pipeline(2)] == [2, 3]
    assert [(found.name, [one.name for one in found.tasks]) for found in store.executions()] == [
        ("nightly", ["add"])
    ] * 2


@pytest.mark.parametrize("name", [None, 5, add])
def test_an_execution_without_a_name_is_refused(name: object) -> None:
    with pytest.raises(TypeError, match="an execution needs a name"):
        execution(name)  # type: ignore[arg-type]


def test_tags_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(TypeError, match=r"tags must be a mapping, not list: \['a'\]"):
        execution("night", tags=["a"])  # type: ignore[arg-type]


def test_outputs_are_kept_and_given_back(store: RecordingStore) -> None:
    @task
    def scores() -> dict[str, float]:
        return {"rmse": 17.3}

    with execution("night"):
        scores()
        add(1)
        add(2)
    recorded = load_execution("last", store)
    assert (recorded.output("scores"), recorded.output("add")) == ({"rmse": 17.3}, 3)


def test_an_output_that_was_not_kept_says_why(store: RecordingStore) -> None:
    with execution("night"):
        task(lambda: object(), name="opaque")()
    with pytest.raises(KeyError, match="no transformer knows its type"):
        store.last().output("opaque")
    with pytest.raises(KeyError, match=r"no task 'x'.*'opaque'"):
        store.last().output("x")


def test_with_standard_error_closed_or_missing_a_warning_changes_nothing(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    for closing in ("sys.stderr.close()", "sys.stderr = None", "os.close(2)"):
        done = run_script(
            f"""
import os, sys
from obs_core import task

class Bad:
    def _repr_html_(self):
        raise ValueError("no")

@task
def work(value):
    return 42

{closing}
print(work(Bad()))
sys.stdout.flush()
os._exit(0)
""",
            env={"OBS_STRICT": "0"},
        )
        assert done.stdout == "42\n"


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="there is no such signal")
@pytest.mark.parametrize("way", ["returned", "kept"])
def test_a_timeout_that_comes_while_the_result_is_drawn_fails_the_task_that_raises_it(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    class JobTimeout(Exception):
        pass

    def expire(*_: object) -> None:
        raise JobTimeout("its time is over")

    class Slow:
        def __repr__(self) -> str:
            signal.raise_signal(signal.SIGALRM)
            return "slow"

    before = signal.signal(signal.SIGALRM, expire)
    try:
        with pytest.raises(JobTimeout):
            task(Slow, name="slow")() if way == "returned" else task(lambda: [Slow()], name="slow")()
    finally:
        signal.signal(signal.SIGALRM, before)
    [recorded] = store.last().tasks
    assert (recorded.status, recorded.error) == ("failed", "JobTimeout: its time is over")
    assert store.last().status == "failed"


@pytest.mark.parametrize("decorate", [task, task(enable_deck=False), span("deep")])
def test_a_decorated_function_that_calls_itself_takes_two_calls_each_time(
    store: RecordingStore, decorate: Callable[[Callable[[int], list[int]]], Callable[[int], list[int]]]
) -> None:
    def deep(calls: int) -> list[int]:
        here = sum(1 for _ in traceback.walk_stack(None))
        return [here, *(again(calls - 1) if calls else [])]

    again = decorate(deep)
    again(0)  # the first call looks up what the annotations ask for
    depths = again(3)
    assert [later - earlier for earlier, later in itertools.pairwise(depths)] == [2, 2, 2]
