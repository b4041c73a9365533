"""What the control group of this process uses, and may use: in a container that is the container.

Counted is its anonymous memory: its total also holds what the kernel keeps of files, and gives back when needed.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/memory.html.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["Container"]

_NO_LIMIT = 1 << 60
"""Version 1 says a number of this size where there is no limit."""


class Container:
    """Reads a control group, of version 1 or 2.

    Args:
        root: Where control groups are mounted.
        membership: What the kernel says of this process's groups.
    """

    def __init__(self, root: str = "/sys/fs/cgroup", membership: str | None = None) -> None:
        self._root = Path(root)
        if membership is None:
            membership = _text(Path("/proc/self/cgroup"))
        groups = dict(_groups(membership))
        self._unified = self._existing(self._root, groups.get("", "/"), "memory.current")
        self._memory = self._existing(self._root / "memory", groups.get("memory", "/"), "memory.stat")
        self._cpu = self._unified or self._existing(self._root / "cpu", groups.get("cpu", "/"), "cpu.stat")
        self._periods: tuple[float, float] | None = None

    def read(self) -> dict[str, float]:
        """Return memory, its limit, and the share of the time for which the group was held back from the CPU."""
        return self._read_memory() | self._read_throttling()

    def _read_memory(self) -> dict[str, float]:
        if self._unified is not None:
            memory = _numbers(self._unified / "memory.stat").get("anon")
            limit = min((_limit(folder / "memory.max") for folder in self._above(self._unified)), default=None)
        elif self._memory is not None:
            numbers = _numbers(self._memory / "memory.stat")
            memory, limit = numbers.get("total_rss"), numbers.get("hierarchical_memory_limit")
        else:
            return {}
        found = {} if memory is None else {"container.memory": memory}
        if limit is not None and limit < _NO_LIMIT:
            found["container.limit"] = limit
        return found

    def _read_throttling(self) -> dict[str, float]:
        if self._cpu is None:
            return {}
        numbers = _numbers(self._cpu / "cpu.stat")
        if "nr_periods" not in numbers:
            return {}
        now = numbers["nr_periods"], numbers["nr_throttled"]
        before, self._periods = self._periods, now
        if before is None or now[0] <= before[0]:
            return {}
        return {"container.throttled": (now[1] - before[1]) / (now[0] - before[0])}

    def _above(self, folder: Path) -> list[Path]:
        """Return a group and those that it is in: the tightest limit counts."""
        return [folder, *(one for one in folder.parents if one == self._root or self._root in one.parents)]

    def _existing(self, mount: Path, path: str, needed: str) -> Path | None:
        """Return the folder of a group; within a container the mount itself may be it, whatever its path outside."""
        for folder in (mount / path.lstrip("/"), mount):
            if (folder / needed).exists():
                return folder
        return None


def _groups(membership: str) -> list[tuple[str, str]]:
    found = []
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        found += [(controller, path) for controller in controllers.split(",")]
    return found


def _numbers(path: Path) -> dict[str, float]:
    found = {}
    for line in _text(path).splitlines():
        name, _, value = line.partition(" ")
        if value.isdecimal():
            found[name] = float(value)
    return found


def _limit(path: Path) -> float:
    text = _text(path).strip()
    return float(text) if text.isdecimal() else float(_NO_LIMIT)


def _text(path: Path) -> str:
    try:
        with open(os.fspath(path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
