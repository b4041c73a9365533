"""Ask for files, open them, and make folders, so that what a signal handler raises meanwhile goes on.

`os.makedirs`, `os.path.exists` and their like take each `OSError` for an answer of the system, also a `TimeoutError` of
the task's. And where a handler raises right after `os.open`, nobody has the descriptor that is to be closed.
"""

from __future__ import annotations

import os
import stat

from obs_core.interruptions import let_pass

__all__ = ["is_file", "is_folder", "make_folder", "mode_of", "open_into"]


def mode_of(path: str, *, follow: bool = True) -> int:
    """Return the kind and the permissions of what a path names, as `os.stat` does.

    Args:
        path: The path.
        follow: Whether a symbolic link is followed.

    Returns:
        Both; 0 where there is nothing, or nobody may look.
    """
    try:
        return os.stat(path, follow_symlinks=follow).st_mode
    except (OSError, ValueError) as error:
        if not _is_of_the_system(error, path):
            let_pass(error)
        return 0


def is_file(path: str) -> bool:
    """Tell whether a path names a file, or a link to one."""
    return stat.S_ISREG(mode_of(path))


def is_folder(path: str) -> bool:
    """Tell whether a path names a folder, or a link to one."""
    return stat.S_ISDIR(mode_of(path))


def make_folder(path: str) -> None:
    """Make a folder, and those above it, where they are not there.

    Args:
        path: The folder.

    Raises:
        OSError: It cannot be made.
    """
    try:
        _make_one(path)
    except FileNotFoundError as error:
        if not _is_of_the_system(error, path):
            let_pass(error)
        above = os.path.dirname(path)
        if above in ("", path):
            raise
        make_folder(above)
        _make_one(path)


def _make_one(path: str) -> None:
    try:
        os.mkdir(path)
    except OSError as error:
        if not _is_of_the_system(error, path):
            let_pass(error)
        # What is there may be told otherwise: a file system that is read-only says that first.
        if not is_folder(path):
            raise


def _is_of_the_system(error: Exception, path: str) -> bool:
    """Tell whether an error names the very path that was asked for; to look closer takes several times as long."""
    return getattr(error, "filename", None) is path


def open_into(opened: list[int], path: str, flags: int, mode: int = 0o666) -> None:
    """Open a file, and note its descriptor before any signal's handler runs, as `obs_core.locks.take` does of a lock.

    Args:
        opened: Gets the descriptor. Who made the list closes what is in it, by no function: one may be struck as it is
            called.
        path: The file.
        flags: For `os.open`; no program that is started inherits it.
        mode: Its permissions if it is made.
    """
    opened.extend(map(os.open, (path,), (flags | getattr(os, "O_CLOEXEC", 0),), (mode,)))
