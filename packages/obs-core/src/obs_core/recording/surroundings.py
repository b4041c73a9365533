"""What an execution runs in: the machine, and which distributions are installed and imported.

It is kept once in the store's shared content, by its hash. The background thread writes it a second after the
beginning, so that it outlives a kill, and the execution's end writes it again if more was imported since. An execution
that lasts for less than a second and runs no task goes without: it would double what that costs.
"""

from __future__ import annotations

import _imp
import functools
import os
import sys
import threading

import msgspec

from obs_core import clock, identity, provenance
from obs_core.cgroups import memory_cgroup
from obs_core.failsafe import guarded
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.recording.run import Run
from obs_core.store.content import digest_of, masked_bytes

__all__ = ["follow", "forget", "write_at_end"]

_LATE = 900_000_000
"""Nanoseconds after which the background thread writes it: most of what a program imports is imported then."""


class _Later:
    """Writes it once the execution has run for a while."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self) -> None:
        run = self._run
        if clock.wall() - run.root.start > _LATE and self in run.journal.sources and _may_import():
            run.journal.sources.remove(self)
            _write(run)


def follow(run: Run) -> None:
    """Let an execution say what it runs in, if it lasts for a while; called at its first task.

    Args:
        run: The execution.
    """
    run.has_tasks = True
    if run.begun is not None:
        run.journal.sources.append(_Later(run))


def write_at_end(run: Run) -> None:
    """Write what an execution ran in, if that is worth it.

    Args:
        run: The execution, which this process began.
    """
    if run.begun is not None and (run.has_tasks or clock.wall() - run.root.start > _LATE):
        _write(run)


def _may_import() -> bool:
    """Tell whether this thread waits for nobody if it imports something.

    A timeout that strikes an import may leave Python's own lock to the main thread for good.
    """
    return not _imp.lock_held() or threading.current_thread() is threading.main_thread()


def _write(run: Run) -> None:
    """Write what an execution runs in, unless that is written already."""
    if not _may_import():
        return
    with guarded(f"noting what execution {run.name!r} runs in"):
        content, digest = _described(os.getpid(), len(sys.modules))
        record = records.Surroundings(provenance.working_folder(), digest)
        if run.surroundings != record:
            run.surroundings = record
            run.journal.put_shared(digest, content)
            run.journal.append(record)


@functools.lru_cache(maxsize=4)
def _described(_pid: int, _modules: int) -> tuple[bytes, str]:
    """Return what this process runs in as JSON, and its hash; made anew once more is imported."""
    content = masked_bytes(msgspec.json.encode(_machine(os.getpid()) | _distributions()).decode())
    return content, digest_of(content)


@functools.lru_cache(maxsize=1)
def _machine(_pid: int) -> dict[str, object]:
    group = memory_cgroup()
    return {
        "python": identity.python_version(),
        "implementation": sys.implementation.name,
        "platform": f"{sys.platform} {os.uname().machine}" if hasattr(os, "uname") else sys.platform,
        "cpus": _cpus(),
        "memory": _memory(),
        "memory_limit": None if group is None else group.limit,
    }


def _cpus() -> int | None:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError) as error:
        let_pass(error)
        return None


def _distributions() -> dict[str, object]:
    from obs_core.installed import installed  # a second later, or at the end

    standard = sys.stdlib_module_names
    names = {name.partition(".")[0] for name in tuple(sys.modules)}
    imported = sorted(name for name in names if name not in standard and not name.startswith("_"))
    return {"installed": {name: one.version for name, one in installed().items()}, "imported": imported}


def forget() -> None:
    """Look again at what is installed: after something was, in the same process."""
    _described.cache_clear()
