"""Keep what is written to the descriptors 1 and 2 by others than Python's streams: C libraries and subprocesses.

Only where somebody asks for it (``OBS_LOGS=all``, ``task(logs="all")``), since a process that is killed cannot pass on
what was written in its last moments: it is in the log then, and not in the terminal.

The descriptors point at a file in the store, and a thread passes on to the old ones what comes in. A pipe would not
do: while C code holds the GIL nobody reads it, and whoever writes to it waits. Python's own streams write to the old
descriptors directly, so that they stay a terminal, never wait for that thread, and lose nothing; whatever others have
written before is passed on first.

The file gives back to the disk what was passed on and kept. Once nobody reads the terminal's side any more, as in
``program | head -1``, this process gets its descriptors back, and with them the error that it would get without obs.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import io
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from obs_core.background import Background
from obs_core.failsafe import guarded
from obs_core.files import make_folder
from obs_core.interruptions import ignoring, let_pass
from obs_core.journal import abrupt_ends
from obs_core.journal.log_files import RAW
from obs_core.locks import new_rlock, take
from obs_core.quiet_handlers import undisturbed
from obs_core.recording import sigterm
from obs_core.recording.broken_pipes import break_off
from obs_core.recording.run import ALL, TaskState
from obs_core.recording.scope import active
from obs_core.store.descriptors import NO_LINK, file_id, moved_up, punch_hole
from obs_core.store.paths import logs_path
from obs_core.text.masking import masks_anything
from obs_core.text.redrawn import RedrawnLines

__all__ = ["begin", "divide", "end", "pass_on"]

_PAUSE_AFTER_OUTPUT, _LONGEST_PAUSE = 0.01, 0.1
_CHUNK = 256 * 1024
_PATIENCE = 0.7
"""Seconds for which output is passed on at SIGTERM, and for which a thread that does it is waited for: a piece of very
short lines takes as long. Both happen twice, before and after all is ended."""

_MOST_BEHIND = 16 * 1024 * 1024
"""Bytes that wait to be passed on from which they are passed on only, and their lines counted."""

_GIVEN_BACK_EACH = 1024 * 1024
"""Bytes that are given back to the disk at once, whole blocks of any file system. As many that the log already has
stay, since another thread may be about to write the last of its lines."""

_MAY_GO_BETTER = (errno.EINTR, errno.ENOSPC)
"""Errors by which the room is not given back this time; by all others the file system says that it cannot do that."""

_MAY_BE_WRITTEN_LATER = (errno.EINTR, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors by which what is passed on is lost this time, since there is no room. By others nobody is there any more."""

_HOLDERS = ("ipykernel", "_pytest.capture")
"""What points the descriptors somewhere itself, and back when it likes: there they are left alone."""

_keeping: _Keeping | None = None
_lock = new_rlock()


def begin(task: TaskState) -> None:
    """Keep what is written to the descriptors from now on, for a task and those within it."""
    global _keeping
    if os.name != "posix" or any(name in sys.modules for name in _HOLDERS):
        return
    with guarded("keeping what is written to the descriptors 1 and 2"), _lock:
        if _keeping is None:
            made = _Keeping(task)
            try:
                made.redirect()
            except BaseException:
                made.restore()
                raise
            _keeping = made
            made.tell_begun()
        else:
            _keeping.pass_on(last=True, without=task)
        _keeping.tasks.add(task)
        _keeping.mark()


def end(task: TaskState) -> None:
    """Give what was written so far to this task; give the descriptors back once no task is left."""
    global _keeping
    with guarded("giving the descriptors 1 and 2 back"), _lock:
        if _keeping is None:
            return
        _keeping.ending = task
        try:
            _keeping.pass_on(last=True)
        finally:
            _keeping.ending = None
        _keeping.tasks.discard(task)
        if not _keeping.tasks:
            _keeping.restore()
            _keeping = None
        else:
            _keeping.mark(task)


def divide(task: TaskState, ended: bool) -> None:
    """Give what was written so far to who wrote it: a task begins, or has ended, of which that is not kept.

    Args:
        task: The task.
        ended: Whether it has ended.
    """
    with guarded("sorting what is written to the descriptors 1 and 2"), _lock:
        if _keeping is not None:
            _keeping.pass_on(last=True, without=None if ended else task)
            _keeping.mark(task if ended else None)


