"""Carry the running task's context to other threads, processes and machines, and go on there."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

from obs_core.failsafe import keep_away
from obs_core.journal.flusher import each_round
from obs_core.journal.numbering import ROOT
from obs_core.quiet_handlers import entered_for_certain
from obs_core.recording.here import innermost
from obs_core.recording.joining import RemoteSpan, described, detach, joined
from obs_core.recording.run import Scope, TaskState
from obs_core.recording.scope import current, going_on, innermost_of, leave
from obs_core.recording.unended import Ending, end_unended, unended
from obs_core.recording.unrecorded import unrecorded
from obs_core.tasks.context import TaskContext, context_of

__all__ = ["attach", "carrier"]


def carrier() -> dict[str, str]:
    """Describe the running span and task in a small dict of strings, for `attach` somewhere else.

    Returns:
        ``traceparent`` as other tracing systems know it, and what obs needs to continue. A subprocess attaches
        automatically if it finds this as JSON in the environment variable `OBS_CARRIER`.

    Examples:
        >>> from concurrent.futures import ProcessPoolExecutor
        >>> pool = ProcessPoolExecutor(initializer=attach, initargs=(carrier(),))
        >>> import json, os, subprocess
        >>> environment = {**os.environ, "OBS_CARRIER": json.dumps(carrier())}
        >>> done = subprocess.run(["true"], env=environment, check=True)
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
"""Those of spans that were attached and never left, and that no code is inside of any more: the thread or the asyncio
task that they were attached in has ended, or attached another one in their place. They are detached by the next one
that attaches, or within a second: whoever collects garbage may hold any lock."""


def _detach_unreachable() -> None:
    while _unreachable:
        try:
            task = _unreachable.popleft()
        except IndexError:  # another thread took the last one
            return
        detach(task, write=False)


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

    @entered_for_certain
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global unended
        leaving: Ending = self
        try:
            leaving = self._leaving()
            leaving.end_later(None)
        except BaseException as failure:
            unended += ((leaving, failure),)
            end_unended()
            keep_away(failure, "leaving a task that began elsewhere")

    def end_later(self, error: BaseException | None) -> None:
        """Leave the block, of which nothing is left yet.

        Args:
            error: What kept it from being left.
        """
        self._leaving().end_later(error)

    def _leaving(self) -> _Leaving:
        """Return what leaves the one that is left here of all that this object was entered as."""
        entry = innermost_of(self._entries, cast("Any", current.get()))
        return _Leaving(self._entries, self._unentered if entry is None else entry)

    def _attach(self, *, for_good: bool) -> RemoteSpan:
        try:
            _detach_unreachable()
            attached = joined(self._carrier)
            attached.abandoned = weakref.finalize(attached, _unreachable.append, attached.task)
            attached.abandoned.atexit = False
            each_round(_detach_unreachable)
            attached.outside = _around()
            attached.for_good = for_good
            current.set(attached)
            return attached
        except ValueError:
            raise
        except BaseException as error:
            keep_away(error, "continuing a task; what happens here is not recorded")
            return _NOWHERE


class _Leaving:
    """Leaves what was attached, however often that is begun."""

    __slots__ = ("_entries", "_entry")

    def __init__(self, entries: dict[RemoteSpan, None], entry: RemoteSpan | None) -> None:
        self._entries = entries
        self._entry = entry

    def end_later(self, error: BaseException | None) -> None:  # noqa: ARG002  # as `Ending` has it
        """Do what is left of that.

        Args:
            error: What kept it from being left.
        """
        entry = self._entry
        if entry is None:
            return
        if entry is not _NOWHERE:
            leave(entry)
            if entry.abandoned is not None and entry.abandoned.detach():
                detach(entry.task)
        self._entries.pop(entry, None)


def _is_around(span: RemoteSpan) -> bool:
    """Tell whether this context is inside of a span."""
    inside = current.get()
    while inside is not None and inside is not span:
        inside = inside.outside
    return inside is not None


def _around() -> Scope | None:
    """Return what a span is attached in: of those that were attached for good, one after another, the last one only.

    That one stays, since a block may be what is attached now. Nobody comes back to those before it.
    """
    around = going_on(current.get())
    if isinstance(around, RemoteSpan) and around.for_good:
        before = around.outside
        if isinstance(before, RemoteSpan) and before.for_good:
            around.outside = before.outside
    return around
