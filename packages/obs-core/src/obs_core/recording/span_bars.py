"""The spans that a task keeps at hand for its Timeline deck: the longest ones."""

from __future__ import annotations

from typing import Protocol

from obs_core.values.gantt import Bar

_KEPT = 2_000
"""Bars in a Timeline deck at most: more than a page can show."""


class EndedSpan(Protocol):
    """A span, as its bar needs it."""

    name: str
    start: int
    end: int
    cpu: int
    error: type[BaseException] | None


class SpanBars:
    """A task's longest ended spans, in bounded memory.

    Args:
        epoch: Nanoseconds since the epoch at which the wall clock would be zero.
    """

    __slots__ = ("_bars", "_epoch", "_shortest", "total")

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._bars: list[tuple[int, int, str, int, bool]] = []
        self._shortest = -1
        self.total = 0

    def add(self, ended: EndedSpan) -> None:
        """Take note of a span that has ended."""
        self.total += 1
        duration = ended.end - ended.start
        if duration <= self._shortest:
            return
        self._bars.append((duration, ended.start, ended.name, ended.cpu, ended.error is not None))
        if len(self._bars) >= 2 * _KEPT:
            self._bars.sort(reverse=True)
            del self._bars[_KEPT:]
            self._shortest = self._bars[-1][0]

    def bars(self) -> list[Bar]:
        """Return the bars, in the order in which the spans began."""
        kept = sorted(self._bars, reverse=True)[:_KEPT]
        kept.sort(key=lambda bar: bar[1])
        return [
            Bar(
                name=name,
                start=start + self._epoch,
                finish=start + self._epoch + duration,
                process_time=process_time,
                failed=failed,
            )
            for duration, start, name, process_time, failed in kept
        ]
