"""Remove old executions from a store, and what only they needed."""

from __future__ import annotations

import re

from msgspec import Struct, field

from obs_core import clock
from obs_core.assembly.loading import opened
from obs_core.assembly.summary import read_summary
from obs_core.failsafe import warn
from obs_core.journal.liveness import silence_of
from obs_core.journal.reader import segment_names
from obs_core.recording.artifacts import execution_pointed_to
from obs_core.store import Store
from obs_core.store.packing import inflated
from obs_core.store.paths import EXECUTIONS, LATEST, SHARED, execution_path

__all__ = ["Swept", "sweep"]

_GRACE = 24 * 3600.0
"""Seconds for which shared content is spared although nothing refers to it, since a running task may be about to; and
an execution that seems lost, since it may be heard of again."""

_REFERENCES = re.compile(rb"(?:obs:shared:|shared/|\")([0-9a-f]{32})\b")


class Swept(Struct):
    """What `sweep` removed.

    Attributes:
        executions: Their ids.
        shared: How many files of shared content.
        size: Bytes.
        running: How many executions were old enough, but running, or lost and heard of within a day.
    """

    executions: list[str] = field(default_factory=list)
    shared: int = 0
    size: int = 0
    running: int = 0


def sweep(store: Store, older_than: float, *, dry_run: bool = False) -> Swept:
    """Remove executions that began long ago; a running one is never touched, nor one that was heard of within a day.

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
    for execution_id in reversed(opened(store).names(EXECUTIONS)):
        execution = read_summary(store, execution_id)
        if execution is None or execution.started >= before:
            kept.append(execution_id)
        elif execution.status == "running" or (execution.status == "lost" and not _is_silent(store, execution_id)):
            swept.running += 1
            kept.append(execution_id)
        else:
            try:
                _remove(store, execution_path(execution_id), swept, dry_run)
            except OSError as error:
                warn(f"execution {execution_id!r} cannot be removed: {error}")
                kept.append(execution_id)
            else:
                swept.executions.append(execution_id)
    _sweep_shared(store, kept, swept, dry_run)
    _sweep_latest(store, set(swept.executions), swept, dry_run)
    return swept


def _is_silent(store: Store, execution_id: str) -> bool:
    """Tell whether no writer of an execution that seems lost was heard of for a day: that it is, is a conclusion."""
    silences = [silence_of(store, path) for path in segment_names(store, execution_id)]
    return all(silence is not None and silence > _GRACE for silence in silences)


def _sweep_shared(store: Store, kept: list[str], swept: Swept, dry_run: bool) -> None:
    try:
        needed = {digest for execution_id in kept for digest in _references(store, execution_id)}
    except OSError as error:
        warn(f"shared content is left as it is, since an execution that may need it cannot be read: {error}")
        return
    for name in store.names(SHARED):
        path = f"{SHARED}/{name}"
        unneeded = name.partition(".")[0] not in needed
        silence = silence_of(store, path)
        if unneeded and silence is not None and silence > _GRACE:
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
    """Return the shared content that an execution needs.

    Raises:
        OSError: It cannot be read, so nobody knows: nothing shared may be removed.
    """
    found: set[str] = set()
    for path in segment_names(store, execution_id):
        content = store.get(path)
        lines = inflated(content)[0] if path.endswith(".gz") else content
        found.update(digest.decode() for digest in _REFERENCES.findall(lines))
    return found


def _remove(store: Store, path: str, swept: Swept, dry_run: bool) -> None:
    swept.size += store.size_of(path)
    if not dry_run:
        store.remove(path)
