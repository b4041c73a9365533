"""A store behind any URL that fsspec knows: object stores, memory, SFTP and more."""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import Any

from obs_core.store.base import Segment, StoreError

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
            environment variables.

    Each method raises `StoreError` if fsspec knows no such protocol or its package is not installed.
    """

    local = False
    begins_slowly = False
    segment_limit = 512 * 1024

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._process = 0
        self._opened: tuple[Any, str] | None = None
        _import_client(self.url)

    def segment(self, path: str) -> Segment:
        return _RemoteSegment(self, path)

    def put(self, path: str, content: bytes) -> None:
        files, full = self._at(path)
        with _oserrors(self.url):
            _make_folder(files, full)
            files.pipe_file(full, content)

    def get(self, path: str, start: int = 0) -> bytes:
        files, full = self._at(path)
        with _oserrors(self.url):
            return bytes(files.cat_file(full, start=start or None))

    def names(self, path: str) -> list[str]:
        files, full = self._at(path)
        with _oserrors(self.url):
            files.invalidate_cache()
            try:
                found = files.ls(full, detail=False)
            except FileNotFoundError:
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
            except FileNotFoundError:
                return

    def file_path(self, path: str) -> str | None:  # noqa: ARG002
        return None

    def address(self, path: str) -> str:
        return f"{self.url}/{path}"

    def _at(self, path: str) -> tuple[Any, str]:
        # Clients with their own threads do not survive a fork: a child opens its own.
        if self._opened is None or self._process != os.getpid():
            self._opened, self._process = _open(self.url), os.getpid()
        files, root = self._opened
        return files, f"{root}/{path}"


class _RemoteSegment:
    """A segment kept compressed in memory and uploaded whole with each append."""

    def __init__(self, store: RemoteStore, path: str) -> None:
        self._store = store
        self._path = f"{path}.gz"
        self._uploaded = b""
        self.size = 0

    def append(self, lines: bytes) -> None:
        # gzip allows several members in one file: what was uploaded before need not be compressed again.
        content = self._uploaded + zlib.compress(lines, level=1, wbits=31)
        self._store.put(self._path, content)
        self._uploaded = content
        self.size += len(lines)

    def close(self) -> None:
        self._uploaded = b""


class _oserrors:
    """Let every failure of a client be an OSError, since each client has its own."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, OSError):
            raise OSError(f"store {self._url}: {type(error).__name__}: {error}") from error


def _import_client(url: str) -> None:
    """Import what serves a URL now: a process that writes for the first time while it ends could no longer do so."""
    import fsspec

    with contextlib.suppress(ImportError, ValueError):  # `_open` reports it
        fsspec.get_filesystem_class(url.partition("://")[0])


def _open(url: str) -> tuple[Any, str]:
    import fsspec

    protocol = url.partition("://")[0]
    try:
        files, root = fsspec.core.url_to_fs(url, **_IMPATIENT.get(protocol, {}))
    except (ImportError, ValueError) as error:
        hint = ' (try: pip install "obs-core[s3]")' if protocol.startswith("s3") else ""
        raise StoreError(f"cannot open the store {url!r}: {error}{hint}") from error
    return files, root.rstrip("/")


def _make_folder(files: Any, full: str) -> None:
    """Make the folder of a file where folders are real (memory, sftp); object stores have none."""
    if files.protocol not in ("s3", ("s3", "s3a"), ("gs", "gcs")):
        files.makedirs(full.rpartition("/")[0], exist_ok=True)
