"""All runs of one pipeline side by side: their tasks, what is usual, and what lies outside."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from sqlalchemy.engine import Engine

from obs_core.model import ExecutionView
from obs_core.outcomes import worst_first
from obs_core.reading.usual import OF_METRICS, OF_TIMES, RUNS_LOOKED_AT, Rhythm, Usual, is_good, rhythm, usual
from obs_core.text.durations import format_duration
from obs_ui.index.queries import names_of, runs_of
from obs_ui.index.tasks import TaskRow

__all__ = ["MOST_RUNS", "RUNS", "Band", "CheckRow", "Pipeline", "Pipelines", "TaskRuns", "attention_first", "every"]

RUNS = 50
"""Runs in the grid."""

IN_SPARK = 20
"""Runs in the small picture of a pipeline."""

CHARTED = 200
"""Runs in the charts of what lists know: durations and metrics."""

MOST_RUNS = CHARTED + RUNS_LOOKED_AT

_MOST_TASKS = 60
_MOST_CHECKS = 30
_MOST_METRICS = 24
_MOST_OUTPUTS = 24


class Band(Struct):
    """A quantity over runs, with what was usual before each of them.

    Attributes:
        name: What it is of.
        values: One for each run; None where there is none.
        usual: One for each run; None where there were too few good runs before.
    """

    name: str
    values: list[float | None]
    usual: list[Usual | None]


class TaskRuns(Struct):
    """One task over the runs of the grid.

    Attributes:
        name: Its name.
        cells: One for each run; None where it was not called.
        longest: The longest that it took, in nanoseconds.
        usual: What is usual now.
    """

    name: str
    cells: list[TaskRow | None]
    longest: int
    usual: Usual | None


class CheckRow(Struct):
    """One check over the runs of the grid.

    Attributes:
        name: What is checked.
        cells: One for each run: outcome and what was found; None where it was not checked, or passed among very many.
    """

    name: str
    cells: list[tuple[str, str] | None] = field(default_factory=list)


class Pipeline:
    """The newest executions of one name.

    Args:
        name: The name.
        newest: Its executions, the newest first; up to `MOST_RUNS`.
        tasks: Their tasks, as far as they have been read, by execution id.
        now: Nanoseconds since the epoch.
        store: The name of their store, of several.
    """

    def __init__(
        self,
        name: str,
        newest: Sequence[ExecutionView],
        tasks: Mapping[str, Sequence[TaskRow]],
        now: int,
        store: str = "",
    ) -> None:
        self.name = name
        self.store = store
        self.all = list(reversed(newest))
        self.runs = self.all[-RUNS:]
        self.now = now
        self._tasks = {one: {row.name: row for row in rows} for one, rows in tasks.items()}

    @property
    def attention(self) -> str:
        """The first of `reasons`; nothing if there is none."""
        return next(iter(self.reasons), "")

    @property
    def reasons(self) -> list[str]:
        """Why somebody should look, the most pressing first: ``"late"``, ``"failed"``, ``"lost"``, ``"checks"``."""
        status = self.ended[-1].status if self.ended else ""
        failed_checks = any(run.verdicts.failed for run in (self.last, *self.ended[-1:]))
        holds = {"late": self.is_late, "failed": status == "failed", "lost": status == "lost", "checks": failed_checks}
        return [reason for reason, is_so in holds.items() if is_so]

    @property
    def spark(self) -> dict[str, str]:
        """The small picture of the last runs, 160 wide and 26 high: the outline of the bars of each status."""
        runs = self.runs[-IN_SPARK:]
        longest = max(map(self.duration, runs), default=0) or 1
        bars: dict[str, str] = {}
        for place, run in enumerate(runs, IN_SPARK - len(runs)):
            high = max(round(26 * self.duration(run) / longest, 1), 3)
            bars[run.status] = bars.get(run.status, "") + f"M{8 * place} {26 - high:g}h6v{high:g}h-6z"
        return bars

    @property
    def last(self) -> ExecutionView:
        """The newest run."""
        return self.all[-1]

    @property
    def longest(self) -> int:
        """The longest run of the grid, in nanoseconds."""
        return max((self.duration(run) for run in self.runs), default=0)

    def duration(self, run: ExecutionView) -> int:
        """Return how long a run took, or has taken so far, in nanoseconds."""
        return max(0, self.now - run.started) if run.status == "running" else max(0, run.duration)

    @functools.cached_property
    def ended(self) -> list[ExecutionView]:
        """The runs of the grid that have ended."""
        return [run for run in self.runs if run.status != "running"]

    @property
    def succeeded(self) -> int:
        """How many of `ended` succeeded."""
        return sum(run.status == "succeeded" for run in self.ended)

    @property
    def sound(self) -> int:
        """How many of `ended` succeeded with no failed check."""
        return sum(map(is_good, self.ended))

    @functools.cached_property
    def usual(self) -> Usual | None:
        """How long a good run usually takes, in nanoseconds."""
        return usual([run.duration for run in self.all if is_good(run)])

    @functools.cached_property
    def rhythm(self) -> Rhythm | None:
        """When it usually runs."""
        return rhythm([run.started for run in self.runs], [run.duration for run in self.runs])

    @property
    def is_late(self) -> bool:
        """Whether it should have run, and did not."""
        return self.rhythm is not None and self.now > self.rhythm.late_after and self.last.status != "running"

    def judged(self, run: ExecutionView) -> str:
        """Tell whether a run took as long as is usual: ``"usual"``, ``"low"``, ``"high"``, or nothing if unknown."""
        place = next((index for index, one in enumerate(self.all) if one.id == run.id), None)
        band = self.whole.usual[place] if place is not None else None
        return "" if band is None or run.status != "succeeded" else band.judge(run.duration)

    @functools.cached_property
    def whole(self) -> Band:
        """How long the runs took, in nanoseconds, of `all`."""
        good = map(is_good, self.all)
        values: list[float | None] = [float(self.duration(run)) for run in self.all]
        return _band("Whole run", values, good)

    @functools.cached_property
    def tasks(self) -> list[TaskRuns]:
        """The tasks, in the order in which the newest run called them; one that goes on has not called all of them."""
        newest = [*reversed(self.ended), *(run for run in self.runs if run.status == "running")]
        names = dict.fromkeys(name for run in newest for name in self._tasks.get(run.id, ()))
        return [self._task_runs(name) for name in list(names)[:_MOST_TASKS]]

    @functools.cached_property
    def task_count(self) -> int:
        """How many different tasks there are."""
        return len({name for run in self.runs for name in self._tasks.get(run.id, ())})

    def _task_runs(self, name: str) -> TaskRuns:
        cells = [self._tasks.get(run.id, {}).get(name) for run in self.runs]
        good = [
            float(cell.duration)
            for run, cell in zip(self.runs, cells, strict=True)
            if cell is not None and cell.status == "succeeded" and is_good(run)
        ]
        longest = max((cell.duration for cell in cells if cell is not None), default=0)
        return TaskRuns(name, cells, longest, usual(good))

    def of_task(self, name: str) -> Band:
        """Return how long a task took, of all runs of which that is known."""
        cells = [self._tasks.get(run.id, {}).get(name) for run in self.all]
        values: list[float | None] = [None if cell is None else float(cell.duration) for cell in cells]
        good = (
            cell is not None and cell.status == "succeeded" and is_good(run)
            for run, cell in zip(self.all, cells, strict=True)
        )
        return _band(name, values, good)

    @functools.cached_property
    def checks(self) -> list[CheckRow]:
        """What was checked, what failed lately first."""
        rows: dict[str, CheckRow] = {}
        for place, run in enumerate(self.runs):
            for outcome, name, found in run.verdicts.said:
                row = rows.setdefault(name, CheckRow(name, [None] * len(self.runs)))
                before = row.cells[place]
                if before is None or worst_first(outcome) < worst_first(before[0]):
                    row.cells[place] = outcome, found
        return sorted(rows.values(), key=_telling, reverse=True)[:_MOST_CHECKS]

    @functools.cached_property
    def metrics(self) -> list[Band]:
        """The last value of each metric of each run."""
        names = dict.fromkeys(name for run in reversed(self.all) for name in run.metrics)
        good = list(map(is_good, self.all))
        return [
            _band(name, [(run.metrics.get(name) or (None,))[0] for run in self.all], good, OF_METRICS)
            for name in list(names)[:_MOST_METRICS]
        ]

    @functools.cached_property
    def outputs(self) -> list[Band]:
        """The numbers that each task returned in each run of which that is known."""
        rows = [self._tasks.get(run.id, {}) for run in self.all]
        names = dict.fromkeys(
            (name, part) for row in reversed(rows) for name, task in row.items() for part in task.numbers
        )
        good = list(map(is_good, self.all))
        return [
            _band(f"{name}: {part}", [_number(row.get(name), part) for row in rows], good, OF_METRICS)
            for name, part in list(names)[:_MOST_OUTPUTS]
        ]

    @property
    def charted(self) -> int:
        """From which of `all` on the charts show them: those before tell what is usual."""
        return max(0, len(self.all) - CHARTED)


def _number(task: TaskRow | None, part: str) -> float | None:
    return None if task is None else task.numbers.get(part)


def _telling(row: CheckRow) -> tuple[int, int]:
    """Sort by when it last failed, then by when it last warned."""
    places = [
        max((place for place, cell in enumerate(row.cells) if cell is not None and cell[0] == outcome), default=-1)
        for outcome in ("failed", "warned")
    ]
    return places[0], places[1]


class Pipelines:
    """All pipelines of a store: each is read anew only when one of its runs has changed.

    Args:
        engine: The index.
        store: The store's number in it.
        store_name: Its name, of several.
    """

    def __init__(self, engine: Engine, store: int, store_name: str = "") -> None:
        self._engine = engine
        self._store_name = store_name
        self._store = store
        self._held: dict[str, tuple[tuple[Any, ...], Pipeline]] = {}

    def all(self, now: int) -> list[Pipeline]:
        """Return them: what needs attention first, then those that ran last.

        Args:
            now: Nanoseconds since the epoch.
        """
        states = names_of(self._engine, self._store)
        held: dict[str, tuple[tuple[Any, ...], Pipeline]] = {}
        for name, state in states.items():
            known = self._held.get(name)
            if known is not None and known[0] == state:
                known[1].now = now
                held[name] = known
            elif newest := runs_of(self._engine, self._store, name, RUNS):
                held[name] = state, Pipeline(name, newest, {}, now, self._store_name)
        self._held = held
        return attention_first(pipeline for _, pipeline in held.values())


def attention_first(pipelines: Iterable[Pipeline]) -> list[Pipeline]:
    """Return pipelines in the order in which they are listed: what needs attention, then what ran last."""
    return sorted(pipelines, key=lambda pipeline: (_ATTENTION.index(pipeline.attention), -pipeline.last.started))


_ATTENTION = ("late", "failed", "lost", "checks", "")


def every(nanoseconds: int) -> str:
    """Say how often something happens that happens once in such a time.

    Examples:
        >>> [every(seconds * 10**9) for seconds in (86_390, 3_605, 600, 7 * 86_400, 5_400)]
        ['once a day', 'once an hour', 'every 10 min 00 s', 'once a week', 'every 1 h 30 min']
    """
    for unit, said in ((60, "once a minute"), (3600, "once an hour"), (86_400, "once a day"), (604_800, "once a week")):
        if abs(nanoseconds - unit * 10**9) < 0.02 * unit * 10**9:
            return said
    return f"every {format_duration(nanoseconds)}"


def _band(name: str, values: list[float | None], good: Iterable[bool], narrowest: float = OF_TIMES) -> Band:
    """Return values with what was usual before each of them."""
    before: list[float] = []
    found: list[Usual | None] = []
    for value, counts in zip(values, good, strict=True):
        found.append(usual(before, narrowest))
        if counts and value is not None:
            before.append(value)
            del before[:-RUNS_LOOKED_AT]
    return Band(name, values, found)
