"""The store in use where none can be opened: it takes nothing, and says why."""

from __future__ import annotations

import time

from obs_core.store.base import Segment, StoreError

__all__ = ["NowhereStore"]


class NowhereStore:
    """Takes nothing, so that what is recorded is counted as lost and the pipeline goes on.

    Args:
        url: The store that was meant.
        reason: Why there is none.
    """

    local = True
    begins_slowly = False
    segment_limit = 1

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self._reason = reason

    def segment(self, path: str) -> Segment:
        raise StoreError(self._reason)

    def put(self, path: str, content: bytes) -> None:
        raise StoreError(self._reason)

    def get(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        raise FileNotFoundError(path)

    def names(self, path: str) -> list[str]:
        return []

    def exists(self, path: str) -> bool:
        return False

    def modified(self, path: str) -> float:
        raise FileNotFoundError(path)

    def now(self) -> float:
        return time.time()

    def size_of(self, path: str) -> int:
        return 0

    def remove(self, path: str) -> None:
        return

    def address(self, path: str) -> str:
        return f"{self.url}/{path}"

    def file_path(self, path: str) -> str | None:
        return None
