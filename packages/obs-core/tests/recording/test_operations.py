"""Operations that an engine runs: what tells something is recorded whole, the rest counted."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_core import Execution, carrier, clock, current_context, execution, load_execution, span, task
from obs_core.journal import records
from obs_core.recording.joining import RemoteSpan, joined
from obs_core.recording.operations import OperationLog


class Clock:
    """Time that goes on when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The wall clock, stopped."""
    stopped = Clock()
    monkeypatch.setattr(clock, "wall", stopped)
    return stopped


def recorded(folder: Path, work: Callable[[OperationLog, RemoteSpan], None], whole: int = 3) -> Execution:
    """What an engine leaves that runs its operations below one span."""
    with execution("night", store=folder), span("step"):
        parent = joined(carrier(), source="worker-1")
        journal = parent.task.run.journal
        journal.append(records.WorkerJoined("worker-1", journal.now(), 2))
        work(OperationLog(journal, whole), parent)
    return load_execution(store=folder)


def run_all(hands: Clock, durations: list[int]) -> Callable[[OperationLog, RemoteSpan], None]:
    def work(log: OperationLog, parent: RemoteSpan) -> None:
        for number, duration in enumerate(durations):
            attributes = {"worker": "worker-1", "waiting": 0.5}
            with log.operation(parent, "resize", f"resize-{number}", attributes):
                hands.now += duration

    return work


def whole(found: Execution) -> list[str]:
    return sorted(found.table.keys.values())


def test_few_operations_are_spans_below_what_was_carried(tmp_path: Path, hands: Clock) -> None:
    found = recorded(tmp_path, run_all(hands, [10, 20, 30]))
    (step,) = found.span.children
    assert [(one.name, one.duration_ns, one.kind) for one in step.children] == [
        ("resize", 10, "operation"),
        ("resize", 20, "operation"),
        ("resize", 30, "operation"),
    ]
    assert step.children[1].attributes == {"key": "resize-1", "worker": "worker-1", "waiting": 0.5}
    assert found.table.counted == {}


def test_of_many_the_first_and_the_slowest_are_whole_and_the_rest_is_counted(tmp_path: Path, hands: Clock) -> None:
    durations = [1] * 3 + [5, 7, 900, 5, 800] + [2] * 500
    found = recorded(tmp_path, run_all(hands, durations))
    assert {"resize-0", "resize-1", "resize-2", "resize-5", "resize-7"} < set(whole(found))
    (counted,) = found.table.counted.values()
    assert counted.count + len(found.table.keys) == len(durations)
    kept = sum(found.table.durations[row] for row in found.table.keys)
    assert counted.total + kept == sum(durations)
    assert counted.longest == 2
    (row,) = found.table.counted
    assert found.table.attributes[row]["count"] == counted.count
    assert found.table.attributes[row]["waiting"] == pytest.approx(0.5 * counted.count)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=300), st.integers(0, 20), st.lists(st.integers(0, 299), max_size=5))
def test_whatever_runs_is_counted_exactly(durations: list[int], limit: int, flushes: list[int]) -> None:
    stopped = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "wall", stopped)
        from obs_core.testing import recording

        with recording() as store:
            with execution("night"), span("step"):
                parent = joined(carrier(), source="w")
                log = OperationLog(parent.task.run.journal, limit)
                for number, duration in enumerate(durations):
                    with log.operation(parent, "resize", str(number)):
                        stopped.now += duration
                    if number in flushes:
                        log.journal.flush()
            found = store.last()
    rest = list(found.table.counted.values())
    assert len(found.table.keys) + sum(one.count for one in rest) == len(durations)
    kept = sum(found.table.durations[row] for row in found.table.keys)
    assert kept + sum(one.total for one in rest) == sum(durations)


def test_failed_operations_are_whole_with_their_message(tmp_path: Path, hands: Clock) -> None:
    def work(log: OperationLog, parent: RemoteSpan) -> None:
        for number in range(50):
            try:
                with log.operation(parent, "resize", f"resize-{number}"):
                    if number == 40:
                        raise ValueError("no such picture")
            except ValueError:
                pass

    found = recorded(tmp_path, work)
    (failed,) = [one for one in found.span.walk() if one.status == "failed"]
    assert (failed.error, failed.attributes["message"]) == ("ValueError", "ValueError: no such picture")
    assert failed.attributes["key"] == "resize-40"


def test_an_operation_in_which_something_is_recorded_is_whole(tmp_path: Path, hands: Clock) -> None:
    @task
    def inner() -> None: ...

    def work(log: OperationLog, parent: RemoteSpan) -> None:
        for number in range(200):
            with log.operation(parent, "resize", f"resize-{number}"):
                if number == 140:
                    with span("inside"):
                        pass
                if number == 141:
                    inner()
                if number == 142:
                    current_context().default_deck.append("a line")

    found = recorded(tmp_path, work)
    assert {"resize-140", "resize-141", "resize-142"} <= set(whole(found)) != {f"resize-{n}" for n in range(200)}
    by_key = {one.attributes.get("key"): one for one in found.span.walk()}
    assert [one.name for one in by_key["resize-140"].children] == ["inside"]
    assert [one.name for one in by_key["resize-141"].children] == ["inner"]
    (default,) = [deck for deck in found.tasks[0].decks if deck.name == "default"]
    assert default.items == ["<h4>Worker worker-1</h4>", "a line"]


def test_an_operation_that_ran_before_is_whole_and_a_second_attempt(tmp_path: Path, hands: Clock) -> None:
    def work(log: OperationLog, parent: RemoteSpan) -> None:
        submitted = [(number, False) for number in range(60)]
        for number, again in [*submitted, (50, True), (50, True), (50, False), (50, True)]:
            hands.now += 1
            with log.operation(parent, "resize", f"resize-{number}", again=again):
                pass

    found = recorded(tmp_path, work, whole=100)
    attempts = [one.attributes.get("attempt") for one in found.span.walk() if one.attributes.get("key") == "resize-50"]
    assert attempts == [None, 2, 3, None, 2]  # it was submitted twice


def test_an_operation_that_runs_for_long_is_seen_while_it_runs(tmp_path: Path, hands: Clock) -> None:
    seen: list[str] = []

    def work(log: OperationLog, parent: RemoteSpan) -> None:
        with log.operation(parent, "resize", "resize-0"), log.operation(parent, "short", "short-0"):
            pass
        with log.operation(parent, "resize", "resize-1"):
            hands.now += 400_000_000
            log.journal.flush(wait=True)
            reader = load_execution(store=tmp_path)
            seen.extend(one.attributes["key"] for one in reader.span.walk() if one.is_open and one.attributes)
            assert not log.idle
        assert log.idle

    found = recorded(tmp_path, work)
    assert seen == ["resize-1"]
    (long,) = [one for one in found.span.walk() if one.attributes.get("key") == "resize-1"]
    assert (long.status, long.duration_ns) == ("succeeded", 400_000_000)


def test_what_is_open_in_an_operation_that_just_began_is_seen_below_it(tmp_path: Path, hands: Clock) -> None:
    seen: list[str] = []

    def work(log: OperationLog, parent: RemoteSpan) -> None:
        with log.operation(parent, "resize", "resize-0"), span("inside"):
            log.journal.flush(wait=True)
            (inside,) = [one for one in load_execution(store=tmp_path).span.walk() if one.name == "inside"]
            seen.append(inside.parent.name if inside.parent else "")

    recorded(tmp_path, work)
    assert seen == ["resize"]


def test_operations_of_many_threads_are_all_counted(tmp_path: Path) -> None:
    def work(log: OperationLog, parent: RemoteSpan) -> None:
        def run(thread: int) -> None:
            for number in range(500):
                with log.operation(parent, "resize", f"{thread}-{number}"):
                    pass

        threads = [threading.Thread(target=run, args=(thread,)) for thread in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    found = recorded(tmp_path, work, whole=10)
    assert len(found.table.keys) + sum(one.count for one in found.table.counted.values()) == 2000


def test_explain_counts_what_is_not_recorded_each(tmp_path: Path, hands: Clock) -> None:
    found = recorded(tmp_path, run_all(hands, [1_000_000] * 5000))
    text = io.StringIO()
    found.span.explain(text)
    shown = text.getvalue()
    assert "in 5,002 spans" in shown
    assert "resize ×5,000  mean 1.0 ms  max 1.0 ms" in shown
    hottest = shown[shown.index("Hottest") :].splitlines()[1].split()
    assert hottest[:4] == ["resize", "5,000", "5.00", "s"]
    workers = shown[shown.index("Workers") :].splitlines()
    assert workers[1].split()[:5] == ["worker-1", "2", "5,000", "5.00", "s"]
    assert "50 %" in workers[1]  # of two threads one
    path = found.span.critical_path()
    assert sum(seconds for _, seconds in path) == pytest.approx(found.span.duration)
    resized = sum(seconds for one, seconds in path if one.name == "resize")
    assert resized == pytest.approx(5.0, rel=0.01)  # where the counted ones lie between the whole ones is not recorded


def test_the_critical_path_prefers_operations_to_what_waits_for_them(tmp_path: Path, hands: Clock) -> None:
    with execution("night", store=tmp_path):
        with span("submit"):
            parent = joined(carrier(), source="w")
            log = OperationLog(parent.task.run.journal)
            running = log.operation(parent, "resize", "resize-1")
            hands.now += 10
            running.__enter__()
        with span("wait"):
            hands.now += 100
            running.__exit__(None, None, None)
            hands.now += 7
    path = [(one.name, round(seconds * 1e9)) for one, seconds in load_execution(store=tmp_path).span.critical_path()]
    assert path == [("submit", 10), ("resize", 100), ("wait", 7)]


def test_what_waits_is_one_span_of_the_critical_path_however_many_gaps_it_fills(tmp_path: Path, hands: Clock) -> None:
    def work(log: OperationLog, parent: RemoteSpan) -> None:
        with span("gather"):
            for number in range(5):
                hands.now += 2_000_000
                with log.operation(parent, "resize", f"resize-{number}"):
                    hands.now += 10_000_000

    found = recorded(tmp_path, work, whole=100)
    (gathered,) = [seconds for one, seconds in found.span.critical_path() if one.name == "gather"]
    assert gathered == pytest.approx(0.010)
    out = io.StringIO()
    found.span.explain(out)
    assert "gather ×" not in out.getvalue()


def test_what_is_only_counted_takes_no_more_of_the_critical_path_than_it_ran(tmp_path: Path, hands: Clock) -> None:
    def work(log: OperationLog, parent: RemoteSpan) -> None:
        for number in range(2000):
            with log.operation(parent, "tiny", f"tiny-{number}"):
                hands.now += 1_000
            hands.now += 9_000

    found = recorded(tmp_path, work)
    path = found.span.critical_path()
    assert sum(seconds for one, seconds in path if one.name == "tiny") == pytest.approx(2000 * 1e-6, rel=0.01)
    assert sum(seconds for _, seconds in path) == pytest.approx(found.span.duration)
