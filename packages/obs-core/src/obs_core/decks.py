"""Decks: the named tabs of a task's report."""

from __future__ import annotations

import enum
import html
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from obs_core.context import current_context
from obs_core.failsafe import guarded
from obs_core.journal import records
from obs_core.rendering import render
from obs_core.report.shared import extract, restore
from obs_core.store.base import blob_path
from obs_core.store.content import compressed, digest_of, masked_bytes

if TYPE_CHECKING:
    import datetime

    from obs_core.context import TaskContext
    from obs_core.gantt import Bar
    from obs_core.journal.writer import Journal

__all__ = ["Deck", "DeckField", "TimeLineDeck", "Timeline"]

_LARGE = 16 * 1024
"""Characters from which an item is kept in a file of its own instead of a line of the journal."""

_MAY_SHARE = 4096
"""Characters below which nothing in an item is worth keeping apart."""

_shared: dict[str, str] = {}
"""Large scripts and styles of this process's decks by hash: one copy, however many items hold them."""


class DeckField(enum.StrEnum):
    """The decks that a task gets by itself."""

    INPUT = "Input"
    OUTPUT = "Output"
    SOURCE_CODE = "Source Code"
    TIMELINE = "Timeline"
    DEPENDENCIES = "Dependencies"


class Timeline(Struct, frozen=True):
    """What a time line deck draws; the type for which a renderer of time lines is registered.

    Attributes:
        bars: Named pieces of time.
        note: What the reader should know about them, such as how many there were in all.
    """

    bars: list[Bar]
    note: str = ""

    def _repr_html_(self) -> str:
        from obs_core.gantt import render_gantt

        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return note + render_gantt(self.bars)


class Deck:
    """A named tab of the current task's report, holding HTML in the order in which it was appended.

    Two decks of one name are two tabs. With decks disabled (``enable_deck=False`` or ``OBS_ENABLE_DECK=0``)
    nothing is rendered or kept.

    Args:
        name: The tab's title.
        html: Its first content; as for `append`.
        auto_add_to_deck: Add it to the current task. Otherwise it is shown once it is appended to
            ``current_context().decks``.

    Raises:
        TypeError: The name is not a string.

    Examples:
        >>> deck = Deck("Quality")
        >>> deck.append("<h2>Rows</h2>").append(frame)
    """

    __slots__ = ("_context", "_items", "_keeps", "_number", "name")

    def __init__(self, name: str, html: Any = "", auto_add_to_deck: bool = True) -> None:
        self._set_up(current_context(), name)
        if auto_add_to_deck:
            self._join_context()
        if not (isinstance(html, str) and html == ""):
            self.append(html)

    def _set_up(self, context: TaskContext, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a deck's name must be a string, not {type(name).__name__}: {name!r}")
        self._context = context
        self._items: list[str] = []
        self._keeps = True
        self._number = 0
        self.name = name

    def _join_context(self) -> None:
        """Be a tab of the task. An engine's worker, which runs many parts of it, does not hold the decks of all."""
        if not self._context.source:
            self._context.decks.append(self)
        self._announce()

    @classmethod
    def _for(cls, context: TaskContext, name: str) -> Any:
        """Make a deck of a given task rather than of the current one."""
        deck = cls.__new__(cls)
        deck._set_up(context, name)
        deck._join_context()
        deck._keeps = not context.source
        return deck

    def append(self, html: Any) -> Deck:
        """Add content at the end.

        Args:
            html: HTML as a string; or any other object, which is rendered by the renderer registered for its
                type, and shown as its escaped ``repr`` if there is none.

        Returns:
            The deck itself.
        """
        context = self._context
        if not context.enable_deck:
            return self
        if not isinstance(html, str):
            html = render(html)
        if len(html) > _MAY_SHARE:
            self._append_large(html)
            return self
        if self._keeps:
            self._items.append(html)
        if self._number:
            context.append((self, html))
            if not len(self._items) & 4095:
                context.journal.relieve()
        return self

    @property
    def html(self) -> str:
        """Everything appended so far, as one string."""
        return "\n".join(restore(item, _shared.__getitem__) for item in self._current_items())

    @staticmethod
    def publish() -> None:
        """Write the current task's report now, while it runs; done by itself when the task ends."""
        from obs_core.publishing import publish

        publish(current_context())

    def _repr_html_(self) -> str:
        from obs_core.report import render_notebook

        return render_notebook(self.name, self._current_items(), _shared.get)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, items={len(self._items)})"

    @property
    def source(self) -> str:
        """The worker whose code appends to it; empty in the task's own process."""
        return self._context.source

    def ref_in(self, journal: Journal) -> records.Ref:
        """Name this deck in a journal's records."""
        return journal.ref(self._number)

    def _current_items(self) -> list[str]:
        return list(self._items)

    def _announce(self) -> None:
        """Write this deck to the journal, with what it holds by now, unless that is done."""
        context = self._context
        if self._number or not context.enable_deck:
            return
        self._number = context.next_number()
        context.append(records.DeckMade(self._number, context.own_ref(), self.name))
        for item in self._items:
            self._journal_item(item, ())

    def _append_large(self, html: str) -> None:
        item, bodies = extract(html)
        _shared.update(bodies)
        if self._keeps:
            self._items.append(item)
        if self._number:
            with guarded(f"keeping an item of deck {self.name!r}", self._context.note):
                self._journal_item(item, tuple(bodies))

    def _journal_item(self, item: str, digests: tuple[str, ...]) -> None:
        journal = self._context.journal
        for digest in digests:
            journal.put_shared(digest, masked_bytes(_shared[digest]))
        if len(item) <= _LARGE:
            items = records.DeckItems(self.ref_in(journal), journal.now(), [item], list(digests), self.source)
            journal.append(items)
            return
        content = masked_bytes(item)
        path = blob_path(journal.execution_id, digest_of(content))
        journal.put(path, compressed(content))
        journal.append(records.DeckBlob(self.ref_in(journal), journal.now(), path, list(digests), self.source))

    def _append_stored(self, html: str, path: str) -> None:
        """Add an item that the store holds already (source code, dependencies)."""
        self._items.append(html)
        if self._number:
            journal = self._context.journal
            journal.append(records.DeckBlob(self.ref_in(journal), journal.now(), path))


