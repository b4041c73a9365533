"""Work for a task's report that goes on after the task has returned its result."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from obs_core.background import Background
from obs_core.failsafe import guarded
from obs_core.journal import flusher
from obs_core.locks import new_lock
from obs_core.recording.publishing import finish

if TYPE_CHECKING:
    from obs_core.recording.run import TaskState

__all__ = ["defer", "ending", "wait"]

ending = threading.Event()
"""Set once the process ends: what is left must be done now."""

_jobs: queue.SimpleQueue[tuple[TaskState, Callable[[], None]]] = queue.SimpleQueue()
_working = new_lock()
_thread: threading.Thread | None = None


def defer(task: TaskState, work: Callable[[], None]) -> None:
    """Do work in the background, and finish the task's decks again once it has ended and the work is done.

    It is done before the process ends, but for a kill.

    Args:
        task: The task's.
        work: What appends to its decks.
    """
    _jobs.put((task, work))
    _start()


def wait() -> None:
    """Do what is left, and return when all is done."""
    while not _jobs.empty():
        _do_next()
    with _working:  # what the thread has begun
        return


def _finish_again(task: TaskState) -> None:
    """Write its decks, and its report if that is a file, unless the task goes on and does so itself."""
    if task.ended is not None and task.enable_deck:
        finish(task)
    task.journal.flush(wait=True)


def _start() -> None:
    global _thread
    if _thread is not None and _thread.is_alive():
        return
    if _thread is None:
        flusher.at_exit_of_threads(_end)
        flusher.before_reading(wait)
    _thread = Background(_work, "obs-deferred")
    _thread.start()


def _end() -> None:
    ending.set()
    wait()


def _work() -> None:
    while not _jobs.empty():
        _do_next()


def _do_next() -> None:
    with _working:
        try:
            task, work = _jobs.get_nowait()
        except queue.Empty:
            return
        with guarded(f"finishing the report of task {task.name!r}", task.note):
            work()
            _finish_again(task)


def _after_fork() -> None:
    """Leave to the parent, in a forked child, what the parent has begun."""
    global _jobs, _thread
    _jobs, _thread = queue.SimpleQueue(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
