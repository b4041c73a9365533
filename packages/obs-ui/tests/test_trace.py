"""The trace as columns: the same figures as obs-core's, and a timeline that hides nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core import carrier, execution, load_execution, span, task
from obs_core.assembly.failures import handled_spans
from obs_core.identity import Process
from obs_core.journal import flusher, records
from obs_core.model import ExecutionView
from obs_core.recording.joining import joined
from obs_core.recording.operations import OperationLog
from obs_core.store import open_store
from obs_core.testing import FixedClock
from obs_core.trace.busy_workers import busy_workers
from obs_core.trace.tree import SpanTree
from obs_ui import bare_spans
from obs_ui.columns import FAILED, KINDS, OPEN, SpanColumns
from obs_ui.decoding import Decoded, SpanLine, decode
from obs_ui.site import _environment
from obs_ui.snapshots import FollowedExecution, Snapshot
from obs_ui.timeline import Timeline
from obs_ui.trace import Trace


def look(execution_id: str) -> Snapshot:
    return FollowedExecution(open_store(), execution_id).look()


@task
def inner(count: int) -> None:
    for number in range(count):
        with span(f"step {number % 3}", number=number):
            pass


@task
def outer() -> None:
    with span("read"):
        time.sleep(0.001)
    with span("wrap"):
        inner(4)
    inner(2)
    threads = [threading.Thread(target=beside, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def beside(number: int) -> None:
    with span("beside", number=number), span("below"):
        time.sleep(0.005)


def record() -> str:
    with execution("night") as run:
        outer()
        with span("bad"), pytest.raises(ZeroDivisionError), span("worse"):
            1 / 0  # noqa: B018
    flusher.flush_all()
    return run.id


def test_spans_are_those_of_the_journal() -> None:
    run = record()
    whole = load_execution(run)
    trace = look(run).trace
    table = whole.table
    mine = {trace.ref(row): row for row in range(1, len(trace))}
    assert set(mine) == set(table.ids[1:])
    for at, ref in enumerate(table.ids[1:], 1):
        row = mine[ref]
        above = trace.ref(trace.parents[row]) if trace.parents[row] else table.ids[0]
        assert (trace.name(row), trace.kind(row)) == (table.names[at], table.kinds[at])
        assert (trace.starts[row], trace.durations[row]) == (table.starts[at], table.durations[at])
        assert above == table.ids[table.parents[at]]
        assert trace.attributes_of(row) == table.attributes.get(at, {})
        assert trace.errors.get(row) == table.errors.get(at)


def test_self_times_and_the_critical_path_are_those_of_explain() -> None:
    run = record()
    root = load_execution(run).span
    snapshot = look(run)
    own: dict[str, int] = {}
    for one in list(root.walk())[1:]:
        if one.kind == "obs":
            continue
        own[one.name] = own.get(one.name, 0) + one.self_time_ns
    assert {one.name: one.own for one in snapshot.operations} == own
    path: dict[str, float] = {}
    for one, seconds in root.critical_path():
        path[one.name] = path.get(one.name, 0) + seconds
    assert {step.name: pytest.approx(step.contribution / 1e9, abs=1e-8) for step in snapshot.critical_path} == path


def record_operations() -> str:
    """An execution whose operations an engine ran: some whole, the rest counted; the client waited for them."""
    with execution("night") as run:
        with span("submit"):
            parent = joined(carrier(), source="worker")
        with span("wait"):
            log = OperationLog(parent.task.run.journal, whole=10)
            for number in range(400):
                with log.operation(parent, f"resize {number % 2}", f"key-{number}", {"worker": "worker"}):
                    time.sleep(0.0001)
    return run.id


def test_what_an_engine_ran_is_counted_and_in_the_critical_path_as_explain_has_it() -> None:
    execution_id = record_operations()
    trace, recorded = look(execution_id).trace, load_execution(execution_id)
    resized = [one for one in trace.operations() if one.name.startswith("resize")]
    assert sum(one.count for one in resized) == 400
    counted = recorded.table.counted
    assert len(counted) == 2
    for one in resized:
        rows = [row for row, name in enumerate(recorded.table.names) if name == one.name]
        totals = [counted[row].total if row in counted else recorded.table.durations[row] for row in rows]
        longest = [counted[row].longest if row in counted else recorded.table.durations[row] for row in rows]
        assert (one.total, one.own, one.longest) == (sum(totals), sum(totals), max(longest))
    ours: dict[str, int] = {}
    for row, seconds in recorded.span.critical_path():
        ours[row.name] = ours.get(row.name, 0) + round(1e9 * seconds)
    assert {step.name: step.contribution for step in trace.critical_path()} == pytest.approx(ours, abs=2000)
    keyed = next(row for row in range(len(trace)) if trace.name(row) == "resize 0" and row not in trace.counted)
    assert trace.attributes_of(keyed)["key"].startswith("key-")


WORK = """
import json, os, sys, time
from obs_core.recording import joining as carriers
from obs_core.journal import records
from obs_core.recording.operations import OperationLog

