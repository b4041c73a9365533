"""A store in a folder of this machine."""

from __future__ import annotations

import contextlib
import os
import zlib

from obs_core.store.base import Segment

_COMPRESS_FROM = 64 * 1024
"""Smaller closed segments stay as they are: a reader gains nothing, and a trivial task should cost
nothing."""


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
        except OSError:  # the working folder was removed: so it is told, once, when something is written
            self._root = path

    def segment(self, path: str) -> Segment:
        return _FolderSegment(self._full(path))

    def put(self, path: str, content: bytes) -> None:
        full = self._full(path)
        scratch = f"{full}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
        _make_parent(full)
        try:
            with open(scratch, "wb") as file:
                file.write(content)
            os.replace(scratch, full)
        except BaseException:
            _remove_file(scratch)
            raise

    def get(self, path: str, start: int = 0) -> bytes:
        with open(self._full(path), "rb") as file:
            file.seek(start)
            return file.read()

    def names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self._full(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def exists(self, path: str) -> bool:
        return os.path.isfile(self._full(path))

    def modified(self, path: str) -> float:
        return os.stat(self._full(path)).st_mtime

    def size_of(self, path: str) -> int:
        full = self._full(path)
        if os.path.isfile(full):
            return os.path.getsize(full)
        return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(full) for name in names)

    def remove(self, path: str) -> None:
        import shutil

        full = self._full(path)
        if os.path.isdir(full):
            shutil.rmtree(full)
        else:
            _remove_file(full)

    def file_path(self, path: str) -> str | None:
        return self._full(path)

    def address(self, path: str) -> str:
        return self._full(path)

    def _full(self, path: str) -> str:
        return os.path.join(self._root, *path.split("/"))


class _FolderSegment:
    """A segment that grows on disk: each append is one write, whole lines only."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None
        self.size = 0

    def append(self, lines: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = _open_new(self._path)
        try:
            self._write(self._descriptor, lines)
        except OSError:
            # A full disk may have taken half of it: taken back, so that a later try writes no line twice.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(lines)

    def _write(self, descriptor: int, lines: bytes) -> None:
        written = os.write(descriptor, lines)
        while written < len(lines):
            written += os.write(descriptor, lines[written:])

    def close(self) -> None:
        if self._descriptor is None:
            return
        os.close(self._descriptor)
        self._descriptor = None
        if self.size >= _COMPRESS_FROM:
            _compress(self._path)


def _open_new(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        _make_parent(path)
        return os.open(path, flags, 0o666)


def _compress(path: str) -> None:
    """Replace a file by its gzip, chunk by chunk; a reader that sees both takes the compressed one."""
    packer = zlib.compressobj(level=1, wbits=31)
    scratch = f"{path}.gz.tmp"
    with open(path, "rb") as source, open(scratch, "wb") as target:
        while chunk := source.read(1 << 20):
            target.write(packer.compress(chunk))
        target.write(packer.flush())
    os.replace(scratch, f"{path}.gz")
    os.unlink(path)


def _make_parent(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)


def _remove_file(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
