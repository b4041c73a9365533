"""The critical path: the chain of spans that determined when the root ended."""

from __future__ import annotations

from collections.abc import Iterator

from obs_core._span_tree import SpanTree


def critical_path(tree: SpanTree, root: int) -> Iterator[tuple[int, int]]:
    """Walk back from the end of a span: through the child that finished last, then what had finished before it.

    A child that was still running when the next link of the chain began did not hold it up, so it is not in the chain.
    What the clocks put outside the parent's time is cut off.

    Args:
        tree: The spans.
        root: Where to begin.

    Yields:
        A span of the chain and its contribution in nanoseconds: the time in which no child of it is in the chain.
        Latest first, children before their parents. The contributions add up to the root's duration.
    """
    first_children = tree.first_children
    path = [_Link(tree, root, tree.table.starts[root], tree.ends[root])]
    while path:
        link = path[-1]
        for child, start, end in link.chain:
            link.contribution -= end - start
            if first_children[child] >= 0:
                path.append(_Link(tree, child, start, end))
                break
            yield child, end - start
        else:
            path.pop()
            yield link.span, link.contribution


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
        self.chain = _chain(tree, span, start, end)


def _chain(tree: SpanTree, span: int, begin: int, reached: int) -> Iterator[tuple[int, int, int]]:
    """Choose, going back in time, the last child that had finished when the one chosen before it started."""
    starts, ends, finish = tree.table.starts, tree.ends, reached
    for child in sorted(tree.children(span), key=ends.__getitem__, reverse=True):
        start, end = starts[child], ends[child]
        if start < begin:
            start = begin
        if end > finish:
            end = finish
        if start < end <= reached:
            yield child, start, end
            reached = start
