"""What a process logged and printed: a file of lines beside its journal, and reading those of all processes back.

A line is written when it is said, so that a kill loses none: no buffer, and as a rule no lock. docs/store-format.md
describes the files. What is too much is left out in the middle: the first and the last of it stay.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from obs_core import clock
from obs_core.failsafe import warn
from obs_core.interruptions import let_pass
from obs_core.journal import flusher, records
from obs_core.journal.log_files import Appended, LogFile, Uploaded, count_said, doubtful
from obs_core.journal.writer import Journal
from obs_core.locks import Register, new_lock
from obs_core.model import LogLine
from obs_core.store.base import Store
from obs_core.store.descriptors import largest_file
from obs_core.store.paths import log_path, logs_path
from obs_core.text import masking
from obs_core.text.masking import mask, mask_value, masks_anything
from obs_core.text.missing import missing_lines

__all__ = [
    "LONGEST_LINE",
    "LogTail",
    "LogWriter",
    "damaged_lines",
    "dropped_lines",
    "encoded_rest",
    "log_damage",
    "log_notes",
    "read_log",
    "severity_of",
]

LONGEST_LINE = 16 * 1024
"""Characters of a line that are kept; of a longer one the beginning and the end."""

MOST_KEPT = 64 * 1024 * 1024
"""Bytes that are kept of what one process says: half of them from the beginning, half from the end."""

_MOST_LEFT_OVER = 32 * 1024 * 1024
"""Bytes that are read of what a killed process did not come to read."""

_MOST_LINES_LEFT_OVER = 400_000
"""Lines of them that are shown."""

_UPLOAD_EACH = 3_000_000_000
"""Nanoseconds between two uploads to a store that cannot append."""

_ROOM_TO_GO_ON = 64 * 1024
"""Bytes by which a file grows on where there can be no new one."""

_SMALLEST_LIMIT = 64 * 1024
"""Where files may not become as large as that (`RLIMIT_FSIZE`), lines go to no second one."""

_GONE = frozenset((errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ESTALE))
"""Errors that say that the file is not there any more, or something else in its place."""

_OF_A_FILE = (b'["log",', b'["check",', b'["lost",')
"""How lines begin that tell of the file that they are in."""

_ROOT = "main.1"
"""Names the execution's root, in any writer's records."""

_PATIENCE = 0.1
"""Seconds that a thread waits, once, for another one that opens the file."""

_HEAD, _FORMAT = "log", 1

STREAMS = {"out": "stdout", "err": "stderr", "raw": "output"}
"""What the kinds of printed lines are called where people read them."""

_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_SEVERITIES = {**{name: number for number, name in _LEVELS.items()}, "WARN": 30, "FATAL": 50, "TRACE": 5}

_encode_line = msgspec.json.Encoder(enc_hook=repr).encode


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
            text = shortened(text)
        row = (clock.wall() + self._epoch, kind, task, span, text, *more)
        try:
            line = _encode_line(row) + b"\n"
        except Exception as error:
            let_pass(error)
            line = _encode_line(_encodable(row)) + b"\n"
        self._write(line)

    def say(self, kind: str | int, task: Any, span: Any, text: str, *rest: msgspec.Raw) -> None:
        """Write a line that was printed, or logged without more: the same in fewer steps, since that is done most.

        Args:
            kind: ``"out"`` or ``"err"``, or its level.
            task: Names the task, as in this process's journal.
            span: Names the span.
            text: What was said.
            rest: For what was logged, the rest, by `encoded_rest`.
        """
        if len(text) > LONGEST_LINE or masking.sought:
            self.write(kind, task, span, text, *_decode(b"[%b]" % bytes(rest[0]) if rest else b"[]"))
            return
        try:
            line = _encode_line((clock.wall() + self._epoch, kind, task, span, text, *rest)) + b"\n"
        except (UnicodeEncodeError, OverflowError):  # it has lone surrogates
            self.write(kind, task, span, text, *_decode(b"[%b]" % bytes(rest[0]) if rest else b"[]"))
            return
        self._write(line)

    def _write(self, line: bytes) -> None:
        file, size = self._straight, len(line)
        try:
            taken = file.put(line)
        except (AttributeError, TypeError, ValueError):  # nothing is open, or another thread closed it
            self._write_with_care(line)
            return
        except OSError as error:  # the disk is full, or the program closed all descriptors
            let_pass(error)
            self._write_with_care(line)
            return
        if taken != size:  # the disk became full in the midst of it
            self._torn = b"\n"
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
        self._write_with_care(_encode_line(row) + b"\n", counts=False)

    def _alone(self, work: Callable[[], None], patience: float = 0.0) -> bool:
        """Do something that one thread at a time may do; False if another one is at it, or this one, interrupted."""
        me = threading.get_ident()
        if self._holder == me or not self._lock.acquire(timeout=patience):
            return False
        self._holder = me
        try:
            work()
        finally:
            self._holder = 0
            self._lock.release()
        return True

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
        if untold:
            line = _encode_line(("lost", untold)) + b"\n" + line
        line = self._torn + line
        file = self._file or self._begin()
        try:
            taken = file.write(line)
        except OSError as error:
            let_pass(error)
            file = self._another(error)
            taken = file.write(line)
        if taken != len(line):
            self._torn = b"\n"
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn, self._lost_told = b"", lost
        self._told_here += untold
        file.written += counts
        file.left -= taken
        self._straight = file if file.put is not None and lost == self.lost else None
        if file.left < 0:
            self._turn_over()

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
            with contextlib.suppress(Warning):
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
        self._straight = file if file.put is not None and self.lost == self._lost_told else None

    def _new_file(self) -> LogFile:
        """Make a file that begins with its head.

        Raises:
            OSError: The disk is full, descriptors are used up, the folder may not be written to.
        """
        journal = self._journal
        head = _encode_line((_HEAD, _FORMAT, self._dropped, os.getpid())) + b"\n"
        path = journal.store.file_path(log_path(journal.execution_id, journal.writer, self._next))
        if path is None:
            stored = log_path(journal.execution_id, journal.writer, self._next)
            uploaded = Uploaded(journal, stored, self._next, self._limit)
            uploaded.write(head)
            if self.upload not in journal.sources:
                journal.sources.append(self.upload)
            return uploaded
        os.makedirs(os.path.dirname(path), exist_ok=True)
        while os.path.lexists(path):  # we were interrupted right after making it; or it is somebody's
            self._next += 1
            path = os.path.join(os.path.dirname(path), f"{journal.writer}-{self._next:04d}.jsonl")
        file = Appended(path, self._next, self._limit)
        try:
            if file.write(head) != len(head):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.close()
            with contextlib.suppress(OSError):
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
        with contextlib.suppress(OSError, ValueError, MemoryError):
            if isinstance(file, Appended):
                written = file.written
                checks = file.checks()
                gone = max(0, written - file.said)
                self.lost += gone
                file.write(checks)
        with contextlib.suppress(OSError):
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
        checks = file.checks()
        if file.said < written:
            return False
        self._looked_at = written
        if checks:
            file.left -= file.write(checks)
        return True

    def _leave_what_is_gone(self) -> None:
        """Go on in a new file where somebody removed the open one or cut it off, and count what is gone.

        What was written since the last look is taken along, if it can still be read.
        """
        old = self._file
        if not isinstance(old, Appended):
            return
        file, told = self._new_file(), self._told_here
        self._use(file)
        kept, left = b"", 0
        if self._is_there(old.number) and old.is_there():  # it was cut off: what it holds stays
            content = old.content()
            left = count_said(content)
            told -= _lost_in(content)
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
        try:
            self._write_now(kept, left if kept else 0)
        except OSError:
            self.lost += left if kept else 0
            raise

    def _is_there(self, number: int) -> bool:
        store = self._journal.store
        try:
            return store.exists(log_path(self._journal.execution_id, self._journal.writer, number))
        except OSError:
            return False

    def _content(self, file: LogFile | None, number: int) -> bytes:
        if isinstance(file, Uploaded) and number == file.number:
            return file.content()
        return _content(self._journal.store, log_path(self._journal.execution_id, self._journal.writer, number))

    def _remove(self, path: str) -> None:
        store = self._journal.store
        if store.local:
            with contextlib.suppress(OSError):
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
        chosen = _Choice((task,), None, "", 0)
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
        if file is not None:
            if isinstance(file, Appended) and not self._is_there(file.number):
                self.lost += file.written  # and there could be no other file
            self._earlier[file.number] = file
            with contextlib.suppress(OSError):
                file.close()  # what a straggling thread says goes to a file of its own
        untold = self.lost - self._lost_told
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


_writers: Register[LogWriter] = Register()


def _look_at_all() -> None:
    for writer in _writers:
        writer.look()


def _lost_in(content: bytes) -> int:
    """Return how many lines that are lost a log tells of."""
    return sum(_count_in(line, "lost", 1) for line in _lines_with(content, b'\n["lost",'))


def _after_fork() -> None:
    _writers.after_fork()
    for writer in list(_writers):
        writer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def encoded_rest(*values: Any) -> msgspec.Raw:
    """Encode values that stand in many lines alike, at their ends."""
    return msgspec.Raw(_encode_line(_encodable(values))[1:-1])


def shortened(text: str) -> str:
    """Return the beginning and the end of a long line, with how much is left out between them."""
    half = LONGEST_LINE // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters left out … {text[-half:]}"


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, tuple | list):
        return [_encodable(each) for each in value]
    if isinstance(value, dict):
        return {_encodable(str(key)): _encodable(each) for key, each in value.items()}
    return value if isinstance(value, int | float | None) and not _too_large(value) else _encodable(repr(value)[:1000])


def _too_large(value: int | float | None) -> bool:
    return isinstance(value, int) and value.bit_length() > 63


# reading


def severity_of(level: str | int | None) -> int:
    """Return a level as a number: 30 for ``"warning"``; 0 for None.

    Raises:
        ValueError: There is no such level.
    """
    if level is None:
        return 0
    if isinstance(level, int):
        return level
    found = _SEVERITIES.get(level.upper())
    if found is None and level.isdecimal():
        found = int(level)
    if found is None:
        raise ValueError(f"{level!r} is not a level; choose one of debug, info, warning, error, critical")
    return found


def read_log(
    store: Store,
    execution_id: str,
    *,
    tasks: Iterable[str] | None = None,
    level: str | int | None = None,
    grep: str = "",
    since: int = 0,
    last: int | None = None,
) -> list[LogLine]:
    """Return what all processes of an execution logged and printed, oldest first.

    Args:
        store: Where it is kept.
        execution_id: Its id.
        tasks: Ids of tasks; None for everything.
        level: The least severe level.
        grep: Text that stands in the line.
        since: Nanoseconds since the epoch.
        last: How many lines at most, the last ones.
    """
    chosen = _Choice(tasks, level, grep, since)
    found: list[LogLine] = []
    for writer, paths in _segments(store, execution_id).items():
        own: list[LogLine] = []
        for path in reversed(paths) if last is not None else paths:
            lines = chosen.lines(_content(store, path), writer, None if last is None else last - len(own))
            own = lines + own if last is not None else own + lines
            if last is not None and len(own) >= last:
                break
        found += own
    if any(name.endswith(RAW) for name in _names(store, logs_path(execution_id))):
        found += _left_over(store, execution_id, chosen)
    found.sort(key=lambda line: line.at)
    return found if last is None else found[max(0, len(found) - last) :]


def dropped_lines(store: Store, execution_id: str) -> int:
    """Return how many lines were said and are not kept: they were too many, or the store did not take them."""
    count = 0
    for paths in _segments(store, execution_id).values():
        most = 0
        for path in paths:
            content = _content(store, path)
            most = max(most, _count_in(content[: content.find(b"\n")], _HEAD, 2))
            count += _lost_in(content)
        count += most
    return count


def log_notes(store: Store, execution_id: str) -> list[str]:
    """Say what is missing or damaged in the log of an execution, a sentence each."""
    return list(missing_lines(dropped_lines(store, execution_id), *log_damage(store, execution_id)))


def damaged_lines(store: Store, execution_id: str) -> int:
    """Return how many lines were said and can no longer be read; a whole file counts as one."""
    return log_damage(store, execution_id)[0]


def log_damage(store: Store, execution_id: str) -> tuple[int, int]:
    """Tell what was done to a log since it was written.

    Returns:
        How many lines were said and can no longer be read (a whole file counts as one), and how many can be read in
        parts of the log of which something was changed: some of them are not what was said.
    """
    if store.local:
        try:
            store.names(logs_path(execution_id))
        except OSError:
            return 1, 0
    found = [_damaged_in(store, path) for paths in _segments(store, execution_id).values() for path in paths]
    return sum(unreadable for unreadable, _ in found), sum(changed for _, changed in found)


def _damaged_in(store: Store, path: str) -> tuple[int, int]:
    try:
        content = store.get(path)
    except FileNotFoundError:  # dropped between the listing and now
        return 0, 0
    except OSError:
        return 1, 0
    if not content:  # a file appears with its head
        return 1, 0
    end = _end_of_lines(content)
    unreadable, changed = int(bool(content[end:].strip(b"\0"))), 0
    unreadable += _unreadable_in(content[:end])
    for part, said in doubtful(content[:end]):
        known = _unreadable_in(part)
        readable = sum(_line(row, "") is not None for row in _rows_of(part))
        unreadable += max(0, said - known - readable)
        changed += readable
    return unreadable, changed


def _unreadable_in(lines: bytes) -> int:
    try:
        _decode_all(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return sum(1 for line in lines.split(b"\n") if line and next(_rows(line), None) is None)
    return 0


def _count_in(line: bytes, kind: str, place: int) -> int:
    """Return a number of lines that a line of a kind tells; 0 if it tells none."""
    row = next(_rows(line), [])
    told = row[place] if len(row) > place and row[0] == kind else 0
    return told if type(told) is int and 0 <= told <= _MOST_TOLD else 0


def _left_over(store: Store, execution_id: str, chosen: _Choice) -> list[LogLine]:
    """Return what was written to descriptors that a killed process did not come to read any more.

    Nothing masks it, so it is left out if that process knew of any secret.
    """
    found: list[LogLine] = []
    segments, folder = _segments(store, execution_id), logs_path(execution_id)
    for name in _names(store, folder):
        writer, _, kind = name.removesuffix(RAW).rpartition("-")
        if not name.endswith(RAW):
            continue
        task, at, read = "main.1", 0, 0
        rows = [row for path in segments.get(writer, ()) for row in _rows_of(_content(store, path))]
        if any(row[0] == "masked" for row in rows):
            continue
        for row in rows:
            if row[0] == "in" and len(row) == 2:
                task = _global(row[1], writer)
            elif len(row) == 6 and row[1] == kind and type(row[5]) is int and _is_time(row[0]):
                at, read = row[0], max(0, row[5])
        path = f"{folder}/{name}"
        rest = _bounded_rest(store, path, read)
        if rest:
            at = max(at, int(store.modified(path) * 1e9))
        for line in _bounded_lines(rest).decode("utf-8", "backslashreplace").splitlines():
            said = LogLine(at, "", 0, STREAMS.get(kind, kind), line, task, task, writer=writer)
            found += [said] if chosen.takes(said) else []
    return found


def _bounded_rest(store: Store, path: str, start: int) -> bytes:
    """Return a file from a byte on; of a large rest the beginning and the end."""
    try:
        left = store.size_of(path) - start
        if left <= _MOST_LEFT_OVER:
            return store.get(path, start)
        half = _MOST_LEFT_OVER // 2
        middle = f"\n… {left - 2 * half:,} bytes left out …\n".encode()
        return store.get(path, start, half) + middle + store.get(path, start + left - half)
    except OSError:
        return b""


def _bounded_lines(rest: bytes) -> bytes:
    """Return the first and the last of very many lines."""
    left_out = rest.count(b"\n") - _MOST_LINES_LEFT_OVER
    if left_out <= 0:
        return rest
    half = _MOST_LINES_LEFT_OVER // 2
    first, last = rest.split(b"\n", half)[:-1], rest.rsplit(b"\n", half + 1)[1:]
    return b"\n".join([*first, f"… {left_out:,} lines left out …".encode(), *last])


def _rows_of(content: bytes) -> Iterator[list[Any]]:
    for line in content.split(b"\n"):
        yield from _rows(line)


RAW = ".raw"
"""How the name of a file ends that a descriptor points at."""


class LogTail:
    """Follows what an execution says.

    Args:
        store: Where it is kept.
        execution_id: Its id.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self._store = store
        self._execution_id = execution_id
        self._read: dict[str, int] = {}
        self._skipped: dict[str, int] = {}

    def skip(self, keep: int) -> dict[str, int]:
        """Pass over all but the last lines of each process, without decoding them, before the first `poll`.

        Args:
            keep: How many lines of a process `poll` returns.

        Returns:
            How many lines of each task are passed over.
        """
        total: dict[str, int] = {}
        for writer, paths in _segments(self._store, self._execution_id).items():
            left, counts = keep, Counter[bytes]()
            for path in reversed(paths):
                content = _content(self._store, path)
                at = _end_of_lines(content)
                while left and at:
                    end, at = at, content.rfind(b"\n", 0, at - 1) + 1
                    left -= count_said(content[at:end])
                self._read[path] = self._skipped[path] = at
                counts.update(_TASKS.findall(content, 0, at))
            for ref, count in counts.items():
                name = _global(_decode_ref(ref), writer)
                total[name] = total.get(name, 0) + count
        return total

    def skipped(self, task: str, last: int) -> tuple[list[LogLine], list[LogLine]]:
        """Return lines of a task that `skip` passed over, oldest first: the last ones, and worse ones before these.

        Args:
            task: The task's id.
            last: How many lines at most.
        """
        found: list[LogLine] = []
        problems: list[LogLine] = []
        for writer, paths in _segments(self._store, self._execution_id).items():
            own, _, number = task.rpartition(".")
            ref = number.encode() if own == writer else _encode_line(task)
            pattern = re.compile(rb'^\[-?\d+,(\d+|"\w+"),' + re.escape(ref) + rb",.*$", re.MULTILINE)
            for path in reversed(paths):
                matches = list(pattern.finditer(_content(self._store, path), 0, self._skipped.get(path, 0)))
                first = max(0, len(matches) - max(0, last - len(found)))
                worse = [one for one in matches[:first] if one[1].isdigit() and int(one[1]) >= _WARNING]
                for chosen, into in ((matches[first:], found), (worse, problems)):
                    rows = (row for one in chosen for row in _rows(one[0]))
                    into += [line for row in rows if (line := _line(row, writer)) is not None]
        return sorted(found, key=lambda line: line.at), sorted(problems, key=lambda line: line.at)

    def poll(self, **choice: Any) -> list[LogLine]:
        """Return the lines that were added since the last call, in the order of their times.

        Args:
            choice: `tasks`, `level`, `grep` and `since`, as for `read_log`.
        """
        chosen, found = _Choice(**{"tasks": None, "level": None, "grep": "", "since": 0, **choice}), []
        for writer, paths in _segments(self._store, self._execution_id).items():
            for path in paths:
                found += self._added(path, writer, chosen)
        return sorted(found, key=lambda line: line.at)

    def _added(self, path: str, writer: str, chosen: _Choice) -> list[LogLine]:
        start = self._read.get(path, 0)
        try:
            if self._store.local and self._store.size_of(path) <= start:
                return []
            content = self._store.get(path, start)
        except OSError:
            return []
        whole = content[: _end_of_lines(content)]
        self._read[path] = start + len(whole)
        return chosen.lines(whole, writer)


