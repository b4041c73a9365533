"""Reading the small files in which the kernel tells numbers."""

from __future__ import annotations

import os

__all__ = ["number_in", "read_whole"]

_MOST = 65_536


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
