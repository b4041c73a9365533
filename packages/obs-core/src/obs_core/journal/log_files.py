"""The files that log lines go to: written through memory, appended to, or uploaded, as the store allows.

A line must survive the kill of its process, and cost next to nothing. What stands in memory that belongs to a file is
the kernel's from then on, as after a call of `write`, but without the call, which is most of what a line would cost.
Memory of a file has one danger: who writes to a page that the disk cannot take any more is ended by SIGBUS. So the room
is reserved first, on file systems of which that is known to hold, and everywhere else lines are appended.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from obs_core import clock
from obs_core.journal.writer import Journal
from obs_core.store.descriptors import file_id, moved_up, open_high

if TYPE_CHECKING:
    import mmap

__all__ = ["Appended", "LogFile", "Mapped", "Uploaded", "mapped"]

_SAFE = frozenset(("ext2", "ext3", "ext4", "xfs", "tmpfs", "overlay"))
"""File systems on which reserved room is there when it is written to: no network behind it, no copy on write."""


class LogFile(Protocol):
    """A file that log lines go to."""

    @property
    def put(self) -> Callable[[bytes], int] | None:
        """Writes a line without any call of the system, or raises a ValueError if it does not fit.

        None if lines are given to `write`.
        """

    def write(self, content: bytes, /) -> int | None:
        """Write, and return how much of it was taken."""

    def size(self) -> int:
        """Return how many bytes it holds."""

    def close(self) -> None:
        """Write no more."""


def mapped(path: str, room: int) -> Mapped | None:
    """Create a file that is written through memory; None where that is not known to be safe.

    Args:
        path: The file; there is none yet.
        room: How many bytes it can hold.
    """
    if not _CAN_MAP or not _may_be_mapped(os.stat(os.path.dirname(path)).st_dev):
        return None
    if not _KEEPS_NO_DESCRIPTOR and None in (file_id(0), file_id(1), file_id(2)):
        return None  # the memory would hold the lowest descriptor, which is to become the program's input or output
    try:
        lowest = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return None
    descriptor = moved_up(lowest)
    try:
        os.posix_fallocate(descriptor, 0, room)
        return _in_memory(path, descriptor, room, lowest)
    except (OSError, ValueError):  # the disk is full, or the process may not write that much: lines may still fit
        os.truncate(path, 0)
        return None
    finally:
        os.close(descriptor)


def _in_memory(path: str, descriptor: int, room: int, lowest: int) -> Mapped | None:
    import mmap

    if _KEEPS_NO_DESCRIPTOR:
        return Mapped(path, mmap.mmap(descriptor, room, trackfd=False), -1)  # type: ignore[call-arg, unused-ignore]
    memory = mmap.mmap(descriptor, room)
    if file_id(lowest) == file_id(descriptor):
        return Mapped(path, memory, lowest)
    memory.close()  # another thread took that number meanwhile
    os.truncate(path, 0)
    return None


_CAN_MAP = sys.platform == "linux" and getattr(sys, "_is_gil_enabled", lambda: True)()
"""The GIL keeps two threads from writing to the same place."""

_KEEPS_NO_DESCRIPTOR = sys.version_info >= (3, 13)


@functools.cache
def _may_be_mapped(device: int) -> bool:
    """Tell whether a device holds a file system of those that keep what they have reserved."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.split(" ")
            if len(fields) > 6 and fields[2] == wanted:
                return fields[fields.index("-") + 1] in _SAFE if "-" in fields else False
    return False


class Mapped:
    """A file that is written through memory. The room that is left is NUL bytes; it is cut off in the end.

    Args:
        path: The file.
        memory: Its memory.
        descriptor: The descriptor that the memory holds; -1 if it holds none.
    """

    def __init__(self, path: str, memory: mmap.mmap, descriptor: int) -> None:
        self.put: Callable[[bytes], int] | None = memory.write
        self.write = memory.write
        self._path = path
        self._memory = memory
        self._descriptor = descriptor
        self._file_id = file_id(descriptor) if descriptor >= 0 else None

    def size(self) -> int:
        """Return how many bytes it holds."""
        return self._memory.tell()

    def close(self) -> None:
        """Write no more, and cut off the room that is left."""
        try:
            used = self._memory.tell()
        except ValueError:  # it is closed
            return
        self.leave()
        # Another thread may have written between these two calls; from here on nobody does.
        with open(self._path, "rb+") as file:
            file.seek(used)
            file.truncate(used + len(file.read().rstrip(b"\0")))

    def leave(self) -> None:
        """Write no more, and leave the file as it is: it is another process's."""
        if self._descriptor >= 0 and file_id(self._descriptor) != self._file_id:
            _keep_for_ever(self._memory)  # the program closed all descriptors; the number may be a file of its own now
        else:
            self._memory.close()


def _keep_for_ever(memory: object) -> None:
    with contextlib.suppress(ImportError):
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))


class Appended(io.FileIO):
    """A file that is appended to, closed without a word when nobody holds it any more."""

    put: Callable[[bytes], int] | None = None

    def __init__(self, path: str) -> None:
        super().__init__(path, "ab", opener=open_high)

    def size(self) -> int:
        """Return how many bytes it holds."""
        return os.fstat(self.fileno()).st_size

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


class Uploaded:
    """A segment in a store that cannot append: kept in memory, uploaded whole every few seconds.

    Args:
        journal: Uploads it.
        path: Where to.
    """

    put: Callable[[bytes], int] | None = None

    def __init__(self, journal: Journal, path: str) -> None:
        self._journal = journal
        self._path = path
        self._lines: list[bytes] = []
        self._size = 0
        self._uploaded_at = 0
        self._uploaded = 0

    def write(self, line: bytes, /) -> int:
        """Add a line."""
        self._lines.append(line)
        self._size += len(line)
        return len(line)

    def size(self) -> int:
        """Return how many bytes it holds."""
        return self._size

    def content(self) -> bytes:
        """Return all lines so far."""
        return b"".join(self._lines)

    def upload(self, pause: int) -> None:
        """Upload it if something was added and the last upload is that many nanoseconds ago."""
        now, count = clock.wall(), len(self._lines)
        if count > self._uploaded and now - self._uploaded_at >= pause:
            self._uploaded_at, self._uploaded = now, count
            self._journal.put(self._path, b"".join(self._lines[:count]))

    def close(self) -> None:
        """Upload what is left."""
        self.upload(0)
