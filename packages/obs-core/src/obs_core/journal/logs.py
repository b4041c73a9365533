"""What a process logged and printed: a file of lines beside its journal, and reading those of all processes back.

A line is written when it is said, so that a kill loses none; no buffer, no lock. docs/store-format.md describes the
files. What is too much is left out in the middle: the first and the last of it stay.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from obs_core import clock
from obs_core.failsafe import warn
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.journal.writer import Journal
from obs_core.locks import new_lock
from obs_core.model import LogLine
from obs_core.store.base import Store
from obs_core.store.descriptors import open_high
from obs_core.store.paths import log_path, logs_path
from obs_core.text.masking import mask, mask_value, masks_anything

__all__ = ["LONGEST_LINE", "LogTail", "LogWriter", "dropped_lines", "read_log", "severity_of"]

LONGEST_LINE = 16 * 1024
"""Characters of a line that are kept; of a longer one the beginning and the end."""

MOST_KEPT = 64 * 1024 * 1024
"""Bytes that are kept of what one process says: half of them from the beginning, half from the end."""

_MOST_LEFT_OVER = 4 * 1024 * 1024
"""Bytes that are read of what a killed process did not come to read."""

_UPLOAD_EACH = 3_000_000_000
"""Nanoseconds between two uploads to a store that cannot append."""

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
    something again.

    Args:
        journal: This process's journal of the execution; the log is named after its writer.

    Attributes:
        count: Lines written so far.
        lost: Lines that the store did not take.
        refs: What names a span or task in a line, by its number here.
        span_names: The names of the spans in which something was said, by what names them in a line.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = new_lock()
        self._forget()
        _writers.add(self)

    def _forget(self) -> None:
        self._file: io.FileIO | _Uploaded | None = None
        self._size = self._number = self._dropped = 0
        self._last: deque[tuple[int, int]] = deque()
        self._segment_lines = 0
        self._limit = min(self._journal.store.segment_limit, MOST_KEPT // 8)
        self._torn = b""
        self._told = False
        self._patience = _PATIENCE
        self.refs: dict[records.Ref, records.Ref] = {}
        self.span_names: dict[records.Ref, str] = {}
        self.count = self.lost = self._lost_told = 0

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
        if len(text) > LONGEST_LINE:
            text = shortened(text)
        if masks_anything():
            text, more = mask(text), tuple(mask_value(each) for each in more)
        row = (clock.wall() + self._journal.epoch, kind, task, span, text, *more)
        try:
            line = _encode_line(row) + b"\n"
        except Exception as error:
            let_pass(error)
            line = _encode_line(_encodable(row)) + b"\n"
        size = len(line)
        try:
            file = self._file
            if file is None or self._torn or self.lost != self._lost_told:
                self._write_after_trouble(line)
            elif self._appended(file, line) != size:
                self._torn = b"\n"
                raise OSError("the disk took a part of a line")
        except (OSError, ValueError) as error:  # the disk is full; it was closed by a thread that ended the execution
            let_pass(error)
            self._refused(error)
            return
        self.count += 1
        self._segment_lines += 1
        self._size += size
        if self._size > self._limit:
            self._turn_over()

    def _appended(self, file: io.FileIO | _Uploaded, line: bytes) -> int | None:
        try:
            return file.write(line)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            self._file = None  # the program closed all descriptors
            self._write_after_trouble(line)
            return len(line)

    def mark(self, *row: Any) -> None:
        """Write a line that says nothing itself: where the process is, or that what it writes may hold secrets."""
        with contextlib.suppress(OSError, ValueError):
            self._write_after_trouble(_encode_line(row) + b"\n")

    def _write_after_trouble(self, line: bytes) -> None:
        """Open the file if need be; say first how many lines are lost, on a line of its own."""
        file = self._file or self._begin()
        if file is None:
            raise OSError("the file is being opened")
        lost = self.lost
        if lost != self._lost_told:
            line = _encode_line(("lost", lost - self._lost_told)) + b"\n" + line
        if file.write(self._torn + line) != len(self._torn) + len(line):
            self._torn = b"\n"
            raise OSError("the disk took a part of a line")
        self._torn, self._lost_told = b"", lost

    @property
    def position(self) -> tuple[int, int]:
        """Where the next line goes: the number of the segment, and bytes in it."""
        return self._number, self._size

    def said_since(self, position: tuple[int, int], task: str, last: int) -> list[LogLine]:
        """Return what this process said in a task, from a position on.

        Args:
            position: As `position` was when the task began.
            task: The task's global name.
            last: How many lines at the most, the last ones.
        """
        journal, (first, begin) = self._journal, position
        chosen = _Choice((task,), None, "", 0)
        found: list[LogLine] = []
        for number in range(self._number, first - 1, -1):
            path = log_path(journal.execution_id, journal.writer, number)
            file = self._file
            if isinstance(file, _Uploaded) and number == self._number:
                content = file.content()
            else:
                content = _content(journal.store, path)
            lines = content[begin if number == first else 0 :]
            found = chosen.lines(lines, journal.writer, last - len(found)) + found
            if len(found) >= last:
                break
        return found

    def _refused(self, error: Exception) -> None:
        self.lost += 1
        if not self._told and isinstance(error, OSError):
            self._told = True
            with contextlib.suppress(Warning):
                warn(f"cannot keep what is logged and printed in {self._journal.store.url!r}: {error}")

    def _begin(self) -> io.FileIO | _Uploaded | None:
        # Another thread is at it and soon done; or this one was interrupted in the midst of it, or the store hangs.
        if not self._lock.acquire(timeout=self._patience):
            self._patience = 0.0
            return self._file
        try:
            self._patience = _PATIENCE
            if self._file is None:
                self._file = self._opened()
                self._size += self._file.write(self._head())
            return self._file
        finally:
            self._lock.release()

    def _opened(self) -> io.FileIO | _Uploaded:
        journal = self._journal
        stored = log_path(journal.execution_id, journal.writer, self._number)
        path = journal.store.file_path(stored)
        if path is None:
            if self.upload not in journal.sources:
                journal.sources.append(self.upload)
            return _Uploaded(journal, stored)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return _Appended(path, "ab", opener=open_high)

    def _head(self) -> bytes:
        return _encode_line((_HEAD, _FORMAT, self._dropped, os.getpid())) + b"\n"

    def _turn_over(self) -> None:
        """Go on in a new segment; the oldest one that is neither of the first nor of the last half is dropped."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._size <= self._limit or self._file is None:
                return
            half = MOST_KEPT // 2 // self._limit
            if self._number >= half:
                self._last.append((self._number, self._segment_lines))
            if len(self._last) >= half:
                oldest, lines = self._last.popleft()
                self._dropped += lines
                self._remove(log_path(self._journal.execution_id, self._journal.writer, oldest))
            self._number += 1
            following = self._opened()
            following.write(self._head())
            if isinstance(self._file, io.FileIO) and isinstance(following, io.FileIO):
                # The number of the descriptor stays: another thread may be about to write to it.
                os.dup2(following.fileno(), self._file.fileno(), inheritable=False)
                following.close()
            else:
                self._file.close()
                self._file = following
            self._size = self._segment_lines = 0
        except OSError as error:
            self._size = 0  # tried again after as many bytes
            self._refused(error)
        finally:
            self._lock.release()

    def _remove(self, path: str) -> None:
        store = self._journal.store
        if store.local:
            with contextlib.suppress(OSError):
                store.remove(path)
            return
        self._journal.put(path, b"")  # an upload in the background; nobody waits for the store here

    def upload(self) -> None:
        """Upload what was added, if it is time for that."""
        if isinstance(self._file, _Uploaded):
            self._file.upload(_UPLOAD_EACH)

    def close(self) -> None:
        """Write no more, unless something is said later."""
        file, self._file = self._file, None
        if file is None:
            return
        self._number += 1  # what a straggling thread says goes to a segment of its own
        self._size = self._segment_lines = 0
        with contextlib.suppress(OSError):
            file.close()

    def after_fork(self) -> None:
        """Go on in a file of our own, under the name that the journal has in a forked child."""
        file = self._file
        self._forget()
        if isinstance(file, io.FileIO):
            with contextlib.suppress(OSError):
                file.close()


