"""A span tree in a bounded number of lines: siblings of one name gathered, the costly and the failed first."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from obs_core.trace.tree import SpanTree

_FEW = 3
"""So many siblings of one name are still shown one by one."""

_BREADTH = 5
"""So many lines the children of one line may take, however little room is left."""


class Row(Struct, eq=False):
    """One line: a span, or siblings (cousins, below gathered parents) of one name.

    Attributes:
        spans: Which spans of the tree.
        count: How many operations these stand for.
        gathered: Whether it stands for all spans of that name there, were it only one.
        total: Sum of their durations, nanoseconds.
        outside: What of that lies outside the time of the span on the first line.
        own: Sum of their self times.
        longest: The longest duration.
        start: When the first of them started.
        end: When the last of them ended.
        failed: How many failed.
        error: The exception type of the first that failed.
        open: How many have not ended.
        around_open: Whether any of them has ended before a child of its own did.
        of_obs: Whether it is what obs did itself.
        warnings: How many warnings were logged in it.
        errors: How many errors were.
        children: The lines below this one.
        hidden: Spans that would be further lines below this one.
        hidden_total: Sum of their durations.
        hidden_outside: What of that lies outside the time of the span on the first line.
    """

    name: str
    spans: Sequence[int]
    count: int
    gathered: bool
    total: int
    own: int
    longest: int
    start: int
    end: int
    failed: int
    error: str
    open: int
    around_open: bool
    of_obs: bool
    outside: int = 0
    warnings: int = 0
    errors: int = 0
    children: list[Row] = field(default_factory=list)
    hidden: int = 0
    hidden_total: int = 0
    hidden_outside: int = 0


def outline(tree: SpanTree, root: int, lines: int = 100, depth: int | None = None) -> Row:
    """Choose the lines that say most about where the time went.

    The line with the longest time whose children are not shown yet is opened first, and before all others those that
    lead to spans that failed or have not ended.

    Args:
        tree: The spans.
        root: The span on the first line.
        lines: How many lines there may be, those that only count what is hidden included.
        depth: How many levels below the first line there may be. Default: any.
    """
    troubled, outside = _troubled(tree), tree.outside(root)
    top = _row(tree, [root], outside, gathered=False)
    room = lines - 1
    waiting = [(_rank(top, troubled), 0, top, 0)]
    number = 0
    while waiting and room > 0:
        _, _, row, level = heapq.heappop(waiting)
        if level == depth:
            continue
        room -= _open(tree, row, troubled, outside, room)
        for child in row.children:
            number += 1
            heapq.heappush(waiting, (_rank(child, troubled), number, child, level + 1))
    return top


def _open(tree: SpanTree, row: Row, troubled: bytearray, outside: Mapping[int, int], room: int) -> int:
    """Put lines below a line; returns how many it took."""
    groups = _groups(tree, row)
    allowed = min(max(room // 2, _BREADTH), room)
    if len(groups) > allowed:
        groups = _foremost(tree, groups, troubled, allowed - 1)
        row.hidden, row.hidden_total, row.hidden_outside = _rest(tree, row, groups, outside)
    row.children = [_row(tree, _spans(group), outside, row.gathered or _is_many(group)) for group in groups]
    row.children.sort(key=lambda child: child.start)
    return len(row.children) + bool(row.hidden)


def _groups(tree: SpanTree, row: Row) -> list[int | list[int]]:
    """Gather the children of a line by name; where they are few, each is a group of its own."""
    names, first, following = tree.families, tree.first_children, tree.next_siblings
    gathered: dict[str, list[int]] = {}
    for span in row.spans:
        child = first[span]
        while child >= 0:
            name = names[child]
            if name in gathered:
                gathered[name].append(child)
            else:
                gathered[name] = [child]
            child = following[child]
    found: dict[str, int | list[int]] = {
        name: group if len(group) > 1 else group[0] for name, group in gathered.items()
    }
    groups: list[int | list[int]] = []
    for group in found.values():
        if row.gathered or _is_many(group):
            groups.append(group)
        else:
            groups.extend(_spans(group))
    return groups


def _is_many(group: int | list[int]) -> bool:
    return isinstance(group, list) and len(group) > _FEW


def _spans(group: int | list[int]) -> list[int]:
    return group if isinstance(group, list) else [group]


def _foremost(tree: SpanTree, groups: list[int | list[int]], troubled: bytearray, count: int) -> list[int | list[int]]:
    durations = tree.times

    def weight(group: int | list[int]) -> tuple[int, int]:
        if isinstance(group, list):
            return max(map(troubled.__getitem__, group)), sum(map(durations.__getitem__, group))
        return troubled[group], durations[group]

    return heapq.nlargest(count, groups, key=weight)


def _rest(tree: SpanTree, row: Row, shown: list[int | list[int]], outside: Mapping[int, int]) -> tuple[int, int, int]:
    """Count the children of a line that are not shown, and add up their durations."""
    are_shown = {span for group in shown for span in _spans(group)}
    rest = [child for span in row.spans for child in tree.children(span) if child not in are_shown]
    return tree.count_of(rest), sum(map(tree.times.__getitem__, rest)), _sum_of(outside, rest)


def _sum_of(outside: Mapping[int, int], spans: list[int]) -> int:
    return sum(outside.get(span, 0) for span in spans) if outside else 0


def _row(tree: SpanTree, spans: list[int], outside: Mapping[int, int], gathered: bool) -> Row:
    table = tree.table
    failed = [span for span in spans if span in table.errors] if table.errors else []
    logged = [table.logged[span] for span in spans if span in table.logged] if table.logged else []
    return Row(
        name=(tree.families if gathered else table.names)[spans[0]],
        spans=spans,
        count=tree.count_of(spans),
        gathered=gathered,
        total=sum(map(tree.times.__getitem__, spans)),
        own=sum(map(tree.self_times.__getitem__, spans)),
        longest=max(map(tree.longest if table.counted else table.durations.__getitem__, spans)),
        start=min(map(table.starts.__getitem__, spans)),
        end=max(map(tree.ends.__getitem__, spans)),
        failed=len(failed),
        error=table.errors[failed[0]] if failed else "",
        open=sum(span in table.open for span in spans) if table.open else 0,
        around_open=not tree.around_open.isdisjoint(spans) if table.open else False,
        of_obs=table.kinds[spans[0]] == "obs",
        outside=_sum_of(outside, spans),
        warnings=sum(warnings for warnings, _ in logged),
        errors=sum(errors for _, errors in logged),
    )


def _rank(row: Row, troubled: bytearray) -> tuple[int, int]:
    return -max(map(troubled.__getitem__, row.spans)), -row.total


def _troubled(tree: SpanTree) -> bytearray:
    """Mark the spans that failed, have not ended or logged something bad, and all above them."""
    marks, parents = bytearray(len(tree)), tree.parents
    for at in itertools.chain(tree.table.errors, tree.table.open, tree.table.logged):
        while at >= 0 and not marks[at]:
            marks[at] = 1
            at = parents[at]
    return marks
