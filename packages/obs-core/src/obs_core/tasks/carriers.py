"""Carry the running task's context to other threads, processes and machines, and go on there."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

from obs_core.failsafe import guarded, keep_away
from obs_core.journal.numbering import ROOT
from obs_core.recording.here import innermost
from obs_core.recording.joining import RemoteSpan, described, detach, joined
from obs_core.recording.run import Scope, TaskState
from obs_core.recording.scope import current, going_on, innermost_of, leave
from obs_core.recording.unrecorded import unrecorded
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
    try:
        here = innermost()
        task = here.task
        parent = task.journal.global_ref(here.number) if isinstance(here.number, int) else here.number
        task.shared = True
        task.journal.announce()
        return described(task, parent)
    except BaseException as error:
        keep_away(error, "describing the running task for others; what they do is not recorded")
        return dict(_OF_NOTHING)


_NOWHERE = RemoteSpan(ROOT, unrecorded)
_OF_NOTHING = described(unrecorded, ROOT)

_unreachable: deque[TaskState] = deque()
"""Those of spans that were attached for good and that no code is inside of any more. They are detached by the next one
that attaches: whoever collects garbage may hold any lock."""


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
        self._carrier = carrier
        self._entries: dict[RemoteSpan, None] = {}
        self._unentered: RemoteSpan | None = self._attach(for_good=True)  # unless it is entered

    def __enter__(self) -> TaskContext:
        entry = self._unentered
        if entry is not None and (entry is _NOWHERE or _is_around(entry)):
            self._unentered, entry.for_good = None, False
        else:  # it was entered before, or is entered in another context than it was made in
            entry = self._attach(for_good=False)
        self._entries[entry] = None
        return context_of(entry.task)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with guarded("leaving a task that was begun elsewhere"):
            entry = innermost_of(self._entries, cast("Any", current.get()))
            if entry is None:
                entry, self._unentered = self._unentered, None
            self._entries.pop(cast("Any", entry), None)
            if entry is not None and entry is not _NOWHERE:
                leave(entry)
                detach(entry.task)

    def _attach(self, *, for_good: bool) -> RemoteSpan:
        try:
            while _unreachable:
                detach(_unreachable.popleft(), write=False)
            attached = joined(self._carrier)
            attached.outside = _around()
            attached.for_good = for_good
            current.set(attached)
            return attached
        except ValueError:
            raise
        except BaseException as error:
            keep_away(error, "going on with a task; what is done here is not recorded")
            return _NOWHERE


def _is_around(span: RemoteSpan) -> bool:
    """Tell whether this context is inside of a span."""
    inside = current.get()
    while inside is not None and inside is not span:
        inside = inside.outside
    return inside is not None


def _around() -> Scope | None:
    """Return what a span is attached in: of those that were attached for good, one after another, the last one only.

    That one stays, since a block may be what is attached now. Nobody comes back to those before it: each is detached
    once no context names it any more.
    """
    around = going_on(current.get())
    if isinstance(around, RemoteSpan) and around.for_good:
        before = around.outside
        if isinstance(before, RemoteSpan) and before.for_good:
            around.outside = before.outside
            weakref.finalize(before, _unreachable.append, before.task).atexit = False
    return around
