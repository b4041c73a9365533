"""What this process knows to be in a store's shared content, so that nothing is written twice."""

from __future__ import annotations

from obs_core import clock
from obs_core.interruptions import let_pass
from obs_core.store.base import Store
from obs_core.store.paths import SHARED, shared_path

TRUSTED_FOR = 3600 * 10**9
"""Nanoseconds for which a write is remembered."""

FRESH_FOR = 12 * 3600.0
"""Seconds for which content found in a store is left as it is.

Older content is written again: `obs gc` spares whatever is younger than a day, so that it cannot remove what a running
task is about to refer to."""

_MOST_KNOWN = 4096
"""Writes that are remembered at most; what is forgotten is looked for in the store, or written again."""

_known: dict[tuple[str, str], int] = {}


def needs_writing(store: Store, digest: str) -> bool:
    """Tell whether the content must be written, and remember that it will be."""
    key = (store.address(SHARED), digest)
    now = clock.wall()
    if now - _known.get(key, -TRUSTED_FOR) < TRUSTED_FOR:
        return False
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[key] = now  # two threads at once may both write it, which does no harm; a lock might be held by a finalizer
    return not _is_fresh(store, digest)


def forget() -> None:
    """Forget everything, as when a store is swept or replaced."""
    _known.clear()


def _is_fresh(store: Store, digest: str) -> bool:
    if not store.local:
        return False
    try:
        return store.now() - store.modified(shared_path(digest)) < FRESH_FOR
    except OSError as error:
        let_pass(error)
        return False
