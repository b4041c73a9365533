"""The curves of one execution, or of several laid over each other."""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from obs_core.text.durations import format_moment
from obs_core.text.terminal import printable
from obs_ui.metrics import Window, curves_of, overlaid, resource_curves
from obs_ui.pages.task import as_json
from obs_ui.site import site_of

__all__ = ["MOST_OVERLAID", "metrics", "overlay", "overlay_page", "resources"]

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
            "start": snapshot.trace.start // 1_000_000,
            "curves": curves_of(snapshot, _window(request)),
        }
    )


def resources(request: Request) -> Response:
    """Return what an execution used as curves, as JSON; see `metrics`."""
    snapshot = site_of(request).look(request.path_params["execution"])
    return as_json(
        {
            "version": snapshot.version,
            "start": snapshot.trace.start // 1_000_000,
            "curves": resource_curves(snapshot, _window(request)),
        }
    )


def overlay_page(request: Request) -> Response:
    """Show the curves of several executions in the same charts."""
    site = site_of(request)
    chosen = _chosen(request)
    return site.page(
        "compare_metrics.html",
        request,
        executions=[site.look(one).view for one in chosen],
        chosen=chosen,
        given=len(set(request.query_params.getlist("chosen"))),
    )


def overlay(request: Request) -> Response:
    """Return the curves of several executions, as JSON; see `metrics`."""
    site = site_of(request)
    chosen = _chosen(request)
    snapshots = [site.look(one) for one in chosen]
    named = len({one.view.name for one in snapshots}) > 1
    labels = [f"{one.view.id[-6:]}, {format_moment(one.view.started, 0)}" for one in snapshots]
    if named:
        labels = [f"{printable(one.view.name)[:40]} {label}" for one, label in zip(snapshots, labels, strict=True)]
    curves = overlaid(zip(labels, snapshots, strict=True), _window(request), len(chosen))
    return as_json({"version": [one.version for one in snapshots], "curves": curves})


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
