"""The tree in a table of spans: children in start order, ends and self times, for a million spans in a few passes."""

from __future__ import annotations

import functools
import itertools
import operator
import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from obs_core.model import SpanTable, Status

_NUMBER = re.compile(r"[0-9]+")
_MANY_NAMES = 200


class SpanTree:
    """What every look at an execution's spans needs, worked out once and shared by all views of it.

    Lists and arrays only: no object is made per span.

    Args:
        table: The spans. A table without any is taken as one whose root is the execution itself.
    """

    def __init__(self, table: SpanTable) -> None:
        self.table = table if table.ids else _with_root(table)

    def __len__(self) -> int:
        return len(self.table.ids)

    def status(self, span: int) -> Status:
        """Return how a span stands; one that is open although its execution has ended is lost."""
        table = self.table
        if span == 0:
            return table.execution.status
        if span in table.errors:
            return "failed"
        if span not in table.open:
            return "succeeded"
        return "running" if table.execution.status == "running" else "lost"

    @functools.cached_property
    def parents(self) -> Sequence[int]:
        """The parent of each span; a span whose parent is not in the table hangs on the root."""
        given, count = self.table.parents, len(self)
        if given[0] == -1 and all(0 <= parent < count for parent in given[1:]):
            return given
        return [-1, *(parent if 0 <= parent < count else 0 for parent in given[1:])]

    @functools.cached_property
    def ends(self) -> list[int]:
        """When each span ended, in nanoseconds since the epoch."""
        return list(map(operator.add, self.table.starts, self.table.durations))

    @functools.cached_property
    def order(self) -> list[int]:
        """All spans in the order in which they started."""
        return sorted(range(len(self)), key=self.table.starts.__getitem__)

    def count(self, span: int) -> int:
        """Return how many operations an entry stands for."""
        counted = self.table.counted.get(span)
        return 1 if counted is None else counted.count

    def count_of(self, spans: Sequence[int]) -> int:
        """Return how many operations entries stand for together."""
        return sum(map(self.count, spans)) if self.table.counted else len(spans)

    @functools.cached_property
    def times(self) -> Sequence[int]:
        """Nanoseconds for which each entry ran: its duration, or the sum of those that it stands for."""
        counted = self.table.counted
        if not counted:
            return self.table.durations
        times = list(self.table.durations)
        for span, group in counted.items():
            times[span] = group.total
        return times

    def longest(self, span: int) -> int:
        """Return the duration of an entry, or the longest of those that it stands for."""
        counted = self.table.counted.get(span)
        return self.table.durations[span] if counted is None else counted.longest

    def children(self, span: int) -> Iterator[int]:
        """Go through the children of a span in the order in which they started."""
        following = self.next_siblings
        child = self.first_children[span]
        while child >= 0:
            yield child
            child = following[child]

    @functools.cached_property
    def families(self) -> list[str]:
        """The names under which spans are added up: their own, or where too many differ, without their numbers."""
        names = self.table.names
        if len(set(names)) <= _MANY_NAMES:
            return names
        without_numbers = functools.partial(_NUMBER.sub, "#")
        return [sys.intern(without_numbers(name)) for name in names]

    def has_children(self, span: int) -> bool:
        """Tell whether there is anything below a span."""
        return self.first_children[span] >= 0

    def walk(self, span: int) -> Iterator[int]:
        """Go through a span and all below it, parents before their children."""
        first, following = self.first_children, self.next_siblings
        pending = [span]
        while pending:
            at = pending.pop()
            yield at
            if at != span and following[at] >= 0:
                pending.append(following[at])
            if first[at] >= 0:
                pending.append(first[at])

    def size(self, span: int) -> int:
        """Return how many spans a span and all below it are, those included that are only counted.

        What obs did itself is none of the pipeline's, and not among them.
        """
        own = len(self.own_work(span))
        if not self.table.counted:
            return (len(self) if span == 0 else sum(1 for _ in self.walk(span))) - own
        return self.count_of([*self.below(span)]) - own

    @functools.cached_property
    def _own_work(self) -> list[int]:
        return [span for span, kind in enumerate(self.table.kinds) if kind == "obs"]

    def own_work(self, span: int) -> list[int]:
        """Return what obs did itself below a span: drawing, reports, what decorators begin and end."""
        if span == 0 or not self._own_work:
            return self._own_work
        return [one for one in self.walk(span) if self.table.kinds[one] == "obs"]

    def below(self, span: int) -> Iterable[int]:
        """Return a span and all below it in any order: the quick way when it is the root."""
        return range(len(self)) if span == 0 else self.walk(span)

    @functools.cached_property
    def outlasting(self) -> dict[int, list[int]]:
        """The engine's operations that ran on after the span in which they were submitted had ended.

        They are listed under the next span above that was still open at their end.
        """
        found: dict[int, list[int]] = {}
        parents, ends = self.parents, self.ends
        for span in itertools.chain(self.table.keys, self.table.counted):
            above = parents[span]
            while above > 0 and ends[above] < ends[span]:
                above = parents[above]
            if above != parents[span]:
                found.setdefault(max(above, 0), []).append(span)
        return found

    @functools.cached_property
    def self_times(self) -> list[int]:
        """Nanoseconds in which a span ran and none of its children did."""
        own = self._self_times(self.table.starts, self.ends)
        for span, group in self.table.counted.items():
            own[span] = group.total
        return own

    @functools.cached_property
    def around_open(self) -> set[int]:
        """The spans that have ended before a child of theirs did."""
        still_open = self.table.open
        return {self.parents[span] for span in still_open} - {-1, *still_open}

    def outside(self, root: int, spans: Iterable[int] | None = None) -> dict[int, int]:
        """Return for how many nanoseconds spans ran before or after another one: that is no part of its time.

        What is still running has no end to go on after.

        Args:
            root: The other one.
            spans: Which are asked for. Default: all below that one.
        """
        if root in self.table.open or self.status(root) == "running":
            return {}
        ends, starts, start, end = self.ends, self.table.starts, self.table.starts[root], self.ends[root]
        found = {
            span: ends[span] - starts[span] - max(min(ends[span], end) - max(starts[span], start), 0)
            for span in (self.below(root) if spans is None else spans)
            if ends[span] > end or starts[span] < start
        }
        for span in self.table.counted.keys() & found.keys():
            found[span] = found[span] * self.times[span] // max(self.table.durations[span], 1)
        return found

    def self_times_within(self, root: int) -> list[int]:
        """Return the self times as far as they lie within the time of a span."""
        outside = self.outside(root)
        if not outside:
            return self.self_times
        first, end = self.table.starts[root], self.ends[root]
        starts = [max(one, first) for one in self.table.starts]
        own = self._self_times(starts, [min(one, end) for one in self.ends])
        for span in self.table.counted:
            own[span] = self.times[span] - outside.get(span, 0)
        return own

    def _self_times(self, starts: Sequence[int], ends: list[int]) -> list[int]:
        parents = self.parents
        own = [max(end - start, 0) for start, end in zip(starts, ends, strict=True)]
        covered = list(starts)
        for span in self.order:
            parent = parents[span]
            if parent < 0:
                continue
            start, end = starts[span], ends[span]
            if start < covered[parent]:
                start = covered[parent]
            if end > ends[parent]:
                end = ends[parent]
            if start < end:
                own[parent] -= end - start
                covered[parent] = end
        return own

    @property
    def first_children(self) -> list[int]:
        """The first child of each span; -1 for none."""
        return self._links[0]

    @property
    def next_siblings(self) -> list[int]:
        """The next child of each span's parent; -1 for none."""
        return self._links[1]

    @functools.cached_property
    def _links(self) -> tuple[list[int], list[int]]:
        """First child and next sibling of each span; -1 for none."""
        first, following = [-1] * len(self), [-1] * len(self)
        parents = self.parents
        for span in reversed(self.order):
            parent = parents[span]
            if parent >= 0:
                following[span] = first[parent]
                first[parent] = span
        return first, following


def _with_root(table: SpanTable) -> SpanTable:
    execution = table.execution
    return SpanTable(
        execution=execution,
        ids=[execution.id],
        parents=[-1],
        names=[execution.name],
        kinds=["workflow"],
        starts=[execution.started],
        durations=[execution.duration],
        process_times=[0],
        open={0} if execution.status in ("running", "lost") else set(),
    )
