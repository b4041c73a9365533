"""Metrics and parameters: named numbers of a task over steps and time, and named values of it.

What is logged is held back for a moment, a list for each metric, and written as columns with the next flush: a point
costs its caller one append. `Series` is shared by whatever threads log it; appending is all that they do to it.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
import os
from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from obs_core import clock
from obs_core.failsafe import guarded, warn
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.journal.points import packed, packed_times
from obs_core.locks import Attached, Register
from obs_core.recording.here import innermost
from obs_core.recording.metrics_deck import announce
from obs_core.recording.run import Mirror, Run, TaskState
from obs_core.recording.scope import current, going_on
from obs_core.text.bounded_repr import bounded_repr, describe_error
from obs_core.text.masking import mask, mask_value, masked_name, masked_text
from obs_core.text.plain_values import plain
from obs_core.values.curves import Columns, Curve
from obs_core.values.remembered import is_instance

__all__ = ["complain", "log_metric", "log_metrics", "log_params", "mirroring", "record_metrics", "record_params"]

_MOST_NAMES = 1_000
"""Metrics of a task; a name made of a step or an id would otherwise fill memory and pages."""

_LONGEST_NAME = 200
_MOST_PARAMS = 1_000
_LARGEST_STEP = 2**62
"""Further ones may be counted from there, and yet be integers of 64 bits."""

_OF_A_POINT = 4
_HELD_BACK = 4_096 * _OF_A_POINT
"""Points of a metric that wait for a flush; whoever logs one more writes them."""

_HELD_BACK_IN_ALL = 65_536 * _OF_A_POINT

_KEPT, _THINNED = 200_000, 20_000
"""Points of a metric that are kept for the report of a running task; beyond them, few that draw the same curve."""

_SUMMARY_EVERY = 900_000_000
"""Nanoseconds between two summaries for lists of executions: less than between two flushes, so that a kill costs a list
no more than the points that it costs. A summary has 50 metrics at most, some 3 kB."""

_MOST_SUMMARIZED = 50


def log_metric(name: str, value: Any, step: int | None = None, *, mirror: bool = True) -> None:
    """Record one value of a metric, with the task and span in which it is called.

    It costs less than a microsecond and may be called from any thread. It never raises: if a value cannot be recorded,
    a warning and a note in the report say so.

    Args:
        name: What is measured, such as ``"loss"`` or ``"val/accuracy"``. A task may have 1,000 names.
        value: A number: int, float, bool, or a scalar of numpy, torch, jax and the like. It is kept as a float of 64
            bits; not-a-number and infinity stay what they are.
        step: Where on the curve it lies: a batch, an epoch, a time; a whole number from -2**62 to 2**62. Default: one
            more than the step before, from 0 on.
        mirror: Whether the experiment of a tracker in which the task runs (`wandb_init`, `comet_ml_init`) gets it too.

    Examples:
        >>> with execution("training") as run:
        ...     for epoch in range(10):
        ...         log_metric("loss", 0.5**epoch, step=epoch)
        >>> load_execution(run.id).metrics("loss").value[2]
        0.25
    """
    scope = _current()
    if scope is None:
        scope = innermost()
    task = scope.task
    if scope.over or task.over:
        scope = going_on(scope) or innermost()
        task = scope.task
    try:
        try:
            series = task.metrics[name]
        except (KeyError, TypeError) as error:
            let_pass(error)
            found = _new_series(task, name, value)
            if found is None:
                return
            series = found
        if value.__class__ is not float:
            number = _number(task, series.name, value)
            if number is None:
                return
            value = number
        if step is None:
            step = series.next_step()
        elif step.__class__ is int and -_LARGEST_STEP <= step <= _LARGEST_STEP:
            series.given = step
        else:
            step = _step(task, series, step)
        points = series.points
        points += (step, clock.wall(), value, scope)  # at once, whatever other threads do
        if len(points) >= series.log.most:
            task.journal.flush()
    except Exception as error:  # a name that cannot be hashed or compared, a value without a class
        let_pass(error)
        with guarded("logging a metric"):
            complain(task, "log_metric", f"a metric is not recorded: {describe_error(error)}")
        return
    if mirrored and mirror:
        _tell(task, lambda experiment: experiment.metrics({series.name: value}, step))


def log_metrics(metrics: Mapping[str, Any], step: int | None = None, *, mirror: bool = True) -> None:
    """Record several metrics of one step; see `log_metric`.

    Args:
        metrics: Values by name.
        step: As for `log_metric`.
        mirror: Likewise.

    Examples:
        >>> log_metrics({"loss": 0.12, "accuracy": 0.97}, step=7)
    """
    task = innermost().task
    given: Any = metrics
    if not is_instance(given, (dict, Mapping)):
        complain(task, "log_metrics", f"log_metrics takes a mapping of names to numbers, got {_shown(given)}")
        return
    logged: dict[str, float] = {}
    with guarded(f"logging metrics of task {task.name!r}", task.note):
        for name, value in list(given.items()):
            log_metric(name, value, step, mirror=False)
            if mirrored and mirror and name in task.metrics:
                number = _number(task, name, value)
                if number is not None:
                    logged[name] = number
    if logged:
        _tell(task, lambda experiment: experiment.metrics(logged, step))


def log_params(params: Mapping[str, Any] | None = None, /, *, mirror: bool = True, **more: Any) -> None:
    """Record named values of the task: its settings.

    Args:
        params: Values by name: scalars, and small lists and dicts of them; anything else is kept as text.
        mirror: As for `log_metric`.
        **more: More of them.

    Examples:
        >>> with execution("training") as run:
        ...     log_params(lr=1e-3, batch_size=64)
        >>> load_execution(run.id).params()
        {'lr': 0.001, 'batch_size': 64}
    """
    task = innermost().task
    named: Any = {} if params is None else params
    if not is_instance(named, (dict, Mapping)):
        complain(task, "log_params", f"log_params takes a mapping of names to values, got {_shown(named)}")
        named = {}
    values = record_params(task, {**named, **more})
    if mirrored and mirror and values:
        _tell(task, lambda experiment: experiment.params(values))


def record_params(task: TaskState, params: Mapping[str, Any]) -> dict[str, Any]:
    """Record named values in a task, and return them as they are kept; see `log_params`.

    Args:
        task: The task.
        params: The values, by name.
    """
    values: dict[str, Any] = {}
    with guarded(f"logging parameters of task {task.name!r}", task.note):
        if len(params) > _MOST_PARAMS:
            complain(task, "params", f"log_params keeps {_MOST_PARAMS:,} values at a time, got {len(params):,}")
        first = itertools.islice(params.items(), _MOST_PARAMS)
        values = plain({masked_name(str(name), _LONGEST_NAME): value for name, value in first})
        if values:
            announce(task)
            task.journal.relieve()
            task.append(records.Params(task.own_ref(), clock.wall(), values))
            _log_of(task.run).params.setdefault(task, {}).update(mask_value(values))
    return values


def record_metrics(task: TaskState, metrics: Mapping[str, Any], step: int | None) -> None:
    """Record what a tracker's client was told, in the task that runs in its experiment.

    Args:
        task: The task.
        metrics: Values by name; those that are no numbers are left out.
        step: The step, if it is known.
    """
    if task.over:
        return
    now = clock.wall()
    for name, value in metrics.items():
        number = _as_number(value)
        series = None if number is None else task.metrics.get(name) or _new_series(task, name, number)
        if number is None or series is None:
            continue
        place = series.next_step() if step is None else _step(task, series, step)
        series.points.extend((place, now, number, task))


class _Figures:
    """The last, least and greatest of a metric's values. They outlive its task, and so know nothing of it."""

    __slots__ = ("count", "high", "last", "low", "odd")

    def __init__(self) -> None:
        self.count = self.odd = 0
        self.last, self.low, self.high = math.nan, math.inf, -math.inf

    def take(self, values: Any) -> None:
        """Count further values in.

        Args:
            values: An array of float64, one at least.
        """
        self.count += len(values)
        self.last = values[-1]
        if not math.isfinite(sum(values)):
            finite = [value for value in values if math.isfinite(value)]
            self.odd += len(values) - len(finite)
            values = finite
        if values:
            self.low, self.high = min(self.low, min(values)), max(self.high, max(values))


