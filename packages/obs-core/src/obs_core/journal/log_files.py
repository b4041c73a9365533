"""The files that log lines go to: appended to, or uploaded, as the store allows.

A line must survive the kill of its process, so each is a write of the system. A file that is mapped into memory would
save that call; but whoever cuts such a file off ends the program with SIGBUS, and lines in one that was removed are
gone without a word.
"""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol
from zlib import crc32

from obs_core import clock
from obs_core.interruptions import ignoring, let_pass
from obs_core.journal.log_lines import without_halves
from obs_core.journal.writer import Journal
from obs_core.store.base import Store
from obs_core.store.descriptors import NO_LINK, file_id, hold, largest_file, let_go, may_write, open_high
from obs_core.store.paths import logs_path

__all__ = [
    "RAW",
    "Appended",
    "LogFile",
    "Uploaded",
    "checked_parts",
    "content_of",
    "count_said",
    "doubtful",
    "names_in",
    "segments_of",
    "unchecked",
]

RAW = ".raw"
"""How the name of a file ends that a descriptor points at."""

_BLOCK = 8 * 1024
"""Bytes of lines that a checksum is for, at most by one line: so many are in doubt once a bit flips."""

_HIGH = 256
"""Descriptors from here on are not given to a program that opens a file after it closed all that there are."""


class LogFile(Protocol):
    """A file that log lines go to.

    Attributes:
        number: Its number.
        written: Lines in it that say something: increased once a line is there. No call stands in a statement that
            changes such a number, so that neither a handler nor another thread comes in between.
        left: Bytes that it may still take.
    """

    number: int
    written: int
    left: int

    @property
    def put(self) -> Callable[[bytes], int | None] | None:
        """Writes a line, in one step; None if all lines are to be given to `write`."""

    def write(self, content: bytes, /) -> int:
        """Write with a look that the file is still ours, and return how much of it was taken."""

    def close(self) -> None:
        """Write no more."""


