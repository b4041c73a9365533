"""What may be sent along: the times of a task's operations, and its report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wandb import Run

    from obs_core import TaskCall

__all__ = ["log_decks", "log_spans"]


def log_spans(call: TaskCall, run: Run) -> None:
    """Send the times of the task's longest operations as a table, ``obs/spans``."""
    import wandb

    rows: list[Iterable[Any]] = [
        (bar.name, bar.start / 1e9, (bar.finish - bar.start) / 1e9, (bar.process_time or 0) / 1e9)
        for bar in call.spans()
    ]
    columns: list[str | int] = ["operation", "start (s since 1970)", "seconds", "CPU seconds"]
    run.log({"obs/spans": wandb.Table(columns=columns, data=rows)})


def log_decks(call: TaskCall, run: Run) -> None:
    """Send the task's report, as it stands, as HTML: ``obs/report``."""
    import wandb

    if call.context.enable_deck:
        run.log({"obs/report": wandb.Html(call.report_html(), inject=False)})