class Series:
    """A metric of a task while it is logged.

    Attributes:
        name: Its name.
        task: Its task.
        log: What writes it.
        points: Those that are not written yet: of each its step, time, value and span, one after the other. A tuple for
            each would keep the garbage collector busy.
        given: The last step that was given; None while steps are counted.
        kept: What a report of the running task shows.
        figures: What a list of executions shows.
    """

    __slots__ = ("_count", "figures", "given", "kept", "log", "name", "points", "task")

    def __init__(self, log: _MetricLog, task: TaskState, name: str) -> None:
        self.name = name
        self.task = task
        self.log = log
        self.points: list[Any] = []
        self.given: int | None = None
        self.kept = Columns()
        self.figures = _Figures()
        self._count = itertools.count()

    def next_step(self) -> int:
        """Count one further than the last step."""
        given = self.given
        if given is not None:
            self.given = None
            self._count = itertools.count(given + 1)
        return next(self._count)

    def write(self) -> None:
        """Append the points that wait to the journal."""
        points = self.points
        taken = len(points)
        if not taken:
            return
        columns, written = self._record(points[:taken])
        items = self.task.journal.items
        # No call stands between these two, so neither a signal handler nor another thread runs there.
        items += (written,)
        del points[:taken]
        self._note(columns)

    def _record(self, points: list[Any]) -> tuple[Columns, records.Points]:
        steps, times, scopes = points[0::_OF_A_POINT], points[1::_OF_A_POINT], points[3::_OF_A_POINT]
        task = self.task
        columns = Columns(array("q", steps), array("q", times), array("d", points[2::_OF_A_POINT]))
        first, last = columns.steps[0], columns.steps[-1]
        counted = last - first == len(steps) - 1 and columns.steps == array("q", range(first, last + 1))
        spans: list[tuple[records.Ref, int]] = []
        if scopes.count(task) != len(scopes):
            ref = task.journal.ref
            for scope, run in itertools.groupby(scopes):
                number = task.own_ref() if scope is task else scope.number
                spans.append((ref(number) if isinstance(number, int) else number, sum(1 for _ in run)))
        return columns, records.Points(
            task.own_ref(),
            self.name,
            times[-1],
            first,
            b"" if counted else packed(columns.steps),
            packed_times(times[-1], columns.times),
            packed(columns.values),
            spans,
        )

    def _note(self, added: Columns) -> None:
        """Take note of what a list shows and, if the task has decks, of what its report does."""
        self.figures.take(added.values)
        if self.task.enable_deck and not self.task.source:
            self.kept.steps += added.steps
            self.kept.times += added.times
            self.kept.values += added.values
            if len(self.kept) > _KEPT:
                self.kept = self.kept.thinned(_THINNED)

    def curve(self) -> Curve:
        """Return what a report shows."""
        epoch, kept, figures = self.task.journal.epoch, self.kept, self.figures
        columns = Columns(kept.steps[:], array("q", map(epoch.__add__, kept.times)), kept.values[:])
        low, high = (figures.low, figures.high) if figures.low <= figures.high else (math.nan, math.nan)
        return Curve(mask(self.name), columns, figures.count, figures.last, low, high, figures.odd)


