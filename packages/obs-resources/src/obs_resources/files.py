"""Reading the small files in which the kernel tells numbers."""

from __future__ import annotations

import os
from collections.abc import Callable

from obs_core.locks import Register

__all__ = ["KeptOpen", "kept_open", "number_in", "read_whole"]

_MOST = 65_536


class KeptOpen:
    """Files that are read each second: to open one takes the kernel twice as long as to read it.

    A daemon closes all files that it did not open itself, and what it opens then gets their numbers. So one of them is
    looked at before they are read or closed: they are still ours, or none of them is.

    Args:
        paths: Files as for `read_whole`; an empty text for one that there is not.
    """

    def __init__(self, *paths: str) -> None:
        self._paths = paths
        self._descriptors: list[int | None] = []
        self._mark = (-1, 0, 0)
        """The descriptor that is looked at, and what it was when it was opened."""
        _all.add(self)

    def read(self, before: Callable[[], None] | None = None) -> list[bytes]:
        """Return what the kernel tells in each file; nothing of one that is not there, or not for this user.

        Args:
            before: Is called right before the first one is read.
        """
        if not self._are_ours():
            self._open()
        if before is not None:
            before()
        return [_told(descriptor) for descriptor in self._descriptors]

    def __len__(self) -> int:
        """Return how many are open."""
        return sum(descriptor is not None for descriptor in self._descriptors)

    def close(self) -> None:
        """Close them; the next look opens them again."""
        descriptors, self._descriptors = self._descriptors, []
        if self._are_ours():
            for descriptor in descriptors:
                if descriptor is not None:
                    os.close(descriptor)

    def _open(self) -> None:
        self._descriptors = [_opened(path) if path else None for path in self._paths]
        mark = next((descriptor for descriptor in self._descriptors if descriptor is not None), -1)
        self._mark = _seen(mark)

    def _are_ours(self) -> bool:
        return self._mark[0] >= 0 and _seen(self._mark[0]) == self._mark


_all: Register[KeptOpen] = Register()


def kept_open() -> int:
    """Return how many files are open in all, which are none of the program's."""
    return sum(map(len, _all))


def _close_in_child() -> None:
    """What the parent has opened tells of the parent."""
    _all.after_fork()
    for kept in _all:
        kept.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _seen(descriptor: int) -> tuple[int, int, int]:
    """Return a descriptor with what tells its file from others; -1 for one that is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return -1, 0, 0
    return descriptor, found.st_dev, found.st_ino


def _told(descriptor: int | None) -> bytes:
    try:
        return b"" if descriptor is None else os.pread(descriptor, _MOST, 0)
    except OSError:
        return b""


def read_whole(path: str) -> bytes:
    """Return what the kernel tells in a file: at once, in three calls of the system where a file object makes eight.

    Args:
        path: A file of ``/proc`` or of a control group whose content is made when it is read. Lists that may be longer
            than a page, such as those of children, come in parts: they are not for this.

    Raises:
        OSError: It is gone, or not for this user.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _MOST)
    finally:
        os.close(descriptor)


def number_in(content: bytes, name: bytes) -> float | None:
    """Return the number behind a name, with or without a unit; None if there is none.

    Args:
        content: Lines, such as ``VmRSS:  1024 kB`` or ``total_rss 1048576``.
        name: At the beginning of a line, with its colon.
    """
    lines = b"\n" + content
    at = lines.find(b"\n" + name)
    if at < 0:
        return None
    words = lines[at + len(name) + 1 : at + len(name) + 42].split(b"\n", 1)[0]
    if not words[:1].isspace():
        return None  # a longer name that begins so
    first = words.split(maxsplit=1)[:1]
    return float(first[0]) if first and first[0].isdigit() else None
