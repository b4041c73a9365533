"""What `explain` tells, as plain values for other programs."""

from __future__ import annotations

from typing import Any

from obs_core.text.durations import format_iso
from obs_core.trace.busy_workers import BusyWorker, busy_workers
from obs_core.trace.hottest import Totals, hottest, totals_by_name
from obs_core.trace.outline import Row, outline
from obs_core.trace.steps import Steps
from obs_core.trace.tree import SpanTree

__all__ = ["explained"]


def explained(tree: SpanTree, root: int = 0, depth: int | None = None) -> dict[str, Any]:
    """Return a summary of a span and all below it, of bounded size however many spans there are.

    Args:
        tree: The spans.
        root: The span to explain; 0 for the whole execution.
        depth: How many levels below the span the tree goes. Default: as deep as there is room for.

    Returns:
        ``trace`` (the tree), ``hottest``, ``workers`` and ``critical_path``; durations in seconds, times in ISO 8601.
    """
    steps = Steps(tree, root)
    return {
        "trace": _row(outline(tree, root, depth=depth)),
        "hottest": [_operation(name, totals) for name, totals in hottest(totals_by_name(tree, root))],
        "workers": [_worker(worker) for worker in busy_workers(tree, root)],
        "critical_path": [_step(steps, step) for step in steps.foremost()],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "start": format_iso(row.start),
        "duration": row.total / 1e9,
        "self": row.own / 1e9,
        "outside": row.outside / 1e9,
        "longest": row.longest / 1e9,
        "count": row.count,
        "failed": row.failed,
        "error": row.error,
        "open": row.open,
        "warnings": row.warnings,
        "errors": row.errors,
        "of_obs": row.of_obs,
        "hidden": row.hidden,
        "hidden_duration": row.hidden_total / 1e9,
        "children": [_row(child) for child in row.children],
    }


def _operation(name: str, totals: Totals) -> dict[str, Any]:
    count, own, longest = totals
    return {"name": name, "count": count, "self": own / 1e9, "longest": longest / 1e9}


def _worker(worker: BusyWorker) -> dict[str, Any]:
    return {
        "name": worker.name,
        "threads": worker.threads,
        "count": worker.count,
        "busy": worker.busy / 1e9,
        "capacity": worker.capacity / 1e9,
        "gone": None if worker.gone is None else format_iso(worker.gone),
    }


def _step(steps: Steps, step: int) -> dict[str, Any]:
    return {
        "path": [*steps.names(step)][::-1],
        "start": format_iso(steps.starts[step]),
        "duration": steps.times[step] / 1e9,
        "count": steps.counts[step],
    }
