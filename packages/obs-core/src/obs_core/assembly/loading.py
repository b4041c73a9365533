"""Find an execution in a store and put its journal together."""

from __future__ import annotations

import os
from collections.abc import Iterable

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.summary import read_summary
from obs_core.failsafe import ObsError, warn
from obs_core.journal import flusher
from obs_core.journal.reader import decode, read_segments, segment_names, writer_of
from obs_core.provenance import command_name
from obs_core.store import described, folder_of, open_store
from obs_core.store.base import Store, StoreError
from obs_core.store.paths import EXECUTIONS
from obs_core.text.plain_values import storable_name

__all__ = ["ExecutionNotFoundError", "assembled", "existing", "find_execution", "opened"]


class ExecutionNotFoundError(ObsError, LookupError):
    """No execution, or more than one, matches an id or a name."""


def opened(store: Store | str | os.PathLike[str] | None) -> Store:
    """Return the store to read from, after this process has written what it still holds."""
    flusher.finish_before_reading()
    return open_store(store) if store is None or isinstance(store, (str, os.PathLike)) else store


def existing(store: Store | str | os.PathLike[str] | None) -> Store:
    """Return the store to read from, as `opened` does; a folder that was named must be there.

    One that is mistyped would look like a store without executions.

    Raises:
        StoreError: There is no such folder.
    """
    place = opened(store)
    if isinstance(store, (str, os.PathLike)):
        folder = folder_of(os.fspath(store))
        if folder is not None and not os.path.isdir(folder):
            raise StoreError(f"there is no folder {os.fspath(store)!r}")
    return place


def find_execution(text: str, store: Store | str | os.PathLike[str] | None = None) -> str:
    """Return the whole id that a person means.

    Args:
        text: An id, the beginning or the end of one, the name of an execution, which means its newest, or ``"last"``
            for the newest that can be read; a warning tells of newer ones that cannot.
        store: Where it is kept. Default: `OBS_STORE`, or ``.obs``.

    Raises:
        ExecutionNotFoundError: None is meant, or more than one.
    """
    place, text = opened(store), storable_name(text)
    ids = place.names(EXECUTIONS)
    if not ids:
        raise ExecutionNotFoundError(
            f"no executions in the store {described(place)}; OBS_STORE, or --store of a command, names another"
        )
    if text == "last":
        return next((one for one in reversed(ids) if _can_be_read(place, one)), ids[-1])
    meant = [text] if text in ids else [one for one in ids if text and (one.startswith(text) or one.endswith(text))]
    if len(meant) == 1:
        return meant[0]
    newest = _newest_by_name(text, ids, place)
    if text in newest:
        return newest[text]
    if not meant:
        raise ExecutionNotFoundError(
            f"no execution with the id or the name {text!r} in the store {place.url!r};{_similar(text, newest)}"
            f" `{command_name()} ls` shows them"
        )
    shown = ", ".join(["...", *meant[-3:]] if len(meant) > 3 else meant)
    raise ExecutionNotFoundError(f"{text!r} matches {len(meant)} executions ({shown}); type more of it")


def _can_be_read(store: Store, execution_id: str) -> bool:
    """Tell whether an execution is no other user's, and no link to somewhere else; warns if it is."""
    if not store.local:
        return True  # who may read one there may read all
    try:
        for path in segment_names(store, execution_id)[:1]:
            store.get(path, 0, 1)
    except OSError as error:
        warn(f"execution {execution_id!r} cannot be read: {error}")
        return False
    return True


_LOOKED_THROUGH = 10_000, 500
"""Executions of a folder, and of a shared store, among which a name is looked for: a typing error is told at once."""


def _newest_by_name(wanted: str, ids: list[str], store: Store) -> dict[str, str]:
    """Return the newest execution of each name that was met until the one that is wanted, or to the end."""
    newest: dict[str, str] = {}
    for execution_id in ids[: -_LOOKED_THROUGH[not store.local] - 1 : -1]:
        view = read_summary(store, execution_id)
        if view is None:
            continue
        newest.setdefault(view.name, execution_id)
        if view.name == wanted:
            break
    return newest


def _similar(text: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(text, names, n=1)
    return f" did you mean {close[0]!r}?" if close else ""


def assembled(store: Store, execution_id: str) -> Assembly:
    """Read the whole journal of an execution and put it together; nothing is drawn."""
    assembly = Assembly(store, execution_id)
    for path, lines in read_segments(store, segment_names(store, execution_id), outlines=True):
        assembly.add(writer_of(path), decode(lines), path)
    assembly.finish()
    return assembly
