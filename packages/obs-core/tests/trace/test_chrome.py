from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from obs_core.model import SpanTable
from obs_core.trace import ExecutionSpan

TraceOf = Callable[..., ExecutionSpan]
Event = dict[str, Any]


def events_of(trace: ExecutionSpan) -> list[Event]:
    whole = trace.to_chrome_trace()
    assert whole is not None
    return [event for event in whole["traceEvents"] if event["ph"] == "X"]


def lanes_of(trace: ExecutionSpan) -> dict[str, tuple[int, int]]:
    return {event["name"]: (event["pid"], event["tid"]) for event in events_of(trace)}


def test_spans_become_complete_events_in_microseconds_since_the_start(table_of: Callable[..., SpanTable]) -> None:
    table = table_of(
        "flights: 0-100\n  load: 0.001-50 task ValueError", tags={"team": "ml"}, host="ada", lost_records=2
    )
    table.attributes[1] = {"rows": 3}
    assert ExecutionSpan(table).to_chrome_trace() == {
        "traceEvents": [
            {
                "name": "flights",
                "cat": "workflow",
                "ph": "X",
                "ts": 0.0,
                "dur": 100_000.0,
                "pid": 1,
                "tid": 1,
                "args": {"id": "ada.0", "status": "succeeded", "process_time_us": 50_000.0},
            },
            {
                "name": "load",
                "cat": "task",
                "ph": "X",
                "ts": 1.0,
                "dur": 49_999.0,
                "pid": 1,
                "tid": 1,
                "args": {
                    "id": "ada.1",
                    "status": "failed",
                    "process_time_us": 24_999.5,
                    "error": "ValueError",
                    "attributes": {"rows": 3},
                },
            },
            {"name": "process_name", "ph": "M", "pid": 1, "tid": 0, "args": {"name": "ada"}},
            {"name": "process_sort_index", "ph": "M", "pid": 1, "tid": 0, "args": {"sort_index": 1}},
            {"name": "thread_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": "lane 1"}},
            {"name": "thread_sort_index", "ph": "M", "pid": 1, "tid": 1, "args": {"sort_index": 1}},
        ],
        "displayTimeUnit": "ns",
        "otherData": {
            "execution": "20261122-234237-k3v9xq",
            "name": "flights",
            "status": "succeeded",
            "start": "2026-11-22T23:42:37.417000000+00:00",
            "host": "ada",
            "tag team": "ml",
            "lost records": "2",
        },
    }


def test_an_open_span_is_marked_as_such(trace_of: TraceOf) -> None:
    (_, fit) = events_of(trace_of("flights: 0-100\n  fit: 50-100 open", status="lost"))
    assert fit["args"] == {"id": "ada.1", "status": "lost", "process_time_us": 25_000.0, "open": True}


def test_spans_one_after_the_other_share_their_parent_s_lane(trace_of: TraceOf) -> None:
    trace = trace_of("flights: 0-100\n  a: 0-50\n    inner: 0-50\n  b: 50-100")
    assert set(lanes_of(trace).values()) == {(1, 1)}


def test_spans_side_by_side_get_lanes_of_their_own_with_all_below_them(trace_of: TraceOf) -> None:
    trace = trace_of("flights: 0-100\n  a: 0-50\n    in a: 20-40\n  b: 10-60\n    in b: 20-40\n  c: 60-100")
    assert lanes_of(trace) == {
        "flights": (1, 1),
        "a": (1, 1),
        "in a": (1, 1),
        "b": (1, 2),
        "in b": (1, 2),
        "c": (1, 1),
    }


def test_lanes_are_used_again(trace_of: TraceOf) -> None:
    pairs = "".join(f"\n  a{n}: {n}-{n + 1}\n  b{n}: {n}-{n + 1}" for n in range(50))
    assert max(lane for _, lane in lanes_of(trace_of(f"flights: 0-100{pairs}")).values()) == 2


def test_each_writer_is_a_process(trace_of: TraceOf) -> None:
    trace = trace_of("flights: 0-100\n  remote: 10-90\n    inner: 20-30", writers={"remote": "bob-7", "inner": "bob-7"})
    assert lanes_of(trace) == {"flights": (1, 1), "remote": (2, 1), "inner": (2, 1)}
    whole = trace.to_chrome_trace()
    assert whole is not None
    names = [event["args"]["name"] for event in whole["traceEvents"] if event["name"] == "process_name"]
    assert names == ["ada", "bob-7"]


