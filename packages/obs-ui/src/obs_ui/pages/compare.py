"""Two executions beside one another: what changed, times by operation, CPU profiles, tasks, outputs, decks."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from obs_core.model import Status, TaskView
from obs_core.reading.changes.drawing import summary
from obs_core.reading.changes.parts import Difference, differences
from obs_core.reading.changes.profiles import drawn_profile_changes
from obs_ui.index import ListQuery, list_executions
from obs_ui.outputs import content_of, drawn
from obs_ui.pages.metrics import overlay_page
from obs_ui.pages.task import as_json
from obs_ui.site import Site, site_of
from obs_ui.snapshots import Snapshot
from obs_ui.trace import OperationStats

__all__ = ["changes", "compare", "decks", "output", "profiles"]

_MOST_ROWS = 300
_COMPARED_BY_PARTS = ("json", "json.tuple")


class OperationComparison(Struct, frozen=True):
    """An operation in two executions.

    Attributes:
        change: Nanoseconds by which its self time grew.
        unlike: Why its times are not compared, in words; empty if they are: where it took less, it was cut short.
    """

    name: str
    left: OperationStats | None
    right: OperationStats | None
    change: int
    unlike: str = ""


class TaskComparison(Struct, frozen=True):
    """A task in two executions: the same name, called for the same time.

    Attributes:
        apart: What tells it from other calls of the same task, where that is the same in both.
        output: How what it returned differs: ``"same"``, ``"parts"``, ``"drawn"``, or empty if it is not kept in both.
        differences: Part by part, if the transformer's values have parts.
    """

    name: str
    left: TaskView | None
    right: TaskView | None
    apart: str = ""
    output: str = ""
    differences: list[Difference] = []


def compare(request: Request) -> Response:
    """Show how two executions differ; if only one is given, let the reader choose the other one."""
    site = site_of(request)
    if len(set(request.query_params.getlist("chosen"))) > 2:
        return overlay_page(request)
    left, right = _sides(request)
    if not left or not right:
        return _choice(site, request, left, right)
    return _page(site, request, site.look(left), site.look(right))


def changes(request: Request) -> Response:
    """Show what changed since the last good execution of the same name; without one, let the reader choose."""
    site = site_of(request)
    after = site.look(request.path_params["execution"])
    good = site.past.last_good(after.view)
    if good is None:
        return _choice(site, request, "", after.view.id, no_good=True)
    return _page(site, request, site.look(good.id), after, since_good=True)


def _page(site: Site, request: Request, mine: Snapshot, theirs: Snapshot, *, since_good: bool = False) -> Response:
    found = site.changes(mine, theirs)
    rows = _rows(mine, theirs)
    is_told = any(one.kind == "status" for one in found.found)  # with what both failed by
    return site.page(
        "compare.html",
        request,
        left=mine.view,
        right=theirs.view,
        errors=("", "") if is_told else (mine.side.error, theirs.side.error),
        since_good=since_good,
        changes=found.found[:_MOST_ROWS],
        sentences=list(summary(found)),
        rows=rows,
        most=max((abs(row.change) for row in rows), default=0),
        pairs=_pairs(mine, theirs),
        handled=(mine.handled_calls, theirs.handled_calls),
        metrics=bool(mine.metrics.metrics or theirs.metrics.metrics),
        profiles=mine.has_profile and theirs.has_profile,
    )


def profiles(request: Request) -> Response:
    """Return what takes more and less CPU time on the right than on the left as HTML for a sandboxed frame, as JSON."""
    site = site_of(request)
    left, right = (site.look(side) for side in _sides(request))
    if not (left.has_profile and right.has_profile):
        raise HTTPException(404, "One of the two has no CPU profile.")
    page = drawn_profile_changes(left.whole, right.whole)
    if page is None:
        raise HTTPException(404, "Install obs-resources where this page is made, and it draws the comparison.")
    return as_json([page])


def decks(request: Request) -> Response:
    """Show the decks of two tasks side by side."""
    site = site_of(request)
    (mine, left), (theirs, right) = (_side(site, request, name) for name in ("left", "right"))
    labels = dict.fromkeys([*mine.decks(left), *theirs.decks(right)])
    sides = [
        (snapshot.view, task, list(snapshot.decks(task)), task.id in snapshot.handled_calls)
        for snapshot, task in ((mine, left), (theirs, right))
    ]
    return site.page(
        "compare_decks.html",
        request,
        sides=sides,
        labels=list(labels),
    )


def output(request: Request) -> Response:
    """Return what a task returned as HTML for a sandboxed frame, as JSON."""
    snapshot, task = site_of(request).task(request.path_params["execution"], request.path_params["task"])
    kept = snapshot.outputs.get(task.id)
    if kept is None:
        raise HTTPException(404, "What this task returned is not kept.")
    try:
        return as_json([drawn(snapshot.store, kept)])
    except Exception as error:  # a transformer is code of the user's
        raise HTTPException(404, f"It cannot be drawn: {type(error).__name__}: {error}") from error


def _sides(request: Request) -> tuple[str, str]:
    given = request.query_params
    chosen = sorted(given.getlist("chosen"))[:2]
    if len(chosen) == 2:
        return chosen[0], chosen[1]
    return given.get("left", ""), given.get("right", "")


def _choice(site: Site, request: Request, left: str, right: str, *, no_good: bool = False) -> Response:
    chosen = left or right
    if not chosen:
        raise HTTPException(404, "Choose two executions in the list to compare them.")
    view = site.summary(chosen)
    words = ListQuery(text=view.name.replace("\0", "")[:200])
    listing = list_executions(site.engine, site.indexer.store_number, words, 60)
    others = [one for one in listing.executions if one.id != chosen]
    others.sort(key=lambda one: one.name != view.name)
    return site.page("compare_choose.html", request, execution=view, others=others, is_left=bool(left), no_good=no_good)


def _rows(left: Snapshot, right: Snapshot) -> list[OperationComparison]:
    mine, theirs = ({one.name: one for one in snapshot.trace.operations(5_000)} for snapshot in (left, right))
    names = dict.fromkeys([*mine, *theirs])
    statuses = left.view.status, right.view.status
    rows = [_row(name, mine.get(name), theirs.get(name), *statuses) for name in names]
    rows.sort(key=lambda row: -abs(row.change))
    return rows[:_MOST_ROWS]


def _row(
    name: str, left: OperationStats | None, right: OperationStats | None, left_status: Status, right_status: Status
) -> OperationComparison:
    change = (right.own if right else 0) - (left.own if left else 0)
    unlike = ""
    if change <= 0:
        unlike = _cut_short(right, left, right_status)
    if change >= 0 and not unlike:
        unlike = _cut_short(left, right, left_status)
    return OperationComparison(name, left, right, change, unlike)


def _cut_short(one: OperationStats | None, other: OperationStats | None, status: Status) -> str:
    """Say why an operation that took no longer than in the other execution was not quicker; empty if it was.

    How the execution ended says little of an operation: most of what a failed one called went well. Where it went
    well, failed calls are handled ones, as a rule a few of many.
    """
    went_well = status == "succeeded"
    if one is None:
        return "" if went_well else "not called"
    known = other.failed if other else 0
    if one.open or (one.failed > known and (not went_well or one.failed == one.count)):
        return "did not finish"
    return "fewer calls" if other and one.count < other.count and not went_well else ""


def _pairs(left: Snapshot, right: Snapshot) -> list[TaskComparison]:
    mine, theirs = _by_call(left), _by_call(right)
    calls = list(dict.fromkeys([*mine, *theirs]))[:_MOST_ROWS]
    return [_pair(left, right, call[0], mine.get(call), theirs.get(call)) for call in calls]


def _by_call(snapshot: Snapshot) -> dict[tuple[str, int], TaskView]:
    calls: dict[tuple[str, int], TaskView] = {}
    counts: dict[str, int] = {}
    for task in snapshot.tasks:
        counts[task.name] = count = counts.get(task.name, 0) + 1
        calls[task.name, count] = task
    return calls


def _pair(left: Snapshot, right: Snapshot, name: str, mine: TaskView | None, theirs: TaskView | None) -> TaskComparison:
    told = {side.apart.get(task.id, "") for side, task in ((left, mine), (right, theirs)) if task is not None}
    pair = TaskComparison(name, mine, theirs, told.pop() if len(told) == 1 else "")
    kept = left.outputs.get(mine.id if mine else ""), right.outputs.get(theirs.id if theirs else "")
    if kept[0] is None or kept[1] is None:
        return pair
    try:
        contents = content_of(left.store, kept[0]), content_of(right.store, kept[1])
        if contents[0] == contents[1] and kept[0].transformer == kept[1].transformer:
            return structs.replace(pair, output="same")
        if {kept[0].transformer, kept[1].transformer} <= set(_COMPARED_BY_PARTS):
            return structs.replace(pair, output="parts", differences=differences(*map(_read_json, contents)))
    except (OSError, ValueError, RecursionError):
        return pair
    return structs.replace(pair, output="drawn")


def _read_json(content: bytes) -> Any:
    import json

    return json.loads(content.decode("utf-8", "surrogatepass"))


def _side(site: Site, request: Request, name: str) -> tuple[Snapshot, TaskView]:
    execution, _, task = request.query_params.get(name, "").partition("/")
    return site.task(execution, task)
