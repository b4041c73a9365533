"""The list of executions."""

from __future__ import annotations

import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from obs_ui.index import ListQuery, list_executions
from obs_ui.index.queries import tag_names
from obs_ui.site import Site, site_of

__all__ = ["executions", "newest"]

_STATUSES = ("running", "succeeded", "failed", "lost")


def executions(request: Request) -> Response:
    """Show a page of the list; with ``part=rows`` only what changes by itself."""
    site = site_of(request)
    query = _query_of(request)
    page = list_executions(site.engine, site.indexer.store_number, query)
    part = request.query_params.get("part") == "rows"
    return site.page(
        "_executions.html" if part else "executions.html",
        request,
        page=page,
        query=query,
        statuses=_STATUSES,
        tags=[] if part else tag_names(site.engine, site.indexer.store_number),
        address=lambda **changes: _address(query, **changes),
    )


def newest(request: Request) -> Response:
    """Lead to the newest execution, or to the empty list."""
    site = site_of(request)
    found = _newest(site)
    return RedirectResponse(f"/executions/{found}" if found else "/executions", 303)


def _newest(site: Site) -> str:
    page = list_executions(site.engine, site.indexer.store_number, ListQuery(), 1)
    return page.executions[0].id if page.executions else ""


def _query_of(request: Request) -> ListQuery:
    given = request.query_params
    status = given.get("status", "")
    return ListQuery(
        text=_text(given.get("text", "")),
        status=status if status in _STATUSES else "",
        tag=_text(given.get("tag", "")),
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
        before=_text(given.get("before", "")),
        after=_text(given.get("after", "")),
    )


def _text(given: str) -> str:
    """Return what a database can look for."""
    return given.replace("\0", "").encode("utf-8", "ignore").decode()[:300]


def _day(given: str) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(given)
    except ValueError:
        return None
    return day if day.year >= 1000 else None


def _address(query: ListQuery, **changes: str) -> str:
    """Return the address of the list with other wishes; the page's place is forgotten unless it is one of them."""
    given = {
        "text": query.text,
        "status": query.status,
        "tag": query.tag,
        "since": query.since,
        "until": query.until,
        **changes,
    }
    encoded = urlencode({name: str(value) for name, value in given.items() if value})
    return f"/executions?{encoded}" if encoded else "/executions"
