"""Bars of tqdm that run: they are looked at each second, and nothing of tqdm is changed."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from obs_core import clock
from obs_core.interruptions import let_pass
from obs_core.journal import records
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
        start: When it was seen first, by `obs_core.clock.wall`.
        written: What was written of it last.
    """

    bar: Any
    task: TaskState
    number: int
    start: int
    written: tuple[int, int | None, str, bool] | None = None
    unit: str = "it"
    elapsed: int = 0


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
        if now - self._looked < _EVERY:
            return
        self._looked = now
        run = self._run()
        try:
            if run is not None:
                self._take(run, list(getattr(tqdm.tqdm, "_instances", ())), now)
        except Exception as error:
            # Another thread makes a bar just now, or this is a tqdm that nobody has seen yet: next time, or never.
            let_pass(error)

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
        total = None if bar.total is None else int(bar.total)
        state = (int(bar.n), total, str(bar.desc or "").removesuffix(": "), ended)
        if state == seen.written:
            return
        seen.written, seen.unit, seen.elapsed = state, str(bar.unit), now - seen.start
        announce(seen.task)
        seen.task.append(
            records.Progress(
                seen.number,
                seen.task.own_ref(),
                state[2],
                now,
                seen.start,
                state[0],
                total,
                seen.unit,
                ended,
            )
        )


def _bar(seen: _Seen) -> ProgressBar:
    from obs_core.values.curves import ProgressBar  # once there is a bar

    assert seen.written is not None
    done, total, name, ended = seen.written
    return ProgressBar(mask(name), done, total, seen.unit, seen.elapsed, "ended" if ended else "running")


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
