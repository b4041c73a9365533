"""What is live: a stream of events tells a page that something changed; the page asks for what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from obs_ui.site import Site, in_thread, site_of

__all__ = ["execution_events", "list_events"]

_INTERVAL = 0.3
_HEARTBEAT = 15.0


async def execution_events(request: Request) -> Response:
    """Say when an execution has changed, until it ends."""
    site, execution_id = site_of(request), request.path_params["execution"]
    await in_thread(site, site.look, execution_id)  # there is no such execution: 404 rather than a stream
    return _stream(_changes(site, execution_id))


async def list_events(request: Request) -> Response:
    """Say when the list of executions has changed."""
    return _stream(_list_changes(site_of(request)))


async def _changes(site: Site, execution_id: str) -> AsyncIterator[str]:
    seen, said, silent = -1, 0, 0.0
    while not site.stopping:
        followed = site.snapshots.of(execution_id)
        try:
            snapshot = await in_thread(site, followed.look, _INTERVAL)
            lines = await in_thread(site, followed.said)
        except OSError:  # the store cannot be read just now
            snapshot, lines = None, said
        if snapshot is not None and (snapshot.version, lines) != (seen, said):
            seen, said, silent = snapshot.version, lines, 0.0
            yield _event("changed", f"{seen}.{said}")
            if snapshot.view.status != "running":
                yield _event("ended", snapshot.view.status)
                return
        elif silent >= _HEARTBEAT:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(_INTERVAL)
        silent += _INTERVAL


async def _list_changes(site: Site) -> AsyncIterator[str]:
    seen, silent, changes = site.version, 0.0, 1
    yield _event("changed", str(changes))
    while not site.stopping:
        if site.version != seen:
            seen, silent, changes = site.version, 0.0, changes + 1
            yield _event("changed", str(changes))
        elif silent >= _HEARTBEAT:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(_INTERVAL)
        silent += _INTERVAL


def _event(name: str, content: str) -> str:
    return f"event: {name}\ndata: {content}\n\n"


def _stream(events: AsyncIterator[str]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
