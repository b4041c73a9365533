"""Fetch many files of a store, several at a time where each takes a round trip."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, TypeVar

from obs_core.background import unstruck
from obs_core.interruptions import let_pass
from obs_core.store.base import Store

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["fetch_each"]

_AT_ONCE = 16
"""Files that are fetched at a time from a store that takes long to answer."""

Fetched = TypeVar("Fetched")


def fetch_each(store: Store, fetch: Callable[[str], Fetched], paths: Iterable[str]) -> Generator[Fetched, None, None]:
    """Yield what is fetched for each path, in the order of the paths.

    An execution of a thousand workers has a thousand segments: of a shared store several are fetched at a time.

    Args:
        store: Where the paths are.
        fetch: Called with each path, in several threads if the store is shared.
        paths: Which.

    Raises:
        OSError: What `fetch` raised, in its turn.
    """
    if store.local:
        yield from map(fetch, paths)
        return
    from concurrent.futures import ThreadPoolExecutor  # for shared stores alone; it cannot be imported at exit

    ahead: deque[Future[Fetched]] = deque()
    with ThreadPoolExecutor(_AT_ONCE, "obs-fetching") as pool:
        for path in paths:
            ahead.append(_begun(pool, fetch, path))
            if len(ahead) > _AT_ONCE:
                yield ahead.popleft().result()
        for fetched in ahead:
            yield fetched.result()


def _begun(pool: ThreadPoolExecutor, fetch: Callable[[str], Fetched], path: str) -> Future[Fetched]:
    try:
        return unstruck(pool.submit, fetch, path)
    except RuntimeError as error:  # no thread can be started while the interpreter shuts down
        let_pass(error)
        from concurrent.futures import Future

        here: Future[Fetched] = Future()
        here.set_result(fetch(path))
        return here
