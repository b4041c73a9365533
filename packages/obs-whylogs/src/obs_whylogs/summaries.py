"""What a profile knows about a column, as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

__all__ = ["ColumnSummary", "summarize"]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

_TYPE_NAMES = {"integral": "integer", "fractional": "number", "string": "text"}


class ColumnSummary(Struct, frozen=True):
    """What a profile knows about a column.

    Attributes:
        name: Its name.
        types: How many values there are of each type, the most frequent first; the missing ones are of none.
        rows: All values, the missing ones too.
        missing: How many are missing: None, NaN, NA.
        infinite: How many are infinite.
        distinct: About how many distinct values there are; None where whylogs does not count them (times, objects).
        mean: Mean of the numbers; None where there are none. Booleans are 1 and 0.
        deviation: Their standard deviation.
        least: The smallest.
        most: The largest.
        quantiles: At 1, 5, 25, 50, 75, 95, and 99 %.
        kll: The sketch of the numbers, for shares between any values; None where there are none.
        counted: Values with how often they occur at least, as far as the sketch of frequent items knows; None without
            one.
        uncertainty: How much more often they may occur; also values that this sketch has forgotten.
    """

    name: str
    types: dict[str, int]
    rows: int
    missing: int
    infinite: int = 0
    distinct: float | None = None
    mean: float | None = None
    deviation: float | None = None
    least: float | None = None
    most: float | None = None
    quantiles: Sequence[float] = ()
    kll: Any = None
    counted: dict[str, int] | None = None
    uncertainty: int = 0

    @property
    def present(self) -> int:
        """How many values are not missing."""
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        """The share that is missing, from 0 to 1; 0 of no rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def kind(self) -> str:
        """What most of its values are: number, integer, text, boolean, ...; "empty" where all are missing."""
        return next(iter(self.types), "empty")

    @property
    def is_numeric(self) -> bool:
        """Whether most of its values are numbers."""
        return self.kind in ("integer", "number")


def summarize(view: Any) -> dict[str, ColumnSummary]:
    """Read all columns of a profile, by name."""
    return {name: _summary(name, column) for name, column in view.get_columns().items()}


def _summary(name: str, column: Any) -> ColumnSummary:
    counts = column.get_metric("counts")
    rows, missing, infinite = (counts.n.value, counts.null.value, counts.inf.value) if counts is not None else (0, 0, 0)
    cardinality = column.get_metric("cardinality")
    known = {**_distribution(column.get_metric("distribution")), **_frequent(column.get_metric("frequent_items"))}
    return ColumnSummary(
        name,
        _types(column.get_metric("types")),
        rows,
        missing,
        infinite,
        distinct=None if cardinality is None else cardinality.hll.value.get_estimate(),
        **known,
    )


def _types(metric: Any) -> dict[str, int]:
    if metric is None:
        return {}
    counts = {_TYPE_NAMES.get(name, name): count for name, count in metric.to_summary_dict().items() if count}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _distribution(metric: Any) -> dict[str, Any]:
    if metric is None or metric.kll.value.is_empty():
        return {}
    sketch = metric.kll.value
    return {
        "mean": metric.avg,
        "deviation": metric.stddev,
        "least": sketch.get_min_value(),
        "most": sketch.get_max_value(),
        "quantiles": sketch.get_quantiles(list(QUANTILES)),
        "kll": sketch,
    }


def _frequent(metric: Any) -> dict[str, Any]:
    if metric is None or metric.frequent_strings.value.is_empty():
        return {}
    from whylogs_sketching import frequent_items_error_type

    sketch = metric.frequent_strings.value
    items = sketch.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
    counted = {text: lower for text, _, lower, _ in items}
    unknown = max((upper - lower for _, _, lower, upper in items), default=0)
    return {"counted": counted, "uncertainty": unknown}
