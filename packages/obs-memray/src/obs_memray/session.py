"""One tracker at a time: memray allows no more in a process."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from obs_core.background import Background
from obs_core.engines import start_last_in_children

if TYPE_CHECKING:
    from obs_core import TaskContext
    from obs_memray.options import Options

__all__ = ["Session", "begin", "profiled"]

_LOOK_EACH = 0.25
"""Seconds between two looks at how large the capture has become."""

_one = threading.Lock()
_active: Session | None = None


class Session:
    """A profile while it is captured.

    Attributes:
        capture: Its file.
        options: What its decks are made with.
        process: The id of the process that began it.
        stopped_early: Whether the capture reached its size cap before the task ended.
    """

    def __init__(self, context: TaskContext, options: Options, tracking: dict[str, Any]) -> None:
        import memray

        start_last_in_children()
        self.options = options
        self.process = os.getpid()
        self.stopped_early = False
        self.capture = context.capture("memray", options=msgspec.to_builtins(options))
        self._stopping = threading.Lock()
        self._stopped = threading.Event()
        self._began = threading.Event()
        self._failure: BaseException | None = None
        self._thread, self._profiler = threading.get_ident(), sys.getprofile()
        # Not compressed at the end, which a task would wait for: the file is removed once its decks are made.
        destination = memray.FileDestination(self.capture.path, overwrite=True, compress_on_exit=False)
        self._tracker = memray.Tracker(destination=destination, **tracking)
        # A thread of its own begins: of the thread that begins memray keeps no frame that was there already, and the
        # profiled function is often among them, or resumed from another depth (a coroutine, a generator).
        Background(self._track, "obs-memray").start()
        self._began.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop capturing."""
        global _active
        with self._stopping:
            if not self._stopped.is_set():
                self._stopped.set()
                self._tracker.__exit__(None, None, None)
                if callable(self._profiler) and threading.get_ident() == self._thread:
                    sys.setprofile(self._profiler)  # memray puts back what the thread had that began
        with _one:
            if _active is self:
                _active = None

    def peak(self) -> int:
        """Return the most bytes that were allocated at a time."""
        from memray import FileReader

        reader = FileReader(self.capture.path)
        try:
            return int(reader.metadata.peak_memory)
        finally:
            reader.close()

    def _track(self) -> None:
        try:
            self._tracker.__enter__()
        except BaseException as error:
            self._failure = error
            return
        finally:
            self._began.set()
        self._guard_size()

    def _guard_size(self) -> None:
        limit = self.options.max_capture_mb * 1_000_000
        while not self._stopped.wait(_LOOK_EACH):
            if os.path.exists(self.capture.path) and os.path.getsize(self.capture.path) > limit:
                self.stopped_early = True
                self.stop()


def begin(context: TaskContext, options: Options, tracking: dict[str, Any]) -> Session | None:
    """Begin to profile a task; None if another one is profiled."""
    global _active
    with _one:
        if _active is not None:
            return None
        _active = Session(context, options, tracking)
        return _active


def profiled() -> str:
    """Name the task that is profiled."""
    active = _active
    return active.options.task if active is not None else "another task"


def _after_fork() -> None:
    """A forked child is not followed, or as a part of its parent; either way it has no session of its own."""
    global _active, _one
    _active, _one = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
