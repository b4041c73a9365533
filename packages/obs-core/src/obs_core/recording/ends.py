"""How executions end: by their block, by a signal, and in processes that only took part in them."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import cast

from obs_core import clock
from obs_core.failsafe import guarded, has_room, keep_away
from obs_core.journal import abrupt_ends, flusher, records
from obs_core.recording import closing_line, faults, logs, status_line, surroundings, wrapping
from obs_core.recording.exit_status import ended_well
from obs_core.recording.raised import (
    EndedTask,
    Told,
    came_while_handling,
    in_words,
    left_first,
    notes_added,
    others_raised,
    raised_at,
    refs_of,
    tasks_ended_by,
)
from obs_core.recording.run import Run, TaskState, is_of_this_process, live
from obs_core.recording.scope import active, close, current
from obs_core.recording.sigterm import Terminated, at_sigterm, ending, forget, instead, traceback_to
from obs_core.recording.supervised import gone_on_with, tell_at_last
from obs_core.recording.unended import end_unended
from obs_core.text.bounded_repr import describe_error
from obs_core.text.failures import is_exit

__all__ = [
    "end",
    "end_record",
    "leave_part",
    "leave_to_parent",
    "take_part",
    "take_part_with",
    "terminate",
    "told_of_ends",
]


told_of_ends: list[Callable[[Run], None]] = []
"""Called with each execution of this process that has ended, in the thread that ended it."""


def terminate(run: Run, error: Terminated, before: Told | None = None) -> None:
    """Write that a signal ended an execution, the tasks that run in it, and their spans.

    Args:
        run: The execution.
        error: Stands for the signal.
        before: What the process ended by when the signal came, if it did already. An exception is the execution's end.
    """
    logs.write_what_waits()
    _fail_what_runs(run, error)
    is_by_signal = before is None or is_exit(raised_at(before)[0][0])
    end(run, error if is_by_signal else before, waits=False)


def take_part(run: Run) -> None:
    """Let SIGTERM end what this process does of an execution that another one began and ends."""
    at_sigterm(run, functools.partial(_terminate_part, run))


def take_part_with(task: TaskState) -> None:
    """The same for a task, whatever else this process does of the execution."""
    at_sigterm(task, functools.partial(_terminate_part, task.run))


def leave_part(task: TaskState) -> None:
    """Leave SIGTERM to the system once a task has ended that stood in no span of this process, until the next one."""
    forget(task)
    parent, run = task.parent, task.run
    if not run.attached and parent is not None and parent.task is parent:
        forget(run)
        flusher.in_main_thread(_take_part_in_child)


def leave_to_parent(left: TaskState, error: BaseException | None) -> None:
    """Leave a task or an execution in a forked child: the process that began it ends it, whatever becomes of the child.

    Args:
        left: What the child was forked in, and has left now.
        error: What it was left by. That is noted where it was, since the parent may never hear of it.
    """
    if not ended_well(error):
        with guarded("noting how a forked child ended"):
            _note_left(left, cast("BaseException", error))
    run = left.run
    run.verdicts.summarize()
    if left is run.root:
        run.over()
        run.log.close()
        run.journal.close_now()
    else:
        left.over = True
        run.journal.flush()


def _note_left(left: TaskState, error: BaseException) -> None:
    """Say by what a forked child left a task, unless it left one within it by the same."""
    global _left_by
    if _left_by != id(error):
        _left_by = id(error)
        what, place = raised_at(error)[0]
        left.note(f"Process {os.getpid()}, a forked child, left it by {what}{place and f', at {place}'}.")


_left_by = 0
"""The exception that was noted last; its `id`, since some refuse to be referred to weakly."""


def _terminate_part(run: Run, error: Terminated) -> None:
    """Write that a signal ended what this process did of an execution that another one began and ends."""
    tell_at_last()
    logs.write_what_waits()
    if _fail_what_runs(run, error):
        with guarded("noting where a worker was ended"):
            _note_where(run, error)
    run.verdicts.summarize()
    run.log.close()
    run.journal.close_now()


def _note_where(run: Run, error: Terminated) -> None:
    """Say in whose task this process was ended, if that is none of its own, which would say so itself."""
    scope = current.get()
    if scope is not None and scope.task.run is run and not is_of_this_process(scope.task):
        name, place = getattr(scope, "name", ""), raised_at(error)[0][1]
        inside = f' in "{name}"' if name else ""
        scope.task.note(f"{error} ended process {os.getpid()}, which took part{inside}{place and f', at {place}'}.")


def _take_part_in_child() -> None:
    """Let SIGTERM end what a forked child does of its parent's executions."""
    for run in live.values():
        if not is_of_this_process(run.root):
            take_part(run)


def _fail_what_runs(run: Run, error: Terminated) -> int:
    journal, failure = run.journal, describe_error(error)
    open_spans = journal.end_open_spans(type(error).__name__)
    stacks = _stacks_of_tasks(error)
    for task in list(active):
        if task.run is run and task is not run.root and is_of_this_process(task):
            task.body_ends()
            task.failure = failure
            wall_time, process_time = task.spent or (0, 0)
            with guarded(f"noting where task {task.name!r} was ended"):
                journal.append(records.Raised(task.own_ref(), raised_at(stacks.get(task, Terminated(*error.args)))))
            number = cast("int", task.number)
            journal.append(records.TaskEnd(number, wall_time, process_time, "failed", failure, task.start))
            active.discard(task)  # a worker may run several tasks of one execution, each of which comes here
    return open_spans