class _Choice:
    """Which lines are wanted: most are told from others before they are decoded."""

    def __init__(self, tasks: Iterable[str] | None, level: str | int | None, grep: str, since: int) -> None:
        self._tasks = None if tasks is None else set(tasks)
        self._severity = severity_of(level)
        self._grep = grep
        self._needle = _encode_line(grep)[1:-1] if grep else b""
        self._since = since

    def lines(self, content: bytes, writer: str, last: int | None = None) -> list[LogLine]:
        found: list[LogLine] = []
        candidates = self._candidates(content)
        if last is None:
            for line in candidates:
                found += self._decoded(line, writer)
            return found
        for line in reversed(list(candidates)):
            found += self._decoded(line, writer)
            if len(found) >= last:
                break
        return found[::-1]

    def _candidates(self, content: bytes) -> Iterable[bytes]:
        if self._needle:
            return _lines_with(content, self._needle)
        if self._severity:
            return [found[0] for found in _LOGGED.finditer(content)]
        return content.split(b"\n")

    def _decoded(self, line: bytes, writer: str) -> Iterator[LogLine]:
        for row in _rows(line):
            said = _line(row, writer)
            if said is not None and self.takes(said):
                yield said

    def takes(self, said: LogLine) -> bool:
        return (
            said.severity >= self._severity
            and said.at >= self._since
            and (self._tasks is None or said.task in self._tasks)
            and (not self._grep or self._grep in said.text or self._grep in said.exception)
        )


