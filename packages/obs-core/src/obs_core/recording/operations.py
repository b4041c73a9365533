"""Operations that an engine runs here, perhaps a million: those that tell something are written, the rest counted."""

from __future__ import annotations

import heapq
from types import TracebackType
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from obs_core import clock
from obs_core.journal import records
from obs_core.locks import new_rlock
from obs_core.recording.scope import current, going_on, leave, operation_logs
from obs_core.text.bounded_repr import describe_error

if TYPE_CHECKING:
    from obs_core.journal.writer import Journal
    from obs_core.recording.joining import RemoteSpan
    from obs_core.recording.run import Scope, TaskState

__all__ = ["Operation", "OperationLog"]

WHOLE = 1_000
"""Operations of one name below one parent that are written whole before any are counted only."""

_SLOWEST = 100
"""Further operations of one name that are written whole since none but so many were slower."""

_SLOWEST_AT_ONCE = 20
"""Of these, so many each second at most: operations that grow slower all the time are bounded too."""

_MOST_FAILED = 10_000
"""Failed operations of one name that are written whole."""

_MOST_GROUPS = 10_000
"""Names below parents that are remembered at a time."""

_SEEN_RUNNING = 200_000_000
"""Nanoseconds after which a running operation is written as open, so that a kill leaves a trace of it."""


_SIGN_OF_LIFE = 900_000_000
"""Nanoseconds between two signs of life while operations run: after a kill it is known how long they did. A shared
store, to which a sign of life costs an upload, gets them as rarely as from any other process."""


class OperationLog:
    """The operations that an engine runs in this process for one execution.

    Whole are written: the first `whole` of each name below each parent, the slowest, the failed, those that ran
    before, and those in which something was recorded. The rest is counted, by name and parent.

    Args:
        journal: Where to.
        whole: How many of each name are written before they are counted only.
        signals: Exceptions by which operations tell the engine something else than that they failed.

    Attributes:
        used: When an operation ended last, as `obs_core.clock.wall` tells it.

    Examples:
        >>> parent = obs_core.engines.joined(obs_core.carrier(), source="gpu-3")
        >>> log = OperationLog(parent.task.run.journal)
        >>> with log.operation(parent, "resize", key="resize-17", attributes={"worker": "gpu-3"}):
        ...     image = bytes(17)
    """

    def __init__(self, journal: Journal, whole: int = WHOLE, signals: tuple[type[BaseException], ...] = ()) -> None:
        self.journal = journal
        self.whole = whole
        self.signals = signals
        self.lock = new_rlock()  # a finalizer may record while its own thread holds it
        self.running: set[Operation] = set()
        self._groups: dict[tuple[str, str], _Group] = {}
        self._last_sign = self.used = clock.wall()
        journal.sources.append(self._write_pending)
        operation_logs.add(self)

    def operation(
        self,
        parent: RemoteSpan,
        name: str,
        key: str,
        attributes: dict[str, Any] | None = None,
        again: bool = False,
    ) -> Operation:
        """Return an operation to be entered where it runs.

        Args:
            parent: What it runs under.
            name: What operations of its kind are called; they are counted by it.
            key: What the engine calls it.
            attributes: Facts about it. Those that are floats are added up where operations are counted.
            again: It ran, or was about to, before.
        """
        return Operation(self, parent, name, key, {} if attributes is None else attributes, again)

    @property
    def idle(self) -> bool:
        """Whether no operation runs."""
        return not self.running

    def close(self) -> None:
        """Write what is left; no operation begins here any more."""
        operation_logs.discard(self)
        self.journal.flush(wait=True)
        if self._write_pending in self.journal.sources:
            self.journal.sources.remove(self._write_pending)

    def ended(self, operation: Operation) -> None:
        """Write an operation that has ended, or count it if there were many of its name.

        Args:
            operation: What ended.
        """
        where = (operation.parent.number, operation.name)
        with self.lock:
            self.running.discard(operation)
            self.used = operation.start + operation.duration
            group = self._groups.get(where) or self._new_group(where)
            if operation.must_be_written or group.takes_whole(operation, self.whole):
                self.journal.append(operation.record())
                return
            passed_by = group.consider(operation)
            if passed_by is not None:
                group.count(passed_by)

    def _new_group(self, where: tuple[str, str]) -> _Group:
        if len(self._groups) >= _MOST_GROUPS:
            self._write_groups()
            self._groups.clear()
        group = self._groups[where] = _Group(*where)
        return group

    def _write_pending(self) -> None:
        """Append what is known by now to the journal, which is about to be written."""
        with self.lock:
            since = clock.wall() - _SEEN_RUNNING
            for operation in list(self.running):  # more begin meanwhile
                if not operation.announced and (operation.start < since or operation.must_be_written):
                    operation.announced = True
                    self.journal.append(operation.open_record())
            self._write_groups()
            if self.running and self.journal.store.local and clock.wall() - self._last_sign > _SIGN_OF_LIFE:
                self._last_sign = clock.wall()
                self.journal.append(records.Beat(self._last_sign))

    def _write_groups(self) -> None:
        for group in list(self._groups.values()):
            for operation in group.take_slowest():
                self.journal.append(operation.record())
            if group.changed:
                self.journal.append(group.record(self.journal))


