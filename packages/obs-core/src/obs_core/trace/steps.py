"""The critical path in few steps: those of its spans that have one name and one way from the root are one."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from obs_core.trace.critical_path import critical_path
from obs_core.trace.tree import SpanTree

__all__ = ["Steps"]


class Steps:
    """The steps of a critical path, those of one name under one name added up.

    Attributes:
        times: Nanoseconds that each contributes.
        starts: When the first span of each started.
        counts: How many spans contribute.
        taken: The steps that contribute anything.
        open: Those of them in which a span is still open.
        around_open: Those in which a span has ended, and what is a part of it is still open.
    """

    def __init__(self, tree: SpanTree, root: int) -> None:
        self._tree, self._root = tree, root
        self._keys: dict[tuple[int, str], int] = {}
        self._known: dict[int, int] = {}
        self._names: list[tuple[int, str]] = []
        self.counts: list[int] = []
        self.times: list[int] = []
        self.starts: list[int] = []
        self._known[root] = self._numbered(-1, tree.families[root])
        parents, families, starts = tree.parents, tree.families, tree.table.starts
        self.open: set[int] = set()
        self.around_open: set[int] = set()
        still_open, around_open = tree.table.open, tree.around_open
        last_parent, last_family, step = -2, "", 0  # a loop's million steps have one parent and one name
        for span, contribution in critical_path(tree, root):
            if contribution:
                if parents[span] != last_parent or families[span] != last_family:
                    last_parent, last_family, step = parents[span], families[span], self._step(span)
                self.times[step] += contribution
                self.counts[step] += 1
                if still_open and span in still_open:
                    self.open.add(step)
                elif around_open and span in around_open:
                    self.around_open.add(step)
                self.starts[step] = starts[span]  # the path goes back in time: the last is the first
        self.taken = [step for step, time in enumerate(self.times) if time]

    def foremost(self, most: int = 15) -> list[int]:
        """Return the steps that contribute most, in the order in which they started."""
        longest = heapq.nlargest(most, self.taken, key=self.times.__getitem__)
        return sorted(longest, key=lambda step: (self.starts[step], step))

    def names(self, step: int) -> Iterator[str]:
        """Go from a step up to the one below the root: the name of each."""
        above, name = self._names[step]
        yield name
        while above > 0:
            above, name = self._names[above]
            yield name

    def _step(self, span: int) -> int:
        """Find the step that a span belongs to; parents are remembered, the many leaves are not."""
        if span == self._root:
            return 0
        above = self._known.get(self._tree.parents[span])
        if above is None:
            above = self._remembered(self._tree.parents[span])
        return self._numbered(above, self._tree.families[span])

    def _remembered(self, span: int) -> int:
        below = []
        while span not in self._known:
            below.append(span)
            span = self._tree.parents[span]
        step = self._known[span]
        for one in reversed(below):
            step = self._known[one] = self._numbered(step, self._tree.families[one])
        return step

    def _numbered(self, above: int, name: str) -> int:
        step = self._keys.setdefault((above, name), len(self._names))
        if step == len(self._names):
            self._names.append((above, name))
            self.counts.append(0)
            self.times.append(0)
            self.starts.append(0)
        return step
