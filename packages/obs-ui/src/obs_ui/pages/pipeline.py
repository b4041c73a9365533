"""A page for each pipeline: its last runs side by side, what is usual for it, and what lies outside."""

from __future__ import annotations

import collections
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from obs_core import clock
from obs_ui.addresses import viewer_of
from obs_ui.index.queries import counts_of, runs_of
from obs_ui.pages.task import as_json
from obs_ui.pipelines import MOST_RUNS, RUNS, Band, Pipeline
from obs_ui.site import pipeline_address, site_of

__all__ = ["curves", "named", "pipeline"]

_READ = RUNS + 20
"""Runs whose tasks are read: those of the grid, and those before that tell what is usual."""


def pipeline(request: Request) -> Response:
    """Show all runs of one name, or without a name all pipelines; with ``part=live`` only what changes by itself."""
    if "name" not in request.query_params:
        return pipelines(request)
    site = site_of(request)
    found = _pipeline(request)
    part = request.query_params.get("part") == "live"
    counts = counts_of(site.engine, site.indexer.store_number, found.name)
    template = "_pipeline.html" if part else "pipeline.html"
    return site.page(template, request, pipeline=found, total=sum(counts.values()))


def pipelines(request: Request) -> Response:
    """Show all pipelines, one row each; with ``part=live`` only what changes by itself."""
    site = site_of(request)
    complete = site.complete  # asked first: what has been read by then is found
    found = site.every_pipeline(clock.epoch())
    part = request.query_params.get("part") == "live"
    counts = collections.Counter(reason for one in found for reason in one.reasons)
    template = "_pipelines.html" if part else "pipelines.html"
    shown = found[:_MOST]
    return site.page(template, request, complete=complete, pipelines=shown, count=len(found), counts=counts)


_MOST = 2_000


def named(request: Request) -> Response:
    """Lead from ``/pipelines/NAME`` to the page: a name may hold anything, which a query can and a path cannot."""
    return RedirectResponse(viewer_of(request).at(pipeline_address(request.path_params["name"])), 303)


def curves(request: Request) -> Response:
    """Return durations, metrics and outputs over runs, as JSON; durations in nanoseconds, times in milliseconds."""
    found, viewer = _pipeline(request), viewer_of(request)
    first = found.charted
    return as_json(
        {
            "runs": [
                {
                    "page": viewer.at(f"/executions/{run.id}"),
                    "at": run.started // 1_000_000,
                    "status": run.status,
                    "verdict": run.verdicts.outcome,
                }
                for run in found.all[first:]
            ],
            "durations": [_curve(one, first) for one in (found.whole, *(found.of_task(t.name) for t in found.tasks))],
            "metrics": [_curve(one, first) for one in found.metrics],
            "outputs": [_curve(one, first) for one in found.outputs],
        }
    )


def _curve(band: Band, first: int) -> dict[str, Any]:
    known = band.usual[first:]
    return {
        "name": band.name,
        "values": band.values[first:],
        "median": [None if one is None else one.median for one in known],
        "low": [None if one is None else one.low for one in known],
        "high": [None if one is None else one.high for one in known],
    }


def _pipeline(request: Request) -> Pipeline:
    site = site_of(request)
    name = request.query_params.get("name", "").replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    newest = runs_of(site.engine, site.indexer.store_number, name, MOST_RUNS)
    if not newest:
        raise HTTPException(404, f"No execution is named {name[:200]!r}, or the store is still being read.")
    looked_at = newest[:_READ]
    ended = [run.id for run in looked_at if run.status != "running"]
    going_on = [run.id for run in looked_at if run.status == "running"]
    return Pipeline(name, newest, site.tasks.of(ended, going_on), clock.epoch())
