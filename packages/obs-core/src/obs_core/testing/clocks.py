"""Time and ids that are the same in each run of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import Any
from unittest.mock import patch

__all__ = ["FixedClock", "counted_ids"]


class FixedClock:
    """All of obs's clocks, which stand still until you move them.

    Args:
        epoch: Where it stands at first, in seconds since 1970. Default: 2026-01-01 00:00:00 UTC.

    Examples:
        >>> from obs_core.testing import recording
        >>> with FixedClock() as clock, recording() as store:
        ...     with execution("night"), span("load"):
        ...         clock.advance(1.5)
        >>> store.last().span.children[0].duration
        1.5
    """

    def __init__(self, epoch: float = 1_767_225_600.0) -> None:
        self._epoch = int(epoch * 1e9)
        self._wall = 0
        self._process = 0

    def advance(self, seconds: float, process: float | None = None) -> None:
        """Let time pass.

        Args:
            seconds: Wall time.
            process: CPU time in seconds. Default: as much as wall time.
        """
        self._wall += round(seconds * 1e9)
        self._process += round((seconds if process is None else process) * 1e9)

    def __enter__(self) -> FixedClock:
        from obs_core import clock

        self._patches: list[Any] = [
            patch.object(clock, "wall", lambda: self._wall),
            patch.object(clock, "process", lambda: self._process),
            patch.object(clock, "epoch", lambda: self._epoch + self._wall),
            patch("obs_core.recording.spans._FRESH", -(2**62)),
            # What was read of this clock is not compared with the real one later.
            patch("obs_core.recording.spans._read_at", 0),
            patch("obs_core.recording.spans._process_time", 0),
        ]
        for one in self._patches:
            one.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for one in reversed(self._patches):
            one.stop()


@contextmanager
def counted_ids(prefix: str = "execution") -> Iterator[None]:
    """Call executions ``"execution-1"``, ``"execution-2"`` ..., and further writers ``"w1"`` ..."""
    executions, writers = count(1), count(1)
    with (
        patch("obs_core.identity.new_execution_id", lambda: f"{prefix}-{next(executions)}"),
        patch("obs_core.identity.new_writer_id", lambda: f"w{next(writers)}"),
    ):
        yield
