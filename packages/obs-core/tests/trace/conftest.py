"""Tables of spans: written by hand as text, drawn at random, or made by the thousand."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from obs_core.model import ExecutionView, SpanTable
from obs_core.trace import ExecutionSpan
from obs_core.trace.tree import SpanTree

STARTED = 1_795_390_957_417_000_000
MILLISECOND = 1_000_000

_KINDS = ("task", "obs")
_LINE = re.compile(r"(?P<indent> *)(?P<name>.+): (?P<start>-?[\d.]+)-(?P<end>[\d.]+)(?P<rest>.*)")


def execution(**given: Any) -> ExecutionView:
    fields = {
        "id": "20261122-234237-k3v9xq",
        "name": "flights",
        "status": "succeeded",
        "started": STARTED,
        "duration": 0,
    }
    return ExecutionView(**{**fields, **given})


def ids_of(table: SpanTable) -> list[str]:
    """The ids of a table that was made by hand, which may be written."""
    assert isinstance(table.ids, list)
    return table.ids


def append(table: SpanTable, parent: int, name: str, start: int, duration: int, kind: str = "operation") -> int:
    """Add a span to a table; returns its index."""
    ids_of(table).append(f"ada.{len(table.ids)}")
    table.parents.append(parent)
    table.names.append(name)
    table.kinds.append(kind)  # type: ignore[arg-type]
    table.starts.append(STARTED + start)
    table.durations.append(duration)
    table.process_times.append(duration // 2)
    return len(table.ids) - 1


@pytest.fixture(scope="session")
def table_of() -> Callable[..., SpanTable]:
    """Make a table of lines like ``  load: 10-50 open ValueError``: indented below the parent, in milliseconds."""

    def make(text: str, *, writers: dict[str, str] | None = None, **given: Any) -> SpanTable:
        table = SpanTable(execution=execution(**given))
        path: list[tuple[int, int]] = []
        for line in filter(str.strip, text.splitlines()):
            found = _LINE.fullmatch(line)
            assert found, line
            depth = len(found["indent"])
            while path and path[-1][0] >= depth:
                path.pop()
            start, end = (round(float(found[part]) * MILLISECOND) for part in ("start", "end"))
            words = found["rest"].split()
            kind = next((word for word in words if word in _KINDS), "operation" if path else "workflow")
            span = append(table, path[-1][1] if path else -1, found["name"].strip(), start, end - start, kind)
            ids_of(table)[span] = f"{(writers or {}).get(found['name'].strip(), 'ada')}.{span}"
            for word in words:
                if word == "open":
                    table.open.add(span)
                elif word not in _KINDS:
                    table.errors[span] = word
            path.append((depth, span))
        table.execution.duration = table.durations[0] if table.durations else 0
        return table

    return make


@pytest.fixture(scope="session")
def trace_of(table_of: Callable[..., SpanTable]) -> Callable[..., ExecutionSpan]:
    """Make the root of a trace, of lines as for `table_of`."""
    return lambda text, **given: ExecutionSpan(table_of(text, **given))


@pytest.fixture(scope="session")
def tree_of(table_of: Callable[..., SpanTable]) -> Callable[..., SpanTree]:
    """Make the tree of a table, of lines as for `table_of`."""
    return lambda text, **given: SpanTree(table_of(text, **given))


@pytest.fixture(scope="session")
def any_table() -> st.SearchStrategy[SpanTable]:
    """Tables of every shape: spans that overlap, stick out of parents, last no time, belong to other processes."""
    return st.builds(
        _drawn,
        st.lists(
            st.tuples(
                st.integers(0, 1_000), st.integers(-5, 40), st.integers(0, 40), st.sampled_from("abc"), st.booleans()
            ),
            max_size=40,
        ),
        st.integers(0, 60),
    )


def _drawn(spans: list[tuple[int, int, int, str, bool]], whole: int) -> SpanTable:
    table = SpanTable(execution=execution(duration=whole))
    append(table, -1, "flights", 0, whole, "workflow")
    for parent, start, duration, name, elsewhere in spans:
        span = append(table, parent % len(table.ids), name, start, duration)
        if elsewhere:
            ids_of(table)[span] = f"bob.{span}"
    return table


@pytest.fixture(scope="session")
def synthetic() -> Callable[[int, str], SpanTable]:
    """Make a large table of a shape: "siblings", "names" (all differ), "nested" (three in three), "deep"."""
    return make_synthetic


def make_synthetic(count: int, shape: str) -> SpanTable:
    table = SpanTable(execution=execution())
    dice = random.Random(1)
    append(table, -1, "flights", 0, 0, "workflow")
    now = 1_000
    parent = 0
    while len(table.ids) < count:
        duration = dice.randrange(500, 2_000)
        if shape == "deep":
            parent = append(table, parent, f"level {len(table.ids) % 7}", now, 2 * (count - len(table.ids)))
            now += 1
            continue
        name = f"read {len(table.ids)}" if shape == "names" else "read"
        span = append(table, 0, name, now, duration)
        if shape == "nested":
            append(table, span, "parse", now, duration // 2)
            append(table, span, "check", now + duration // 2, duration // 4)
        now += duration + 100
    table.durations[0] = table.execution.duration = now + 2 * count
    return table
