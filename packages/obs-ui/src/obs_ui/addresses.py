"""Where pages lie for whoever looks at them.

Templates name every page by the address that it has at the root of a server: ``/executions/ID``. Behind a proxy, in a
link that expires, with several stores and in a site of plain files it is somewhere else, or cannot be seen at all:
`placed` writes into a page where each lies.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from starlette.requests import Request

__all__ = [
    "ASKED",
    "FOLLOWED",
    "STORE",
    "VIEWER",
    "Addresses",
    "Below",
    "InStore",
    "OnlyOne",
    "Viewer",
    "placed",
    "viewer_of",
]

STORE = "obs.store"
"""Where a request's scope says in which of several stores the execution is that a link shows."""

VIEWER = "obs.viewer"
"""Where a request's scope says who looks."""

FOLLOWED = ("href", "src", "action")
"""The attributes that a browser follows."""

ASKED = (
    "data-live",
    "data-timeline",
    "data-lanes",
    "data-metrics",
    "data-resources",
    "data-lazy",
    "data-decks",
    "data-frame",
    "data-durations",
)
"""The attributes that our scripts ask."""


class Addresses(Protocol):
    """Where pages lie for whoever looks."""

    def of(self, address: str) -> str | None:
        """Return where a page lies that a template calls by an address; None if it is not to be seen."""
        ...


class Below(Struct, frozen=True):
    """All pages below a path.

    Attributes:
        root: The path, such as ``/obs``.
    """

    root: str

    def of(self, address: str) -> str | None:
        """Return the address below the path."""
        return self.root + address


class InStore(Struct, frozen=True):
    """The pages of one of several stores; the lists are those of all stores.

    Attributes:
        root: The path below which all stores lie; empty for the root of the server.
        store: The store's name.
    """

    root: str
    store: str

    def of(self, address: str) -> str | None:
        """Return the address in the store, or of what all stores share."""
        path, _, query = address.partition("?")
        shared = path in ("/", "/executions") or (path == "/pipelines" and not query) or path.startswith("/static/")
        return self.root + address if shared else f"{self.root}/stores/{self.store}{address}"


class OnlyOne(Struct, frozen=True):
    """The pages of one execution, for whoever has a link to it: nothing leads to another.

    Attributes:
        root: The path below which they lie.
        execution: The execution.
    """

    root: str
    execution: str

    def of(self, address: str) -> str | None:
        """Return where a page lies, if it may be seen."""
        return self.root + address if self.shows(address.partition("?")[0].partition("#")[0]) else None

    def shows(self, path: str) -> bool:
        """Tell whether a page may be seen."""
        own = f"/executions/{self.execution}"
        if path == own or path == "/frame" or path.startswith(("/static/", "/shared/")):
            return True
        # What changed shows another execution beside it.
        return path.startswith(f"{own}/") and path != f"{own}/changes"


class Viewer(Struct, frozen=True):
    """Who looks at a page, and from where.

    Attributes:
        addresses: Where pages lie; None for the root of the server.
        user: Who it is, as a proxy says.
        plain: Whether the page becomes a file that no server answers for.
        written: When those files were written, in nanoseconds since the epoch.
    """

    addresses: Addresses | None = None
    user: str = ""
    plain: bool = False
    written: int = 0

    def at(self, address: str) -> str:
        """Return where a page lies; where it is not to be seen, its address at the root."""
        found = None if self.addresses is None else self.addresses.of(address)
        return address if found is None else found


def viewer_of(request: Request) -> Viewer:
    """Return who looks."""
    viewer: Viewer = request.scope.get(VIEWER, _ANYBODY)
    return viewer


_ANYBODY = Viewer()


def placed(page: str, addresses: Addresses, attributes: tuple[str, ...] = FOLLOWED + ASKED) -> str:
    """Write into a page where the pages lie that it names.

    Whatever a template fills in is escaped, so a quotation mark followed by a slash is one of the template's own.

    Args:
        page: HTML, with addresses as they are at the root of a server.
        addresses: Where the pages lie.
        attributes: The attributes that hold addresses. One whose page is not to be seen is left out: the link becomes
            text.
    """
    return re.sub(rf' ({"|".join(attributes)})="(/[^"]*)"', _placing(addresses), page)


def _placing(addresses: Addresses) -> Callable[[re.Match[str]], str]:
    def place(found: re.Match[str]) -> str:
        address = addresses.of(html.unescape(found[2]))
        return "" if address is None else f' {found[1]}="{html.escape(address)}"'

    return place
