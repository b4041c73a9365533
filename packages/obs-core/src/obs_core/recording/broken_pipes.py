"""Tell subprocesses that nobody reads what they write, where they write to a file of obs in place of a broken pipe.

The system would send SIGPIPE to a process as it writes to that pipe; whoever writes to the file hears nothing, and a
``yes`` would never end. So that signal is sent here, and only to who has certainly written to the file since: a process
that holds it and is silent, or writes to files of its own, goes on as it would without obs.

Nothing says who wrote to a file, but the system counts what each process writes, to whatever. A process has written to
the file if it grew by more than all others that hold it have written, and by no less than this one has. In doubt nobody
is told, and it is looked again a moment later: if one that holds it began or ended meanwhile, or if the process has
waited for a child, whose bytes then count as its own. A shell goes on to its next command where one wrote to a broken
pipe.

A process that ignores SIGPIPE goes on: nothing makes its next write fail as one to a pipe would. `os.system` starts
such, since Python ignores the signal and hands that on; `subprocess` does not.
"""

from __future__ import annotations

import os
import signal
import time
from typing import NamedTuple

from obs_core.interruptions import ignoring
from obs_core.store.descriptors import file_id

__all__ = ["Counts", "Look", "Process", "Writers", "certain_writers"]

_PAUSE = 0.2
"""Seconds between two looks: each goes through all processes of the machine."""


class Process(NamedTuple):
    """A process that holds the file.

    Attributes:
        number: Its id.
        began: When it began, in clock ticks: ids are given again.
    """

    number: int
    began: int


class Counts(NamedTuple):
    """What the system counts of a process.

    Attributes:
        written: Bytes that it has written, with those of children that it has waited for.
        of_children: The page faults of those children: more than before if there was another one.
    """

    written: int
    of_children: int


class Look(NamedTuple):
    """What was seen at one moment.

    Attributes:
        before: Who holds the file, a little before its size was looked at.
        size: The file's size.
        after: The same, a little after that.
    """

    before: dict[Process, Counts]
    size: int
    after: dict[Process, Counts]


class Writers:
    """Who writes to a file.

    Args:
        descriptor: The file; it is open.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._seen: Look | None = None
        self._again_at = 0.0

    def tell(self) -> None:
        """Send SIGPIPE to who has written to the file since the last look, as far as that is certain.

        Raises:
            OSError: This system does not say what others do.
        """
        now = time.monotonic()
        if now < self._again_at:
            return
        self._again_at = now + _PAUSE
        earlier, self._seen = self._seen, self._look()
        for process in certain_writers(earlier, self._seen) if earlier is not None else ():
            with ignoring(OSError):
                os.kill(process.number, signal.SIGPIPE)

    def _look(self) -> Look:
        before = self._holders()
        size = os.fstat(self._descriptor).st_size
        return Look(before, size, self._holders())

    def _holders(self) -> dict[Process, Counts]:
        """Return the other processes that have the file open, under any number: each may be the one that writes."""
        found: dict[Process, Counts] = {}
        file, mine = file_id(self._descriptor), str(os.getpid())
        for number in filter(str.isdecimal, os.listdir("/proc")):
            if number != mine and _has_open(number, file):
                with ignoring(OSError):  # it has ended meanwhile
                    process, counts = _seen_of(number)
                    found[process] = counts
        return found


def certain_writers(earlier: Look, later: Look) -> list[Process]:
    """Return who has certainly written to the file between two looks.

    Args:
        earlier: The first look.
        later: The second one.
    """
    if not earlier.before.keys() == earlier.after.keys() == later.before.keys() == later.after.keys():
        return []
    grown = later.size - earlier.size
    least = {process: later.before[process].written - earlier.after[process].written for process in later.before}
    most = {process: later.after[process].written - earlier.before[process].written for process in later.after}
    in_all = sum(most.values())
    return [
        process
        for process in most
        if in_all - most[process] < grown <= in_all
        and least[process] <= grown
        and earlier.before[process].of_children == later.after[process].of_children
    ]


def _has_open(number: str, file: tuple[int, int] | None) -> bool:
    folder = f"/proc/{number}/fd"
    with ignoring(OSError):  # it has ended, or is somebody else's
        for descriptor in os.listdir(folder):
            with ignoring(OSError):  # it was closed meanwhile
                found = os.stat(f"{folder}/{descriptor}")
                if (found.st_dev, found.st_ino) == file:
                    return True
    return False


def _seen_of(number: str) -> tuple[Process, Counts]:
    with open(f"/proc/{number}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()  # from the third one on, see proc(5)
    with open(f"/proc/{number}/io", "rb") as file:
        counts = dict(line.split(b": ") for line in file.read().splitlines())
    return Process(int(number), int(fields[19])), Counts(int(counts[b"wchar"]), int(fields[8]))
