"""The innermost open span or task: of this context, of this process, or of its ambient execution.

The ambient execution is what a script or a notebook is outside any other one. It is written only if something is
recorded in it, and ends with the process.

Python calls nobody when really everything has ended. obs's own handler of `atexit` runs after those that were
registered once obs was imported, and ends the ambient execution. What is recorded after that, by older handlers and in
threads that outlive them, is written at once, and each time another end, so that the last one is true.
"""

from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Callable
from typing import Any

from obs_core import provenance, settings
from obs_core.failsafe import guarded, keep_away, warn
from obs_core.journal import abrupt_ends, flusher, records
from obs_core.locks import new_rlock
from obs_core.quiet_handlers import undisturbed
from obs_core.recording import ends, executions, joining, logs, supervised
from obs_core.recording.process_end import (
    ProcessEnd,
    exit_of_worker,
    follow_process_end,
    is_child_of_multiprocessing,
    outermost_frame,
)
from obs_core.recording.raised import Told
from obs_core.recording.run import Run, Scope, TaskState, is_of_this_process, live
from obs_core.recording.scope import current, going_on, look_after, operation_logs
from obs_core.recording.sigterm import Terminated, at_sigterm, ending, forget
from obs_core.recording.threads import Unknown, concluded_starter, starter_of_this_thread
from obs_core.recording.unended import end_unended_at_last
from obs_core.recording.unrecorded import unrecorded

__all__ = ["ambient", "carried", "count_missed", "innermost", "join_supervisor", "of_this_thread"]


def count_missed(outside: Scope | None, what: str) -> None:
    """Count what there was no room on the stack to record, where it was called, and say so.

    Args:
        outside: What was innermost there. Whoever calls this may be in another execution by now, or in none.
        what: What it is, for the warning.
    """
    missed_in = (outside or innermost()).task
    missed_in.append(records.Lost(1))
    missed_in.journal.flush()
    warn(f"obs had no room left on the stack to record {what}")


def innermost() -> Scope:
    """Return the innermost open span or task: of this context, of what started this thread, or the ambient one.

    If obs itself fails at that, it is where nothing is recorded.
    """
    try:
        here = going_on(current.get())
        if here is not None:
            return here
        starter = starter_of_this_thread()
        if isinstance(starter, Unknown):
            starter = concluded_starter() or _only_operation()
        return starter or ambient()
    except BaseException as error:
        keep_away(error, "finding out which task runs; this is not recorded")
        return unrecorded


def of_this_thread() -> Scope | None:
    """Return what a task called without a context of its own belongs to; None if it stands by itself."""
    starter = starter_of_this_thread()
    return concluded_starter() if isinstance(starter, Unknown) else starter


def _only_operation() -> Scope | None:
    """Return the only operation that an engine runs here, or what several have in common."""
    running = [operation for log in operation_logs for operation in list(log.running)]
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
        if _ambient is not None and not is_of_this_process(_ambient):
            look_after(_ambient.run)
            if _ambient.over:
                _ambient = None
        if _ambient is None:
            _ambient = _begin_ambient()
        return _ambient


@functools.cache
def carried() -> joining.RemoteSpan | None:
    """Return the span that `OBS_CARRIER` names, of which this process is a part; None if there is none."""
    text = settings.carrier_text()
    found = joining.span_of_environment(text) if text else None
    if found is not None:
        logs.belong_to(found.task)
        if joining.is_supervised(text):
            supervised.follow_the_end(found.task, _outermost)
    return found


def join_supervisor() -> None:
    """Take part in the execution of ``obs run`` from now on, if that started this very process."""
    with guarded("taking part in the execution of obs run"):
        if joining.is_supervised(settings.carrier_text()):
            carried()


_ambient: TaskState | None = None
_process_end: ProcessEnd | None = None
_process_ended: _Ended | None = None
_noted = False
_registered_in = os.getpid()
_unwritten_before_fork = False
_ambient_lock = new_rlock()  # a finalizer may record while its own thread begins it


class _Ended:
    """How the process ended, once obs has been told.

    Attributes:
        error: What ended it as a failure.
        run: Its ambient execution, if anything was recorded in that.
    """

    def __init__(self, error: Told | None, run: Run | None) -> None:
        self.error = error
        self.run = run


_UNKNOWN_EXIT = (
    "The program ended by a SystemExit. This Python does not tell with which code, so obs counts it as a success. Call"
    " sys.exit(code) instead of raise SystemExit(code), and obs knows the code."
)


def _begin_ambient() -> TaskState:
    global _process_end
    if _process_ended is not None:
        return _go_on_after_the_end(_process_ended)
    run = _new_ambient()
    with guarded("following how this process ends"):
        _process_end = follow_process_end(_outermost)
        at_sigterm(run, functools.partial(_end_ambient, run))
        if os.getpid() != _registered_in:
            atexit.register(_end_ambient_at_exit, run)  # a forked child may have cleared what was registered
        if not run.store.local or is_child_of_multiprocessing():
            flusher.at_exit_of_threads(functools.partial(_end_ambient_at_exit, run))
    if run.store.local:  # in another one it is due in a moment anyway
        flusher.soon(run.journal.beat)  # a kill leaves what begins now, as it leaves a task
    return run.root


