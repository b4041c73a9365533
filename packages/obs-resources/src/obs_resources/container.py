"""What the control group of this process uses, and may use: in a container that is the container.

Counted is its anonymous memory: its total also holds what the kernel keeps of files, and gives back when needed.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/memory.html.
"""

from __future__ import annotations

import os

from obs_core import cgroups
from obs_resources.files import KeptOpen, number_in, read_whole

__all__ = ["Container"]


class Container:
    """Reads a control group, of version 1 or 2.

    Args:
        root: Where control groups are mounted.
        membership: What the kernel says of this process's groups.

    Attributes:
        files: What is read each time.
    """

    def __init__(self, root: str = cgroups.ROOT, membership: str | None = None) -> None:
        groups = cgroups.membership() if membership is None else membership
        memory, cpu = cgroups.cgroup("memory", groups, root), cgroups.cgroup("cpu", groups, root)
        stat = periods = ""
        limits: list[str] = []
        self._names = (b"total_rss", b"hierarchical_memory_limit")
        if memory is not None:
            stat = f"{memory.folders[0]}/memory.stat"
            if memory.version == 2:
                self._names = (b"anon", b"")
                # The tightest limit counts, of this group and of those that it is in.
                limits = [path for one in memory.folders if os.path.exists(path := f"{one}/memory.max")]
        # Where the CPU is not limited there are no periods in which it could be held back.
        if cpu is not None and number_in(_read(path := f"{cpu.folders[0]}/cpu.stat"), b"nr_periods"):
            periods = path
        self.files = KeptOpen(stat, periods, *limits)
        self._periods: tuple[float, float] | None = None

    def read(self) -> dict[str, float]:
        """Return memory, its limit, and the share of the time for which the group was held back from the CPU."""
        content, periods, *limits = self.files.read()
        memory = number_in(content, self._names[0])
        bounds = [number_in(content, self._names[1]) if self._names[1] else None]
        bounds += [number_in(b"max " + limit, b"max") for limit in limits]
        bound = min((one for one in bounds if one is not None), default=cgroups.NO_LIMIT)
        found = {} if memory is None else {"container.memory": memory}
        if bound < cgroups.NO_LIMIT:
            found["container.limit"] = bound
        return found | self._throttled(periods)

    def _throttled(self, periods: bytes) -> dict[str, float]:
        if not periods:
            return {}
        now = number_in(periods, b"nr_periods") or 0.0, number_in(periods, b"nr_throttled") or 0.0
        before, self._periods = self._periods, now
        if before is None or now[0] <= before[0]:
            return {}
        return {"container.throttled": (now[1] - before[1]) / (now[0] - before[0])}


def _read(path: str) -> bytes:
    try:
        return read_whole(path)
    except OSError:
        return b""
