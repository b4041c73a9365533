"""File descriptors that survive beside a program that closes all there are, as daemons do, and opens its own files."""

from __future__ import annotations

import errno
import itertools
import os
from typing import Any

from obs_core.interruptions import let_pass

__all__ = ["NO_LINK", "file_id", "largest_file", "may_write", "moved_up", "open_high"]

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
    return moved_up(os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o666))


def moved_up(descriptor: int) -> int:
    """Give a file a high descriptor in place of its own; the same one where there is none, or no such thing."""
    try:
        import fcntl
        import resource

        most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _MOST)
        high = _duplicate(descriptor, max(most - _ROOM, 0), fcntl)
    except (ImportError, OSError) as error:
        let_pass(error)
        return descriptor
    os.close(descriptor)
    return high


def _duplicate(descriptor: int, lowest: int, fcntl: Any) -> int:
    first = lowest + next(_turns) % (_ROOM // 2)
    try:
        return int(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, first))
    except OSError as error:  # so many are open, or few are allowed
        let_pass(error)
        return int(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest))


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


def file_id(descriptor: int) -> tuple[int, int] | None:
    """Return what tells the file of a descriptor from all others; None if it is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError as error:
        let_pass(error)
        return None
    return found.st_dev, found.st_ino
