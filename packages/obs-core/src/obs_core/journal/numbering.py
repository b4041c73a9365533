"""Numbers for the spans, tasks and decks that one process makes, and how records name them."""

from __future__ import annotations

from itertools import count

from obs_core.journal.records import Ref

__all__ = ["MAIN", "ROOT", "SUPERVISOR", "Numbering"]

MAIN = "main"
"""The writer that begins an execution as its program does."""

SUPERVISOR = "run"
"""What ``obs run`` writes as: it begins an execution before its program does, and sees how the program ends."""

ROOT = f"{MAIN}.1"
"""The execution itself, where a task is named: the first number of its program, whoever wrote of it first."""


class Numbering:
    """Gives numbers away, in order, and names what has one.

    A forked child goes on with numbers of its own as a writer of its own. What its parent numbered before the fork
    still has the parent's name there, which is why it remembers where its own numbers begin.

    Args:
        writer: The writer's id: ``"main"`` for the process that began the execution.

    Attributes:
        next: Gives the next number.
        writer: The writer's id.
        floor: The last number that the parent gave away before the fork; 0 in a process that was not forked.
    """

    __slots__ = ("_parent", "floor", "next", "writer")

    def __init__(self, writer: str) -> None:
        self.writer = self._parent = writer
        self.floor = 0
        self.next = count(1).__next__

    def ref(self, number: int) -> Ref:
        """Name something made in this process, as this writer's own records do."""
        return number if number > self.floor else f"{self._parent}.{number}"

    def global_ref(self, number: int) -> str:
        """Name something made in this process, as every writer's records can."""
        return f"{self.writer if number > self.floor else self._parent}.{number}"

    def become(self, writer: str) -> None:
        """Go on as another writer, in a forked child."""
        self._parent, self.writer = self.writer, writer
        self.floor = self.next()
