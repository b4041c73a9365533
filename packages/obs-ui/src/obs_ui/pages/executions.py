"""The list of executions."""

from __future__ import annotations

import collections
import datetime
import zoneinfo
from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from obs_core.model import ExecutionView
from obs_core.outcomes import OUTCOMES
from obs_ui.addresses import viewer_of
from obs_ui.index import ListQuery
from obs_ui.index.queries import METRIC_SORTS, SORTS
from obs_ui.site import site_of

__all__ = ["executions", "newest"]

_STATUSES = ("running", "succeeded", "failed", "lost")
_UTC = "UTC"


def executions(request: Request) -> Response:
    """Show a page of the list; with ``part=rows`` only what changes by itself."""
    site = site_of(request)
    given = _given(request)
    query = _query_of(given)
    complete = site.complete  # asked first: what has been read by then is in the list
    page = site.list(query)
    part = request.query_params.get("part") == "rows"
    measured = _metric_columns(page.executions, query.metric)
    return site.page(
        "_executions.html" if part else "executions.html",
        request,
        page=page,
        complete=complete,
        query=query,
        given=given,
        unknown=_unknown(request, given),
        statuses=_STATUSES,
        measured=measured,
        other_metrics=any(set(one.metrics) - set(measured) for one in page.executions),
        tags=[] if part else site.tags(),
        address=lambda **changes: _address(given, **changes),
    )


def _metric_columns(shown: Sequence[ExecutionView], sorted_by: str) -> list[str]:
    """Return the metrics that get columns: those that most of the shown executions have, in their own order.

    What the list is sorted by comes first, if it is a metric.
    """
    counted = collections.Counter(name for one in shown for name in one.metrics if name != sorted_by)
    common = [name for name, count in counted.most_common() if 2 * count > len(shown)]
    return [name for name in (sorted_by, *common) if name][:_MOST_COLUMNS]


_MOST_COLUMNS = 3


def newest(request: Request) -> Response:
    """Lead to the newest execution, or to the empty list."""
    page = site_of(request).list(ListQuery())
    store = f"/stores/{page.stores[0]}" if page.stores else ""
    found = f"{store}/executions/{page.executions[0].id}" if page.executions else "/executions"
    return RedirectResponse(viewer_of(request).at(found), 303)


_ASKED = ("store", "name", "text", "status", "verdict", "tag", "since", "until", "zone", "sort")
"""What an address of the list asks for; ``before`` and ``after`` name a place in it."""


def _given(request: Request) -> dict[str, str]:
    given = {name: _text(request.query_params.get(name, "")) for name in (*_ASKED, "before", "after")}
    given["tag"] = _storable(request.query_params.get("tag", ""))[:_LONGEST_TAG]
    # Asked for with nothing behind it, it names the executions that have no name.
    given.pop("name")
    if "name" in request.query_params:
        given["name"] = _storable(request.query_params["name"])
    given["store"] = given["store"] if given["store"] in site_of(request).names else ""
    given["status"] = given["status"] if given["status"] in _STATUSES else ""
    given["verdict"] = given["verdict"] if given["verdict"] in OUTCOMES else ""
    given["sort"] = given["sort"] if _is_sort(given["sort"].removeprefix("-")) else ""
    given["zone"] = given["zone"] if _zone(given["zone"]) is not None else ""
    for name in ("since", "until"):
        given[name] = given[name] if _day(given[name]) is not None else ""
    return given


def _is_sort(by: str) -> bool:
    value, _, metric = by.partition(":")
    return by in SORTS or bool(value in METRIC_SORTS and metric)


def _unknown(request: Request, given: dict[str, str]) -> list[str]:
    """Say what of an address narrows or sorts nothing: a list that shows all looks as if all of it matched."""
    stores = ", ".join(site_of(request).names) or "only one store is shown"
    known = {
        "store": stores,
        "status": ", ".join(_STATUSES),
        "verdict": ", ".join(OUTCOMES),
        "sort": ", ".join(f"{name}, -{name}" for name in (*SORTS, *(f"{one}:METRIC" for one in METRIC_SORTS))),
        "since": "a day, as 2026-01-31",
        "until": "a day, as 2026-01-31",
        "zone": "a time zone, as Europe/Madrid",
    }
    asked = {name: _text(request.query_params.get(name, "")) for name in known}
    unknown = [
        f'"{name}={asked[name][:60]}" is not known and was ignored. Known: {values}.'
        for name, values in known.items()
        if asked[name] and not given[name]
    ]
    if given["since"] and given["until"] and given["since"] > given["until"]:
        unknown.append(
            f"No day is from {given['since']} on and not after {given['until']}: the days are the wrong way round."
        )
    return unknown


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
        name=given.get("name"),
    )


def _text(given: str) -> str:
    """Return what a database can look for."""
    return _storable(given)[:300]


def _storable(given: str) -> str:
    return given.replace("\0", "").encode("utf-8", "ignore").decode()


_LONGEST_TAG = 601


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


def _address(given: dict[str, str], **changes: str | None) -> str:
    """Return the address of the list with other wishes; the page's place is forgotten unless it is one of them."""
    wishes = {name: given.get(name) for name in _ASKED} | changes
    encoded = urlencode({name: value for name, value in wishes.items() if value or (name == "name" and value == "")})
    return f"/executions?{encoded}" if encoded else "/executions"
