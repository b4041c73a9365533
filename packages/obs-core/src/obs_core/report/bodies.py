"""The large scripts and styles of this process's decks, one copy each, however many items hold them."""

from __future__ import annotations

from obs_core.report.shared import extract
from obs_core.text.masking import mask

__all__ = ["extracted", "raw_body", "shared_body"]

_bodies: dict[str, str] = {}
"""Body by the hash that stands for it."""


def extracted(html: str) -> str:
    """Return an item with references in place of its large scripts and styles, which are kept here."""
    item, bodies = extract(html)
    _bodies.update(bodies)
    return item


def raw_body(digest: str) -> str | None:
    """Return a body as it was made; None if this process made none of this hash."""
    return _bodies.get(digest)


def shared_body(digest: str) -> str | None:
    """Return a body as a report may show it; None if this process made none of this hash."""
    body = _bodies.get(digest)
    return None if body is None else mask(body)
