"""The trace of an execution as a page of text: the tree, the hottest operations, the critical path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from msgspec import Struct

from obs_core.model import moment
from obs_core.provenance import command_name
from obs_core.text.durations import format_duration, format_moment, format_took
from obs_core.text.missing import missing_from
from obs_core.text.numbers import byte_size, multiple
from obs_core.text.terminal import Screen, aligned, columns, cut
from obs_core.text.verdicts import counted_verdicts
from obs_core.trace.busy_workers import BusyWorker, busy_workers
from obs_core.trace.hottest import hottest, totals_by_name
from obs_core.trace.outline import Row, outline
from obs_core.trace.resources import used_by
from obs_core.trace.steps import Steps
from obs_core.trace.tree import SpanTree

__all__ = ["Ended", "explain", "explanation"]

_WORKERS, _LEAST_BUSY = 12, 4
"""Lines for workers: the busiest, and so many of the least busy."""
_NARROWEST_BAR, _WIDEST_BAR = 8, 24
_NARROW = 72
"""Screens narrower than this get no columns for the start and for the mean."""


class Ended(NamedTuple):
    """How an execution ended that did not end well.

    Attributes:
        says: By what: an exception, or what is known or concluded of its process.
        place: ``"file:line"`` where an exception was raised.
    """

    says: str = ""
    place: str = ""


def explain(
    tree: SpanTree,
    root: int,
    stream: IO[str],
    depth: int | None = None,
    absolute: bool = False,
    ended: Ended | None = None,
) -> None:
    """Write a summary of a span and all below it, made to measure for the stream.

    Args:
        tree: The spans.
        root: The span to explain; 0 for the whole execution.
        stream: Where to write.
        depth: As for `explanation`.
        absolute: Likewise.
        ended: Likewise.
    """
    stream.write(explanation(tree, root, Screen.of(stream), depth, absolute, ended))


def explanation(
    tree: SpanTree,
    root: int = 0,
    screen: Screen | None = None,
    depth: int | None = None,
    absolute: bool = False,
    ended: Ended | None = None,
) -> str:
    """Return the summary as text of some 130 lines at most, however many spans there are.

    Args:
        tree: The spans.
        root: The span to explain; 0 for the whole execution.
        screen: What the text is for. Default: 100 columns of UTF-8 without colours.
        depth: How many levels below the span the tree goes. Default: as deep as there is room for.
        absolute: Say when each span started, rather than how long after the first line's.
        ended: How the execution ended, if more is known than its spans tell.
    """
    screen = screen or Screen()
    sections = [
        list(_header(tree, root, screen, ended or Ended())),
        list(_trace(tree, root, screen, depth, absolute)),
        list(_hottest(tree, root, screen)),
        list(_workers(tree, root, screen)),
        list(_critical(tree, root, screen)),
    ]
    return screen.draw("\n\n".join("\n".join(lines) for lines in sections if lines)) + "\n"


def _header(tree: SpanTree, root: int, screen: Screen, ended: Ended) -> Iterator[str]:
    execution = tree.table.execution
    if root == 0:
        yield screen.paint(screen.name(execution.name), "bold")
        facts = {
            "Execution": execution.id,
            "Status": _standing(tree, ended.says),
            "Place": ended.place,
            "Checks": _checks(tree),
            **_times(tree, root),
            **_origin(tree),
        }
    else:
        yield screen.paint(screen.name(tree.table.names[root]), "bold")
        kind, whole = tree.table.kinds[root], f"{execution.name}, execution {execution.id}"
        status = _joined(tree.status(root), tree.table.errors.get(root, ""))
        facts = {"Span": f"{kind} {tree.table.ids[root]} of {whole}", "Status": status, **_times(tree, root)}
    for label, value in facts.items():
        if value:
            yield from _fact(label, value, screen)


def _fact(label: str, value: str, screen: Screen) -> list[str]:
    import textwrap

    lines = textwrap.wrap(screen.name(value), screen.width - 11, max_lines=3, placeholder=" …", break_on_hyphens=False)
    return [f"{head:<11}{line}" for head, line in zip([label, "", ""], lines, strict=False)]


def _standing(tree: SpanTree, ended: str) -> str:
    """Say how the execution stands, and plainly so if it did not end well."""
    execution = tree.table.execution
    if execution.status == "failed":
        return _joined("failed", ended or execution.error or tree.table.errors.get(0, ""))
    if execution.status == "lost":
        says = f"lost: {ended or execution.error or 'it ended without saying so'}{_open(tree)}"
        return says if ended else f"{says}; {command_name()} why {execution.id} tells more"
    if execution.status == "running":
        return "running" + _open(tree)
    return execution.status


def _checks(tree: SpanTree) -> str:
    """Say what the execution's checks found, and which did not pass."""
    verdicts = tree.table.execution.verdicts
    counts = counted_verdicts(verdicts.passed, verdicts.warned, verdicts.failed)
    worst = [f"{name} ({found})" if found else name for outcome, name, found in verdicts.said if outcome != "passed"]
    return f"{counts}: {'; '.join(worst)}" if worst else counts


