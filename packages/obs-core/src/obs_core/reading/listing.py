"""Go through the executions of a store, reading only the beginning and the end of each."""

from __future__ import annotations

import os
from collections.abc import Iterator

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.loading import opened
from obs_core.journal.reader import read_segment, segment_names, writer_of
from obs_core.model import ExecutionView
from obs_core.store import Store
from obs_core.store.paths import EXECUTIONS

__all__ = ["list_executions"]


def list_executions(store: Store | str | os.PathLike[str] | None = None) -> Iterator[ExecutionView]:
    """Go through the executions of a store, newest first; each is read only when its turn comes.

    Args:
        store: Where they are kept. Default: `OBS_STORE`, or ``.obs``.
    """
    place = opened(store)
    for execution_id in reversed(place.names(EXECUTIONS)):
        view = _summary(place, execution_id)
        if view is not None:
            yield view


def _summary(store: Store, execution_id: str) -> ExecutionView | None:
    """Read only the beginning and the end of an execution; None if there is nothing to read."""
    segments = [path for path in segment_names(store, execution_id) if writer_of(path) == "main"]
    if not segments:
        return None
    assembly = Assembly(store, execution_id)
    for path in dict.fromkeys((segments[0], segments[-1])):
        assembly.add("main", read_segment(store, path, lambda line: line.startswith(_SUMMARY_LINES)), path)
    assembly.finish()
    return assembly.view


_SUMMARY_LINES = (b'["execution"', b'["execution-end"', b'["beat"', b'["task-end"', b'["lost"')
