"""What a process leaves behind when it dies without a word: the stack at a segfault, and at SIGTERM.

`faulthandler` writes it from inside the signal, without running any Python, so it comes also of a thread that hangs in
C code and holds the interpreter. It goes to a file of the execution that runs, one for each writer; a file that stays
empty is removed.

Nothing changes for the program. The handler stands below Python's own, which `signal.getsignal` does not see, and hands
every signal on to what was there before: the system's action, or the program's handler. A program that has
`faulthandler` enabled, or whose C libraries handle SIGSEGV, keeps that as it is, and so does one that handles SIGTERM
later on: then nothing is written. What it asks of `faulthandler` while obs uses that is as if obs did not
(`obs_core.fault_handlers`).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # obs's own handler is seen there alone
import atexit
import contextlib
import functools
import os
import signal
import sys
from collections.abc import Iterator

from obs_core import fault_handlers
from obs_core.failsafe import guarded
from obs_core.files import open_into
from obs_core.interruptions import ignoring, let_pass
from obs_core.journal.numbering import MAIN
from obs_core.locks import new_rlock, take
from obs_core.quiet_handlers import undisturbed
from obs_core.recording.run import Run, live
from obs_core.store.descriptors import NO_LINK, file_id, open_high_into
from obs_core.store.paths import faults_path

__all__ = ["aside", "follow", "follow_later", "handled_below_python", "stand_aside", "unfollow"]


class _Watch:
    """The descriptor that the handlers write to, and the executions that run, the innermost last."""

    __slots__ = ("children", "descriptor", "files", "runs")

    def __init__(self) -> None:
        self.descriptor = -1
        self.files: tuple[tuple[int, int] | None, ...] = ()
        """What tells its file; while it is pointed at another, both: a timeout may come in between."""
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
        if not run.journal.used and not run.root.over:
            return
        taken: list[bool] = []
        try:
            if take(_lock, taken):
                with ignoring(ValueError):
                    run.journal.sources.remove(self)
                follow(run)
        finally:
            if True in taken:
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
                if run.journal.writer != MAIN and _follows_own():
                    # It is around that: the one of obs run, say, of which is written later than of the program's own.
                    _watch.runs = {run.id: path, **_watch.runs}
                    return
                _point_to(path)
                _watch.runs[run.id] = path
                _listen()


def _follows_own() -> bool:
    """Tell whether one of those that are followed was begun by this process, and not joined."""
    return any(run is not None and run.journal.writer == MAIN for run in map(live.get, _watch.runs))


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
    opened: list[int] = []
    try:
        if _is_still_ours():
            open_into(opened, path, flags)
            _watch.files = file_id(_watch.descriptor), file_id(opened[0])
            os.dup2(opened[0], _watch.descriptor, inheritable=False)
            _watch.files = _watch.files[1:]
        else:
            open_high_into(opened, path, flags)
            fault_handlers.stop_listening()  # to what is closed
            found = file_id(opened[0])
            _watch.descriptor, _watch.files, opened = opened[0], (found,), []
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _is_still_ours() -> bool:
    """Tell whether the descriptor is what it was: a program that becomes a daemon may have closed all there were."""
    return _watch.descriptor >= 0 and file_id(_watch.descriptor) in _watch.files


def _listen() -> None:
    if not fault_handlers.is_enabled_by_anyone() and not handled_below_python(signal.SIGSEGV):
        fault_handlers.enable(_watch.descriptor)
    _register()


def _register() -> None:
    if fault_handlers.is_listening() or _watch.descriptor < 0:
        return
    handler = _signal.getsignal(signal.SIGTERM)
    if handler != _signal.SIG_IGN and not (handler == _signal.SIG_DFL and handled_below_python()):
        fault_handlers.listen(_watch.descriptor)


@functools.cache
def handled_below_python(number: int = signal.SIGTERM) -> bool:
    """Tell whether something below Python handled a signal before obs did.

    `faulthandler.register` may, a C library, or Java's virtual machine, for which a segmentation fault is no end.

    Args:
        number: The signal's.
    """
    try:
        with open("/proc/self/status", "rb") as file:  # as bytes: a codec is imported, which may fail by now
            caught = next((line.partition(b":")[2] for line in file if line.startswith(b"SigCgt:")), b"0")
    except OSError as error:  # not Linux
        let_pass(error)
        return False
    return bool(int(caught, 16) >> (number - 1) & 1)


def stand_aside() -> None:
    """Leave SIGTERM alone, since nothing runs any more that it could end; the next execution to be followed is heard.

    Staying registered would cost each execution of many four calls of the system, to write to nowhere in between.
    """
    if not _watch.runs:
        fault_handlers.stop_listening()


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Let obs set a handler of Python's for SIGTERM, and stand below that one again; so does what the program has."""
    listening = fault_handlers.is_listening()
    fault_handlers.stop_listening()
    with fault_handlers.aside():
        yield
    if listening:
        _register()


def _remove_empty(path: str) -> None:
    with ignoring(OSError):
        if not os.path.getsize(path):
            os.remove(path)


@undisturbed
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
                fault_handlers.stop_listening()
                _point_to(os.devnull)
                if followed and fault_handlers.is_enabled_by_obs():
                    _take_own_file(followed[-1])


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_has_child, after_in_child=_after_fork)
