"""A store in a folder of this machine."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from typing import BinaryIO

from obs_core import clock
from obs_core.files import is_file, is_folder, make_folder, mode_of, open_into
from obs_core.interruptions import ignoring, let_pass
from obs_core.store.base import Outliner, Segment, StoreError
from obs_core.store.descriptors import NO_LINK, file_id, hold, let_go, may_write, open_high_into
from obs_core.store.packing import level_within, member
from obs_core.store.paths import parts_of

_COMPRESS_FROM = 64 * 1024
"""Smaller closed segments stay as they are: a reader gains nothing, and a trivial task should cost
nothing."""

_LOOKED_EVERY = 10_000_000
"""Nanoseconds after which it is looked again which file has a segment's name, and not only that there is one, and how
large files may be: each end of a task is an append."""

_MEMBER = 64 * 1024
"""Bytes of lines in one member of a compressed segment, to the end of their last batch: what one flipped bit costs."""

_BATCH_END = b'\n["check",'


class FolderStore:
    """Files below one folder, which is made when the first one is written.

    Args:
        path: The folder; relative paths are kept relative to today's working directory.
    """

    local = True
    begins_slowly = True
    segment_limit = 8 * 1024 * 1024

    def __init__(self, path: str) -> None:
        self.url = path
        try:
            self._root = os.path.abspath(path)
        except OSError as error:  # the working folder was removed: so it is told, once, when something is written
            let_pass(error)
            self._root = path
        self._ahead: float | None = None

    def segment(self, path: str, outline: Outliner | None = None) -> Segment:
        return _FolderSegment(self._full(path), outline)

    def put(self, path: str, content: bytes) -> None:
        full = self._full(path)
        scratch = f"{full}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
        may_write(len(content))
        make_folder(os.path.dirname(full))
        try:
            with open(scratch, "xb") as file:
                file.write(content)
            os.replace(scratch, full)
        except BaseException:
            _remove_file(scratch)
            raise

    def get(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        opened: list[int] = []
        try:
            most = _open_file(opened, self._full(path, leaf=not NO_LINK)) - start
            descriptor = opened[0]
            if start:
                os.lseek(descriptor, start, os.SEEK_SET)
            most = max(0, most if size is None else min(most, size))
            content = os.read(descriptor, most)
            while len(content) < most and (more := os.read(descriptor, most - len(content))):
                content += more
            return content
        finally:
            for each in opened:
                os.close(each)

    def read_ahead(self, path: str, size: int) -> None:
        """Let the system begin to read a file from the disk, and wait for nothing.

        Args:
            path: The file.
            size: Bytes at its beginning that will be asked for.
        """
        opened: list[int] = []
        try:
            _open_file(opened, self._full(path, leaf=not NO_LINK))
            os.posix_fadvise(opened[0], 0, size, os.POSIX_FADV_WILLNEED)
        finally:
            for each in opened:
                os.close(each)

    def names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self._full(path)))
        except (FileNotFoundError, NotADirectoryError) as error:
            let_pass(error)
            return []

    def exists(self, path: str) -> bool:
        return is_file(self._full(path))

    def modified(self, path: str) -> float:
        return os.stat(self._full(path)).st_mtime

    def now(self) -> float:
        # The folder may lie on a server with a clock of its own: a file says what time it is there.
        if self._ahead is None:
            self._ahead = 0.0
            opened: list[int] = []
            with ignoring(OSError):
                scratch = os.path.join(self._root, f".clock.{os.getpid()}.{os.urandom(4).hex()}.tmp")
                try:
                    open_into(opened, scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                finally:
                    for descriptor in opened:
                        os.close(descriptor)
                self._ahead = os.stat(scratch).st_mtime - time.time()
                os.unlink(scratch)
        return time.time() + self._ahead

    def size_of(self, path: str) -> int:
        full = self._full(path)
        if is_file(full):
            return os.path.getsize(full)
        files = (os.path.join(folder, name) for folder, _, names in os.walk(full) for name in names)
        return sum(os.lstat(file).st_size for file in files)

    def remove(self, path: str) -> None:
        import shutil

        full = self._full(path)
        if is_folder(full):
            shutil.rmtree(full)
        else:
            _remove_file(full)

    def file_path(self, path: str) -> str | None:
        return self._full(path)

    def address(self, path: str) -> str:
        return self._full(path) if path else self._root

    def _full(self, path: str, leaf: bool = True) -> str:
        """Return where a path is on this machine, after a look that no link on the way leads somewhere else.

        The store itself may be a link, and so may its top folders, which its owner laid out.

        Args:
            path: The path.
            leaf: Whether its last part is looked at too.
        """
        parts = parts_of(path)
        full = self._root + os.sep + os.sep.join(parts)
        for depth in range(2, len(parts)):  # each time: a folder may have become a link since the last one
            self._refuse_link(self._root + os.sep + os.sep.join(parts[:depth]), path)
        if leaf and len(parts) > 1:
            self._refuse_link(full, path)
        return full

    def _refuse_link(self, full: str, path: str) -> None:
        if stat.S_ISLNK(mode_of(full, follow=False)):
            raise StoreError(f"{path[:200]!r} is, or lies below, a symbolic link: not followed")


class _FolderSegment:
    """A segment that grows on disk: each append is one write, whole lines only."""

    def __init__(self, path: str, outline: Outliner | None) -> None:
        self._path = path
        self._outline = outline
        self._descriptor: int | None = None
        self._file_id: tuple[int, int] | None = None
        self._seen_as: tuple[int, int] | None = None
        """What stood under our name at first; some file systems say otherwise of an open file."""
        self._looked_at = 0
        self._end = 0
        """Bytes in the file; -1 while that is not known."""
        self.size = 0

    def append(self, lines: bytes) -> None:
        now = clock.wall()
        closely = now - self._looked_at > _LOOKED_EVERY
        if closely:
            self._looked_at = now
        descriptor = self._open() if self._descriptor is None else self._look_at_file(self._descriptor, closely)
        if self._end != self.size:
            # An append was interrupted, or its caller was before he took note: taken back, so that no line is there
            # twice.
            os.ftruncate(descriptor, self.size)
        if closely:
            may_write(self.size + len(lines))
        self._end = -1
        try:
            written = os.write(descriptor, lines)
            while written < len(lines):
                written += os.write(descriptor, lines[written:])
        except OSError:
            # A full disk may have taken half of it. Readers shall not see that until the next try.
            with ignoring(OSError):
                os.ftruncate(descriptor, self.size)
            if not self.size:
                self._remove_empty(descriptor)
            raise
        self._end = self.size + len(lines)

    def _open(self, *, again: bool = False) -> int:
        """Open the file.

        Args:
            again: Whether to go on with our own: the program closed its descriptor, which may be that of a file of its
                own by now.
        """
        opened: list[int] = []
        try:
            if again:
                open_high_into(opened, self._path, _APPENDED & ~os.O_CREAT)
            else:
                _open_new(opened, self._path)
            descriptor = opened[0]
            found = file_id(descriptor)
            if not again:
                self._file_id, self._seen_as = found, self._seen()
            elif found != self._file_id:
                raise FileNotFoundError(f"{self._path} was replaced while it was written")
            hold(descriptor, self)
            self._descriptor = descriptor  # last: an append that is interrupted before opens the file again
        except BaseException:
            self._descriptor = None
            for descriptor in opened:
                os.close(descriptor)  # first: it may not be held yet
                let_go(descriptor, self)
            raise
        return descriptor

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        is_ours = file_id(descriptor) == self._file_id
        if self.size >= _COMPRESS_FROM:
            with ignoring(OSError):  # somebody removed it, or the disk is full: it is read as it is
                _compress(self._path, self._outline)
        if is_ours:
            os.close(descriptor)
        let_go(descriptor, self)  # last: a timeout that strikes before leaves it to who closes what is left

    def _remove_empty(self, descriptor: int) -> None:
        """Remove a file that took no line: a reader would miss what it never had."""
        with ignoring(OSError):
            found = os.lstat(self._path)  # never a device or a link of that name, whose size is zero too
            is_ours = stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) == self._file_id
            if is_ours and found.st_size == 0 and file_id(descriptor) == self._file_id:
                os.unlink(self._path)
                self._descriptor = None
                os.close(descriptor)
                let_go(descriptor, self)  # last, as in `close`

    def _look_at_file(self, descriptor: int, closely: bool) -> int:
        """Make sure that the file is still there, and that the descriptor is its own; else return another one."""
        try:
            found = os.fstat(descriptor)
        except OSError as error:
            let_pass(error)
            return self._open(again=True)
        if (found.st_dev, found.st_ino) != self._file_id:
            return self._open(again=True)
        if not found.st_nlink:
            raise FileNotFoundError(f"{self._path} was removed while it was written")
        if (closely or not os.access(self._path, os.F_OK)) and self._seen() != self._seen_as:
            raise FileNotFoundError(f"{self._path} was moved away while it was written")
        return descriptor

    def _seen(self) -> tuple[int, int] | None:
        try:
            found = os.lstat(self._path)
        except (FileNotFoundError, NotADirectoryError) as error:
            let_pass(error)
            return None
        except OSError as error:
            let_pass(error)
            return self._seen_as  # the program gave up its right to look there, as daemons do: we have the file
        return found.st_dev, found.st_ino


_APPENDED = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_LINK | getattr(os, "O_BINARY", 0)

_NO_FILE = frozenset((errno.ENXIO, errno.EOPNOTSUPP))
"""What opening a socket fails with, on Linux and elsewhere."""


def _open_file(opened: list[int], path: str) -> int:
    """Open a file to be read: no link, folder, pipe or device, for which a reader might wait for ever.

    Args:
        opened: Gets its descriptor, as `open_into` says.
        path: The file.

    Returns:
        Its size.
    """
    try:
        open_into(opened, path, os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StoreError(f"{path} is a symbolic link: not followed") from error
        if error.errno in _NO_FILE:
            raise StoreError(f"{path} is not a file") from error
        raise
    found = os.fstat(opened[0])
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path} is not a file")
    return found.st_size


def _open_new(opened: list[int], path: str) -> None:
    try:
        open_high_into(opened, path, _APPENDED)
    except FileNotFoundError as error:
        let_pass(error)
        make_folder(os.path.dirname(path))
        open_high_into(opened, path, _APPENDED)


def _compress(path: str, outline: Outliner | None) -> None:
    """Replace a file by its gzip, a member for each few batches; a reader that sees both takes the compressed one."""
    scratch = f"{path}.gz.tmp"
    _remove_file(scratch)  # of a process that was killed in the midst of it; a link is removed, not followed
    opened: list[int] = []
    try:
        _open_file(opened, path)
        with open(opened[0], "rb", closefd=False) as source, open(scratch, "xb") as target:
            size = 0
            for lines in _batches(source):
                size += len(lines)
                stored = target.tell()
                seen = outline(lines, f"{os.path.basename(path)}.gz", stored) if outline is not None else b""
                target.write(member(lines, level_within(size, stored), seen))
            # What replaces must be on the disk before it does: after a power failure there would be neither.
            target.flush()
            os.fsync(target.fileno())
        os.replace(scratch, f"{path}.gz")
    except OSError:
        with ignoring(OSError):
            _remove_file(scratch)
        raise
    finally:
        for descriptor in opened:
            os.close(descriptor)
    os.unlink(path)


def _batches(source: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a segment, some batches at a time: each becomes readable without the others."""
    lines = b""
    while chunk := source.read(1 << 20):
        lines += chunk
        begin = 0
        while len(lines) - begin >= _MEMBER:
            end = lines.find(_BATCH_END, begin + _MEMBER)
            if end < 0:
                break
            end = lines.find(b"\n", end + 1) + 1
            if not end:
                break
            yield lines[begin:end]
            begin = end
        lines = lines[begin:]
    if lines:
        yield lines


def _remove_file(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError as error:
        let_pass(error)
        return
