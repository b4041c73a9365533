"""What this process uses: CPU, memory, I/O, threads, open files."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from obs_resources.files import number_in, read_whole

__all__ = ["OwnProcess", "anon_of", "cpu_of"]

_LINUX = os.path.exists("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class OwnProcess:
    """Reads the numbers of this process: on Linux straight from ``/proc``, which takes a fifth of psutil's time."""

    def __init__(self) -> None:
        self._psutil: Any = None
        if not _LINUX:
            import psutil

            self._psutil = psutil.Process()

    def read(self) -> dict[str, float]:
        """Return what is looked at each second."""
        values = {
            "cpu_total": time.process_time(),
            "reaped.cpu_total": _cpu_of_reaped(),
            "threads": float(threading.active_count()),
        }
        if self._psutil is not None:
            memory = self._psutil.memory_info()
            values |= {"rss": memory.rss, "threads": self._psutil.num_threads()}
            if hasattr(self._psutil, "io_counters"):
                io = self._psutil.io_counters()
                values |= {"read_total": io.read_bytes, "written_total": io.write_bytes}
            return values
        try:
            values |= _memory_and_threads(read_whole("/proc/self/status"))
            values["queued_total"] = int(read_whole("/proc/self/schedstat").split()[1]) / 1e9
            io_lines = dict(line.split(b": ") for line in read_whole("/proc/self/io").splitlines())
        except (OSError, ValueError, IndexError):  # a kernel without them, or a hardened one
            return values
        # All that was read and written, sockets and pipes included; and apart from it what reached disks.
        values["read_total"] = float(io_lines[b"rchar"])
        values["written_total"] = float(io_lines[b"wchar"])
        values["disk.read_total"] = float(io_lines[b"read_bytes"])
        values["disk.written_total"] = float(io_lines[b"write_bytes"])
        return values

    def read_more(self) -> dict[str, float]:
        """Return what is looked at every five seconds: counting open files takes longer the more there are."""
        if self._psutil is not None:
            counter = getattr(self._psutil, "num_fds", None) or getattr(self._psutil, "num_handles", None)
            return {} if counter is None else {"files": float(counter())}
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        values = {"files": float(len(os.listdir("/proc/self/fd")) - 1)}  # but for the one that lists them
        if most != resource.RLIM_INFINITY:
            values["files.limit"] = float(most)
        return values


def _cpu_of_reaped() -> float:
    """Return the seconds of CPU time of the children that have ended and were waited for."""
    if not _LINUX:
        times = os.times()
        return times.children_user + times.children_system
    import resource

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


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU time of a process.

    Raises:
        OSError: It is gone.
    """
    fields = read_whole(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _statm(pid: int | str) -> tuple[float, float]:
    """Return resident and shared bytes."""
    fields = read_whole(f"/proc/{pid}/statm").split()
    return float(int(fields[1]) * _PAGE), float(int(fields[2]) * _PAGE)
