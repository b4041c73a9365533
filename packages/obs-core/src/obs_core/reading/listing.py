"""Go through the executions of a store, reading only the beginning and the end of each."""

from __future__ import annotations

import os
from collections.abc import Iterator

from obs_core.assembly.loading import opened
from obs_core.assembly.summary import read_summary
from obs_core.model import ExecutionView
from obs_core.store import Store
from obs_core.store.paths import EXECUTIONS

__all__ = ["list_executions", "list_within"]

_MOST_LATER = 50


def list_executions(store: Store | str | os.PathLike[str] | None = None) -> Iterator[ExecutionView]:
    """Iterate over the executions of a store, newest first; each is read only when it is reached.

    An execution that cannot be read (another user's, a damaged one) is left out, with a warning.

    Args:
        store: Where they are kept. Default: `OBS_STORE`, or ``.obs``.
    """
    place = opened(store)
    for execution_id in reversed(place.names(EXECUTIONS)):
        view = read_summary(place, execution_id)
        if view is not None:
            yield view


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
