"""A decorated function gives what it would give undecorated, whatever that is, and whatever was decorated."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import itertools
import re
import sys
import warnings
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any, NoReturn
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest

from obs_core import TaskCall, TaskDecorator, current_context, execution, span, task
from obs_core.testing import RecordingStore


@pytest.fixture(autouse=True)
def within(store: RecordingStore) -> Iterator[None]:
    with execution("night"):
        yield


async def fetched(fails: bool) -> int:
    await asyncio.sleep(0)
    if fails:
        raise ValueError("server said no")
    return 7


def plainly(fails: bool) -> Awaitable[int]:
    return fetched(fails)


def grow(number: int, by: int) -> int:
    return number + by


def numbers() -> Iterator[int]:
    yield from range(5)


@span("hand on")
def handed_on(given: Any) -> Any:
    return given


def test_a_generator_that_somebody_else_holds_goes_on_when_the_caller_is_done_with_it() -> None:
    held = numbers()
    assert handed_on(held) is held
    assert list(itertools.islice(handed_on(held), 2)) == [0, 1]
    assert list(held) == [2, 3, 4]

    class Stream:
        def __init__(self) -> None:
            self.rows = numbers()

        @task(enable_deck=False)
        def source(self) -> Iterator[int]:
            return self.rows

    stream = Stream()
    assert (next(stream.source()), next(stream.source())) == (0, 1)


def running() -> Iterator[str]:
    for _ in range(2):
        yield current_context().task_name


class KeepsError:
    """A retry that keeps what went wrong before, and with it the frames of the calls that it went through."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def makes(self) -> Iterator[str]:
        made = running()
        try:
            raise OSError("the first try")
        except OSError as error:
            self.kept.append(error)
        return made

    def makes_it_in_a_helper(self) -> Iterator[str]:
        return self.makes()

    def is_debugged(self) -> Iterator[str]:
        made = running()
        self.kept += [sys._getframe(), sys._getframe().f_locals]
        return made


@pytest.mark.parametrize("way", ["makes", "makes_it_in_a_helper", "is_debugged"])
def test_a_generator_is_its_tasks_though_the_frame_that_made_it_is_kept(way: str) -> None:
    keeps = KeepsError()
    rows = task(name="rows", enable_deck=False)(getattr(keeps, way))
    assert [list(rows()), list(rows())] == [["rows", "rows"], ["rows", "rows"]]
    assert keeps.kept


def test_a_coroutine_or_async_generator_that_somebody_else_holds_is_the_very_same() -> None:
    async def counted() -> AsyncIterator[int]:
        for number in range(4):
            yield number

    async def main() -> list[int]:
        fetching = fetched(False)
        assert handed_on(fetching) is fetching
        assert await fetching == 7
        held = counted()
        async for _ in handed_on(held):
            break
        await asyncio.sleep(0)
        return [number async for number in held]

    assert asyncio.run(main()) == [1, 2, 3]


def test_a_generator_or_coroutine_that_is_begun_already_is_the_very_same() -> None:
    got: list[int] = []

    def consumer() -> Generator[None, int, None]:
        while True:
            got.append((yield))

    @span("primed")
    def primed() -> Generator[None, int, None]:
        made = consumer()
        next(made)
        return made

    primed().send(3)

    async def counted() -> AsyncIterator[int]:
        yield 1
        yield 2

    @span("begun")
    def begun() -> AsyncIterator[int]:
        made: Any = counted()
        with pytest.raises(StopIteration):
            made.__anext__().send(None)
        return made  # type: ignore[no-any-return]

    async def rest() -> list[int]:
        return [number async for number in begun()]

    assert (got, asyncio.run(rest())) == ([3], [2])


class Rows(Generator[int, Any, None]):
    """A generator that is more than one, as aiohttp's requests are more than coroutines."""

    def send(self, value: Any) -> int:
        return 1

    def throw(self, *error: Any) -> Any:
        raise StopIteration

    def __len__(self) -> int:
        return 7


class Request(Coroutine[Any, Any, int]):
    def send(self, value: Any) -> Any:
        raise StopIteration(200)

    def throw(self, *error: Any) -> Any:
        raise StopIteration

    def __await__(self) -> Generator[Any, Any, int]:
        yield from ()
        return 200

    def close(self) -> None:
        pass

    async def __aenter__(self) -> int:
        return 200

    async def __aexit__(self, *error: object) -> None:
        pass


def test_what_is_more_than_a_generator_or_a_coroutine_stays_that() -> None:
    @task(enable_deck=False)
    def rows() -> Rows:
        return Rows()

    @task(enable_deck=False)
    def request() -> Request:
        return Request()

    async def main() -> tuple[int, int]:
        async with request() as entered:
            return entered, await request()

    assert len(rows()) == 7
    assert asyncio.run(main()) == (200, 200)


def sum_of(*numbers: int) -> int:
    return sum(numbers)


