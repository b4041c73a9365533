"""The large scripts and styles of this process's decks: one copy each, however many items hold them.

A body is kept as long as a deck that holds it: a process that draws charts for weeks keeps none that it has written.
"""

from __future__ import annotations

from obs_core.locks import Named
from obs_core.report.shared import extract
from obs_core.text.masking import mask

__all__ = ["Body", "extracted", "raw_body", "shared_body"]

_MOST_UNOWNED = 64 * 1024 * 1024
"""Characters of bodies that no deck of this process owns."""


class Body:
    """A large script or style."""

    __slots__ = ("__weakref__", "text")

    def __init__(self, text: str) -> None:
        self.text = text


_bodies: Named[Body] = Named()
"""Body by the hash that stands for it."""

_unowned: dict[str, Body] = {}
"""Those of decks that a reader made, the one that was made last at the end: a page may ask for them later."""


def extracted(html: str, owned: dict[str, Body] | None = None) -> str:
    """Return an item with references in place of its large scripts and styles.

    Args:
        html: The item.
        owned: Gets these by their hashes; they are known as long as it holds them. Default: the last of them are kept.
    """
    item, found = extract(html)
    for digest, text in found.items():
        body = _bodies.get(digest)
        if body is None:
            body = _bodies[digest] = Body(text)
        if owned is not None:
            owned[digest] = body
        else:
            _keep(digest, body)
    return item


def _keep(digest: str, body: Body) -> None:
    _unowned.pop(digest, None)
    _unowned[digest] = body
    kept = sum([len(one.text) for one in list(_unowned.values())])
    for oldest in list(_unowned)[:-1]:
        if kept <= _MOST_UNOWNED:
            return
        kept -= len(_unowned.pop(oldest).text)


def raw_body(digest: str) -> str | None:
    """Return a body as it was made; None if this process keeps none of this hash."""
    body = _bodies.get(digest)
    return None if body is None else body.text


def shared_body(digest: str) -> str | None:
    """Return a body as a report may show it; None if this process keeps none of this hash."""
    body = raw_body(digest)
    return None if body is None else mask(body)
