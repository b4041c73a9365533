"""The curves of one execution, or of several laid over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import asdict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from obs_core.text.terminal import printable
from obs_ui.metrics import Window, curves_of, differences, lanes_of, overlaid, resource_curves
from obs_ui.pages.task import as_json
from obs_ui.site import site_of
from obs_ui.snapshots import Snapshot

__all__ = ["MOST_OVERLAID", "lanes", "metrics", "overlay", "overlay_page", "resources"]

MOST_OVERLAID = 20


def metrics(request: Request) -> Response:
    """Return the curves of an execution, as JSON.

    ``axis`` is ``step`` or ``time``; ``from`` and ``to`` name the part that is wanted, in steps or in seconds since the
    execution began. Of many points those are sent that draw the same curve.
    """
    snapshot = site_of(request).look(request.path_params["execution"])
    return as_json(
        {
            "version": snapshot.version,
            "start": snapshot.trace.start / 1_000_000,
            "curves": curves_of(snapshot, _window(request)),
        }
    )


def resources(request: Request) -> Response:
    """Return what an execution used as curves, as JSON; see `metrics`."""
    snapshot = site_of(request).look(request.path_params["execution"])
    return as_json(
        {
            "version": snapshot.version,
            "start": snapshot.trace.start / 1_000_000,
            "curves": resource_curves(snapshot, _window(request)),
        }
    )


def lanes(request: Request) -> Response:
    """Return what stands below the timeline on its axis, as JSON.

    ``from`` and ``to`` are seconds since the execution began, ``width`` how many pixels wide it is drawn.
    """
    snapshot = site_of(request).look(request.path_params["execution"])
    window = Window("time", _number(request, "from"), _number(request, "to"))
    width = min(max(_number(request, "width") or 1_000, 100), 4_000)
    found, more = lanes_of(snapshot, window, 2 * int(width))
    return as_json(
        {
            "version": snapshot.version,
            "start": snapshot.trace.start / 1_000_000,
            "lanes": [asdict(lane) for lane in found],
            "more": more,
        }
    )


def overlay_page(request: Request) -> Response:
    """Show the curves of several executions in the same charts."""
    site = site_of(request)
    chosen = _chosen(request)
    snapshots = [site.look(one) for one in chosen]
    return site.page(
        "compare_metrics.html",
        request,
        executions=[one.view for one in snapshots],
        differences=differences(snapshots),
        chosen=chosen,
        given=len(set(request.query_params.getlist("chosen"))),
    )


def overlay(request: Request) -> Response:
    """Return the curves of several executions, as JSON; see `metrics`.

    Where each stands on the page under a name of its own, as *left* and *right* do, ``called`` gives these names in the
    order of ``chosen``, and the curves have them. Else they are called by the tags and parameters in which they differ,
    and by id and time if these do not tell all of them apart.
    """
    site = site_of(request)
    called = request.query_params.getlist("called")
    chosen = request.query_params.getlist("chosen")[:MOST_OVERLAID] if called else _chosen(request)
    snapshots = [site.look(one) for one in chosen]
    if len(called) == len(chosen):
        labels, timed = [printable(one)[:40] for one in called], False
    else:
        labels, timed = _labels(snapshots)
    curves = overlaid(zip(labels, snapshots, strict=True), _window(request), len(chosen), timed=timed)
    return as_json({"version": [one.version for one in snapshots], "curves": curves})


def _labels(snapshots: Sequence[Snapshot]) -> tuple[list[str], bool]:
    """Return what executions are called in a legend, and whether their times have to tell them apart too."""
    named = len({one.view.name for one in snapshots}) > 1
    names = [f"{printable(one.view.name)[:40]} " * named for one in snapshots]
    told = differences(snapshots)
    labels = [f"{name}{one}".rstrip() for name, one in zip(names, told, strict=True)]
    if all(told) and len(set(labels)) == len(labels):
        return labels, False
    ids = [f"{name}{one.view.id[-6:]}" for name, one in zip(names, snapshots, strict=True)]
    return [", ".join(part for part in both if part) for both in zip(ids, told, strict=True)], not any(told)


def _chosen(request: Request) -> list[str]:
    chosen = sorted(set(request.query_params.getlist("chosen")))[:MOST_OVERLAID]
    if not chosen:
        raise HTTPException(404, "No execution is chosen.")
    return chosen


def _window(request: Request) -> Window:
    axis = "time" if request.query_params.get("axis") == "time" else "step"
    return Window(axis, _number(request, "from"), _number(request, "to"))


def _number(request: Request, name: str) -> float | None:
    try:
        value = float(request.query_params.get(name, "nan"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