class _MetricLog:
    """Holds back the metrics of an execution that were logged last.

    Attributes:
        most: Entries in the points of a metric at which whoever logs one more writes all.
        params: Named values, by task.
    """

    def __init__(self, run: Run) -> None:
        self.journal = run.journal
        self.most = _HELD_BACK
        self.params: Attached[TaskState, dict[str, Any]] = Attached()
        self._series: list[Series] = []
        self._summary: dict[str, _Figures] = {}
        self._told = (0, clock.wall() - _SUMMARY_EVERY)
        self._writing = False
        run.journal.sources.append(self.write)
        _logs.add(self)

    def curves_of(self, task: TaskState) -> tuple[list[Curve], dict[str, Any]]:
        """Return the metrics and parameters that this process logged in a task, for its report."""
        self.write()
        return [series.curve() for series in list(task.metrics.values())], self.params.get(task) or {}

    def add(self, series: Series) -> None:
        """Write a further metric from now on."""
        self._series.append(series)
        self.most = min(_HELD_BACK, max(64 * _OF_A_POINT, _HELD_BACK_IN_ALL // len(self._series)))
        if len(self._summary) < _MOST_SUMMARIZED or series.name in self._summary:
            self._summary[series.name] = series.figures

    def write(self) -> None:
        """Append what waits to the journal; what another thread is at already, that one appends."""
        if self._writing:
            return
        self._writing = True
        try:
            for series in self._series[:]:
                # A task that is over logs no more. It is seen twice so, since a thread may be about to.
                if series.points:
                    series.write()
                elif series.task.over and series.log is self:
                    self._series.remove(series)
            now = clock.wall()
            if now - self._told[1] >= _SUMMARY_EVERY:
                self.summarize()
        finally:
            self._writing = False

    def summarize(self) -> None:
        """Write the last, least and greatest value of each metric, unless that is done."""
        count = sum(figures.count for figures in self._summary.values())
        if count == self._told[0]:
            return
        now = clock.wall()
        values = {
            mask(name): (_finite(figures.last), _finite(figures.low), _finite(figures.high))
            for name, figures in self._summary.items()
        }
        summary, append = records.MetricSummary(now, values), self.journal.append
        self._told = count, now  # no signal is handled between these two
        append(summary)

    def after_fork(self) -> None:
        """Go on in a forked child: what waited, the parent writes."""
        self._writing = False
        for series in self._series:
            series.points.clear()
        self.journal.sources.append(self.write)


def _log_of(run: Run) -> _MetricLog:
    log = run.metrics
    if not isinstance(log, _MetricLog):
        log = run.metrics = _MetricLog(run)
    return log


def _new_series(task: TaskState, name: Any, value: Any) -> Series | None:
    """Return the metric of a name, made when a number is first logged; None if it cannot be one."""
    if not isinstance(name, str):
        complain(task, "name", f"a metric's name is a string, got {_shown(name)}")
        return None
    given, name = name, masked_name(name, _LONGEST_NAME)
    known: Series | None = task.metrics.get(name)
    if known is not None:
        return known
    if len(task.metrics) >= _MOST_NAMES:
        complain(
            task,
            "names",
            f"metric {masked_text(given, 80)!r} is not recorded: a task may have {_MOST_NAMES:,} metrics, and this one"
            " has them. Name what is measured, and put the number of the batch or item into the step",
        )
        return None
    if value.__class__ is not float and _number(task, name, value) is None:
        return None
    announce(task)
    log = _log_of(task.run)
    series: Series = task.metrics.setdefault(name, Series(log, task, name))
    log.add(series)
    task.journal.relieve()
    return series


def _number(task: TaskState, name: str, value: Any) -> float | None:
    """Return a value as a float; complain if it is none, or becomes infinite by that."""
    number = _as_number(value)
    if number is None:
        complain(
            task,
            name,
            f"metric {name!r} takes a number (int, float, or a scalar of numpy, torch or jax), got {_shown(value)}",
        )
    elif math.isinf(number) and not _is_infinite(value):
        complain(
            task,
            f"size of {name}",
            f"metric {name!r} is kept as a float of 64 bits, which cannot hold {_shown(value)}; it is kept as {number}",
        )
    return number


def _is_infinite(value: Any) -> bool:
    try:
        return bool(value == math.inf or value == -math.inf)
    except BaseException as error:
        let_pass(error)
        return True


def _as_number(value: Any) -> float | None:
    kind = value.__class__
    if kind is float:
        number: float = value
        return number
    if kind is int or kind is bool:
        return _float_of(value)
    if value is None or isinstance(value, (str, bytes, bytearray, complex)):
        return None
    try:
        item = getattr(value, "item", None)
        found = value if item is None else item()
        return None if isinstance(found, (str, bytes, complex)) else _float_of(found)
    except BaseException as error:
        let_pass(error)
        return None


def _float_of(value: Any) -> float:
    try:
        return float(value)
    except OverflowError as error:
        let_pass(error)
        return math.inf if value > 0 else -math.inf


def _step(task: TaskState, series: Series, step: Any) -> int:
    """Return a step as an int; count if it is none."""
    try:
        number = int(step) if isinstance(step, float) and step.is_integer() else operator.index(_item_of(step))
        if -_LARGEST_STEP <= number <= _LARGEST_STEP:
            series.given = number
            return number
    except BaseException as error:
        let_pass(error)
    counted = series.next_step()
    complain(
        task,
        f"step of {series.name}",
        f"the step of metric {series.name!r} is a whole number up to 2**62, got {_shown(step)}; counted as {counted}",
    )
    return counted


def _item_of(step: Any) -> Any:
    item = getattr(step, "item", None)
    return step if item is None else item()


def _shown(value: Any) -> str:
    return masked_text(f"{type(value).__name__}: {bounded_repr(value)}", 120)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def complain(task: TaskState, about: str, message: str) -> None:
    """Tell what was wrong, once for each thing and task: a loop would tell it a million times.

    Args:
        task: In which it was.
        about: What it was wrong of.
        message: What it was, in a sentence.
    """
    told = _told.setdefault(task, set())
    if about in told or len(told) >= _MOST_TOLD:
        return
    told.add(about)
    warn(message)
    task.note(message)


_MOST_TOLD = 20
_told: Attached[TaskState, set[str]] = Attached()

# ---- the experiments of trackers

mirrored: list[Mirror] = []
"""All experiments that are told of metrics in this process: while there are none, nobody looks for one."""


@contextlib.contextmanager
def mirroring(task: TaskState, experiment: Mirror) -> Iterator[None]:
    """Tell an experiment what a task, and those that it calls, log meanwhile."""
    task.mirrors += (experiment,)
    mirrored.append(experiment)
    try:
        yield
    finally:
        mirrored.remove(experiment)
        task.mirrors = tuple(one for one in task.mirrors if one is not experiment)


def _tell(task: TaskState, what: Callable[[Mirror], None]) -> None:
    """Tell the experiments in which a task runs, its own and those of the tasks that called it."""
    told: list[Mirror] = []
    within: TaskState | None = task
    while within is not None:
        for mirror in within.mirrors:
            if mirror not in told:
                told.append(mirror)
                with guarded("handing metrics to a tracker", task.note):
                    what(mirror)
        within = within.parent.task if within.parent is not None else None


_logs: Register[_MetricLog] = Register()
_current = current.get


def _after_fork() -> None:
    for log in list(_logs):
        log.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
