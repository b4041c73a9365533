"""File descriptors that survive beside a program that closes all there are, as daemons do, and opens its own files."""

from __future__ import annotations

import os

__all__ = ["file_id", "moved_up", "open_high"]

_MOST = 1024
"""Descriptors that a process has by default, and that `select` knows."""

_ROOM = 124
"""Descriptors at the upper end that are for obs. They are given away from the lowest on, so one up there is not soon
given to somebody else once it is closed."""


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
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(most - _ROOM, 0))
    except (ImportError, OSError):
        return descriptor
    os.close(descriptor)
    return high


def file_id(descriptor: int) -> tuple[int, int] | None:
    """Return what tells the file of a descriptor from all others; None if it is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
