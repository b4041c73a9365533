"""Two executions beside one another."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from obs_ui.site import site_of

__all__ = ["compare", "decks"]


def compare(request: Request) -> Response:
    """Show how two executions differ."""
    return site_of(request).page("error.html", request, 404, message="soon")


def decks(request: Request) -> Response:
    """Show the decks of two tasks side by side."""
    return site_of(request).page("error.html", request, 404, message="soon")
