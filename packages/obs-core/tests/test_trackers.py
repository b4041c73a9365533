"""An experiment is begun and ended once, whatever ends the task: also a timeout at any line of what surrounds it."""

import sys
import threading
from types import FrameType
from typing import Any

import pytest

import obs_core
from obs_core import TaskCall, execution, task, trackers
from obs_core.trackers import Origin, Tracker, within


class Timeout(Exception):
    """As RQ's JobTimeoutException."""


class Counted(Tracker):
    """A service whose experiments are two lists."""

    service, link_name = "Counted", "Counted run"

    def __init__(self) -> None:
        self.open: list[object] = []
        self.ended: list[tuple[object, bool]] = []
        super().__init__(None)

    def is_online(self) -> bool:
        return False

    def begin(self, call: TaskCall, origin: Origin, key: str | None) -> object:
        self.open.append(object())
        return self.open[-1]

    def address(self, experiment: object) -> str:
        return "https://example.com"

    def finish(self, call: TaskCall, experiment: object, *, failed: bool) -> None:
        self.ended.append((experiment, failed))


class Strike:
    """Raises a timeout at the nth line that this thread runs in `obs_core.trackers`, once."""

    def __init__(self, line: int) -> None:
        self.left = line
        self.where = ""

    def __enter__(self) -> None:
        self.before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename == trackers.__file__ and self.left else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and self.left:
            self.left -= 1
            if not self.left:
                self.where = f"{frame.f_code.co_name}:{frame.f_lineno}"
                raise Timeout(self.where)
        return self._line


def experiments_ended(counted: Counted) -> list[object]:
    for thread in threading.enumerate():
        if thread.name == "obs-tracker":
            thread.join(60)
    return [experiment for experiment, _ in counted.ended]


def test_a_timeout_at_any_line_leaves_no_experiment_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_STRICT", raising=False)
    left, functions = [], set[str]()
    for line in range(1, 1000):
        counted, strike = Counted(), Strike(line)
        work = task(counted(lambda: 42))
        with execution("night"):
            try:
                with strike:
                    work()
            except Timeout:
                pass
        if not strike.where:
            break
        functions.add(strike.where.partition(":")[0])
        if experiments_ended(counted) != counted.open:
            left.append((strike.where, len(counted.open), counted.ended))

    assert left == []
    assert functions >= {"around", "_begin", "within", "_finish"}


@pytest.mark.parametrize("line", range(1, 40))
def test_a_result_is_taken_in_time_or_comes_too_late_and_never_both_or_neither(line: int) -> None:
    taken: list[str] = []
    begun = threading.Event()

    def work() -> str:
        begun.set()
        return "result"

    strike = Strike(line)
    try:
        with strike:
            within(
                60, work, "working", in_time=lambda _: taken.append("in time"), too_late=lambda _: taken.append("late")
            )
    except Timeout:
        pass
    for thread in threading.enumerate():
        if thread.name == "obs-tracker":
            thread.join(60)

    assert len(taken) == begun.is_set()


def test_an_address_that_cannot_be_told_leaves_the_experiment_and_the_task_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OBS_STRICT", raising=False)

    class Nowhere(Counted):
        def address(self, experiment: object) -> str:
            raise ConnectionError("no address")

    nowhere = Nowhere()

    @task
    @nowhere
    def work() -> int:
        return 42

    with pytest.warns(
        obs_core.ObsWarning, match="obs failed while linking to the Counted run: ConnectionError: no address"
    ):
        assert work() == 42
    assert nowhere.ended == [(nowhere.open[0], False)]
