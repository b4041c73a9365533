"""File descriptors that survive beside a program that closes all there are, as daemons do, and opens its own files."""

from __future__ import annotations

import errno
import functools
import itertools
import os
import weakref
from collections.abc import Callable
from typing import Any

from obs_core.files import open_into
from obs_core.interruptions import let_pass

__all__ = [
    "NO_LINK",
    "close_what_is_left",
    "file_id",
    "hold",
    "largest_file",
    "let_go",
    "may_write",
    "most_files",
    "moved_up",
    "open_high",
    "open_high_into",
    "punch_hole",
]

NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Flag that makes opening a symbolic link an error."""

_MOST = 1024
"""Descriptors that a process has by default, and that `select` knows."""

_ROOM = 124
"""Descriptors at the upper end that are for obs. They are given away from the lowest on, so one up there is not soon
given to somebody else once it is closed."""

_turns = itertools.count()
"""A number up there that the program closed is not soon one of ours again: who still writes to it would not notice."""


def open_high(path: str, flags: int) -> int:
    """Open a file with a high descriptor; an opener for `open` and `io.FileIO` too.

    Args:
        path: The file.
        flags: As for `os.open`.
    """
    opened: list[int] = []
    try:
        open_high_into(opened, path, flags)
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    return opened[0]


def open_high_into(opened: list[int], path: str, flags: int) -> None:
    """Open a file with a high descriptor, as `open_into` does.

    Args:
        opened: Gets the descriptor, and is to be closed also if this raises.
        path: The file.
        flags: As for `os.open`.
    """
    open_into(opened, path, flags)
    _move_up(opened)


def moved_up(descriptor: int) -> int:
    """Give a file a high descriptor in place of its own; the same one where there is none, or no such thing."""
    opened = [descriptor]
    try:
        _move_up(opened)
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    return opened[0]


def _move_up(opened: list[int]) -> None:
    try:
        import fcntl

        _duplicate(opened, max(most_files() - _ROOM, 0), fcntl)
    except (ImportError, OSError) as error:
        let_pass(error)
        return
    low = opened[0]
    del opened[0]  # before it is closed: the number may be somebody else's right after
    os.close(low)


def _duplicate(opened: list[int], lowest: int, fcntl: Any) -> None:
    first = lowest + next(_turns) % (_ROOM // 2)
    try:
        opened.extend(map(fcntl.fcntl, opened[:1], (fcntl.F_DUPFD_CLOEXEC,), (first,)))
    except OSError as error:  # so many are open, or few are allowed
        let_pass(error)
        opened.extend(map(fcntl.fcntl, opened[:1], (fcntl.F_DUPFD_CLOEXEC,), (lowest,)))


def most_files() -> int:
    """Return how many files this process may have open (`RLIMIT_NOFILE`), 1,024 at most."""
    try:
        import resource
    except ImportError:
        return _MOST
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if most == resource.RLIM_INFINITY else min(most, _MOST)


def largest_file() -> int:
    """Return how large a file this process may make (`RLIMIT_FSIZE`); -1 if that is not limited."""
    try:
        import resource
    except ImportError:
        return -1
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return -1 if most == resource.RLIM_INFINITY else most


def may_write(size: int) -> None:
    """Refuse what would make a file larger than this process may make it: SIGXFSZ could end the program.

    Args:
        size: How large the file is to be.

    Raises:
        OSError: It may not be that large.
    """
    if -1 < largest_file() < size:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


_PUNCH_A_HOLE = 0x01 | 0x02
"""`FALLOC_FL_KEEP_SIZE` and `FALLOC_FL_PUNCH_HOLE`, as <linux/falloc.h> has them: the one needs the other."""


def punch_hole(descriptor: int, start: int, size: int) -> None:
    """Give back to the disk what a part of a file holds: it reads as zeros then, and the file keeps its size.

    Args:
        descriptor: The file.
        start: Its byte at which the part begins.
        size: Bytes of the part.

    Raises:
        OSError: The file system cannot do that, or not now; or this is not Linux.
    """
    allocate = _fallocate()
    if allocate is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    failed = allocate(descriptor, _PUNCH_A_HOLE, start, size)
    if failed:
        raise OSError(failed, os.strerror(failed))


@functools.cache
def _fallocate() -> Callable[[int, int, int, int], int] | None:
    """Return a function that gives the number of the error, or 0; None where there is no such thing."""
    try:
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        # Where there are both, the one without the number takes offsets of 32 bits on 32-bit systems.
        function = getattr(library, "fallocate64", None) or library.fallocate
    except (ImportError, OSError, AttributeError) as error:
        let_pass(error)
        return None
    function.argtypes = ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64
    return lambda *arguments: ctypes.get_errno() if function(*arguments) else 0


def file_id(descriptor: int) -> tuple[int, int] | None:
    """Return what tells the file of a descriptor from all others; None if it is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError as error:
        let_pass(error)
        return None
    return found.st_dev, found.st_ino


_held: dict[int, tuple[weakref.ref[Any], tuple[int, int] | None]] = {}
"""The descriptors in use, each with who uses it and what tells its file."""


def hold(descriptor: int, owner: object) -> None:
    """Let a descriptor be closed some time after an object is gone that did not close it.

    No method of the object does that, nor a callback of a weak reference: they would run wherever it goes away, at the
    end of a task say, and what a signal's handler raises in one of them Python prints and forgets.

    Args:
        descriptor: The descriptor.
        owner: The object; it calls `let_go` where it closes it itself.
    """
    _held[descriptor] = weakref.ref(owner), file_id(descriptor)


def let_go(descriptor: int, owner: object) -> None:
    """Leave a descriptor to who has it.

    Args:
        descriptor: The descriptor. It may be closed, and be somebody else's by now.
        owner: Who held it.
    """
    held = _held.get(descriptor)
    if held is not None and held[0]() is owner:
        _held.pop(descriptor, None)


def close_what_is_left() -> None:
    """Close the descriptors of objects that are gone, but for numbers that are another file's by now."""
    for descriptor, held in list(_held.items()):
        owner, file = held
        if owner() is None and _held.pop(descriptor, None) is held and file_id(descriptor) == file:
            os.close(descriptor)
