"""Follow the journal of one execution: only what was added since the last look is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from obs_core.journal.batches import torn
from obs_core.journal.reader import added_lines, ends_of_closed, segment_names, writer_of
from obs_core.store import Store
from obs_core.store.base import StoreError
from obs_core.store.fetching import fetch_each

__all__ = ["Addition", "JournalTail"]


class Addition(Struct, frozen=True):
    """Lines that a writer added.

    Attributes:
        writer: Who wrote them.
        path: The segment in which they are.
        lines: Whole lines of JSON.
    """

    writer: str
    path: str
    lines: bytes


class _Segment(Struct):
    """How far a segment was read.

    Attributes:
        path: Its path when it was last seen; it changes when the segment is compressed.
        stored: The size of its file, as it was last seen.
        read: Bytes of whole lines that were read, uncompressed.
    """

    path: str = ""
    stored: int = -1
    read: int = 0


_NEVER = -2
"""In the place of its size, of a file that cannot be read."""


class JournalTail:
    """The journal of one execution, read as it grows.

    Args:
        store: Where it is kept.
        execution_id: Which execution.
        choose: Which of its segments are read, given all of them. Default: all.
        ends: Whether of a large segment that is closed only the lines at its ends are read.

    Attributes:
        newest: The newest segment of each writer.
    """

    def __init__(
        self,
        store: Store,
        execution_id: str,
        choose: Callable[[list[str]], list[str]] = lambda paths: paths,
        *,
        ends: bool = False,
    ) -> None:
        self.newest: dict[str, str] = {}
        self._store = store
        self._execution_id = execution_id
        self._segments: dict[str, _Segment] = {}
        self._choose = choose
        self._ends = ends

    def read(self) -> Iterator[Addition]:
        """Yield what was added since the last call, as it is read; each writer's lines in their order.

        Raises:
            OSError: The store cannot be read.
        """
        paths = self._choose(segment_names(self._store, self._execution_id))
        for path, added in zip(paths, fetch_each(self._store, self._added, paths), strict=True):
            self.newest[writer_of(path)] = path
            if added is None:
                continue
            # Now, and not when it was fetched: what is fetched ahead of a file that cannot be read is fetched again.
            lines, self._segments[path.removesuffix(".gz")] = added
            if lines:
                yield Addition(writer_of(path), path, lines)

    def _added(self, path: str) -> tuple[bytes, _Segment] | None:
        """Return the lines that a segment has beyond those that were read, and how far it is read with them."""
        segment = self._segments.get(path.removesuffix(".gz"), _Segment())
        try:
            stored = self._store.size_of(path)
            if (path, stored) == (segment.path, segment.stored):
                return None
            # In a folder a segment is compressed when it is closed; a shared store compresses those that grow, too.
            if self._ends and self._store.local and path.endswith(".gz") and not segment.read:
                return ends_of_closed(self._store, path, stored), _Segment(path, stored)
            content = self._store.get(path, 0 if path.endswith(".gz") else segment.read)
        except FileNotFoundError:  # it was compressed between the listing and now: the next look finds it
            return None
        except (StoreError, PermissionError, IsADirectoryError):
            if not self._store.local:
                raise  # nobody can tell a file that cannot be read from a network that is down
            if segment.stored == _NEVER:
                return None
            # One file that is no segment of ours does not hide the others.
            return torn(1, 0), _Segment(segment.path, _NEVER, segment.read)
        lines, read = added_lines(path, content, segment.read)
        return lines, _Segment(path, stored, read)
