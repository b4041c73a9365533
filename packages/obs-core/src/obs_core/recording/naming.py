"""Ids of executions that sort in the order in which they began, also after a clock was set back."""

from __future__ import annotations

import time

from obs_core import clock, identity
from obs_core.interruptions import let_pass
from obs_core.store.base import Store
from obs_core.store.paths import EXECUTIONS

__all__ = ["new_id"]

_LOOKED_EVERY = 1_000_000_000
"""Nanoseconds between two looks at a store."""

_newest = ""
_looked_at = -_LOOKED_EVERY


def new_id(store: Store) -> str:
    """Return the id of an execution that begins now, later than those that began before.

    Later than this process's own, and in a folder later than anybody's: the folder of executions was changed when the
    last one was made, so if that lies ahead of the clock, the clock was set back.
    """
    global _newest, _looked_at
    made = identity.new_execution_id()
    now = clock.wall()
    if store.local and now - _looked_at > _LOOKED_EVERY:
        _looked_at = now
        try:
            if store.modified(EXECUTIONS) > time.time_ns() / 1e9 + 1:
                _newest = max([_newest, *filter(identity.is_dated, store.names(EXECUTIONS))])
        except OSError as error:
            let_pass(error)
            pass  # there is no such folder yet
    made = identity.later(made, _newest)
    if identity.is_dated(made):
        _newest = max(_newest, made)
    return made
