"""Remove old executions from a store, and what only they needed."""

from __future__ import annotations

import collections
import re

from msgspec import Struct, field

from obs_core import clock
from obs_core.assembly.loading import opened
from obs_core.assembly.summary import read_summary
from obs_core.failsafe import warn
from obs_core.journal import records
from obs_core.journal.batches import is_checked, sound
from obs_core.journal.liveness import silence_of
from obs_core.journal.reader import decode, segment_names
from obs_core.model import ExecutionView
from obs_core.recording.artifacts import execution_pointed_to
from obs_core.store import Store, StoreError
from obs_core.store.packing import inflated
from obs_core.store.paths import EXECUTIONS, LATEST, PINS, SHARED, execution_path, pin_path
from obs_core.text.durations import parse_age

__all__ = ["Keep", "Swept", "parse_keep", "pin", "pinned", "sweep", "unpin"]

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


class Keep(Struct, frozen=True):
    """What is kept: an execution is removed once it is too old, or too many of its name are newer.

    Attributes:
        age: Seconds; None for no limit.
        count: Executions of each name; None for no limit.
    """

    age: float | None = None
    count: int | None = None


def parse_keep(text: str) -> Keep:
    """Read what is to be kept, as `OBS_KEEP` says it.

    Args:
        text: An age, a number of executions of each name, or both with a comma between them.

    Raises:
        ValueError: It is something else; an empty text too, since nothing is to be removed by mistake.

    Examples:
        >>> parse_keep("30d,1000")
        Keep(age=2592000.0, count=1000)
        >>> parse_keep("50")
        Keep(age=None, count=50)
    """
    age: float | None = None
    count: int | None = None
    for part in map(str.strip, text.split(",")):
        if part.isascii() and part.isdigit() and int(part) > 0 and count is None:
            count = int(part)
        elif age is None and (found := _age(part)) is not None:
            age = found
        else:
            raise ValueError(
                f"{text!r} does not say what to keep: write an age, a number of executions of each name, or both,"
                " such as 30d,1000"
            )
    return Keep(age, count)


def _age(text: str) -> float | None:
    try:
        return parse_age(text) / 1e9
    except ValueError:
        return None


def sweep(store: Store, keep: Keep | float, *, dry_run: bool = False) -> Swept:
    """Remove executions that are not to be kept.

    Never removed are those that run, that were heard of within a day, or that are pinned. By a `Keep`, neither is the
    last good execution of a name, with no failed check, nor one whose artifact is the newest of its task and name: what
    later ones are compared with stays.

    Args:
        store: Where from.
        keep: What is kept; seconds mean that all that began longer ago goes, good or not.
        dry_run: Only count.

    Returns:
        What was removed, or would be.
    """
    swept = Swept()
    kept: list[str] = []
    rule = _Rule(opened(store), keep)
    for execution_id in reversed(store.names(EXECUTIONS)):
        execution = read_summary(store, execution_id)
        if execution is None or rule.keeps(execution):
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


def pin(store: Store, execution_id: str) -> None:
    """Keep an execution whatever is swept."""
    store.put(pin_path(execution_id), b"")


def unpin(store: Store, execution_id: str) -> None:
    """Let an execution be removed as others are."""
    store.remove(pin_path(execution_id))


def pinned(store: Store) -> list[str]:
    """Return the ids of the executions that are pinned, oldest first."""
    return store.names(PINS)


class _Rule:
    """Says which executions are kept, asked for one after the other, the newest first.

    Args:
        store: Where they are.
        keep: What is kept, as for `sweep`.
    """

    def __init__(self, store: Store, keep: Keep | float) -> None:
        self._protects = isinstance(keep, Keep)
        self._keep = keep if isinstance(keep, Keep) else Keep(age=keep)
        age = self._keep.age
        self._before = None if age is None else clock.epoch() - int(age * 1e9)
        self._spared = set(store.names(PINS))
        if self._protects:
            pointed = (execution_pointed_to(store, f"{LATEST}/{name}") for name in store.names(LATEST))
            self._spared.update(found for found in pointed if found is not None)
        self._counts: collections.Counter[str] = collections.Counter()
        self._good: set[str] = set()
        self._around: set[str] = set()

    def keeps(self, execution: ExecutionView) -> bool:
        """Tell whether an execution is kept."""
        self._counts[execution.name] += 1
        last_good = self._is_last_good(execution)
        spared = execution.id in self._spared or execution.id in self._around
        kept = self._is_within(execution) or spared or last_good
        if kept and execution.within:  # what obs run made around it stays too: it tells how its process ended
            self._around.add(execution.within)
        return kept

    def _is_within(self, execution: ExecutionView) -> bool:
        young = self._before is None or execution.started >= self._before
        count = self._keep.count
        return young and (count is None or self._counts[execution.name] <= count)

    def _is_last_good(self, execution: ExecutionView) -> bool:
        """Tell whether it ended well and no newer one of its name did."""
        good = execution.status == "succeeded" and not execution.verdicts.failed
        if not self._protects or not good or execution.name in self._good:
            return False
        self._good.add(execution.name)
        return True


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
        OSError: It cannot be read, or not all of it, so nobody knows: nothing shared may be removed.
    """
    found: set[str] = set()
    for path in segment_names(store, execution_id):
        content = store.get(path)
        lines, unused = inflated(content) if path.endswith(".gz") else (content, 0)
        if unused or not _is_whole(lines):
            raise StoreError(f"a part of {path!r} is damaged")
        found.update(digest.decode() for digest in _REFERENCES.findall(lines))
    return found


def _is_whole(lines: bytes) -> bool:
    """Tell whether nothing of a segment is damaged: a damaged part may name what nothing else names."""
    if lines and is_checked(lines):
        return sound(lines) == lines
    return bool(lines) and not any(isinstance(record, records.Torn) for record in decode(lines))


def _remove(store: Store, path: str, swept: Swept, dry_run: bool) -> None:
    swept.size += store.size_of(path)
    if not dry_run:
        store.remove(path)
