"""Several stores in one UI: lists of what all of them hold, and each with its own pages below ``/stores/NAME``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

import anyio
from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from obs_core.model import ExecutionView
from obs_core.store import Store
from obs_ui.addresses import STORE, VIEWER, InStore, Viewer
from obs_ui.index import ListPage, ListQuery
from obs_ui.index.queries import Place, place_of, runs_of
from obs_ui.pipelines import Pipeline, attention_first
from obs_ui.site import SITE, Shown, Site, in_thread
from obs_ui.snapshots import Snapshot

__all__ = ["StoreRouter", "Stores", "named_stores"]

_WAITED = 5.0
"""Seconds that stores get to say whether they hold an execution that no index knows yet."""

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,59})=(.+)", re.ASCII | re.DOTALL)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


def named_stores(given: Iterable[str]) -> list[tuple[str, str]]:
    """Return stores with their names: those that were given, or made from their addresses without what is secret.

    Args:
        given: Folders and URLs, each with its name before it or not: ``prod=s3://team/obs``.

    Examples:
        >>> named_stores(["prod=s3://team/obs", "/home/ann/flights/.obs", "s3://ann:pw@team/obs", "/srv/flights"])
        ... # doctest: +NORMALIZE_WHITESPACE
        [('prod', 's3://team/obs'), ('flights', '/home/ann/flights/.obs'), ('team-obs', 's3://ann:pw@team/obs'),
         ('flights-2', '/srv/flights')]
    """
    found: dict[str, str] = {}
    for one in given:
        named = _NAME.fullmatch(one)
        name, address = (named[1], named[2]) if named else (_name_of(one), one)
        free, number = name, 2
        while free in found:
            free, number = f"{name}-{number}", number + 1
        found[free] = address
    return list(found.items())


def _name_of(address: str) -> str:
    parts = urlsplit(address)
    if "://" in address and parts.scheme != "file":
        readable = f"{parts.netloc.rpartition('@')[2]}{parts.path}"
    else:
        folders = [one for one in re.split(r"[/\\]", parts.path if parts.scheme == "file" else address) if one]
        readable = next((one for one in reversed(folders) if one.strip(".") not in ("", "obs")), "here")
    return _UNSAFE.sub("-", readable).strip("-.")[:60] or "store"


class Stores(Shown):
    """All stores of a server.

    Args:
        sites: Each with its store, in the order in which they were given; their names differ.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        super().__init__()
        self.sites = {site.name: site for site in sites}
        self.names = list(self.sites)

    def start(self) -> None:
        """Begin to follow the stores."""
        for site in self.sites.values():
            site.start()

    def stop(self) -> None:
        """Stop following the stores, and let all that is live end."""
        super().stop()
        for site in self.sites.values():
            site.stop()

    def join(self) -> None:
        """Wait until no store is followed."""
        for site in self.sites.values():
            site.join()

    @property
    def shown_stores(self) -> Sequence[Store]:
        """The stores."""
        return [site.store for site in self.sites.values()]

    @property
    def place(self) -> str:
        """The stores, at the beginning of a sentence."""
        return "One of the stores"

    @property
    def version(self) -> tuple[object, ...]:
        """Another one whenever lists and pipelines may show something else."""
        return tuple(site.version for site in self.sites.values())

    @property
    def complete(self) -> bool:
        """Whether every execution of all stores that can be read has been looked at once."""
        return all(site.complete or site.troubles for site in self.sites.values())

    @property
    def troubles(self) -> Sequence[str]:
        """Why stores cannot be read just now, as sentences."""
        return [trouble for site in self.sites.values() for trouble in site.troubles]

    def every_pipeline(self, now: int) -> Sequence[Pipeline]:
        """Return the pipelines of all stores, what needs attention first."""
        return attention_first(one for site in self.sites.values() for one in site.every_pipeline(now))

    def tags(self) -> Sequence[str]:
        """Return tags that executions have, some of each store."""
        return list(dict.fromkeys(tag for site in self.sites.values() for tag in site.tags()))

    def list(self, query: ListQuery) -> ListPage:
        """Return a page of the list of all executions, or of those of the store that is asked for.

        ``before`` and ``after`` of the query name an execution as ``STORE:ID``.
        """
        query, store, key = self._placed(query)
        backwards = bool(query.after)
        asked = {query.store: self.sites[query.store]} if query.store in self.sites else self.sites
        pages: dict[str, ListPage] = {}
        for number, name in enumerate(self.names):
            if name in asked:
                # Of executions that are sorted alike, as copies are, those of the store given first come first.
                beyond = number < store if backwards else number > store
                pages[name] = asked[name].list(query, None if key is None else Place(key, beyond))
        rows = max(site.rows for site in asked.values())
        found = _merged(pages, query, rows, backwards=backwards)
        more = sum(len(page.executions) for page in pages.values()) > rows
        more |= any(page.has_previous if backwards else page.has_next for page in pages.values())
        behind = key is not None
        return ListPage(
            [view for _, view in found],
            _sums(page.counts for page in pages.values()),
            all(page.counted for page in pages.values()),
            has_previous=more if backwards else behind,
            has_next=behind if backwards else more,
            stores=[name for name, _ in found],
            around={id: name for page in pages.values() for id, name in page.around.items()},
        )

    def _placed(self, query: ListQuery) -> tuple[ListQuery, int, tuple[object, ...] | None]:
        """Return a query, and where its page begins or ends: in which store, and by what the list is sorted there."""
        name, _, execution_id = (query.before or query.after).partition(":")
        site = self.sites.get(name)
        if site is not None and execution_id:
            edge = {"before": execution_id} if query.before else {"after": execution_id}
            query = replace(query, **edge)
            key = place_of(site.engine, site.indexer.store_number, query)
            if key is not None:
                return query, self.names.index(name), key
        return replace(query, before="", after=""), 0, None

    def look(self, execution_id: str) -> Snapshot:
        """Return how an execution stands now: ``ID``, or ``STORE:ID`` where several have it."""
        store, _, plain = execution_id.rpartition(":")
        asked = [self.sites[store]] if store in self.sites else [*self.sites.values()]
        for site in asked:
            if site.indexed(plain) is not None:
                return site.look(plain)
        for site in asked:
            if not site.troubles and site.has(plain):
                return site.look(plain)
        raise HTTPException(404, f"There is no execution {plain} in these stores.")

    def with_pipeline(self, name: str) -> Site | None:
        """Return the store in which a pipeline ran last."""
        newest: dict[str, Site] = {}
        for site in self.sites.values():
            for run in runs_of(site.engine, site.indexer.store_number, name, 1):
                newest.setdefault(run.id, site)
        return newest[max(newest)] if newest else None

    async def holding(self, execution_id: str) -> Site | None:
        """Return the store that holds an execution; one that does not answer soon is not waited for.

        Raises:
            HTTPException: That is not the id of an execution.
        """
        store, _, plain = execution_id.rpartition(":")
        asked = [self.sites[store]] if store in self.sites else [*self.sites.values()]
        known = await in_thread(self, lambda: [site for site in asked if site.indexed(plain) is not None])
        if known:
            return known[0]
        found: list[Site] = []
        with anyio.move_on_after(_WAITED):
            async with anyio.create_task_group() as group:

                async def ask(site: Site) -> None:
                    if await in_thread(site, _holds, site, plain):
                        found.append(site)
                        group.cancel_scope.cancel()

                for site in asked:
                    group.start_soon(ask, site)
        return found[0] if found else None


