"""What an execution logs and prints, followed while it is looked at: the Logs tab of each task."""

from __future__ import annotations

import threading
import time
from collections import deque

from msgspec import Struct, field

from obs_core.journal.log_reader import LogTail
from obs_core.model import LogLine
from obs_core.store import Store
from obs_core.store.paths import logs_path

__all__ = ["FollowedLog", "TaskLog"]

MOST_LINES = 20_000
"""Lines of a task that are held, the last ones; the report and ``obs logs`` have more."""

MOST_RECENT = 500
"""Lines that the page of an execution shows, the last ones of all its tasks."""

_LARGE = 8 * 1024 * 1024
"""Bytes of a log from which on only its end is read at first."""

_MOST_PROBLEMS = 1_000
_WARNING = 30
_PAUSE = 0.2


class TaskLog(Struct):
    """What a task said.

    Attributes:
        count: How many lines.
        last: The last of them.
        problems: Warnings and errors that are not among the last any more.
    """

    count: int = 0
    last: deque[LogLine] = field(default_factory=deque)
    problems: list[LogLine] = field(default_factory=list)

    def add(self, line: LogLine) -> None:
        """Add the next line."""
        self.count += 1
        self.last.append(line)
        if len(self.last) > MOST_LINES:
            oldest = self.last.popleft()
            if oldest.severity >= _WARNING and len(self.problems) < _MOST_PROBLEMS:
                self.problems.append(oldest)


class FollowedLog:
    """The log of an execution, read as it grows, and only once somebody looks at a task.

    Args:
        store: Where it is kept.
        execution_id: Which execution.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self._store, self._folder = store, logs_path(execution_id)
        self._tail = LogTail(store, execution_id)
        self._skipped: dict[str, int] | None = None
        """How many lines of each task were passed over: those of a large log are read when somebody looks at them."""
        self._tasks: dict[str, TaskLog] = {}
        self._recent: deque[LogLine] = deque(maxlen=MOST_RECENT)
        self._count = 0
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._looked = float("-inf")

    def of(self, task_id: str) -> TaskLog:
        """Return what a task said so far."""
        with self._lock:
            self._read()
            log = self._tasks.get(task_id, TaskLog())
            passed_over = (self._skipped or {}).pop(task_id, 0)
            if passed_over:
                log = self._tasks[task_id] = self._with_earlier(task_id, log)
            return log

    def count_of(self, task_id: str) -> int:
        """Return how many lines a task said so far."""
        with self._lock:
            self._read()
            log = self._tasks.get(task_id)
            return (0 if log is None else log.count) + (self._skipped or {}).get(task_id, 0)

    def _with_earlier(self, task_id: str, log: TaskLog) -> TaskLog:
        earlier, problems = self._tail.skipped(task_id, max(0, MOST_LINES - len(log.last)))
        whole = TaskLog(problems=problems[:_MOST_PROBLEMS])
        for line in (*earlier, *log.problems, *log.last):
            whole.add(line)
        whole.count = log.count + self._counts[task_id]
        return whole

    def recent(self) -> tuple[list[LogLine], int]:
        """Return the last lines, of any task or none, oldest first, and how many there are in all."""
        with self._lock:
            self._read()
            return list(self._recent), self._count

    def _read(self) -> None:
        if time.monotonic() - self._looked <= _PAUSE:
            return
        if self._skipped is None:
            sizes = (self._store.size_of(f"{self._folder}/{name}") for name in self._store.names(self._folder))
            self._counts = self._tail.skip(MOST_RECENT) if self._store.local and sum(sizes) > _LARGE else {}
            self._skipped = dict(self._counts)
            self._count = sum(self._counts.values())
        for line in self._tail.poll():
            self._tasks.setdefault(line.task, TaskLog()).add(line)
            self._recent.append(line)
            self._count += 1
        self._looked = time.monotonic()
