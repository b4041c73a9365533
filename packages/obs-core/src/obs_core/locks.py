"""What threads share: locks that are free in a forked child, and what is there to be looked through meanwhile."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

__all__ = ["Register", "members", "new_lock", "new_rlock"]

Member = TypeVar("Member")


class Register(Generic[Member]):
    """Objects that live no longer for standing in it.

    Unlike a `weakref.WeakSet` it calls nothing when one of them goes away: what a signal's handler raises just then (a
    timeout of the task's) Python would print and forget.
    """

    def __init__(self) -> None:
        self._members: list[weakref.ref[Member]] = []
        self._tidy_from = 64
        self._tidying = threading.Lock()

    def add(self, member: Member) -> None:
        """Add an object; any thread may, and a handler in the midst of it."""
        self._members.append(weakref.ref(member))
        if len(self._members) > self._tidy_from and self._tidying.acquire(blocking=False):
            try:
                count = len(self._members)
                # Others add at the end meanwhile.
                self._members[:count] = [each for each in self._members[:count] if each() is not None]
                self._tidy_from = 2 * len(self._members) + 64
            finally:
                self._tidying.release()

    def __iter__(self) -> Iterator[Member]:
        """Give those that are alive, each once."""
        alive = (each() for each in list(self._members))
        yield from {id(member): member for member in alive if member is not None}.values()

    def after_fork(self) -> None:
        """Go on in a forked child, whose parent may have been tidying."""
        self._tidying = threading.Lock()


_locks: Register[threading.Lock] = Register()
_rlocks: Register[threading.RLock] = Register()


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
    _locks.after_fork()
    _rlocks.after_fork()
    locks: list[Any] = [*_locks, *_rlocks]
    for lock in locks:
        lock._at_fork_reinit()  # as concurrent.futures and logging do with theirs


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
