"""What a store must be able to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from obs_core.failsafe import ObsError


class StoreError(ObsError, OSError):
    """The store cannot be opened, read or written."""


Outliner = Callable[[bytes, str, int], bytes]
"""Returns the outline of some lines of a segment, given the name of its file and the place in it at which they will
stand compressed; nothing if they need none. See `obs_core.store.packing.member`."""


class Segment(Protocol):
    """One file of a journal, while it is being written."""

    size: int
    """Bytes that count as written, before compression. Whoever appends adds to it once he has taken note: what an
    interrupted append left beyond it is replaced by the next one."""

    def append(self, lines: bytes) -> None:
        """Add whole lines after the first `size` bytes.

        Raises:
            OSError: The store did not take them; none of them counts as written.
            FileNotFoundError: Somebody removed the file since it was begun.
        """

    def close(self) -> None:
        """Finish the file; what is large is compressed."""


class Store(Protocol):
    """Files by path, ``/`` between the parts, relative to the store.

    A path that leads out of the store, by its parts or by a symbolic link on the way, is a `StoreError` everywhere.
    """

    url: str
    local: bool
    """Whether a write is as quick as a local disk, so that a task may wait for it."""
    begins_slowly: bool
    """Whether the first write of an execution costs much more than the following ones, as making folders does."""
    segment_limit: int
    """Bytes after which a journal goes on in a new segment."""

    def segment(self, path: str, outline: Outliner | None = None) -> Segment:
        """Begin a segment; the file appears with its first lines.

        Args:
            path: Of the file.
            outline: What gives the compressed parts their outlines.
        """

    def put(self, path: str, content: bytes) -> None:
        """Write a whole file, so that a reader sees all of it or nothing."""

    def get(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        """Read a file: all of it, or at most `size` bytes from `start` on.

        Raises:
            FileNotFoundError: There is no such file.
        """

    def names(self, path: str) -> list[str]:
        """Return the sorted names in a folder; none if there is no such folder."""

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file."""

    def modified(self, path: str) -> float:
        """Return when a file was last written, in seconds since the epoch."""

    def now(self) -> float:
        """Return the time by the clock that `modified` reads, in seconds since the epoch."""

    def size_of(self, path: str) -> int:
        """Return the bytes of a file, or of everything below a folder."""

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with everything below it; fine if there is none."""

    def address(self, path: str) -> str:
        """Return where a person finds the file: an absolute path or a URL."""

    def file_path(self, path: str) -> str | None:
        """Return where this machine's programs find, or may write, the file; None if it is no file of a folder."""