def test_a_child_that_outlasts_its_parent_is_not_drawn_below_it(trace_of: TraceOf) -> None:
    assert lanes_of(trace_of("flights: 0-100\n  late: 50-150\n  early: -10-20")) == {
        "early": (1, 1),
        "flights": (1, 2),
        "late": (1, 1),
    }


def test_times_are_never_negative(trace_of: TraceOf) -> None:
    trace = trace_of("flights: 0-100\n  early: -10-20")
    assert [(event["name"], event["ts"]) for event in events_of(trace)] == [("early", 0.0), ("flights", 10_000.0)]
    whole = trace.to_chrome_trace()
    assert whole is not None
    assert whole["otherData"]["start"] == "2026-11-22T23:42:37.407000000+00:00"


def test_a_part_of_the_trace_starts_at_its_own_start(trace_of: TraceOf) -> None:
    trace = trace_of("flights: 0-100\n  load: 10-50\n    read: 20-30")
    assert [(event["name"], event["ts"]) for event in events_of(trace.children[0])] == [
        ("load", 0.0),
        ("read", 10_000.0),
    ]


@given(data=st.data())
def test_the_events_of_a_lane_nest_and_each_lies_directly_in_its_parent_or_in_nothing(
    data: st.DataObject, any_table: st.SearchStrategy[SpanTable]
) -> None:
    table = data.draw(any_table)
    parents = {table.ids[span]: table.ids[parent] for span, parent in enumerate(table.parents) if parent >= 0}
    lanes: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events_of(ExecutionSpan(table)):
        lanes[event["pid"], event["tid"]].append(event)
    assert sum(map(len, lanes.values())) == len(table.ids)
    for events in lanes.values():
        _check_lane(events, parents)


def _check_lane(events: list[Event], parents: dict[str, str]) -> None:
    """Go through the events as a viewer does: in order, with a stack of those that have not ended."""
    stack: list[tuple[int, str]] = []
    for event in events:
        start, end, name = round(event["ts"] * 1_000), round((event["ts"] + event["dur"]) * 1_000), event["args"]["id"]
        while stack and stack[-1][0] <= start and not (stack[-1][0] == end and stack[-1][1] == parents.get(name)):
            stack.pop()
        if stack:
            assert end <= stack[-1][0]
            assert stack[-1][1] == parents[name]
        stack.append((end, name))


def test_what_is_written_reads_back_as_the_dict(trace_of: TraceOf, tmp_path: Path) -> None:
    trace = trace_of('flights: 0-100\n  </script>"\\: 10-50\n    größe 表: 10-20')
    out = io.StringIO()
    assert trace.to_chrome_trace(out) is None
    trace.to_chrome_trace(tmp_path / "trace.json")
    assert json.loads(out.getvalue()) == trace.to_chrome_trace()
    assert (tmp_path / "trace.json").read_text(encoding="utf-8") == out.getvalue()


def test_attributes_that_json_does_not_know_do_not_spoil_the_file(table_of: Callable[..., SpanTable]) -> None:
    table = table_of("flights: 0-100")
    table.attributes[0] = {"rmse": float("nan"), "path": Path("a"), "half": "\ud800"}
    out = io.StringIO()
    ExecutionSpan(table).to_chrome_trace(out)
    read = json.loads(out.getvalue(), parse_constant=lambda constant: f"not JSON: {constant}")
    attributes = read["traceEvents"][0]["args"]["attributes"]
    assert attributes["path"] == "a"
    assert attributes["rmse"] is None


def test_twenty_thousand_spans_side_by_side_have_a_lane_each(synthetic: Callable[[int, str], SpanTable]) -> None:
    table = synthetic(20_000, "siblings")
    table.durations[1:] = [table.durations[0]] * (len(table.ids) - 1)
    lanes = {(event["pid"], event["tid"]) for event in events_of(ExecutionSpan(table))}
    assert lanes == {(1, number) for number in range(1, 20_001)}