def _holds(site: Site, execution_id: str) -> bool:
    try:
        return site.has(execution_id)
    except OSError:
        return False


def _merged(
    pages: Mapping[str, ListPage], query: ListQuery, count: int, *, backwards: bool
) -> Sequence[tuple[str, ExecutionView]]:
    rows = [(name, view) for name, page in pages.items() for view in page.executions]
    rows.sort(key=lambda row: _sorted_by(row[1], query), reverse=query.sort.startswith("-"))
    return rows[-count:] if backwards else rows[:count]


def _sorted_by(view: ExecutionView, query: ListQuery) -> tuple[object, ...]:
    """Return by what the index sorts an execution."""
    if query.metric:
        return view.metrics[query.metric][query.place_of_value], view.id
    by = query.sort.removeprefix("-")
    return (
        (view.name[:100].lower(), view.id)
        if by == "name"
        else (view.duration, view.id)
        if by == "duration"
        else (view.id,)
    )


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in counts:
        for status, count in one.items():
            found[status] = found.get(status, 0) + count
    return found


class StoreRouter:
    """Leads each request to the store that it is for.

    Args:
        app: The pages.
        stores: The stores.
    """

    def __init__(self, app: ASGIApp, stores: Stores) -> None:
        self._app = app
        self._stores = stores

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        answer = self._app
        if scope["type"] == "http":
            try:
                answer = await self._elsewhere(scope) or self._app
            except HTTPException as error:
                answer = self._stores.page("error.html", Request(scope), error.status_code, message=error.detail)
        await answer(scope, receive, send)

    async def _elsewhere(self, scope: Scope) -> Response | None:
        """Note in the scope which store is meant; a page that only a store has is answered with where it is."""
        if STORE in scope:
            scope[SITE] = self._stores.sites[scope[STORE]]
            return None
        path = scope["path"]
        found = _IN_STORE.fullmatch(path)
        if found is not None:
            return self._in_store(scope, found[1], found[2])
        execution = _OF_EXECUTION.match(path)
        if execution is not None and execution[1] != "last":
            site = await self._stores.holding(execution[1])
            if site is None:
                raise HTTPException(
                    404, f"There is no execution {execution[1]} in these stores, or its store does not answer."
                )
            return _led(scope, site, path)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if path.startswith("/pipelines") and (name := dict(query).get("name")):
            ran = await in_thread(self._stores, self._stores.with_pipeline, name)
            return None if ran is None else _led(scope, ran, path)
        return await self._compared(scope, path, query) if path.startswith("/compare") else None

    def _in_store(self, scope: Scope, name: str, path: str) -> Response | None:
        site = self._stores.sites.get(name)
        if site is None:
            raise HTTPException(404, f"There is no store named {name[:60]} here.")
        viewer: Viewer = scope.get(VIEWER, Viewer())
        root = viewer.at("")
        if path in ("", "/", "/executions"):
            return RedirectResponse(f"{root}/executions?{urlencode({'store': name})}", 303)
        scope.update({"path": path, SITE: site, VIEWER: replace(viewer, addresses=InStore(root, name))})
        return None

    async def _compared(self, scope: Scope, path: str, query: Sequence[tuple[str, str]]) -> Response | None:
        """Lead to the store if all that is compared is in one; else the executions are found by their ids."""
        ids = {value.partition("/")[0] for name, value in query if name in ("chosen", "left", "right") and value}
        held = {await self._stores.holding(one) for one in ids}
        (site, *others) = held or {None}
        if site is None or others:
            return None
        plain = [
            (name, value.rpartition(":")[2] if name in ("chosen", "left", "right") else value) for name, value in query
        ]
        return _led({**scope, "query_string": urlencode(plain).encode()}, site, path)


_IN_STORE = re.compile(r"/stores/([^/]+)((?:/.*)?)", re.DOTALL)
_OF_EXECUTION = re.compile(r"/executions/([^/]+)")


def _led(scope: Scope, site: Site, path: str) -> Response:
    viewer: Viewer = scope.get(VIEWER, Viewer())
    query = scope["query_string"].decode("latin-1")
    return RedirectResponse(viewer.at(f"/stores/{site.name}{path}") + (f"?{query}" if query else ""), 307)
