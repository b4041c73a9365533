"""What is known of the writers of an execution while its journal is put together."""

from __future__ import annotations

from msgspec import Struct, field

from obs_core.journal import records

__all__ = ["Writer"]


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
    """

    name: str
    epoch: int = 0
    head: records.Head | None = None
    last: int = 0
    rows: dict[int, int] = field(default_factory=dict)
    alive: bool = False
    last_segment: str = ""
    read: int = 0
    torn: int = 0

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
