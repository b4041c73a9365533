"""A store behind any URL that fsspec knows: object stores, memory, SFTP and more."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from obs_core.interruptions import ignoring, interruption, let_pass
from obs_core.store.base import Outliner, Segment, StoreError
from obs_core.store.packing import inflated, level_within, member
from obs_core.store.passwords import without_password
from obs_core.store.paths import parts_of
from obs_core.text.masking import mask

_IMPATIENT: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 15, "retries": {"max_attempts": 2}}},
}
"""Options for file systems whose own patience would hold up the end of a pipeline for minutes."""


class RemoteStore:
    """Files below a URL; the connection is made when the first one is written or read.

    A segment is uploaded whole at each flush and grows under one name until it is closed, since an object
    store cannot append.

    Args:
        url: Such as ``s3://bucket/obs``. Credentials and endpoints come from the file system's own
            environment variables. A password in it stands in nothing that is shown, written or carried.

    Each method raises `StoreError` if fsspec knows no such protocol or its package is not installed.
    """

    local = False
    begins_slowly = False
    segment_limit = 512 * 1024

    def __init__(self, url: str) -> None:
        self.url = without_password(url).rstrip("/")
        self._location = url
        self._process = 0
        self._opened: tuple[Any, str] | None = None
        self._ahead: float | None = None
        _import_client(url)

    def segment(self, path: str, outline: Outliner | None = None) -> Segment:
        return _RemoteSegment(self, path, outline)

    def put(self, path: str, content: bytes) -> None:
        files, full = self._at(path)
        with _oserrors(self.url):
            _make_folder(files, full)
            files.pipe_file(full, content)

    def get(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        files, full = self._at(path)
        with _oserrors(self.url):
            return bytes(files.cat_file(full, start=start or None, end=None if size is None else start + size))

    def names(self, path: str) -> list[str]:
        files, full = self._at(path)
        with _oserrors(self.url):
            files.invalidate_cache()
            try:
                found = files.ls(full, detail=False)
            except FileNotFoundError as error:
                let_pass(error)
                return []
        return sorted({name.rstrip("/").rpartition("/")[2] for name in found if name.rstrip("/") != full})

    def exists(self, path: str) -> bool:
        files, full = self._at(path)
        with _oserrors(self.url):
            files.invalidate_cache()
            return bool(files.isfile(full))

    def modified(self, path: str) -> float:
        files, full = self._at(path)
        with _oserrors(self.url):
            files.invalidate_cache()
            return float(files.modified(full).timestamp())

    def now(self) -> float:
        # Its own clock is what a file is stamped with; where none can be written, this machine's has to do.
        if self._ahead is None:
            self._ahead = 0.0
            scratch = f"clock/{os.urandom(8).hex()}"
            with ignoring(OSError, NotImplementedError):
                self.put(scratch, b"")
                self._ahead = self.modified(scratch) - time.time()
                self.remove(scratch)
        return time.time() + self._ahead

    def size_of(self, path: str) -> int:
        files, full = self._at(path)
        with _oserrors(self.url):
            files.invalidate_cache()
            return int(sum(files.du(full, total=False).values()))

    def remove(self, path: str) -> None:
        files, full = self._at(path)
        with _oserrors(self.url):
            try:
                files.rm(full, recursive=True)
            except FileNotFoundError as error:
                let_pass(error)
                return

    def file_path(self, path: str) -> str | None:  # noqa: ARG002
        return None

    def address(self, path: str) -> str:
        return f"{self.url}/{path}"

    def _at(self, path: str) -> tuple[Any, str]:
        # Clients with their own threads do not survive a fork: a child opens its own.
        if self._opened is None or self._process != os.getpid():
            self._opened, self._process = _open(self._location), os.getpid()
        files, root = self._opened
        parts_of(path)
        return files, f"{root}/{path}"


class _RemoteSegment:
    """A segment kept compressed in memory and uploaded whole with each append."""

    def __init__(self, store: RemoteStore, path: str, outline: Outliner | None) -> None:
        self._store = store
        self._outline = outline
        self._path = f"{path}.gz"
        self._kept = self._sent = b""
        self._kept_size = 0
        self.size = 0

    def append(self, lines: bytes) -> None:
        if self.size != self._kept_size:  # whoever appends has taken note of what was sent last
            self._kept, self._kept_size = self._sent, self.size
        size = self.size + len(lines)
        content = self._with_outline(lines) if size >= self._store.segment_limit else b""
        if not content:
            # gzip allows several members in one file: what was uploaded before need not be compressed again.
            content = self._kept + member(lines, level_within(size, len(self._kept)))
        self._store.put(self._path, content)
        self._sent = content

    def _with_outline(self, lines: bytes) -> bytes:
        """Return all of a segment that is full as one member with an outline; nothing where that gains too little."""
        before, damaged = inflated(self._kept)
        whole = before + lines
        name = self._path.rpartition("/")[2]
        seen = self._outline(whole, name, 0) if self._outline is not None and not damaged else b""
        return member(whole, level_within(len(whole), 0), seen) if seen else b""

    def close(self) -> None:
        self._kept = self._sent = b""


class _oserrors:
    """Let every failure of a client be an OSError that names the store, since each client has its own.

    Python's own (FileNotFoundError, PermissionError) stay as they are: callers tell them apart. What ends the task goes
    on.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if error is None:
            return
        said = str(error)
        hidden = mask(said)  # clients tell what they could not read, which may be a part of the URL
        if isinstance(error, OSError) and type(error).__module__ == "builtins":
            if hidden != said:
                _hide_secrets(error)
        elif interruption(error, sys._getframe(1)) is None:
            cause = error if hidden == said else None
            raise OSError(f"store {self._url}: {type(error).__name__}: {hidden}") from cause


def _hide_secrets(error: OSError) -> None:
    error.args = tuple(mask(one) if isinstance(one, str) else one for one in error.args)
    if error.strerror is not None:
        error.strerror = mask(error.strerror)
    if isinstance(error.filename, str):
        error.filename = mask(error.filename)


def _import_client(url: str) -> None:
    """Import what serves a URL now: a process that writes for the first time while it ends could no longer do so."""
    import fsspec

    with ignoring(ImportError, ValueError):  # `_open` reports it
        fsspec.get_filesystem_class(url.partition("://")[0])


def _open(url: str) -> tuple[Any, str]:
    import fsspec

    protocol = url.partition("://")[0]
    try:
        files, root = fsspec.core.url_to_fs(url, **_IMPATIENT.get(protocol, {}))
    except (ImportError, ValueError) as error:
        let_pass(error)
        hint = ' (try: pip install "obs-core[s3]")' if protocol.startswith("s3") else ""
        shown = without_password(url)
        raise StoreError(f"cannot open the store {shown!r}: {mask(str(error).replace(url, shown))}{hint}") from error
    return files, root.rstrip("/")


def _make_folder(files: Any, full: str) -> None:
    """Make the folder of a file where folders are real (memory, sftp); object stores have none."""
    if files.protocol not in ("s3", ("s3", "s3a"), ("gs", "gcs")):
        files.makedirs(full.rpartition("/")[0], exist_ok=True)


def _after_fork() -> None:
    """Free the lock of fsspec's own thread in a forked child, which has not the thread that may have held it."""
    asyn = sys.modules.get("fsspec.asyn")
    if asyn is not None:
        asyn.reset_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
