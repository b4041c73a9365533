"""The spans that a task keeps at hand for its Timeline deck: the longest ones."""

from __future__ import annotations

from typing import Any, Protocol

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

    @property
    def parent(self) -> Any:
        """What it was in: a `Scope`, of which this file cannot know, since a task knows its bars."""


class SpanBars:
    """A task's longest ended spans, in bounded memory.

    Args:
        epoch: Nanoseconds since the epoch at which the wall clock would be zero.
    """

    __slots__ = ("_bars", "_epoch", "_shortest", "total")

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._bars: list[_Kept] = []
        self._shortest = -1
        self.total = 0

    def add(self, ended: EndedSpan) -> None:
        """Take note of a span that has ended."""
        self.total += 1
        duration = ended.end - ended.start
        if duration <= self._shortest:
            return
        failed = ended.error is not None
        # Only of what failed: what is around it tells, once that has ended, whether the error was handled.
        around = ended.parent if failed else None
        self._bars.append((duration, ended.start, ended.name, ended.cpu, failed, around))
        if len(self._bars) >= 2 * _KEPT:
            self._bars.sort(key=_without_scope, reverse=True)
            del self._bars[_KEPT:]
            self._shortest = self._bars[-1][0]

    def bars(self) -> list[Bar]:
        """Return the bars, in the order in which the spans began."""
        kept = sorted(self._bars, key=_without_scope, reverse=True)[:_KEPT]
        kept.sort(key=lambda bar: bar[1])
        return [
            Bar(
                name=name,
                start=start + self._epoch,
                finish=start + self._epoch + duration,
                process_time=process_time,
                failed=failed,
                handled=_went_well(around),
            )
            for duration, start, name, process_time, failed, around in kept
        ]


_Kept = tuple[int, int, str, int, bool, Any]


def _without_scope(bar: _Kept) -> tuple[object, ...]:
    return bar[:5]  # scopes have no order


def _went_well(around: Any) -> bool:
    """Tell whether what is around a failed span, up to its task, went well: what has not ended may fail yet.

    So does `obs_core.assembly.failures` of what was read back.
    """
    while around is not None and around is not around.task:
        if getattr(around, "end", 0) <= 0:  # it is open, or only its number is known
            return False
        if around.error is None:
            return True
        around = around.parent
    return around is not None and around.ended is not None and around.failure is None
