"""What an execution logs and prints, followed while it is looked at: the Logs tab of each task."""

from __future__ import annotations

import threading
import time
from collections import deque

from msgspec import Struct, field

from obs_core.journal.logs import LogTail
from obs_core.model import LogLine
from obs_core.store import Store

__all__ = ["FollowedLog", "TaskLog"]

MOST_LINES = 20_000
"""Lines of a task that are held, the last ones; the report and ``obs logs`` have more."""

MOST_RECENT = 500
"""Lines that the page of an execution shows, the last ones of all its tasks."""

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
        self._tail = LogTail(store, execution_id)
        self._tasks: dict[str, TaskLog] = {}
        self._recent: deque[LogLine] = deque(maxlen=MOST_RECENT)
        self._count = 0
        self._lock = threading.Lock()
        self._looked = float("-inf")

    def of(self, task_id: str) -> TaskLog:
        """Return what a task said so far."""
        with self._lock:
            self._read()
            return self._tasks.get(task_id, TaskLog())

    def recent(self) -> tuple[list[LogLine], int]:
        """Return the last lines, of any task or none, oldest first, and how many there are in all."""
        with self._lock:
            self._read()
            return list(self._recent), self._count

    def _read(self) -> None:
        if time.monotonic() - self._looked <= _PAUSE:
            return
        for line in self._tail.poll():
            self._tasks.setdefault(line.task, TaskLog()).add(line)
            self._recent.append(line)
            self._count += 1
        self._looked = time.monotonic()
