"""Draw box plots from quartiles, not from rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from obs_core.text.numbers import count, plural, statistics
from obs_renderers._columns import Unit
from obs_renderers._frames import Frame, open_frame
from obs_renderers._markup import escape, fragment, shorten
from obs_renderers._moments import mean_of
from obs_renderers._scale import Scale, ticks_in, value_in
from obs_renderers._types import reject

__all__ = ["BoxRenderer", "BoxStatistics", "box_statistics"]

_TAKES = "a DataFrame or Series of pandas or polars, or a pyarrow Table"
_MAX_OUTLIERS = 200
_WHISKER = 1.5
_QUARTERS = (0.25, 0.5, 0.75)


class BoxStatistics(Struct, frozen=True):
    """What a box plot shows of a column.

    Attributes:
        values: Number of finite values.
        missing: Number of missing values.
        infinite: Number of infinite values; they are counted and otherwise left out.
        low, q1, median, q3, high: Least value, quartiles (linear interpolation) and greatest value.
        mean: Arithmetic mean.
        whiskers: Least and greatest value within 1.5 interquartile ranges of the box.
        outliers: At most 200 of the values beyond the whiskers, evenly chosen by rank, the extremes among
            them.
        n_outliers: How many such values there are.
    """

    values: int
    missing: int
    infinite: int
    low: float
    q1: float
    median: float
    q3: float
    high: float
    mean: float
    whiskers: tuple[float, float]
    outliers: list[float]
    n_outliers: int


def box_statistics(numbers: Any, missing: int = 0) -> BoxStatistics | None:
    """Work out a box plot's statistics exactly.

    Args:
        numbers: A numpy array of float64, where NaN counts as missing. It is not changed.
        missing: How many more values are missing.

    Returns:
        The statistics; None where there is no finite value.
    """
    import numpy as np

    mask = np.isfinite(numbers)
    finite = numbers if mask.all() else numbers[mask]
    nans = int(np.isnan(numbers).sum()) if finite is not numbers else 0
    if not len(finite):
        return None
    parted = _Parted(finite)
    q1, median, q3 = map(parted.at, _QUARTERS)
    lower, upper, beyond = parted.fenced(q1 - _WHISKER * (q3 - q1), q3 + _WHISKER * (q3 - q1))
    low, high = parted.range
    return BoxStatistics(
        values=len(finite),
        missing=missing + nans,
        infinite=len(numbers) - len(finite) - nans,
        low=low,
        q1=q1,
        median=median,
        q3=q3,
        high=high,
        mean=mean_of(finite),
        whiskers=(lower, upper),
        outliers=_chosen(np.sort(beyond)),
        n_outliers=len(beyond),
    )


class _Parted:
    """Values sorted just enough, in linear time, to read quartiles, and whiskers in the outer quarters.

    Three selections, each in what the one before left, take a third of the time of one for all places.

    Args:
        finite: The values; they are copied once.
    """

    def __init__(self, finite: Any) -> None:
        import numpy as np

        last = len(finite) - 1
        first, middle, third = (math.floor(share * last) for share in _QUARTERS)
        self._values = np.partition(finite, middle)
        if first < middle:
            self._values[:middle].partition(first)
        if third > middle:
            self._values[middle + 1 :].partition(third - middle - 1)
        self._ends = sorted({first, middle, third, last})

    def at(self, share: float) -> float:
        """Read the value below which a share of the others lies, interpolated.

        Args:
            share: One of the quarters.
        """
        rank = share * (len(self._values) - 1)
        place = math.floor(rank)
        below = float(self._values[place])
        if rank == place:
            return below
        above = self._least_after(place)
        if math.isfinite(above - below):
            return below + (above - below) * (rank - place)
        return below * (1 - (rank - place)) + above * (rank - place)

    def _least_after(self, place: int) -> float:
        end = next(end for end in self._ends if end > place)
        return float(self._values[place + 1 : end + 1].min())

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return float(self._values.min()), float(self._values.max())

    def fenced(self, least: float, most: float) -> tuple[float, float, Any]:
        """Give the outermost values within fences outside the quartiles, and all values beyond them."""
        import numpy as np

        last = len(self._values) - 1
        bottom = self._values[: math.ceil(0.25 * last) + 1]
        top = self._values[math.floor(0.75 * last) :]
        low = bottom[bottom >= least].min(initial=self.at(0.25))
        high = top[top <= most].max(initial=self.at(0.75))
        return float(low), float(high), np.concatenate([bottom[bottom < least], top[top > most]])


def _chosen(beyond: Any) -> list[float]:
    import numpy as np

    if len(beyond) > _MAX_OUTLIERS:
        beyond = beyond[np.linspace(0, len(beyond) - 1, _MAX_OUTLIERS).round().astype(int)]
    return [float(value) for value in beyond]


class BoxRenderer:
    """Draw a box plot of a column: the box spans the quartiles, whiskers reach 1.5 interquartile ranges.

    Quartiles are exact, and only they and at most 200 of the outliers go into the page, whether the column
    has ten rows or ten million. The chart is a few KB of SVG that needs no script; `engine="plotly"` gives
    one to zoom into.

    Args:
        column_name: The column; or several, drawn on one scale, one under the other.
        engine: ``"svg"``, or ``"plotly"`` for a chart that can be zoomed and saved (plotly.js is stored
            once per report).

    Examples:
        >>> import pandas as pd
        >>> html = BoxRenderer("delay").to_html(pd.DataFrame({"delay": [3, 14, 15, 92]}))
    """

    def __init__(self, column_name: Any, *, engine: Literal["svg", "plotly"] = "svg") -> None:
        if engine not in ("svg", "plotly"):
            raise ValueError(f"engine must be 'svg' or 'plotly', not {engine!r}")
        self._names = column_name if isinstance(column_name, list) else [column_name]
        self._engine = engine

    def to_html(self, df: Any) -> str:
        """Render a column of a table as a box plot.

        Args:
            df: A DataFrame or Series of pandas or polars, or a pyarrow Table.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: `df` is none of these, or the column holds no numbers, times or durations.
            KeyError: There is no such column.
        """
        boxes = self._boxes(df)
        if self._engine == "plotly":
            return self._plotly(boxes)
        known = [box.statistics for box in boxes if box.statistics]
        if not known:
            return fragment("box", "".join(_empty(box) for box in boxes), styles=("box",))
        scale = Scale(min(s.low for s in known), max(s.high for s in known))
        body = "".join(_section(box, scale) for box in boxes)
        return fragment("box", body, styles=("box",))

    def to_figure(self, df: Any) -> Any:
        """Return the same box plot as a plotly figure that holds the quartiles, for further styling.

        Args:
            df: As for `to_html`.

        Returns:
            A `plotly.graph_objects.Figure`.
        """
        return _figure(self._boxes(df))

    def _plotly(self, boxes: list[_Box]) -> str:
        from obs_renderers.figures import PlotlyRenderer

        return PlotlyRenderer().to_html(_figure(boxes))

    def _boxes(self, df: Any) -> list[_Box]:
        frame = open_frame(df)
        if frame is None:
            reject(self, df, _TAKES)
        return [self._box(frame, position) for name in self._names for position in _positions(frame, name)]

    def _box(self, frame: Frame, position: int) -> _Box:
        numbers = frame.column(position).numbers()
        label = frame.label(position)
        if numbers is None:
            dtype = frame.dtype(position)
            raise TypeError(
                f"{type(self).__name__} draws numbers, times and durations, but column {label!r} holds {dtype}"
            )
        return _Box(label, numbers.unit, box_statistics(numbers.values), frame.rows)


class _Box(Struct, frozen=True):
    label: str
    unit: Unit
    statistics: BoxStatistics | None
    rows: int

    def text(self, value: float) -> str:
        return value_in(self.unit, value)


def _positions(frame: Frame, name: object) -> list[int]:
    found = [position for position in range(frame.columns) if frame.is_named(position, name)]
    if not found:
        known = ", ".join(repr(frame.label(position)) for position in range(min(frame.columns, 20)))
        raise KeyError(f"no column {name!r}; there are: {known or 'none'}{', …' if frame.columns > 20 else ''}")
    return found


def _empty(box: _Box) -> str:
    return (
        f'<section>{_title(box)}<p class="note">No values: {plural(box.rows, "row")}, none of them a finite number.</p>'
        "</section>"
    )


def _section(box: _Box, scale: Scale) -> str:
    if box.statistics is None:
        return _empty(box)
    return f"<section>{_title(box)}{_drawing(box, box.statistics, scale)}{_table(box, box.statistics)}</section>"


def _title(box: _Box) -> str:
    return f'<p class="facts"><b>{escape(shorten(box.label, 80))}</b></p>'


def _drawing(box: _Box, s: BoxStatistics, scale: Scale) -> str:
    x = scale.at
    width = f"{scale.fraction(s.q3) - scale.fraction(s.q1):.3f}%"
    parts = [
        _ticks(box, scale),
        _line("whisker", x(s.whiskers[0]), 42, x(s.q1), 42),
        _line("whisker", x(s.q3), 42, x(s.whiskers[1]), 42),
        _line("whisker", x(s.whiskers[0]), 32, x(s.whiskers[0]), 52),
        _line("whisker", x(s.whiskers[1]), 32, x(s.whiskers[1]), 52),
        f'<rect class="box" x="{x(s.q1)}" y="22" width="{width}" height="40" rx="3"/>',
        _line("median", x(s.median), 22, x(s.median), 62),
        f'<circle class="mean" cx="{x(s.mean)}" cy="42" r="3.5"/>',
        *(
            f'<circle class="outlier" cx="{x(v)}" cy="42" r="3"><title>{box.text(v)}</title></circle>'
            for v in s.outliers
        ),
    ]
    label = escape(
        f"Box plot of {shorten(box.label, 80)}: median {box.text(s.median)}, "
        f"quartiles {box.text(s.q1)} and {box.text(s.q3)}"
    )
    return f'<svg role="img" aria-label="{label}" width="100%" height="104">{"".join(parts)}</svg>'


def _ticks(box: _Box, scale: Scale) -> str:
    marks = ticks_in(box.unit, scale.low, scale.high)
    return "".join(
        f"{_line('grid', scale.at(value), 10, scale.at(value), 76)}"
        f'<text x="{scale.at(value)}" y="94">{escape(text)}</text>'
        for value, text in marks
    )


def _line(css: str, x1: str, y1: float, x2: str, y2: float) -> str:
    return f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _table(box: _Box, s: BoxStatistics) -> str:
    facts = [
        ("min", s.low),
        ("q1", s.q1),
        ("median", s.median),
        ("q3", s.q3),
        ("max", s.high),
        ("mean", s.mean),
    ]
    values = [value for _, value in facts]
    is_number = box.unit == "number"
    texts = statistics(values, (s.low, s.high)) if is_number else [box.text(value) for value in values]
    entries = "".join(
        f"<div><dt>{name}</dt><dd>{text}</dd></div>" for (name, _), text in zip(facts, texts, strict=True)
    )
    entries += f"<div><dt>values</dt><dd>{count(s.values)}</dd></div>"
    if s.missing:
        entries += f"<div><dt>missing</dt><dd>{count(s.missing)}</dd></div>"
    if s.infinite:
        entries += f"<div><dt>infinite</dt><dd>{count(s.infinite)}</dd></div>"
    return f"<dl>{entries}</dl>{_outlier_note(s)}"


def _outlier_note(s: BoxStatistics) -> str:
    if not s.n_outliers:
        return ""
    drawn = "" if len(s.outliers) == s.n_outliers else f", {count(len(s.outliers))} of them drawn"
    return f'<p class="note">{plural(s.n_outliers, "outlier")} beyond the whiskers{drawn}</p>'


def _figure(boxes: Sequence[_Box]) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    for box in boxes:
        if box.statistics is not None:
            figure.add_trace(_box_trace(box, box.statistics))
            figure.add_trace(_outlier_trace(box, box.statistics))
    figure.update_layout(xaxis={"showgrid": False}, showlegend=False)
    return figure


def _box_trace(box: _Box, s: BoxStatistics) -> Any:
    import plotly.graph_objects as go

    quartiles = {"q1": [s.q1], "median": [s.median], "q3": [s.q3], "mean": [s.mean]}
    fences = {"lowerfence": [s.whiskers[0]], "upperfence": [s.whiskers[1]]}
    return go.Box(x=[escape(box.label)], name=escape(box.label), **quartiles, **fences)


def _outlier_trace(box: _Box, s: BoxStatistics) -> Any:
    import plotly.graph_objects as go

    x = [escape(box.label)] * len(s.outliers)
    return go.Scatter(x=x, y=s.outliers, mode="markers", name="outliers", hovertemplate="%{y}<extra>outlier</extra>")
