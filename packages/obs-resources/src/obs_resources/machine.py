"""What is left of the machine: memory, load, and room on the disk of the store."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from obs_resources.files import number_in, read_whole

if TYPE_CHECKING:
    from obs_core.store.base import Store

__all__ = ["cores", "free_space", "read_machine"]


def read_machine() -> dict[str, float]:
    """Return the machine's memory in bytes, what of it is available, its load, and how many cores may be used."""
    values = {"machine.cores": float(cores())}
    if hasattr(os, "getloadavg"):
        values["machine.load"] = os.getloadavg()[0]
    if sys.platform.startswith("linux"):
        told = read_whole("/proc/meminfo")
        for name, line in (("machine.memory", b"MemTotal:"), ("machine.available", b"MemAvailable:")):
            kilobytes = number_in(told, line)
            if kilobytes is not None:
                values[name] = kilobytes * 1024
    else:
        import psutil

        memory = psutil.virtual_memory()
        values |= {"machine.memory": float(memory.total), "machine.available": float(memory.available)}
    return values


def cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def free_space(store: Store) -> dict[str, float]:
    """Return the bytes that are left where a store's folder is; nothing for a shared store."""
    place = store.address("")
    if not store.local or "://" in place or not hasattr(os, "statvfs"):
        return {}
    try:
        disk = os.statvfs(place)
    except OSError:
        return {}
    return {"store.free": float(disk.f_bavail * disk.f_frsize)}
