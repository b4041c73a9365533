"""A Gantt chart as an HTML fragment: plain SVG bars on rows that follow the page's width, and a table of the totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

from msgspec import Struct

from obs_core.text.durations import DAY, HOUR, MINUTE, SECOND, format_duration, format_moment, format_took, moment_html
from obs_core.text.terminal import cut, printable

__all__ = ["Bar", "Timeline", "colour_number", "render_gantt"]

_ROWS, _TABLE_ROWS, _BARS = 60, 200, 2_400
_LANES, _LANE_HEIGHT = 16, 9
_REPEATED = 15
"""A chart of more rows than this has its axis at both ends."""

_FINEST = 0.1
"""Bars closer than this share of the axis, in percent, are drawn as one: it is a pixel of most screens."""


class Bar(Struct, frozen=True):
    """One timed thing of a chart.

    Attributes:
        name: What it is called, unescaped; bars of one name share a row.
        start: Nanoseconds since the epoch.
        finish: Nanoseconds since the epoch; one before `start` is taken as `start`.
        process_time: CPU time in nanoseconds, if it is known.
        failed: Whether it ended with an error.
        open: Whether it had not ended; `finish` is then the last sign of life.
        handled: Whether the error was handled above it, so that it failed nothing else; `failed` is true too.
    """

    name: str
    start: int
    finish: int
    process_time: int | None = None
    failed: bool = False
    open: bool = False
    handled: bool = False

    @property
    def duration(self) -> int:
        """Wall time in nanoseconds."""
        return max(self.finish - self.start, 0)


class Timeline(Struct, frozen=True):
    """What a time line deck draws; the type for which a renderer of time lines is registered.

    Attributes:
        bars: Named pieces of time.
        note: What the reader should know about them, such as how many there were in all.
        whole: When what they are parts of began and ended, in nanoseconds since the epoch: the axis is as long as that.
            Default: as long as the bars.
    """

    bars: list[Bar]
    note: str = ""
    whole: tuple[int, int] | None = None

    def _repr_html_(self) -> str:
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return note + render_gantt(self.bars, whole=self.whole)


def render_gantt(bars: Sequence[Bar], *, title: str = "Timeline", whole: tuple[int, int] | None = None) -> str:
    """Draw bars on a common time axis, with a table of the totals below.

    At most 60 rows are drawn, those with the longest total time, and 200 names listed. What is too close together to
    be told apart is drawn as one bar, so that the HTML stays below 500 KB however many bars there are.

    Args:
        bars: What to draw, in any order.
        title: What the chart is of, for those who cannot see it.
        whole: When what they are parts of began and ended; see `Timeline`.

    Returns:
        An HTML fragment with its style and without scripts.
    """
    if not bars:
        return f'{_STYLE}<div class="obs-gantt"><p class="note">Nothing was timed.</p></div>'
    rows = _rows(bars)
    chart = _chart(rows, title, whole)
    return f'{_STYLE}<div class="obs-gantt">{chart}{_table(rows)}</div>'


def colour_number(name: str) -> int:
    """Return which of the twelve colours of bars a name has: the same as in `report/wording.js`, thus on every page."""
    hashed = 2166136261
    for character in name:
        hashed = (hashed ^ ord(character)) * 16777619 & 0xFFFFFFFF
    return 1 + (hashed >> 8) % COLOURS


COLOURS = 12


class _Row:
    """The bars of one name."""

    __slots__ = ("bars", "name", "process_time", "start", "wall_time")

    def __init__(self, name: str, bars: list[Bar]) -> None:
        self.name = name
        self.bars = sorted(bars, key=lambda bar: bar.start)
        self.start = self.bars[0].start
        self.wall_time = sum(bar.duration for bar in bars)
        known = [bar.process_time for bar in bars if bar.process_time is not None]
        self.process_time = sum(known) if known else None

    @property
    def open(self) -> int:
        """How many bars have not ended."""
        return sum(bar.open for bar in self.bars)


class _Axis:
    """Where moments lie between the first start and the last finish, or those of what the bars are parts of.

    Attributes:
        start: Nanoseconds since the epoch.
        length: Nanoseconds.
        last: Nanoseconds from the start to the end of the last bar.
    """

    __slots__ = ("last", "length", "start")

    def __init__(self, rows: Iterable[_Row], whole: tuple[int, int] | None = None) -> None:
        bars = [bar for row in rows for bar in row.bars]
        end = max(bar.start + bar.duration for bar in bars)
        begun, ended = whole or (end, end)
        self.start = min(begun, *(bar.start for bar in bars))
        self.last = end - self.start
        self.length = max(end, ended) - self.start

    def percent(self, ns: int) -> float:
        """Return how far a moment is along the axis."""
        return 100 * (ns - self.start) / self.length if self.length else 0.0

    def ticks(self) -> list[tuple[int, float]]:
        """Return round numbers of nanoseconds from the start, five to nine of them on most axes, and where they lie."""
        step = next((one for one in _STEPS if one * 8 >= self.length), self.length)
        return [(ns, self.percent(self.start + ns)) for ns in range(0, self.length + 1, step)]


_STEPS = (
    *(factor * 10**power for power in range(9) for factor in (1, 2, 5)),
    *(factor * SECOND for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * MINUTE for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * HOUR for factor in (1, 2, 3, 6, 12)),
    *(factor * 10**power * DAY for power in range(6) for factor in (1, 2, 5)),
)


def _tick_label(ns: int) -> str:
    """Write a round number of nanoseconds exactly: "0 s", "1.5 s", "1 h 30 min"."""
    if 0 < ns < SECOND:
        unit, scale = ("ns", 1) if ns < 1_000 else ("µs", 1_000) if ns < 1_000_000 else ("ms", 1_000_000)
        return f"{ns / scale:g} {unit}"
    if ns < MINUTE:
        return f"{ns / SECOND:g} s"
    parts = (
        (ns // DAY, "d"),
        (ns % DAY // HOUR, "h"),
        (ns % HOUR // MINUTE, "min"),
        (ns % MINUTE // SECOND, "s"),
    )
    return " ".join(f"{count:,} {unit}" for count, unit in parts if count)


def _rows(bars: Sequence[Bar]) -> list[_Row]:
    """Gather bars by name, the longest total first."""
    by_name: dict[str, list[Bar]] = {}
    for bar in bars:
        by_name.setdefault(bar.name, []).append(bar)
    rows = [_Row(name, named) for name, named in by_name.items()]
    return sorted(rows, key=lambda row: (-row.wall_time, row.start))


def _chart(rows: list[_Row], title: str, whole: tuple[int, int] | None) -> str:
    axis = _Axis(rows, whole)
    shown = sorted(rows[:_ROWS], key=lambda row: row.start)
    scale = _scale(axis)
    lines = "".join(_line(row, axis, max(_BARS // len(shown), 1)) for row in shown)
    again = scale if len(shown) > _REPEATED else ""
    more = _more(len(rows) - len(shown), "row", "with less time")
    chart = f"{scale}{lines}{again}{more}{_caption(axis, rows)}"
    return f'<figure role="group" aria-label="{_attribute(title)}">{chart}</figure>'


def _scale(axis: _Axis) -> str:
    """Draw the time axis: its labels stay upright and as large as they are, however wide the page."""
    labels = "".join(
        f'<text x="{percent:.6g}%" y="13" text-anchor="{_anchor(percent)}">{_tick_label(ns)}</text>'
        for ns, percent in axis.ticks()
    )
    dense = " dense" if len(axis.ticks()) > 5 else ""
    look = f'class="track" width="100%" height="18" fill="{_STILL}"'
    return f'<div class="row scale{dense}"><svg {look} aria-hidden="true">{labels}</svg></div>'


def _anchor(percent: float) -> str:
    return "start" if percent == 0 else "end" if percent > 92 else "middle"


def _line(row: _Row, axis: _Axis, most: int) -> str:
    """Draw a row: its name, its bars, the total. Bars that overlap are drawn below one another, thinner."""
    name, lanes = _shown(row.name), _lanes(row.bars)
    grid = "".join(f'<line x1="{x:.6g}%" x2="{x:.6g}%" y2="100%"/>' for _, x in axis.ticks())
    bars = "".join(
        _drawn(
            cluster, axis, f' y="{number * _LANE_HEIGHT + 3}" height="6"' if len(lanes) > 1 else ' y="5" height="14"'
        )
        for number, lane in enumerate(lanes)
        for cluster in _clusters(lane, axis, _gap(lane, axis, max(most // len(lanes), 1)))
    )
    look, height = ("track lanes", _LANE_HEIGHT * len(lanes) + 5) if len(lanes) > 1 else ("track", 24)
    return (
        f'<div class="row"><span class="name" title="{name}">{name}</span>'
        f'<svg class="{look} bar-{colour_number(row.name)}" width="100%" height="{height}" fill="{_STILL}" role="img"'
        f' aria-label="{name}: {_total(row)}">{grid}{bars}</svg>'
        f'<span class="total">{_total(row)}</span></div>'
    )


def _lanes(bars: list[Bar]) -> list[list[Bar]]:
    """Share bars in start order among a few lanes on which they do not overlap, or least, if they are too many."""
    lanes: list[list[Bar]] = []
    ends: list[int] = []
    for bar in bars:
        lane = next((number for number, end in enumerate(ends) if end <= bar.start), None)
        if lane is None and len(lanes) < _LANES:
            lane = len(lanes)
            lanes.append([])
            ends.append(0)
        elif lane is None:
            lane = ends.index(min(ends))
        lanes[lane].append(bar)
        ends[lane] = max(ends[lane], bar.start + bar.duration)
    return lanes


def _total(row: _Row) -> str:
    count, failed, open_ = len(row.bars), _failures(row.bars), row.open
    heard_of = row.wall_time or not open_
    parts = [_took(row.bars) if heard_of else "", f"×{count:,}" if count > 1 else ""]
    parts += [failed] if failed else []
    parts += [f"{open_:,} not ended" if count > 1 else "not ended"] if open_ else []
    return " ".join(part for part in parts if part)


def _failures(bars: Sequence[Bar]) -> str:
    """Write how many bars failed, and of how many of these the error was handled; nothing if none failed."""
    failed, handled = sum(bar.failed for bar in bars), sum(bar.handled for bar in bars)
    if not failed:
        return ""
    told = "failed" if len(bars) == 1 else f"{failed:,} failed"
    if not handled:
        return told
    return f"{told}, handled" if handled == failed else f"{told}, {handled:,} handled"


def _took(bars: Sequence[Bar]) -> str:
    """Write how long bars took together; with one that has not ended, it is known only for how long it was heard of."""
    return format_took(sum(bar.duration for bar in bars), "lost" if any(bar.open for bar in bars) else "")


def _gap(bars: list[Bar], axis: _Axis, most: int) -> float:
    """Find how close bars must be, in percent of the axis, to be drawn as one, so that not too many are drawn."""
    gap = _FINEST
    while gap <= 100 and sum(1 for _ in _clusters(bars, axis, gap)) > most:
        gap *= 2
    return gap


def _clusters(bars: list[Bar], axis: _Axis, gap: float) -> Iterator[list[Bar]]:
    """Put neighbours together that are no longer than the gap and begin in the same stretch of that length."""
    cluster: list[Bar] = []
    before = -1
    for bar in bars:
        start, end = axis.percent(bar.start), axis.percent(bar.start + bar.duration)
        stretch = int(start // gap) if end - start <= gap else -1
        if cluster and (stretch < 0 or stretch != before):
            yield cluster
            cluster = []
        cluster.append(bar)
        before = stretch
    yield cluster


def _drawn(cluster: list[Bar], axis: _Axis, place: str) -> str:
    start = axis.percent(cluster[0].start)
    end = axis.percent(max(bar.start + bar.duration for bar in cluster))
    kind = next((kind for kind, is_one in _KINDS.items() if any(map(is_one, cluster))), "")
    marked = f' class="{kind}"' if kind else ""
    width = max(end - start, 0.001)
    return f'<rect x="{start:.6g}%" width="{width:.6g}%"{place}{marked}><title>{_told(cluster)}</title></rect>'


_KINDS: dict[str, Callable[[Bar], bool]] = {
    "failed": lambda bar: bar.failed and not bar.handled,
    "handled": lambda bar: bar.handled,
    "open": lambda bar: bar.open,
}
"""What sets a bar apart from others; one that stands for several looks like the worst of them."""


def _told(cluster: list[Bar]) -> str:
    """Write what is shown while the pointer is over a bar."""
    first, finish = cluster[0], max(bar.start + bar.duration for bar in cluster)
    lines = [_took(cluster)]
    if len(cluster) > 1:
        lines[0] += f" in {len(cluster):,} bars"
    lines += [f"from {format_moment(first.start, 6)}", f"to {format_moment(finish, 6)}"]
    if len(cluster) == 1 and first.process_time is not None:
        lines.append(f"process time {format_duration(first.process_time)}")
    if failures := _failures(cluster):
        lines.append(failures)
    if open_ := sum(bar.open for bar in cluster):
        lines.append("not ended" if len(cluster) == 1 else f"{open_:,} not ended")
    return "\n".join(lines)


def _caption(axis: _Axis, rows: list[_Row]) -> str:
    shown = [
        f'<span class="key {kind}"></span>{_WORDS[kind]}'
        for kind, is_one in _KINDS.items()
        if any(is_one(bar) for row in rows for bar in row.bars)
    ]
    last = max((bar for row in rows for bar in row.bars), key=lambda bar: (bar.start + bar.duration, not bar.open))
    verb = "was last heard of" if last.open else "ends"
    later = f" The last bar {verb} {format_duration(axis.last)} later." if axis.last or not last.open else ""
    return f"<figcaption>0 s is {moment_html(axis.start)}.{later} {' '.join(shown)}</figcaption>"


_WORDS = {"failed": "failed", "handled": "failed, handled", "open": "not ended"}


def _table(rows: list[_Row]) -> str:
    timed = any(row.process_time is not None for row in rows)
    lines = "".join(
        f"<tr><td>{_shown(row.name)}</td><td>{len(row.bars):,}</td><td>{_took(row.bars)}</td>"
        + (f"<td>{'' if row.process_time is None else format_duration(row.process_time)}</td>" if timed else "")
        + "</tr>"
        for row in rows[:_TABLE_ROWS]
    )
    return (
        f"<table><thead><tr><th>Name</th><th>Count</th><th>Wall time</th>{'<th>Process time</th>' * timed}</tr></thead>"
        f"<tbody>{lines}</tbody></table>{_more(len(rows) - _TABLE_ROWS, 'name', 'with less time')}"
    )


def _more(count: int, noun: str, which: str) -> str:
    return f'<p class="note">and {count:,} more {noun}{"s" * (count > 1)} {which}</p>' if count > 0 else ""


def _shown(name: str) -> str:
    """Make a name safe to show, and not longer than a screen is wide."""
    return _attribute(cut(printable(name), 120))


def _attribute(text: str) -> str:
    return escape(text.encode("utf-8", "replace").decode(), quote=True)


_STILL = "#4a78e0"
"""Of bars where no style sheet holds, as in an untrusted notebook: it can be seen on white and on black."""

_PALETTE = "\n".join(
    f".obs-gantt .bar-{number} {{ --g-fill: var(--obs-bar-{number}, var(--g-bar)); }}"
    for number in range(1, COLOURS + 1)
)

_STYLE = (
    f"""<style>
{_PALETTE}"""
    + """
