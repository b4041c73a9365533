"""Keep what is written to the descriptors 1 and 2 by others than Python's streams: C libraries and subprocesses.

Only where somebody asks for it (``OBS_LOGS=all``, ``task(logs="all")``), since a process that is killed cannot pass on
what was written in its last moments: it is in the log then, and not in the terminal.

The descriptors point at a file in the store, and a thread passes on to the old ones what comes in. A pipe would not
do: while C code holds the GIL nobody reads it, and whoever writes to it waits. Python's own streams write to the old
descriptors directly, so that they stay a terminal, never wait for that thread, and lose nothing; whatever others have
written before is passed on first.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import tempfile
import threading
import time

from obs_core.failsafe import guarded
from obs_core.interruptions import ignoring, let_pass
from obs_core.journal import abrupt_ends
from obs_core.journal.log_files import RAW
from obs_core.locks import new_rlock
from obs_core.recording.run import TaskState
from obs_core.recording.scope import active
from obs_core.store.descriptors import NO_LINK, file_id, moved_up
from obs_core.store.paths import logs_path
from obs_core.text.masking import masks_anything

__all__ = ["begin", "end", "pass_on"]

_PAUSE_AFTER_OUTPUT, _LONGEST_PAUSE = 0.01, 0.1
_CHUNK = 256 * 1024
_MOST_BEHIND = 16 * 1024 * 1024
"""Bytes that wait to be passed on from which they are passed on only, and their lines counted."""

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
        else:
            _keeping.pass_on()
        _keeping.tasks.add(task)
        _keeping.mark()


def end(task: TaskState) -> None:
    """Give what was written so far to this task; give the descriptors back once no task is left."""
    global _keeping
    with guarded("giving the descriptors 1 and 2 back"), _lock:
        if _keeping is None:
            return
        _keeping.pass_on()
        _keeping.tasks.discard(task)
        if not _keeping.tasks:
            ended, _keeping = _keeping, None
            ended.restore()
        else:
            _keeping.mark()


def pass_on() -> None:
    """Pass on what others have written, before Python writes; if a thread is at it, wait for that, but not for long."""
    keeping = _keeping
    if keeping is not None and keeping.has_more() and _lock.acquire(timeout=_LONGEST_PAUSE):
        try:
            keeping.pass_on()
        finally:
            _lock.release()


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
        self.read = 0
        self.rest = b""

    def is_at(self, number: int) -> bool:
        """Tell whether a descriptor still points at the file: the program may point it elsewhere, as daemons do."""
        found = file_id(number)
        return found is not None and found == file_id(self.file)

    def close(self) -> None:
        for descriptor in (self.file, *self.old.values()):
            with ignoring(OSError):
                os.close(descriptor)
        with ignoring(OSError):
            os.unlink(self.path)


def _kind_of(numbers: tuple[int, ...]) -> str:
    return "raw" if len(numbers) > 1 else "out" if numbers[0] == 1 else "err"


class _Keeping:
    """What is written to the descriptors while it is kept."""

    def __init__(self, task: TaskState) -> None:
        self.tasks: set[TaskState] = set()
        self._run = task.run
        self._stopped = threading.Event()
        self._pid = os.getpid()
        self._masked = False
        self.kept: list[_Kept] = []

    def _place(self, numbers: tuple[int, ...]) -> tuple[str, bool]:
        run = self._run
        name = f"{logs_path(run.id)}/{run.journal.writer}-{_kind_of(numbers)}{RAW}"
        path = run.store.file_path(name)
        if path is None:
            descriptor, path = tempfile.mkstemp(prefix="obs-output-")
            os.close(descriptor)
            return path, True
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path, False

    def redirect(self) -> None:
        """Let the descriptors point at files; first comes what may fail: descriptors may be used up, and threads."""
        _flush_streams()
        same = os.path.samestat(os.fstat(1), os.fstat(2))
        for numbers in ((1, 2),) if same else ((1,), (2,)):
            kept = _Kept(numbers, *self._place(numbers))
            self.kept.append(kept)
            for number in numbers:
                kept.old[number] = moved_up(os.dup(number))
        threading.Thread(target=self._follow, name="obs-output", daemon=True).start()
        for kept in self.kept:
            for number, old in kept.old.items():
                _move_stream(number, old)
                os.dup2(kept.file, number)
        abrupt_ends.precede(self._before_an_abrupt_end)
        atexit.register(self.restore)

    def _before_an_abrupt_end(self, _is_certain: bool) -> None:
        if os.getpid() == self._pid and not self._stopped.is_set():
            self.pass_on()
            self._give_back()

    def restore(self) -> None:
        """Pass on what is left, and leave the descriptors as they were."""
        if self._stopped.is_set() or os.getpid() != self._pid:
            return
        self._stopped.set()
        atexit.unregister(self.restore)
        abrupt_ends.no_longer_precede(self._before_an_abrupt_end)
        _flush_streams()
        self._give_back()
        self.pass_on(last=True)
        for kept in self.kept:
            kept.close()

    def _give_back(self) -> None:
        for kept in self.kept:
            for number, old in kept.old.items():
                _move_stream(old, number)
                if kept.is_at(number):
                    os.dup2(old, number)

    def mark(self) -> None:
        """Say in the log where the process is, for who reads what it wrote last after a kill."""
        self._run.log.mark("in", self._whose().own_ref())
        self._mark_masked()

    def _mark_masked(self) -> None:
        if not self._masked and masks_anything():
            self._masked = True
            self._run.log.mark("masked")

    def has_more(self) -> bool:
        try:
            return any(os.fstat(kept.file).st_size > kept.read for kept in self.kept)
        except OSError as error:
            let_pass(error)
            return False

    def pass_on(self, last: bool = False) -> None:
        with _lock:
            for kept in self.kept:
                while chunk := _read(kept.file, start := kept.read):
                    read = start + len(chunk)
                    # No call stands between these two: a signal's handler that prints passes on what there is, too.
                    if kept.read != start:
                        continue
                    kept.read = read
                    _write_all(kept.old[kept.numbers[0]], chunk)
                    if _size(kept.file) - kept.read > _MOST_BEHIND:
                        self._skip(kept, chunk)
                    else:
                        self._keep(kept, chunk)
                if last and kept.rest:
                    self._keep(kept, b"\n")

    def _keep(self, kept: _Kept, chunk: bytes) -> None:
        self._mark_masked()
        at = kept.read - len(chunk) - len(kept.rest)
        lines = (kept.rest + chunk).split(b"\n")
        kept.rest = lines.pop()
        if len(kept.rest) > _CHUNK:
            lines.append(kept.rest)
            kept.rest = b""
        task = self._whose()
        ref = task.own_ref()
        for line in lines:
            text = line.decode("utf-8", "backslashreplace").rstrip("\r")
            task.said += 1
            at = min(at + len(line) + 1, kept.read)
            self._run.log.write(kept.kind, ref, ref, text[text.rfind("\r") + 1 :], at)

    def _skip(self, kept: _Kept, chunk: bytes) -> None:
        """Keep nothing of output that comes faster than its lines can be kept: nobody shall wait for that."""
        kept.rest = b""
        self._run.log.lose(chunk.count(b"\n"))

    def _whose(self) -> TaskState:
        """Return the task that waited for who wrote: the only one that runs and has called no other."""
        running = [task for task in list(active) if task.run is self._run and task.parent is not None]
        callers = {task.parent.task for task in running if task.parent is not None}
        innermost = [task for task in running if task not in callers]
        return innermost[0] if len(innermost) == 1 else self._run.root

    def _follow(self) -> None:
        pause = _PAUSE_AFTER_OUTPUT
        while not self._stopped.wait(pause):
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            try:
                if self.has_more():
                    pause = _PAUSE_AFTER_OUTPUT
                    self.pass_on()
            except Exception as error:
                let_pass(error)
                time.sleep(_LONGEST_PAUSE)

    def after_fork(self) -> None:
        """Let a forked child write to the old places: its parent may end before it does."""
        for kept in self.kept:
            for number, old in kept.old.items():
                with ignoring(OSError):
                    # What waits in a stream's buffer is in its parent's too, which writes it.
                    _move_stream(old, number, flush=False)
                    if kept.is_at(number):
                        os.dup2(old, number)
        abrupt_ends.no_longer_precede(self._before_an_abrupt_end)
        self._stopped.set()


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with ignoring(Exception):
            stream.flush()


def _move_stream(number: int, other: int, flush: bool = True) -> None:
    """Let Python's streams that write to a descriptor write to another one, staying the objects that they are."""
    for stream in {id(each): each for each in (sys.__stdout__, sys.__stderr__, sys.stdout, sys.stderr)}.values():
        buffer = getattr(stream, "buffer", None)
        raw = getattr(buffer, "raw", buffer)  # without a buffer where Python runs with -u
        try:
            if isinstance(raw, io.FileIO) and raw.fileno() == number:
                if flush:
                    stream.flush()  # type: ignore[union-attr]
                raw.__init__(other, "wb", closefd=False)  # type: ignore[misc]
        except (OSError, ValueError) as error:
            let_pass(error)


def _read(descriptor: int, start: int) -> bytes:
    try:
        return os.pread(descriptor, _CHUNK, start)
    except OSError as error:
        let_pass(error)
        return b""


def _size(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_size
    except OSError as error:
        let_pass(error)
        return 0


def _write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, however slowly it is taken; nothing if nobody takes it any more."""
    while content:
        try:
            content = content[os.write(descriptor, content) :]
        except BlockingIOError as error:
            let_pass(error)
            time.sleep(0.01)
        except OSError as error:
            let_pass(error)
            return


def _after_fork() -> None:
    global _keeping
    if _keeping is not None:
        _keeping.after_fork()
        _keeping = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
