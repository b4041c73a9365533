"""The innermost open span or task: of this context, of this process, or of its ambient execution.

The ambient execution is what a script or a notebook is outside any other one. It is written only if something is
recorded in it, and ends with the process.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
import threading

from obs_core import provenance, settings
from obs_core.journal import flusher
from obs_core.locks import new_lock
from obs_core.recording import executions, joining
from obs_core.recording.naming import new_id
from obs_core.recording.process_end import ProcessEnd, Terminated
from obs_core.recording.run import Run, Scope, TaskState
from obs_core.recording.scope import active, current, operation_logs
from obs_core.store import open_store

__all__ = ["adoptive", "ambient", "carried", "innermost"]


def innermost() -> Scope:
    """Return the innermost open span or task: of this context, of this process, or the ambient one."""
    return current.get() or _only_active() or _only_operation() or ambient()


def adoptive() -> TaskState | None:
    """Return what a task called from a plain thread belongs to; None if it stands by itself.

    A thread that was there before the execution began does other work: its tasks are not the execution's.
    """
    task = _only_active()
    if task is None or threading.current_thread() in task.run.older_threads:
        return None
    return task


def _only_active() -> TaskState | None:
    """Return the process's only active task, or the execution that several have in common."""
    running = set(active)
    callers = {task.parent.task for task in running if task.parent is not None}
    innermost_tasks = running - callers
    if len(innermost_tasks) == 1:
        return innermost_tasks.pop()
    runs = {task.run for task in innermost_tasks}
    return runs.pop().root if len(runs) == 1 else None


def _only_operation() -> Scope | None:
    """Return the only operation that an engine runs here, or what several have in common."""
    running = [operation for log in list(operation_logs) for operation in list(log.running)]
    if len(running) <= 1:
        return running[0] if running else None
    parents = {operation.parent.number for operation in running}
    runs = {operation.parent.task.run for operation in running}
    if len(runs) > 1:
        return None
    return running[0].parent if len(parents) == 1 else runs.pop().root


def ambient() -> Scope:
    """Return where this process is outside any execution: in its ambient one, or where `OBS_CARRIER` says."""
    global _ambient
    if (where_carried := carried()) is not None:
        return where_carried
    with _ambient_lock:
        if _ambient is None:
            _ambient = _begin_ambient()
        return _ambient


@functools.cache
def carried() -> joining.RemoteSpan | None:
    """Return the span that `OBS_CARRIER` names, of which this process is a part; None if there is none."""
    text = settings.carrier_text()
    return joining.span_of_environment(text) if text else None


_ambient: TaskState | None = None
_process_end: ProcessEnd | None = None
_unwritten_before_fork = False
_ambient_lock = new_lock()


def _begin_ambient() -> TaskState:
    global _process_end
    name = provenance.script_name()
    start = executions.start_record(name, {})
    store = open_store()
    run = Run(store, new_id(store), name, "main", [start])
    _process_end = ProcessEnd(functools.partial(_end_ambient, run))
    atexit.register(_end_ambient, run)
    if not run.store.local or _is_child_of_multiprocessing():
        flusher.at_exit_of_threads(functools.partial(_end_ambient, run))
    return run.root


def _is_child_of_multiprocessing() -> bool:
    """Tell whether this process may end without running `atexit`."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _end_ambient(run: Run, terminated: Terminated | None = None) -> None:
    global _ambient, _process_end
    if _ambient is not run.root:
        return
    _ambient = None
    ending, _process_end = _process_end, None
    error: BaseException | None = terminated
    if ending is not None:
        error = terminated or ending.error()
        ending.close()
    if run.journal.used or run.journal.items:
        executions.end(run, error)
    if terminated is not None:
        flusher.flush_all()  # what else ends with the process has no later moment


def _before_fork() -> None:
    global _unwritten_before_fork
    journal = None if _ambient is None else _ambient.journal
    _unwritten_before_fork = journal is not None and not (journal.used or journal.announced or journal.items)


def _after_fork() -> None:
    """Let a forked child leave its parent's ambient execution unended: the parent ends it.

    One of which the parent has written nothing is not for the child to go on with: it may stay without a beginning.
    """
    global _ambient, _process_end
    if _process_end is not None:
        _process_end.close()
        _process_end = None
    if _ambient is not None:
        atexit.unregister(_end_ambient)
        if _unwritten_before_fork:
            _ambient = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
