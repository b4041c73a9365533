"""The web application: its addresses, and what it does when something is wrong."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from pathlib import Path

from sqlalchemy.engine import Engine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import obs_core.report
from obs_core.store import Store
from obs_ui.pages import compare, downloads, execution, executions, live, metrics, pipeline, task
from obs_ui.refusals import refusal
from obs_ui.security import Access, Guard
from obs_ui.site import HERE, Site, in_thread, site_of
from obs_ui.stores import StoreRouter, Stores

__all__ = ["app_of", "make_app", "routes"]

_STYLES_OF_THE_REPORT = ("theme.css", "page.css", "frame.css", "uplot.css", "curves.css")
_SCRIPTS_OF_THE_REPORT = (
    "frame.js",
    "paper.js",
    "elements.js",
    "wording.js",
    "theme.js",
    "documents.js",
    "frames.js",
    "tabs.js",
    "uplot.js",
    "numbers.js",
    "curves.js",
)
"""What the UI's pages have in common with the report page is the same file."""


def make_app(store: Store, engine: Engine, access: Access | None = None) -> Starlette:
    """Make the application.

    Args:
        store: Where the executions are.
        engine: The index (`obs_ui.index.connect`).
        access: Who may look. Default: whoever reaches it, by an address or as localhost.

    Returns:
        An ASGI application; ``app.state.site`` holds what its pages share.
    """
    return app_of([Site(store, engine)], access)


def app_of(sites: Sequence[Site], access: Access | None = None) -> Starlette:
    """Make the application for one store or several.

    Args:
        sites: Each with its store; of several, each has its own name.
        access: Who may look, as for `make_app`.
    """
    several = Stores(sites) if len(sites) > 1 else None
    guards = [Middleware(Guard, access=access or Access()), Middleware(GZipMiddleware, minimum_size=2_000)]
    app = Starlette(
        routes=[_in_threads(route) for route in routes()],
        middleware=[*guards, *([Middleware(StoreRouter, stores=several)] if several else [])],
        exception_handlers={HTTPException: _explained, OSError: _unreadable, Exception: _failed},
        lifespan=_lifespan,
    )
    app.state.site = several or sites[0]
    return app


def _in_threads(route: Route | Mount) -> Route | Mount:
    """Let a page be made in a thread of its store's."""
    if isinstance(route, Mount) or inspect.iscoroutinefunction(route.endpoint):
        return route
    endpoint = route.endpoint

    async def answer(request: Request) -> Response:
        return await in_thread(site_of(request), endpoint, request)

    return Route(route.path, answer)


def routes() -> list[Route | Mount]:
    """Return the UI's pages by their addresses."""
    one = "/executions/{execution}"
    its_task = one + "/tasks/{task}"
    return [
        Route("/", executions.executions),
        Route("/executions", executions.executions),
        Route("/executions/last", executions.newest),
        Route("/events", live.list_events),
        Route("/pipelines", pipeline.pipeline),
        Route("/pipelines/curves", pipeline.curves),
        Route("/pipelines/{name:path}", pipeline.named),
        Route("/compare", compare.compare),
        Route("/compare/decks", compare.decks),
        Route("/compare/metrics", metrics.overlay),
        Route("/compare/profiles", compare.profiles),
        Route("/frame", task.frame),
        Route("/shared/{digest}", task.shared),
        Route(one, execution.execution),
        Route(one + "/changes", compare.changes),
        Route(one + "/events", live.execution_events),
        Route(one + "/timeline", execution.timeline),
        Route(one + "/lanes", metrics.lanes),
        Route(one + "/metrics", metrics.metrics),
        Route(one + "/resources", metrics.resources),
        Route(one + "/operations", execution.operations),
        Route(one + "/spans/{span}", execution.span),
        Route(one + "/report.html", downloads.execution_report),
        Route(one + "/trace.json", downloads.trace),
        Route(its_task, task.task),
        Route(its_task + "/decks", task.decks),
        Route(its_task + "/decks/items", task.deck_items),
        Route(its_task + "/decks/alone", task.deck_alone),
        Route(its_task + "/output", compare.output),
        Route(its_task + "/report.html", downloads.task_report),
        Route("/static/report/{name}", _report_asset),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    site: Site | Stores = app.state.site
    site.start()
    yield
    site.stop()
    site.join()


def _report_asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STYLES_OF_THE_REPORT + _SCRIPTS_OF_THE_REPORT:
        raise HTTPException(404)
    content = (Path(obs_core.report.__file__).parent / name).read_bytes()
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    return Response(content, media_type=f"{kind}; charset=utf-8", headers={"Cache-Control": "no-cache"})


def _explained(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    nothing_told = error.status_code == 404 and error.detail == HTTPStatus.NOT_FOUND.phrase
    message = "There is no page at this address." if nothing_told else error.detail
    return site_of(request).page("error.html", request, error.status_code, message=message)


def _failed(request: Request, _: Exception) -> Response:
    """Say where the error of our own is told that nobody expected; Starlette logs it."""
    message = "obs ui could not make this page. The terminal in which it runs shows the error; other pages may work."
    return refusal(request.headers, 500, "This page failed", message, {"X-Content-Type-Options": "nosniff"})


def _unreadable(request: Request, error: Exception) -> Response:
    """Say that the store cannot be read: 503, since it may be there again in a moment."""
    message = f"{site_of(request).place} cannot be read: {type(error).__name__}: {error}. Reload to try again."
    return site_of(request).page("error.html", request, 503, message=message)
