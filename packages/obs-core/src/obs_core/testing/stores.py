"""A store in memory, and a way to record into it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from obs_core.store import using
from obs_core.store.base import Outliner

if TYPE_CHECKING:
    from obs_core.reading.execution import Execution

__all__ = ["RecordingStore", "recording"]


_numbers = itertools.count(1)


class RecordingStore:
    """A store in this process's memory.

    Attributes:
        files: Content by path.
    """

    local = True
    begins_slowly = False
    segment_limit = 8 * 1024 * 1024

    def __init__(self) -> None:
        self.url = f"recording-{next(_numbers)}"
        self.files: dict[str, bytes] = {}
        self._modified: dict[str, float] = {}

    def executions(self) -> list[Execution]:
        """Return the recorded executions, oldest first."""
        from obs_core.reading.execution import Execution

        return [Execution(self, execution_id) for execution_id in self.names("executions")]

    def last(self) -> Execution:
        """Return the newest execution.

        Raises:
            ExecutionNotFoundError: Nothing was recorded.
        """
        from obs_core.reading.execution import load_execution

        return load_execution("last", self)

    def segment(self, path: str, outline: Outliner | None = None) -> _MemorySegment:  # noqa: ARG002
        return _MemorySegment(self, path)

    def put(self, path: str, content: bytes) -> None:
        self.files[path] = content
        self._modified[path] = time.time()

    def get(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        try:
            return self.files[path][start : None if size is None else start + size]
        except KeyError:
            raise FileNotFoundError(path) from None

    def names(self, path: str) -> list[str]:
        below = f"{path}/"
        return sorted({name[len(below) :].partition("/")[0] for name in list(self.files) if name.startswith(below)})

    def exists(self, path: str) -> bool:
        return path in self.files

    def modified(self, path: str) -> float:
        self.get(path)
        return self._modified[path]

    def now(self) -> float:
        return time.time()

    def size_of(self, path: str) -> int:
        return sum(len(self.files[name]) for name in self._at_or_below(path))

    def remove(self, path: str) -> None:
        for name in self._at_or_below(path):
            del self.files[name], self._modified[name]

    def file_path(self, path: str) -> str | None:  # noqa: ARG002
        return None

    def address(self, path: str) -> str:
        return f"{self.url}://{path}"

    def _at_or_below(self, path: str) -> list[str]:
        return [name for name in self.files if name == path or name.startswith(f"{path}/")]


class _MemorySegment:
    def __init__(self, store: RecordingStore, path: str) -> None:
        self._store = store
        self._path = path
        self.size = 0

    def append(self, lines: bytes) -> None:
        self._store.put(self._path, self._store.files.get(self._path, b"")[: self.size] + lines)

    def close(self) -> None:
        """Nothing is left to do."""


@contextmanager
def recording() -> Iterator[RecordingStore]:
    """Record everything that runs inside into a fresh store in memory.

    Examples:
        >>> with recording() as store:
        ...     with execution("nightly"), span("load"):
        ...         rows = [3, -1, 4]
        >>> store.last().status
        'succeeded'
    """
    store = RecordingStore()
    with using(store):
        yield store
