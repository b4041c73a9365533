"""Where code stands when obs has failed to find out where it stands: what is recorded there goes nowhere."""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from obs_core import clock
from obs_core.journal.numbering import MAIN, Numbering
from obs_core.journal.writer import Journal
from obs_core.recording.run import Run, TaskState, live
from obs_core.store.folder import FolderStore

__all__ = ["unrecorded", "unrecorded_run"]

NOWHERE = FolderStore(os.path.join(os.devnull, "obs"))
"""A folder that can never be."""


class _Nothing(deque[Any]):
    """Takes everything and keeps nothing."""

    def __init__(self) -> None:
        super().__init__(maxlen=0)


class _NoJournal(Journal):
    """A journal that nobody writes."""

    def __init__(self) -> None:
        self.store = NOWHERE
        self.execution_id = _ID
        self.epoch = clock.zero()
        self.numbers = Numbering(MAIN)
        self.next_number, self.ref, self.global_ref = self.numbers.next, self.numbers.ref, self.numbers.global_ref
        self.items: Any = _Nothing()
        self.append = self.items.append
        self.sources = []
        self.announced = self.forked = False
        self._preamble = []
        self._reset()

    def relieve(self) -> None:
        """Keep nothing."""

    def encode(self, patience: float = 1.0) -> bool:  # noqa: ARG002
        """Let go of what others hold back for it."""
        for append_pending in tuple(self.sources):
            append_pending()
        return True

    def flush(self, wait: bool = False) -> bool:  # noqa: ARG002
        """The same."""
        return self.encode()

    def beat(self) -> None:
        """Give no sign of life."""

    def announce(self) -> None:
        """Write no beginning."""

    def put(self, path: str, content: bytes) -> None:
        """Write no file."""

    def close(self) -> None:
        """Write no end."""

    def flush_at_last(self) -> None:
        """The same."""

    def give_up(self) -> None:
        """Count nothing."""

    def close_now(self) -> None:
        """The same."""


_ID = "unrecorded"


def unrecorded_run(name: str) -> Run:
    """Return an execution that is recorded nowhere.

    Whoever began it was warned of that, and need not hear of a store that nobody named.

    Args:
        name: Its name.
    """
    run = Run(NOWHERE, _ID, name, MAIN, journal=_NoJournal())
    run.root.logs = 0
    return run


def _nowhere() -> TaskState:
    run = unrecorded_run(_ID)
    live.pop(_ID)
    run.root.enable_deck = False  # nobody ends it and draws them
    return run.root


unrecorded = _nowhere()
"""It is made while nothing has failed yet, and is the same for all."""
