"""The memory cgroup of this process (a container's, a job's): its limit, its peak, and how often it killed for memory.

Both versions are read: 2, and 1 as older machines have it. Nothing is written, and no process is started.
Source of the files: cgroups(7), and admin-guide/cgroup-v2 and cgroup-v1/memory of the kernel's documentation.
"""

from __future__ import annotations

import os

from msgspec import Struct

__all__ = ["MemoryCgroup", "memory_cgroup"]

_ROOT = "/sys/fs/cgroup"
_MOST_READ = 64 * 1024
_NO_LIMIT = 1 << 60
"""Version 1 writes "no limit" as the largest number of whole pages."""


class MemoryCgroup(Struct, frozen=True):
    """What a memory cgroup says of itself.

    Attributes:
        limit: Bytes that it may use: the least of its own limit and those above it; None if there is none.
        peak: Bytes that it used at the most; None where that is not counted.
        oom_kills: How many of its processes the kernel killed since its memory was used up; None where that is not
            counted.
    """

    limit: int | None
    peak: int | None
    oom_kills: int | None


def memory_cgroup(pid: int | None = None, root: str = _ROOT, proc: str = "/proc") -> MemoryCgroup | None:
    """Read the memory cgroup of a process; None if it is in none that can be seen.

    Args:
        pid: The process. Default: this one.
        root: Where cgroups are mounted.
        proc: Where processes are.

    Examples:
        >>> memory_cgroup().limit
        4294967296
    """
    groups = _read(os.path.join(proc, "self" if pid is None else str(pid), "cgroup")).splitlines()
    for line in groups:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            return _version_1(f"{root}/memory", path.strip("/"))
    for line in groups:
        if line.startswith("0::"):
            return _version_2(root, line[3:].strip("/"))
    return None


def _version_2(root: str, path: str) -> MemoryCgroup | None:
    own = _existing(root, path, "memory.events")
    if own is None:
        return None
    limits = [_number(_read(f"{folder}/memory.max")) for folder in _upwards(own, root)]
    kills = _field(_read(f"{own}/memory.events"), "oom_kill")
    return MemoryCgroup(_least(limits), _number(_read(f"{own}/memory.peak")), kills)


def _version_1(root: str, path: str) -> MemoryCgroup | None:
    own = _existing(root, path, "memory.usage_in_bytes")
    if own is None:
        return None
    limits = [_number(_read(f"{folder}/memory.limit_in_bytes")) for folder in _upwards(own, root)]
    kills = _field(_read(f"{own}/memory.oom_control"), "oom_kill")
    return MemoryCgroup(_least(limits), _number(_read(f"{own}/memory.max_usage_in_bytes")), kills)


def _existing(root: str, path: str, file: str) -> str | None:
    """Return the cgroup's folder; inside a container the path may be one of the host, and the root is its own."""
    for folder in (os.path.join(root, path) if path else root, root):
        if os.path.exists(f"{folder}/{file}"):
            return folder
    return None


def _upwards(folder: str, root: str) -> list[str]:
    found = [folder]
    while len(found[-1]) > len(root) and found[-1] != root:
        found.append(os.path.dirname(found[-1]))
    return found


def _least(limits: list[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None and limit < _NO_LIMIT), default=None)


def _field(text: str, name: str) -> int | None:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return _number(value)
    return None


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def _read(path: str) -> str:
    # A program under `obs run` waits for a dozen of these: a file object takes three times as long.
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            return os.read(descriptor, _MOST_READ).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
    except OSError:
        return ""