def work(name, count):
    parent = carriers.joined(json.loads(os.environ["CARRIED"]), source=name)
    journal = parent.task.run.journal
    journal.append(records.WorkerJoined(name, journal.now(), 2))
    log = OperationLog(journal, whole=10)
    for number in range(count):
        with log.operation(parent, "resize", f"{name}-{number}", {"worker": name}):
            time.sleep(0.002)
    journal.flush(wait=True)

for argument in sys.argv[1:]:
    name, _, count = argument.partition("=")
    work(name, int(count))
"""


@pytest.mark.parametrize("processes", [[["few=3"], ["many=50"]], [["few=3", "many=50"]]], ids=["apart", "together"])
def test_workers_are_as_busy_as_explain_says(processes: list[list[str]]) -> None:
    with execution("night") as run:
        environment = {**os.environ, "CARRIED": json.dumps(carrier())}
        for workers in processes:
            subprocess.run([sys.executable, "-c", WORK, *workers], env=environment, check=True)
    found = look(run.id).workers
    assert [(worker.name, worker.count, worker.threads) for worker in found] == [("many", 50, 2), ("few", 3, 2)]
    assert found == busy_workers(SpanTree(load_execution(run.id).table), 0)


def test_an_operation_that_ran_again_says_which_attempt_it_was() -> None:
    with execution("night") as run:
        parent = joined(carrier(), source="worker")
        log = OperationLog(parent.task.run.journal)
        for again in (False, True, True, False):
            with log.operation(parent, "resize", "resize-1", again=again):
                pass
    trace = look(run.id).trace
    rows = [row for row in range(len(trace)) if trace.name(row) == "resize"]
    assert [trace.attributes_of(row).get("attempt") for row in rows] == [None, 2, 3, None]


def test_a_task_knows_the_task_that_called_it_through_spans_between() -> None:
    snapshot = look(record())
    called = {task.name: task.parent for task in snapshot.tasks}
    outer_id = next(task.id for task in snapshot.tasks if task.name == "outer")
    assert called == {"outer": snapshot.trace.ref(0), "inner": outer_id}


def test_what_failed_is_marked() -> None:
    trace = look(record()).trace
    assert [trace.name(row) for row in np.flatnonzero(trace.flags & FAILED).tolist()] == ["worse"]


def take(columns: SpanColumns, lines: bytes) -> None:
    for added in decode(lines):
        columns.take("main", added)


trees = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 400), st.sampled_from("abc")), max_size=60
)


def traced(spans: list[tuple[int, int, int, str]], epoch: int = 10**18) -> Trace:
    """A trace of spans: start, duration, number of the parent (1: the root), name."""
    columns = SpanColumns()
    start: list[Any] = [records.ExecutionStart(1, "night", 0, {}, "", "", "")]
    process = Process("host", "machine", 1, 0)
    columns.take("main", Decoded(None, [], [records.Head(1, "id", "main", epoch, process, "3.13", "0"), *start]))
    rows = [
        SpanLine(number, parent % (len(spans) + 2), name, begin, duration, 0)
        for number, (begin, duration, parent, name) in enumerate(spans, 2)
    ]
    columns.take("main", Decoded(None, rows, []))
    return Trace(columns, epoch + 2 * 10**6, "succeeded")


@given(trees)
def test_every_span_is_in_the_timeline_and_none_hides_another(spans: list[tuple[int, int, int, str]]) -> None:
    trace = traced(spans)
    timeline = Timeline(trace)
    for lane in range(timeline.lane_count):
        rows = np.flatnonzero(timeline.lanes == lane)
        rows = rows[np.lexsort((trace.durations[rows], trace.starts[rows]))]
        assert (trace.starts[rows][1:] >= trace.ends[rows][:-1]).all()
    whole = timeline.window(trace.start, trace.end + 1, 700, range(timeline.lane_count))
    assert sum(bar[4] for bar in whole["bars"]) == len(trace)


@given(trees)
def test_self_times_add_up_where_nothing_runs_side_by_side(spans: list[tuple[int, int, int, str]]) -> None:
    trace = traced(spans)
    assert (trace.own_times >= 0).all()
    assert (trace.own_times <= trace.durations).all()
    assert sum(step.contribution for step in trace.critical_path(most=1000)) == trace.durations[0]


@given(trees)
def test_a_circle_of_parents_loses_nobody(spans: list[tuple[int, int, int, str]]) -> None:
    trace = traced(spans)
    assert len(trace) == len(spans) + 1
    assert (trace.depths >= 0).all()
    assert (trace.depths <= len(spans)).all()


@given(trees, st.lists(st.tuples(st.sampled_from(["well", "failed", "open"]), st.booleans()), min_size=61, max_size=61))
def test_spans_are_handled_by_the_rule_of_obs_core(
    spans: list[tuple[int, int, int, str]], ends: list[tuple[str, bool]]
) -> None:
    trace = traced(spans)
    rows = range(len(trace))
    failed, open_ = ({row for row in rows if ends[row][0] == end} for end in ("failed", "open"))
    trace.flags[[*failed]] |= FAILED
    trace.flags[[*open_]] |= OPEN
    # Spans of one name are tasks.
    calls = {row: ends[row][1] for row in failed if row and trace.name(row) == "a"}
    trace.kinds[[*calls]] = KINDS.index("task")
    expected = handled_spans(failed - {0}, failed, open_, trace.parents, {0: False, **calls})
    assert trace.handled_below(row for row, handled in calls.items() if handled).tolist() == sorted(expected)


def test_a_window_gathers_what_shares_a_pixel() -> None:
    trace = traced([(number * 10, 5, 1, "step") for number in range(10_000)])
    timeline = Timeline(trace)
    far = timeline.window(trace.start, trace.end, 100, range(10))["bars"]
    near = timeline.window(trace.start, trace.start + 200, 1000, range(10))["bars"]
    assert sum(bar[4] for bar in far) == 10_001
    assert len(far) < 110
    assert [bar[4] for bar in near] == [1] * 22


def test_a_failed_span_is_seen_however_far_away() -> None:
    lines = b'["span",2,1,"good",0,5,0]\n["span",3,1,"bad",10,5,0,"ValueError"]\n["span",4,1,"good",20,5,0]\n'
    columns = SpanColumns()
    take(columns, lines)
    trace = Trace(columns, 10**9, "succeeded")
    bars = Timeline(trace).window(0, 10**9, 10, range(5))["bars"]
    assert [bar[4:6] for bar in bars if bar[0] == 1] == [[3, FAILED]]


def test_an_open_span_lasts_until_its_writer_was_last_heard_of() -> None:
    columns = SpanColumns()
    take(columns, b'["open",2,1,"reading",100]\n["span",3,2,"part",150,50,0]\n')
    trace = Trace(columns, 5_000, "lost")
    assert (int(trace.durations[1]), trace.status(1)) == (100, "lost")
    assert {one.name: one.open for one in trace.operations()} == {"reading": 1, "part": 0}
    assert {one.name: one.open for one in trace.critical_path()}["reading"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b'["open",2,1,"reading",100]\n', "unknown"),
        (b'["open",2,1,"reading",100]\n["span",3,1,"part",150,50,0]\n', "≥ 100 ns"),
    ],
)
def test_of_a_span_that_nobody_heard_of_again_no_time_is_said(lines: bytes, said: str) -> None:
    columns = SpanColumns()
    take(columns, lines)
    (reading, *_) = (one for one in Trace(columns, 5_000, "lost").operations() if one.name == "reading")
    view = ExecutionView(id="1", name="soon", status="lost", started=0, duration=5_000)
    page = (
        _environment()
        .get_template("_operations.html")
        .render(operations=[reading], execution=view, most=5_000, own_work=0, workers=[], steps=[], short_steps=[])
    )
    row = re.sub("<[^>]*>", " ", page.partition("<tbody>")[2].partition("</tbody>")[0])
    assert said in row
    assert ("%" in row) is (said != "unknown")


def test_damaged_spans_are_left_out_and_the_others_kept() -> None:
    lines = (
        b'["span",2,1,"good",0,5,0]\n["span",-3,1,"bad",0,5,0]\n["span","x",1,"bad",0,5,0]\n["span",4,[],"bad",0,5,0]\n'
        b'["span",5,1,{"a":1},0,5,0]\n["span",6,1,"bad",1e400,5,0]\n["span",7,1,"bad",99999999999999999999999,5,0]\n'
        b'["span",8]\n["span",9,"other.2","good",3,4,0]\n["span",10,1,"torn"'
    )
    columns = SpanColumns()
    take(columns, lines)
    trace = Trace(columns, 100, "succeeded")
    assert [(trace.name(row), trace.ref(row)) for row in range(1, len(trace))] == [
        ("good", "main.2"),
        ("good", "main.9"),
    ]


def test_of_a_span_that_was_written_twice_the_last_line_counts() -> None:
    columns = SpanColumns()
    take(columns, b'["span",2,1,"first",0,5,0]\n["span",3,1,"other",0,5,0]\n["span",2,1,"last",0,7,0]\n')
    take(columns, b'["span",3,1,"another",0,9,0]\n')
    trace = Trace(columns, 100, "succeeded")
    found = {trace.ref(row): (trace.name(row), int(trace.durations[row])) for row in range(1, len(trace))}
    assert found == {"main.2": ("last", 7), "main.3": ("another", 9)}


TELLING = [
    b'["span",4,,"no parent",1,1,1]',
    b'["spam",4,1,"no span",1,1,1]',
    b'["span",4,1,12345,1,1,1]',
    b'["span",4,1,"a"b",1,1,1]',
    b'["span",4,1,"\xff",1,1,1]',
    b'["span",4,1,"no end",1,1,1}',
    b'["span",4,1,"negative",-1,1,1]',
    b'["span",4,1,"a dot",1.0,1,1]',
    b'["span",4,1,"letters",1,1a,1]',
    b'["span",4,1,"of another writer","other.1",1,1]',
    b'["span",300000000,1,"too high",1,1,1]',
    b'["span",4,1,"sixteen digits",1234567890123456,1,1]',
    b'["span",4,1,"seventeen digits",12345678901234567,1,1]',
    b'["span",4,1,"a, b",1,1,1]',
    b'["span",4,1,"a,b",1,1]',
    b'["span",4,1,"a\\",1,1,1]',
    b'["span",4,1,"a\\"b\\u00e9",1,1,1]',
    b'["span",4,1,"",0,0,0]',
    b'["span",4,1,"failed",1,1,1,"ValueError"]',
    b'["span",4,1,"keyed",1,1,1,null,{"a":1},"key"]',
    b'["span",2,1,"written again",1,9,1]',
    b'["span",2,1,"written again",1,9,1,null,{"a":1}]\n["span",2,1,"and again",1,8,1]',
    b'["span",4,1,"Abcdefgh12345678",1,1,1]\n["span",5,1,"Xbcdefgh12345678",1,1,1]',
    b'["span",4,1,"A bcdefgh12345678",1,1,1]\n["span",5,1,"X bcdefgh12345678",1,1,1]',
    b'["span",4,1,"h12345678",1,1,1]\n["span",5,1,"12345678",1,1,1]',
    b"",
    b",,,,,,",
    b",,,,,,                        ",
    b'["check",1,2,3,4,5,6]',
]


@pytest.mark.parametrize("line", TELLING)
@pytest.mark.parametrize("end", [b"\n", b""])
def test_lines_read_by_columns_say_what_they_say_one_by_one(line: bytes, end: bytes) -> None:
    agree(b'["span",2,1,"first",0,5,0]\n' + line + b'\n["span",3,1,"last",20,5,0]' + end)
    agree(line + end)


NAMES = st.text('ab,"\\é\n', max_size=20)
TIMES = st.integers(0, 10**17)


MORE = st.sampled_from([(), ("ValueError",), (None, {"a": 1})])


@given(st.lists(st.tuples(NAMES, TIMES, TIMES, TIMES, MORE)))
def test_spans_read_by_columns_are_those_read_one_by_one(spans: list[tuple[Any, ...]]) -> None:
    lines = [
        json.dumps(["span", number, 1, *values, *more], separators=(",", ":"), ensure_ascii=False)
        for number, (*values, more) in enumerate(spans, 2)
    ]
    agree("\n".join(lines).encode())


def agree(lines: bytes) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bare_spans, "_WORTH_COLUMNS", 0)
        by_columns = table_of(lines)
        patched.setattr(bare_spans, "_WORTH_COLUMNS", len(lines) + 1)
        assert by_columns == table_of(lines)


def table_of(lines: bytes) -> list[tuple[Any, ...]]:
    columns = SpanColumns()
    take(columns, lines)
    trace = Trace(columns, 10**18, "lost")
    return sorted(
        (
            *(trace.ref(row), trace.name(row), trace.ref(trace.parents[row]), int(trace.starts[row])),
            *(int(trace.durations[row]), int(trace.process_times[row]), int(trace.flags[row])),
            *(trace.errors.get(row), str(trace.attributes_of(row))),
        )
        for row in range(1, len(trace))
    )


def test_self_times_end_with_the_execution_as_in_explain() -> None:
    with FixedClock() as clock:
        with execution("night") as run:
            late = span("late")
            late.__enter__()
            clock.advance(5)
        clock.advance(10)
        late.__exit__(None, None, None)
        flusher.flush_all()
    snapshot = look(run.id)
    (one,) = snapshot.operations
    assert (one.own, snapshot.view.duration, one.total) == (5 * 10**9, 5 * 10**9, 15 * 10**9)


@given(trees, st.integers(0, 10**6))
def test_self_times_lie_within_the_execution_as_in_explain(
    spans: list[tuple[int, int, int, str]], earlier: int
) -> None:
    trace = traced([(begin - earlier, duration, parent, name) for begin, duration, parent, name in spans])
    view = ExecutionView(
        id="id", name="night", status="succeeded", started=int(trace.starts[0]), duration=int(trace.durations[0])
    )
    tree = SpanTree(trace.table(view, []))
    assert trace.own_times_within.tolist() == tree.self_times_within(0)
    outside = tree.outside(0)
    assert trace.outside.tolist() == [outside.get(row, 0) for row in range(len(trace))]
