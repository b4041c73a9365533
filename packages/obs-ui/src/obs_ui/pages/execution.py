"""One execution: its tasks, its timeline, where its time went."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from obs_core.assembly.failures import Failure, Handled
from obs_core.model import ExecutionView, LogLine, TaskView
from obs_core.reading.usual import RUNS_LOOKED_AT, Usual, is_good, usual
from obs_core.report.contents import tree_order
from obs_core.text.durations import format_duration, format_took
from obs_core.text.failures import is_end_of_process
from obs_core.text.terminal import without_escapes
from obs_ui.addresses import viewer_of
from obs_ui.index.queries import runs_of
from obs_ui.site import Site, site_of
from obs_ui.snapshots import Snapshot
from obs_ui.trace import PathStep

__all__ = ["drawn_window", "execution", "operations", "span", "span_contents", "timeline"]

_MOST_TASKS = 2_000
_MANY_TASKS, _FEW_TASKS = 40, 25
"""Of many, few are listed at first, and those that did not go well: the timeline below is on the second screen."""
_MANY_HANDLED = 4
"""Calls of one task whose exceptions were handled, from which on they are one line of the list."""

_MOST_LANES = 400
_MOST_ANSWERS = 100
_MOST_WORKERS = 1_000
_MOST_FAILURES = 20
_FEW_STEPS = 12
_MOST_LOOPS = 12


def execution(request: Request) -> Response:
    """Show an execution; with ``part=live`` only what changes while it runs."""
    site = site_of(request)
    if request.query_params.get("part") == "logs":
        return _lines(request, site.look(request.path_params["execution"]))
    part = request.query_params.get("part") == "live"
    if not part and site.takes_long(request.path_params["execution"]):
        view = site.summary(request.path_params["execution"])
        return site.page("execution.html", request, execution=view, snapshot=None)
    snapshot = site.look(request.path_params["execution"])
    if not part:
        return site.page("execution.html", request, **_contents(site, snapshot))
    return _once(
        snapshot,
        f"live {viewer_of(request).addresses}",
        "text/html",
        lambda: bytes(site.page("_execution.html", request, **_contents(site, snapshot)).body),
    )


def _lines(request: Request, snapshot: Snapshot) -> Response:
    lines, count = snapshot.recent_lines()
    return site_of(request).page("_logs.html", request, lines=_shown(snapshot, lines), said=count, snapshot=snapshot)


def _shown(snapshot: Snapshot, lines: list[LogLine]) -> list[tuple[LogLine, str, str, str]]:
    """Return lines with the name of their span, its id once the journal names it, and their text without escapes."""
    found = []
    for line in lines:
        row = snapshot.row_of(line.span)
        name = "" if row is None else snapshot.trace.name(row)
        found.append((line, name, "" if row is None else line.span, without_escapes(line.text)))
    return found


def _once(snapshot: Snapshot, asked: str, media_type: str, answer: Callable[[], bytes]) -> Response:
    """Answer what was asked about a snapshot before with the same answer."""
    content = snapshot.answers.get(asked)
    if content is None:
        content = answer()
        if len(snapshot.answers) < _MOST_ANSWERS:
            snapshot.answers[asked] = content
    return Response(content, media_type=media_type)


def _usual(site: Site, view: ExecutionView) -> Usual | None:
    """Return how long good executions of this name took before this one; None if that is not known, or no matter."""
    if view.status != "succeeded":
        return None
    earlier = runs_of(site.engine, site.indexer.store_number, view.name, 3 * RUNS_LOOKED_AT, before=view.id)
    return usual([one.duration for one in reversed(earlier) if is_good(one)])


class _ListedTask(NamedTuple):
    """A row of the list of tasks.

    Attributes:
        task: The task.
        depth: How many tasks are around it.
        hidden: Whether it is shown only when somebody asks for it.
        fold: The number of the fold that it is in, from 1; 0 if it is in none.
        folds: What one line says in place of all of the fold, above the first of them.
    """

    task: TaskView
    depth: int
    hidden: bool
    fold: int = 0
    folds: Handled | None = None


def _listed(tasks: list[tuple[TaskView, int]], handled: Sequence[Handled]) -> list[_ListedTask]:
    """Return the rows of the list of tasks: many calls whose exceptions were handled alike are one line."""
    around = {task.parent for task, _ in tasks}
    folds = {
        call.id: (number, one)
        for number, one in enumerate(handled, 1)
        if len(one.calls) >= _MANY_HANDLED and not any(call.id in around for call in one.calls)
        for call in one.calls
    }
    few = _FEW_TASKS if len(tasks) - len(folds) > _MANY_TASKS else _MANY_TASKS
    begun: set[int] = set()
    found = []
    listed = 0
    for task, depth in tasks[:_MOST_TASKS]:
        number, one = folds.get(task.id, (0, None))
        if one is not None:
            found.append(_ListedTask(task, depth, True, number, None if number in begun else one))
            begun.add(number)
            continue
        listed += 1
        found.append(_ListedTask(task, depth, listed > few and task.status == "succeeded"))
    return found


def _told_beside(snapshot: Snapshot, failures: Sequence[Failure]) -> tuple[str, Failure | None]:
    """Return what is said of why it ended beside its failures, and which of these was in the span that is known.

    The exception is not told twice: where a failure tells it, only what goes beyond it is said.
    """
    found = snapshot.why
    if found is None:
        return "", None
    texts = {text for text, _ in found.error}
    told = next((one for one in failures if texts & {one.error, *one.became}), None)
    if told is None:
        return found.paragraph, None
    return found.beyond, told if found.span and told.place == found.place else None


def _contents(site: Site, snapshot: Snapshot) -> dict[str, Any]:
    tasks = tree_order(snapshot.tasks)
    failures, handled = snapshot.failures.causes, snapshot.failures.handled
    why_text, in_span = _told_beside(snapshot, failures)
    if why_text and snapshot.why is not None and not snapshot.why.error:  # no exception, but what obs run saw
        failures = [one for one in failures if one.path or not is_end_of_process(one.error)]
    return {
        "execution": snapshot.view,
        "snapshot": snapshot,
        "missing": snapshot.missing,
        "usual": _usual(site, snapshot.view),
        "why_text": why_text,
        "failure_in_span": in_span,
        "tasks": _listed(tasks, handled),
        "task_count": _count(tasks),
        "listed_count": _count(tasks[:_MOST_TASKS]),
        "failures": failures[:_MOST_FAILURES],
        "failure_count": len(failures),
        "handled": handled,
        "loops": [bar for task in tasks_running(snapshot) for bar in snapshot.loops(task)][:_MOST_LOOPS],
        "span_count": snapshot.trace.size,
        "lanes": snapshot.timeline.lane_count if len(snapshot.trace) < 50_000 else 0,
    }


def _count(tasks: list[tuple[TaskView, int]]) -> int:
    """Count tasks; what was recorded outside any is listed among them, and is none."""
    return sum(not task.is_execution for task, _ in tasks)


def operations(request: Request) -> Response:
    """Show the hottest operations, the critical path, and how busy an engine's workers were."""
    site = site_of(request)
    snapshot = site.look(request.path_params["execution"])
    found = snapshot.operations
    trace, view = snapshot.trace, snapshot.view
    return site.page(
        "_operations.html",
        request,
        snapshot=snapshot,
        operations=found,
        most=max((one.own for one in found), default=0),
        own_work=len(trace.own_work),
        of_obs=int(trace.durations[trace.own_work].sum()),
        outside=int(trace.outside[trace.own_work].sum()),
        steps=snapshot.critical_path,
        short_steps=_short_steps(snapshot),
        workers=snapshot.workers[:_MOST_WORKERS],
        worker_count=len(snapshot.workers),
        mean_busy=_mean_busy(snapshot),
        execution=view,
    )


