"""Carry the running task's context to other threads, processes and machines, and go on there."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from obs_core.recording.here import innermost
from obs_core.recording.joining import described, detach, joined
from obs_core.recording.scope import current, leave
from obs_core.tasks.context import TaskContext, context_of

__all__ = ["attach", "carrier"]


def carrier() -> dict[str, str]:
    """Describe the running span and task in a small dict of strings, for `attach` somewhere else.

    Returns:
        ``traceparent`` as other tracing systems know it, and what obs needs to continue. A subprocess attaches
        automatically if it finds this as JSON in the environment variable `OBS_CARRIER`.

    Examples:
        >>> pool = ProcessPoolExecutor(initializer=attach, initargs=(carrier(),))
        >>> subprocess.run(command, env={**os.environ, "OBS_CARRIER": json.dumps(carrier())})
    """
    here = innermost()
    task = here.task
    parent = task.journal.global_ref(here.number) if isinstance(here.number, int) else here.number
    task.shared = True
    task.journal.announce()
    return described(task, parent)


class attach:
    """Continue the task that a carrier describes: for a ``with`` block, or for good if you only call it.

    Spans and tasks begun from here are children of the carried span; decks and links belong to the carried
    task.

    Args:
        carrier: What `carrier` returned in the other thread, process or machine.

    Raises:
        ValueError: Something is missing in it.

    Examples:
        >>> def worker(carried: dict[str, str], part: int) -> None:
        ...     with attach(carried), span("part", number=part):
        ...         ...
    """

    def __init__(self, carrier: Mapping[str, str]) -> None:
        self._span = joined(carrier)
        self._span.outside = current.get()
        current.set(self._span)

    def __enter__(self) -> TaskContext:
        return context_of(self._span.task)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leave(self._span)
        detach(self._span)