def _joined(status: str, error: str) -> str:
    return f"{status}: {error}" if error else status


def _open(tree: SpanTree) -> str:
    count = len(tree.table.open)
    return f"; {_counted(count, 'span')} still open" if count else ""


def _times(tree: SpanTree, root: int) -> dict[str, str]:
    table = tree.table
    is_open = root in table.open or tree.status(root) in ("running", "lost")
    took, count = format_took(table.durations[root], "lost" if is_open else "", "at least"), tree.size(root)
    until = " up to its last sign of life" if is_open and table.durations[root] else ""
    return {
        "Started": format_moment(table.starts[root]),
        "Took": f"{took}{until}, in {_counted(count, 'span')}",
        "obs itself": _own_work(tree, root),
        **_resources(tree, root),
    }


def _resources(tree: SpanTree, root: int) -> dict[str, str]:
    """Say what was used, as far as that was sampled."""
    used = used_by(tree, root, all_writers=root == 0)
    if used is None:
        return {}
    parts = []
    cores, memory, limit = used.used("cpu"), used.peak("rss"), used.last("container.limit")
    if cores is not None:
        parts.append(f"CPU {cores.mean:.2f} cores, at most {cores.peak:.2f}")
    # Those that run are looked at every five seconds; a shorter time has only what is known of those that have ended.
    children = max(filter(None, map(used.mean, ("children.cpu", "reaped.cpu"))), default=0.0)
    if children >= _CORES_WORTH_SAYING:
        parts.append(f"its children {children:.2f} cores")
    if memory is not None:
        # A peak between two samples is seen by nobody: what the system counts, or a profiler, may be more.
        most = f"resident memory {byte_size(memory)} at most in samples each second"
        parts.append(most + (f" (limit {byte_size(limit)})" if limit else ""))
    for verb in ("read", "written"):
        rate = used.used(verb)
        if rate is not None and rate.mean >= _WORTH_SAYING:
            parts.append(f"{verb} {byte_size(rate.mean)}/s")
    if used.waits:
        parts.append("waits most of the time")
    if used.queueing:
        parts.append(used.queueing)
    limits = "; ".join(dict.fromkeys(limit.text for limit in used.limits))
    return {"Used": ", ".join(parts), "At limit": limits}


_CORES_WORTH_SAYING = 0.005

_WORTH_SAYING = 1_000_000
"""Bytes a second."""


def _own_work(tree: SpanTree, root: int) -> str:
    """Say what obs did itself beside the pipeline's work: it took the time of what called the task that it was for."""
    steps = tree.own_work(root)
    if not steps:
        return ""
    spent = sum(map(tree.table.durations.__getitem__, steps))
    outside = sum(tree.outside(root, steps).values())
    within, count = spent - outside, _counted(len(steps), "step")
    rest = f"{format_duration(outside)} before the start or after the end"
    if not within:
        return f"{rest}, in {count}"
    share = _share(within, tree.table.durations[root])
    where = "included in the time of the span around " + ("each" if len(steps) > 1 else "it")
    if not outside:
        return f"{format_duration(spent)} ({share}) in {count}, {where}"
    return f"{format_duration(spent)} in {count}: {format_duration(within)} ({share}) {where}, {rest}"


