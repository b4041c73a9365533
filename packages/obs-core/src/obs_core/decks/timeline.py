"""Time line decks: pieces of time, drawn as a Gantt chart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from obs_core import clock
from obs_core.decks.deck import Deck
from obs_core.failsafe import guarded
from obs_core.journal import records
from obs_core.rendering import render
from obs_core.report.bodies import extracted
from obs_core.values.gantt import Bar, Timeline

if TYPE_CHECKING:
    import datetime

    from obs_core.recording.run import TaskState


class _TimeInfo(list[dict[str, Any]]):
    """What a deck draws, which only grows: bars are written to the journal at once."""

    def __init__(self, deck: TimeLineDeck) -> None:
        super().__init__()
        self._append = deck.append_time_info

    def append(self, info: dict[str, Any]) -> None:
        self._append(info)

    def extend(self, infos: Iterable[dict[str, Any]]) -> None:
        for info in infos:
            self._append(info)

    def __iadd__(self, infos: Any) -> Any:  # type: ignore[misc]  # `__add__` gives another list
        self.extend(infos)
        return self

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("bars of a TimeLineDeck cannot be changed or removed, only appended: they are written already")

    insert = __setitem__ = __delitem__ = __imul__ = pop = remove = clear = sort = reverse = _refuse


class TimeLineDeck(Deck):
    """A deck that draws pieces of time as a Gantt chart, with wall and process time in a table below.

    HTML is made only when `html` is read or the deck is published, from everything known by then.

    Args:
        name: The tab's title.
        html: Content shown above the chart.
        auto_add_to_deck: As for `Deck`.

    Attributes:
        time_info: What was given to `append_time_info`, in order; what is appended here is drawn too.

    Examples:
        >>> from datetime import datetime
        >>> timeline, start = TimeLineDeck("Steps"), datetime.now()
        >>> timeline.append_time_info({"Start": start, "Finish": datetime.now(), "Name": "Operation A"})
    """

    __slots__ = ("_bars", "_shows_spans", "time_info")

    def _set_up(self, task: TaskState, name: str) -> None:
        super()._set_up(task, name)
        self._bars: list[Bar] = []
        self.time_info: list[dict[str, Any]] = _TimeInfo(self)
        self._shows_spans = False

    def append_time_info(self, info: dict[str, Any]) -> None:
        """Add a bar.

        Args:
            info: ``"Name"`` (str); ``"Start"`` and ``"Finish"`` (datetime; without a time zone they are local time), or
                one of both and ``"WallTime"`` (seconds), or ``"WallTime"`` alone for what ends now; and optionally
                ``"ProcessTime"`` (seconds of CPU time).

        Raises:
            ValueError: A key is missing, it finishes before it starts, or it is beyond the years 1678 to 2262, which 64
                bits of nanoseconds hold.
            TypeError: A value is of the wrong type.
        """
        bar = _bar(info)
        if not self._task.enable_deck:
            return
        self._bars.append(bar)
        list.append(self.time_info, info)
        with guarded(f"appending to deck {self.name!r}"):
            journal = self._task.journal
            self.announce()
            row = (bar.name, bar.start, bar.finish, bar.process_time)
            journal.append(records.DeckTimes(self.ref_in(journal), journal.now(), [row]))

    def _shown_items(self) -> list[str]:
        drawn = self._drawn()
        return [*self._items, drawn] if drawn else list(self._items)

    def _drawn(self) -> str:
        bars = list(self._bars)
        note = ""
        spans = self._task.bars
        if spans is not None and self._shows_spans:
            bars = [*spans.bars(), *bars]
            note = "" if spans.total <= len(bars) else f"The longest {len(bars):,} of {spans.total:,} spans."
        if not bars:
            return ""
        return extracted(render(Timeline(bars, note)), self._bodies)


def own_timeline(task: TaskState) -> TimeLineDeck:
    """Return the time line that is filled from a task's own spans, made when it is first asked for."""
    for deck in task.decks:
        if isinstance(deck, TimeLineDeck) and deck._shows_spans:
            return deck
    made: TimeLineDeck = TimeLineDeck.of(task, "Timeline")
    made._shows_spans = True
    return made


def _bar(info: dict[str, Any]) -> Bar:
    missing = [key for key in ("Start", "Finish", "Name") if key not in info]
    if "Name" in missing or (missing and "WallTime" not in info):
        raise ValueError(f"time info needs Start, Finish and Name; {', '.join(missing)} missing in {info!r}")
    if not isinstance(info["Name"], str):
        raise TypeError(f"the Name of time info must be a string, not {info['Name']!r}")
    wall_time = int(float(info.get("WallTime") or 0) * 1e9)
    if "Start" in info:
        start = _nanoseconds(info, "Start")
        finish = _nanoseconds(info, "Finish") if "Finish" in info else start + wall_time
    else:
        finish = _nanoseconds(info, "Finish") if "Finish" in info else clock.epoch()
        start = finish - wall_time
    if finish < start:
        raise ValueError(f"{info['Name']!r} finishes before it starts: {info!r}")
    seconds = info.get("ProcessTime")
    process_time = None if seconds is None else int(float(seconds) * 1e9)
    if not all(-_LARGEST <= number < _LARGEST for number in (start, finish, process_time or 0)):
        raise ValueError(f"{info['Name']!r} is beyond the years 1678 to 2262: {info!r}")
    return Bar(name=info["Name"], start=start, finish=finish, process_time=process_time)


_LARGEST = 2**63
"""Nanoseconds that an integer of 64 bits holds."""


def _nanoseconds(info: dict[str, Any], key: str) -> int:
    import datetime

    moment: datetime.datetime = info[key]
    if not isinstance(moment, datetime.datetime):
        raise TypeError(f"the {key} of time info must be a datetime, not {type(moment).__name__}: {moment!r}")
    whole = moment.replace(microsecond=0).timestamp()
    return int(whole) * 1_000_000_000 + moment.microsecond * 1000
