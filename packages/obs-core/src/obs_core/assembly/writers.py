"""What is known of the writers of an execution while its journal is put together."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from msgspec import Struct, field

from obs_core.journal import records

__all__ = ["RowIndex", "Writer"]


class RowIndex:
    """The row of the span table in which each numbered span is.

    A journal's numbers come in long runs, so a run is remembered as one entry rather than as one for each number.
    """

    __slots__ = ("_firsts", "_runs", "_single", "highest")

    def __init__(self) -> None:
        self._single: dict[int, int] = {}
        self._firsts: list[int] = []
        self._runs: list[tuple[int, int, int]] = []
        self.highest = 0

    def __setitem__(self, number: int, row: int) -> None:
        self._single[number] = row
        self.highest = max(self.highest, number)

    def add_run(self, number: int, row: int, count: int) -> None:
        """Add consecutive numbers above `highest` in consecutive rows."""
        self._firsts.append(number)
        self._runs.append((number, row, count))
        self.highest = number + count - 1

    def get(self, number: Any, default: Any = None) -> Any:
        """Return the row of a number, or the default if there is none."""
        row = self._single.get(number)
        if row is not None:
            return row
        place = bisect_right(self._firsts, number) - 1
        if place >= 0:
            first, row, count = self._runs[place]
            if number < first + count:
                return row + number - first
        return default

    def __getitem__(self, number: int) -> int:
        row: int | None = self.get(number)
        if row is None:
            raise KeyError(number)
        return row

    def __contains__(self, number: object) -> bool:
        return self.get(number) is not None


class Writer(Struct):
    """One writer.

    Attributes:
        name: Its id: ``"main"`` for the process that began the execution.
        epoch: Nanoseconds since the epoch at which its times are zero.
        head: The head of one of its segments.
        last: Its last sign of life, in its own time.
        rows: Row of the span table by span number.
        alive: Whether it may still write.
        last_segment: The path of its newest segment.
        read: How many of its records were read, as far as the lines that check batches tell.
        torn: How many records at the end of its last segment cannot be read.
        replaced: Whether its process became another program.
    """

    name: str
    epoch: int = 0
    head: records.Head | None = None
    last: int = 0
    rows: RowIndex = field(default_factory=RowIndex)
    alive: bool = False
    last_segment: str = ""
    read: int = 0
    torn: int = 0
    replaced: bool = False

    @property
    def host(self) -> str:
        """Its machine; empty if its head is missing."""
        return self.head.process.host if self.head is not None else ""

    def heard_at(self, time: int) -> None:
        """Take note of a sign of life, in its own time."""
        self.last = max(self.last, time)

    def global_ref(self, ref: records.Ref) -> str:
        """Name what one of its records refers to, as every writer's records can."""
        return ref if isinstance(ref, str) else f"{self.name}.{ref}"
