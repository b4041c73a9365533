"""What a process leaves behind when it dies without a word: the stack at a segfault, and at SIGTERM.

`faulthandler` writes it from inside the signal, without running any Python, so it comes also of a thread that hangs in
C code and holds the interpreter. It goes to a file of the execution that runs, one for each writer; a file that stays
empty is removed.

Nothing changes for the program. The handler stands below Python's own, which `signal.getsignal` does not see, and hands
every signal on to what was there before: the system's action, or the program's handler. A program that has
`faulthandler` enabled keeps it as it is, and so does one that handles SIGTERM later on: then nothing is written.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import sys
from collections.abc import Iterator

from obs_core.failsafe import guarded
from obs_core.interruptions import ignoring, let_pass
from obs_core.locks import new_rlock
from obs_core.recording.run import Run, live
from obs_core.store.descriptors import NO_LINK, file_id, open_high
from obs_core.store.paths import faults_path

__all__ = ["aside", "follow", "follow_later", "handled_below_python", "stand_aside", "unfollow"]


class _Watch:
    """The descriptor that the handlers write to, and the executions that run, the innermost last."""

    __slots__ = ("children", "descriptor", "enabled", "file_id", "registered", "runs")

    def __init__(self) -> None:
        self.descriptor = -1
        self.file_id: tuple[int, int] | None = None
        self.enabled = self.registered = False
        self.children = False
        """Whether this process has forked, so that there may be files of others."""
        self.runs: dict[str, str] = {}
        """Execution id to the file's path."""


_watch = _Watch()
_lock = new_rlock()  # the background thread follows what another thread leaves; a signal handler may come in between


class _Later:
    """Follows an execution once something of it is written: one that leaves nothing behind needs no file."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self) -> None:
        run = self._run
        # This is called before a fork too, which must wait for no other thread: the next round comes soon.
        if (run.journal.used or run.root.over) and _lock.acquire(blocking=False):
            try:
                with ignoring(ValueError):
                    run.journal.sources.remove(self)
                follow(run)
            finally:
                _lock.release()


def follow_later(run: Run) -> None:
    """Let what this process leaves when it dies go to an execution's file, once that has a beginning."""
    if run.store.local:
        run.journal.sources.append(_Later(run))


def follow(run: Run) -> None:
    """The same at once: the beginning is written."""
    if run.id in _watch.runs or run.root.over or not run.store.local or sys.is_finalizing():
        return
    if live.get(run.id) is not run:
        return  # joined and left for good: what was still to be written of it is written now
    with guarded("opening the file for what a crash leaves"):
        path = run.store.file_path(faults_path(run.id, run.journal.writer))
        if path is not None:
            # A full disk, a store that is gone: the journal says so.
            with ignoring(OSError), _lock:
                _point_to(path)
                _watch.runs[run.id] = path
                _listen()


def unfollow(run: Run) -> None:
    """Leave an execution that ends: what comes now belongs to the one around it, if there is any."""
    path = _watch.runs.pop(run.id, None)
    if path is not None:
        with guarded("closing the file for what a crash leaves"), ignoring(OSError), _lock:
            _point_to(next(reversed(_watch.runs.values()), os.devnull))
            _remove_empty(path)
            if _watch.children:
                _remove_empty_of_children(path)


def _point_to(path: str) -> None:
    """Let the handlers write to another file, through the descriptor that they were given."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_LINK
    if _is_still_ours():
        opened = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            os.dup2(opened, _watch.descriptor, inheritable=False)
        finally:
            os.close(opened)
    else:
        _watch.descriptor = open_high(path, flags)
        _watch.enabled = _watch.registered = False
    _watch.file_id = file_id(_watch.descriptor)


def _is_still_ours() -> bool:
    """Tell whether the descriptor is what it was: a program that becomes a daemon may have closed all there were."""
    return _watch.descriptor >= 0 and file_id(_watch.descriptor) == _watch.file_id


def _listen() -> None:
    import faulthandler

    if not _watch.enabled and not faulthandler.is_enabled():
        faulthandler.enable(_watch.descriptor)
        _watch.enabled = True
    _register()


def _register() -> None:
    import faulthandler

    register = getattr(faulthandler, "register", None)  # Windows has none
    if _watch.registered or _watch.descriptor < 0 or register is None:
        return
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not signal.SIG_IGN and not (handler is signal.SIG_DFL and handled_below_python()):
        # Other threads' stacks are read while these may run, which is for a process that ends anyway.
        ends = handler is signal.SIG_DFL or getattr(handler, "__module__", "") == "obs_core.recording.sigterm"
        register(signal.SIGTERM, file=_watch.descriptor, all_threads=ends, chain=True)
        _watch.registered = True


@functools.cache
def handled_below_python() -> bool:
    """Tell whether something below Python handled SIGTERM before obs did: `faulthandler.register`, a C library."""
    try:
        with open("/proc/self/status", "rb") as file:  # as bytes: a codec is imported, which may fail by now
            caught = next((line.partition(b":")[2] for line in file if line.startswith(b"SigCgt:")), b"0")
    except OSError as error:  # not Linux
        let_pass(error)
        return False
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def stand_aside() -> None:
    """Leave SIGTERM alone, since nothing runs any more that it could end; the next execution to be followed is heard.

    Staying registered would cost each execution of many four calls of the system, to write to nowhere in between.
    """
    if not _watch.runs:
        _unregister()


def _unregister() -> None:
    if _watch.registered:
        import faulthandler

        faulthandler.unregister(signal.SIGTERM)
        _watch.registered = False


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Let obs set a handler for SIGTERM, and stand below that one again."""
    registered = _watch.registered
    _unregister()
    yield
    if registered:
        _register()


def _remove_empty(path: str) -> None:
    with ignoring(OSError):
        if not os.path.getsize(path):
            os.remove(path)


def _at_exit() -> None:
    for path in list(_watch.runs.values()):
        _remove_empty(path)


def _take_own_file(run: Run) -> None:
    path = run.store.file_path(faults_path(run.id, run.journal.writer))
    if path is not None:
        _point_to(path)
        _watch.runs[run.id] = path


def _has_child() -> None:
    _watch.children = True


def _remove_empty_of_children(path: str) -> None:
    """Remove what forked children leave that ended without a word, as workers of pools do."""
    folder = os.path.dirname(path)
    for name in os.listdir(folder):
        if name.startswith("faults-"):
            _remove_empty(os.path.join(folder, name))


def _after_fork() -> None:
    """Leave the parent's file to the parent, and take one of our own for a crash: it says nothing about the parent.

    SIGTERM says nothing of a child: pools end their workers by it.
    """
    followed = [run for run in map(live.get, _watch.runs) if run is not None]
    _watch.runs.clear()
    _watch.children = False
    if _watch.descriptor >= 0:
        with ignoring(OSError, ValueError):
            if _is_still_ours():
                _unregister()
                _point_to(os.devnull)
                if followed and _watch.enabled:
                    _take_own_file(followed[-1])


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_has_child, after_in_child=_after_fork)
