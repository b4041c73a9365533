"""The list of executions."""

from __future__ import annotations

import datetime
import zoneinfo
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from obs_core.outcomes import OUTCOMES
from obs_ui.addresses import viewer_of
from obs_ui.index import ListQuery
from obs_ui.index.queries import SORTS
from obs_ui.site import site_of

__all__ = ["executions", "newest"]

_STATUSES = ("running", "succeeded", "failed", "lost")
_UTC = "UTC"


def executions(request: Request) -> Response:
    """Show a page of the list; with ``part=rows`` only what changes by itself."""
    site = site_of(request)
    given = _given(request)
    query = _query_of(given)
    page = site.list(query)
    part = request.query_params.get("part") == "rows"
    return site.page(
        "_executions.html" if part else "executions.html",
        request,
        page=page,
        query=query,
        given=given,
        statuses=_STATUSES,
        tags=[] if part else site.tags(),
        address=lambda **changes: _address(given, **changes),
    )


def newest(request: Request) -> Response:
    """Lead to the newest execution, or to the empty list."""
    page = site_of(request).list(ListQuery())
    store = f"/stores/{page.stores[0]}" if page.stores else ""
    found = f"{store}/executions/{page.executions[0].id}" if page.executions else "/executions"
    return RedirectResponse(viewer_of(request).at(found), 303)


_ASKED = ("store", "text", "status", "verdict", "tag", "since", "until", "zone", "sort")
"""What an address of the list asks for; ``before`` and ``after`` name a place in it."""


def _given(request: Request) -> dict[str, str]:
    given = {name: _text(request.query_params.get(name, "")) for name in (*_ASKED, "before", "after")}
    given["store"] = given["store"] if given["store"] in site_of(request).names else ""
    given["status"] = given["status"] if given["status"] in _STATUSES else ""
    given["verdict"] = given["verdict"] if given["verdict"] in OUTCOMES else ""
    given["sort"] = given["sort"] if given["sort"].removeprefix("-") in SORTS else ""
    given["zone"] = given["zone"] if _zone(given["zone"]) is not None else ""
    for name in ("since", "until"):
        given[name] = given[name] if _day(given[name]) is not None else ""
    return given


def _query_of(given: dict[str, str]) -> ListQuery:
    zone = _zone(given["zone"]) or datetime.UTC
    until = _day(given["until"])
    return ListQuery(
        text=given["text"],
        status=given["status"],
        tag=given["tag"],
        since=_midnight(_day(given["since"]), zone),
        until=_midnight(until and until + datetime.timedelta(days=1), zone),
        sort=given["sort"] or "-started",
        before=given["before"],
        after=given["after"],
        verdict=given["verdict"],
        store=given["store"],
    )


def _text(given: str) -> str:
    """Return what a database can look for."""
    return given.replace("\0", "").encode("utf-8", "ignore").decode()[:300]


def _day(given: str) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(given)
    except ValueError:
        return None
    return day if 1000 <= day.year < 9999 else None


def _midnight(day: datetime.date | None, zone: datetime.tzinfo) -> datetime.datetime | None:
    return None if day is None else datetime.datetime.combine(day, datetime.time(), zone)


def _zone(name: str) -> datetime.tzinfo | None:
    """Return a time zone by its name, as browsers have it; None if it is not known here."""
    if name in ("", _UTC):
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _address(given: dict[str, str], **changes: str) -> str:
    """Return the address of the list with other wishes; the page's place is forgotten unless it is one of them."""
    wishes = {name: given[name] for name in _ASKED} | changes
    encoded = urlencode({name: value for name, value in wishes.items() if value})
    return f"/executions?{encoded}" if encoded else "/executions"
