"""The Metrics tab of a task: curves, parameters and progress, drawn when its report is.

What draws it is imported then: a third of what `from obs_core import task` would cost otherwise.
"""

from __future__ import annotations

from obs_core.failsafe import guarded
from obs_core.journal import records
from obs_core.model import Status
from obs_core.recording.run import TaskState

__all__ = ["announce"]


def announce(task: TaskState) -> None:
    """Give a task its Metrics tab, after those that it has by now."""
    if task.enable_deck and not task.source and not any(isinstance(deck, _MetricsDeck) for deck in task.decks):
        deck = _MetricsDeck(task)
        task.decks.append(deck)
        deck.announce()


class _MetricsDeck:
    """A tab that holds nothing: this process draws it from what it has in memory, a reader from the journal."""

    def __init__(self, task: TaskState) -> None:
        from obs_core.values.curves import METRICS

        self.name = METRICS
        self.number = 0
        self.verdicts: list[tuple[str, str]] = []
        self._task = task

    def announce(self) -> None:
        """Write it to the journal, unless that is done."""
        if not self.number:
            self.number = self._task.next_number()
            self._task.append(records.DeckMade(self.number, self._task.own_ref(), self.name))

    def current_items(self) -> list[str]:
        """Draw it."""
        from obs_core.assembly.parts import metrics_of_all
        from obs_core.rendering import render
        from obs_core.report.bodies import extracted
        from obs_core.values.curves import Curves

        task, run = self._task, self._task.run
        drawn = ""
        with guarded(f"drawing the metrics of task {task.name!r}", task.note):
            if task.shared or task.journal.forked:  # whoever draws the report has had all processes write theirs
                status: Status = "running" if task.ended is None else "succeeded"  # either has come to its end
                logged = metrics_of_all(run.store, run.id, task.global_ref(), status=status)
                return [extracted(render(logged))]
            curves, params = ([], {}) if run.metrics is None else run.metrics.curves_of(task)
            bars = [bar for log in run.progress for bar in log.bars_of(task)]
            drawn = extracted(render(Curves(curves, params, bars)))
        return [drawn] if drawn else []

    def settle(self) -> None:
        """Do nothing: all of it is in the journal."""
