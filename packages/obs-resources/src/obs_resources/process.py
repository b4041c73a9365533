"""What this process uses: CPU, memory, I/O, threads, open files."""

from __future__ import annotations

import os
import time
from typing import Any

from obs_core import clock
from obs_resources.files import KeptOpen, kept_open, number_in, read_whole

__all__ = ["OwnProcess", "anon_of", "cpu_of", "cpu_of_reaped"]

_LINUX = os.path.exists("/proc/self/statm")
if _LINUX:
    import resource

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100

# All that was read and written, sockets and pipes included; and apart from it what reached disks.
_IO = (
    ("read_total", b"rchar:"),
    ("written_total", b"wchar:"),
    ("disk.read_total", b"read_bytes:"),
    ("disk.written_total", b"write_bytes:"),
)
_EACH_SECOND = ("/proc/self/io", "/proc/self/schedstat", "/proc/self/status")
"""Rates are made of the first: it is read right after the clock."""


class OwnProcess:
    """Reads the numbers of this process: on Linux straight from ``/proc``, which takes a fifth of psutil's time.

    Attributes:
        files: What is read each second.
    """

    def __init__(self) -> None:
        self._psutil: Any = None
        self.files = KeptOpen(*(_EACH_SECOND if _LINUX else ()))
        if not _LINUX:
            import psutil

            self._psutil = psutil.Process()

    def read(self) -> tuple[int, dict[str, float]]:
        """Return when it was, by `obs_core.clock.wall`, and what is looked at each second.

        After each question to the kernel, C code that holds Python's lock may keep this thread from going on, for
        seconds. So the clock is read before the question: a count that is noted late makes rates of any size.
        """
        if self._psutil is not None:
            return clock.wall(), self._read_by_psutil()
        noted: list[tuple[int, dict[str, float]]] = []
        io, scheduling, status = self.files.read(lambda: noted.append((clock.wall(), _cpu())))
        ((at, values),) = noted
        try:
            values |= _memory_and_threads(status)
            values["queued_total"] = int(scheduling.split()[1]) / 1e9
        except (OSError, ValueError, IndexError):  # a kernel without them, or a hardened one
            return at, values
        return at, values | {name: count for name, line in _IO if (count := number_in(io, line)) is not None}

    def _read_by_psutil(self) -> dict[str, float]:
        values = _cpu()
        memory = self._psutil.memory_info()
        values |= {"rss": memory.rss, "threads": self._psutil.num_threads()}
        if hasattr(self._psutil, "io_counters"):
            io = self._psutil.io_counters()
            values |= {"read_total": io.read_bytes, "written_total": io.write_bytes}
        return values

    def read_more(self) -> dict[str, float]:
        """Return what is looked at every five seconds: counting open files takes longer the more there are."""
        if self._psutil is not None:
            counter = getattr(self._psutil, "num_fds", None) or getattr(self._psutil, "num_handles", None)
            return {} if counter is None else {"files": float(counter())}
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        ours = 1 + kept_open()  # one lists them
        values = {"files": float(len(os.listdir("/proc/self/fd")) - ours)}
        if most != resource.RLIM_INFINITY:
            values["files.limit"] = float(most)
        return values


def _cpu() -> dict[str, float]:
    return {"cpu_total": time.process_time(), "reaped.cpu_total": cpu_of_reaped()}


def cpu_of_reaped() -> float:
    """Return the seconds of CPU time of the children that have ended and were waited for."""
    if not _LINUX:
        times = os.times()
        return times.children_user + times.children_system
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # `os.times` would add up all threads of this process too
    return used.ru_utime + used.ru_stime


def _memory_and_threads(status: bytes) -> dict[str, float]:
    """Return what ``/proc/self/status`` tells: unlike ``stat`` it does not add up the CPU time of each thread."""
    threads, resident, anon = (number_in(status, name) for name in (b"Threads:", b"VmRSS:", b"RssAnon:"))
    values = {} if threads is None else {"threads": threads}
    if resident is not None and anon is not None:
        return values | {"rss": resident * 1024, "anon": anon * 1024}
    whole, shared = _statm("self")  # before Linux 4.5
    return values | {"rss": whole, "anon": whole - shared}


def anon_of(pid: int | str, *, exact: bool) -> float:
    """Return the bytes of memory that are a process's own.

    Args:
        pid: Which one.
        exact: Share what a forked child has in common with its parent between them. The kernel looks at each page for
            that, which takes milliseconds a gigabyte.

    Raises:
        OSError: It is gone, or another user's.
    """
    if exact:
        try:
            shares = number_in(read_whole(f"/proc/{pid}/smaps_rollup"), b"Pss_Anon:")
            if shares is not None:
                return shares * 1024
        except FileNotFoundError:  # before Linux 5.4
            pass
    resident, shared = _statm(pid)
    return resident - shared


def cpu_of(pid: int) -> tuple[float, float]:
    """Return the seconds of CPU time of a process, and those of its children that it waited for.

    Raises:
        OSError: It is gone.
    """
    fields = read_whole(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    own_user, own_system, reaped_user, reaped_system = map(int, fields[11:15])
    return (own_user + own_system) / _TICK, (reaped_user + reaped_system) / _TICK


def _statm(pid: int | str) -> tuple[float, float]:
    """Return resident and shared bytes."""
    fields = read_whole(f"/proc/{pid}/statm").split()
    return float(int(fields[1]) * _PAGE), float(int(fields[2]) * _PAGE)
