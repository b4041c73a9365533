"""Go through the executions of a store, reading only the beginning and the end of each."""

from __future__ import annotations

import os
from collections.abc import Iterator

from obs_core.assembly.loading import opened
from obs_core.assembly.summary import read_summary
from obs_core.model import ExecutionView
from obs_core.store import Store
from obs_core.store.paths import EXECUTIONS

__all__ = ["list_executions"]


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
