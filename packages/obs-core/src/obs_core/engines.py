"""What an engine's integration is made of: operations that run on workers, and executions that several processes share.

An engine (Dask, Ray, a scheduler of your own) runs parts of a task in other processes. Its integration carries the
running span there (`obs_core.carrier`), joins the execution (`joined`), and records each operation in an
`OperationLog`. The process in which the task runs asks its `Participant` to let the others write what they hold back
before somebody reads.
"""

from __future__ import annotations

from typing import Any

from obs_core.journal import records
from obs_core.journal.flusher import start_last_in_children
from obs_core.recording.here import innermost
from obs_core.recording.joining import RemoteSpan, joined, leave
from obs_core.recording.operations import WHOLE, Operation, OperationLog
from obs_core.recording.run import Participant, Run, Scope, TaskState, live
from obs_core.recording.scope import current
from obs_core.text.bounded_repr import as_text
from obs_core.text.plain_values import plain

__all__ = [
    "WHOLE",
    "Operation",
    "OperationLog",
    "Participant",
    "RemoteSpan",
    "Run",
    "Scope",
    "TaskState",
    "current",
    "innermost",
    "joined",
    "leave",
    "live",
    "record_span",
    "start_last_in_children",
    "worker_joined",
    "worker_left",
]


def record_span(
    parent: Scope,
    name: str,
    start: int,
    duration: int,
    *,
    process_time: int = 0,
    error: str | None = None,
    attributes: dict[str, Any] | None = None,
) -> int:
    """Record an operation that has ended, as another tracing system tells it.

    Args:
        parent: What it ran in: `innermost`, or what `joined` returned.
        name: What was done.
        start: When it began, in nanoseconds since the epoch. What is over 70 years off is taken for that.
        duration: Nanoseconds.
        process_time: CPU time in nanoseconds.
        error: The type of the exception that left it, if one did.
        attributes: Facts about it.

    Returns:
        Its number in this process's journal.

    Examples:
        >>> import time
        >>> number = record_span(innermost(), "GET /flights", time.time_ns(), 2_000_000, attributes={"status": 200})
    """
    journal = parent.task.journal
    number = journal.next_number()
    ref = journal.ref(parent.number) if isinstance(parent.number, int) else parent.number
    facts = None if attributes is None else plain(dict(attributes))
    journal.append(
        records.SpanRecord(
            number,
            ref,
            as_text(name),
            _held(int(start) - journal.epoch),
            _held(duration),
            _held(process_time),
            None if error is None else as_text(error),
            facts,
        )
    )
    return number


def _held(number: int) -> int:
    """Return a number as a record can hold it: what other systems tell may be a scalar of numpy, or decades off."""
    return max(-_LONGEST, min(int(number), _LONGEST))


_LONGEST = 2**61


def worker_joined(run: Run, name: str, threads: int) -> None:
    """Say that a worker in this process takes up work of an execution.

    Args:
        run: The execution.
        name: What the engine calls the worker.
        threads: How many operations it runs at a time.
    """
    run.journal.append(records.WorkerJoined(as_text(name), run.journal.now(), _held(threads)))


def worker_left(run: Run, name: str) -> None:
    """Say that a worker in this process is done with an execution."""
    run.journal.append(records.WorkerLeft(as_text(name), run.journal.now()))
