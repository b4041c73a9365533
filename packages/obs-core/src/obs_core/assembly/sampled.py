"""What samplers saw of the processes of an execution: series of numbers, stacks, profiles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, MutableSequence
from typing import Any

from obs_core.assembly.writers import Writer
from obs_core.journal import records
from obs_core.model import Call, DeckView, SeenStack, Series, ThreadStack

__all__ = ["HANDLERS", "SampledAssembly", "add_sampled_deck"]

_MOST_NAMES = 1_000
"""Quantities of one writer that are taken; what is beyond is no sampler's."""

_TIMELINE = "Timeline"

_DEEPEST = 10_000
"""Calls of a stack; a journal in which calls stand in a circle is damaged."""


class SampledAssembly:
    """What samplers saw, while the journal is read.

    Args:
        series: Gets the numbers, by writer and name.
    """

    def __init__(self, series: dict[str, dict[str, Series]]) -> None:
        self.series = series
        self._calls: dict[str, dict[int, tuple[int, Call]]] = defaultdict(dict)
        self._last: dict[str, tuple[Writer, records.Stacks]] = {}
        self._since: dict[str, dict[tuple[str, records.Ref | None, int], int]] = {}
        self._seen: dict[tuple[str, str, str | None, int, int], list[int]] = {}

    def take_sample(self, writer: Writer, record: records.Sample) -> None:
        """Add numbers."""
        of_writer = self.series.setdefault(writer.name, {})
        for name, value in record.values.items():
            if name not in of_writer and len(of_writer) >= _MOST_NAMES:
                continue
            series = of_writer.setdefault(name, Series())
            series.times.append(record.at + writer.epoch)
            series.values.append(value)

    def take_calls(self, writer: Writer, record: records.Calls) -> None:
        """Add calls that stacks are made of."""
        known = self._calls[writer.name]
        for number, (around, function, file, line) in enumerate(record.calls, record.first):
            known[number] = around, Call(function, file, line)

    def take_stacks(self, writer: Writer, record: records.Stacks) -> None:
        """Keep what threads were doing last, and since when each of them was seen doing just that."""
        self._last[writer.name] = writer, record
        before = self._since.get(writer.name, {})
        self._since[writer.name] = {row: before.get(row, record.at) for row in record.threads}

    def take_profile(self, writer: Writer, record: records.Profile) -> None:
        """Add to how often stacks were seen."""
        for thread, scope, call, seen, running in record.seen:
            span = None if scope is None else writer.global_ref(scope)
            counts = self._seen.setdefault((writer.name, thread, span, call, record.interval), [0, 0])
            counts[0] += seen
            counts[1] += running

    def __bool__(self) -> bool:
        """Tell whether anything was sampled."""
        return bool(self.series or self._seen)

    @property
    def has_profile(self) -> bool:
        """Whether a profiler saw any stacks."""
        return bool(self._seen)

    def last_stacks(self) -> Iterator[ThreadStack]:
        """Give what each thread was doing when its process was last looked at."""
        for name, (writer, record) in self._last.items():
            for row in record.threads:
                thread, scope, call = row
                span = None if scope is None else writer.global_ref(scope)
                since = self._since[name][row] + writer.epoch
                yield ThreadStack(name, thread, record.at + writer.epoch, span, self._stack(name, call), since)

    def seen_stacks(self) -> Iterator[SeenStack]:
        """Give the stacks that profilers saw, those of one thread, span and line added up."""
        for (writer, thread, span, call, interval), (seen, running) in self._seen.items():
            yield SeenStack(writer, thread, span, tuple(self._stack(writer, call)), seen, running, interval)

    def _stack(self, writer: str, innermost: int) -> list[Call]:
        """Return calls, the innermost last; those around a call that was not read are missing."""
        known, calls, number = self._calls[writer], list[Call](), innermost
        while number in known and len(calls) < _DEEPEST:
            number, call = known[number]
            calls.append(call)
        calls.reverse()
        return calls


def add_sampled_deck(decks: MutableSequence[DeckView], name: str, html: str) -> None:
    """Add a tab of what was sampled, behind the time line, unless there is one of this name already.

    What is sampled for the time line itself is shown below its chart, if there is one.
    """
    names = [deck.name for deck in decks]
    timeline = names.index(_TIMELINE) if _TIMELINE in names else -1
    if name == _TIMELINE:
        if timeline >= 0:
            decks[timeline].items = [*decks[timeline].items, html]
    elif name not in names:
        decks.insert(timeline + 1 if timeline >= 0 else len(names), DeckView(name, [html]))


HANDLERS: dict[type[records.Record], Any] = {
    records.Sample: SampledAssembly.take_sample,
    records.Calls: SampledAssembly.take_calls,
    records.Stacks: SampledAssembly.take_stacks,
    records.Profile: SampledAssembly.take_profile,
}
"""What takes in which record."""
