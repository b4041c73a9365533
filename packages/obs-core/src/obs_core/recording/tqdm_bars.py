"""Bars of tqdm that run: they are looked at each second, and nothing of tqdm is changed."""

from __future__ import annotations

import math
import sys
import weakref
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from obs_core import clock
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.recording.amounts import amount
from obs_core.recording.metrics_deck import announce
from obs_core.recording.run import Run, TaskState
from obs_core.recording.scope import active
from obs_core.text.masking import mask

if TYPE_CHECKING:
    from obs_core.values.curves import ProgressBar

__all__ = ["watched"]

_MOST = 50
_EVERY = 500_000_000


class _Seen(Struct):
    """A bar that was seen.

    Attributes:
        bar: The bar: what it ended with is read from it.
        task: The task that it is taken to belong to.
        number: Its number in the journal.
        start: When it began, by `obs_core.clock.wall`: as tqdm knows it, or else when it was seen first.
        written: What was written of it last.
    """

    bar: Any
    task: TaskState
    number: int
    start: int
    written: tuple[int | float, int | float | None, str, bool] | None = None
    unit: str = "it"
    counted: int = 0
    initial: int | float = 0


class _Watch:
    """The bars of an execution."""

    def __init__(self, run: Run) -> None:
        self._run = weakref.ref(run)
        self._seen: dict[int, _Seen] = {}
        self._shown: list[_Seen] = []
        self._looked = 0

    def bars_of(self, task: TaskState) -> list[ProgressBar]:
        """Return the bars of a task, those that have ended too."""
        self._looked = 0
        self.look()
        return [_bar(seen) for seen in self._shown if seen.task is task and seen.written is not None]

    def look(self) -> None:
        """Append how far the bars are, if tqdm is there."""
        tqdm = sys.modules.get("tqdm.std")
        if tqdm is None:
            return
        now = clock.wall()
        run = self._run()
        try:
            if now - self._looked < _EVERY and not self._has_closed_one():
                return
            self._looked = now
            if run is not None and run.is_recorded:  # a bar by itself, in a cell say, begins no execution
                self._take(run, list(getattr(tqdm.tqdm, "_instances", ())), now)
        except Exception as error:
            # Another thread makes a bar just now, or this is a tqdm that nobody has seen yet: next time, or never.
            let_pass(error)

    def _has_closed_one(self) -> bool:
        """Tell whether a bar was closed since the last look, which tqdm notes in the bar: it may be the last look."""
        return any(getattr(seen.bar, "disable", None) is True for seen in list(self._seen.values()))

    def _take(self, run: Run, bars: list[Any], now: int) -> None:
        for bar in bars:
            if id(bar) not in self._seen and len(self._seen) < _MOST:
                task = _task_of(run)
                if task is not None:
                    seen = self._seen[id(bar)] = _Seen(bar, task, task.next_number(), now)
                    self._shown = [*self._shown[-_MOST:], seen]
        there = set(map(id, bars))
        for key, seen in list(self._seen.items()):
            self._write(seen, now, ended=key not in there)
            if key not in there:
                seen.bar = None
                del self._seen[key]

    def _write(self, seen: _Seen, now: int, ended: bool) -> None:
        bar = seen.bar
        done = amount(bar.n)
        state = (0 if done is None else done, amount(bar.total), str(bar.desc or "").removesuffix(": "), ended)
        if state == seen.written:
            return
        began = _seconds(bar, "start_t")
        if began is not None:  # again each time: `reset` and `unpause` change it
            seen.start = now - _since(bar, began)
            seen.initial = amount(getattr(bar, "initial", 0)) or 0
        seen.written, seen.unit, at = state, str(bar.unit), _counted(bar, state[0], now, ended)
        seen.counted = max(0, at - seen.start)
        announce(seen.task)
        seen.task.append(
            records.Progress(
                seen.number,
                seen.task.own_ref(),
                state[2],
                at,
                seen.start,
                state[0],
                state[1],
                seen.unit,
                ended,
                seen.initial,
            )
        )


def _seconds(bar: Any, name: str) -> float | None:
    """Return a time of tqdm's own clock; None where there is none."""
    found = getattr(bar, name, None)
    return found if isinstance(found, float) and math.isfinite(found) else None


def _since(bar: Any, moment: float) -> int:
    """Return nanoseconds since a time of tqdm's own clock, which the program may give it."""
    return max(0, int((bar._time() - moment) * 1e9))


def _counted(bar: Any, done: int | float, now: int, ended: bool) -> int:
    """Return when so many were done, as far as tqdm knows it.

    tqdm looks at its clock now and then. It counts items only then, but for the last ones: these took about as long as
    those before them.
    """
    looked, began, counted = (
        _seconds(bar, "last_print_t"),
        _seconds(bar, "start_t"),
        amount(getattr(bar, "last_print_n", None)),
    )
    if looked is None or began is None or counted is None:
        return now
    at, came = now - _since(bar, looked), counted - (amount(bar.initial) or 0)
    if done == counted:
        return at
    if ended and came > 0 and done > counted:
        return min(now, at + int((looked - began) * 1e9 / came * (done - counted)))
    return now


def _bar(seen: _Seen) -> ProgressBar:
    from obs_core.values.curves import ProgressBar  # once there is a bar

    assert seen.written is not None
    done, total, name, ended = seen.written
    if ended:
        counted = seen.counted
        return ProgressBar(mask(name), done, total, seen.unit, counted, "ended", 0, counted, seen.initial)
    elapsed = max(seen.counted, clock.wall() - seen.start)
    idle = elapsed - seen.counted
    return ProgressBar(mask(name), done, total, seen.unit, elapsed, "running", idle, seen.counted, seen.initial)


def _task_of(run: Run) -> TaskState | None:
    """Return the task that a bar belongs to: the innermost of those that run, if they called each other."""
    running = sorted((task for task in list(active) if task.run is run), key=lambda task: task.depth)
    for inner, outer in zip(running[1:], running[:-1], strict=True):
        if inner.parent is None or inner.parent.task is not outer:
            return run.root
    return running[-1] if running else run.root


def watched(run: Run) -> Run:
    """Look at the bars of tqdm whenever this execution is written."""
    watch = _Watch(run)
    run.progress.append(watch)
    run.journal.sources.append(watch.look)
    return run