class AnswersToAnything:
    """As the method of an `xmlrpc.client.ServerProxy`: what is called calls far away."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __getattr__(self, name: str) -> AnswersToAnything:
        return AnswersToAnything(f"{self.name}.{name}")

    def __call__(self, *args: int) -> int:
        assert not self.name, f"{self.name} was called"
        return sum(args)


class RaisesAtAnything:
    __slots__ = ()

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(name)

    def __call__(self, *args: int) -> int:
        return sum(args)


class NamedByNumber:
    __name__ = 3

    def __call__(self, number: int) -> int:
        return 3 * number


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (Mock(side_effect=sum_of), "Mock"),
        (MagicMock(side_effect=sum_of), "MagicMock"),
        (AnswersToAnything(), "AnswersToAnything"),
        (RaisesAtAnything(), "RaisesAtAnything"),
    ],
    ids=["mock", "magic mock", "answers", "raises"],
)
def test_a_callable_that_answers_to_any_name_is_called_and_nothing_else(
    store: RecordingStore, function: Callable[..., int], name: str
) -> None:
    assert task(function)(1, 2) == 3
    assert span("sum")(function)(1, 2) == 3
    (found,) = store.last().tasks
    assert (found.name, found.notes) == (name, [])
    (inputs,) = [deck for deck in found.decks if deck.name == "Input"]
    assert "argument 2" in "".join(inputs.items) or "args" in "".join(inputs.items)


class Tripled:
    def __init__(self, function: Callable[..., int]) -> None:
        self.function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> int:
        return 3 * self.function(*args, **kwargs)


def test_objects_of_one_class_around_different_functions_are_drawn_each_as_its_own(store: RecordingStore) -> None:
    def weigh(grams: int) -> int:
        return grams

    assert (task(Tripled(weigh))(2), task(Tripled(grow))(1, 2), task(Tripled(weigh))(5)) == (6, 9, 15)
    drawn = ["".join(deck.items) for each in store.last().tasks for deck in each.decks if deck.name == "Input"]
    names = [re.findall(r'obs-argument"><code>(\w+)', html) for html in drawn]
    assert names == [["grams"], ["number", "by"], ["grams"]]


def test_the_source_of_each_class_of_a_metaclass_is_its_own(store: RecordingStore) -> None:
    class Counted(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **kwargs)

    class Plane(metaclass=Counted): ...

    class Train(metaclass=Counted): ...

    task(Plane)()
    task(Train)()
    sources = ["".join(deck.items) for each in store.last().tasks for deck in each.decks if deck.name == "Source Code"]
    assert ["Train" in source for source in sources] == [False, True]


def test_mocks_of_async_functions_are_awaited(store: RecordingStore) -> None:
    for mock in (AsyncMock(return_value=7), create_autospec(fetched, return_value=7)):
        assert asyncio.run(task(mock, name="fetch")(False)) == 7
        assert store.last().tasks[-1].status == "succeeded"


def test_a_name_that_is_no_text_is_the_types(store: RecordingStore) -> None:
    assert task(NamedByNumber())(2) == 6
    assert store.last().tasks[-1].name == "NamedByNumber"


def test_a_static_method_stays_one_and_a_cache_can_be_asked() -> None:
    class Model:
        @task
        @staticmethod
        def double(number: int) -> int:
            return 2 * number

        @staticmethod
        @span("triple")
        def triple(number: int) -> int:
            return 3 * number

    assert (Model.double(2), Model().double(2), Model().triple(2)) == (4, 4, 6)
    cached = task(functools.lru_cache(grow))
    assert (cached(1, 2), cached(1, 2)) == (3, 3)
    assert cached.cache_info().hits == 1  # type: ignore[attr-defined]


def test_what_a_generator_makes_of_its_closing_is_seen_by_who_closes_it() -> None:
    def total() -> Generator[None, int, int]:
        summed = 0
        try:
            while True:
                summed += yield
        except GeneratorExit:
            return summed

    def stubborn() -> Generator[str, None, None]:
        with contextlib.suppress(GeneratorExit):
            yield "begun"
        yield "caught"

    def closed(function: Callable[[], Generator[None, int, int]]) -> Any:
        generator = function()
        next(generator)
        generator.send(3)
        return generator.close()

    def thrown(function: Callable[[], Generator[str, None, None]]) -> str:
        generator = function()
        next(generator)
        return generator.throw(GeneratorExit)

    assert closed(span("total")(total)) == closed(total)
    assert thrown(span("stubborn")(stubborn)) == thrown(stubborn) == "caught"
    ignoring = span("stubborn")(stubborn)()
    next(ignoring)
    with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
        ignoring.close()


def test_what_is_cancelled_before_it_began_leaves_no_warning(store: RecordingStore) -> None:
    async def main() -> None:
        doing = asyncio.ensure_future(task(functools.partial(plainly, False))())
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()
    assert [str(one.message) for one in seen] == []
    assert [(one.name, one.status) for one in store.last().tasks] == [("plainly", "failed")]


@pytest.mark.parametrize(
    ("function", "arguments", "shown"),
    [
        (functools.partial(grow, 1), {"by": 2}, ["number", "1", "by", "2"]),
        (functools.partial(grow, by=1), {"number": 2, "by": 3}, ["number", "2", "by", "3"]),
        (functools.partial(functools.partial(grow, 1), 2), {}, ["number", "1", "by", "2"]),
    ],
    ids=["by position", "by name", "nested"],
)
def test_the_arguments_of_a_partial_are_inputs_too(
    store: RecordingStore, function: Callable[..., int], arguments: dict[str, int], shown: list[str]
) -> None:
    task(function)(**arguments)
    (inputs,) = [deck for deck in store.last().tasks[-1].decks if deck.name == "Input"]
    assert re.findall("<code>(.*?)</code>", "".join(inputs.items)) == shown


def test_what_is_only_referred_to_weakly_is_handed_on_as_it_is() -> None:
    known: weakref.WeakKeyDictionary[Generator[int, None, None], int] = weakref.WeakKeyDictionary()

    @span("remembered")
    def remembered() -> Generator[int, None, None]:
        made = (number for number in (1, 2))
        known[made] = 5
        return made

    assert known.get(remembered()) == 5


class surrounding(TaskDecorator):
    def around(self, call: TaskCall) -> Iterator[None]:
        yield


WRAPPED: list[Callable[..., Any]] = [
    task,
    lambda function: task(span("rows")(function)),
    lambda function: task(surrounding()(span("rows")(function))),
    lambda function: task(lambda: function()),  # whose kind is known once it is called
]


async def held_to_the_end(make: Callable[[], Any], held: list[Any]) -> None:
    held.append(make())
    await anext(held[0])


async def left_to_the_garbage_collector(make: Callable[[], Any], held: list[Any]) -> None:
    cycle: list[Any] = [make()]
    cycle.append(cycle)
    await anext(cycle[0])
    del cycle
    gc.collect()
    await asyncio.sleep(0.01)
    held.append("the loop goes on")


async def left_by_its_consumer(make: Callable[[], Any], held: list[Any]) -> None:
    async for _ in make():
        break
    await asyncio.sleep(0.01)
    held.append("the loop goes on")


async def left_by_one_that_is_cancelled(make: Callable[[], Any], held: list[Any]) -> None:
    async def consume() -> None:
        async for _ in make():
            await asyncio.sleep(60)

    held.append(asyncio.ensure_future(consume()))
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("wrapped", WRAPPED, ids=["one", "two", "three", "returned"])
@pytest.mark.parametrize(
    "leave",
    [held_to_the_end, left_to_the_garbage_collector, left_by_its_consumer, left_by_one_that_is_cancelled],
    ids=lambda leave: leave.__name__,
)
def test_an_async_generator_that_is_left_is_closed_as_without_obs(
    store: RecordingStore, wrapped: Callable[..., Any], leave: Callable[[Callable[[], Any], list[Any]], Awaitable[None]]
) -> None:
    def seen(decorate: Callable[..., Any]) -> list[str]:
        said: list[str] = []

        @decorate
        async def rows() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                said.append("closing")
                await asyncio.sleep(0)
                said.append("closed")

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(told["message"]))
            await leave(rows, held)

        held: list[Any] = []
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "unraisablehook", lambda raised: said.append(repr(raised.exc_value)))
            asyncio.run(main())
            held.clear()
            gc.collect()
        return said

    assert seen(wrapped) == seen(lambda function: function)
    assert [(one.status, one.error) for one in store.last().tasks] == [("succeeded", None)]


def test_a_generator_of_a_plain_function_that_is_garbage_in_a_cycle_has_not_failed(store: RecordingStore) -> None:
    cycle: list[Any] = [task(lambda: numbers())()]
    cycle.append(cycle)
    assert next(cycle[0]) == 0
    del cycle
    gc.collect()
    (left,) = store.last().tasks
    assert (left.status, left.notes) == ("succeeded", ["This generator was closed before its end."])


class Unhashable(type):
    def __eq__(cls, other: object) -> bool:
        return cls is other


class Incomparable(type):
    def __hash__(cls) -> int:
        raise ValueError("no")

    def __eq__(cls, other: object) -> bool:
        raise ValueError("no")


@pytest.mark.parametrize("metaclass", [Unhashable, Incomparable])
@pytest.mark.parametrize("decorate", [task, span("work"), execution("work")], ids=["task", "span", "execution"])
def test_a_result_whose_class_cannot_be_hashed_is_a_result_like_any_other(decorate: Any, metaclass: type[type]) -> None:
    frame = metaclass("Frame", (), {})
    made = frame()
    assert decorate(lambda: made)() is made
    assert isinstance(decorate(frame)(), frame)


@pytest.mark.parametrize("metaclass", [Unhashable, Incomparable])
def test_attributes_whose_classes_cannot_be_hashed_are_told_as_others_are(
    metaclass: type[type], store: RecordingStore
) -> None:
    shown = {"__repr__": lambda self: "<a frame>"}
    frame, number, table = (metaclass("Odd", bases, shown if not bases else {}) for bases in ((), (int,), (dict,)))
    with execution("day"), span("read", frame=frame(), parts=[frame(), {"rows": number(7)}], table=table(rows=1)) as it:
        it.set(more=number(8))
    assert store.last().span.children[0].attributes == {
        "frame": "<a frame>",
        "parts": ["<a frame>", {"rows": 7}],
        "table": {"rows": 1},
        "more": 8,
    }
