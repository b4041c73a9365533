"""End who writes to a file of obs in place of a broken pipe, as the system ends who writes to that pipe.

Who writes to the file never learns that nobody reads any more, and a ``yes`` would never end. All of them share one
position in the file with us, which we put where no file can go on: each further write fails, with EFBIG in place of
EPIPE. And where the system sends SIGPIPE to who writes to a broken pipe, it sends SIGXFSZ to who makes a
file larger than it may. So each process that holds the file is told that it may make a file just as large as any can
be here, which hardly another file ever is: 16 TiB on ext4. Who ignores the one signal ignores the other, as Python
does, and hears of an error; `subprocess` sets both to what they were.

Who opened the file anew, as ``/dev/stdout``, has a position of its own, and goes on.
"""

from __future__ import annotations

import os

from obs_core.interruptions import ignoring, let_pass
from obs_core.store.descriptors import file_id

__all__ = ["break_off"]

_LARGEST = 2**63 - 2**32
"""A position behind which there is room for any one write: to one that would go over the end of all numbers Linux says
EINVAL, and sends no signal."""

_MOST_ROUNDS = 20
"""How often it is looked for who holds the file: children may begin meanwhile, of one that is not told yet."""


def break_off(descriptor: int, *, ends: bool = True) -> None:
    """Let all further writes to a file fail that are made with this descriptor, or with one that was made from it.

    Args:
        descriptor: The file, which was opened for appending. It stays as large as it is.
        ends: Whether a signal ends who writes, unless it ignores that.

    Raises:
        OSError: This file has no positions, or they cannot be told apart from its end.
    """
    import fcntl

    largest = _largest_position(descriptor, _LARGEST if ends else 2**63 - 1)
    told = _limit_who_holds(descriptor, largest) if ends else frozenset()
    # In this order: who appends puts the position back to the file's end.
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~os.O_APPEND)
    os.lseek(descriptor, largest, os.SEEK_SET)
    for _ in range(_MOST_ROUNDS if ends else 0):
        earlier, told = told, told | _limit_who_holds(descriptor, largest, but=told)
        if told == earlier:
            break


def _largest_position(descriptor: int, highest: int) -> int:
    """Find the last position that there can be in a file, or the highest wanted; each file system has its own.

    It is found by going there. Whoever appends writes to the file's end all the same.
    """
    lowest = 0
    while lowest < highest:
        middle = lowest + (highest - lowest + 1) // 2
        try:
            lowest = os.lseek(descriptor, middle, os.SEEK_SET)
        except OSError as error:
            let_pass(error)
            highest = middle - 1
    return lowest


def _limit_who_holds(descriptor: int, size: int, but: frozenset[int] = frozenset()) -> frozenset[int]:
    """Let no process that has a file open make any file larger than a size; return the ids of these processes."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit  # Linux alone has this
    except ImportError as error:
        let_pass(error)
        return frozenset()
    file = file_id(descriptor)
    numbers = {int(name) for name in os.listdir("/proc") if name.isdecimal()} - but
    holders = frozenset(number for number in numbers if _has_open(number, file))
    for number in holders:
        with ignoring(OSError, ValueError):  # it has ended, or is somebody else's, or may make smaller ones only
            limit, most = prlimit(number, RLIMIT_FSIZE)
            if limit == RLIM_INFINITY or limit > size:
                prlimit(number, RLIMIT_FSIZE, (size, most))
    return holders


def _has_open(number: int, file: tuple[int, int] | None) -> bool:
    folder = f"/proc/{number}/fd"
    with ignoring(OSError):  # it has ended, or is somebody else's
        for descriptor in os.listdir(folder):
            with ignoring(OSError):  # it was closed meanwhile
                found = os.stat(f"{folder}/{descriptor}")
                if (found.st_dev, found.st_ino) == file:
                    return True
    return False
