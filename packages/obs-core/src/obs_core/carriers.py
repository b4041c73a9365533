"""Carry the running task's context to other threads, processes and machines, and go on there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from obs_core import identity
from obs_core.context import TaskContext, current, innermost
from obs_core.executions import Run, live
from obs_core.failsafe import warn
from obs_core.store import open_store

__all__ = ["attach", "carrier"]

_NEEDED = ("obs-execution", "obs-store", "obs-task", "obs-parent")


def carrier() -> dict[str, str]:
    """Describe the running span and task in a small dict of strings, for `attach` somewhere else.

    Returns:
        ``traceparent`` as other tracing systems know it, and what obs needs to go on. A subprocess attaches
        by itself when it finds it as JSON in the environment variable `OBS_CARRIER`.

    Examples:
        >>> pool = ProcessPoolExecutor(initializer=attach, initargs=(carrier(),))
        >>> subprocess.run(command, env={**os.environ, "OBS_CARRIER": json.dumps(carrier())})

    Source of traceparent: https://www.w3.org/TR/trace-context/.
    """
    here = innermost()
    context = here.context
    journal = context.journal
    parent = journal.global_ref(here.number) if isinstance(here.number, int) else here.number
    context.shared = True
    journal.announce()
    return {
        "traceparent": f"00-{trace_id(context.execution_id)}-{span_id(parent)}-01",
        "obs-execution": context.execution_id,
        "obs-store": _portable(context.run.store.url),
        "obs-parent": parent,
        "obs-task": context.global_ref(),
        "obs-task-name": context.task_name,
        "obs-attempt": str(context.attempt),
        "obs-enable-deck": "1" if context.enable_deck else "0",
    }


def trace_id(execution_id: str) -> str:
    """Return the 32 hexadecimal digits by which other tracing systems know an execution."""
    return hashlib.sha256(execution_id.encode()).hexdigest()[:32]


def span_id(ref: str) -> str:
    """Return the 16 hexadecimal digits by which other tracing systems know a span."""
    return hashlib.sha256(ref.encode()).hexdigest()[:16]


class RemoteSpan:
    """A span of another process or thread, under which this one goes on."""

    __slots__ = ("context", "number")

    def __init__(self, number: str, context: TaskContext) -> None:
        self.number = number
        self.context = context


class attach:
    """Go on with the task that a carrier describes: as a ``with`` block, or for good when just called.

    Spans and tasks begun from here are children of the carried span; decks and links belong to the carried
    task.

    Args:
        carrier: What `carrier` returned, there.

    Raises:
        ValueError: Something is missing in it.

    Examples:
        >>> def worker(carried: dict[str, str], part: int) -> None:
        ...     with attach(carried), span("part", number=part):
        ...         ...
    """

    def __init__(self, carrier: Mapping[str, str]) -> None:
        carried = joined(carrier)
        self._context = carried.context
        self._outside: Any = current.get()
        current.set(carried)

    def __enter__(self) -> TaskContext:
        return self._context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current.set(self._outside)
        self._context.journal.flush(wait=True)


def context_of_environment(text: str) -> RemoteSpan | None:
    """Return the span that `OBS_CARRIER` describes; None with a warning if it describes none."""
    try:
        return joined(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        warn(f"OBS_CARRIER is not a carrier: {error}; going on with an execution of its own")
        return None


_joined_runs: dict[str, Run] = {}
"""Executions of other processes in which this one takes part: one writer each, however often it attaches."""


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
    context = TaskContext(
        run,
        carried.get("obs-task-name", ""),
        None,
        attempt=int(carried.get("obs-attempt", "1")),
        enable_deck=carried.get("obs-enable-deck") != "0",
        number=carried["obs-task"],
        source=source,
    )
    return RemoteSpan(carried["obs-parent"], context)


def leave(execution_id: str) -> None:
    """Write all that this process has of an execution that it joined, and keep nothing of it."""
    run = _joined_runs.pop(execution_id, None)
    if run is not None:
        live.pop(execution_id, None)
        run.journal.close_now()


def _join(execution_id: str, store: str) -> Run:
    run = _joined_runs[execution_id] = Run(open_store(store), execution_id, "", identity.new_writer_id())
    return run


def _portable(url: str) -> str:
    return url if "://" in url else os.path.abspath(url)