def _origin(tree: SpanTree) -> dict[str, str]:
    execution = tree.table.execution
    return {
        "Host": " as ".join(part for part in (execution.host, execution.user) if part),
        "Command": execution.command,
        "Commit": execution.git_commit,
        "Tags": ", ".join(f"{key}={value}" for key, value in execution.tags.items()),
        "Incomplete": " ".join(missing_from(execution)),
    }


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class _Line(Struct):
    """A line of the tree before it is laid out; without a row it counts what is hidden."""

    prefix: str
    depth: int
    row: Row
    hidden: bool
    cells: tuple[str, str, str, str]
    used: str = ""


def _trace(tree: SpanTree, root: int, screen: Screen, depth: int | None, absolute: bool) -> Iterator[str]:
    top = outline(tree, root, depth=depth)
    lines = list(_lines(top, top, "", "", 0, absolute, _Took(tree)))
    if tree.table.samples:
        remarks: dict[int, str] = {}
        _remark(tree, top, remarks)
        for each in lines:
            each.used = "" if each.hidden else remarks.get(id(each.row), "")
    heads = ("start", "duration", "self", "share")
    shown = slice(1 if screen.width < _NARROW else 0, 4)
    widths = [max(len(cell) for cell in column) for column in zip(heads, *(line.cells for line in lines), strict=True)]
    room = screen.width - sum(width + 2 for width in widths[shown])
    labels = [_label(line, top.end, room, screen) for line in lines]
    label_width = max(columns(label) for label in ["Trace", *labels])
    bar = room - label_width - 2
    yield screen.paint(_spread("Trace", label_width, heads[shown], widths[shown]), "bold")
    for line, label in zip(lines, labels, strict=True):
        text = _spread(label, label_width, line.cells[shown], widths[shown])
        yield (_coloured(text, line, screen) + _bar(line, top, bar, screen)).rstrip()
    yield from _unseen(tree, top, lines, screen)


class _Took:
    """Writes how long something took: of what was open when its process ended, only how long it was heard of.

    What has ended took no longer itself than is known, if such was part of it: that may have gone on for longer.
    """

    def __init__(self, tree: SpanTree) -> None:
        self._has_ended = tree.table.execution.status != "running"

    def __call__(self, ns: int, is_open: object) -> str:
        return format_took(ns, "lost" if self._has_ended and is_open else "")

    def own(self, ns: int, is_open: object, is_around_open: object) -> str:
        """Write how long it took itself."""
        most = "≤ " if self._has_ended and is_around_open and not is_open else ""
        return f"{most}{self(ns, is_open)}"


def _lines(row: Row, top: Row, prefix: str, lead: str, depth: int, absolute: bool, took: _Took) -> Iterator[_Line]:
    """Go down the rows; `prefix` draws the row's own branch, `lead` what continues beside its children."""
    if absolute:
        start = f"{moment(row.start):%H:%M:%S.%f}"[:-3]
    else:
        offset = format_duration(row.start - top.start)
        start = offset if offset.startswith("-") else f"+{offset}"
    share = _share(row.total - row.outside, top.total)
    own = took.own(row.own, row.open, row.around_open)
    yield _Line(prefix, depth, row, False, (start, took(row.total, row.open), own, share))
    for child in row.children:
        last = child is row.children[-1] and not row.hidden
        branch, beside = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _lines(child, top, lead + branch, lead + beside, depth + 1, absolute, took)
    if row.hidden:
        share = _share(row.hidden_total - row.hidden_outside, top.total)
        yield _Line(lead + "└─ ", depth + 1, row, True, ("", format_duration(row.hidden_total), "", share))