class Appended:
    """A file that is appended to. It is always a new one: no link is followed, nothing that is there is gone on with.

    Args:
        path: The file.
        number: Its number.
        limit: Bytes that it may take.

    Attributes:
        said: How many lines are in it, up to where it was read back.
        reached: Up to where it was read back, and can be checked.

    Raises:
        FileExistsError: There is something of that name.
    """

    def __init__(self, path: str, number: int, limit: int) -> None:
        self.number, self.left = number, limit
        self.written = self.said = self.reached = 0
        self._path = path
        self._checks = b""
        descriptor = self._descriptor = open_high(path, _NEW)
        try:
            self._use(descriptor)
            self._file_id = file_id(descriptor)
            self._seen_as = self._seen()
        except BaseException:
            os.close(descriptor)
            let_go(descriptor, self)
            raise

    def _seen(self) -> tuple[int, int]:
        """Return what tells apart what stands under our name; some file systems say otherwise of an open file."""
        found = os.lstat(self._path)
        return found.st_dev, found.st_ino

    def _use(self, descriptor: int) -> None:
        hold(descriptor, self)
        self._descriptor = descriptor
        self._file = io.FileIO(descriptor, "ab", closefd=False)
        # A number that the program may get for a file of its own, and a limit that it may set to the size of files, are
        # looked at for each line.
        self.put = self._file.write if descriptor >= _HIGH and largest_file() < 0 else None

    def write(self, content: bytes, /) -> int:
        """Write, to our file and no other one.

        Raises:
            FileNotFoundError: Our file is not there any more.
        """
        if file_id(self._descriptor) != self._file_id:
            self._open_again()
        if largest_file() >= 0:
            may_write(os.fstat(self._descriptor).st_size + len(content))
        return self._file.write(content) or 0

    def _open_again(self) -> None:
        """Go on with our file: the program closed its descriptor, which may be that of a file of its own by now."""
        descriptor = open_high(self._path, _AGAIN)
        if file_id(descriptor) != self._file_id:
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "replaced while it was written", self._path)
        self._use(descriptor)

    def is_there(self) -> bool:
        """Tell whether the file is still where it was, under its name; see to it that it is the one we write to."""
        try:
            if self._seen() != self._seen_as:
                return False
            if file_id(self._descriptor) != self._file_id:
                self._open_again()
        except OSError as error:
            let_pass(error)
            return False
        if largest_file() >= 0:
            self.put = None
        return True

    def added(self) -> bytes:
        """Return the lines that were added since `checks` was last called, also if the file was removed meanwhile."""
        with ignoring(OSError):
            if file_id(self._descriptor) == self._file_id:
                lines = self._read(self.reached)
                return lines[: lines.rfind(b"\n") + 1]
        return b""

    def content(self) -> bytes:
        """Return all that is in the file."""
        with ignoring(OSError):
            if file_id(self._descriptor) == self._file_id:
                return self._read(0)
        return b""

    def _read(self, start: int) -> bytes:
        size = os.fstat(self._descriptor).st_size - start
        if size <= 0:
            return b""
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, size, start)
        with open(self._path, "rb") as file:
            file.seek(start)
            return file.read(size)

    def checks(self) -> bytes:
        """Read back what was added, and return the lines by which it can be checked; they are still to be written."""
        added = self.added()
        if added == self._checks:
            return b""  # nothing but the last ones
        self._checks = b""
        for block in _blocks(added):
            said = count_said(block)
            self._checks += b'["check",%d,%d,%d,%d]\n' % (self.reached, len(block), said, crc32(block))
            self.reached += len(block)
            self.said += said
        return self._checks

    def close(self) -> None:
        """Write no more."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        with ignoring(OSError):
            self._file.close()  # who still has its `put` gets a ValueError
        if file_id(descriptor) == self._file_id:
            os.close(descriptor)
        let_go(descriptor, self)  # last: a timeout that strikes before leaves it to who closes what is left


_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | NO_LINK | getattr(os, "O_BINARY", 0)
_AGAIN = _NEW & ~(os.O_CREAT | os.O_EXCL)


class Uploaded:
    """A segment in a store that cannot append: kept in memory, uploaded whole every few seconds.

    Args:
        journal: Uploads it.
        path: Where to.
        number: Its number.
        limit: Bytes that it may take.
    """

    put: Callable[[bytes], int | None] | None = None

    def __init__(self, journal: Journal, path: str, number: int, limit: int) -> None:
        self.number, self.left, self.written = number, limit, 0
        self._journal = journal
        self._path = path
        self._lines: list[bytes] = []
        self._begun = self._uploaded_at = clock.wall()
        self._uploaded = 0

    def write(self, content: bytes, /) -> int:
        """Add a line."""
        self._lines.append(content)
        return len(content)

    def content(self) -> bytes:
        """Return all lines so far."""
        return b"".join(self._lines)

    def upload(self, pause: int) -> None:
        """Upload it if something was added and the last upload is that many nanoseconds ago, at first less."""
        now, count = clock.wall(), len(self._lines)
        if count > self._uploaded and now - self._uploaded_at >= min(pause, self._uploaded_at - self._begun):
            self._uploaded_at, self._uploaded = now, count
            self._journal.put(self._path, b"".join(self._lines[:count]))

    def close(self) -> None:
        """Upload what is left."""
        self.upload(0)


# the lines by which others can be checked

_MOST_LOOKS = 8
"""How many times as many bytes as a log has are looked at, to find out which of them are as they were written."""

_CHECKS = re.compile(rb'^(?:\["check",\d{1,12},\d{1,12},\d{1,12},\d{1,10}\]\n)+', re.MULTILINE)


def count_said(lines: bytes) -> int:
    """Return how many lines say something: those that begin with a time."""
    lines = without_halves(lines)
    begun = lines.count(b"\n[") - lines.count(b'\n["')
    return begun + (lines.startswith(b"[") and not lines.startswith(b'["'))


def doubtful(content: bytes, parts: Iterable[tuple[int, int, int]]) -> Iterator[tuple[bytes, int]]:
    """Yield the parts of a log that are not what was written, each with how many lines it had.

    Args:
        content: A log, to the end of its last whole line.
        parts: What `checked_parts` gave of it.
    """
    reached = lost = 0
    for start, end, said in parts:
        if start < 0:
            lost += said
            continue
        if lost:
            yield content[reached:start], lost
            lost = 0
        reached = end
    if lost:
        last = max((group.start() for group in _CHECKS.finditer(content)), default=len(content))
        yield content[reached:last], lost


def unchecked(content: bytes, parts: Iterable[tuple[int, int, int]]) -> Iterator[bytes]:
    """Yield what stands before, between and after the parts of a log that are as they were written."""
    reached = 0
    for start, end, _ in parts:
        if start >= 0:
            yield content[reached:start]
            reached = end
    yield content[reached:]


def checked_parts(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield where each part that can be checked begins and ends, and its lines; -1 where it is not as it was written.

    A part is found though bytes are missing before it, or were added: where it stands is told by where it began, and by
    the lines that check it, which stand right after the last part of theirs in all but a few cases.

    However much the lines that check claim, no more is looked at than `_MOST_LOOKS` times the log; what they claim
    beyond that counts as not as it was written.
    """
    shift = reached = 0
    room = _MOST_LOOKS * len(content)
    view = memoryview(content)
    for group in _CHECKS.finditer(content):
        checks = [tuple(map(int, line[9:-1].split(b","))) for line in group[0].splitlines()]
        after = sum(size for _, size, _, _ in checks)
        for begin, size, said, crc in checks:
            for start in (begin + shift, group.start() - after):
                if start < reached or room <= 0:
                    continue
                part = view[start : start + size]
                room -= len(part)
                if crc32(part) == crc:
                    shift, reached = start - begin, start + len(part)
                    yield start, reached, said
                    break
            else:
                yield -1, -1, said
            after -= size


def _blocks(lines: bytes) -> Iterator[bytes]:
    begin = 0
    while begin < len(lines):
        end = len(lines) if len(lines) - begin <= _BLOCK else lines.find(b"\n", begin + _BLOCK - 1) + 1
        yield lines[begin:end]
        begin = end


def content_of(store: Store, path: str) -> bytes:
    """Read a file of a log; nothing if it is not there, or cannot be read."""
    try:
        return store.get(path)
    except OSError as error:
        let_pass(error)
        return b""


def names_in(store: Store, folder: str) -> list[str]:
    """List a folder; nothing if it is none of ours, such as a link to another one."""
    try:
        return store.names(folder)
    except OSError as error:
        let_pass(error)
        if not store.local:
            raise  # nobody can tell a folder that cannot be read from a network that is down
        return []


def segments_of(store: Store, execution_id: str) -> dict[str, list[str]]:
    """Return the paths of each writer's segments in their order."""
    found: dict[str, list[str]] = {}
    folder = logs_path(execution_id)
    for name in names_in(store, folder):
        writer, dash, rest = name.rpartition("-")
        if dash and rest.endswith(".jsonl"):
            found.setdefault(writer, []).append(f"{folder}/{name}")
    return found
