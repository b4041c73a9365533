"""The cgroups of a process (of a container, of a job): its memory's limit and peak, and kills for lack of it.

Both versions are read: 2, and 1 as older machines have it. Nothing is written, and no process is started.
Source of the files: cgroups(7), and admin-guide/cgroup-v2 and cgroup-v1/memory of the kernel's documentation.
"""

from __future__ import annotations

import os

from msgspec import Struct

from obs_core.files import mode_of, open_into
from obs_core.interruptions import let_pass

__all__ = ["NO_LIMIT", "ROOT", "Cgroup", "MemoryCgroup", "cgroup", "membership", "memory_cgroup"]

ROOT = "/sys/fs/cgroup"
_MOST_READ = 64 * 1024
NO_LIMIT = 1 << 60
"""Version 1 writes "no limit" as the largest number of whole pages."""

_TELLING = {
    ("memory", 1): "memory.stat",
    ("memory", 2): "memory.events",
    ("cpu", 1): "cpu.stat",
    ("cpu", 2): "cpu.stat",
}
"""A file that a cgroup has, but not the root of all: that is the machine, whose numbers are no cgroup's."""


class _Names(Struct, frozen=True):
    limit: str
    peak: str
    events: str


_NAMES_1 = _Names("memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control")
_NAMES_2 = _Names("memory.max", "memory.peak", "memory.events")


class Cgroup(Struct, frozen=True):
    """Where the kernel tells of a cgroup.

    Attributes:
        version: 1 or 2, which differ in the names of files.
        folders: Its own folder, and those of the cgroups that it is in: what they may use limits it too.
    """

    version: int
    folders: list[str]


class MemoryCgroup(Struct, frozen=True):
    """What a memory cgroup says of itself.

    Attributes:
        limit: Bytes that it may use: the least of its own limit and those above it; None if there is none.
        peak: Bytes that it used at most; None where that is not counted.
        oom_kills: How many of its processes the kernel killed since its memory was used up; None where that is not
            counted.
    """

    limit: int | None
    peak: int | None
    oom_kills: int | None


def memory_cgroup(pid: int | None = None, root: str = ROOT, proc: str = "/proc") -> MemoryCgroup | None:
    """Read the memory cgroup of a process; None if it is in none that can be seen.

    Args:
        pid: The process. Default: this one.
        root: Where cgroups are mounted.
        proc: Where processes are.

    Examples:
        >>> memory_cgroup().limit  # doctest: +SKIP
        4294967296
    """
    found = cgroup("memory", membership(pid, proc), root)
    if found is None:
        return None
    own = found.folders[0]
    names = _NAMES_1 if found.version == 1 else _NAMES_2
    limits = [_number(_read(f"{folder}/{names.limit}")) for folder in found.folders]
    kills = _field(_read(f"{own}/{names.events}"), "oom_kill")
    return MemoryCgroup(_least(limits), _number(_read(f"{own}/{names.peak}")), kills)


def membership(pid: int | None = None, proc: str = "/proc") -> str:
    """Return what the kernel says of the cgroups of a process; an empty text if it says nothing.

    Args:
        pid: The process. Default: this one.
        proc: Where processes are.
    """
    return _read(os.path.join(proc, "self" if pid is None else str(pid), "cgroup"))


def cgroup(controller: str, groups: str, root: str = ROOT) -> Cgroup | None:
    """Find the cgroup of a process for one controller; None if it is in none that can be seen.

    Args:
        controller: ``"memory"`` or ``"cpu"``.
        groups: What `membership` returned.
        root: Where cgroups are mounted.
    """
    paths: dict[str, str] = {}
    for line in groups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        paths |= dict.fromkeys(controllers.split(","), path.strip("/"))
    if controller in paths:
        version, mount, path = 1, os.path.join(root, controller), paths[controller]
    elif "" in paths:
        version, mount, path = 2, root, paths[""]
    else:
        return None
    # Inside a container the path may be one of the host: the mount itself is then the container's own.
    for folder in (os.path.join(mount, path) if path else mount, mount):
        if mode_of(os.path.join(folder, _TELLING[controller, version])):
            return Cgroup(version, _upwards(folder, mount))
    return None


def _upwards(folder: str, mount: str) -> list[str]:
    found = [folder]
    while len(found[-1]) > len(mount):
        found.append(os.path.dirname(found[-1]))
    return found


def _least(limits: list[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None and limit < NO_LIMIT), default=None)


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
    opened: list[int] = []
    try:
        try:
            open_into(opened, path, os.O_RDONLY)
            return os.read(opened[0], _MOST_READ).decode("utf-8", "replace")
        finally:
            for descriptor in opened:
                os.close(descriptor)
    except OSError as error:
        let_pass(error)
        return ""