class Operation:
    """One operation: spans, decks and tasks of the code that runs inside the ``with`` block belong to it.

    Attributes:
        attributes: Facts about it; more may be added until it ends.
        announced: Whether it is written as open.
        outside: What was current where it was entered.
        over: Whether it has ended.
    """

    __slots__ = (
        "_failure",
        "_log",
        "_number",
        "_task",
        "_used",
        "again",
        "announced",
        "attributes",
        "cpu",
        "duration",
        "key",
        "name",
        "outside",
        "over",
        "parent",
        "start",
    )

    def __init__(
        self, log: OperationLog, parent: RemoteSpan, name: str, key: str, attributes: dict[str, Any], again: bool
    ) -> None:
        self._log = log
        self._number = 0
        self._used = False
        self._failure: str | None = None
        self.parent = parent
        self._task: TaskState = parent.task
        self.name = name
        self.key = key
        self.attributes = attributes
        self.again = again
        if again:
            attributes["again"] = True
        self.announced = False
        self.over = False
        self.outside: Scope | None = None

    def stands_in(self, around: Scope | None) -> None:
        """Stand in something else from now on: what was around it has ended.

        Args:
            around: What is still open; None outside of any execution.
        """
        self.outside = around

    @property
    def task(self) -> TaskState:
        """The task that it is a part of; whoever asks records something in it, so that it will be written whole."""
        self._used = True
        return self._task

    @property
    def number(self) -> int:
        """Its number in this process's journal."""
        with self._log.lock:
            return self._numbered()

    @property
    def whole(self) -> int:
        """How many operations of a name are written here before they are counted only."""
        return self._log.whole

    @property
    def must_be_written(self) -> bool:
        """Whether something was recorded in it, or it is written already, or it ran before."""
        return self._used or self.announced or self.again

    @property
    def failed(self) -> bool:
        """Whether an exception left it."""
        return self._failure is not None

    def __enter__(self) -> Operation:
        self.outside = going_on(current.get())
        self.start = clock.wall()
        self._log.running.add(self)
        current.set(self)
        self.cpu = clock.thread()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.duration = clock.wall() - self.start
        self.cpu = clock.thread() - self.cpu
        self.over = True
        leave(self)
        if error is not None and not isinstance(error, self._log.signals):
            self._failure = type(error).__name__
            self.attributes["message"] = describe_error(error)
        self._log.ended(self)

    def record(self) -> records.SpanRecord:
        """Return it as it is written."""
        return records.SpanRecord(
            self._numbered(),
            self.parent.number,
            self.name,
            self.start,
            self.duration,
            self.cpu,
            self._failure,
            self.attributes,
            self.key,
        )

    def open_record(self) -> records.OpenSpan:
        """Return it as it is written while it runs."""
        return records.OpenSpan(
            self._numbered(), self.parent.number, self.name, self.start, dict(self.attributes), self.key
        )

    def _numbered(self) -> int:
        """Return its number, given when it is first asked for; with the log's lock held."""
        if not self._number:
            self._number = self._task.next_number()
        return self._number


class _Group(Struct, eq=False):
    """The operations of one name below one parent.

    Attributes:
        whole: How many were written whole since they were the first.
        failed: How many failed.
        slowest: Durations of those that were written whole since they were slow, a heap.
        waiting: Those of the last second that are as slow, a heap.
        number: Of the record that counts the others; 0 before there is one.
        changed: Whether more were counted since it was written.
    """

    parent: str
    name: str
    whole: int = 0
    failed: int = 0
    slowest: list[int] = field(default_factory=list)
    waiting: list[tuple[int, int, Operation]] = field(default_factory=list)
    number: int = 0
    counted: int = 0
    start: int = 0
    end: int = 0
    total: int = 0
    longest: int = 0
    cpu: int = 0
    sums: dict[str, Any] = field(default_factory=dict)
    changed: bool = False

    def takes_whole(self, operation: Operation, limit: int) -> bool:
        """Tell whether an operation is one of the first, or of the failed."""
        if operation.failed and self.failed < _MOST_FAILED:
            self.failed += 1
            return True
        if self.whole < limit:
            self.whole += 1
            return True
        return False

    def consider(self, operation: Operation) -> Operation | None:
        """Put an operation among the slowest, if it is; returns the one that is not, or is no longer."""
        duration = operation.duration
        if len(self.slowest) >= _SLOWEST and duration <= self.slowest[0]:
            return operation
        entry = (duration, id(operation), operation)
        if len(self.waiting) < _SLOWEST_AT_ONCE:
            heapq.heappush(self.waiting, entry)
            return None
        return heapq.heapreplace(self.waiting, entry)[2] if duration > self.waiting[0][0] else operation

    def take_slowest(self) -> list[Operation]:
        """Return the slowest of the last second, to be written whole."""
        taken = [operation for _, _, operation in self.waiting]
        self.waiting.clear()
        for operation in taken:
            heapq.heappush(self.slowest, operation.duration)
            if len(self.slowest) > _SLOWEST:
                heapq.heappop(self.slowest)
        return taken

    def count(self, operation: Operation) -> None:
        """Add an operation to those that are only counted."""
        end = operation.start + operation.duration
        self.start = min(self.start, operation.start) if self.counted else operation.start
        self.counted += 1
        self.end = max(self.end, end)
        self.total += operation.duration
        self.longest = max(self.longest, operation.duration)
        self.cpu += operation.cpu
        self.changed = True
        for name, value in operation.attributes.items():
            if isinstance(value, float):
                self.sums[name] = self.sums.get(name, 0.0) + value
            elif name not in self.sums and name in _SAME_FOR_ALL:
                self.sums[name] = value

    def record(self, journal: Journal) -> records.SpanRecord:
        """Return what is counted so far; it replaces what was written under its number before."""
        self.changed = False
        self.number = self.number or journal.next_number()
        counted = (self.counted, self.total, self.longest)
        attributes = {"count": self.counted, **self.sums}
        span = self.end - self.start
        return records.SpanRecord(
            self.number, self.parent, self.name, self.start, span, self.cpu, None, attributes, None, counted
        )


_SAME_FOR_ALL = ("worker",)
"""Attributes that all operations of a name in a process share, as far as anybody wants to know."""
