"""What a process logs and prints, written to files of lines beside its journal.

A line is written when it is said, so that a kill loses none: no buffer, and as a rule no lock. docs/store-format.md
describes the files. What is too much is left out in the middle: the first and the last of it stay.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from obs_core import clock
from obs_core.failsafe import warn
from obs_core.files import make_folder, mode_of
from obs_core.interruptions import ignoring, let_pass
from obs_core.journal import flusher, records
from obs_core.journal.log_files import Appended, LogFile, Uploaded, content_of, count_said
from obs_core.journal.log_lines import (
    FORMAT,
    HALF,
    HEAD,
    LONGEST_LINE,
    LONGEST_TRACEBACK,
    Choice,
    decode_row,
    encodable,
    encode_line,
    lost_in,
)
from obs_core.journal.writer import Journal
from obs_core.locks import Register, new_lock, take
from obs_core.model import LogLine
from obs_core.store.descriptors import largest_file
from obs_core.store.paths import log_path
from obs_core.text import masking
from obs_core.text.bounded_repr import shortened
from obs_core.text.masking import mask, mask_value, masks_anything

__all__ = ["MOST_KEPT", "LogWriter"]

MOST_KEPT = 64 * 1024 * 1024
"""Bytes that are kept of what one process says: half of them from the beginning, half from the end."""

_UPLOAD_EACH = 3_000_000_000
"""Nanoseconds between two uploads to a store that cannot append."""

_ROOM_TO_GO_ON = 64 * 1024
"""Bytes by which a file grows on where there can be no new one."""

_SMALLEST_LIMIT = 64 * 1024
"""Where files may not become as large as that (`RLIMIT_FSIZE`), lines go to no second one."""

_GONE = frozenset((errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ESTALE))
"""Errors that say that the file is not there any more, or something else in its place."""

_NOT_PUT = (AttributeError, TypeError, ValueError, OSError)
"""What putting a line straight into the file raises: nothing is open, another thread has closed it, the disk is full,
or the program has closed all descriptors."""

_OF_A_FILE = (b'["log",', b'["check",', b'["lost",')
"""How lines begin that tell of the file that they are in."""

_ROOT = "main.1"
"""Names the execution's root, in any writer's records."""

_PATIENCE = 0.1
"""Seconds that a thread waits, once, for another one that opens the file."""


class LogWriter:
    """The lines that one process says in an execution.

    Writing never raises anything of its own: what the store does not take is counted, and said in the log once it takes
    something again, or in the journal.

    Args:
        journal: This process's journal of the execution; the log is named after its writer.

    Attributes:
        lost: Lines that the store did not take, or that somebody took away.
        refs: What names a span or task in a line, by its number here.
        span_names: The names of the spans in which something was said, by what names them in a line.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._epoch = journal.epoch
        self._lock = new_lock()
        self._forget()
        _writers.add(self)
        flusher.each_round(_look_at_all)

    def _forget(self) -> None:
        self._file: LogFile | None = None
        self._straight: Any = None
        """The open file, if nothing stands in the way of writing to it at once."""
        self._next = self._dropped = self._kept_first = self._kept_last = 0
        self._looked_at = 0
        self._earlier: dict[int, LogFile] = {}
        """The files before the open one, by number: how many lines each of them holds."""
        self._last: deque[tuple[int, int]] = deque()
        self._aside: deque[tuple[bytes, bool]] = deque()
        self._holder = 0
        self._limit = min(self._journal.store.segment_limit, MOST_KEPT // 8)
        self._torn = b""
        self._warned = False
        self._patience = _PATIENCE
        self.refs: dict[records.Ref, records.Ref] = {}
        self.span_names: dict[records.Ref, str] = {}
        self.lost = self._lost_told = self._told_here = 0

    def write(self, kind: str | int, task: Any, span: Any, text: str, *more: Any) -> None:
        """Write a line.

        Args:
            kind: Its level; or ``"out"``, ``"err"``, ``"raw"`` for what was printed.
            task: Names the task, as in this process's journal.
            span: Names the span.
            text: What was said.
            more: For what was logged: the level's name, the logger, ``"file:line"``, the traceback, named values.
                For what was read from the file that a descriptor points at: up to where.
        """
        if masks_anything():
            text, more = mask(text), tuple(mask_value(each) for each in more)
        if len(text) > LONGEST_LINE:
            text = shortened(text, LONGEST_LINE)
        more = tuple(shortened(each, LONGEST_TRACEBACK) if isinstance(each, str) else each for each in more)
        row = (clock.wall() + self._epoch, kind, task, span, text, *more)
        try:
            line = encode_line(row) + b"\n"
        except Exception as error:
            let_pass(error)
            line = encode_line(encodable(row)) + b"\n"
        self._write(line)

    def say(self, kind: str | int, task: Any, span: Any, text: str, rest: msgspec.Raw | None = None) -> None:
        """Write a line that was printed, or logged without more: the same in fewer steps, since that is done most.

        Args:
            kind: ``"out"`` or ``"err"``, or its level.
            task: Names the task, as in this process's journal.
            span: Names the span.
            text: What was said.
            rest: For what was logged, the rest, by `encoded_rest`.
        """
        if len(text) > LONGEST_LINE or masking.sought:
            self.write(kind, task, span, text, *_decoded(rest))
            return
        file = self._straight
        row: tuple[Any, ...] = (clock.wall() + self._epoch, kind, task, span, text)
        if rest is not None:
            row += (rest,)
        try:
            line = encode_line(row) + b"\n"
        except (UnicodeEncodeError, OverflowError) as error:  # it has lone surrogates
            let_pass(error)
            self.write(kind, task, span, text, *_decoded(rest))
            return
        try:
            taken = file.put(line)
        except _NOT_PUT as error:
            let_pass(error)
            self._write_with_care(line)
            return
        size = len(line)
        if taken != size or file.left < size:
            self._count_put(file, line, taken)
            return
        file.written += 1
        file.left -= size

    def _write(self, line: bytes) -> None:
        file = self._straight
        try:
            taken = file.put(line)
        except _NOT_PUT as error:
            let_pass(error)
            self._write_with_care(line)
        else:
            self._count_put(file, line, taken)

    def _count_put(self, file: LogFile, line: bytes, taken: int) -> None:
        """Count a line that was put into a file, unless it is not whole there; go on in another file if it is full."""
        size = len(line)
        if taken != size:  # the disk became full in the midst of it
            self._straight = None
            self._torn = _end_after(line, taken)
            if taken != size - 1:
                self._write_with_care(line)
                return
        file.written += 1
        file.left -= size
        if file.left < 0:
            self._alone(self._turn_over)

    def lose(self, count: int) -> None:
        """Say in the log that so many lines more are not in it."""
        self.lost += count
        self._straight = None  # the next line says so first

    def mark(self, *row: Any) -> None:
        """Write a line that says nothing itself: where the process is, or that what it writes may hold secrets."""
        self._write_with_care(encode_line(row) + b"\n", counts=False)

    def _alone(self, work: Callable[[], None], patience: float = 0.0) -> bool:
        """Do something that one thread at a time may do; False if another one is at it, or this one, interrupted."""
        me = threading.get_ident()
        if self._holder == me:
            return False
        taken: list[bool] = []
        try:
            if take(self._lock, taken, patience):
                self._holder = me
                work()
        finally:
            if True in taken:
                self._holder = 0
                self._lock.release()
        return True in taken

    def _write_with_care(self, line: bytes, counts: bool = True) -> None:
        """Write a line where there may be no file, no room in it, a full disk, or another thread at work on that."""
        self._aside.append((line, counts))
        while self._aside:
            # Another thread is soon done; or this one was interrupted in the midst of it, or the store hangs.
            if not self._alone(self._write_what_stands_aside, self._patience):
                self._patience = 0.0
                return  # who has the lock writes what stands aside
            self._patience = _PATIENCE

    def _write_what_stands_aside(self) -> None:
        while self._aside:
            line, counts = self._aside.popleft()
            try:
                self._write_now(line, int(counts))
            except (OSError, ValueError) as error:  # the disk is full
                let_pass(error)
                self._refused(error, counts)

    def _write_now(self, line: bytes, counts: int) -> None:
        """Write a line, after what is still to be told of lines that are lost."""
        lost = self.lost
        untold = lost - self._lost_told
        told = encode_line(("lost", untold)) + b"\n" if untold else b""
        lines = told + line
        file = self._file or self._begin()
        try:
            reached = self._put(file, lines)
        except OSError as error:
            let_pass(error)
            file = self._another(error)
            reached = self._put(file, lines)
        if reached >= len(told):
            self._lost_told = lost
            self._told_here += untold
        if reached != len(lines):
            self._straight = None
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.written += counts
        self._straight = file if file.put is not None and lost == self.lost and not self._torn else None
        if file.left < 0:
            self._turn_over()

    def _put(self, file: LogFile, lines: bytes) -> int:
        """Write lines, after what ends half a line before them.

        Returns:
            How many bytes of them are there. A whole line of which only the end is missing is there.
        """
        ending = self._torn
        lines = ending + lines
        taken = file.write(lines)
        file.left -= taken
        if taken:
            self._torn = _end_after(lines, taken)
        return taken + lines.startswith(b"\n", taken) - len(ending)

    def _another(self, error: OSError) -> LogFile:
        """Go on in another file, where ours is gone or may not grow; raise the error if that would be no better."""
        if error.errno == errno.EFBIG and largest_file() >= _SMALLEST_LIMIT:
            self._turn_over(full=True)
        elif error.errno in _GONE:
            self._leave_what_is_gone()
        else:
            raise error
        return self._file or self._begin()

    def _refused(self, error: Exception, counts: bool) -> None:
        self.lost += counts
        self._straight = None
        if not self._warned and isinstance(error, OSError):
            self._warned = True
            with ignoring(Warning):
                warn(f"cannot keep what is logged and printed in {self._journal.store.url!r}: {error}")

    # files

    def _begin(self) -> LogFile:
        """Begin a file where none is open."""
        file = self._new_file()
        self._use(file)
        return file

    def _use(self, file: LogFile) -> None:
        self._next = file.number + 1
        self._looked_at = self._told_here = 0
        self._file = file
        self._straight = file if file.put is not None and self.lost == self._lost_told and not self._torn else None

    def _new_file(self) -> LogFile:
        """Make a file that begins with its head.

        Raises:
            OSError: The disk is full, descriptors are used up, the folder may not be written to.
        """
        journal = self._journal
        head = encode_line((HEAD, FORMAT, self._dropped, os.getpid())) + b"\n"
        path = journal.store.file_path(log_path(journal.execution_id, journal.writer, self._next))
        if path is None:
            stored = log_path(journal.execution_id, journal.writer, self._next)
            uploaded = Uploaded(journal, stored, self._next, self._limit)
            uploaded.write(head)
            if self.upload not in journal.sources:
                journal.sources.append(self.upload)
            return uploaded
        make_folder(os.path.dirname(path))
        while mode_of(path, follow=False):  # we were interrupted right after making it; or it is somebody's
            self._next += 1
            path = os.path.join(os.path.dirname(path), f"{journal.writer}-{self._next:04d}.jsonl")
        file = Appended(path, self._next, self._limit)
        try:
            if file.write(head) != len(head):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.close()
            with ignoring(OSError):
                os.unlink(path)
            raise
        return file

    def _turn_over(self, full: bool = False) -> None:
        """Go on in a new file; the oldest one that is neither of the first nor of the last half is dropped.

        Where there can be no new one (descriptors are used up, say), the old one grows on.
        """
        old = self._file
        if old is None or (old.left >= 0 and not full):
            return  # another thread has done it
        size, half = self._limit - old.left, MOST_KEPT // 2
        while self._last and self._kept_last + size > half - self._limit:
            number, dropped_size = self._last.popleft()
            self._kept_last -= dropped_size
            if number in self._earlier:
                self._dropped += self._earlier.pop(number).written
                self._remove(log_path(self._journal.execution_id, self._journal.writer, number))
        try:
            file = self._new_file()
        except OSError as error:
            let_pass(error)
            old.left += _ROOM_TO_GO_ON
            return
        self._earlier[old.number] = old
        if self._kept_first <= half:
            self._kept_first += size
        else:
            self._kept_last += size
            self._last.append((old.number, size))
        self._use(file)
        self._finish(old)

    def _finish(self, file: LogFile) -> None:
        """Write the last lines by which the others can be checked, count those that are gone, and close the file."""
        with ignoring(OSError, ValueError, MemoryError):
            if isinstance(file, Appended):
                if self._torn:
                    self._put(file, b"")
                written = file.written
                checks = file.checks()
                gone = max(0, written - file.said)
                self.lost += gone
                self._put(file, checks)
        with ignoring(OSError):
            file.close()  # what a straggling thread says goes to the next one

    def look(self) -> None:
        """See to it, each second, that the file is there as it was written, and that lines in it can be checked."""
        file = self._file
        if (file is not None and file.written != self._looked_at) or self.lost != self._lost_told:
            self._alone(self._look)

    def _look(self) -> None:
        try:
            if not self._is_as_it_was():
                self._leave_what_is_gone()
            if self.lost != self._lost_told:
                self._write_now(b"", 0)
        except (OSError, ValueError, MemoryError) as error:  # the disk is full; it is tried again in a second
            let_pass(error)
            self._straight = None

    def _is_as_it_was(self) -> bool:
        """Tell whether the file is there with all that was written to it, and let what is new be checked."""
        file = self._file
        if not isinstance(file, Appended):
            return True
        written = file.written
        if not self._is_there(file.number) or not file.is_there():
            return False
        if self._straight is not None and file.put is None:
            self._straight = None
        if self._torn:
            self._put(file, b"")
        checks = file.checks()
        if file.said < written:
            return False
        self._looked_at = written
        if checks:
            self._put(file, checks)
        return True

    def _leave_what_is_gone(self) -> None:
        """Go on in a new file where somebody removed the open one or cut it off, and count what is gone.

        What was written since the last look is taken along, if it can still be read.
        """
        old = self._file
        if not isinstance(old, Appended):
            return
        file, told = self._new_file(), self._told_here
        self._torn = b""
        self._use(file)
        kept, left = b"", 0
        if self._is_there(old.number) and old.is_there():  # it was cut off: what it holds stays
            content = old.content()
            left = count_said(content)
            told -= lost_in(content)
            self._earlier[old.number] = old
        else:
            kept = b"".join(line for line in old.added().splitlines(True) if not line.startswith(_OF_A_FILE))
            left = count_said(kept)
        old.close()
        gone = max(0, old.written - left)
        old.written = left
        for number in [number for number in self._earlier if not self._is_there(number)]:
            gone += self._earlier.pop(number).written
        self.lost += gone
        self._lost_told -= told
        rest = deque(kept.splitlines(True))
        try:
            self._write_now(b"", 0)
            while rest:
                self._write_now(rest[0], count_said(rest[0]))
                rest.popleft()
        except OSError:
            self.lost += sum(map(count_said, rest))
            raise

    def _is_there(self, number: int) -> bool:
        store = self._journal.store
        try:
            return store.exists(log_path(self._journal.execution_id, self._journal.writer, number))
        except OSError as error:
            let_pass(error)
            return False

    def _content(self, file: LogFile | None, number: int) -> bytes:
        if isinstance(file, Uploaded) and number == file.number:
            return file.content()
        return content_of(self._journal.store, log_path(self._journal.execution_id, self._journal.writer, number))

    def _remove(self, path: str) -> None:
        store = self._journal.store
        if store.local:
            with ignoring(OSError):
                store.remove(path)
            return
        self._journal.put(path, b"")  # an upload in the background; nobody waits for the store here

    @property
    def position(self) -> tuple[int, int]:
        """Where the next line goes, or a little before: the number of the file, and bytes in it."""
        file = self._file
        return (self._next, 0) if file is None else (file.number, self._limit - file.left)

    def said_since(self, position: tuple[int, int], task: str, last: int) -> list[LogLine]:
        """Return what this process said in a task, from a position on.

        Args:
            position: As `position` was when the task began.
            task: The task's global name.
            last: How many lines at most, the last ones.
        """
        first, begin = position
        chosen = Choice((task,), None, "", 0)
        found: list[LogLine] = []
        for number in range(self._next, first - 1, -1):
            lines = self._content(self._file, number)[begin if number == first else 0 :]
            found = chosen.lines(lines, self._journal.writer, last - len(found)) + found
            if len(found) >= last:
                break
        return found

    def upload(self) -> None:
        """Upload what was added, if it is time for that."""
        if isinstance(self._file, Uploaded):
            self._file.upload(_UPLOAD_EACH)

    def close(self) -> None:
        """Write no more, unless something is said later. What is lost is said in the log, or else in the journal."""
        if self._file is not None or self.lost != self._lost_told:
            self._alone(self._close, _PATIENCE)

    def _close(self) -> None:
        self._look()
        file, self._file, self._straight = self._file, None, None
        kept = sum([each.written for each in list(self._earlier.values())])
        if file is not None:
            if isinstance(file, Appended) and not self._is_there(file.number):
                self.lost += file.written  # and there could be no other file
            else:
                kept += file.written
            self._earlier[file.number] = file
            with ignoring(OSError):
                file.close()  # what a straggling thread says goes to a file of its own
        untold = self.lost - self._lost_told
        if kept or untold:
            self._journal.append(records.Said(kept, untold))
        if untold:
            self._lost_told += untold
            lines = "1 line" if untold == 1 else f"{untold:,} lines"
            self._journal.append(records.Note(_ROOT, f"{lines} that were logged or printed could not be kept."))

    def after_fork(self) -> None:
        """Go on in a file of our own, under the name that the journal has in a forked child."""
        file = self._file
        self._forget()
        if isinstance(file, Appended):
            file.close()


def _decoded(rest: msgspec.Raw | None) -> list[Any]:
    """Return the values that `encoded_rest` has encoded."""
    return [] if rest is None else decode_row(b"[%b]" % bytes(rest))


def _end_after(lines: bytes, taken: int) -> bytes:
    """Return what must come after so many bytes of lines, before another one: nothing after a whole line."""
    if lines.startswith(b"\n", taken):
        return b"\n"
    return b"" if lines.startswith(b"\n", taken - 1) else HALF


_writers: Register[LogWriter] = Register()


def _look_at_all() -> None:
    for writer in _writers:
        writer.look()


def _after_fork() -> None:
    _writers.after_fork()
    for writer in list(_writers):
        writer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
