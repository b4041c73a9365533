"""Which operations took most time of their own: the spans of each name added up."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from obs_core.trace.tree import SpanTree

__all__ = ["Totals", "hottest", "totals_by_name"]

Totals = list[int]
"""Of one name: how many spans, their self time, the longest self time; nanoseconds."""


def hottest(totals: dict[str, Totals], most: int = 10) -> list[tuple[str, Totals]]:
    """Return the names that took most self time, the one with the most first.

    Args:
        totals: What `totals_by_name` returned.
        most: How many names to return.
    """
    return heapq.nsmallest(most, totals.items(), key=lambda item: (-item[1][1], item[0]))


def totals_by_name(tree: SpanTree, root: int) -> dict[str, Totals]:
    """Add up for each name: how many spans, their self time within that of the root, the longest self time."""
    names, own = _names_to_add_up(tree, root), tree.self_times_within(root)
    totals: dict[str, Totals] = {}
    for span in tree.below(root):
        time = own[span]
        found = totals.get(names[span])
        if found is None:
            totals[names[span]] = [1, time, time]
            continue
        found[0] += 1
        found[1] += time
        if time > found[2]:
            found[2] = time
    _correct_counted(tree, root, names, totals, own)
    totals.pop(_OF_OBS, None)
    return totals


_OF_OBS = "\0obs"
"""No name of a span: what obs did itself is added up in the head, and is no operation."""


def _names_to_add_up(tree: SpanTree, root: int) -> Sequence[str]:
    """Return under which name each span is added up; an execution is not its task of the same name."""
    own_work, families = tree.own_work(root), tree.families
    is_shared = root == 0 and families.count(families[0]) > 1
    if not is_shared and not own_work:
        return families
    names = list(families)
    if is_shared:
        names[0] = f"{names[0]} (execution)"
    for span in own_work:
        names[span] = _OF_OBS
    return names


def _correct_counted(
    tree: SpanTree, root: int, names: Sequence[str], totals: dict[str, Totals], own: Sequence[int]
) -> None:
    """Let entries that stand for several operations count as so many, none longer than the longest of them."""
    counted = tree.table.counted
    if not counted:
        return
    longest: dict[str, int] = {}
    for span in tree.below(root):
        time = counted[span].longest if span in counted else own[span]
        longest[names[span]] = max(longest.get(names[span], 0), time)
        if span in counted:
            totals[names[span]][0] += counted[span].count - 1
    for name, found in totals.items():
        found[2] = longest[name]
