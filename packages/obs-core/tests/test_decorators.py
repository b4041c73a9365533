"""Task decorators."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import cloudpickle
import pytest

from obs_core import ObsWarning, TaskCall, TaskDecorator, current_context, execution, task
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


def test_it_may_refuse_before_the_body_runs() -> None:
    class refusing(TaskDecorator):
        def around(self, call: TaskCall) -> Iterator[None]:
            raise LookupError("no secret")
            yield

    @task
    @refusing()
    def work() -> None:
        log.append("ran")

    with pytest.raises(LookupError, match="no secret"):
        work()
    assert log == []


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
