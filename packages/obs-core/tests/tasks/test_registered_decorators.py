"""Decorators that annotations ask for."""

from __future__ import annotations

import asyncio
import decimal
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar
from unittest.mock import AsyncMock

import pytest

from obs_core import TaskCall, TaskDecorator, register_task_decorator, task
from obs_core.testing import RecordingStore

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")
log: list[str] = []


class noting(TaskDecorator):
    """Notes which parameters ask for it."""

    def __init__(self, label: str = "noted") -> None:
        self.label = label

    def around(self, call: TaskCall) -> Iterator[None]:
        asking = [name for name, hint in call.hints().items() if self in getattr(hint, "__metadata__", ())]
        log.append(f"{self.label}: {call.name} {asking}")
        yield


class Frame(Generic[T]):
    """A type with a parameter, as typed frames are."""


class SubFrame(Frame[T]):
    """A subclass of it."""


checked = noting("checked")


@pytest.fixture(autouse=True)
def empty_log(store: RecordingStore) -> None:
    """Begin with nothing logged, and record into memory."""
    log.clear()


def test_a_decorator_in_an_annotation_surrounds_the_task() -> None:
    @task
    def clean(rows: Annotated[int, checked], limit: Decimal | None = None) -> Annotated[int, checked]:
        log.append("body")
        return rows

    assert clean(3) == 3
    assert log == ["checked: clean ['rows', 'return']", "body"]


class Copying:
    """A decorator that is a class, as many are: what it makes of two functions is called by the same `__call__`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def test_functions_inside_objects_of_one_class_have_each_their_own_decorators() -> None:
    @task
    @Copying
    def plain(number: int) -> int:
        return number

    @task
    @Copying
    def clean(rows: Annotated[int, checked]) -> int:
        return rows

    @task
    @Copying
    def count(limit: int, rows: Annotated[int, noting("counted")]) -> int:
        return rows

    assert (plain(1), clean(2), count(9, 3), plain(4)) == (1, 2, 3, 4)
    assert log == ["checked: clean ['rows']", "counted: count ['rows']"]


def test_annotations_of_an_object_are_those_of_its_call_and_not_of_its_fields() -> None:
    class Scaled:
        rows: Annotated[int, noting("field")] = 2

        def __call__(self, rows: Annotated[int, checked], by: int) -> int:
            return self.rows * rows * by

    class Plain(Scaled):
        def __call__(self, rows: int, by: int) -> int:
            return rows

    assert (task(Scaled())(3, 5), task(Plain())(3, 5)) == (30, 3)
    assert log == ["checked: Scaled ['rows']"]


def test_a_mock_of_an_async_function_has_none() -> None:
    assert asyncio.run(noting()(task(AsyncMock(return_value=7)))(3)) == 7
    assert log == ["noted: AsyncMock []"]


def test_annotations_of_a_function_in_a_partial_count() -> None:
    def clean(limit: int, rows: Annotated[int, checked]) -> int:
        return rows + limit

    assert task(functools.partial(clean, 2))(3) == 5
    assert log == ["checked: clean ['rows']"]


def test_a_decorator_within_an_annotation_surrounds_the_task_too() -> None:
    @task
    def clean(rows: dict[str, list[Annotated[int, checked]]]) -> tuple[int, Annotated[int, noting("result")] | None]:
        log.append("body")
        return 1, None

    clean({})
    assert [entry.partition(":")[0] for entry in log] == ["checked", "result", "body"]


def test_a_decorator_of_what_a_function_takes_that_is_an_argument_is_none_of_the_task() -> None:
    @task
    def apply(function: Callable[[Annotated[int, checked]], int], kind: type[Annotated[int, checked]]) -> None: ...

    apply(abs, int)
    assert log == []


def test_the_decorators_of_annotations_stand_inside_the_task_and_outside_of_the_others() -> None:
    @noting("stacked")
    @task
    def clean(first: Annotated[int, checked], second: Annotated[int, noting("second")]) -> None:
        log.append("body")

    clean(1, 2)
    assert [entry.partition(":")[0] for entry in log] == ["checked", "second", "stacked", "body"]


def test_coroutines_and_generators_are_surrounded_too() -> None:
    @task
    async def coroutine(x: Annotated[int, checked]) -> int:
        return x

    @task
    def generator(x: Annotated[int, checked]) -> Iterator[int]:
        yield x

    assert asyncio.run(coroutine(1)) == 1
    assert list(generator(2)) == [2]
    assert len(log) == 2


def test_an_annotation_may_name_what_is_local_to_the_function_around() -> None:
    def make() -> Any:
        local = noting("local")

        @task
        def clean(rows: Annotated[int, local]) -> int:
            return rows

        return clean

    assert make()(3) == 3
    assert log == ["local: clean ['rows']"]


def test_a_function_that_is_no_task_is_left_alone() -> None:
    def clean(rows: Annotated[int, checked]) -> int:
        return rows

    assert clean(3) == 3
    assert log == []


def _tasks() -> list[Any]:
    @task
    def plain(x: Frame[int]) -> None: ...

    @task
    def result() -> SubFrame[int] | None:
        return None

    @task
    def annotated(x: Annotated[Frame[int], "a note"]) -> None: ...

    @task
    def other(x: int) -> list[int]:
        return []

    return [lambda: plain(Frame()), result, lambda: annotated(Frame()), lambda: other(1)]


def test_a_decorator_is_registered_for_a_type_its_subclasses_and_its_aliases() -> None:
    with register_task_decorator(Frame, noting("registered")):
        for call in _tasks():
            call()
    assert [entry.split()[1] for entry in log] == ["plain", "result", "annotated"]
    for call in _tasks():
        call()
    assert len(log) == 3, "it is unregistered"


def test_a_type_may_be_registered_by_its_dotted_name() -> None:
    @task
    def price(x: decimal.Decimal) -> None: ...

    with register_task_decorator("decimal.Decimal", noting("registered")):
        price(decimal.Decimal(1))
    assert log == ["registered: price []"]


def test_what_cannot_be_registered_is_named() -> None:
    with pytest.raises(TypeError, match="a TaskDecorator is needed"):
        register_task_decorator(Frame, "noting")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dotted name"):
        register_task_decorator("Frame", checked)
