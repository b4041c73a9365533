"""The list of executions."""

from __future__ import annotations

import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from obs_ui.index import Wanted, list_executions
from obs_ui.index.queries import tag_names
from obs_ui.site import Site, site_of

__all__ = ["executions", "newest"]

_STATUSES = ("running", "succeeded", "failed", "lost")


def executions(request: Request) -> Response:
    """Show a page of the list; with ``part=rows`` only what changes by itself."""
    site = site_of(request)
    wanted = _wanted(request)
    listing = list_executions(site.engine, site.follower.store_number, wanted)
    part = request.query_params.get("part") == "rows"
    return site.page(
        "_executions.html" if part else "executions.html",
        request,
        listing=listing,
        wanted=wanted,
        statuses=_STATUSES,
        tags=[] if part else tag_names(site.engine, site.follower.store_number),
        address=lambda **changes: _address(wanted, **changes),
    )


def newest(request: Request) -> Response:
    """Lead to the newest execution, or to the empty list."""
    site = site_of(request)
    found = _newest(site)
    return RedirectResponse(f"/executions/{found}" if found else "/executions", 303)


def _newest(site: Site) -> str:
    listing = list_executions(site.engine, site.follower.store_number, Wanted(), 1)
    return listing.executions[0].id if listing.executions else ""


def _wanted(request: Request) -> Wanted:
    given = request.query_params
    status = given.get("status", "")
    return Wanted(
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


def _address(wanted: Wanted, **changes: str) -> str:
    """Return the address of the list with other wishes; the page's place is forgotten unless it is one of them."""
    given = {
        "text": wanted.text,
        "status": wanted.status,
        "tag": wanted.tag,
        "since": wanted.since,
        "until": wanted.until,
        **changes,
    }
    query = urlencode({name: str(value) for name, value in given.items() if value})
    return f"/executions?{query}" if query else "/executions"
