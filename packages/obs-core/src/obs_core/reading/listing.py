"""Go through the executions of a store, reading only the beginning and the end of each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from obs_core.assembly.loading import existing, opened
from obs_core.assembly.summary import read_summary
from obs_core.interruptions import ignoring
from obs_core.journal.reader import segment_names
from obs_core.model import ExecutionView
from obs_core.store import Store
from obs_core.store.folder import FolderStore
from obs_core.store.paths import EXECUTIONS

__all__ = ["list_executions", "list_within"]

_MOST_LATER = 50


def list_executions(store: Store | str | os.PathLike[str] | None = None) -> Iterator[ExecutionView]:
    """Iterate over the executions of a store, newest first; each is read only when it is reached.

    An execution that cannot be read (another user's, a damaged one) is left out, with a warning.

    Args:
        store: Where they are kept. Default: `OBS_STORE`, or ``.obs``.

    Raises:
        StoreError: `store` is a folder that is not there.
    """
    return _views(existing(store))


def _views(store: Store) -> Iterator[ExecutionView]:
    ids = opened(store).names(EXECUTIONS)[::-1]
    blocks = _blocks_read()
    for first in range(0, len(ids), _AT_ONCE):
        for execution_id in ids[first : first + _AT_ONCE]:
            view = read_summary(store, execution_id)
            if view is not None:
                yield view
        # One after the other, each file is a wait for the disk. What is in memory needs no help.
        before, blocks = blocks, _blocks_read()  # what is read ahead counts for the next ones
        if blocks > before and isinstance(store, FolderStore):
            _read_ahead(store, ids[first + _AT_ONCE : first + 2 * _AT_ONCE])


_AT_ONCE = 64
"""Executions whose files are asked of the disk at a time."""


def _blocks_read() -> int:
    """Return how many blocks this thread had read from a disk; 0 where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_THREAD).ru_inblock


def _read_ahead(store: FolderStore, ids: Sequence[str]) -> None:
    for execution_id in ids:
        with ignoring(OSError):  # who reads it tells what is wrong
            paths = segment_names(store, execution_id)
            for path in {*paths[:1], *paths[-1:]}:
                store.read_ahead(path, _READ_OF_SMALL)


_READ_OF_SMALL = 64 * 1024
"""Bytes that are asked for ahead: most segments are smaller."""


def list_within(store: Store, execution_id: str) -> Iterator[ExecutionView]:
    """Go through the executions that a program began which ``obs run`` supervised, oldest first.

    Args:
        store: Where they are kept.
        execution_id: What `obs run` made; they are looked for among the 50 after it.
    """
    later = [one for one in store.names(EXECUTIONS) if one > execution_id]
    for one in later[:_MOST_LATER]:
        view = read_summary(store, one)
        if view is not None and view.within == execution_id:
            yield view
