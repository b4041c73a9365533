"""What this process knows of a store that takes long to answer: how many threads wait for it, and how long one may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from obs_core.background import Background
from obs_core.interruptions import let_pass

__all__ = ["PATIENCE", "Uploads", "uploads_to"]

PATIENCE = 30.0
"""Seconds that a process waits in all for a store that answers nothing: once, however many executions end."""

_MOST_THREADS = 40
"""Threads that wait for one store; a store that never answers holds no more, whatever is recorded."""


class Uploads:
    """Threads that write to one shared store, and how much longer this process waits for them."""

    def __init__(self) -> None:
        self._left = PATIENCE
        self._threads: set[threading.Thread] = set()

    def answered(self) -> None:
        """Take note that the store took something, or refused it: it is there."""
        self._left = PATIENCE

    @property
    def hangs(self) -> bool:
        """Whether the store is not waited for any more, since it answered nothing for so long."""
        return self._left <= 0

    def start(self, work: Callable[[], None], spare: int = 0) -> threading.Thread | None:
        """Begin some work in a thread.

        Args:
            work: Writes to the store.
            spare: How many threads are to be left for others.

        Returns:
            The thread; None if too many are at work, or none could be started and the work was done here.
        """
        self._threads -= {each for each in list(self._threads) if each.ident is not None and not each.is_alive()}
        thread = Background(work, "obs-upload")
        try:
            self._threads.add(thread)  # before they are counted: another thread may begin one meanwhile
            if len(self._threads) > _MOST_THREADS - spare:
                return None
            thread.start()
            return thread
        except RuntimeError as error:  # the interpreter is ending, or threads are used up
            let_pass(error)
            work()
            return None
        finally:
            if thread.ident is None:
                self._threads.discard(thread)

    def wait(self, done: Callable[[], bool]) -> bool:
        """Wait until something is done, for as long as one may wait for this store; returns whether it is.

        It looks again and again rather than to be woken: a signal handler that records may come at any moment, and so
        may its exception, and no lock is in their way.
        """
        pause, waited = 0.001, 0.0
        while not done():
            if self.hangs or waited >= PATIENCE:
                return False
            time.sleep(pause)
            self._left -= pause
            waited += pause
            pause = min(2 * pause, 0.02)
        return True


_by_store: dict[str, Uploads] = {}


def uploads_to(url: str) -> Uploads:
    """Return what is known of a store."""
    return _by_store.setdefault(url, Uploads())


def forget() -> None:
    """Begin without any threads, in a forked child."""
    _by_store.clear()
