"""Remove old executions from a store, and what only they needed."""

from __future__ import annotations

import re

from msgspec import Struct, field

from obs_core import clock
from obs_core.journal.reader import segment_lines, segment_names
from obs_core.reading.listing import list_executions
from obs_core.recording.artifacts import execution_pointed_to
from obs_core.store import Store
from obs_core.store.paths import LATEST, SHARED, execution_path

__all__ = ["Swept", "sweep"]

_GRACE = 24 * 3600.0
"""Seconds for which shared content is spared although nothing refers to it: a running task may be about
to."""

_REFERENCES = re.compile(rb"(?:obs:shared:|shared/|\")([0-9a-f]{32})\b")


class Swept(Struct):
    """What `sweep` removed.

    Attributes:
        executions: Their ids.
        shared: How many files of shared content.
        size: Bytes.
        running: How many executions were old enough, but running.
    """

    executions: list[str] = field(default_factory=list)
    shared: int = 0
    size: int = 0
    running: int = 0


def sweep(store: Store, older_than: float, *, dry_run: bool = False) -> Swept:
    """Remove executions that began long ago; a running one is never touched.

    Args:
        store: Where from.
        older_than: Seconds.
        dry_run: Only count.

    Returns:
        What was removed, or would be.
    """
    swept = Swept()
    kept: list[str] = []
    before = clock.epoch() - int(older_than * 1e9)
    for execution in list_executions(store):
        if execution.started >= before:
            kept.append(execution.id)
        elif execution.status == "running":
            swept.running += 1
            kept.append(execution.id)
        else:
            _remove(store, execution_path(execution.id), swept, dry_run)
            swept.executions.append(execution.id)
    _sweep_shared(store, kept, swept, dry_run)
    _sweep_latest(store, set(swept.executions), swept, dry_run)
    return swept


def _sweep_shared(store: Store, kept: list[str], swept: Swept, dry_run: bool) -> None:
    needed = {digest for execution_id in kept for digest in _references(store, execution_id)}
    for name in store.names(SHARED):
        path = f"{SHARED}/{name}"
        unneeded = name.partition(".")[0] not in needed
        if unneeded and clock.epoch() / 1e9 - store.modified(path) > _GRACE:
            _remove(store, path, swept, dry_run)
            swept.shared += 1


def _sweep_latest(store: Store, removed: set[str], swept: Swept, dry_run: bool) -> None:
    """Remove what points to artifacts of executions that are gone."""
    if not removed:
        return
    for name in store.names(LATEST):
        path = f"{LATEST}/{name}"
        if execution_pointed_to(store, path) in removed:
            _remove(store, path, swept, dry_run)


def _references(store: Store, execution_id: str) -> set[str]:
    found: set[str] = set()
    for path in segment_names(store, execution_id):
        found.update(digest.decode() for digest in _REFERENCES.findall(segment_lines(store, path)))
    return found


def _remove(store: Store, path: str, swept: Swept, dry_run: bool) -> None:
    swept.size += store.size_of(path)
    if not dry_run:
        store.remove(path)