_LOGGED = re.compile(rb'^\[-?\d+,(?:\d+,|"(?:out|err|raw)",[^,]*,[^,]*," *\{).*$', re.MULTILINE)
"""Lines that may have a level: what was logged, and printed JSON."""

_TASKS = re.compile(rb'^\[-?\d+,(?:\d+|"\w+"),([^,]+),', re.MULTILINE)
"""What names the task in each line that says something."""

_WARNING = 30

_decode = msgspec.json.Decoder(list).decode
_decode_all = msgspec.json.Decoder(list[msgspec.Raw]).decode_lines
_decode_ref = msgspec.json.Decoder().decode

_MOST_TOLD = 2**53
_LATEST = 2**62


def _end_of_lines(content: bytes) -> int:
    """Return where the last whole line ends: what follows is a line that is being written."""
    return content.rfind(b"\n") + 1


def _rows(line: bytes) -> Iterator[list[Any]]:
    if line.startswith(b"["):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            row = _decode(line)
            if row:
                yield row


def _line(row: list[Any], writer: str) -> LogLine | None:
    """Read a row; None if it is none that says something."""
    try:
        at, kind, task, span, text = row[:5]
        if not _is_time(at) or type(text) is not str:
            return None
        task, span = _global(task, writer), _global(span, writer)
        if type(kind) is int:
            level, logger, where, exception = (each if type(each) is str else str(each) for each in row[5:9])
            fields = row[9] if type(row[9]) is dict else {}
            stream = "warnings" if logger == "py.warnings" else "logging"
            return LogLine(at, level, kind, stream, text, task, span, logger, where, exception, fields, writer)
        if type(kind) is not str:
            return None
        if text.startswith("{") and text.endswith("}"):
            return _structured(at, STREAMS.get(kind, kind), text, task, span, writer)
        return LogLine(at, "", 0, STREAMS.get(kind, kind), text, task, span, writer=writer)
    except (ValueError, TypeError, IndexError):
        return None


