"""Spans."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from obs_core import Execution, ExecutionSpan, current_context, execution, span, task
from obs_core.recording.scope import current
from obs_core.secrets import forget_secret_values, register_secret_value
from obs_core.testing import FixedClock, RecordingStore


def shape(one: ExecutionSpan) -> dict[str, object]:
    """A span and those below it as nested dicts of names."""
    return {child.name: shape(child) for child in one.children}


def test_spans_nest(store: RecordingStore) -> None:
    with execution("night"), span("outer"), span("inner"):
        pass
    assert shape(store.last().span) == {"outer": {"inner": {}}}


def test_a_span_records_wall_and_process_time(store: RecordingStore) -> None:
    with FixedClock() as clock, execution("night"), span("load"):
        clock.advance(1.5, process=0.25)
    (load,) = store.last().span.children
    assert (load.duration_ns, load.process_time) == (1_500_000_000, 0.25)


def test_a_raised_error_marks_the_span_and_goes_on(store: RecordingStore) -> None:
    with pytest.raises(KeyError, match="missing"), execution("night"), span("look up"):
        raise KeyError("missing")
    (look_up,) = store.last().span.children
    assert (look_up.status, look_up.error) == ("failed", "KeyError")


def test_attributes_that_json_does_not_know_are_told_by_their_text(store: RecordingStore) -> None:
    odd = {"loss": float("nan"), "best": float("-inf"), "losses": [float("inf"), 1.0], "key": b"ab"}
    with execution("night"), span("fit", **odd, by={1: "a", "1": "b"}):
        pass
    assert store.last().span.children[0].attributes == {
        "loss": "nan",
        "best": "-inf",
        "losses": ["inf", 1.0],
        "key": "b'ab'",
        "by": {"1": "a", "'1'": "b"},
    }


def test_an_integer_that_is_too_large_to_be_written_costs_no_span(store: RecordingStore) -> None:
    with execution("night", tags={"large": 10**5000}), span("fit", large=10**5000, inside=[{"it": -(10**5000)}]):
        pass
    (fit,) = store.last().span.children
    assert fit.attributes == {
        "large": "<int of about 5,000 digits>",
        "inside": [{"it": "<negative int of about 5,000 digits>"}],
    }
    assert store.last().view.tags == {"large": "<int of about 5,000 digits>"}
    assert store.last().view.lost_records == 0


def test_of_a_long_text_the_beginning_and_the_end_are_kept_and_how_much_is_left_out(store: RecordingStore) -> None:
    text = "SELECT" + "x" * 10_000_000 + "LIMIT 5"
    with execution("night"), span("query", sql=text, fits="y" * 16_384, several=["a", text]) as query:
        query.set(later=text)
    attributes = store.last().span.children[0].attributes
    for name in ("sql", "later"):
        assert attributes[name].startswith("SELECTxxx")
        assert attributes[name].endswith("xxxLIMIT 5")
        assert " … 9,983,629 characters left out … " in attributes[name]
        assert len(attributes[name]) < 17_000
    assert attributes["fits"] == "y" * 16_384
    assert attributes["several"].startswith("['a', 'SELECTxxx")
    assert len(attributes["several"]) < 17_000


def test_no_half_of_a_secret_is_left_where_an_attribute_is_cut(
    store: RecordingStore, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(forget_secret_values)
    register_secret_value("k9-very-secret")
    text = "x" * 8_185 + "k9-very-secret" + "y" * 20_000
    with execution("night"), span("query", sql=text):
        pass
    kept = store.last().span.children[0].attributes["sql"]
    assert kept.startswith("x" * 8_185 + "***yyyy … ")


def test_attributes_are_kept_as_given_and_as_set(store: RecordingStore) -> None:
    with execution("night"), span("read", path="a.csv", rows=1) as reading:
        reading.set(rows=2, columns=["x"])
    assert store.last().span.children[0].attributes == {"path": "a.csv", "rows": 2, "columns": ["x"]}


def test_keys_that_json_writes_alike_are_told_apart(store: RecordingStore) -> None:
    with execution("night"), span("fit", counts={"1": "a", 1: "b"}, other={2: "a", "2": "b"}):
        pass
    attributes = store.last().span.children[0].attributes
    assert attributes == {"counts": {"1": "a", "1 (int)": "b"}, "other": {"2": "a", "'2'": "b"}}


def test_an_attribute_that_json_does_not_know_is_kept_as_text(store: RecordingStore) -> None:
    with execution("night"), span("read", kind=complex(1, 2), big=2**70, text="\ud800"):
        pass
    attributes = store.last().span.children[0].attributes
    assert attributes == {"kind": "(1+2j)", "big": "1180591620717411303424", "text": "\\ud800"}


@pytest.mark.parametrize(
    "name", ["", "a b", "µ/№", "</script><img onerror=alert(1)>", "line\nbreak", "\ud800", "x" * 5000]
)
def test_any_name_is_kept(store: RecordingStore, name: str) -> None:
    with execution("night"), span(name):
        pass
    expected = name.encode("utf-8", "backslashreplace").decode()
    assert store.last().span.children[0].name == expected


@pytest.mark.parametrize("given", [5, None, 1.5, b"a", ["a"], {"a": 1}, float("nan")], ids=repr)
def test_names_and_notes_that_are_no_text_are_told_by_one_and_nothing_is_lost(
    store: RecordingStore, given: Any
) -> None:
    named: Any = {"name": given}

    @task(enable_deck=False, **named)
    def work() -> None:
        current_context().note(given)
        with span(given), span("inside"):
            pass

    with execution("night", tags={"given": given}):
        work()
    found = store.last()
    (done,) = found.tasks
    assert (done.name, done.notes) == ("work" if given is None else str(given), [str(given)])
    assert [one.name for one in found.span.walk()] == ["night", done.name, str(given), "inside"]
    assert (found.view.tags, found.view.damaged_records) == ({"given": str(given)}, 0)


def test_what_cannot_even_be_told_costs_only_its_own_text(store: RecordingStore) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    mute: Any = Mute()
    with execution("night", tags={"mute": mute}), span(mute):
        current_context().note(mute)
    found = store.last()
    assert "no text" in found.span.children[0].name
    assert "no text" in found.view.tags["mute"]
    assert found.view.damaged_records == 0


def test_a_span_object_may_be_entered_again_and_within_itself(store: RecordingStore) -> None:
    step = span("step")
    with execution("night"):
        with step, step:
            pass
        with step:
            pass
    assert [shape(child) for child in store.last().span.children] == [{"step": {}}, {}]


def ends(store: RecordingStore) -> dict[str, list[tuple[str, float, str | None]]]:
    """What each span at the top has below it: names, seconds and errors."""
    return {
        one.name: [(child.name, round(child.duration_ns / 1e9, 6), child.error) for child in one.children]
        for one in store.last().span.children
    }


def test_one_span_object_that_coroutines_enter_at_once_is_a_span_of_each(store: RecordingStore) -> None:
    read = span("read")

    async def request(name: str, seconds: float, fails: bool) -> None:
        with span(name):
            async with read:
                await turns[name].wait()
                clock.advance(seconds)
                if fails:
                    raise ValueError("no such row")
            with span("afterwards"):
                pass

    async def main() -> None:
        turns.update({name: asyncio.Event() for name in ("first", "second", "third")})
        running = [
            asyncio.ensure_future(request("first", 1, fails=False)),
            asyncio.ensure_future(request("second", 2, fails=True)),
            asyncio.ensure_future(request("third", 4, fails=False)),
        ]
        for name, one in zip(turns, running, strict=True):
            await asyncio.sleep(0)
            turns[name].set()
            await asyncio.wait([one])

    turns: dict[str, asyncio.Event] = {}
    with FixedClock() as clock, execution("night"):
        asyncio.run(main())
    assert ends(store) == {
        "first": [("read", 1, None), ("afterwards", 0, None)],
        "second": [("read", 3, "ValueError")],
        "third": [("read", 7, None), ("afterwards", 0, None)],
    }


def test_one_span_object_that_threads_enter_at_once_is_a_span_of_each(store: RecordingStore) -> None:
    read = span("read")
    entered, turns = threading.Barrier(3), [threading.Event() for _ in range(2)]

    def request(number: int) -> None:
        with span(f"request {number}"), contextlib.suppress(ValueError), read:
            entered.wait(60)
            turns[number].wait(60)
            clock.advance(1)
            raise ValueError if number else KeyboardInterrupt

    def quietly(number: int) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            request(number)

    with FixedClock() as clock, execution("night"):
        threads = [threading.Thread(target=quietly, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        entered.wait(60)
        for turn, thread in zip(turns, threads, strict=True):
            turn.set()
            thread.join()
    assert ends(store) == {
        "request 0": [("read", 1, "KeyboardInterrupt")],
        "request 1": [("read", 2, "ValueError")],
    }


def test_a_shared_span_that_is_left_in_another_context_is_the_one_of_who_leaves_it(store: RecordingStore) -> None:
    read = span("read")
    with FixedClock() as clock, execution("night"):
        requests = {name: (span(name), contextvars.copy_context()) for name in ("first", "second")}
        for request, context in requests.values():
            context.run(request.__enter__)
            context.copy().run(read.__enter__)
        for request, context in requests.values():
            clock.advance(1)
            context.copy().run(read.__exit__, None, None, None)
            context.run(request.__exit__, None, None, None)
    assert ends(store) == {"first": [("read", 1, None)], "second": [("read", 2, None)]}


def test_what_is_set_on_a_shared_span_is_a_fact_about_that_entry_alone(store: RecordingStore) -> None:
    read = span("read", path="a.csv")
    read.set(kind="csv")
    with execution("night"):
        with read as first:
            first.set(rows=1)
            first.set(columns=2)
        with read as second:
            second.set(rows=3)
        with read:
            pass
    given = {"path": "a.csv", "kind": "csv"}
    assert [one.attributes for one in store.last().span.children] == [
        {**given, "rows": 1, "columns": 2},
        {**given, "rows": 3},
        given,
    ]


def test_leaving_a_span_more_often_than_it_was_entered_changes_nothing(store: RecordingStore) -> None:
    with FixedClock() as clock, execution("night"):
        step = span("step")
        with step:
            clock.advance(1)
        clock.advance(1)
        step.__exit__(None, None, None)
        with step:
            clock.advance(1)
        step.__exit__(None, None, None)
    assert [one.duration_ns for one in store.last().span.children] == [1_000_000_000] * 2


def test_a_decorated_function_is_a_span_each_time_it_is_called(store: RecordingStore) -> None:
    @span("double")
    def double(x: int) -> int:
        return 2 * x

    with execution("night"):
        assert [double(1), double(2)] == [2, 4]
    assert [child.name for child in store.last().span.children] == ["double", "double"]


def test_async_spans_that_run_side_by_side_never_mix(store: RecordingStore) -> None:
    async def work(name: str) -> None:
        async with span(name):
            await asyncio.sleep(0)
            with span(f"{name}.inner"):
                await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(work(f"w{number}") for number in range(5)))

    with execution("night"):
        asyncio.run(main())
    assert shape(store.last().span) == {f"w{number}": {f"w{number}.inner": {}} for number in range(5)}


def test_a_decorated_generator_is_open_between_its_yields_and_its_consumer_is_outside(
    store: RecordingStore,
) -> None:
    @span("produce")
    def produce() -> Iterator[int]:
        with span("first"):
            yield 1
        yield 2

    with execution("night"):
        for number in produce():
            with span(f"consume {number}"):
                pass
    assert shape(store.last().span) == {"produce": {"first": {}}, "consume 1": {}, "consume 2": {}}


def test_a_decorated_generator_passes_on_what_is_sent_thrown_and_returned() -> None:
    @span("echo")
    def echo() -> Iterator[object]:
        try:
            got = yield "ready"
        except ValueError as error:
            got = yield f"caught {error}"
        return got

    with execution("night"):
        sending = echo()
        assert next(sending) == "ready"
        with pytest.raises(StopIteration) as stopped:
            sending.send("sent")  # type: ignore[attr-defined]
        assert stopped.value.value == "sent"
        throwing = echo()
        next(throwing)
        assert throwing.throw(ValueError("thrown")) == "caught thrown"  # type: ignore[attr-defined]
        throwing.close()  # type: ignore[attr-defined]


def test_a_decorated_async_generator_is_open_between_its_yields(store: RecordingStore) -> None:
    @span("produce")
    async def produce() -> AsyncIterator[int]:
        with span("inside"):
            yield 1
        yield 2

    async def main() -> list[int]:
        numbers = []
        async for number in produce():
            with span(f"consume {number}"):
                numbers.append(number)
        return numbers

    with execution("night"):
        assert asyncio.run(main()) == [1, 2]
    assert shape(store.last().span) == {"produce": {"inside": {}}, "consume 1": {}, "consume 2": {}}


def test_an_open_span_is_marked_and_its_end_replaces_it(store: RecordingStore) -> None:
    with execution("night"):
        with span("long") as long:
            long.task.journal.flush()
            (seen_open,) = store.last().span.children
            assert seen_open.is_open
        (closed,) = [child for child in _flushed(store).span.children if child.name == "long"]
    assert not closed.is_open


def _flushed(store: RecordingStore) -> Execution:
    from obs_core.journal import flusher

    flusher.flush_all()
    return store.last()


def test_what_a_fixed_clock_said_is_not_compared_with_the_real_one(store: RecordingStore) -> None:
    with FixedClock() as clock, execution("in a year"):
        clock.advance(366 * 86_400)
        with span("step"):
            pass
    with execution("now"):
        journal = current_context().state.run.journal
        for _ in range(10_000):
            with span("step"):
                pass
        assert len(journal.items) < 5_000  # a burst is written meanwhile, rather than kept in memory


entered = [0]
"""How many bodies of spans were entered below; counted without a call, for which there may be no room."""


def block() -> None:
    with span("step", level=1):
        entered[0] += 1
        block()


again = span("step")


def same_block() -> None:
    with again:
        entered[0] += 1
        same_block()


def two_blocks() -> None:
    with span("step"):
        entered[0] += 1
    with span("step"):
        entered[0] += 1
        two_blocks()


@span("step")
def decorated() -> None:
    entered[0] += 1
    decorated()


@span("step")
def caught() -> None:
    entered[0] += 1
    with contextlib.suppress(RecursionError):
        caught()


@span("step")
def generator() -> Iterator[int]:
    entered[0] += 1
    yield 1
    yield from generator()


def use_up_generator() -> None:
    for _ in generator():
        pass


@span("step")
async def coroutine() -> None:
    entered[0] += 1
    await coroutine()


async def async_block() -> None:
    async with span("step"):
        entered[0] += 1
        await async_block()


@span("step")
async def async_generator() -> AsyncIterator[int]:
    entered[0] += 1
    yield 1
    async for each in async_generator():
        yield each


async def use_up_async_generator() -> None:
    async for _ in async_generator():
        pass


def all_below(one: ExecutionSpan) -> Iterator[ExecutionSpan]:
    waiting = [*one.children]
    while waiting:
        one = waiting.pop()
        waiting += one.children
        yield one


def without_a_loop(function: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        awaited = function()
        try:
            awaited.send(None)
        finally:
            awaited.close()

    return run


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize(
    "endless",
    [
        block,
        same_block,
        two_blocks,
        decorated,
        caught,
        use_up_generator,
        without_a_loop(coroutine),
        without_a_loop(async_block),
        without_a_loop(use_up_async_generator),
    ],
    ids=["block", "same", "two", "decorated", "caught", "generator", "coroutine", "async-block", "async-generator"],
)
def test_each_span_of_an_endless_recursion_ends_or_is_missed(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, endless: Callable[[], None], masks: bool
) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    def with_room(calls: int) -> None:
        endless() if calls == 0 else with_room(calls - 1)

    depth = sum(1 for _ in traceback.walk_stack(None))
    try:
        if masks:
            register_secret_value("k9-very-secret")
        for room in range(40, 90):
            entered[0] = 0
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                with execution("night"), contextlib.suppress(RecursionError):
                    with_room(sys.getrecursionlimit() - depth - room)
                recorded = store.last()
            steps = list(all_below(recorded.span))
            assert recorded.status == "succeeded"
            assert {one.status for one in steps} <= {"succeeded", "failed"}
            missed = entered[0] - len(steps)
            assert [text.partition(" record")[0] for text in recorded.missing] == [str(missed)] * (missed > 0)
            said = [str(each.message) for each in told]
            assert said.count("obs had no room left on the stack to record span 'step'") == missed
            assert current.get() is None
    finally:
        forget_secret_values()
