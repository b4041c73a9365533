"""The critical path: the chain of spans that determined when the root ended."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from obs_core.trace.tree import SpanTree

_SLIVER = 1_000
"""Nanoseconds of a gap that are left open rather than filled from entries that stand for several operations."""


def critical_path(tree: SpanTree, root: int) -> Iterable[tuple[int, int]]:
    """Walk back from the end of a span: through the child that finished last, then what had finished before it.

    A child that was still running when the next link of the chain began did not hold it up, so it is not in the chain.
    What the clocks put outside the parent's time is cut off.

    Where an engine ran operations the chain goes through these, and through the other children only where it leaves
    time open: they wait for the operations most of the time. Entries that stand for several operations fill what is
    still open then, as far as those could: a tenth of it if they ran for a tenth of the time between first and last.

    Args:
        tree: The spans.
        root: Where to begin.

    Returns:
        Each span of the chain and its contribution in nanoseconds: the time in which no child of it is in the chain.
        Latest first, children before their parents. The contributions add up to the root's duration.
    """
    if not tree.table.keys and not tree.table.counted:
        return _walk(tree, root)
    contributions: dict[int, int] = {}  # what fills several gaps comes once for each
    for span, contribution in _walk(tree, root):
        contributions[span] = contributions.get(span, 0) + contribution
    return contributions.items()


def _walk(tree: SpanTree, root: int) -> Iterator[tuple[int, int]]:
    path = [_Link(tree, root, tree.table.starts[root], tree.ends[root])]
    first_children, outlasting = tree.first_children, tree.outlasting
    while path:
        link = path[-1]
        for child, start, end in link.chain:
            link.contribution -= end - start
            if first_children[child] >= 0 or child in outlasting:
                path.append(_Link(tree, child, start, end))
                break
            yield child, end - start
        else:
            path.pop()
            yield link.span, link.contribution


_Piece = tuple[int, int, int]
"""A span in a chain, and from when to when it counts."""


class _Link:
    """A span of the chain that has children, and how far they have been gone through.

    Attributes:
        contribution: Nanoseconds that no child in the chain has accounted for so far.
        chain: The children in the chain that are still to come, latest first, with the part of them that counts.
    """

    __slots__ = ("chain", "contribution", "span")

    def __init__(self, tree: SpanTree, span: int, start: int, end: int) -> None:
        self.span = span
        self.contribution = end - start
        self.chain = _through(tree, span, start, end)


def _through(tree: SpanTree, span: int, begin: int, reached: int) -> Iterator[_Piece]:
    """Choose the children in the chain of a span, going back in time."""
    keys, counted = tree.table.keys, tree.table.counted
    if not keys and not counted:
        return _chain(tree, tree.children(span), begin, reached)
    operations: list[int] = []
    groups: list[int] = []
    others: list[int] = []
    for child in itertools.chain(tree.children(span), tree.outlasting.get(span, ())):
        kind = operations if child in keys else groups if child in counted else others
        kind.append(child)
    chain = _chain(tree, operations, begin, reached)
    for fillers in filter(None, (others, groups)):
        chain = _filled(tree, chain, fillers, begin, reached)
    return chain


def _chain(tree: SpanTree, children: Iterable[int], begin: int, reached: int) -> Iterator[_Piece]:
    """Choose, going back in time, the last child that had finished when the one chosen before it started."""
    starts, ends, finish = tree.table.starts, tree.ends, reached
    for child in sorted(children, key=ends.__getitem__, reverse=True):
        start, end = starts[child], ends[child]
        if start < begin:
            start = begin
        if end > finish:
            end = finish
        if start < end <= reached:
            yield child, start, end
            reached = start


def _filled(tree: SpanTree, chain: Iterator[_Piece], fillers: list[int], begin: int, reached: int) -> Iterator[_Piece]:
    """Put others where a chain leaves time open, going back in time: always what ran at the end of a gap, cut to it."""
    starts, ends = tree.table.starts, tree.ends
    fillers = sorted(fillers, key=ends.__getitem__, reverse=True)
    first, count = 0, len(fillers)
    narrow = _SLIVER if fillers[0] in tree.table.counted else 0
    for piece in itertools.chain(chain, [(-1, begin, begin)]):
        gap = piece[2]
        while first < count and starts[fillers[first]] >= reached:
            first += 1  # it ran after this gap, and all gaps that are still to come are before it
        at = first
        while gap + narrow < reached and at < count and ends[fillers[at]] > gap:
            part = _part_in(tree, fillers[at], gap, reached)
            if part[1] < part[2]:
                yield part
                reached = part[1]
            at += 1
        if piece[0] >= 0:
            yield piece
        reached = piece[1]


def _part_in(tree: SpanTree, filler: int, begin: int, reached: int) -> _Piece:
    """Return the part of a filler that lies in a gap; of one that stands for several operations what they can fill."""
    start, end = max(tree.table.starts[filler], begin), min(tree.ends[filler], reached)
    ran, of = tree.times[filler], tree.table.durations[filler]
    if start < end and filler in tree.table.counted and ran < of:
        start = end - (end - start) * ran // of
    return filler, start, end
