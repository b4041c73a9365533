"""Decks of tasks whose process was killed, made from what it had captured until then."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from obs_core.assembly.unfinished import UnfinishedCapture
from obs_core.model import DeckView
from obs_core.reading.captures import decks_of

__all__ = ["CapturedDecks"]


class CapturedDecks:
    """The decks made from the captures of one execution: each once, when its task is looked at."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], list[DeckView]] = {}
        self._lock = threading.Lock()

    def of(self, captures: Sequence[UnfinishedCapture]) -> list[DeckView]:
        """Return the decks of captures; making them can take seconds."""
        with self._lock:
            for capture in captures:
                if (capture.task, capture.kind) not in self._made:
                    self._made[capture.task, capture.kind] = decks_of(capture)
            return [deck for capture in captures for deck in self._made[capture.task, capture.kind]]
