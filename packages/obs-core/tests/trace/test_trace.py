from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obs_core
from obs_core.model import ExecutionView, SpanTable
from obs_core.testing import RecordingStore
from obs_core.trace import ExecutionSpan
from obs_core.trace.tree import SpanTree

TraceOf = Callable[..., ExecutionSpan]
Tables = st.SearchStrategy[SpanTable]

PIPELINE = """
flights: 0-100
  load: 10-50 task
    read: 10-20
    read: 20-35
  fit: 50-90 task ValueError
"""


def test_a_span_tells_what_was_recorded(trace_of: TraceOf) -> None:
    load = trace_of(PIPELINE).children[0]
    assert (load.name, load.kind, load.id, load.status, load.error) == ("load", "task", "ada.1", "succeeded", None)
    assert load.start == datetime(2026, 11, 22, 23, 42, 37, 427_000, UTC)
    assert load.end == datetime(2026, 11, 22, 23, 42, 37, 467_000, UTC)
    assert (load.duration, load.duration_ns, load.process_time, load.self_time) == (0.04, 40_000_000, 0.02, 0.015)
    assert load.start_ns == 1_795_390_957_427_000_000
    assert load.attributes == {}
    assert not load.is_open


def test_children_are_in_start_order_whatever_the_order_of_the_table(trace_of: TraceOf) -> None:
    trace = trace_of("flights: 0-100\n  late: 60-70\n  early: 10-20\n  middle: 30-40")
    assert [child.name for child in trace.children] == ["early", "middle", "late"]


def test_walking_gives_parents_before_their_children(trace_of: TraceOf) -> None:
    trace = trace_of(PIPELINE)
    assert [span.name for span in trace.walk()] == ["flights", "load", "read", "read", "fit"]
    assert [span.name for span in trace.children[0].walk()] == ["load", "read", "read"]


def test_the_parent_of_a_child_is_the_span_itself(trace_of: TraceOf) -> None:
    trace = trace_of(PIPELINE)
    assert trace.children[1].parent == trace
    assert len({trace, trace.children[1].parent}) == 1
    assert trace.parent is None
    assert trace != trace.children[1]
    assert trace != "flights"


def test_the_representation_names_the_span_and_how_it_stands(trace_of: TraceOf) -> None:
    assert repr(trace_of(PIPELINE).children[1]) == "<ExecutionSpan 'fit' task, failed, 40.0 ms>"


def test_an_index_beyond_the_table_is_an_error(trace_of: TraceOf, table_of: Callable[..., SpanTable]) -> None:
    with pytest.raises(IndexError):
        ExecutionSpan(table_of(PIPELINE), 5)


def test_self_time_leaves_out_the_children(trace_of: TraceOf) -> None:
    assert trace_of(PIPELINE).self_time_ns == 20_000_000


def test_self_time_counts_children_that_run_side_by_side_once(trace_of: TraceOf) -> None:
    trace = trace_of("flights: 0-100\n  a: 10-60\n  b: 20-70\n  c: 30-40")
    assert trace.self_time_ns == 40_000_000


def test_self_time_is_not_disturbed_by_children_that_the_clocks_put_outside(trace_of: TraceOf) -> None:
    trace = trace_of("flights: 10-100\n  before: 0-20\n  after: 90-300\n  elsewhere: 400-500")
    assert trace.self_time_ns == 70_000_000


@given(data=st.data())
def test_self_time_is_the_time_in_which_no_child_runs(data: st.DataObject, any_table: Tables) -> None:
    trace = ExecutionSpan(data.draw(any_table))
    for span in trace.walk():
        own = set(range(span.start_ns, span.start_ns + span.duration_ns))
        for child in span.children:
            own -= set(range(child.start_ns, child.start_ns + child.duration_ns))
        assert span.self_time_ns == len(own)


@pytest.mark.parametrize(("status", "expected"), [("running", "running"), ("lost", "lost"), ("failed", "lost")])
def test_an_open_span_runs_as_long_as_its_execution_does(trace_of: TraceOf, status: str, expected: str) -> None:
    trace = trace_of("flights: 0-100\n  fit: 50-100 open", status=status)
    assert trace.children[0].is_open
    assert trace.children[0].status == expected
    assert trace.status == status


