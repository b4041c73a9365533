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

__all__ = ["ASKED", "FOLLOWED", "Addresses", "Below", "placed"]

FOLLOWED = ("href", "src", "action")
"""The attributes that a browser follows."""

ASKED = (
    "data-live",
    "data-timeline",
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