def _new_ambient() -> Run:
    name = "python"
    with guarded("naming the execution of this process"):
        name = provenance.script_name()
    return executions.begin_unwritten(name, {})


def _go_on_after_the_end(ended: _Ended) -> TaskState:
    """Return where what is recorded now belongs, and let each record be followed by the execution's end."""
    run = ended.run or _new_ambient()
    ended.run, run.root.over = run, False
    _write_at_once(run.root, lambda: run.journal.items.append(ends.end_record(run, ended.error)))
    return run.root


def _write_at_once(task: TaskState, then: Callable[[], None] = lambda: None) -> None:
    """Write what is recorded in a task from now on when it is: there is no later moment.

    Args:
        task: The task, or the root of an execution.
        then: Called after each record but a span's beginning.
    """
    append, journal = task.journal.items.append, task.journal

    def append_and_write(record: Any) -> None:
        append(record)
        if getattr(record, "end", 1):
            then()
        journal.flush(wait=True)

    journal.append = task.append = append_and_write


def _end_ambient(run: Run, terminated: Terminated | None = None, *, waits: bool = True) -> None:
    with ending():
        _end_ambient_now(run, terminated, waits)


_end_ambient_at_exit = undisturbed(_end_ambient)


def _end_ambient_now(run: Run, terminated: Terminated | None, waits: bool) -> None:
    global _ambient, _process_end, _process_ended
    if _ambient is not run.root or _process_ended is not None:
        return
    _ambient = None
    flusher.close_at_once()
    known, _process_end = _process_end, None
    error: Told | None = None
    if known is not None:
        error = known.error() or exit_of_worker()
        known.close()
        if known.is_unknown and error is None and run.is_recorded:
            run.root.note(_UNKNOWN_EXIT)
    if terminated is None:
        _process_ended = _Ended(error, run if run.is_recorded else None)
    if not run.is_recorded:
        forget(run)
    elif terminated is None or _is_idle_worker(run):
        ends.end(run, error, waits=waits)
    else:
        ends.terminate(run, terminated, error)
    if terminated is not None:
        flusher.flush_all()  # what else ends with the process has no later moment


def _is_idle_worker(run: Run) -> bool:
    """Tell whether a signal that ends this process is how a pool lets a worker go that has nothing to do."""
    run.journal.encode()
    return is_child_of_multiprocessing() and not run.journal.has_open


def _left_by_exit(status: object) -> None:
    """End the ambient execution where `os._exit(0)` ends a process that has nothing open, as a success.

    So end kernels of notebooks, in a handler of SIGTERM. What has something open stays lost, and what is in a shared
    store too: that may take long to answer.
    """
    run = None if _ambient is None else _ambient.run
    if run is None or not (is_of_this_process(run.root) and run.is_recorded and run.store.local):
        return
    is_success = isinstance(status, int) and status == 0
    if is_success and not run.journal.has_open and not any(one is not run and one.is_recorded for one in live.values()):
        _end_ambient(run, waits=False)  # a signal's handler may have called it


def _end_at_last() -> None:
    """End the ambient execution, and take note of how the process ended for what still comes."""
    global _process_ended, _outermost
    end_unended_at_last()  # the background thread may have much of it to do: it dies with this process
    if _ambient is not None and is_of_this_process(_ambient):
        _end_ambient(_ambient.run)
    elif (elsewhere := _ambient or (carried() if carried.cache_info().currsize else None)) is not None:
        with guarded("keeping the last line"):
            logs.write_unfinished(elsewhere.task)
        _write_at_once(elsewhere.task)
    if _process_ended is None:
        _process_ended = _Ended(follow_process_end(_outermost).error(), None)
    _outermost = None
    _note_what_is_open()


def _note_what_is_open() -> None:
    """Say of each execution that this process began that it is open; of those it joined, whoever began them knows."""
    global _noted
    if _noted:
        return
    _noted = True
    for run in live.values():
        if run.begun is None or run.root.over or not is_of_this_process(run.root):
            continue
        if run.is_recorded:
            run.root.note(records.LEFT_OPEN)


def _before_fork() -> None:
    global _unwritten_before_fork
    journal = None if _ambient is None else _ambient.journal
    _unwritten_before_fork = journal is not None and not (journal.used or journal.announced or journal.items)


def _after_fork() -> None:
    """Let a forked child leave its parent's ambient execution unended: the parent ends it.

    One of which the parent has written nothing is not for the child to go on with: it may stay without a beginning.
    """
    global _ambient, _process_end, _process_ended, _outermost, _noted
    _process_ended, _outermost, _noted = None, None, False
    if _process_end is not None:
        _process_end.close()
        _process_end = None
    if _ambient is not None:
        atexit.unregister(_end_ambient_at_exit)
        if _unwritten_before_fork:
            _ambient = None


_outermost = outermost_frame()
executions.count_missed.append(count_missed)
flusher.at_last(_end_at_last)
abrupt_ends.when_left(_left_by_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
