"""Times by operation and task: what took longer or shorter than it usually does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from obs_core.model import ExecutionView
from obs_core.reading.changes.change import Change, Sureness
from obs_core.reading.changes.earlier import Earlier, folded
from obs_core.reading.changes.sides import Operation, Side
from obs_core.reading.usual import Usual, usual
from obs_core.text.durations import format_duration

__all__ = ["Times", "changed_times"]

_MANY_NAMES = 200
"""Names of operations beyond which they are added up without their numbers."""

_LEAST = 1_000_000
"""Nanoseconds below which no difference is told."""

_LEAST_SHARE = 0.01
"""Share of an execution's duration below which no difference is told."""

_TWICE = 1.5
"""How many times as long it has to take where too few earlier runs are known."""

_MOST = 40

_WEIGHT_OF_OTHER = 0.6
"""How much less telling it is that the other execution's time is the unusual one."""

Operations = Mapping[tuple[bool, str], Operation]

Of = Literal["execution", "task", "operation"]

_OF: dict[bool, Of] = {True: "task", False: "operation"}


class Times:
    """What takes part in a comparison of times.

    Args:
        before: The other execution.
        after: The execution.
        earlier: The good ones before it.
    """

    def __init__(self, before: Side, after: Side, earlier: Earlier) -> None:
        many = max(len(before.operations), len(after.operations)) > _MANY_NAMES
        self.before = _folded(before.operations) if many else before.operations
        self.after = _folded(after.operations) if many else after.operations
        self.earlier = earlier
        self.folds = many
        self.usual = 0
        self._ids = {name: calls[-1].id for name, calls in after.by_name.items()}
        self._whole = max(before.view.duration, after.view.duration, 1)
        self._complete = after.view.status == "succeeded"
        self._views = before.view, after.view

    def changes(self) -> Iterator[Change]:
        """Go through what took longer or shorter than usual."""
        yield from self._of_execution(*self._views)
        found = [change for key in self.after if (change := self._of_operation(key)) is not None]
        found.sort(key=lambda change: -change.weight)
        yield from found[:_MOST]

    def _of_execution(self, before: ExecutionView, after: ExecutionView) -> Iterator[Change]:
        if not self._complete:
            return  # how long it lasted until it failed tells nothing
        was, now = (Operation(view.duration, 1, is_open=view.status == "lost") for view in (before, after))
        change = self._change(after.name, "execution", was, now, self.earlier.durations())
        if change is not None:
            yield change

    def _of_operation(self, key: tuple[bool, str]) -> Change | None:
        before, after = self.before.get(key), self.after[key]
        if before is None:
            return None if key[0] else self._new(key[1], after)
        seen = self.earlier.times(key, self.folds)
        return self._change(key[1], _OF[key[0]], before, after, seen, after.task)

    def _new(self, name: str, after: Operation) -> Change | None:
        """Tell of an operation that was not there; a new task is told elsewhere."""
        if after.total < max(_LEAST, _LEAST_SHARE * self._whole):
            return None
        return Change(
            kind="time",
            what=name,
            of="operation",
            after=after.took,
            task=after.task,
            after_task=self._ids.get(after.task, ""),
            weight=45 + 40 * min(1, after.total / self._whole),
        )

    def _change(
        self, name: str, of: Of, before: Operation, after: Operation, seen: list[int], task: str = ""
    ) -> Change | None:
        of_other = False
        if (band := usual(seen)) is None:
            sure, note, typical = _without_spread(before.total, after.total, len(seen))
        else:
            sure, note, typical = _beside(band, after.total), _usually(band), band.median
            # Two times differ, whichever of them is the unusual one.
            if sure is None and (sure := _beside(band, before.total)) is not None:
                of_other, typical = True, before.total
                note = f"unusual before, {note}"
        difference = after.total - typical
        if sure is None or abs(difference) < max(_LEAST, _LEAST_SHARE * self._whole):
            self.usual += 1
            return None
        if difference < 0 and not self._complete:
            return None  # what did not come to its end is no quicker
        share = min(1.0, abs(difference) / self._whole)
        weight = (50 if self._complete else 40) + 45 * share - (20 if sure == "possible" else 0)
        weight *= _WEIGHT_OF_OTHER if of_other else 1
        counts = "" if before.count == after.count else f"{_calls(before.count)}, then {_calls(after.count)}"
        return Change(
            kind="time",
            what=name,
            before=before.took,
            after=after.took,
            sure=sure,
            note="; ".join(filter(None, (note, counts))),
            of=of,
            task=task,
            after_task=self._ids.get(task, ""),
            weight=weight if difference > 0 else 0.6 * weight,
        )


def changed_times(before: Side, after: Side, earlier: Earlier) -> tuple[list[Change], int]:
    """Return what took longer or shorter than usual, and how many others vary as they always do.

    Args:
        before: The other execution.
        after: The execution.
        earlier: The good ones before it.
    """
    times = Times(before, after, earlier)
    found = list(times.changes())
    return found, times.usual


def _beside(band: Usual, value: int) -> Sureness | None:
    """Tell how sure it is that a value is not usual; None if it is."""
    if band.judge(value) == "usual":
        return None
    distance = value - band.high if value > band.high else band.low - value
    return "certain" if band.runs >= 8 and distance > band.high - band.low else "likely"


def _usually(band: Usual) -> str:
    low, high = format_duration(round(band.low)), format_duration(round(band.high))
    return f"usually {low} to {high} ({band.runs} earlier runs)"


def _without_spread(before: int, after: int, known: int) -> tuple[Sureness | None, str, float]:
    """Compare two values alone: only what is far off is told, and that it may vary as much."""
    least, most = sorted((before, after))
    runs = "no earlier good run is" if not known else f"only {known} earlier good run{'s are' if known > 1 else ' is'}"
    note = f"it may vary that much: {runs} known"
    return ("possible" if most > _TWICE * max(least, 1) else None), note, before


def _calls(count: int) -> str:
    return f"{count:,} call{'s' if count != 1 else ''}"


def _folded(operations: Operations) -> dict[tuple[bool, str], Operation]:
    found: dict[tuple[bool, str], Operation] = {}
    for (task, name), one in operations.items():
        sums = found.setdefault((task, folded(name)), Operation(task=one.task))
        sums.total += one.total
        sums.count += one.count
        sums.is_open |= one.is_open
    return found