def pass_on() -> None:
    """Pass on what others have written, before Python writes; if a thread is at it, wait for that, but not for long."""
    keeping = _keeping
    if keeping is not None and keeping.has_more():
        _soon(keeping.pass_on)


def _soon(work: Callable[[], None], patience: float = _LONGEST_PAUSE) -> None:
    """Do what one thread at a time may do, unless another one is long at it: nobody may take what it writes.

    Args:
        work: What is to be done.
        patience: How many seconds to wait for the other one.
    """
    taken: list[bool] = []
    try:
        if take(_lock, taken, patience):
            work()
    finally:
        if True in taken:
            _lock.release()


def _before_sigterm() -> None:
    """Give what was written so far, also the beginning of a line, to the tasks that SIGTERM ends."""
    keeping = _keeping
    if keeping is not None:
        _hurry(keeping, functools.partial(keeping.pass_on, last=True))


def _after_sigterm() -> None:
    """Leave no file behind when SIGTERM ends the process."""
    keeping = _keeping
    if keeping is not None:
        _hurry(keeping, keeping.restore)
        keeping.remove()  # also if another thread was at it for so long that nothing was restored


def _hurry(keeping: _Keeping, work: Callable[[], None]) -> None:
    """Do what SIGTERM asks for: a thread that passes on gives way, and a slow reader does not hold up the end."""

    def until_soon() -> None:
        keeping.until = time.monotonic() + _PATIENCE
        work()

    keeping.until = 0.0
    _soon(until_soon, _PATIENCE)


class _Kept:
    """One place that the descriptors pointed at, and the file that they point at instead."""

    def __init__(self, numbers: tuple[int, ...], path: str, remove: bool) -> None:
        self.numbers = numbers
        self.kind = _kind_of(numbers)
        self.path = path
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | NO_LINK, 0o600)
        if remove:
            os.unlink(path)
        self.old: dict[int, int] = {}
        self._opened = [self.file]
        self.read = 0
        self.rest = b""
        self.lines = RedrawnLines()
        self.under_way = 0
        """Pieces that were read and are not kept yet. More than one where a handler interrupted that."""
        self.told = 0
        """Up to where the log says that it was read: who reads the rest after a kill begins there."""
        self._given_back = 0
        self._can_give_back = True
        self.is_behind = False
        """Whether the last reader was in a hurry and left something."""
        self.is_broken = False
        """Whether nobody reads at the old place any more."""
        self._last = sys.maxsize
        """Up to where it is read at most."""

    def keep_old(self, number: int) -> None:
        """Keep where a descriptor points at."""
        self.old[number] = old = moved_up(os.dup(number))
        self._opened.append(old)

    def is_at(self, number: int) -> bool:
        """Tell whether a descriptor still points at the file: the program may point it elsewhere, as daemons do."""
        found = file_id(number)
        return found is not None and found == file_id(self.file)

    def give_back(self) -> None:
        """Let the descriptors point again where they did."""
        for number, old in self.old.items():
            if self.is_at(number):
                os.dup2(old, number)

    def break_off(self, error: int) -> None:
        """Let all who write hear that nobody reads any more: this process, what it starts, and what already runs.

        Args:
            error: The number of the error by which a write to the old place failed.
        """
        self.is_broken = True
        self._last = self.size()
        with ignoring(OSError):
            self.give_back()
            break_off(self.file, ends=error == errno.EPIPE)

    def size(self) -> int:
        """Return up to where there is something to be read."""
        try:
            found = os.fstat(self.file).st_size
        except OSError as error:
            let_pass(error)
            return 0
        return min(found, self._last)

    def give_room_back(self) -> None:
        """Give back to the disk what the log has: the file keeps its size, and whoever appends to it loses nothing."""
        size = (self.told - self._given_back) // _GIVEN_BACK_EACH * _GIVEN_BACK_EACH - _GIVEN_BACK_EACH
        if size > 0 and self._can_give_back:
            try:
                punch_hole(self.file, self._given_back, size)
                self._given_back += size
            except OSError as error:
                let_pass(error)
                self._can_give_back = error.errno in _MAY_GO_BETTER

    def remove(self) -> None:
        """Remove the file, unless its rest is to be read there: its reader was in a hurry, or the end interrupted it.

        The rest of output that came too fast to be kept is not.
        """
        if self.size() - self.read > _MOST_BEHIND or not (self.under_way or self.is_behind):
            with ignoring(OSError):
                os.unlink(self.path)

    def close(self) -> None:
        while self._opened:  # none is closed twice, whatever comes meanwhile: the number may be somebody else's by then
            with ignoring(OSError):
                os.close(self._opened.pop())
        self.remove()


