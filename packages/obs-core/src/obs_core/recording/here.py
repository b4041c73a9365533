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
from obs_core.failsafe import guarded
from obs_core.journal import flusher, records
from obs_core.recording import executions, joining
from obs_core.recording.run import Run, Scope, TaskState
from obs_core.recording.scope import current, going_on, operation_logs
from obs_core.recording.threads import UNKNOWN, concluded_starter, starter_of_this_thread

__all__ = ["ambient", "carried", "innermost", "of_this_thread"]


def innermost() -> Scope:
    """Return the innermost open span or task: of this context, of what started this thread, or the ambient one."""
    here = going_on(current.get()) or starter_of_this_thread()
    if here is UNKNOWN:
        here = concluded_starter() or _only_operation()
    return here or ambient()


def of_this_thread() -> Scope | None:
    """Return what a task called without a context of its own belongs to; None if it stands by itself."""
    starter = starter_of_this_thread()
    return concluded_starter() if starter is UNKNOWN else starter


def _only_operation() -> Scope | None:
    """Return the only operation that an engine runs here, or what several have in common."""
    running = [operation for log in list(operation_logs) for operation in list(log.running)]
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
_ambient_lock = threading.Lock()


def _begin_ambient() -> TaskState:
    name = "python"
    preamble: list[records.Record] = []
    with guarded("beginning the execution of this process"):
        name = provenance.script_name()
        preamble.append(executions.start_record(name, {}))
    run = executions.new_run(name, preamble=preamble)
    atexit.register(_end_ambient, run)
    if not run.store.local:
        flusher.at_exit_of_threads(functools.partial(_end_ambient, run))
    return run.root


def _end_ambient(run: Run) -> None:
    global _ambient
    if _ambient is not run.root:
        return
    _ambient = None
    if run.journal.used or run.journal.items:
        executions.end(run, _uncaught())


def _uncaught() -> BaseException | None:
    """Return the exception that ends this process, if one does; a console has its own, which end nothing."""
    if hasattr(sys, "ps1") or "IPython" in sys.modules:
        return None
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return error if isinstance(error, BaseException) else None


def _after_fork() -> None:
    """Let a forked child leave its parent's ambient execution unended: the parent ends it."""
    global _ambient_lock
    _ambient_lock = threading.Lock()
    if _ambient is not None:
        atexit.unregister(_end_ambient)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