_writers: weakref.WeakSet[LogWriter] = weakref.WeakSet()


def _after_fork() -> None:
    for writer in list(_writers):
        writer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Appended(io.FileIO):
    """A file that is appended to, closed without a word when nobody holds it any more."""

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


class _Uploaded:
    """A segment in a store that cannot append: kept in memory, uploaded whole every few seconds."""

    def __init__(self, journal: Journal, path: str) -> None:
        self._journal = journal
        self._path = path
        self._lines: list[bytes] = []
        self._uploaded_at = 0
        self._uploaded = 0

    def write(self, line: bytes) -> int:
        self._lines.append(line)
        return len(line)

    def content(self) -> bytes:
        return b"".join(self._lines)

    def upload(self, pause: int) -> None:
        now, count = clock.wall(), len(self._lines)
        if count > self._uploaded and now - self._uploaded_at >= pause:
            self._uploaded_at, self._uploaded = now, count
            self._journal.put(self._path, b"".join(self._lines[:count]))

    def close(self) -> None:
        self.upload(0)


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
        raise ValueError(f"{level!r} is no level; there are: debug, info, warning, error, critical")
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
        last: How many lines at the most, the last ones.
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
    if any(name.endswith(RAW) for name in store.names(logs_path(execution_id))):
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
            for head in _rows(content[: content.find(b"\n")]):
                most = max(most, head[2])
            for line in _lines_with(content, b'\n["lost",'):
                count += sum(row[1] for row in _rows(line))
        count += most
    return count


