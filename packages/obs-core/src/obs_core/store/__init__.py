"""Where executions are kept: a folder by default, any fsspec URL when shared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from obs_core.settings import store_url
from obs_core.store.base import Segment, Store, StoreError
from obs_core.store.passwords import with_password

__all__ = ["Segment", "Store", "StoreError", "described", "open_store", "store_url", "using"]

_in_use: Store | None = None


def open_store(url: str | os.PathLike[str] | None = None) -> Store:
    """Open a store; nothing is created or contacted until something is written or read.

    Args:
        url: A folder's path (``~`` is the home), a ``file://`` URL, or any URL that fsspec knows (``s3://bucket/obs``, ``memory://obs``).
            Default: `store_url`.

    Returns:
        The store. If no file system serves the URL, reading and writing raise `StoreError`.

    Examples:
        >>> open_store("runs").url
        'runs'
    """
    if url is None and _in_use is not None:
        return _in_use
    location = os.fspath(url) if url is not None else store_url()
    scheme, separator, path = location.partition("://")
    if not separator:
        return _folder(os.path.expanduser(location))
    return _folder(_path_of_file_url(path)) if scheme == "file" else _remote(with_password(location))


def described(store: Store) -> str:
    """Return how a message names a store: a relative folder with where it lies."""
    place = store.address("") if store.local else store.url
    return repr(store.url) if place == store.url else f"{store.url!r}, which is {place}"


@contextmanager
def using(store: Store) -> Iterator[Store]:
    """Let everything in this process that names no store use this one, whatever `OBS_STORE` says."""
    global _in_use
    before, _in_use = _in_use, store
    try:
        yield store
    finally:
        _in_use = before


def _path_of_file_url(path: str) -> str:
    from urllib.parse import unquote

    path = unquote(path.removeprefix("localhost"))
    has_drive = os.name == "nt" and path[2:3] == ":"
    return path[1:] if has_drive else path


def _folder(path: str) -> Store:
    from obs_core.store.folder import FolderStore

    return FolderStore(path)


def _remote(url: str) -> Store:
    from obs_core.store.remote import RemoteStore

    return RemoteStore(url)
