"""Merging many profiles at once: each sketch is merged into one, where whylogs makes a new profile for each pair."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whylogs.core.view.dataset_profile_view import DatasetProfileView

__all__ = ["merged_views"]


def merged_views(views: Sequence[DatasetProfileView]) -> DatasetProfileView:
    """Merge profiles; what comes out is what ``views[0].merge(views[1]).merge(...)`` makes.

    Args:
        views: At least one. They stay as they are.
    """
    without_columns = [_without_columns(view) for view in views]
    merged: DatasetProfileView = reduce(lambda made, view: made.merge(view), without_columns)
    columns: dict[str, list[Any]] = {}
    for view in views:
        for name, column in view._columns.items():
            columns.setdefault(name, []).append(column)
    merged._columns = {name: _merged_column(found) for name, found in columns.items()}
    return merged


def _without_columns(view: Any) -> Any:
    return type(view)(
        columns={},
        dataset_timestamp=view._dataset_timestamp,
        creation_timestamp=view._creation_timestamp,
        metrics=view._metrics,
        metadata=view._metadata,
    )


def _merged_column(columns: list[Any]) -> Any:
    if len(columns) == 1:
        return columns[0]
    metrics: dict[str, list[Any]] = {}
    for column in columns:
        for name, metric in column._metrics.items():
            metrics.setdefault(name, []).append(metric)
    return type(columns[0])(
        metrics={name: _merged_metric(found) for name, found in metrics.items()},
        success_count=sum(column._success_count for column in columns),
        failure_count=sum(column._failure_count for column in columns),
    )


def _merged_metric(metrics: list[Any]) -> Any:
    from whylogs.core.metrics.metric_components import MetricComponent
    from whylogs.core.metrics.metrics import DistributionMetric, Metric

    kind = type(metrics[0])
    own_way = kind.merge is not Metric.merge and kind is not DistributionMetric
    if len(metrics) == 1 or own_way or any(type(metric) is not kind for metric in metrics):
        return reduce(operator.add, metrics)
    components = {
        name: _merged_component([metric.__dict__[name] for metric in metrics])
        for name, component in metrics[0].__dict__.items()
        if isinstance(component, MetricComponent)
    }
    made = kind(**components)
    if kind is DistributionMetric:
        _set_moments(made, metrics)
    return made


def _set_moments(made: Any, metrics: list[Any]) -> None:
    """Set mean and the sum of squared distances to it; each part's count as often as it has values."""
    counts = [metric.kll.value.get_n() for metric in metrics]
    means = [metric.avg for metric in metrics]
    total = sum(counts)
    mean = sum(map(operator.mul, counts, means)) / total if total else 0.0
    squares = sum(metric.m2.value for metric in metrics)
    squares += sum(count * (one - mean) ** 2 for count, one in zip(counts, means, strict=True))
    made.mean.set(mean)
    made.m2.set(squares if total else 0.0)


def _merged_component(components: list[Any]) -> Any:
    kind = type(components[0])
    merge = _MERGES.get(kind.__name__)
    if merge is None or any(type(component) is not kind for component in components):
        return reduce(operator.add, components)
    return kind(merge([component.value for component in components]))


def _merged_kll(sketches: list[Any]) -> Any:
    merged = type(sketches[0])(sketches[0])
    for sketch in sketches[1:]:
        merged.merge(sketch)
    return merged


def _merged_hll(sketches: list[Any]) -> Any:
    from whylogs_sketching import hll_union

    union = hll_union(max(sketch.lg_config_k for sketch in sketches))
    for sketch in sketches:
        union.update(sketch)
    return union.get_result(max((sketch.tgt_type for sketch in sketches), key=lambda one: int(one.value)))


def _merged_items(sketches: list[Any]) -> Any:
    merged = type(sketches[0]).deserialize(sketches[0].serialize())
    for sketch in sketches[1:]:
        merged.merge(sketch)
    return merged


_MERGES: dict[str, Callable[[list[Any]], Any]] = {
    "IntegralComponent": sum,
    "MaxIntegralComponent": max,
    "MinIntegralComponent": min,
    "FractionalComponent": sum,
    "KllComponent": _merged_kll,
    "HllComponent": _merged_hll,
    "FrequentStringsComponent": _merged_items,
}
"""How the values of whylogs' components are merged, by the name of their class; of others pairwise, by whylogs."""