.obs-gantt { --g-bg: var(--obs-bg, #fff); --g-fg: var(--obs-fg, #1f2328); --g-muted: var(--obs-muted, #59636e);
  --g-line: var(--obs-line, #d8dee4); --g-bar: var(--obs-accent, #2f5bd8); --g-bad: var(--obs-bad, #c4242b);
  --g-warn: var(--obs-warn, #8a5a00);
  container-type: inline-size; background: var(--g-bg); color: var(--g-fg);
  font: 13px/1.5 var(--obs-font, system-ui, sans-serif); font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) { :root:not([data-theme]) .obs-gantt { --g-bg: var(--obs-bg, #101317);
  --g-fg: var(--obs-fg, #e6e9ee); --g-muted: var(--obs-muted, #9aa4b2); --g-line: var(--obs-line, #2b313a);
  --g-bar: var(--obs-accent, #86a8ff); --g-bad: var(--obs-bad, #ff8078);
  --g-warn: var(--obs-warn, #e2ab45); } }
.obs-gantt figure { margin: 0 0 20px; }
.obs-gantt .row { display: grid; grid-template-columns: 22% minmax(0, 1fr) 132px; column-gap: 12px; align-items: center;
  break-inside: avoid; }
.obs-gantt .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.obs-gantt .track { grid-column: 2; display: block; width: 100%; max-width: none; overflow: visible; }
.obs-gantt .total { color: var(--g-muted); font-size: 12px; line-height: 1.3; }
.obs-gantt text { fill: var(--g-muted); font-size: 11.5px; }
.obs-gantt line { stroke: var(--g-line); stroke-width: 1px; shape-rendering: crispEdges; }
.obs-gantt rect { fill: var(--g-fill, var(--g-bar));
  stroke: color-mix(in srgb, var(--g-fill, var(--g-bar)), var(--g-fg) 25%); stroke-width: 1px; rx: 2px; }
.obs-gantt rect:hover { stroke: var(--g-fg); }
.obs-gantt rect.failed { fill: var(--g-bad); stroke: var(--g-bad); }
.obs-gantt rect.handled { fill: var(--g-warn); stroke: var(--g-warn); }
.obs-gantt rect.open { fill-opacity: .2; stroke-dasharray: 4 3; }
.obs-gantt .key { display: inline-block; width: 14px; height: 10px; margin: 0 5px 0 10px;
  border: 1px solid; border-radius: 2px; }
.obs-gantt .key.failed { background: var(--g-bad); border-color: var(--g-bad); }
.obs-gantt .key.handled { background: var(--g-warn); border-color: var(--g-warn); }
.obs-gantt .key.open { border: 1px dashed var(--g-bar); }
.obs-gantt figcaption, .obs-gantt .note { margin: 8px 0 0; color: var(--g-muted); font-size: 12.5px; }
.obs-gantt table { border-collapse: collapse; font-size: 13px; }
.obs-gantt th, .obs-gantt td { padding: 5px 12px; border: 0; border-bottom: 1px solid var(--g-line); text-align: right;
  white-space: nowrap; }
.obs-gantt th { color: var(--g-muted); font-size: 12px; font-weight: 600; }
.obs-gantt :is(th, td):first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; }
@container (max-width: 900px) { .obs-gantt .dense text:nth-child(even) { display: none; } }
@container (max-width: 560px) {
  .obs-gantt .row { grid-template-columns: minmax(0, 1fr) max-content; }
  .obs-gantt .track { grid-column: 1 / -1; grid-row: 2; }
  .obs-gantt .scale .track { grid-row: 1; }
  .obs-gantt :is(th, td) { padding: 5px 8px; }
}
</style>"""
)
