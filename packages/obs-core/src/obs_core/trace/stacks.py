"""Stacks for other programs and for people: collapsed lines, speedscope's JSON, and text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from obs_core.model import Call, SeenStack, SpanTable, ThreadStack
from obs_core.text.durations import format_duration, format_moment
from obs_core.text.terminal import printable

__all__ = ["collapsed", "described", "speedscope"]


def collapsed(seen: Sequence[SeenStack]) -> Iterator[str]:
    """Give a line for each stack: its calls from the outermost on, and how often it was seen.

    Flame graph programs read that. Threads that waited are counted too. Where parts were sampled at different rates,
    one of the slower samples counts for as many of the fastest as it stands for.

    Args:
        seen: The stacks.

    Source: https://github.com/brendangregg/FlameGraph.
    """
    times: Counter[str] = Counter()
    for one in seen:
        frames = [one.thread, *map(_frame, one.calls)]
        times[";".join(frame.replace(";", ",").replace("\n", " ") for frame in frames)] += one.seen * one.interval
    shortest = max(1, min((one.interval for one in seen), default=1))
    for stack, time in sorted(times.items()):
        yield f"{stack} {max(1, round(time / shortest))}\n"


def _frame(call: Call) -> str:
    return f"{call.function} ({call.file}:{call.line})" if call.file else call.function


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


def described(stacks: Sequence[ThreadStack], table: SpanTable, now: int | None = None) -> Iterator[str]:
    """Give lines that say what each thread was doing, as a traceback does: the innermost call last.

    The main thread comes first, then those that are in a task. Threads that do the same are told once, and the calls
    with which Python begins a thread are left out.

    Args:
        stacks: What the threads were doing.
        table: The spans of the execution.
        now: The time, nanoseconds since the epoch, if the execution goes on.
    """
    wanted = {stack.span for stack in stacks}
    names = {span: table.names[row] for row, span in enumerate(table.ids) if span in wanted}
    by_process: dict[str, list[ThreadStack]] = {}
    for stack in stacks:
        by_process.setdefault(stack.writer, []).append(stack)
    for number, (writer, of_process) in enumerate(by_process.items()):
        at = max(stack.at for stack in of_process)
        process = f"process {printable(writer)}, " if len(by_process) > 1 else ""
        ago = "" if now is None else f", {format_duration(max(0, now - at))} ago"
        gap = "\n" if number else ""
        yield f"{gap}{process}seen at {format_moment(at)}{ago}\n"
        for alike in _alike(of_process, names):
            first = alike[0]
            where = f" in {printable(names[first.span])}" if first.span in names else ""
            yield f"\n{_threads(alike)}{where}{_for_how_long(alike)}\n"
            for call in _own_calls(first):
                yield f"  {printable(call.file)}:{call.line} in {printable(call.function)}\n"


def _alike(stacks: Sequence[ThreadStack], names: Mapping[str, str]) -> Iterable[list[ThreadStack]]:
    """Put threads together that do the same in spans of one name."""
    found: dict[tuple[str | None, tuple[Call, ...]], list[ThreadStack]] = {}
    for stack in sorted(stacks, key=lambda one: (_thread_of(one) != "MainThread", one.span is None)):
        found.setdefault((names.get(stack.span or ""), tuple(stack.calls)), []).append(stack)
    return found.values()


def _thread_of(stack: ThreadStack) -> str:
    """Return the thread that a coroutine waits in; of a thread its own name."""
    return stack.thread.partition(": ")[0] if stack.thread.endswith(" waits") else stack.thread


def _threads(alike: list[ThreadStack]) -> str:
    names = [printable(one.thread) for one in alike]
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED:,} more"


_NAMED = 3
"""Threads that do the same and are named; the others are counted."""


def _for_how_long(alike: list[ThreadStack]) -> str:
    shortest = min(one.at - one.since for one in alike)
    return f", seen here for {format_duration(shortest)}" if shortest else ""


def _own_calls(stack: ThreadStack) -> list[Call]:
    """Return the calls but those with which every thread begins."""
    first = next((at for at, call in enumerate(stack.calls) if not _begins_thread(call)), 0)
    return stack.calls[first:]


def _begins_thread(call: Call) -> bool:
    return call.function.startswith(("Thread._bootstrap", "Thread.run")) and call.file.endswith("threading.py")
