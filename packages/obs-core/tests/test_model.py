"""What is read back, in the units that people want and in those that the store has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from obs_core import execution, task
from obs_core.model import ExecutionView, TaskView
from obs_core.testing import FixedClock, RecordingStore

BEGAN = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


@pytest.mark.parametrize("view", [TaskView, ExecutionView])
def test_moments_are_aware_datetimes_and_durations_seconds(view: type[TaskView] | type[ExecutionView]) -> None:
    started = int(BEGAN.timestamp()) * 1_000_000_000 + 678_901_234
    shown = view("main.2", "clean", "succeeded", started, 1_500_000_000)
    assert (shown.start, shown.seconds) == (BEGAN, 1.5)


def test_they_agree_with_those_of_the_spans(store: RecordingStore) -> None:
    with FixedClock() as clock, execution("night"):

        @task(enable_deck=False)
        def work() -> None:
            clock.advance(2)

        work()
    recorded = store.last()
    (found,), (spanned,) = recorded.tasks, recorded.span.children
    assert (found.start, found.seconds) == (spanned.start, spanned.duration)
    assert found.seconds == 2.0
    assert found.start - recorded.view.start < timedelta(seconds=1)
    assert (recorded.view.start, recorded.view.seconds) == (recorded.span.start, recorded.span.duration)
