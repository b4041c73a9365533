"""The files in which items of decks are kept, as whoever shows an execution reads them."""

from __future__ import annotations

import html

from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.store.base import Store
from obs_core.store.content import blob_at

__all__ = ["DeckFiles"]

_MOST_REPEATED = 64 * 1024 * 1024
"""Characters that are read again of files that stand in one deck more than once: a few hundred bytes of a journal may
name one a hundred thousand times."""

_MOST_SHARED = 1024 * 1024 * 1024
"""Characters that are read again of files that stand in several decks, as the source of a function that many tasks call
does. A deck of its own for each time takes a journal that is larger by far."""

_LEAST_REPEATED = 64 * 1024
"""Characters that each of them counts as at least: opening it takes time too."""


class DeckFiles:
    """Reads the files that the decks of one execution name; all that shows them has to do it here.

    Of a file that very many items name, only the first of these that are asked for get it. Which ones these are does
    not change: an item that got it once gets it whenever it is shown.

    Args:
        store: Where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lengths: dict[str, int] = {}
        self._repeated = self._shared = 0
        self._in_decks: set[tuple[records.Ref, str]] = set()
        self._shown: set[int] = set()
        """The items that got their files. Their records live as long as the execution that this is of."""

    def html_of(self, item: records.DeckBlob) -> str:
        """Return the HTML of an item that is kept in a file; a note if it cannot be read, or stands there very often.

        Args:
            item: The record of an item of this execution.
        """
        if id(item) in self._shown:
            return self._read(item.path)
        if not self._takes_again(item):
            return f"<p><em>This part is left out: it stands above already ({html.escape(item.path)})</em></p>"
        self._shown.add(id(item))
        found = self._read(item.path)
        self._lengths[item.path] = len(found)
        return found

    def _takes_again(self, item: records.DeckBlob) -> bool:
        """Count a file that was read before; False if that would be too much."""
        length = self._lengths.get(item.path)
        place = item.deck, item.path
        is_first_here = place not in self._in_decks
        self._in_decks.add(place)
        if length is None:
            return True
        repeated = self._repeated + (0 if is_first_here else max(length, _LEAST_REPEATED))
        shared = self._shared + (length if is_first_here else 0)
        if repeated > _MOST_REPEATED or shared > _MOST_SHARED:
            return False
        self._repeated, self._shared = repeated, shared
        return True

    def _read(self, path: str) -> str:
        try:
            return blob_at(self._store, path).decode("utf-8", "replace")
        except FileNotFoundError as error:
            let_pass(error)
            what = "is not in the store: it is still being written, could not be written, or was removed"
        except OSError as error:
            let_pass(error)
            what = f"cannot be read: {error}"
        return f"<p><em>This part {html.escape(what)} ({html.escape(path)})</em></p>"