def _is_time(at: Any) -> bool:
    return type(at) is int and -_LATEST < at < _LATEST


def _structured(at: int, stream: str, text: str, task: str, span: str, writer: str) -> LogLine:
    """Read a printed line that is a JSON object, as structlog and other loggers write it."""
    plain = LogLine(at, "", 0, stream, text, task, span, writer=writer)
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return plain
    key = next((key for key in ("event", "message", "msg") if isinstance(fields.get(key), str)), None)
    level = fields.get("level", "")
    severity = _SEVERITIES.get(level.upper(), 0) if isinstance(level, str) else 0
    if key is None or not severity:
        return plain
    said, exception, logger = fields.pop(key), fields.pop("exception", ""), fields.pop("logger", "")
    del fields["level"]
    return LogLine(
        at, level.upper(), severity, stream, said, task, span, str(logger), "", str(exception), fields, writer
    )


def _global(ref: Any, writer: str) -> str:
    return f"{writer}.{ref}" if isinstance(ref, int) else str(ref)


def _lines_with(content: bytes, needle: bytes) -> Iterator[bytes]:
    at = content.find(needle)
    while at >= 0:
        at += needle.startswith(b"\n")
        begin, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
        end = len(content) if end < 0 else end
        yield content[begin:end]
        at = content.find(needle, end)


def _content(store: Store, path: str) -> bytes:
    try:
        return store.get(path)
    except OSError:
        return b""


def _names(store: Store, folder: str) -> list[str]:
    """List a folder; nothing if it is none of ours, such as a link to another one."""
    try:
        return store.names(folder)
    except OSError:
        if not store.local:
            raise  # nobody can tell a folder that cannot be read from a network that is down
        return []


def _segments(store: Store, execution_id: str) -> dict[str, list[str]]:
    """Return the paths of each writer's segments in their order."""
    found: dict[str, list[str]] = {}
    folder = logs_path(execution_id)
    for name in _names(store, folder):
        writer, dash, rest = name.rpartition("-")
        if dash and rest.endswith(".jsonl"):
            found.setdefault(writer, []).append(f"{folder}/{name}")
    return found