def _left_over(store: Store, execution_id: str, chosen: _Choice) -> list[LogLine]:
    """Return what was written to descriptors that a killed process did not come to read any more.

    Nothing masks it, so it is left out if that process knew of any secret.
    """
    found: list[LogLine] = []
    segments, folder = _segments(store, execution_id), logs_path(execution_id)
    for name in store.names(folder):
        writer, _, kind = name.removesuffix(RAW).rpartition("-")
        if not name.endswith(RAW):
            continue
        task, at, read = "main.1", 0, 0
        rows = [row for path in segments.get(writer, ()) for row in _rows_of(_content(store, path))]
        if any(row[0] == "masked" for row in rows):
            continue
        for row in rows:
            if row[0] == "in":
                task = _global(row[1], writer)
            elif len(row) == 6 and row[1] == kind:
                at, read = row[0], row[5]
        at = max(at, int(store.modified(f"{folder}/{name}") * 1e9))
        rest = _bounded_rest(store, f"{folder}/{name}", read)
        for line in rest.decode("utf-8", "backslashreplace").splitlines():
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
        whole = content[: content.rfind(b"\n") + 1]
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

_decode = msgspec.json.Decoder(list).decode


def _rows(line: bytes) -> Iterator[list[Any]]:
    if line.startswith(b"["):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            row = _decode(line)
            if row:
                yield row


def _line(row: list[Any], writer: str) -> LogLine | None:
    """Read a row; None if it is none that says something."""
    try:
        at, kind, task, span, text = row[:5]
        if type(at) is not int or type(text) is not str:
            return None
        task, span = _global(task, writer), _global(span, writer)
        if isinstance(kind, int):
            level, logger, where, exception, fields = row[5:10]
            stream = "warnings" if logger == "py.warnings" else "logging"
            return LogLine(at, level, kind, stream, text, task, span, logger, where, exception, fields, writer)
        if text.startswith("{") and text.endswith("}"):
            return _structured(at, STREAMS.get(kind, kind), text, task, span, writer)
        return LogLine(at, "", 0, STREAMS.get(kind, kind), text, task, span, writer=writer)
    except (ValueError, TypeError):
        return None


def _structured(at: int, stream: str, text: str, task: str, span: str, writer: str) -> LogLine:
    """Read a printed line that is a JSON object, as structlog and other loggers write it."""
    plain = LogLine(at, "", 0, stream, text, task, span, writer=writer)
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
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


def _segments(store: Store, execution_id: str) -> dict[str, list[str]]:
    """Return the paths of each writer's segments in their order."""
    found: dict[str, list[str]] = {}
    folder = logs_path(execution_id)
    for name in store.names(folder):
        writer, dash, rest = name.rpartition("-")
        if dash and rest.endswith(".jsonl"):
            found.setdefault(writer, []).append(f"{folder}/{name}")
    return found
