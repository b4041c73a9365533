"""What the children of this process use, and theirs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from obs_resources.process import anon_of, cpu_of, cpu_of_reaped

__all__ = ["Children", "descendants"]

_EXACT = 1_000_000_000
"""Bytes up to which shared pages are told apart: beyond, that would take too long."""

_MOST = 2_000
"""Processes that are looked at; a fork bomb is not for us to count."""


class ChildrenCpu:
    """Adds up the CPU time of all processes below this one, those between two looks included.

    A process is looked at while it runs. Once it has ended, the system adds its time to that of whoever waited for it:
    what was seen before is then taken off.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, float]] = {}
        self._reaped = 0.0
        self._owed = 0.0
        self._total = 0.0

    def add(self, reaped: float, alive: dict[int, tuple[float, float]]) -> float:
        """Take a look into account.

        Args:
            reaped: Seconds of the children that this process waited for.
            alive: Of each process below, its own seconds and those of the children that it waited for.

        Returns:
            Seconds of all of them, since the beginning.
        """
        grown = [_grown(used, self._seen.get(pid, (0.0, 0.0))) for pid, used in alive.items()]
        ended = max(reaped - self._reaped, 0.0) + sum(waited for _, waited in grown)
        gone = sum(sum(used) for pid, used in self._seen.items() if pid not in alive)
        # One that has just gone may be waited for after this look. Whom nobody waits for must not be owed for ever.
        owed = self._owed + gone
        self._owed = min(max(owed - ended, 0.0), gone)
        self._total += sum(own for own, _ in grown) + max(ended - owed, 0.0)
        self._seen, self._reaped = alive, reaped
        return self._total


def _grown(now: tuple[float, float], before: tuple[float, float]) -> tuple[float, float]:
    return max(now[0] - before[0], 0.0), max(now[1] - before[1], 0.0)


class Children:
    """Adds up what the children use; CPU time that one had used is kept when it is gone."""

    def __init__(self) -> None:
        self._cpu = ChildrenCpu()

    def read(self, own: Mapping[str, float]) -> dict[str, float]:
        """Return count, CPU time and memory of all processes below this one.

        Args:
            own: What this process itself uses: ``rss`` and ``anon``, in bytes.
        """
        reaped = cpu_of_reaped()
        pids = descendants(os.getpid())
        if not os.path.exists("/proc/self/statm"):
            return self._read_by_psutil(pids, reaped)
        exact = bool(pids) and own.get("rss", 0.0) < _EXACT
        cpu: dict[int, tuple[float, float]] = {}
        memory = 0.0
        for pid in pids:
            try:
                cpu[pid] = cpu_of(pid)
                memory += anon_of(pid, exact=exact)
            except (OSError, ValueError, IndexError):  # it is gone
                continue
        anon = None if exact else own.get("anon")
        tree = memory + (anon_of("self", exact=exact) if anon is None else anon)
        return self._added(reaped, cpu) | {"children.anon": memory, "tree.anon": tree}

    def _read_by_psutil(self, pids: list[int], reaped: float) -> dict[str, float]:
        import psutil

        cpu: dict[int, tuple[float, float]] = {}
        memory = 0.0
        for pid in pids:
            try:
                process = psutil.Process(pid)
                times = process.cpu_times()
                waited = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
                cpu[pid] = times.user + times.system, waited
                memory += process.memory_info().rss
            except psutil.Error:
                continue
        return self._added(reaped, cpu) | {"children.rss": memory}

    def _added(self, reaped: float, cpu: dict[int, tuple[float, float]]) -> dict[str, float]:
        return {"children": float(len(cpu)), "children.cpu_total": self._cpu.add(reaped, cpu)}


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
