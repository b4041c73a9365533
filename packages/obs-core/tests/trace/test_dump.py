from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from obs_core.model import SpanTable
from obs_core.trace import ExecutionSpan
from obs_core.trace.dump import yaml_flow

TraceOf = Callable[..., ExecutionSpan]

TRACE = """
flights: 0-100
  load: 10-50 task
    read: 10-20 ValueError
"""


def dumped(trace: ExecutionSpan) -> str:
    out = io.StringIO()
    trace.dump(out)
    return out.getvalue()


def test_a_trace_is_dumped_as_yaml(trace_of: TraceOf) -> None:
    trace = trace_of(TRACE, host="ada", tags={"team": "ml"})
    assert dumped(trace) == (
        """\
name: flights
kind: workflow
id: ada.0
start: "2026-11-22T23:42:37.417000000+00:00"
duration: 0.1
process_time: 0.05
self_time: 0.06
status: succeeded
error: null
attributes: {}
execution: {id: "20261122-234237-k3v9xq", status: succeeded, host: ada, user: "", command: "", git_commit: "", \
tags: {team: ml}, lost_records: 0, damaged_records: 0}
spans:
- name: load
  kind: task
  id: ada.1
  start: "2026-11-22T23:42:37.427000000+00:00"
  duration: 0.04
  process_time: 0.02
  self_time: 0.03
  status: succeeded
  error: null
  attributes: {}
  spans:
  - name: read
    kind: operation
    id: ada.2
    start: "2026-11-22T23:42:37.427000000+00:00"
    duration: 0.01
    process_time: 0.005
    self_time: 0.01
    status: failed
    error: ValueError
    attributes: {}
    spans: []
"""
    )


def test_a_leaf_as_a_dict_holds_all_that_is_known_of_it(trace_of: TraceOf) -> None:
    assert trace_of(TRACE).children[0].children[0].to_dict() == {
        "name": "read",
        "kind": "operation",
        "id": "ada.2",
        "start": "2026-11-22T23:42:37.427000000+00:00",
        "duration": 0.01,
        "process_time": 0.005,
        "self_time": 0.01,
        "status": "failed",
        "error": "ValueError",
        "attributes": {},
        "spans": [],
    }


def test_the_root_as_a_dict_tells_of_its_execution(trace_of: TraceOf) -> None:
    trace = trace_of(TRACE, status="failed", error="ValueError: no", git_commit="abc", tags={"a": "b"}, lost_records=3)
    record = trace.to_dict()
    assert record["error"] == "ValueError: no"
    assert record["execution"] == {
        "id": "20261122-234237-k3v9xq",
        "status": "failed",
        "host": "",
        "user": "",
        "command": "",
        "git_commit": "abc",
        "tags": {"a": "b"},
        "lost_records": 3,
        "damaged_records": 0,
    }


TEXT = st.text() | st.sampled_from(
    ["yes", "NULL", "1e3", "2026-11-22", "- a", "a: b", "a #b", "x" * 2_000, "=", "<<", "~"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
def test_what_is_dumped_reads_back_as_the_dict(data: st.DataObject, any_table: st.SearchStrategy[SpanTable]) -> None:
    table = data.draw(any_table)
    table.names[-1] = data.draw(TEXT)
    table.attributes = {len(table.ids) - 1: data.draw(st.dictionaries(TEXT, VALUES, max_size=4))}
    table.errors = {len(table.ids) - 1: data.draw(TEXT)}
    trace = ExecutionSpan(table)
    assert yaml.safe_load(dumped(trace)) == trace.to_dict()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), ".nan"),
        (float("inf"), ".inf"),
        (float("-inf"), "-.inf"),
        (1e20, "1.0e+20"),
        (1.5e-7, "1.5e-07"),
        (Path("a b"), "a b"),
        ((1, {2}), "[1, [2]]"),
        ({1: "no"}, '{"1": "no"}'),
    ],
)
def test_values_that_json_does_not_know_are_written_too(value: Any, text: str) -> None:
    assert yaml_flow(value) == text


def test_a_tree_of_more_than_64_levels_is_dumped_flat(synthetic: Callable[[int, str], SpanTable]) -> None:
    read = yaml.safe_load(dumped(ExecutionSpan(synthetic(66, "deep"))))
    assert [(span["id"], span["parent"]) for span in read["spans"]] == [
        (f"ada.{n}", f"ada.{n - 1}") for n in range(1, 66)
    ]
    assert "spans" not in read["spans"][0]
    nested = yaml.safe_load(dumped(ExecutionSpan(synthetic(64, "deep"))))
    assert len(nested["spans"]) == 1


def test_ten_thousand_levels_are_dumped(synthetic: Callable[[int, str], SpanTable]) -> None:
    text = dumped(ExecutionSpan(synthetic(10_000, "deep")))
    assert text.startswith(
        "# more than 64 levels deep: the spans below are a flat list, parents before their children\n"
    )
    assert text.count("- name: ") == 9_999


def test_a_trace_is_dumped_to_standard_output_and_to_a_path(
    trace_of: TraceOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = trace_of(TRACE)
    trace.dump()
    trace.dump(tmp_path / "trace.yaml")
    assert capsys.readouterr().out == (tmp_path / "trace.yaml").read_text(encoding="utf-8") == dumped(trace)


@pytest.mark.parametrize(("levels", "nested"), [(64, 1), (66, 65), (10_000, 9_999)])
def test_a_tree_of_any_depth_is_json_that_can_be_read(
    synthetic: Callable[[int, str], SpanTable], levels: int, nested: int
) -> None:
    out = io.StringIO()
    ExecutionSpan(synthetic(levels, "deep")).to_json(out)
    read = json.loads(out.getvalue())
    assert len(read["spans"]) == nested
    if nested > 1:
        assert [(span["id"], span["parent"]) for span in read["spans"]] == [
            (f"ada.{n}", f"ada.{n - 1}") for n in range(1, levels)
        ]


def test_json_reads_back_as_the_dict(trace_of: TraceOf, tmp_path: Path) -> None:
    trace = trace_of(TRACE, tags={"team": "ml"})
    trace.to_json(tmp_path / "trace.json")
    assert json.loads((tmp_path / "trace.json").read_text()) == trace.to_dict()