def _short_steps(snapshot: Snapshot) -> list[PathStep]:
    """Return the steps of the critical path that are not shown at first: there are many, and they contribute little."""
    steps = snapshot.critical_path
    if len(steps) <= _FEW_STEPS:
        return []
    ordered = sorted(steps, key=lambda step: step.contribution, reverse=True)
    return ordered[_FEW_STEPS:]


def _mean_busy(snapshot: Snapshot) -> float:
    """Return for what part of the time the workers ran operations, all taken together."""
    capacity = sum(worker.capacity for worker in snapshot.workers)
    return sum(worker.busy for worker in snapshot.workers) / capacity if capacity else 0.0


def timeline(request: Request) -> Response:
    """Return what a window of the timeline shows, as JSON.

    ``from`` and ``to`` are microseconds since the trace began, ``width`` pixels, ``lane`` and ``lanes`` the first lane
    and how many.
    """
    snapshot = site_of(request).look(request.path_params["execution"])
    return _once(
        snapshot, request.url.query, "application/json", lambda: msgspec.json.encode(_window(request, snapshot))
    )


def _window(request: Request, snapshot: Snapshot) -> dict[str, Any]:
    trace, drawn = snapshot.trace, snapshot.timeline
    whole = (trace.end - trace.start) / 1000
    begin = _number(request, "from", 0.0)
    end = max(begin, _number(request, "to", whole))
    lane = int(min(_number(request, "lane", 0), drawn.lane_count))
    count = int(min(_number(request, "lanes", 60), _MOST_LANES))
    width = int(min(max(_number(request, "width", 1000), 1), 8_000))
    return drawn_window(snapshot, _ns(begin), _ns(end), width, range(lane, lane + count))