def _kind_of(numbers: tuple[int, ...]) -> str:
    return "raw" if len(numbers) > 1 else "out" if numbers[0] == 1 else "err"


class _Keeping:
    """What is written to the descriptors while it is kept."""

    def __init__(self, task: TaskState) -> None:
        self.tasks: set[TaskState] = set()
        self.ending: TaskState | None = None
        """The one whose last lines are being read: an execution is not active any more by then."""
        self._run = task.run
        self._task = task
        """The first of them. It stands for an execution that another process began, if that was carried here."""
        self._stopped = False
        self._wake = threading.Lock()  # held until then; an `Event` in which a handler raises stays locked
        self._wake.acquire()
        self._is_restored = False
        self._pid = os.getpid()
        self._masked = False
        self.until = math.inf
        """The moment (`time.monotonic`) after which no further piece is passed on."""
        self.kept: list[_Kept] = []

    def _place(self, numbers: tuple[int, ...]) -> tuple[str, bool]:
        run = self._run
        name = f"{logs_path(run.id)}/{run.journal.writer}-{_kind_of(numbers)}{RAW}"
        path = run.store.file_path(name)
        if path is None:
            descriptor, path = tempfile.mkstemp(prefix="obs-output-")
            os.close(descriptor)
            return path, True
        make_folder(os.path.dirname(path))
        return path, False

    def redirect(self) -> None:
        """Let the descriptors point at files; first comes what may fail: descriptors may be used up, and threads."""
        same = os.path.samestat(os.fstat(1), os.fstat(2))
        for numbers in ((1, 2),) if same else ((1,), (2,)):
            kept = _Kept(numbers, *self._place(numbers))
            self.kept.append(kept)
            for number in numbers:
                kept.keep_old(number)
        Background(self._follow, "obs-output").start()
        for kept in self.kept:
            for number, old in kept.old.items():
                _move_stream(number, old)
                os.dup2(kept.file, number)
                _show_subprocesses(kept, number, old)
        abrupt_ends.precede(self._before_an_abrupt_end)
        sigterm.first.append(_before_sigterm)
        sigterm.last.append(_after_sigterm)
        atexit.register(self._restore_at_exit)

    def tell_begun(self) -> None:
        """Say in the log that nothing was read so far: an earlier task of the execution may have had such files too."""
        for kept in self.kept:
            self._tell_read(kept, 0)

    def _before_an_abrupt_end(self, _is_certain: bool) -> None:
        if os.getpid() == self._pid and not self._stopped:
            self.pass_on(last=True)
            self._give_back()
            self.remove()

    def remove(self) -> None:
        """Remove the files, as far as nobody needs them."""
        for kept in () if self._is_restored else self.kept:
            kept.remove()

    def restore(self) -> None:
        """Pass on what is left, and leave the descriptors as they were."""
        if self._is_restored or os.getpid() != self._pid:
            return
        self._stop()
        atexit.unregister(self._restore_at_exit)
        abrupt_ends.no_longer_precede(self._before_an_abrupt_end)
        with contextlib.suppress(ValueError):  # it failed before that
            sigterm.first.remove(_before_sigterm)
            sigterm.last.remove(_after_sigterm)
        self._give_back()
        self.pass_on(last=True)
        for kept in self.kept:
            kept.close()
        self._is_restored = True  # last: what a timeout keeps from being done is done when this is called again

    @undisturbed
    def _restore_at_exit(self) -> None:
        self.restore()

    def _give_back(self) -> None:
        for kept in self.kept:
            for number, old in kept.old.items():
                _move_stream(old, number)
            kept.give_back()
        _show_as_they_are()

    def mark(self, without: TaskState | None = None) -> None:
        """Say in the log where the process is, for who reads what it wrote last after a kill.

        Args:
            without: A task that it is in no longer.
        """
        task = self._whose(without)
        if task is not None and task.run is not self._run:
            task = self._run.root  # what is left after a kill is told of the first execution, beside whose log it is
        self._run.log.mark("in", None if task is None else task.own_ref())
        self._mark_masked()

    def _mark_masked(self) -> None:
        if not self._masked and masks_anything():
            self._masked = True
            self._run.log.mark("masked")

    def has_more(self) -> bool:
        return any(kept.size() > kept.read for kept in self.kept)

    def pass_on(self, last: bool = False, without: TaskState | None = None) -> None:
        """Pass on what there is, and keep it; not what comes meanwhile, which may be more and more.

        Args:
            last: Whether to keep the beginning of a line too: the rest comes from somebody else, or never.
            without: A task in which none of it was written: it begins just now.
        """
        with _lock:
            for kept in self.kept:
                end = kept.size()
                while self._goes_on(kept, end) and (chunk := _read(kept.file, start := kept.read)):
                    read = start + len(chunk)
                    # No call stands between these: a signal's handler that prints passes on what there is, too.
                    if kept.read != start:
                        continue
                    kept.read = read
                    kept.under_way += 1
                    try:
                        self._take(kept, chunk, without)
                    finally:
                        kept.under_way -= 1
                kept.is_behind = kept.read < end
                if kept.is_broken:  # nothing more comes, and its rest is in the log
                    kept.remove()
                if last and kept.rest:
                    self._keep(kept, b"\n", without)
                if last and (drawn := kept.lines.rest()) and (task := self._whose(without)) is not None:
                    self._write(kept, drawn, kept.read, task)

    def _goes_on(self, kept: _Kept, end: int) -> bool:
        return kept.read < end and time.monotonic() < self.until

    def _take(self, kept: _Kept, chunk: bytes, without: TaskState | None) -> None:
        if not kept.is_broken and (error := _write_all(kept.old[kept.numbers[0]], chunk)):
            kept.break_off(error)
        # Without obs the program would have ended where nobody reads: its end shall not wait for millions of lines.
        most_behind = _CHUNK if kept.is_broken else _MOST_BEHIND
        if kept.size() - kept.read > most_behind:
            self._skip(kept, chunk)
        else:
            self._keep(kept, chunk, without)
        kept.give_room_back()

    def _keep(self, kept: _Kept, chunk: bytes, without: TaskState | None) -> None:
        self._mark_masked()
        at = kept.read - len(chunk) - len(kept.rest)
        lines = (kept.rest + chunk).split(b"\n")
        kept.rest = lines.pop()
        if len(kept.rest) > _CHUNK:
            lines.append(kept.rest)
            kept.rest = b""
        task = self._whose(without)
        if task is None:
            self._tell_read(kept, kept.read)
            return
        for line in lines:
            at = min(at + len(line) + 1, kept.read)
            self._write(kept, kept.lines.take(line.decode("utf-8", "backslashreplace")), at, task)
        read = kept.read - len(kept.rest)
        # Bars that are drawn again and again give no line until they end; and other logs do not say where this is.
        if task.run.log is not self._run.log or read - kept.told > _MOST_BEHIND:
            self._tell_read(kept, read)

    def _tell_read(self, kept: _Kept, at: int) -> None:
        """Say in the log up to where it was read, so that who reads the rest after a kill begins behind it."""
        self._run.log.mark("read", kept.kind, at)
        kept.told = at

    def _write(self, kept: _Kept, lines: list[str], at: int, task: TaskState) -> None:
        """Write lines in a task.

        Args:
            kept: Where they come from.
            lines: What they say.
            at: Up to where that was read.
            task: The task.
        """
        ref, log = task.own_ref(), task.run.log
        for text in lines:
            task.said += 1
            # The file that was read is beside the log of the first execution alone.
            log.write(kept.kind, ref, ref, text, *([at] if log is self._run.log else ()))
        if lines and log is self._run.log:
            kept.told = at

    def _skip(self, kept: _Kept, chunk: bytes) -> None:
        """Keep nothing of output that comes faster than its lines can be kept: nobody shall wait for that."""
        kept.rest = b""
        # A line of many pieces is kept as several, and each piece of it that is not counts as one.
        self._run.log.lose(chunk.count(b"\n") or 1)
        self._tell_read(kept, kept.read)

    def _whose(self, without: TaskState | None) -> TaskState | None:
        """Return the task that waited for who wrote: the only one that runs and has called no other.

        It may be of an execution within the first one, or that execution itself. None if that is a task of which it is
        not kept, or one of several may be: nobody can tell which of them it was.
        """
        running = [task for task in {*active, self.ending} if task is not None and task is not without]
        running = [task for task in running if task.logs is not None]  # else it begins just now: it wrote none of it
        callers = {around.task for task in running if (around := task.parent or task.outside) is not None}
        innermost = [task for task in running if task not in callers]
        if any(task.logs != ALL for task in innermost):
            return None
        if len(innermost) == 1:
            return innermost[0]
        runs = {task.run for task in innermost}
        if len(runs) == 1 and (root := runs.pop().root) in active:
            return root
        return self._task if isinstance(self._task.number, str) else self._run.root

    def _follow(self) -> None:
        pause = _PAUSE_AFTER_OUTPUT
        while not self._stopped and not self._wake.acquire(timeout=pause):
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            try:
                if self.has_more():
                    pause = _PAUSE_AFTER_OUTPUT
                    self.pass_on()
            except Exception as error:
                let_pass(error)
                time.sleep(_LONGEST_PAUSE)

    def _stop(self) -> None:
        self._stopped = True
        with contextlib.suppress(RuntimeError):  # it was called before
            self._wake.release()

    def after_fork(self) -> None:
        """Let a forked child write to the old places: its parent may end before it does."""
        for kept in self.kept:
            for number, old in kept.old.items():
                with ignoring(OSError):
                    _move_stream(old, number)
                    if kept.is_at(number):
                        os.dup2(old, number)
        _show_as_they_are()
        abrupt_ends.no_longer_precede(self._before_an_abrupt_end)
        self._stop()