class TimeLineDeck(Deck):
    """A deck that draws pieces of time as a Gantt chart, with wall and process time in a table below.

    HTML is made only when `html` is read or the deck is published, from everything known by then.

    Args:
        name: The tab's title.
        html: Content shown above the chart.
        auto_add_to_deck: As for `Deck`.

    Examples:
        >>> timeline = TimeLineDeck("Steps")
        >>> timeline.append_time_info({"Start": began, "Finish": ended, "Name": "Operation A"})
    """

    __slots__ = ("_bars",)

    def _set_up(self, context: TaskContext, name: str) -> None:
        super()._set_up(context, name)
        self._bars: list[Bar] = []

    def append_time_info(self, info: dict[str, Any]) -> None:
        """Add a bar.

        Args:
            info: ``"Start"`` and ``"Finish"`` (datetime; without a time zone they are local time),
                ``"Name"`` (str), and optionally ``"ProcessTime"`` (seconds of CPU time).

        Raises:
            ValueError: A key is missing, or it finishes before it starts.
            TypeError: A value is of the wrong type.
        """
        bar = _bar(info)
        if not self._context.enable_deck:
            return
        self._bars.append(bar)
        journal = self._context.journal
        self._announce()
        row = (bar.name, bar.start, bar.finish, bar.process_time)
        journal.append(records.DeckTimes(self.ref_in(journal), journal.now(), [row]))

    def _current_items(self) -> list[str]:
        drawn = self._drawn()
        return [*self._items, drawn] if drawn else list(self._items)

    def _drawn(self) -> str:
        bars = list(self._bars)
        note = ""
        spans = self._context.bars
        if spans is not None and self is self._context._timeline_deck:
            bars = [*spans.bars(), *bars]
            note = "" if spans.total <= len(bars) else f"The longest {len(bars):,} of {spans.total:,} spans."
        if not bars:
            return ""
        item, bodies = extract(render(Timeline(bars, note)))
        _shared.update(bodies)
        return item


def _bar(info: dict[str, Any]) -> Bar:
    from obs_core.gantt import Bar

    missing = [key for key in ("Start", "Finish", "Name") if key not in info]
    if missing:
        raise ValueError(f"time info needs Start, Finish and Name; {', '.join(missing)} missing in {info!r}")
    if not isinstance(info["Name"], str):
        raise TypeError(f"the Name of time info must be a string, not {info['Name']!r}")
    start, finish = _nanoseconds(info, "Start"), _nanoseconds(info, "Finish")
    if finish < start:
        raise ValueError(f"{info['Name']!r} finishes before it starts: {info['Start']} to {info['Finish']}")
    seconds = info.get("ProcessTime")
    return Bar(
        name=info["Name"],
        start=start,
        finish=finish,
        process_time=None if seconds is None else int(float(seconds) * 1e9),
    )


def _nanoseconds(info: dict[str, Any], key: str) -> int:
    import datetime

    moment: datetime.datetime = info[key]
    if not isinstance(moment, datetime.datetime):
        raise TypeError(f"the {key} of time info must be a datetime, not {type(moment).__name__}: {moment!r}")
    whole = moment.replace(microsecond=0).timestamp()
    return int(whole) * 1_000_000_000 + moment.microsecond * 1000


def shared_body(digest: str) -> str | None:
    """Return the body of a large script or style of this process's decks, as a report may show it."""
    from obs_core.secrets import mask

    body = _shared.get(digest)
    return None if body is None else mask(body)
