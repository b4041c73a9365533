"""The flame graph of a CPU profile: one HTML fragment with its script, which asks the network for nothing."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from obs_core.model import Call, SeenStack
from obs_core.rendering import escape
from obs_core.text.durations import format_duration
from obs_core.text.numbers import plural, share

__all__ = ["profile_html"]

_MOST_STACKS = 4_000
"""Stacks that a page holds, those that were seen most: a thousandth of the time is in the others."""

_TABLE = 15

_CANNOT = (
    "Seen is which Python calls are open, not what C code below them does: its time counts for the line that called"
    " it. While C code holds Python's lock nobody can look; that time counts for the line that is seen next. What"
    " takes less than the time between two looks is seen by chance. Other processes are not seen."
)


def profile_html(seen: Sequence[SeenStack], names: Mapping[str, str]) -> str:
    """Draw a profile.

    Args:
        seen: The stacks, and how often they were seen.
        names: Names of tasks and spans by their ids.

    Returns:
        An HTML fragment: a flame graph that can be searched and zoomed into, and a table of where the time was spent.
    """
    shown = sorted(seen, key=lambda one: -one.seen)[:_MOST_STACKS]
    contents = _contents(shown, names)
    total = sum(one.seen * one.interval for one in seen)
    running = sum(one.running * one.interval for one in seen)
    cut = sum(one.seen * one.interval for one in seen) - sum(one.seen * one.interval for one in shown)
    head = (
        f"<p>{plural(sum(one.seen for one in seen), 'sample')}, one every {format_duration(_interval(seen))}:"
        f" {format_duration(total)} of all threads together, of which they used the CPU for"
        f" {format_duration(running)} ({share(running, total)}) and waited for the rest.</p>"
    )
    more = f"<p>Left out are rare stacks of {format_duration(cut)} together.</p>" if cut else ""
    data = re.sub(r"[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.encode(contents).decode())
    return (
        f'<style>{_asset("flame.css")}</style><div class="obs-flame">{head}'
        f'<div class="graph" hidden></div>{_table(seen)}{more}<p class="note">{_CANNOT}</p>'
        f'<script type="application/json" class="profile">{data}</script></div><script>{_asset("flame.js")}</script>'
    )


@functools.cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8").strip()


def _interval(seen: Sequence[SeenStack]) -> int:
    return min(one.interval for one in seen)


class _Numbers(dict[Any, int]):
    """Numbers for things, given away when one is first asked for."""

    def __missing__(self, thing: Any) -> int:
        self[thing] = number = len(self)
        return number


def _contents(seen: Sequence[SeenStack], names: Mapping[str, str]) -> dict[str, Any]:
    """Return what the script draws: names once, stacks as numbers of calls, times in milliseconds."""
    functions, threads, spans = _Numbers(), _Numbers(), _Numbers()
    several = len({one.writer for one in seen}) > 1
    stacks = []
    for one in seen:
        calls = [functions[call.function, call.file] for call in one.calls]
        lines = one.calls[-1].line if one.calls else 0
        thread = threads[f"{one.writer}: {one.thread}" if several else one.thread]
        span = -1 if one.span is None else spans[names.get(one.span) or one.span]
        seconds = one.interval / 1e6
        stacks.append([thread, span, calls, lines, round(one.seen * seconds), round(one.running * seconds)])
    return {
        "functions": [[function, _short(file)] for function, file in functions],
        "threads": list(threads),
        "spans": list(spans),
        "stacks": stacks,
    }


def _short(file: str) -> str:
    """Return the end of a path: two folders tell most files apart, and say nothing of the machine."""
    return "/".join(re.split(r"[/\\]", file)[-3:])


def _table(seen: Sequence[SeenStack]) -> str:
    """List where the time was spent, by the line that ran: what a reader without scripts has."""
    running: Counter[Call] = Counter()
    whole: Counter[Call] = Counter()
    for one in seen:
        if one.calls:
            running[one.calls[-1]] += one.running * one.interval
            whole[one.calls[-1]] += one.seen * one.interval
    all_running = sum(running.values())
    rows = "".join(
        f"<tr><td>{format_duration(time)}</td><td>{share(time, all_running)}</td>"
        f"<td>{format_duration(whole[call])}</td>"
        f"<td><code>{escape(call.function)}</code> <small>{escape(_short(call.file))}:{call.line}</small></td></tr>"
        for call, time in running.most_common(_TABLE)
        if time
    )
    if not rows:
        return "<p>No thread was seen using the CPU.</p>"
    head = "<th>On the CPU</th><th>Share</th><th>Seen</th><th>Line</th>"
    return f"<h3>Self time by line</h3><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