def _python_streams() -> list[Any]:
    """Return those that there are, each once."""
    return list({id(each): each for each in (sys.__stdout__, sys.__stderr__, sys.stdout, sys.stderr)}.values())


def _move_stream(number: int, other: int) -> None:
    """Let Python's streams that write to a descriptor write to another one, staying the objects that they are.

    What waits in their buffers waits on: both descriptors are of one place, and a process that ends by `os._exit`, or a
    forked child, does not write it.
    """
    for stream in _python_streams():
        buffer = getattr(stream, "buffer", None)
        raw = getattr(buffer, "raw", buffer)  # without a buffer where Python runs with -u
        try:
            if isinstance(raw, io.FileIO) and raw.fileno() == number:
                raw.__init__(other, "wb", closefd=False)  # type: ignore[misc]
        except (OSError, ValueError) as error:
            let_pass(error)


_shown: list[tuple[Any, Callable[[], int]]] = []
"""The streams that show another descriptor to some, and by which function they do."""


def _show_subprocesses(kept: _Kept, number: int, old: int) -> None:
    """Let `subprocess` hand on the descriptor that is kept where it is given one of Python's streams.

    Whoever else asks a stream for its descriptor may want to know whether it is a terminal, and how wide: that gets the
    old one, to which it may also write, so what others have written before is passed on first.
    """

    def fileno() -> int:
        if sys._getframe(1).f_globals.get("__name__") == "subprocess" and kept.is_at(number):
            return number
        pass_on()
        return old

    for stream in _python_streams():
        with ignoring(OSError, ValueError, AttributeError):
            if isinstance(stream, io.TextIOWrapper) and stream.fileno() == old and "fileno" not in vars(stream):
                stream.fileno = fileno  # type: ignore[method-assign]
                _shown.append((stream, fileno))


def _show_as_they_are() -> None:
    while _shown:
        stream, fileno = _shown.pop()
        if vars(stream).get("fileno") is fileno:
            del stream.fileno


def _read(descriptor: int, start: int) -> bytes:
    try:
        return os.pread(descriptor, _CHUNK, start)
    except OSError as error:
        let_pass(error)
        return b""


def _write_all(descriptor: int, content: bytes) -> int:
    """Write all of it, however slowly it is taken; return the number of the error if nothing will be taken any more."""
    while content:
        try:
            content = content[os.write(descriptor, content) :]
        except BlockingIOError as error:
            let_pass(error)
            time.sleep(0.01)
        except OSError as error:
            let_pass(error)
            return 0 if error.errno in _MAY_BE_WRITTEN_LATER else error.errno or errno.EIO
    return 0


def _after_fork() -> None:
    global _keeping
    if _keeping is not None:
        _keeping.after_fork()
        _keeping = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