def test_the_root_has_the_execution_s_error(trace_of: TraceOf) -> None:
    trace = trace_of(PIPELINE, status="failed", error="ValueError: no such airport")
    assert trace.error == "ValueError: no such airport"
    assert trace.children[1].error == "ValueError"


def test_an_execution_without_spans_is_its_own_root() -> None:
    view = ExecutionView(id="x", name="empty", status="running", started=1_000, duration=5)
    trace = ExecutionSpan(SpanTable(execution=view))
    assert (trace.name, trace.kind, trace.duration_ns, trace.self_time_ns, trace.children) == (
        "empty",
        "workflow",
        5,
        5,
        [],
    )
    assert trace.is_open


def test_spans_whose_parent_is_not_in_the_table_hang_on_the_root(table_of: Callable[..., SpanTable]) -> None:
    table = table_of(PIPELINE)
    table.parents[2], table.parents[3] = -1, 99
    assert [child.name for child in ExecutionSpan(table).children] == ["load", "read", "read", "fit"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param("flights: 0-100", [("flights", 0.1)], id="a single span"),
        pytest.param(
            "flights: 0-100\n  a: 10-50\n  b: 50-90",
            [("flights", 0.02), ("a", 0.04), ("b", 0.04)],
            id="one after the other",
        ),
        pytest.param(
            "flights: 0-100\n  short: 10-30\n  long: 10-90\n    inner: 20-90",
            [("flights", 0.02), ("long", 0.01), ("inner", 0.07)],
            id="the last to finish, not what ran beside it",
        ),
        pytest.param(
            "flights: 0-100\n  first: 0-30\n  beside: 0-45\n  last: 40-100",
            [("flights", 0.01), ("first", 0.03), ("last", 0.06)],
            id="only what had finished before the next began",
        ),
        pytest.param(
            "flights: 0-100\n  early: -20-30\n  late: 80-150",
            [("early", 0.03), ("flights", 0.05), ("late", 0.02)],
            id="what the clocks put outside is cut off",
        ),
        pytest.param("flights: 0-0\n  a: 0-0", [], id="no time, no path"),
    ],
)
def test_the_critical_path_is_the_chain_that_determined_the_end(
    trace_of: TraceOf, text: str, path: list[tuple[str, float]]
) -> None:
    assert [(span.name, time) for span, time in trace_of(text).critical_path()] == path


@given(data=st.data())
def test_the_critical_path_adds_up_to_the_duration(data: st.DataObject, any_table: Tables) -> None:
    from obs_core.trace.critical_path import critical_path

    tree = SpanTree(data.draw(any_table))
    steps = list(critical_path(tree, 0))
    assert sum(contribution for _, contribution in steps) == tree.table.durations[0]
    assert all(contribution >= 0 for _, contribution in steps)
    assert len({span for span, _ in steps}) == len(steps)


def test_a_trace_ten_thousand_levels_deep_can_be_looked_at(synthetic: Callable[[int, str], SpanTable]) -> None:
    trace = ExecutionSpan(synthetic(10_000, "deep"))
    assert sum(1 for _ in trace.walk()) == 10_000
    assert len(trace.critical_path()) == 10_000
    nested, depth = trace.to_dict(), 1
    while nested["spans"]:
        (nested,) = nested["spans"]
        depth += 1
    assert depth == 10_000
    out = io.StringIO()
    trace.explain(out)
    assert "9,900 of 10,000 spans are in no line above" in out.getvalue()


def test_a_hundred_thousand_siblings_can_be_looked_at(synthetic: Callable[[int, str], SpanTable]) -> None:
    trace = ExecutionSpan(synthetic(100_001, "siblings"))
    assert len(trace.children) == 100_000
    out = io.StringIO()
    trace.explain(out)
    assert "└─ read ×100,000  mean 1.2 µs  max 2.0 µs" in out.getvalue()


def test_a_recorded_execution_is_loaded_as_a_trace(store: RecordingStore) -> None:
    with obs_core.execution("flights"), obs_core.span("read", path="flights.csv"):
        pass
    trace = ExecutionSpan.load("last", store)
    assert trace.name == "flights"
    assert [(span.name, span.attributes) for span in trace.children] == [("read", {"path": "flights.csv"})]
    assert trace.status == "succeeded"
