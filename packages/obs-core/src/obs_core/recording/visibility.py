"""When what begins is written: at once, so that a kill leaves something to be seen, unless too much begins."""

from __future__ import annotations

import os

from obs_core import clock
from obs_core.journal import flusher
from obs_core.recording import faults
from obs_core.recording.run import Run, live

__all__ = ["make_task_visible", "make_visible"]


class _Rate:
    """Lets something be done at once, unless it was done too often lately.

    Args:
        each: Nanoseconds after which it may be done once more.
        burst: How often it may be done without any pause.

    Source: the generic cell rate algorithm, https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm.
    """

    __slots__ = ("_due", "_each", "_tolerance")

    def __init__(self, each: int, burst: int) -> None:
        self._each, self._tolerance = each, each * (burst - 1)
        self._due = 0

    def allows(self, now: int) -> bool:
        """Tell whether it may be done now, and count that."""
        due = self._due
        if due < now:
            due = now
        elif due - now > self._tolerance:
            if due - now <= self._tolerance + self._each:
                return False
            due = now  # the clock was set back
        self._due = due + self._each
        return True


def make_visible(run: Run) -> None:
    """Write how an execution begins: from here on a kill leaves something that can be seen.

    Where many follow each other, what they begin with is written in the background, within a twentieth of a second.
    """
    now = clock.wall()
    if not run.store.begins_slowly or _begins.allows(now):
        run.journal.flush()
    else:
        _make_visible_soon(run)
    if _follows.allows(now):
        faults.follow(run)


def make_task_visible(run: Run) -> None:
    """Write that a task of an execution began, as `make_visible` does: a kill leaves it to be seen."""
    if _task_begins.allows(clock.wall()):
        run.journal.flush()
    elif not _is_due:
        _make_visible_soon(run)


def _make_visible_soon(run: Run) -> None:
    """Let the background thread write what has begun, unless it has ended by then."""
    global _is_due
    if not _is_due:
        _is_due = flusher.soon(_write_what_began)
        if not _is_due:
            run.journal.flush()


def _write_what_began() -> None:
    global _is_due
    _is_due = False
    for run in live.values():
        if run.journal.items:
            run.journal.beat()


def _new_rates() -> None:
    global _begins, _follows, _task_begins, _is_due
    _begins, _task_begins = _Rate(250_000_000, burst=3), _Rate(10_000_000, burst=20)
    _follows = _Rate(1_000_000_000, burst=1)  # it costs the most, and only a crash needs it
    _is_due = False


_begins: _Rate
_follows: _Rate
_task_begins: _Rate
_is_due: bool
_new_rates()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_rates)  # the parent's say nothing of this process
