"""What ``obs run`` cannot see of its program: the exception that ends it. It sees the exit code alone."""

from __future__ import annotations

import os
from types import FrameType

from obs_core.journal import flusher, records
from obs_core.journal.numbering import ROOT
from obs_core.recording.process_end import ProcessEnd
from obs_core.recording.raised import others_raised, raised_at
from obs_core.recording.run import Run

__all__ = ["follow_the_end", "gone_on_with"]

gone_on_with: dict[str, object] = {}
"""The execution of ``obs run`` that the program went on with as its own, by its id."""

_process_end: ProcessEnd | None = None
_run: Run | None = None
"""The execution of ``obs run``, as this process writes to it."""


def follow_the_end(run: Run, early: FrameType | None = None) -> None:
    """Let ``obs run`` know by which exception this process ends.

    Args:
        run: Its execution.
        early: As for `ProcessEnd`.
    """
    global _process_end, _run
    if _run is None:
        _process_end, _run = ProcessEnd(early), run
        if not run.store.local:
            flusher.at_exit_of_threads(_tell)


def _tell() -> None:
    global _process_end
    known, _process_end = _process_end, None
    if known is None or _run is None:
        return
    error = known.error()
    known.close()
    if error is not None:
        _run.journal.append(records.Raised(ROOT, raised_at(error), others_raised(error)))
        _run.journal.flush(wait=True)


def _after_fork() -> None:
    """Leave to the parent, in a forked child, what the parent has begun."""
    global _process_end, _run
    if _process_end is not None:
        _process_end.close()
    _process_end = _run = None


flusher.at_last(_tell)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
