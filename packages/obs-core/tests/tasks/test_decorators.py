"""Task decorators."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import cloudpickle
import pytest

from obs_core import ObsWarning, TaskCall, TaskDecorator, current_context, execution, load_execution, task
from obs_core.testing import RecordingStore

log: list[str] = []


class logged(TaskDecorator):
    """Logs what happens around a call."""

    def __init__(self, *, label: str = "plain") -> None:
        self.label = label

    def around(self, call: TaskCall) -> Iterator[str]:
        log.append(f"{self.label}: {call.name} in {call.context.task_name}")
        try:
            yield self.label
        except BaseException as error:
            log.append(f"{self.label}: {type(error).__name__}")
            raise
        log.append(f"{self.label}: {call.result}")


bare: Any = logged
"""The same, as it is used without parentheses, which mypy cannot follow: the class is called with the function."""


@pytest.fixture(autouse=True)
def empty_log() -> None:
    """Begin with nothing logged."""
    log.clear()


def test_it_works_bare_and_with_arguments() -> None:
    @task
    @bare
    def one() -> int:
        return 1

    @task
    @logged(label="labelled")
    def two() -> int:
        return 2

    with execution("night"):
        assert (one(), two()) == (1, 2)
    assert log == ["plain: one in one", "plain: 1", "labelled: two in two", "labelled: 2"]


def test_above_task_is_the_same_as_below() -> None:
    @logged(label="outer")
    @task
    @logged(label="inner")
    def one() -> int:
        return 1

    assert one() == 1
    assert log == ["outer: one in one", "inner: one in one", "inner: 1", "outer: 1"]


def test_a_foreign_decorator_may_stand_between() -> None:
    def foreign(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any) -> Any:
            return function(*args) + 1

        return call

    @bare
    @foreign
    @task
    def one() -> int:
        return 1

    with execution("night"):
        assert one() == 2
    assert log == ["plain: one in night", "plain: 2"]


def test_it_is_a_with_block() -> None:
    with execution("night"), logged(label="block") as label:
        log.append(label)
    assert log == ["block: night in night", "block", "block: None"]


def test_one_decorator_object_may_be_entered_twice_at_a_time() -> None:
    block = logged()
    with execution("night"), block, block:
        pass
    assert len(log) == 4


def test_one_decorator_object_that_coroutines_enter_at_once_ends_for_each_what_it_began_for_it() -> None:
    def who() -> str:
        running = asyncio.current_task()
        assert running is not None
        return running.get_name()

    class connected(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[str]:
            name = who()
            yield name
            log.append(f"{name} is closed by {who()}")

    connection = connected()

    async def request(turn: asyncio.Event) -> None:
        async with connection as name:
            await turn.wait()
            log.append(f"{name} is used")

    async def main() -> None:
        turns = [asyncio.Event() for _ in range(2)]
        requests = [asyncio.create_task(request(turn), name=str(number)) for number, turn in enumerate(turns)]
        for turn, running in zip(turns, requests, strict=True):
            await asyncio.sleep(0)
            turn.set()
            await running

    with execution("night"):
        asyncio.run(main())
    assert log == ["0 is used", "0 is closed by 0", "1 is used", "1 is closed by 1"]


def test_coroutines_generators_and_async_generators_are_surrounded() -> None:
    @task
    @bare
    async def coroutine() -> int:
        await asyncio.sleep(0)
        log.append("body")
        return 1

    @task
    @bare
    def generator() -> Iterator[int]:
        log.append("body")
        yield 1

    @task
    @bare
    async def async_generator() -> AsyncIterator[int]:
        log.append("body")
        yield 1

    async def consume() -> list[int]:
        return [number async for number in async_generator()]

    with execution("night"):
        assert asyncio.run(coroutine()) == 1
        assert list(generator()) == [1]
        assert asyncio.run(consume()) == [1]
    around = [entry.partition(" in ")[0] for entry in log]
    assert around == [
        *("plain: coroutine", "body", "plain: 1"),
        *("plain: generator", "body", "plain: None"),
        *("plain: async_generator", "body", "plain: None"),
    ]


def test_the_tasks_exception_goes_on_as_it_was() -> None:
    error = ValueError("of the task")

    @task
    @bare
    def fail() -> None:
        raise error

    with pytest.raises(ValueError, match="of the task") as caught:
        fail()
    assert caught.value is error
    assert log == ["plain: fail in fail", "plain: ValueError"]


def test_a_decorator_that_swallows_the_exception_does_not_succeed_with_it() -> None:
    class swallowing(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            try:
                yield
            except ValueError:
                return

    @task
    @swallowing()
    def fail() -> None:
        raise ValueError("of the task")

    with pytest.raises(ValueError, match="of the task"):
        fail()


@pytest.mark.parametrize("fails", [False, True])
def test_a_decorator_that_breaks_after_the_body_changes_nothing(
    fails: bool, store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class broken(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            try:
                yield
            finally:
                raise ConnectionError("the tracker is down")

    @task
    @broken()
    def work() -> int:
        if fails:
            raise ValueError("of the task")
        return 1

    monkeypatch.setenv("OBS_STRICT", "0")
    with pytest.warns(ObsWarning, match="the tracker is down"):
        if fails:
            with pytest.raises(ValueError, match="of the task"):
                work()
        else:
            assert work() == 1
    (recorded,) = store.last().tasks
    assert any("the tracker is down" in note for note in recorded.notes)


def test_it_may_reject_a_call_before_the_body_runs() -> None:
    refusal = LookupError("no secret")

    class refusing(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            call.reject(refusal)
            yield

    @task
    @refusing()
    def work() -> None:
        log.append("ran")

    with pytest.raises(LookupError, match="no secret") as caught:
        work()
    assert caught.value is refusal
    assert log == []


def test_what_it_rejects_shows_the_call_and_not_the_way_inside_the_decorator() -> None:
    class choosy(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            self.refuse(call)
            yield

        def refuse(self, call: TaskCall) -> None:
            call.reject(ValueError("not today"))

    @task
    @choosy()
    def work() -> None: ...

    with pytest.raises(ValueError, match="not today") as caught:
        work()
    functions = [entry.name for entry in caught.traceback]
    assert functions[0] == "test_what_it_rejects_shows_the_call_and_not_the_way_inside_the_decorator"
    assert not {"around", "refuse", "reject"} & set(functions)


def test_what_it_rejects_was_raised_at_no_line_of_ours(store: RecordingStore) -> None:
    class choosy(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            call.reject(ValueError("not today"))
            yield

    @task
    @choosy()
    def work() -> None: ...

    with pytest.raises(ValueError, match="not today"), execution("refused"):
        work()
    found = load_execution("last", store=store).why()
    assert "ValueError: not today" in found.paragraph
    assert "wrapping.py" not in found.paragraph


class rejecting_results(TaskDecorator):
    """Rejects whatever comes back."""

    def around(self, call: TaskCall) -> Iterator[None]:
        try:
            yield
        finally:
            call.reject(ValueError(f"not {call.result}"))


def test_it_may_reject_a_result(store: RecordingStore) -> None:
    with pytest.raises(ValueError, match="not 7"):
        task(rejecting_results()(lambda: 7), name="work")()
    (recorded,) = store.last().tasks
    assert (recorded.status, recorded.error) == ("failed", "ValueError: not 7")


def test_what_it_rejects_after_the_task_failed_does_not_replace_the_tasks_exception() -> None:
    def fail() -> None:
        raise KeyError("of the task")

    with pytest.raises(KeyError, match="of the task"):
        task(rejecting_results()(fail))()


def test_a_decorator_that_breaks_before_the_body_leaves_the_task_undecorated(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class broken(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            raise ConnectionError("the tracker is down")
            yield

    monkeypatch.setenv("OBS_STRICT", "0")
    with pytest.warns(ObsWarning, match="beginning a decorator of '<lambda>'.*the tracker is down"):
        assert task(broken()(lambda: 1), name="work")() == 1
    (recorded,) = store.last().tasks
    assert (recorded.status, recorded.error) == ("succeeded", None)
    assert any("the tracker is down" in note for note in recorded.notes)


class doubling(TaskDecorator):
    """Doubles the argument `x`, and negates the result."""

    def around(self, call: TaskCall) -> Iterator[None]:
        log.append(str(call.arguments()))
        call.replace_argument("x", call.arguments()["x"] * 2)
        yield
        call.result = -call.result


def test_it_may_replace_arguments_and_the_result_of_every_kind_of_function() -> None:
    @doubling()
    def function(x: int, y: int = 1) -> int:
        return x + y

    @doubling()
    async def coroutine(*, x: int) -> int:
        return x

    @doubling()
    def generator(x: int) -> Generator[int, None, int]:
        yield x
        return x

    returned: list[int] = []

    def keep() -> Iterator[int]:
        returned.append((yield from generator(4)))

    assert function(3) == -7
    assert function(3, y=5) == -11
    assert asyncio.run(coroutine(x=2)) == -4
    assert list(keep()) == [8]
    assert returned == [-8]
    assert log == ["{'x': 3, 'y': 1}", "{'x': 3, 'y': 5}", "{'x': 2}", "{'x': 4}"]


def test_replacing_an_unknown_argument_names_those_that_there_are() -> None:
    class mistaken(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            call.replace_argument("frame", 1)
            yield

    @mistaken()
    def work(rows: int, limit: int = 3) -> None: ...

    with pytest.raises(KeyError, match="work has no parameter 'frame'; there are: rows, limit"):
        work(1)


def test_links_notes_and_decks_go_to_the_task(store: RecordingStore) -> None:
    class linking(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            call.link("Run", "https://example.com/run")
            call.note("it was tracked")
            call.deck("Tracker").append("<p>tracked</p>")
            yield

    task(linking()(lambda: 1), name="work")()
    (recorded,) = store.last().tasks
    assert [(link.name, link.url) for link in recorded.links] == [("Run", "https://example.com/run")]
    assert recorded.notes == ["it was tracked"]
    assert [deck.items for deck in recorded.decks if deck.name == "Tracker"] == [["<p>tracked</p>"]]


def test_a_warning_is_a_note_too_and_points_to_the_function(store: RecordingStore) -> None:
    class doubtful(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            call.warn(f"{call.name} is in doubt", RuntimeWarning)
            yield

    @task
    @doubtful()
    def plain() -> None: ...

    @doubtful()
    @task
    async def coroutine() -> None: ...

    @task
    @doubtful()
    def generator() -> Iterator[int]:
        yield 1

    with pytest.warns(RuntimeWarning) as caught, execution("it"):
        plain()
        asyncio.run(coroutine())
        list(generator())
    functions = [inspect.unwrap(each) for each in (plain, coroutine, generator)]
    assert [(str(each.message), each.filename, each.lineno) for each in caught] == [
        (f"{function.__name__} is in doubt", __file__, function.__code__.co_firstlineno) for function in functions
    ]
    assert [each.notes for each in store.last().tasks] == [[str(each.message)] for each in caught]


def test_a_warning_of_a_with_block_is_a_plain_one(store: RecordingStore) -> None:
    class doubtful(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            call.warn("in doubt")
            yield

    with pytest.warns(UserWarning, match="in doubt"), execution("it"), doubtful():
        pass


def test_a_decorated_task_can_be_pickled_by_value() -> None:
    @task
    @logged(label="pickled")
    def local(x: int) -> str:
        return f"{x} in {current_context().task_name}"

    assert cloudpickle.loads(cloudpickle.dumps(local))(3) == "3 in local"


def test_a_subclass_without_around_says_what_is_missing() -> None:
    class empty(TaskDecorator):
        pass

    with pytest.raises(NotImplementedError, match="empty must define around"):
        task(empty()(lambda: 1), name="work")()
