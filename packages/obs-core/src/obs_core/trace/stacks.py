"""Stacks for other programs and for people: collapsed lines, speedscope's JSON, and text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from obs_core.model import Call, SeenStack, SpanTable, ThreadStack
from obs_core.text.durations import format_moment
from obs_core.text.terminal import printable

__all__ = ["collapsed", "described", "speedscope"]


def collapsed(seen: Sequence[SeenStack]) -> Iterator[str]:
    """Give a line for each stack: its calls from the outermost on, and how often it was seen.

    Flame graph programs read that. Threads that waited are counted too.

    Args:
        seen: The stacks.

    Source: https://github.com/brendangregg/FlameGraph.
    """
    counts: Counter[str] = Counter()
    for one in seen:
        frames = [one.thread, *(f"{call.function} ({call.file}:{call.line})" for call in one.calls)]
        counts[";".join(frame.replace(";", ",").replace("\n", " ") for frame in frames)] += one.seen
    for stack, count in sorted(counts.items()):
        yield f"{stack} {count}\n"


def speedscope(seen: Sequence[SeenStack], name: str) -> dict[str, Any]:
    """Return a profile that speedscope.app opens: what used the CPU and all that was seen, of each thread.

    Args:
        seen: The stacks.
        name: What the profile is called there.

    Source: https://www.speedscope.app/file-format-schema.json.
    """
    frames: dict[Call, int] = {}
    profiles = []
    by_thread = sorted(seen, key=lambda one: (one.writer, one.thread))
    for (writer, thread), stacks in groupby(by_thread, key=lambda one: (one.writer, one.thread)):
        of_thread = list(stacks)
        samples = [[frames.setdefault(call, len(frames)) for call in one.calls] for one in of_thread]
        for kind, times in (
            ("on the CPU", [one.running * one.interval for one in of_thread]),
            ("waiting too", [one.seen * one.interval for one in of_thread]),
        ):
            if any(times):
                profiles.append(_speedscope_profile(f"{writer}: {thread}, {kind}", samples, times))
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": name,
        "exporter": "obs",
        "shared": {"frames": [{"name": call.function, "file": call.file, "line": call.line} for call in frames]},
        "profiles": profiles,
    }


def _speedscope_profile(name: str, samples: list[list[int]], times: list[int]) -> dict[str, Any]:
    return {
        "type": "sampled",
        "name": name,
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": sum(times),
        "samples": samples,
        "weights": times,
    }


def described(stacks: Sequence[ThreadStack], table: SpanTable) -> Iterator[str]:
    """Give lines that say what each thread was doing, as a traceback does: the innermost call last.

    Args:
        stacks: What the threads were doing.
        table: The spans of the execution.
    """
    wanted = {stack.span for stack in stacks}
    names = {span: table.names[row] for row, span in enumerate(table.ids) if span in wanted}
    for number, stack in enumerate(stacks):
        where = f" in {printable(names[stack.span])}" if stack.span in names else ""
        process = f"process {stack.writer}, " if len({one.writer for one in stacks}) > 1 else ""
        gap = "\n" if number else ""
        yield f"{gap}{process}thread {printable(stack.thread)}{where}, at {format_moment(stack.at)}\n"
        for call in stack.calls:
            yield f"  {printable(call.file)}:{call.line} in {printable(call.function)}\n"
