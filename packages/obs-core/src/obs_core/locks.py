"""What threads share: locks that are free in a forked child, and weak sets that can be looked through meanwhile."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, TypeVar

__all__ = ["members", "new_lock", "new_rlock"]

Member = TypeVar("Member")

_locks: weakref.WeakSet[threading.Lock] = weakref.WeakSet()
_rlocks: weakref.WeakSet[threading.RLock] = weakref.WeakSet()


def new_lock() -> threading.Lock:
    """Return a lock that is free in a child forked while it is held.

    A child has none of its parent's other threads, and would wait for ever for what one of them held.
    """
    lock = threading.Lock()
    _locks.add(lock)
    return lock


def new_rlock() -> threading.RLock:
    """Return a reentrant lock that is free in a child forked while it is held."""
    lock = threading.RLock()
    _rlocks.add(lock)
    return lock


def members(of: weakref.WeakSet[Member]) -> list[Member]:
    """Return what a weak set holds, though other threads may add to it: iterating it alone is an error then.

    Args:
        of: The set.
    """
    while True:
        try:
            return list(of)
        except RuntimeError:  # it changed its size meanwhile
            continue


def _after_fork() -> None:
    locks: list[Any] = [*_locks, *_rlocks]
    for lock in locks:
        lock._at_fork_reinit()  # as concurrent.futures and logging do with theirs


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
