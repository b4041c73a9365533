"""Remove what is not to be kept, from time to time, while the UI is served."""

from __future__ import annotations

import threading

from obs_core.background import Background
from obs_core.failsafe import warn
from obs_core.reading.garbage import Keep, sweep
from obs_core.store import Store

__all__ = ["Sweeper"]

_INTERVAL = 3600.0


class Sweeper:
    """Sweeps a store at once and each hour, in a thread.

    Args:
        store: Which store.
        keep: What is kept.
    """

    def __init__(self, store: Store, keep: Keep) -> None:
        self._store = store
        self._keep = keep
        self._stop = threading.Event()
        self._thread = Background(self._sweep, "obs-ui-gc")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, as soon as what is being removed is gone."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _sweep(self) -> None:
        while not self._stop.is_set():
            try:
                sweep(self._store, self._keep)
            except Exception as error:  # the next hour may be a better one, and the pages go on
                warn(f"the store {self._store.url} cannot be swept: {type(error).__name__}: {error}")
            self._stop.wait(_INTERVAL)
