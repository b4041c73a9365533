"""Go through the executions of a store, reading only the beginning and the end of each."""

from __future__ import annotations

import os
from collections.abc import Iterator

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.loading import opened
from obs_core.failsafe import warn
from obs_core.journal.reader import chosen, decode, ends_of_segments, segment_names, writer_of
from obs_core.model import ExecutionView
from obs_core.store import Store
from obs_core.store.paths import EXECUTIONS

__all__ = ["list_executions", "read_summary"]


def list_executions(store: Store | str | os.PathLike[str] | None = None) -> Iterator[ExecutionView]:
    """Go through the executions of a store, newest first; each is read only when its turn comes.

    One that cannot be read (another user's, a damaged one) is left out and costs a warning.

    Args:
        store: Where they are kept. Default: `OBS_STORE`, or ``.obs``.
    """
    place = opened(store)
    for execution_id in reversed(place.names(EXECUTIONS)):
        view = read_summary(place, execution_id)
        if view is not None:
            yield view


def read_summary(store: Store, execution_id: str) -> ExecutionView | None:
    """Read only the beginning and the end of an execution; None if there is nothing that can be read."""
    try:
        segments = [path for path in segment_names(store, execution_id) if writer_of(path) == "main"]
        if not segments:
            return None
        assembly = Assembly(store, execution_id)
        for path, lines in ends_of_segments(store, segments):
            few = len(lines) < _FEW and len(segments) == 1
            assembly.add("main", decode(lines if few else chosen(lines, _is_wanted)), path)
        assembly.finish()
    except OSError as error:
        if not store.local:
            raise  # the next ones would fail too
        warn(f"execution {execution_id!r} cannot be read: {error}")
        return None
    return assembly.view


def _is_wanted(line: bytes) -> bool:
    return line.startswith(_SUMMARY_LINES)


_FEW = 8 * 1024
"""Bytes of lines that are sooner decoded than looked through."""

_SUMMARY_LINES = (
    b'["execution"',
    b'["execution-end"',
    b'["beat"',
    b'["task-end"',
    b'["metrics"',
    b'["lost"',
    b'["torn"',
)
