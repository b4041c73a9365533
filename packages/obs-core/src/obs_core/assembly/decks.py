"""Collect what the writers of an execution appended to its decks: data, nothing drawn, no file read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from obs_core.assembly.writers import Writer
from obs_core.journal import records
from obs_core.model import Verdict

__all__ = ["CollectedDeck", "DeckAssembly", "DeckItem"]

_TimeRow = tuple[str, int, int, int | None]
"""A bar: name, start and finish in nanoseconds since the epoch, process time in nanoseconds."""


class DeckItem(Struct):
    """An item of a deck.

    Attributes:
        at: When it was appended, nanoseconds since the epoch.
        source: The engine's worker that appended it; empty for the task itself.
        content: Its HTML, or the record of the file that holds it.
    """

    at: int
    source: str
    content: str | records.DeckBlob


class CollectedDeck(Struct):
    """A deck, with what all writers appended to it.

    Attributes:
        name: The tab's title; empty if its beginning was not read.
        task: The global name of its task; empty likewise.
        items: What was appended, in no order.
        bars: Bars of a time line.
        verdicts: What the checks found that it shows.
    """

    name: str
    task: str
    items: list[DeckItem] = field(default_factory=list)
    bars: list[_TimeRow] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)

    @property
    def of_workers(self) -> bool:
        """Whether all that it holds was appended by an engine's workers."""
        return bool(self.items) and all(item.source for item in self.items)

    def add(self, writer: Writer, at: int, source: str, contents: Iterable[str | records.DeckBlob]) -> None:
        """Add what one record holds; what a writer appended stays in the order in which it did, whatever its clock."""
        at = self.last[writer.name] = max(at + writer.epoch, self.last.get(writer.name, 0))
        self.items.extend(DeckItem(at, source, content) for content in contents)


class DeckAssembly:
    """The decks of an execution while its journal is read."""

    def __init__(self) -> None:
        self._decks: dict[str, CollectedDeck] = {}

    def take_deck(self, writer: Writer, record: records.DeckMade) -> None:
        """Add a deck."""
        deck = self._deck_of(writer, record.number)  # another writer's items may have been read first
        deck.name, deck.task = record.name, writer.global_ref(record.task)

    def take_items(self, writer: Writer, record: records.DeckItems) -> None:
        """Add items that stand in the journal."""
        self._deck_of(writer, record.deck).add(writer, record.at, record.source, record.items)

    def take_blob(self, writer: Writer, record: records.DeckBlob) -> None:
        """Add an item that is kept in a file; its record names its deck as the whole execution does from here on."""
        deck = self._deck_of(writer, record.deck)
        record.deck = writer.global_ref(record.deck)
        deck.add(writer, record.at, record.source, [record])

    def take_times(self, writer: Writer, record: records.DeckTimes) -> None:
        """Add bars of a time line."""
        self._deck_of(writer, record.deck).bars.extend(record.bars)

    def take_verdict(self, writer: Writer, record: records.VerdictMade) -> None:
        """Add what a check found."""
        if record.deck is not None:
            self._deck_of(writer, record.deck).verdicts.append(Verdict(record.outcome, record.what))

    def name_of(self, writer: Writer, ref: records.Ref | None) -> str:
        """Return the name of a deck, as far as it is known; empty for none."""
        deck = None if ref is None else self._decks.get(writer.global_ref(ref))
        return "" if deck is None else deck.name

    def by_task(self) -> Mapping[str, list[CollectedDeck]]:
        """Return all decks by their task's global name: those of the task's own process as they were made, then others.

        What workers made of a name for a task is one deck, with the task's own of that name if it has one.
        """
        found: dict[str, list[CollectedDeck]] = {}
        named: dict[tuple[str, str], CollectedDeck] = {}
        for _, deck in sorted(self._decks.items(), key=_place):
            known = named.setdefault((deck.task, deck.name), deck)
            if known is deck or not deck.of_workers:
                found.setdefault(deck.task, []).append(deck)
            else:
                known.items.extend(deck.items)
                known.bars.extend(deck.bars)
                known.verdicts.extend(deck.verdicts)
        return found

    def _deck_of(self, writer: Writer, ref: records.Ref) -> CollectedDeck:
        return self._decks.setdefault(writer.global_ref(ref), CollectedDeck("", ""))


def _place(named: tuple[str, CollectedDeck]) -> tuple[bool, bool, int, str, int]:
    """Order decks in a way that does not hang on which writer's records were read first."""
    ref, deck = named
    writer, _, number = ref.rpartition(".")
    of_others = deck.task.partition(".")[0] != writer
    began = deck.items[0].at if of_others and deck.items else 0
    order = int(number) if number.isascii() and number.isdecimal() and len(number) < 20 else -1  # no writer's of ours
    return deck.of_workers, of_others, began, writer, order


HANDLERS: dict[type[records.Record], Any] = {
    records.DeckMade: DeckAssembly.take_deck,
    records.DeckItems: DeckAssembly.take_items,
    records.DeckBlob: DeckAssembly.take_blob,
    records.DeckTimes: DeckAssembly.take_times,
}
"""What takes in which record."""
