"""The flame graph of a CPU profile: one HTML fragment with its script, which asks the network for nothing."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from obs_core.model import Call, SeenStack
from obs_core.rendering import escape
from obs_core.text.durations import format_duration
from obs_core.text.numbers import plural, share
from obs_resources.stacks import NATIVE

if TYPE_CHECKING:
    from obs_core.reading.execution import Execution

__all__ = ["changes_page", "profile_html"]

_MOST_STACKS = 4_000
"""Stacks that a page holds, those that were seen most: a thousandth of the time is in the others."""

_TABLE = 15

_CANNOT = (
    "You see which Python calls are open, not what C code below them does: its time counts for the line that called"
    " it. Of threads that C code starts, such as those of a BLAS, you see the CPU time of all together, on Linux."
    " While C code holds Python's lock, nobody can look, and that time counts for the line that is seen next."
    " Calls that take less than the time between two looks are seen by chance. Other processes are not seen."
)


def profile_html(seen: Sequence[SeenStack], names: Mapping[str, str]) -> str:
    """Draw a profile.

    Args:
        seen: The stacks, and how often they were seen.
        names: Names of tasks and spans by their ids.

    Returns:
        An HTML fragment: a flame graph that can be searched and zoomed into, and a table of where the time was spent.
    """
    shown = _most(seen)
    contents = _contents(shown, names)
    total = sum(one.seen * one.interval for one in seen)
    running = sum(one.running * one.interval for one in seen)
    cut = sum(one.seen * one.interval for one in seen) - sum(one.seen * one.interval for one in shown)
    head = (
        f"<p>{plural(sum(one.seen for one in seen if not _is_native(one)), 'sample')}, one every {_intervals(seen)}:"
        f" {format_duration(total)} of all threads together, of which they used the CPU for"
        f" {format_duration(running)} ({share(running, total)}) and waited for the rest.{_native_time(seen)}</p>"
    )
    more = f"<p>Left out are rare stacks of {format_duration(cut)} together.</p>" if cut else ""
    return (
        f'<style>{_asset("flame.css")}</style><div class="obs-flame">{head}'
        f'<div class="graph" hidden></div>{_table(seen)}{more}<p class="note">{_CANNOT}</p>'
        f"{_data(contents)}</div><script>{_asset('flame.js')}</script>"
    )


def changes_page(earlier: Execution, later: Execution) -> str:
    """Draw what became slower and faster between two executions that have a CPU profile.

    Args:
        earlier: The execution to compare with.
        later: The execution that is drawn.

    Returns:
        An HTML page with a differential flame graph: red is what takes more CPU time than before, blue what takes less.
    """
    names: dict[str, str] = {}
    for execution, seen in ((earlier, earlier.profile), (later, later.profile)):
        wanted = {one.span for one in seen}
        table = execution.table
        names |= {f"{execution.id} {span}": table.names[row] for row, span in enumerate(table.ids) if span in wanted}
    before, after = _of(earlier), _of(later)
    title = f"CPU time of {later.name} {later.id} beside {earlier.id}"
    told = (
        f"<h1>{escape(title)}</h1>{_told_time(later, after)}{_told_time(earlier, before)}"
        "<p>Red takes more CPU time than before, blue less,"
        f" each with what it calls. What differs by less than {_CHANCE} samples may be chance, and is grey.</p>"
    )
    contents = _contents(_most(after), names, _most(before))
    contents["chance"] = _CHANCE * _interval([*after, *before]) / 1e6
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_asset('flame.css')}</style>"
        f'<body class="obs-flame-page"><div class="obs-flame">{told}<div class="graph" hidden></div>'
        f"{_data(contents)}</div><script>{_asset('flame.js')}</script></body></html>"
    )


_CHANCE = 20
"""Samples that may be seen or not by chance."""


def _of(execution: Execution) -> list[SeenStack]:
    """Return a profile in which spans are told from those of another execution."""
    return [structs.replace(one, span=one.span and f"{execution.id} {one.span}") for one in execution.profile]


def _told_time(execution: Execution, seen: Sequence[SeenStack]) -> str:
    time = format_duration(sum(one.running * one.interval for one in seen))
    return f"<p>{escape(execution.id)}: {time} of CPU time.{_native_time(seen)}</p>"


def _is_native(one: SeenStack) -> bool:
    return [(call.function, call.file, call.line) for call in one.calls] == [NATIVE]


def _native_time(seen: Sequence[SeenStack]) -> str:
    """Say what of the CPU time is of threads whose stacks nobody sees; empty if there is none."""
    time = sum(one.running * one.interval for one in seen if _is_native(one))
    return f" Threads that Python does not know used {format_duration(time)} of that." if time else ""


def _most(seen: Sequence[SeenStack]) -> list[SeenStack]:
    return sorted(seen, key=lambda one: -one.seen)[:_MOST_STACKS]


def _data(contents: dict[str, Any]) -> str:
    text = msgspec.json.encode(contents).decode()
    safe = re.sub(r"[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return f'<script type="application/json" class="profile">{safe}</script>'


@functools.cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8").strip()


def _interval(seen: Sequence[SeenStack]) -> int:
    return min(one.interval for one in seen)


def _intervals(seen: Sequence[SeenStack]) -> str:
    shortest, longest = _interval(seen), max(one.interval for one in seen)
    told = format_duration(shortest)
    return told if shortest == longest else f"{told} to {format_duration(longest)}"


class _Numbers(dict[Any, int]):
    """Numbers for things, given away when one is first asked for."""

    def __missing__(self, thing: Any) -> int:
        self[thing] = number = len(self)
        return number


def _contents(seen: Sequence[SeenStack], names: Mapping[str, str], before: Sequence[SeenStack] = ()) -> dict[str, Any]:
    """Return what the script draws: names once, stacks as numbers of calls, times in milliseconds, the earlier last."""
    functions, threads, spans = _Numbers(), _Numbers(), _Numbers()
    several = len({one.writer for one in seen}) > 1
    stacks = []
    for place, one in enumerate([*seen, *before]):
        calls = [functions[call.function, _short(call.file)] for call in one.calls]
        lines = one.calls[-1].line if one.calls else 0
        thread = threads[f"{one.writer}: {one.thread}" if several else one.thread]
        span = -1 if one.span is None else spans[names.get(one.span) or one.span]
        seconds = one.interval / 1e6
        times = [round(one.seen * seconds), round(one.running * seconds)]
        stacks.append([thread, span, calls, lines, *(times if place < len(seen) else [0, 0, *times])])
    return {
        "functions": [list(function) for function in functions],
        "threads": list(threads),
        "spans": list(spans),
        "stacks": stacks,
    }


def _short(file: str) -> str:
    """Return the end of a path: two folders tell most files apart, and say nothing of the machine."""
    return "/".join(re.split(r"[/\\]", file)[-3:])


def _place(call: Call) -> str:
    return f"{escape(_short(call.file))}:{call.line}" if call.file else ""


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
        f"<td><code>{escape(call.function)}</code> <small>{_place(call)}</small></td></tr>"
        for call, time in running.most_common(_TABLE)
        if time
    )
    if not rows:
        return "<p>No thread was seen using the CPU.</p>"
    head = "<th>On the CPU</th><th>Share</th><th>Seen</th><th>Line</th>"
    return f"<h3>Self time by line</h3><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
