"""Spans: timed operations of a task."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from obs_core import clock
from obs_core.failsafe import keep_away
from obs_core.interruptions import let_pass
from obs_core.journal.records import Ref
from obs_core.quiet_handlers import entered_for_certain
from obs_core.recording.exit_status import ended_well
from obs_core.recording.here import count_missed, innermost
from obs_core.recording.raised import note_left
from obs_core.recording.run import Scope, TaskState
from obs_core.recording.scope import current, going_on, innermost_of, leave, let_go, look_after, show
from obs_core.recording.unended import LEFT, end_unended, unended
from obs_core.recording.unrecorded import unrecorded
from obs_core.recording.wrapping import wrap
from obs_core.text.bounded_repr import as_text
from obs_core.text.plain_values import plain

__all__ = ["follow", "span"]

P = ParamSpec("P")
T = TypeVar("T")

_FRESH = 50_000
"""Nanoseconds for which a reading of the process clock is used again: a system call, it costs fourteen
times what the wall clock does."""

_ENTERED_AGAIN = -1
"""The end of a span that is still open, but whose object was entered for a second time meanwhile."""

_NEVER = -1
"""The start of a span that there was no room to begin."""

_NOT_ENTERED: TaskState = cast("TaskState", None)

_get: Callable[[], Scope | None] = current.get
_set: Callable[[Scope | None], object] = current.set
_read_at = -_FRESH
_process_time = 0


def _after_fork() -> None:
    """Let the first span of a forked child look after its journal."""
    global _read_at
    _read_at = -_FRESH


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def follow(followed: bool) -> None:
    """Let others see which span each thread is in, while a profiler asks for that: it costs a tenth of a span.

    Args:
        followed: Whether that is wanted from now on.
    """
    global _set
    _set = _set_visibly if followed else current.set


def _set_visibly(scope: Scope | None) -> None:
    current.set(scope)
    show(threading.get_ident(), scope)


class _Former:
    """What a span was begun in, after that has ended: its number is all that is kept of it."""

    __slots__ = ("number", "task")

    parent = outside = None
    over = True

    def __init__(self, number: Ref, task: TaskState) -> None:
        self.number = number
        self.task = task

    def stands_in(self, around: Scope | None) -> None:
        """Nobody stands in it any more."""


class span:
    """A timed operation: a ``with`` or ``async with`` block, or a decorated function of any kind.

    Spans nest; they record wall and process time, and the type of the exception that left them. One span costs about
    two microseconds, including its line in the journal.

    Args:
        name: What is done, such as ``"join weather"``.
        attributes: Facts about it, kept as they are now: scalars, and copies of small lists and dicts of them;
            anything else as text.

    Attributes:
        name: As given.
        attributes: As they are kept; None if there are none.

    Examples:
        >>> with span("read", path="flights.csv") as reading:
        ...     rows = [3, -1, 4]
        ...     reading.set(rows=len(rows))
        >>> @span("fit")
        ... def fit(rows): ...

    Process time counts all threads of the process and is exact to 50 microseconds.
    """

    __slots__ = (
        "_entries",
        "_given",
        "_number",
        "adopter",
        "announced",
        "attributes",
        "cpu",
        "end",
        "error",
        "name",
        "outside",
        "over",
        "start",
        "task",
    )

    # What comes later is not set to None before: stores are a good part of what a span costs.
    _entries: dict[span, None]
    _given: dict[str, Any] | None
    _number: int
    outside: Scope | None
    adopter: Scope
    start: int
    cpu: int
    error: type[BaseException] | None

    def __init__(self, name: str, /, **attributes: Any) -> None:
        self.name = name if type(name) is str else as_text(name)
        try:
            self.attributes: dict[str, Any] | None = plain(attributes) if attributes else None
        except RecursionError as error:
            self.attributes = None
            keep_away(error, f"keeping the attributes of span {self.name!r}")
        self.task = _NOT_ENTERED
        self.end = 0
        self.over = False
        self.announced: bool | None = False  # None: it is numbered, and not written yet

    @property
    def number(self) -> int:
        """The span's number in its journal, which gives it when it encodes the span."""
        try:
            return self._number
        except AttributeError as error:
            let_pass(error)
            if not self.task.journal.encode() or not hasattr(self, "_number"):
                # A signal handler or a finalizer asks while the journal is being encoded: it is numbered here.
                self.announced = None
                self._number = self.task.next_number()
            return self._number

    def set(self, **attributes: Any) -> None:
        """Add attributes while the operation runs.

        Args:
            attributes: As for the span itself; an earlier one of the same name is replaced.
        """
        if self.task is not _NOT_ENTERED and not hasattr(self, "_given"):
            self._given = self.attributes
        try:
            self.attributes = {**(self.attributes or {}), **plain(attributes)}
        except RecursionError as error:
            keep_away(error, f"keeping the attributes of span {self.name!r}")

    def __enter__(self) -> span:
        global _read_at, _process_time, unended
        outside = _get()
        # No other thread comes in between this question and the answer that it gets from now on.
        if self.task is not _NOT_ENTERED:
            return self._enter_again()
        try:
            self.outside = outside
            if outside is None:
                self.task = unrecorded
                outside = self.adopter = innermost()
            task = self.task = outside.task
            if outside.over or task.over:
                task = self._outside_what_ended(outside)
            now = clock.wall()
            if now - _read_at > _FRESH:
                _process_time = clock.process()
                _read_at = now
                task.journal.relieve()
                let_go(self.parent)
                if task.run.told is not None:
                    look_after(task.run)
                    if task.over:
                        task = self._outside_what_ended(outside)
            self.cpu = _process_time
            self.start = now
            task.append(self)
        except BaseException as error:
            if error.__class__ is RecursionError:
                # Its block may need less room than this. No call stands here: there may be no room for one.
                self.outside, self.adopter, self.task = outside, unrecorded, unrecorded
                self.start, self.cpu = _NEVER, 0
                self.over = True
                unended += ((self, None),)
                return self
            self._keep_begin_away(error)
            self._stand_nowhere()
            return self
        try:
            _set(self)
        except BaseException as error:
            if error.__class__ is not RecursionError:  # else it is written, and its end will be
                self._keep_begin_away(error)
        return self

    @entered_for_certain
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _read_at, _process_time, unended
        try:
            if self.end and (entry := self._entry_to_leave()) is not self:
                if entry is not None:
                    entry.__exit__(kind, error, traceback)
                return
            now = clock.wall()
            if now - _read_at > _FRESH:
                _process_time = clock.process()
                _read_at = now
            self.cpu = _process_time - self.cpu
            self.error = None
            if error is not None and not ended_well(error):
                self.error = type(error)
                if traceback is not None:
                    note_left(self, self.start, error, traceback)
            self.end = now  # no signal is handled from here until it is in the journal
            if self.announced:
                self.task.append(self)
            self.over = True
            if _get() is self:
                _set(self.outside)
            else:
                leave(self, _set)
        except BaseException as failure:
            if failure.__class__ is RecursionError:
                if not self.over:  # else it is written. No call stands here, as above
                    self.over = True
                    unended += ((self, error),)
                return
            unended += ((self, failure if error is None else error),)
            end_unended()
            keep_away(failure, f"ending span {self.name!r}")
        else:
            if unended:
                end_unended()

    async def __aenter__(self) -> span:
        return self.__enter__()

    @entered_for_certain
    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Awaitable[None]:
        self.__exit__(kind, error, traceback)
        return LEFT

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Record each call of a function (async, generator and async generator functions too) as a span."""
        return wrap(function, functools.partial(_call_of, self))

    def __repr__(self) -> str:
        return f"span({self.name!r})"

    @property
    def parent(self) -> Scope:
        """What it is recorded under."""
        return self.adopter if self.outside is None else self.outside

    def stands_in(self, around: Scope | None) -> None:
        """Stand in something else from now on: what was around it has ended.

        Args:
            around: What is still open; None outside of any execution.
        """
        self.adopter = _Former(self.parent.number, self.task)  # it is written once more, under the same parent
        self.outside = around

    def _outside_what_ended(self, outside: Scope) -> TaskState:
        """Stand in what is still open around a span, task or execution that has ended; returns the task of that."""
        self.outside = going_on(outside)
        self.adopter = self.outside or innermost()
        self.task = self.adopter.task
        return self.task

    def _stand_nowhere(self) -> None:
        """Be a span that is not recorded, unless it was before that failed."""
        if not hasattr(self, "start"):
            self.outside, self.adopter, self.task = None, unrecorded, unrecorded
            self.start = self.cpu = 0

    def _keep_begin_away(self, error: BaseException) -> None:
        """Tell of what came as it began, unless that goes on: then nobody enters the block, and nobody leaves it."""
        global unended
        try:
            keep_away(error, f"recording span {self.name!r}")
        except BaseException as sent:
            if self.task is not _NOT_ENTERED:
                unended += ((self, sent),)
                end_unended()
            raise

    def end_later(self, error: BaseException | None) -> None:
        """Write how it ended, or that it is missing, as far as that is not done.

        Args:
            error: What it was left by, if anything.
        """
        if self.task is _NOT_ENTERED:
            return
        start = getattr(self, "start", None)
        if start is None:
            return  # it was not written
        if start == _NEVER:
            self.start = 0
            count_missed(self.outside, f"span {self.name!r}")
            return
        if self.over and self.end > 0:
            return
        if self.end <= 0:
            self.error = None if error is None or ended_well(error) else type(error)
            self.cpu = 0
            self.end = clock.wall()  # as in `__exit__`
            if self.announced:
                self.task.append(self)
        self.over = True
        if _get() is self:
            current.set(self.outside)
        self.task.journal.flush()

    def _twin(self) -> span:
        twin = span(self.name)
        twin.attributes = getattr(self, "_given", self.attributes)  # copies already, which nobody changes
        return twin

    def _enter_again(self) -> span:
        """Enter a span object that was entered before: a record of its own, since the first one stands."""
        try:
            twin = self._twin()
        except BaseException as error:
            if error.__class__ is RecursionError:
                raise  # the block is not entered
            keep_away(error, f"recording span {self.name!r}")
            return self
        if not self.end:
            self.end = _ENTERED_AGAIN
            self._entries = {self: None}
        try:
            entries = self._entries
        except AttributeError:  # asked for in this way, no other thread can make one meanwhile
            entries = self._entries = {}
        entries[twin] = None
        return twin.__enter__()

    def _entry_to_leave(self) -> span | None:
        """Return what is left here of all that this object was entered as; None if nothing is open any more."""
        try:
            entries = self._entries
        except AttributeError as error:
            let_pass(error)
            return None
        here: Any = _get()
        last = next(reversed(entries), None)
        if last is not None and last.over:
            entry: span | None = last  # it had no room to begin, so nobody is in it, and is left before all others
        else:
            entry = here if here in entries and not here.over else innermost_of(entries, here)
        if entry is not None:
            entries.pop(entry, None)
        return entry


def _call_of(decorating: span, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> AbstractContextManager[span | None]:
    try:
        return decorating._twin()
    except BaseException as error:
        if error.__class__ is RecursionError:
            raise  # the function is not called
        keep_away(error, f"recording span {decorating.name!r}")
        return nullcontext()
