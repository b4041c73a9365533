"""Take part in an execution that another process began."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Mapping

from obs_core import identity
from obs_core.failsafe import warn
from obs_core.interruptions import let_pass
from obs_core.journal import flusher
from obs_core.locks import Register
from obs_core.recording import faults, logs, samplers, threads
from obs_core.recording.ends import take_part
from obs_core.recording.run import Run, Scope, TaskState, is_of_this_process, live
from obs_core.recording.sigterm import forget
from obs_core.store import Store, open_store
from obs_core.store.content import digest_of

__all__ = [
    "RemoteSpan",
    "described",
    "detach",
    "is_supervised",
    "joined",
    "leave",
    "span_id",
    "span_of_environment",
    "trace_id",
]

_NEEDED = ("obs-execution", "obs-store", "obs-task", "obs-parent")


class RemoteSpan:
    """A span of another process or thread, under which this one goes on.

    Attributes:
        outside: What was current where it was attached.
        for_good: Whether it was attached for the rest of its thread or asyncio task, rather than for a block.
        abandoned: Sees to it once no code is inside of it any more that nobody has left.
    """

    __slots__ = ("__weakref__", "abandoned", "for_good", "number", "outside", "task")

    parent = None

    def __init__(self, number: str, task: TaskState) -> None:
        self.number = number
        self.task = task
        self.outside: Scope | None = None
        self.for_good = False
        self.abandoned: weakref.finalize[..., RemoteSpan] | None = None

    @property
    def over(self) -> bool:
        """Whether it was left, or its execution has ended here."""
        return self.task.over

    def stands_in(self, around: Scope | None) -> None:
        """Stand in something else from now on: what was around it has ended.

        Args:
            around: What is still open; None outside of any execution.
        """
        self.outside = around


def described(task: TaskState, parent: str) -> dict[str, str]:
    """Describe a span in a small dict of strings, from which `joined` makes it somewhere else.

    Args:
        task: The task that it is a part of.
        parent: Its global name.

    Source of traceparent: https://www.w3.org/TR/trace-context/.
    """
    return {
        "traceparent": f"00-{trace_id(task.run.id)}-{span_id(parent)}-01",
        "obs-execution": task.run.id,
        "obs-store": _portable(task.run.store),
        "obs-parent": parent,
        "obs-task": task.global_ref(),
        "obs-task-name": task.name,
        "obs-attempt": str(task.attempt),
        "obs-enable-deck": "1" if task.enable_deck else "0",
    }


def joined(carried: Mapping[str, str], source: str = "") -> RemoteSpan:
    """Return the span that a carrier describes, as this process takes part in its execution.

    Args:
        carried: What `carrier` returned, there.
        source: The engine's worker whose code goes on with it.

    Raises:
        ValueError: Something is missing in it.
    """
    missing = [key for key in _NEEDED if not isinstance(carried.get(key), str)]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing in {dict(carried)!r}; pass what obs_core.carrier() returned")
    execution_id = carried["obs-execution"]
    run = live.get(execution_id) or _join(execution_id, carried["obs-store"])
    task = TaskState(
        run,
        carried.get("obs-task-name", ""),
        None,
        attempt=int(carried.get("obs-attempt", "1")),
        enable_deck=carried.get("obs-enable-deck") != "0",
        number=carried["obs-task"],
        source=source,
    )
    if run.id in _joined_runs or not is_of_this_process(run.root):
        take_part(run)
    run.attached += 1
    if run.carried is None:
        run.carried = Register()
    run.carried.add(task)
    logs.begin(task)
    return RemoteSpan(carried["obs-parent"], task)


def detach(task: TaskState, *, write: bool = True) -> None:
    """Leave a task that was carried here, and write what was recorded in it.

    A worker may attach to a new execution for each message that it gets. Those that it left last are kept open, since
    the next message may be of one of them; others are left for good.

    Args:
        task: The task.
        write: Whether to write at once, rather than with what comes next.
    """
    run = task.run
    logs.end(task)
    task.over = True
    run.attached -= 1
    if write:
        run.journal.flush(wait=True)
    if run.attached or run.id not in _joined_runs:
        return
    forget(run)
    _left[run.id] = _left.pop(run.id, None)
    while len(_left) > _LEFT_OPEN:
        execution_id = next(iter(_left), "")
        _left.pop(execution_id, None)
        joined_run = _joined_runs.get(execution_id)
        if joined_run is not None and not joined_run.attached:
            leave(execution_id)


def leave(execution_id: str) -> None:
    """Write all that this process has of an execution that it joined, and keep nothing of it."""
    run = _joined_runs.pop(execution_id, None)
    if run is not None:
        live.pop(execution_id)
        forget(run)
        for task in list(run.carried or ()):
            logs.end(task)
        faults.unfollow(run)
        run.log.close()
        run.journal.close_now()


def span_of_environment(text: str) -> RemoteSpan | None:
    """Return the span that `OBS_CARRIER` describes; None with a warning if it describes none."""
    import json

    try:
        return joined(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        let_pass(error)
        warn(f"OBS_CARRIER is not a carrier: {error}; this process starts an execution of its own")
        return None


def is_supervised(text: str) -> bool:
    """Tell whether this very process is the one that ``obs run`` started and waits for, by what `OBS_CARRIER` says."""
    import json

    found: object = json.loads(text).get("obs-supervisor")
    return found == str(os.getppid())


def trace_id(execution_id: str) -> str:
    """Return the 32 hexadecimal digits by which other tracing systems know an execution."""
    return digest_of(execution_id.encode())


def span_id(ref: str) -> str:
    """Return the 16 hexadecimal digits by which other tracing systems know a span."""
    return digest_of(ref.encode())[:16]


_joined_runs: dict[str, Run] = {}
"""Executions of other processes in which this one takes part: one writer each, however often it attaches."""

_LEFT_OPEN = 16
"""Executions that stay open for a while although nothing is attached to them."""

_left: dict[str, None] = {}
"""Their ids, the one that was left last at the end."""

_since_release = 0
"""Executions joined since `_release_ended` was called."""

_collect_from = 2 * _LEFT_OPEN
"""Executions that something is attached to, from which on it is looked whether that is garbage."""


def _join(execution_id: str, store: str) -> Run:
    global _since_release, _joined
    _joined += 1
    flusher.each_round(_collect_when_idle)
    threads.watch()
    samplers.watch()
    _since_release += 1
    if _since_release >= max(_LEFT_OPEN, len(_joined_runs) // 2):
        _since_release = 0
        _release_ended()
    run = _joined_runs[execution_id] = Run(open_store(store), execution_id, "", identity.new_writer_id())
    faults.follow_later(run)
    return run


def _release_ended() -> None:
    """Let go of what nobody is inside of any more: a span that waits to be written holds what it was attached in.

    The background thread does so too, but a worker may get hundreds of messages within its second, each of another
    execution, and each of those keeps a file open until it is left.

    A task that has ended and what it was attached in are circles to Python, which looks for such garbage now and then,
    and not at all after ``gc.disable()``. Here only young objects are looked at: those of a large program take long.
    """
    global _collect_from
    for run in list(_joined_runs.values()):
        run.journal.encode()
    attached = sum(run.attached > 0 for run in list(_joined_runs.values()))
    if attached <= 2 * _LEFT_OPEN:
        _collect_from = 2 * _LEFT_OPEN
    elif attached > _collect_from:
        gc.collect(1)
        _collect_from = 2 * attached  # they may be in use


_joined = 0
"""Executions joined so far."""

_joined_before = _looked_at = 0
"""How many that were in the last round of the background thread, and when it last looked for garbage."""


def _collect_when_idle() -> None:
    """Look for garbage once, as `_release_ended` does, in the first second in which nothing is joined any more.

    What was attached last would stay open otherwise, in a program that waits for its next message and makes no garbage.
    """
    global _joined_before, _looked_at
    is_idle, _joined_before = _joined == _joined_before, _joined
    if is_idle and _looked_at != _joined:
        _looked_at = _joined
        if gc.isenabled() and any(run.attached > 0 for run in list(_joined_runs.values())):
            gc.collect(1)


def _portable(store: Store) -> str:
    """Return the address of a store for a process that may have another working folder."""
    return store.url if "://" in store.url else store.address("").rstrip(os.sep) or os.sep
