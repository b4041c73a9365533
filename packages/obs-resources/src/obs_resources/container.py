"""What the control group of this process uses, and may use: in a container that is the container.

Counted is its anonymous memory: its total also holds what the kernel keeps of files, and gives back when needed.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/memory.html.
"""

from __future__ import annotations

import os

from obs_core import cgroups
from obs_resources.files import number_in, read_whole

__all__ = ["Container"]


class Container:
    """Reads a control group, of version 1 or 2.

    Args:
        root: Where control groups are mounted.
        membership: What the kernel says of this process's groups.
    """

    def __init__(self, root: str = cgroups.ROOT, membership: str | None = None) -> None:
        groups = cgroups.membership() if membership is None else membership
        memory, cpu = cgroups.cgroup("memory", groups, root), cgroups.cgroup("cpu", groups, root)
        self._stat = self._cpu = ""
        self._limits: list[str] = []
        self._names = (b"total_rss", b"hierarchical_memory_limit")
        if memory is not None:
            self._stat = f"{memory.folders[0]}/memory.stat"
            if memory.version == 2:
                self._names = (b"anon", b"")
                # The tightest limit counts, of this group and of those that it is in.
                self._limits = [path for one in memory.folders if os.path.exists(path := f"{one}/memory.max")]
        # Where the CPU is not limited there are no periods in which it could be held back.
        if cpu is not None and number_in(_read(path := f"{cpu.folders[0]}/cpu.stat"), b"nr_periods"):
            self._cpu = path
        self._periods: tuple[float, float] | None = None

    def read(self) -> dict[str, float]:
        """Return memory, its limit, and the share of the time for which the group was held back from the CPU."""
        found = {}
        if self._stat:
            content = _read(self._stat)
            memory = number_in(content, self._names[0])
            limits = [number_in(content, self._names[1]) if self._names[1] else None]
            limits += [number_in(b"max " + _read(path), b"max") for path in self._limits]
            limit = min((one for one in limits if one is not None), default=cgroups.NO_LIMIT)
            if memory is not None:
                found["container.memory"] = memory
            if limit < cgroups.NO_LIMIT:
                found["container.limit"] = limit
        return found | self._throttled()

    def _throttled(self) -> dict[str, float]:
        if not self._cpu:
            return {}
        content = _read(self._cpu)
        now = number_in(content, b"nr_periods") or 0.0, number_in(content, b"nr_throttled") or 0.0
        before, self._periods = self._periods, now
        if before is None or now[0] <= before[0]:
            return {}
        return {"container.throttled": (now[1] - before[1]) / (now[0] - before[0])}


def _read(path: str) -> bytes:
    try:
        return read_whole(path)
    except OSError:
        return b""
