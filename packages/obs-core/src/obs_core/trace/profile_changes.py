"""What became slower and faster between two CPU profiles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from obs_core.model import Call, SeenStack
from obs_core.text.durations import format_duration
from obs_core.text.terminal import aligned, printable

__all__ = ["ProfileChange", "collapsed_changes", "profile_changes", "told_changes"]

_ROWS = 30

_Function = tuple[str, str]
"""Its qualified name, and the end of the path of its file."""


class ProfileChange(Struct, frozen=True):
    """How much CPU time a function took in two profiles.

    Attributes:
        function: Its qualified name.
        file: The end of the path of its file: the rest may differ from machine to machine.
        before: Seconds of CPU in the function itself, in the earlier profile.
        after: The same in the later one.
        whole_before: Seconds of CPU in the function and in what it called, in the earlier profile.
        whole_after: The same in the later one.
    """

    function: str
    file: str
    before: float
    after: float
    whole_before: float
    whole_after: float

    @property
    def change(self) -> float:
        """Seconds by which the function itself became slower; negative if it became faster."""
        return self.after - self.before


def profile_changes(before: Sequence[SeenStack], after: Sequence[SeenStack]) -> list[ProfileChange]:
    """Compare two profiles function by function.

    Args:
        before: The stacks of the earlier profile.
        after: Those of the later one.

    Returns:
        All functions that used the CPU in either, those that became slower or faster by most first.
    """
    own, whole = _times(before)
    own_after, whole_after = _times(after)
    found = [
        ProfileChange(
            *function,
            own[function] / 1e9,
            own_after[function] / 1e9,
            whole[function] / 1e9,
            whole_after[function] / 1e9,
        )
        for function in {**whole, **whole_after}
    ]
    return sorted(found, key=lambda one: (-abs(one.change), one.function, one.file))


def _times(seen: Sequence[SeenStack]) -> tuple[Counter[_Function], Counter[_Function]]:
    """Return the nanoseconds of CPU in each function itself, and in all that it called; a recursive one counts once."""
    own, whole = Counter[_Function](), Counter[_Function]()
    for one in seen:
        time = one.running * one.interval
        if time and one.calls:
            functions = [(call.function, _end_of(call.file)) for call in one.calls]
            own[functions[-1]] += time
            for function in set(functions):
                whole[function] += time
    return own, whole


def collapsed_changes(before: Sequence[SeenStack], after: Sequence[SeenStack]) -> Iterator[str]:
    """Give a line for each stack with its milliseconds of CPU before and after.

    ``flamegraph.pl`` draws them in two colours.

    Args:
        before: The stacks of the earlier profile.
        after: Those of the later one.

    Source: https://www.brendangregg.com/blog/2014-11-09/differential-flame-graphs.html.
    """
    times: list[Counter[str]] = [Counter(), Counter()]
    for counted, seen in zip(times, (before, after), strict=True):
        for one in seen:
            frames = [one.thread, *map(_frame, one.calls)]
            counted[";".join(frame.replace(";", ",").replace("\n", " ") for frame in frames)] += (
                one.running * one.interval
            )
    for stack in sorted({**times[0], **times[1]}):
        both = [round(counted[stack] / 1e6) for counted in times]
        if any(both):
            yield f"{stack} {both[0]} {both[1]}\n"


def _frame(call: Call) -> str:
    return f"{call.function} ({_end_of(call.file)})" if call.file else call.function


def told_changes(changes: Sequence[ProfileChange], width: int) -> Iterator[str]:
    """Give the lines of a table of what became slower and faster by most.

    Args:
        changes: What `profile_changes` returned.
        width: Columns of the terminal.
    """
    changed = [one for one in changes if one.change]
    rows: list[tuple[str, ...]] = [("Function", "Change", "Self before", "after", "Total before", "after")]
    rows += [
        (
            printable(f"{one.function} ({one.file})" if one.file else one.function),
            f"{'+' if one.change > 0 else '-'}{_told(abs(one.change))}",
            *map(_told, (one.before, one.after, one.whole_before, one.whole_after)),
        )
        for one in changed[:_ROWS]
    ]
    for row in aligned(rows, width):
        yield f"{'  '.join(row).rstrip()}\n"
    if len(changed) > _ROWS:
        yield f"… {len(changed) - _ROWS:,} more functions\n"


def _told(seconds: float) -> str:
    return format_duration(round(seconds * 1e9))


def _end_of(file: str) -> str:
    return "/".join(re.split(r"[/\\]", file)[-3:])