def _label(line: _Line, end: int, room: int, screen: Screen) -> str:
    """Write the first column: as much as there is room for, at the name's cost last."""
    prefix = _shortened(line.prefix, line.depth, room // 3)
    if line.hidden:
        return f"{prefix}… {line.row.hidden:,} more"
    name, marks = screen.name(line.row.name), _marks(line.row, end, screen) + line.used
    label = f"{prefix}{name}{marks}"
    statistics = _statistics(line.row)
    if columns(label + statistics) <= room:
        return label + statistics
    if columns(label) > room:
        kept = max(room - columns(prefix + marks), 8)
        return cut(f"{prefix}{cut(name, kept)}{marks}", room)
    return label


def _shortened(prefix: str, depth: int, limit: int) -> str:
    """Keep the branches of a deep tree from filling the line: its depth as a number instead."""
    if len(prefix) <= limit:
        return prefix
    mark = f"…{depth} "
    return mark + prefix[-max(limit - len(mark), 3) :]


_WORTH_A_MARK = 1_000_000
"""Nanoseconds: clocks of several processes differ by less."""


def _marks(row: Row, end: int, screen: Screen) -> str:
    marks = f" ×{row.count:,}" if row.gathered or row.count > 1 else ""
    if row.failed:
        marks += f"  {_some(row.failed, row)}FAILED {screen.name(row.error)}"
    if row.outside and row.end - end >= _WORTH_A_MARK:
        marks += f"  until {format_duration(row.end - end)} after the end"
    if row.open:
        marks += f"  {_some(row.open, row)}still open"
    logged = [_counted(count, noun) for count, noun in ((row.errors, "error"), (row.warnings, "warning")) if count]
    if logged:
        marks += f"  {', '.join(logged)} logged"
    return marks


def _remark(tree: SpanTree, row: Row, remarks: dict[int, str]) -> set[str]:
    """Say of lines that they wait, or what was at its limit; of those within each other only the innermost says it."""
    below = set[str]().union(*(_remark(tree, child, remarks) for child in row.children))
    if row.of_obs or len(row.spans) > _FEW_ENOUGH:
        return below
    used = [used for span in row.spans if (used := used_by(tree, span)) is not None]
    found = {f"{limit.name} at its limit" for one in used for limit in one.limits}
    if any(one.queueing for one in used):
        found.add("waited for a core")
    if used and len(used) == len(row.spans) and all(one.waits for one in used):
        found.add("waits")
    if new := sorted(found - below):
        remarks[id(row)] = f"  {', '.join(new)}"
    return found | below


_FEW_ENOUGH = 100
"""Spans of a line that are looked at each for what they used."""


def _some(count: int, row: Row) -> str:
    return f"{count:,} " if row.gathered else ""


def _statistics(row: Row) -> str:
    if row.count < 2:
        return ""
    mean = format_duration(row.total // row.count)
    return f"  mean {mean}  max {format_duration(row.longest)}"


def _spread(label: str, width: int, cells: Sequence[str], widths: list[int]) -> str:
    padding = " " * (width - columns(label))
    return label + padding + "".join(f"  {cell:>{wide}}" for cell, wide in zip(cells, widths, strict=True))


def _coloured(text: str, line: _Line, screen: Screen) -> str:
    if line.hidden:
        return screen.paint(text, "dim")
    if line.row.failed:
        return screen.paint(text, "red")
    if line.row.of_obs:
        return screen.paint(text, "dim")
    return screen.paint(text, "yellow") if line.row.open or line.row.errors or line.row.warnings else text


def _bar(line: _Line, top: Row, room: int, screen: Screen) -> str:
    """Draw when the spans of a line ran: a solid line for one, a dashed one from the first to the last of many."""
    whole, row = top.end - top.start, line.row
    if room < _NARROWEST_BAR or whole <= 0 or line.hidden:
        return ""
    width = min(room, _WIDEST_BAR)
    first = min(max((row.start - top.start) * width // whole, 0), width - 1)
    last = min(max(-((top.start - row.end) * width // whole), first + 1), width)
    return "  " + " " * first + screen.paint(("╍" if row.count > 1 else "━") * (last - first), "cyan")


def _unseen(tree: SpanTree, top: Row, lines: list[_Line], screen: Screen) -> Iterator[str]:
    """Say how many spans are in none of the lines."""
    shown = sum(line.row.count for line in lines if not line.hidden and not line.row.of_obs)
    whole = tree.size(top.spans[0])
    if whole > shown:
        note = f"{whole - shown:,} of {_counted(whole, 'span')} are in no line above;"
        note += " dump() and to_chrome_trace() have all"
        yield screen.paint(cut(note, screen.width), "dim")


def _share(part: int, whole: int) -> str:
    if whole <= 0 or part <= 0:
        return "0 %"
    if part > whole:
        return multiple(part, whole)
    if part * 100 < whole:
        return "<1 %"
    # Whole percents are enough beside bars; rounded as everywhere, but all is said of all alone.
    rounded = (part * 200 + whole) // (2 * whole)
    return ">99 %" if rounded == 100 and part < whole else f"{rounded} %"


def _hottest(tree: SpanTree, root: int, screen: Screen) -> Iterator[str]:
    whole = tree.table.durations[root]
    totals = totals_by_name(tree, root)
    rows = [["Hottest operations", "count", "self time", "share", "mean", "max"]]
    took, still_open = _Took(tree), {tree.families[span] for span in tree.table.open}
    around_open = {tree.families[span] for span in tree.around_open}
    for name, (count, own, longest) in hottest(totals):
        family = name.removesuffix(" (execution)")
        is_open, is_around = family in still_open, family in around_open
        times = [*(took.own(time, is_open, is_around) for time in (own, own // count, longest))]
        times.insert(1, _share(own, whole))
        rows.append([screen.name(name), f"{count:,}", *times])
    if screen.width < _NARROW:
        rows = [[*row[:4], row[5]] for row in rows]
    yield from _table(rows, screen)
    more = len(totals) - len(rows) + 1
    if more:
        yield screen.paint(f"… {more:,} more names", "dim")


def _workers(tree: SpanTree, root: int, screen: Screen) -> Iterator[str]:
    """Say how busy each worker was while operations ran on any."""
    found = busy_workers(tree, root)
    if not found:
        return
    shown = found if len(found) <= _WORKERS else [*found[: _WORKERS - _LEAST_BUSY], *found[-_LEAST_BUSY:]]
    rows = [["Workers", "threads", "operations", "busy time", "busy", ""]]
    for worker in shown:
        share = _share(worker.busy, worker.capacity)
        busy = format_duration(worker.busy)
        counts = [f"{worker.threads}", f"{worker.count:,}"]
        rows.append([screen.name(worker.name), *counts, busy, share, _fate(worker, tree)])
    if screen.width < _NARROW:
        rows = [[row[0], *row[3:]] for row in rows]
    table = list(_table(rows, screen))
    if len(found) > _WORKERS:
        mean = _share(sum(worker.busy for worker in found), sum(worker.capacity for worker in found))
        hidden = f"… {len(found) - _WORKERS:,} more between these; all {len(found):,} were busy for {mean} on average"
        table.insert(len(table) - _LEAST_BUSY, screen.paint(cut(hidden, screen.width), "dim"))
    yield from table


def _fate(worker: BusyWorker, tree: SpanTree) -> str:
    if worker.gone is None:
        return ""
    return f"gone since +{format_duration(max(worker.gone - tree.table.starts[0], 0))}"


def _critical(tree: SpanTree, root: int, screen: Screen) -> Iterator[str]:
    whole = tree.table.durations[root]
    steps = Steps(tree, root)
    foremost = steps.foremost()
    took = _Took(tree)
    rows = [["Critical path", "time", "share"]]
    room = screen.width - 24
    for step in foremost:
        time = steps.times[step]
        own = took.own(time, step in steps.open, step in steps.around_open)
        rows.append([_path(steps, step, room, screen), own, _share(time, whole)])
    rest = sum(steps.times) - sum(steps.times[step] for step in foremost)
    if rest:
        more = f"… {_counted(len(steps.taken) - len(foremost), 'shorter step')}"
        rows.append([more, format_duration(rest), _share(rest, whole)])
    if len(rows) > 1:
        yield from _table(rows, screen)


def _path(steps: Steps, step: int, room: int, screen: Screen) -> str:
    """Name a step by itself and what is above it, as far as there is room."""
    name, *above = steps.names(step)
    count = steps.counts[step]
    text = screen.name(name) + (f" ×{count:,}" if count > 1 else "")
    for name in above:
        longer = f"{screen.name(name)} › {text}"
        if columns(longer) + 4 > room:
            return f"… › {text}"
        text = longer
    return text


def _table(rows: list[list[str]], screen: Screen) -> Iterator[str]:
    head, *body = ["  ".join(cells).rstrip() for cells in aligned(rows, screen.width)]
    yield screen.paint(head, "bold")
    yield from body
