"""The line at the bottom of the terminal while a pipeline runs: what is done, what runs, and for how long still.

The last row is taken out of what scrolls (DECSTBM), as package managers do. So whatever writes to the terminal, Python,
a C library or a subprocess, scrolls above the line and never meets it: nobody's stream is wrapped for that, and bars of
loops keep their place. The line is written to the terminal by a descriptor of its own, whole sequences at a time, and
never waits for a terminal that is stopped. The flusher's thread draws it each second. A program that is killed has
somebody who gives the row back (`obs_core.recording.row_guard`).
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from obs_core import clock, settings
from obs_core.background import Background
from obs_core.failsafe import guarded
from obs_core.interruptions import let_pass
from obs_core.journal import flusher
from obs_core.locks import new_rlock, take
from obs_core.quiet_handlers import undisturbed
from obs_core.recording import samplers
from obs_core.recording.process_end import is_child_of_multiprocessing
from obs_core.recording.row_guard import GIVE_BACK, RowGuard
from obs_core.recording.run import Run, TaskState
from obs_core.recording.scope import active
from obs_core.store.paths import EXECUTIONS
from obs_core.text.durations import format_duration
from obs_core.text.masking import mask, masked_text
from obs_core.text.numbers import byte_size, plural, statistic
from obs_core.text.terminal import Screen, cut, is_terminal

if TYPE_CHECKING:
    from obs_core.values.curves import ProgressBar

__all__ = ["erase", "watch"]

_FEWEST_ROWS, _FEWEST_COLUMNS = 5, 20
"""A terminal with fewer rows has none to spare, and one with fewer columns shows nothing of use in one."""

_SHORTEST = 500_000_000
"""Nanoseconds that a pipeline runs before it gets a line."""

_BEFORE_LOOKING_BACK = 3_000_000_000
"""Nanoseconds after which earlier runs are looked at, to estimate when this one ends."""

_LOOKED_THROUGH, _COMPARED = 50, 5
"""Executions among which earlier runs are looked for, and how many of them make the estimate."""

_MOST_OF_A_NAME = 40


def watch(run: Run) -> None:
    """Show how an execution goes, if somebody sits at a terminal."""
    global _line
    if _is_child or not is_terminal(sys.stderr) or settings.quiet() or os.environ.get("CI"):
        return
    with guarded("showing the status line"):
        if _line is None and not _is_part_of_another():
            terminal = _terminal_of(sys.stderr)
            if terminal is not None:
                _line = _Line(terminal)
                flusher.each_round(_draw)
                atexit.register(_leave)
        if _line is not None:
            run.ended_tasks = []


def erase() -> None:
    """Take the line away if nothing runs any more: an execution has ended."""
    line = _line
    if line is not None and line.height:
        taken: list[bool] = []
        try:
            if take(_lock, taken, 1.0) and not _running():
                line.erase()
        finally:
            if True in taken:
                _lock.release()


def _is_part_of_another() -> bool:
    """Tell whether another process has the line: the one that began the execution, or that this one works for."""
    return is_child_of_multiprocessing() or bool(settings.carrier_text()) or os.environ.get("TERM", "dumb") == "dumb"


def _terminal_of(stream: Any) -> int | None:
    """Open the terminal once more: a descriptor of our own may be told not to wait, and stays when others are moved."""
    try:
        return os.open(os.ttyname(stream.fileno()), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except (OSError, AttributeError, ValueError):  # no such thing on this system, or its name leads nowhere in here
        return None


def _running() -> list[TaskState]:
    """Return the running tasks of executions that have a line, those of the one that began first."""
    tasks = [task for task in list(active) if task.run.ended_tasks is not None and task.run.root.ended is None]
    if not tasks:
        return []
    first = min((task.run for task in tasks), key=lambda run: run.root.start)
    return sorted((task for task in tasks if task.run is first), key=lambda task: task.start)


def _draw() -> None:
    line = _line
    if line is None:
        return
    taken: list[bool] = []
    try:
        if take(_lock, taken):
            _draw_what_runs(line)
    except Exception as error:
        let_pass(error)
    finally:
        if True in taken:
            _lock.release()


def _draw_what_runs(line: _Line) -> None:
    tasks = _running()
    if not tasks or _others_show_progress():
        line.erase()
    elif clock.wall() - tasks[0].run.root.start >= _SHORTEST:
        line.draw(tasks)


def _others_show_progress() -> bool:
    """Tell whether the program has a display of its own: bars of tqdm, or something live of rich."""
    tqdm = sys.modules.get("tqdm.std")
    if tqdm is not None and any(not bar.disable for bar in list(getattr(tqdm.tqdm, "_instances", ()))):
        return True
    return "rich.live" in sys.modules and any(
        type(thread).__module__ in ("rich.live", "rich.progress") for thread in threading.enumerate()
    )


class _Line:
    """The line in one terminal.

    Attributes:
        height: Rows of the terminal when the line was drawn last; 0 while there is none.
    """

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._guard: RowGuard | None = None
        self._metric = ""
        self._counts: dict[tuple[int, str], int] = {}
        self._run: Run | None = None
        self._done = self._failed = 0
        self._usual: int | None = None
        self._looked_back = False
        self.height = 0

    def draw(self, tasks: Sequence[TaskState]) -> None:
        """Show how these tasks stand."""
        width, height = os.get_terminal_size(self._terminal)
        if height < _FEWEST_ROWS or width < _FEWEST_COLUMNS or not _is_ours(self._terminal):
            return
        screen = Screen.of(sys.stderr)
        text = screen.name(cut(screen.draw(mask(self._text(tasks))), width - 1))
        if not self.height:
            self._guard = self._guard or RowGuard(self._terminal)
            self._guard.tell(shown=True)
        # Where the cursor stands on the last row, what is shown moves up by one (IND, then back): of a terminal that
        # was made smaller the cursor may have come to stand there, and nothing scrolls below what is set apart.
        room = "" if self.height == height else "\x1b7\x1b[r\x1b8\x1bD\x1b[A"
        self._write(f"{room}\x1b7\x1b[1;{height - 1}r\x1b[{height};1H\x1b[2K{screen.paint(text, 'dim')}\x1b8")
        self.height = height

    def erase(self) -> None:
        """Give the last row back."""
        if self.height:
            self.height = 0
            self._write(GIVE_BACK)
            if self._guard is not None:
                self._guard.tell(shown=False)

    def leave(self) -> None:
        """Let go of what watches over the row."""
        if self._guard is not None:
            self._guard.leave()

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # it is stopped, or gone
            os.write(self._terminal, text.encode("utf-8", "replace"))

    def _text(self, tasks: Sequence[TaskState]) -> str:
        run = tasks[0].run
        if run is not self._run:
            self._run, self._done, self._failed, self._metric = run, 0, 0, ""
            self._usual, self._looked_back = None, False
            self._counts.clear()
        return f"{masked_text(run.name, _MOST_OF_A_NAME)}  {' · '.join(filter(None, self._parts(run, tasks)))}"

    def _parts(self, run: Run, tasks: Sequence[TaskState]) -> Iterator[str]:
        self._count_ended(run)
        now = clock.wall()
        yield f"{plural(self._done, 'task')} done" if self._done else ""
        yield f"{self._failed} failed" if self._failed else ""
        callers = {task.parent.task for task in tasks if task.parent is not None}
        innermost = [task for task in tasks if task not in callers and task is not run.root]
        if innermost:
            more = f" and {len(innermost) - 1} more" if len(innermost) > 1 else ""
            yield f"{masked_text(innermost[0].name, _MOST_OF_A_NAME)} {_whole(now - innermost[0].start)}{more}"
        else:
            yield _whole(now - run.root.start)
        yield self._last_metric(tasks)
        yield _memory(run)
        yield self._estimate(run, tasks, now - run.root.start)

    def _count_ended(self, run: Run) -> None:
        ended = run.ended_tasks
        if ended:
            taken = ended[:]
            del ended[: len(taken)]  # more may have ended meanwhile
            self._done += sum(taken)
            self._failed += len(taken) - sum(taken)

    def _last_metric(self, tasks: Sequence[TaskState]) -> str:
        for task in tasks:
            for name, series in list(task.metrics.items()):
                key = id(task), name
                count, last = series.figures.count, series.figures.last
                if count != self._counts.get(key):
                    self._counts[key] = count
                    shown = statistic(last) if math.isfinite(last) else str(last)
                    self._metric = f"{masked_text(name, _MOST_OF_A_NAME)} {shown}"
        return self._metric

    def _estimate(self, run: Run, tasks: Sequence[TaskState], elapsed: int) -> str:
        for bar in _bars(run, tasks):
            if (left := bar.remaining) is not None:
                return f"{_whole(left)} to go"
        if not self._looked_back and elapsed >= _BEFORE_LOOKING_BACK and run.store.local:
            self._looked_back = True
            Background(self._look_back, "obs-status", (run,)).start()
        usual = self._usual
        if usual is None:
            return ""
        return f"about {_whole(usual - elapsed)} to go" if usual > elapsed else f"usually {format_duration(usual)}"

    def _look_back(self, run: Run) -> None:
        """Take the median duration of the last good runs of this name."""
        with contextlib.suppress(Exception):
            with samplers.importing():
                from obs_core.assembly.summary import read_summary
            durations: list[int] = []
            for execution_id in run.store.names(EXECUTIONS)[: -_LOOKED_THROUGH - 1 : -1]:
                view = None if execution_id == run.id else read_summary(run.store, execution_id)
                if view is not None and view.name == run.name and view.status == "succeeded":
                    durations.append(view.duration)
                    if len(durations) == _COMPARED:
                        break
            if durations and run is self._run:
                self._usual = sorted(durations)[len(durations) // 2]


def _bars(run: Run, tasks: Sequence[TaskState]) -> Iterator[ProgressBar]:
    for task in tasks:
        for log in list(run.progress):
            yield from log.bars_of(task)


def _memory(run: Run) -> str:
    for sampler in samplers.running():
        latest = getattr(sampler, "latest", None)
        memory = None if latest is None else latest(run).get("rss")
        if memory is not None:
            return byte_size(memory)
    return ""


def _whole(nanoseconds: int) -> str:
    """Write a duration in whole seconds: the line is drawn once a second."""
    seconds = max(1, nanoseconds // 1_000_000_000)
    return f"{seconds} s" if seconds < 60 else format_duration(seconds * 1_000_000_000)


def _is_ours(terminal: int) -> bool:
    """Tell whether the terminal shows this program's lines: neither an editor's screen nor another job's output."""
    import termios

    if not termios.tcgetattr(terminal)[3] & termios.ICANON:
        return False  # an editor, a pager, or a prompt that edits its line
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return True  # a terminal without jobs


_line: _Line | None = None
_lock = new_rlock()
_is_child = False


@undisturbed
def _leave() -> None:
    global _line
    line, _line = _line, None
    if line is None:
        return
    taken: list[bool] = []
    try:
        if take(_lock, taken, 1.0):
            line.erase()
            line.leave()
    finally:
        if True in taken:
            _lock.release()


def _after_fork() -> None:
    """Leave the line to the parent."""
    global _line, _is_child
    if _line is not None:
        _line.leave()
    _line, _is_child = None, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