def drawn_window(snapshot: Snapshot, begin: int, end: int, width: int, lanes: range) -> dict[str, Any]:
    """Return what a window of the timeline shows, and what it is a part of.

    Args:
        snapshot: The execution.
        begin: Nanoseconds since the trace began.
        end: Where the window ends.
        width: How many pixels wide it is drawn.
        lanes: The lanes in view.
    """
    trace, drawn = snapshot.trace, snapshot.timeline
    return drawn.window(trace.start + begin, trace.start + end, width, lanes) | {
        "version": snapshot.version,
        "running": snapshot.view.status == "running",
        "lost": snapshot.view.status == "lost",
        "start": trace.start / 1_000_000,
        "whole": (trace.end - trace.start) / 1000,
        "lanes": drawn.lane_count,
        "writers": drawn.writers[:1000],
    }


def span(request: Request) -> Response:
    """Show one span: ``/executions/ID/spans/WRITER.NUMBER`` or its row."""
    site = site_of(request)
    snapshot = site.look(request.path_params["execution"])
    row = snapshot.row_of(request.path_params["span"])
    if row is None:
        raise HTTPException(404, "There is no such span in this execution.")
    return site.page("_span.html", request, **span_contents(snapshot, row))


def span_contents(snapshot: Snapshot, row: int) -> dict[str, Any]:
    """Return what the panel of a span shows."""
    trace = snapshot.trace
    owner = int(trace.owners[row])
    return {
        "execution": snapshot.view,
        "snapshot": snapshot,
        "row": row,
        "start": (int(trace.starts[row]) - trace.start) / 1000,
        "duration": int(trace.durations[row]) / 1000,
        "lane": int(snapshot.timeline.lanes[row]),
        "name": trace.name(row),
        "status": trace.status(row),
        "is_handled": snapshot.is_handled(row),
        "started": int(trace.starts[row]),
        "facts": _facts(snapshot, row),
        "attributes": [(str(name), _written(value)) for name, value in trace.attributes_of(row).items()],
        "path": _path(snapshot, row),
        "lines": _shown(snapshot, snapshot.lines_in(row)),
        "task": snapshot.task(trace.ref(owner)) if owner else None,
    }


def _facts(snapshot: Snapshot, row: int) -> list[tuple[str, str]]:
    trace = snapshot.trace
    status = trace.status(row)
    given = [
        ("Kind", trace.kind(row)),
        ("After", format_duration(int(trace.starts[row]) - trace.start)),
        ("Duration", format_took(int(trace.durations[row]), status, "at least")),
        ("Self time", format_took(int(trace.own_times[row]), status, "at least")),
        ("Process time", format_duration(int(trace.process_times[row]))),
        ("Error", trace.errors.get(row, "")),
        ("Process", trace.writers[trace.writer_numbers[row]]),
    ]
    return [(label, value) for label, value in given if value]


def _path(snapshot: Snapshot, row: int) -> list[tuple[str, int]]:
    """Return the spans above one, the outermost first; of a very deep one the nearest."""
    trace = snapshot.trace
    found: list[tuple[str, int]] = []
    above = int(trace.parents[row])
    while above >= 0 and len(found) < 30:
        found.append((trace.name(above), above))
        above = int(trace.parents[above])
    return found[::-1]


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 20_000 else f"{text[:20_000]}…"


def tasks_running(snapshot: Snapshot) -> list[TaskView]:
    """Return the tasks whose loops tell how far an execution is."""
    return [task for task in snapshot.tasks if task.status in ("running", "lost")]


def _number(request: Request, name: str, default: float) -> float:
    try:
        value = float(request.query_params.get(name, default))
    except ValueError:
        return default
    return min(max(value, 0.0), 1e15) if math.isfinite(value) else default


def _ns(microseconds: float) -> int:
    return min(int(microseconds * 1000), 2**60)


def tasks_of(snapshot: Snapshot) -> list[tuple[TaskView, int]]:
    """Return the tasks in the order of their tree, with their depths."""
    return tree_order(snapshot.tasks)[:_MOST_TASKS]
