"""Decks: the named tabs of a task's report."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from obs_core import clock
from obs_core.failsafe import guarded, keep_away
from obs_core.journal import records
from obs_core.limits import limited
from obs_core.recording.here import innermost
from obs_core.recording.own_work import record_own_work
from obs_core.rendering import render
from obs_core.report.bodies import Body, extracted, raw_body
from obs_core.report.shared import MARK, references, restore
from obs_core.store.content import masked_bytes
from obs_core.text.verdicts import verdicts_in

if TYPE_CHECKING:
    from obs_core.journal.writer import Journal
    from obs_core.recording.run import TaskState


_LARGE = 16 * 1024
"""Characters from which an item is kept in a file of its own instead of a line of the journal."""


_NOTICEABLE = 100_000
"""Nanoseconds from which drawing a value is told in the trace."""

_MAY_SHARE = 4096
"""Characters below which nothing in an item is worth keeping apart."""


class DeckField(enum.StrEnum):
    """The decks that every task gets by default."""

    INPUT = "Input"
    OUTPUT = "Output"
    SOURCE_CODE = "Source Code"
    TIMELINE = "Timeline"
    DEPENDENCIES = "Dependencies"


class Deck:
    """A named tab of the current task's report, which shows HTML in the order you append it.

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
        >>> deck = Deck("Quality").append("<h2>Rows</h2>").append([3, -1, 4])
    """

    __slots__ = ("_bodies", "_draws_itself", "_items", "_keeps", "_settled", "_task", "name", "number", "verdicts")

    def __init__(self, name: str, html: Any = "", auto_add_to_deck: bool = True) -> None:
        self._set_up(innermost().task, name)
        if auto_add_to_deck:
            self._join_context()
        if type(html) is not str or html:
            self.append(html)

    def _set_up(self, task: TaskState, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a deck's name must be a string, not {type(name).__name__}: {name!r}")
        self._task = task
        self._items: list[str] = []
        self._bodies: dict[str, Body] = {}
        self._keeps = True
        self._settled = False
        self._draws_itself = type(self).html is not Deck.html
        self.number = 0
        self.name = name
        self.verdicts: list[tuple[str, str]] = []

    def _join_context(self) -> None:
        """Be a tab of the task. An engine's worker, which runs many parts of it, does not hold the decks of all."""
        try:
            if not self._task.source:
                decks = self._task.decks
                for earlier in reversed(decks):  # one that was made without a tab, and appended by its user
                    if earlier.number or not self._task.enable_deck:
                        break
                    earlier.announce()
                decks.append(self)
            self.announce()
        except BaseException as error:
            keep_away(error, f"adding deck {self.name!r}")

    @classmethod
    def of(cls, task: TaskState, name: str) -> Any:
        """Make a deck of a given task rather than of the current one.

        Args:
            task: The task.
            name: The title of the deck's tab.
        """
        deck = cls.__new__(cls)
        deck._set_up(task, name)
        deck._join_context()
        deck._keeps = not task.source
        return deck

    def append(self, html: Any) -> Deck:
        """Add content at the end.

        Args:
            html: HTML as a string; or any other object, which is rendered by the renderer registered for its
                type, and shown as its escaped ``repr`` if there is none.

        Returns:
            The deck itself.
        """
        task = self._task
        if not task.enable_deck:
            return self
        try:
            if type(html) is not str:
                # A subclass of str may do anything when it is asked for its length.
                html = str.__str__(html) if issubclass(type(html), str) else self._draw(html)
            for verdict in verdicts_in(html):
                self._take_verdict(*verdict)
            if len(html) > _MAY_SHARE or MARK in html:
                self._append_large(html)
                return self
            if self._keeps:
                self._items.append(html)
            if self.number and not self._draws_itself:
                task.append((self, clock.wall(), html))
                if not len(self._items) & 4095:
                    task.journal.relieve()
        except BaseException as error:
            keep_away(error, f"appending to deck {self.name!r}")
        return self

    def _draw(self, value: Any) -> str:
        """Draw a value, which is obs's own work in the time of the function that appends it."""
        task = self._task
        begun, cpu = clock.wall(), clock.process()
        try:
            return render(value)
        finally:
            if clock.wall() - begun >= _NOTICEABLE and not task.at_own_work:
                here = innermost()
                record_own_work(task, "obs: draw for a deck", begun, cpu, here if here.task is task else task)

    @property
    def html(self) -> str:
        """Everything appended so far, as one string. A subclass may override it."""
        return "\n".join(restore(item, lambda digest: raw_body(digest) or "") for item in self._shown_items())

    @staticmethod
    def publish() -> None:
        """Write the current task's report as a file now, while it runs; it is written again when the task ends."""
        task = innermost().task
        with guarded("publishing the report", task.note):  # the import too may fail: no descriptor may be left
            from obs_core.recording.publishing import publish

            publish(task)

    def _repr_html_(self) -> str:
        from obs_core.decks.notebook_cells import brought_here
        from obs_core.report import render_notebook

        return render_notebook(self.name, self.current_items(), raw_body, brought_here())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, items={len(self._items)})"

    @property
    def source(self) -> str:
        """The worker whose code appends to it; empty in the task's own process."""
        return self._task.source

    def ref_in(self, journal: Journal) -> records.Ref:
        """Name this deck in a journal's records.

        Args:
            journal: The journal; another writer's names the deck with its writer.
        """
        return journal.ref(self.number)

    def current_items(self) -> list[str]:
        """Return its current items, with references in place of large scripts and styles."""
        if not self._draws_itself:
            return self._shown_items()
        drawn = ""
        with guarded(f"drawing deck {self.name!r}", self._task.note):
            drawn = extracted(limited(lambda: str(self.html)), self._bodies)
        return [drawn] if drawn else []

    def settle(self) -> None:
        """Write to the journal what only the deck itself knows that it shows, once its task has ended."""
        if self._draws_itself and self.number and not self._settled:
            self._settled = True
            for item in self.current_items():
                self._journal_item(item)

    def _shown_items(self) -> list[str]:
        return list(self._items)

    def announce(self) -> None:
        """Write this deck and its current content to the journal, unless that has been done."""
        task = self._task
        if self.number or not task.enable_deck:
            return
        task.journal.relieve()
        self.number = task.next_number()
        task.append(records.DeckMade(self.number, task.own_ref(), self.name))
        for verdict in self.verdicts:
            self._journal_verdict(*verdict)
        for item in () if self._draws_itself else self._items:
            self._journal_item(item)

    def _take_verdict(self, outcome: str, what: str) -> None:
        if self._keeps:
            self.verdicts.append((outcome, what))
        if self.number:
            self._journal_verdict(outcome, what)

    def _journal_verdict(self, outcome: str, what: str) -> None:
        journal = self._task.journal
        self._task.run.verdicts.add(outcome, self.name, what)
        journal.append(records.VerdictMade(self.ref_in(journal), journal.now(), outcome, what))

    def _append_large(self, html: str) -> None:
        bodies = self._bodies if self._keeps else {}
        item = extracted(html, bodies)
        if self._keeps:
            self._items.append(item)
        if self.number and not self._draws_itself:
            with guarded(f"keeping an item of deck {self.name!r}", self._task.note):
                self._journal_item(item)

    def _journal_item(self, item: str) -> None:
        journal = self._task.journal
        bodies = {digest: body for digest in sorted(references(item)) if (body := raw_body(digest)) is not None}
        for digest, body in bodies.items():
            journal.put_shared(digest, masked_bytes(body))
        if len(item) <= _LARGE:
            items = records.DeckItems(self.ref_in(journal), journal.now(), [item], list(bodies), self.source)
            journal.append(items)
            return
        content = masked_bytes(item)
        path = journal.put_blob(content)
        journal.append(records.DeckBlob(self.ref_in(journal), journal.now(), path, list(bodies), self.source))

    def append_stored(self, html: str, path: str) -> None:
        """Add an item that the store holds already (source code, dependencies).

        Args:
            html: The item.
            path: Where the store holds it.
        """
        self._items.append(html)
        if self.number:
            journal = self._task.journal
            journal.append(records.DeckBlob(self.ref_in(journal), journal.now(), path))
