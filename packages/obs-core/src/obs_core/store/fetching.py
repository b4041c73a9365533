"""Fetch many files of a store, several at a time where each takes long."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from obs_core.store.base import Store

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["fetch_each"]

_AT_ONCE = 16
"""Files that are fetched at a time from a store that takes long to answer."""

_MOST_INFLATING = 4
"""Compressed files that are inflated at a time, if there are so many cores."""

_FEW = 4
"""Files of a folder that are not worth a thread."""

Fetched = TypeVar("Fetched")


def fetch_each(store: Store, fetch: Callable[[str], Fetched], paths: Iterable[str]) -> Iterator[Fetched]:
    """Yield what is fetched for each path, in the order of the paths.

    An execution of a thousand workers has a thousand segments: of a shared store several are fetched at a time. So are
    compressed ones of a folder, which other threads inflate while the caller decodes what came before.

    Args:
        store: Where the paths are.
        fetch: Called with each path, in several threads at a time.
        paths: Which.

    Raises:
        OSError: What `fetch` raised, in its turn.
    """
    at_once = _AT_ONCE
    if store.local:
        paths = list(paths)
        at_once = min(_MOST_INFLATING, _cores())
        if at_once == 1 or sum(path.endswith(".gz") for path in paths) < _FEW:
            yield from map(fetch, paths)
            return
    from concurrent.futures import ThreadPoolExecutor  # where several are fetched alone; it cannot be imported at exit

    ahead: deque[Future[Fetched]] = deque()
    with ThreadPoolExecutor(at_once, "obs-fetching") as pool:
        for path in paths:
            ahead.append(_begun(pool, fetch, path))
            if len(ahead) > at_once:
                yield ahead.popleft().result()
        for fetched in ahead:
            yield fetched.result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begun(pool: ThreadPoolExecutor, fetch: Callable[[str], Fetched], path: str) -> Future[Fetched]:
    try:
        return pool.submit(fetch, path)
    except RuntimeError:  # no thread can be started while the interpreter shuts down
        from concurrent.futures import Future

        here: Future[Fetched] = Future()
        here.set_result(fetch(path))
        return here
