"""What threads share: locks that are free in a forked child, and what is there to be looked through meanwhile."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

__all__ = ["Attached", "Named", "Register", "new_lock", "new_rlock", "take"]

Member = TypeVar("Member")
Value = TypeVar("Value")

# The collections of `weakref` call a function of Python's when something in them goes away, in whatever thread that
# happens. What a signal's handler raises just then (a timeout of the task's) Python prints and forgets. The ones here
# call nothing: they drop what is gone once they have grown to twice the size.

_TIDY_FROM = 16


class Register(Generic[Member]):
    """Objects that live no longer for standing in it."""

    def __init__(self) -> None:
        self._members: list[weakref.ref[Member]] = []
        self._tidy_from = 64
        self._tidying = threading.Lock()

    def add(self, member: Member) -> None:
        """Add an object; any thread may, and a handler in the midst of it."""
        self._members.append(weakref.ref(member))
        if len(self._members) > self._tidy_from:
            taken: list[bool] = []
            try:
                if take(self._tidying, taken):
                    self._tidy()
            finally:
                if True in taken:
                    self._tidying.release()

    def _tidy(self) -> None:
        count = len(self._members)
        # Others add at the end meanwhile.
        self._members[:count] = [each for each in self._members[:count] if each() is not None]
        self._tidy_from = 2 * len(self._members) + 64

    def discard(self, member: Member) -> None:
        """Take an object out, if it is here."""
        for each in list(self._members):
            if each() is member:
                with contextlib.suppress(ValueError):  # another thread did
                    self._members.remove(each)

    def __contains__(self, member: object) -> bool:
        return any(each() is member for each in list(self._members))

    def __iter__(self) -> Iterator[Member]:
        """Give those that are alive, each once."""
        alive = (each() for each in list(self._members))
        yield from {id(member): member for member in alive if member is not None}.values()

    def after_fork(self) -> None:
        """Go on in a forked child, whose parent may have been tidying."""
        self._tidying = threading.Lock()


class Named(Generic[Member]):
    """Objects by name that live no longer for standing in it; any thread may use it, and a handler in the midst."""

    def __init__(self) -> None:
        self._entries: dict[str, weakref.ref[Member]] = {}
        self._tidy_from = _TIDY_FROM

    def get(self, name: str) -> Member | None:
        """Return the object of this name, if it is alive."""
        entry = self._entries.get(name)
        return None if entry is None else entry()

    def __setitem__(self, name: str, member: Member) -> None:
        self._entries[name] = weakref.ref(member)
        if len(self._entries) > self._tidy_from:
            _tidy(self._entries, lambda entry: entry() is None)
            self._tidy_from = 2 * len(self._entries) + _TIDY_FROM

    def pop(self, name: str) -> None:
        """Let a name go, if it is here."""
        self._entries.pop(name, None)

    def values(self) -> list[Member]:
        """Return the objects that are alive."""
        return [member for entry in list(self._entries.values()) if (member := entry()) is not None]


class Attached(Generic[Member, Value]):
    """What belongs to objects that do not know of it, and goes some time after them; any thread may use it.

    What belongs to an object must not hold it, or neither ever goes.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Member], Value]] = {}
        self._tidy_from = _TIDY_FROM

    def get(self, owner: Member) -> Value | None:
        """Return what belongs to an object, if anything does."""
        entry = self._entries.get(id(owner))
        return entry[1] if entry is not None and entry[0]() is owner else None

    def setdefault(self, owner: Member, value: Value) -> Value:
        """Return what belongs to an object: from now on this, if nothing did."""
        found = self.get(owner)
        if found is None:
            self[owner] = found = value
        return found

    def __setitem__(self, owner: Member, value: Value) -> None:
        self._entries[id(owner)] = weakref.ref(owner), value
        if len(self._entries) > self._tidy_from:
            _tidy(self._entries, lambda entry: entry[0]() is None)
            self._tidy_from = 2 * len(self._entries) + _TIDY_FROM

    def items(self) -> list[tuple[Member, Value]]:
        """Return the objects that are alive, with what belongs to them."""
        alive = [(entry[0](), entry[1]) for entry in list(self._entries.values())]
        return [(owner, value) for owner, value in alive if owner is not None]

    def clear(self) -> None:
        """Let all of it go."""
        self._entries.clear()


_Key = TypeVar("_Key")


def _tidy(entries: dict[_Key, Value], is_gone: Callable[[Value], bool]) -> None:
    for key, entry in list(entries.items()):
        if is_gone(entry) and (taken := entries.pop(key, entry)) is not entry:
            entries.setdefault(key, taken)  # another thread gave the key to something new just now


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


def take(lock: threading.Lock | threading.RLock, taken: list[bool], patience: float = 0.0) -> bool:
    """Take a lock if that can be done in time, and never without a word of it.

    What a signal's handler raises strikes as a call returns: of ``if lock.acquire(timeout=1):`` nobody learns then that
    the lock is taken, and the next thread waits for ever. Here that is noted before any handler runs. (A ``with`` has
    no such gap: where it suits, it is simpler.)

    Args:
        lock: The lock.
        taken: Empty; gets whether the lock is taken.
        patience: Seconds to wait for who has it.

    Returns:
        Whether it is taken.

    Example:
        >>> lock, taken = new_lock(), []
        >>> try:
        ...     if take(lock, taken):
        ...         print("only one thread at a time")
        ... finally:
        ...     if True in taken:
        ...         lock.release()
        only one thread at a time
    """
    taken.extend(map(lock.acquire, (True,), (patience,)))
    return taken[0]


def _after_fork() -> None:
    _locks.after_fork()
    _rlocks.after_fork()
    locks: list[Any] = [*_locks, *_rlocks]
    for lock in locks:
        lock._at_fork_reinit()  # as concurrent.futures and logging do with theirs


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
