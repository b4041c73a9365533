"""What ``obs run`` cannot see of its program: the exception that ends it. It sees the exit code alone."""

from __future__ import annotations

import os
from types import FrameType

from obs_core.failsafe import guarded
from obs_core.journal import flusher, records
from obs_core.journal.numbering import ROOT
from obs_core.quiet_handlers import undisturbed
from obs_core.recording.process_end import ProcessEnd, follow_process_end
from obs_core.recording.raised import (
    Told,
    came_while_handling,
    left_first,
    notes_added,
    others_raised,
    raised_at,
    refs_of,
    tasks_ended_by,
)
from obs_core.recording.run import TaskState

__all__ = ["follow_the_end", "gone_on_with", "tell_at_last"]

gone_on_with: dict[str, object] = {}
"""The execution of ``obs run`` that the program went on with as its own, by its id."""

_process_end: ProcessEnd | None = None
_root: TaskState | None = None
"""The execution of ``obs run``, as this process writes to it."""

_told = False
"""Whether it was told of a failure."""


def follow_the_end(root: TaskState, early: FrameType | None = None) -> None:
    """Let ``obs run`` know by which exception this process ends.

    Args:
        root: Its execution, as spans of this process stand in it.
        early: As for `follow_process_end`.
    """
    global _process_end, _root
    if _root is None:
        _root = root
        _process_end = follow_process_end(early, _tell_of)
        if not root.run.store.local:
            flusher.at_exit_of_threads(undisturbed(tell_at_last))


def _tell_of(error: Told | None) -> None:
    """Tell at once what leaves the program: a signal may end it before its last step.

    Args:
        error: The failure; None if what was told before turns out to be none.
    """
    global _told
    if _root is None or (error is None and not _told):
        return
    with guarded("telling obs run how this process ends"):
        _told = error is not None
        raised = records.Raised(ROOT, [])
        if error is not None:
            tasks = refs_of(tasks_ended_by(error), _root.run.id)
            chain, others, where = raised_at(error), others_raised(error), left_first(_root, error)
            handled, notes = came_while_handling(error), notes_added(error)
            raised = records.Raised(ROOT, chain, others, where, tasks, handled, *notes)
        _root.journal.append(raised)
        _root.journal.flush()


def tell_at_last() -> None:
    """Tell how this process ends: it is about to."""
    global _process_end
    known, _process_end = _process_end, None
    if known is None or _root is None:
        return
    error = known.error()
    known.close()
    if error is not None and not _told:
        _tell_of(error)
    if _told:
        _root.journal.flush(wait=True)


def _after_fork() -> None:
    """Leave to the parent, in a forked child, what the parent has begun."""
    global _process_end, _root, _told
    if _process_end is not None:
        _process_end.close()
    _process_end = _root = None
    _told = False


flusher.at_last(tell_at_last)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
