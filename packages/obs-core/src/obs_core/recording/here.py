"""The innermost open span or task: of this context, of this process, or of its ambient execution.

The ambient execution is what a script or a notebook is outside any other one. It is written only if something is
recorded in it, and ends with the process.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys

from obs_core import provenance, settings
from obs_core.failsafe import guarded
from obs_core.journal import flusher
from obs_core.locks import members, new_rlock
from obs_core.recording import executions, joining
from obs_core.recording.process_end import ProcessEnd
from obs_core.recording.run import Run, Scope, TaskState
from obs_core.recording.scope import current, going_on, operation_logs
from obs_core.recording.sigterm import Terminated, at_sigterm, forget
from obs_core.recording.threads import Unknown, concluded_starter, starter_of_this_thread

__all__ = ["ambient", "carried", "innermost", "of_this_thread"]


def innermost() -> Scope:
    """Return the innermost open span or task: of this context, of what started this thread, or the ambient one."""
    here = going_on(current.get())
    if here is not None:
        return here
    starter = starter_of_this_thread()
    if isinstance(starter, Unknown):
        starter = concluded_starter() or _only_operation()
    return starter or ambient()


def of_this_thread() -> Scope | None:
    """Return what a task called without a context of its own belongs to; None if it stands by itself."""
    starter = starter_of_this_thread()
    return concluded_starter() if isinstance(starter, Unknown) else starter


def _only_operation() -> Scope | None:
    """Return the only operation that an engine runs here, or what several have in common."""
    running = [operation for log in members(operation_logs) for operation in list(log.running)]
    if len(running) <= 1:
        return running[0] if running else None
    parents = [operation.parent for operation in running if operation.parent is not None]
    runs = {parent.task.run for parent in parents}
    if len(runs) > 1:
        return None
    return parents[0] if len({parent.number for parent in parents}) == 1 else runs.pop().root


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
_ambient_lock = new_rlock()  # a finalizer may record while its own thread begins it


def _begin_ambient() -> TaskState:
    global _process_end
    name = "python"
    with guarded("naming the execution of this process"):
        name = provenance.script_name()
    run = executions.begin_unwritten(name, {})
    _process_end = ProcessEnd()
    at_sigterm(run, functools.partial(_end_ambient, run))
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
    forget(run)
    error: BaseException | None = terminated
    if ending is not None:
        error = terminated or ending.error()
        ending.close()
    if run.is_recorded:
        if terminated is None:
            executions.end(run, error)
        else:
            executions.terminate(run, terminated)
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