def _stacks_of_tasks(error: Terminated) -> dict[TaskState, Terminated]:
    """Map each task that a thread is running to the signal, with that thread's stack as its traceback.

    What waits, a coroutine or a task that threads of its own go on with, is nowhere.
    """
    found: dict[TaskState, Terminated] = {}
    if (scope := current.get()) is not None:
        found[scope.task] = error  # the signal is handled in its context
    for ident, frame in sys._current_frames().items():
        is_main = ident == threading.main_thread().ident
        seen = error if is_main else Terminated(*error.args).with_traceback(traceback_to(frame))
        for call in wrapping.calls_in(frame):
            if isinstance(task := getattr(call, "task", None), TaskState):
                found.setdefault(task, seen)
    return found


def end(run: Run, error: BaseException | None = None, *, waits: bool = True) -> None:
    """Write an execution's end, and what its own decks show, as far as that is not done.

    Args:
        run: The execution.
        error: What ends it.
        waits: Whether to wait for what others hold of it: they may never answer while a signal is handled.
    """
    if run.closed:
        return
    error = None if ended_well(error) else error
    try:
        instead(run, functools.partial(_cut_short, run))
        with ending():
            if not run.end_said:
                try:
                    _finish(run, error, waits)
                except BaseException as failure:
                    keep_away(failure, f"finishing execution {run.name!r}")
            _write_end(run, error)
    finally:
        try:
            forget(run)
        except BaseException:  # a timeout came meanwhile, say
            forget(run)
            raise


def end_record(run: Run, error: BaseException | None) -> records.ExecutionEnd:
    """Return how an execution is written to have ended now."""
    failure = None if error is None else in_words(error)
    process_time = clock.process() - run.root.cpu
    return records.ExecutionEnd(run.journal.now(), "failed" if failure else "succeeded", failure, process_time, 0)


def _cut_short(run: Run, error: Terminated) -> None:
    """Write what is there of an end that takes longer than a signal waits."""
    _say_end(run, error)
    run.journal.close_now()


def _say_end(run: Run, error: BaseException | None) -> None:
    record, append = end_record(run, error), run.journal.append
    if not run.end_said:
        run.end_said = True  # neither a signal's handler nor another thread runs between these
        append(record)


def _finish(run: Run, error: BaseException | None, waits: bool) -> None:
    journal, root = run.journal, run.root
    end_unended()
    close(run)
    run.tell_children()
    root.ended = clock.wall()
    root.failure = None if error is None else in_words(error)
    status_line.erase()
    if waits:
        if not run.asked:
            run.asked = True
            run.collect(root, ended=True)
        surroundings.write_at_end(run)
    with guarded(f"ending execution {run.name!r}"):
        if root.decks:
            from obs_core.recording.own_work import own_work
            from obs_core.recording.publishing import finish

            with own_work(root, "finish the decks"):
                finish(root)
    if error is None and root.artifacts:
        from obs_core.recording.artifacts import point_to

        with guarded(f"keeping the artifacts of execution {run.name!r}"):
            point_to(root)
    raised: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    tasks: list[EndedTask | None] = []
    if error is not None:
        with guarded(f"noting where execution {run.name!r} failed"):
            raised, others, tasks = raised_at(error), others_raised(error), tasks_ended_by(error)
            where = left_first(root, error)
            refs, handled = refs_of(tasks, run.id), came_while_handling(error)
            notes = notes_added(error)
            journal.append(records.Raised(root.own_ref(), raised, others, where, refs, handled, *notes))
    if run.id not in gone_on_with:  # of which obs run tells, once the process has ended
        failure = None
        if error is not None:
            names = [None if one is None else one.name for one in tasks]
            failure = closing_line.failure_of(raised or [(type(error).__name__, "")], names, len(others))
        closing_line.keep(run.name, run.id, clock.wall() - root.start, failure, run.verdicts.failed)
    if run.metrics is not None:
        journal.encode()  # what was held back is summed up too
        run.metrics.summarize()
    run.verdicts.summarize()


def _write_end(run: Run, error: BaseException | None) -> None:
    run.root.over = True  # whatever failed before
    _say_end(run, error)
    run.root.left = None  # a span in it has the task; what is told again is told in full until then
    live.pop(run.id)
    try:
        faults.unfollow(run)
        run.log.close()
    except BaseException as failure:
        keep_away(failure, f"closing the log of execution {run.name!r}")
    with guarded(f"ending execution {run.name!r}"):
        run.journal.close()
        run.closed = True
        for tell in told_of_ends:
            tell(run)
    if not run.closed and not has_room():
        raise RecursionError  # whoever ends it does so again where there is room


def _note_replacement(happens: bool) -> None:
    """Write of what this process began and has not ended that it becomes another program, or that it did not."""
    for run in list(live.values()):
        is_own = is_of_this_process(run.root) and run.is_recorded
        if is_own or any(task.run is run and is_of_this_process(task) for task in list(active)):
            run.journal.append(records.ProcessReplaced(run.journal.now(), happens))


def _after_fork() -> None:
    flusher.in_main_thread(_take_part_in_child)  # a child that records nothing is left as it is


abrupt_ends.when_replaced(_note_replacement)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
