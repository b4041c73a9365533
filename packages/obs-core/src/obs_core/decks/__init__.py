"""Decks: the named tabs of a task's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names

if TYPE_CHECKING:
    from obs_core.decks.deck import Deck, DeckField
    from obs_core.decks.default import Dependencies, SourceCode
    from obs_core.decks.timeline import TimeLineDeck

__all__ = ["Deck", "DeckField", "Dependencies", "SourceCode", "TimeLineDeck"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Deck": "deck",
        "DeckField": "deck",
        "TimeLineDeck": "timeline",
        "Dependencies": "default",
        "SourceCode": "default",
    },
)
