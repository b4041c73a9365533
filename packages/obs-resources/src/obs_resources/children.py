"""What the children of this process use, and theirs."""

from __future__ import annotations

import os
import sys

from obs_resources.process import anon_of, cpu_of

__all__ = ["Children", "descendants"]

_EXACT = 1_000_000_000
"""Bytes up to which shared pages are told apart: beyond, that would take too long."""

_MOST = 2_000
"""Processes that are looked at; a fork bomb is not for us to count."""


class Children:
    """Adds up what the children use; CPU time that one had used is kept when it is gone."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        self._cpu = 0.0

    def read(self, own_rss: float) -> dict[str, float]:
        """Return count, CPU time and memory of all processes below this one.

        Args:
            own_rss: Bytes that are resident of this process.
        """
        pids = descendants(os.getpid())
        if not os.path.exists("/proc/self/statm"):
            return self._read_by_psutil(pids)
        exact = bool(pids) and own_rss < _EXACT
        cpu: dict[int, float] = {}
        memory = 0.0
        for pid in pids:
            try:
                cpu[pid] = cpu_of(pid)
                memory += anon_of(pid, exact=exact)
            except (OSError, ValueError, IndexError):  # it is gone
                continue
        own = anon_of("self", exact=exact)
        return self._added(cpu) | {"children.anon": memory, "tree.anon": own + memory}

    def _read_by_psutil(self, pids: list[int]) -> dict[str, float]:
        import psutil

        cpu: dict[int, float] = {}
        memory = 0.0
        for pid in pids:
            try:
                process = psutil.Process(pid)
                times = process.cpu_times()
                cpu[pid] = times.user + times.system
                memory += process.memory_info().rss
            except psutil.Error:
                continue
        return self._added(cpu) | {"children.rss": memory}

    def _added(self, cpu: dict[int, float]) -> dict[str, float]:
        self._cpu += sum(max(used - self._seen.get(pid, 0.0), 0.0) for pid, used in cpu.items())
        self._seen = cpu
        return {"children": float(len(cpu)), "children.cpu_total": self._cpu}


def descendants(pid: int) -> list[int]:
    """Return the processes below one, at most 2,000.

    Linux lists a process's children; psutil must look at all processes of the machine.
    """
    if pid == os.getpid() and _has_none():
        return []
    found: list[int] = []
    waiting = [pid]
    while waiting and len(found) < _MOST:
        try:
            below = _children(waiting.pop())
        except FileNotFoundError:
            return [] if found else _by_psutil(pid)
        found += below
        waiting += below
    return found


def _has_none() -> bool:
    """Tell whether this process has no child: one question, where the lists of children are one for each thread."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT | _ALL_KINDS)
    except ChildProcessError:
        return True
    except OSError:  # a system that knows fewer flags
        return False
    return False


_ALL_KINDS = 0x40000000 if sys.platform.startswith("linux") else 0
"""``__WALL`` of Linux: children that `clone` made, too."""


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        if not os.path.isdir("/proc/self/task"):
            raise FileNotFoundError("/proc") from None
        return []  # it is gone
    found: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += [int(text) for text in file.read().split()]
        except FileNotFoundError:
            if not os.path.exists("/proc/thread-self/children"):
                raise
        except OSError:  # the thread is gone
            continue
    return found


def _by_psutil(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []
