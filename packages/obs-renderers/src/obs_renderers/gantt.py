"""Draw pieces of time as a Gantt chart."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from obs_core.report import script_text
from obs_core.text.controls import visible
from obs_core.text.durations import format_duration, format_took, moment_html
from obs_core.text.numbers import MISSING, count, multiple, plural, share
from obs_renderers._cells import is_missing, label_text
from obs_renderers._columns import Column
from obs_renderers._frames import Frame, open_frame
from obs_renderers._markup import encodable, escape, fragment, json_for_script, script, shorten
from obs_renderers._types import is_a, reject

__all__ = ["GanttBar", "GanttChartRenderer"]

_TAKES = (
    "a DataFrame with the columns Start, Finish and Name, a list of dicts with these keys, "
    "or "
    "a time line deck's Timeline"
)
_MAX_TABLE_ROWS = 100
_MAX_NAME = 300
_NANOSECONDS = {"D": 86_400 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


class GanttBar(Struct, frozen=True):
    """A named piece of time.

    Attributes:
        name: What took the time.
        start: Nanoseconds since the epoch.
        finish: Nanoseconds since the epoch; None when it has not ended.
        process_time: Nanoseconds of CPU time, if known.
        failed: Whether it raised.
        seen: When one that has not ended was last heard of, nanoseconds since the epoch. Default: at the chart's end.
        handled: Whether what it raised was handled above it; `failed` is true too.
    """

    name: str
    start: int
    finish: int | None
    process_time: int | None = None
    failed: bool = False
    seen: int | None = None
    handled: bool = False


class GanttChartRenderer:
    """Draw a Gantt chart from Start, Finish and Name, with a table of wall and process time below.

    Bars of one name share a row. The chart can be zoomed and is readable from nanoseconds to years, also
    with 10,000 bars. A missing Finish means that it has not ended: its bar is open and reaches to the end
    of the chart.

    Examples:
        >>> from datetime import datetime
        >>> bar = {"Start": datetime(2026, 1, 1, 9), "Finish": datetime(2026, 1, 1, 10), "Name": "load"}
        >>> html = GanttChartRenderer().to_html([bar])
    """

    def to_html(self, df: Any, chart_width: int | None = None) -> str:
        """Render pieces of time.

        Args:
            df: A DataFrame (pandas, polars, pyarrow) with the columns Start, Finish and Name, and
                optionally ProcessTime (seconds); or a list of dicts with these keys; or the `Timeline` of a
                time line deck.
            chart_width: Width in pixels; by default the page's.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: `df` is none of these, or a Start or Finish is no time.
            ValueError: A column or key is missing.
        """
        bars, zone, note = self._bars(df)
        if not bars:
            return fragment("gantt", '<p class="note">No time was recorded.</p>', styles=("table", "gantt"))
        width = f' style="width: {int(chart_width)}px"' if chart_width else ""
        own = is_a(df, "obs_core.Timeline")
        span = _span(bars, getattr(df, "whole", None) if own else None)
        begin = moment_html(span[0]) if own else _moment(span[0]) + zone
        body = _facts(bars, span, begin, note) + f"<div{width}>{_chart(bars, span)}</div>" + _table(bars, span)
        return fragment("gantt", body, styles=("table", "gantt"))

    def _bars(self, value: Any) -> tuple[list[GanttBar], str, str]:
        if is_a(value, "obs_core.Timeline"):
            return [_from_timeline(bar) for bar in value.bars], "", getattr(value, "note", "")
        frame = open_frame(value)
        if frame is not None:
            bars, _, note = self._from_rows(_frame_rows(frame))
            return bars, " UTC" if _is_zoned(frame) else "", note
        if isinstance(value, Mapping) or not isinstance(value, Iterable):
            reject(self, value, _TAKES)
        return self._from_rows(list(value))

    def _from_rows(self, rows: Sequence[Any]) -> tuple[list[GanttBar], str, str]:
        for row in rows:
            if not isinstance(row, Mapping):
                reject(self, row, f"{_TAKES}; one of the list's items is none")
        zoned = any(getattr(row.get("Start"), "tzinfo", None) is not None for row in rows)
        return [_from_row(row) for row in rows], " UTC" if zoned else "", ""


def _from_timeline(bar: Any) -> GanttBar:
    is_open = getattr(bar, "open", False)
    finish, seen = (None, bar.finish) if is_open else (bar.finish, None)
    return GanttBar(bar.name, bar.start, finish, bar.process_time, bar.failed, seen, bar.handled)


def _frame_rows(frame: Frame) -> list[dict[str, Any]]:
    labels = {frame.label(position): position for position in range(frame.columns)}
    _require(labels, "column")
    wanted = {key: labels[key] for key in ("Start", "Finish", "Name", "ProcessTime") if key in labels}
    columns = {key: _column_values(frame.column(position)) for key, position in wanted.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _is_zoned(frame: Frame) -> bool:
    starts = next(position for position in range(frame.columns) if frame.label(position) == "Start")
    column = frame.column(starts)
    times = column.times()
    if times is not None:
        return times.zone is not None
    return any(getattr(value, "tzinfo", None) is not None for value in column.values())


class _Nanoseconds(int):
    """A time of a column, since the epoch."""


def _column_values(column: Column) -> list[Any]:
    """Read a column; times to the nanosecond and of any year, which Python's own do not hold."""
    times = column.times()
    if times is None or times.kind == "duration" or times.kind == "clock":
        return column.values()
    size = _NANOSECONDS[times.unit]
    pairs = zip(times.counts.tolist(), times.missing.tolist(), strict=True)
    return [None if gone else _Nanoseconds(count * size) for count, gone in pairs]


def _require(keys: Iterable[str], what: str) -> None:
    missing = [key for key in ("Start", "Finish", "Name") if key not in keys]
    if missing:
        raise ValueError(
            f"a Gantt chart needs Start, Finish and Name; no {what} {', '.join(missing)} in {list(keys)[:20]}"
        )


def _from_row(row: Mapping[str, Any]) -> GanttBar:
    _require(row, "key")
    start = _nanoseconds("Start", row["Start"])
    if start is None:
        raise ValueError(f"the Start of {label_text(row['Name'])!r} is missing")
    finish = _nanoseconds("Finish", row["Finish"])
    seconds = row.get("ProcessTime")
    process_time = None if is_missing(seconds) else int(float(seconds) * 1e9)  # type: ignore[arg-type]
    return GanttBar(label_text(row["Name"]), start, finish, process_time)


def _nanoseconds(key: str, moment: Any) -> int | None:
    """Read a time as nanoseconds since the epoch; one without a zone as it stands."""
    from datetime import UTC, datetime

    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if is_missing(moment):
        return None
    if isinstance(moment, _Nanoseconds):
        return int(moment)
    if is_a(moment, "pandas.Timestamp"):
        return int(moment.value)
    if not isinstance(moment, datetime):
        raise TypeError(f"the {key} of a Gantt chart must be a datetime, not {moment!r}")
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _span(bars: list[GanttBar], whole: tuple[int, int] | None) -> tuple[int, int]:
    """Return when the axis begins and ends: with the bars, or with what they are parts of."""
    ends = [bar.finish or bar.seen or bar.start for bar in bars]
    moments = [*(bar.start for bar in bars), *ends, *(whole or ())]
    return min(moments), max(moments)


def _facts(bars: list[GanttBar], span: tuple[int, int], begin: str, note: str) -> str:
    first, last = span
    rows = len({bar.name for bar in bars})
    named = "" if rows == len(bars) else f" of {plural(rows, 'name')}"
    texts = [
        f"<b>{escape(format_duration(last - first))}</b>",
        f"from {begin}",
        plural(len(bars), "bar") + named,
    ]
    failures = _failures(sum(bar.failed for bar in bars), sum(bar.handled for bar in bars))
    texts += [failures] if failures else []
    unfinished = sum(bar.finish is None for bar in bars)
    texts += [f"{count(unfinished)} not ended"] if unfinished else []
    texts += [escape(note)] if note else []
    return f'<div class="bar"><span class="facts">{" · ".join(texts)}</span></div>'


def _failures(failed: int, handled: int) -> str:
    """Write how many bars failed, and of how many the error was handled; nothing if none failed."""
    if not failed:
        return ""
    told = f", {'' if handled == failed else count(handled) + ' '}handled" if handled else ""
    return f'<span class="{"warn" if handled == failed else "bad"}">{count(failed)} failed{told}</span>'


def _moment(nanoseconds: int) -> str:
    from datetime import datetime, timedelta

    try:
        moment = datetime(1970, 1, 1) + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return f"{nanoseconds} ns after 1970"
    return moment.isoformat(sep=" ", timespec="milliseconds" if moment.microsecond else "seconds")


def _chart(bars: list[GanttBar], span: tuple[int, int]) -> str:
    first, last = span
    names = {name: row for row, name in enumerate(dict.fromkeys(bar.name for bar in sorted(bars, key=_start)))}
    content = {
        "names": [encodable(visible(shorten(name, _MAX_NAME))) for name in names],
        "first": first / 1e6,
        "span": last - first,
        "rows": [names[bar.name] for bar in bars],
        "starts": [bar.start - first for bar in bars],
        "lengths": [None if bar.finish is None else max(0, bar.finish - bar.start) for bar in bars],
        "cpu": [bar.process_time for bar in bars] if any(bar.process_time is not None for bar in bars) else [],
        "failed": [place for place, bar in enumerate(bars) if bar.failed],
        "handled": [place for place, bar in enumerate(bars) if bar.handled],
    }
    encoded = json_for_script(msgspec.json.encode(content))
    starter = "<script>obsGantt(document.currentScript.parentElement)</script>"
    scripts = _script() + starter
    return f'<div class="gantt-root"><script type="application/json">{encoded}</script>{scripts}</div>'


@functools.cache
def _script() -> str:
    """Return the chart's script, with what every page of obs words and paints alike."""
    return script("gantt").replace("// {wording}", script_text("wording.js").strip())


def _start(bar: GanttBar) -> int:
    return bar.start


class _Row(Struct):
    """What the table says of all the bars of one name."""

    name: str
    first: int
    bars: int = 0
    wall: int = 0
    cpu: int | None = None
    open: int = 0
    failed: int = 0
    handled: int = 0


def _rows(bars: list[GanttBar], last: int) -> list[_Row]:
    rows: dict[str, _Row] = {}
    for bar in sorted(bars, key=_start):
        row = rows.setdefault(bar.name, _Row(bar.name, bar.start))
        row.bars += 1
        seen = last if bar.seen is None else bar.seen
        row.wall += max(0, (seen if bar.finish is None else bar.finish) - bar.start)
        row.failed += bar.failed
        row.handled += bar.handled
        row.open += bar.finish is None
        if bar.process_time is not None:
            row.cpu = (row.cpu or 0) + bar.process_time
    return list(rows.values())


def _table(bars: list[GanttBar], span: tuple[int, int]) -> str:
    first, last = span
    rows = _rows(bars, last)
    longest = sorted(rows, key=lambda row: -row.wall)[:_MAX_TABLE_ROWS]
    names = {row.name for row in longest}
    shown = [row for row in rows if row.name in names]
    timed = any(row.cpu is not None for row in rows)
    body = "".join(_table_row(row, first, last - first, timed=timed) for row in shown)
    note = (
        ""
        if len(shown) == len(rows)
        else f'<p class="note">The {len(shown)} longest of {plural(len(rows), "name")}</p>'
    )
    heads = "".join(f'<th scope="col"{css}>{name}</th>' for name, css in _HEADS if timed or name != _PROCESS_TIME)
    # From the first bar's start to the last one's end: a task that the bars are of may have taken longer.
    heads += f'<th scope="col">Share of the {escape(format_duration(last - first))} shown</th>'
    return (
        f'<div class="scroll tall" tabindex="0"><table><thead><tr>{heads}</tr>'
        f"</thead>"
        f"<tbody>{body}</tbody></table>"
        f"</div>{note}"
    )


_PROCESS_TIME = "Process time"
"""A column that is left out if it would say nothing."""
_HEADS = (
    ("Name", ""),
    ("Bars", ' class="number"'),
    ("Start", ' class="number"'),
    ("Wall time", ' class="number"'),
    (_PROCESS_TIME, ' class="number"'),
)


def _table_row(row: _Row, first: int, span: int, *, timed: bool) -> str:
    numbers = [count(row.bars), "+" + format_duration(row.first - first), format_took(row.wall, _status(row))]
    if timed:
        numbers.append(MISSING if row.cpu is None else format_duration(row.cpu))
    cells = "".join(f'<td class="number">{text}</td>' for text in numbers)
    title = f' title="{escape(visible(shorten(row.name, 1000)))}"' if len(row.name) > 60 else ""
    name = escape(visible(shorten(row.name, 60))) + _marks(row)
    meter = _meter(row.wall, span) if row.wall or not row.open else ""
    return f"<tr><td{title}>{name}</td>{cells}<td>{meter}</td></tr>"


def _status(row: _Row) -> str:
    """Return how a row stands: of bars that have not ended it is known only for how long they were seen."""
    return "lost" if row.open else ""


def _marks(row: _Row) -> str:
    failures = _failures(row.failed, row.handled)
    return (f" {failures}" if failures else "") + (' <span class="note">not ended</span>' if row.open else "")


def _meter(part: int, whole: int) -> str:
    whole = whole or part or 1
    text = multiple(part, whole) if part > whole else share(part, whole)  # bars of one name may lie side by side
    return f'<span class="meter"><i style="width:{min(100 * part / whole, 100):.2f}%"></i></span>{text}'
