"""Ask the UI's own pages, without a server in between."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from obs_ui.addresses import VIEWER, Viewer
from obs_ui.site import Site

__all__ = ["NotThereError", "Pages"]


class NotThereError(LookupError):
    """The UI has no such page."""


class Pages:
    """The UI's pages, as one viewer sees them.

    Args:
        site: What they share.
        routes: Their addresses (`obs_ui.app.routes`).
    """

    def __init__(self, site: Site, routes: Sequence[Any]) -> None:
        self._app = SimpleNamespace(state=SimpleNamespace(site=site))
        self._routes = [route for route in routes if isinstance(route, Route)]

    def get(self, address: str, viewer: Viewer) -> bytes:
        """Return what the UI answers.

        Raises:
            NotThereError: It has no such page.
        """
        parts = urlsplit(address)
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "server": ("site", 80),
            "path": unquote(parts.path),
            "query_string": parts.query.encode(),
            "headers": [],
            "app": self._app,
            VIEWER: viewer,
        }
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                return self._answer(found["endpoint"], Request({**scope, **found}))
        raise NotThereError(address)

    def _answer(self, endpoint: Any, request: Request) -> bytes:
        try:
            answer: Response = endpoint(request)
        except HTTPException as error:
            raise NotThereError(error.detail) from error
        return bytes(answer.body)
