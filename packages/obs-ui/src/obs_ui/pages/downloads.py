"""Files to take along: a report, a trace."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from obs_core.recording.publishing import report_name
from obs_ui import reports
from obs_ui.site import site_of

__all__ = ["execution_report", "task_report", "trace"]


def execution_report(request: Request) -> Response:
    """Return an execution's report as one HTML file."""
    snapshot = site_of(request).look(request.path_params["execution"])
    return _attachment(reports.execution_report(snapshot), f"{_readable(snapshot.view.name)}-{snapshot.view.id}.html")


def task_report(request: Request) -> Response:
    """Return a task's report as one HTML file."""
    snapshot, shown = site_of(request).task(request.path_params["execution"], request.path_params["task"])
    return _attachment(reports.task_report(snapshot, shown), f"{report_name(shown)}-{snapshot.view.id}.html")


def trace(request: Request) -> Response:
    """Return an execution's trace as JSON that Perfetto and chrome://tracing open."""
    snapshot = site_of(request).look(request.path_params["execution"])
    path = reports.trace_file(snapshot)
    name = f"{_readable(snapshot.view.name)}-{snapshot.view.id}.json"
    return FileResponse(path, filename=name, media_type="application/json", background=BackgroundTask(os.unlink, path))


def _attachment(page: str, name: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}
    # Not text/html: whatever happens, a browser saves it and never shows it as a page of ours.
    return Response(page.encode("utf-8", "backslashreplace"), headers=headers, media_type="application/octet-stream")


def _readable(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:60] or "execution"
