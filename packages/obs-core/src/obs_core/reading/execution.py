"""One execution, read back: its trace, its tasks with their decks, what they returned."""

from __future__ import annotations

import functools
import os
from typing import IO, TYPE_CHECKING, Any, overload

from obs_core import clock
from obs_core.assembly.assembly import Assembly
from obs_core.assembly.drawing import decks_of_task
from obs_core.assembly.loading import assembled, find_execution, opened
from obs_core.assembly.metrics import CollectedMetric
from obs_core.assembly.sampled import add_sampled_deck
from obs_core.failsafe import guarded
from obs_core.journal.log_damage import log_notes
from obs_core.journal.log_reader import read_log
from obs_core.model import (
    DecksWhenRead,
    DeckView,
    ExecutionView,
    LogLine,
    LogWhenRead,
    SeenStack,
    SpanTable,
    Status,
    TaskView,
    ThreadStack,
)
from obs_core.reading.captures import add_decks
from obs_core.reading.endings import ended_by
from obs_core.reading.notebook import TaskList, shown_deck
from obs_core.recording.outputs import restored
from obs_core.report.bodies import extracted, raw_body
from obs_core.store.base import Store
from obs_core.store.content import blob_at
from obs_core.store.paths import execution_path, report_path, shared_path
from obs_core.text.missing import missing_from
from obs_core.text.plain_values import storable_name
from obs_core.values.registry import declared, load

if TYPE_CHECKING:
    from obs_core.reading.changes.result import Changes
    from obs_core.reading.metrics import Metric, MetricTable
    from obs_core.reading.why import Why
    from obs_core.trace.execution_span import ExecutionSpan
    from obs_core.trace.explain import Ended
    from obs_core.trace.profile_changes import ProfileChange
    from obs_core.trace.resources import Resources
    from obs_core.values.curves import Curve, ProgressBar

__all__ = ["Execution", "load_execution"]

_ERROR = 40


def load_execution(execution_id: str = "last", store: Store | str | os.PathLike[str] | None = None) -> Execution:
    """Read an execution back: one that ended, is running, or was killed.

    Args:
        execution_id: Its id, the beginning or the end of its id, its name (the newest of that name), or ``"last"`` for
            the newest of all.
        store: Where it is kept. Default: `OBS_STORE`, or ``.obs``.

    Returns:
        The execution as it stands now.

    Raises:
        ExecutionNotFoundError: No execution matches, or more than one does.

    Examples:
        >>> load_execution("last").output("train")
        {'rmse': 17.5}
    """
    place = opened(store)
    return Execution(place, find_execution(execution_id, place))


class Execution:
    """One execution, read back.

    Get it from `load_execution`.

    Attributes:
        id: Its id.
        store: Where it is kept.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self.store = store
        self.id = execution_id
        self._knows_what_was_logged = self._has_looked_at_log = False

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.view.name

    @property
    def status(self) -> Status:
        """``"running"``, ``"succeeded"``, ``"failed"``, or ``"lost"`` if it ended without saying so."""
        return self.view.status

    @property
    def view(self) -> ExecutionView:
        """Name, status, times, tags and where it came from."""
        return self._assembly.view

    @property
    def table(self) -> SpanTable:
        """All its spans, in columns."""
        return self._assembly.table

    @property
    def span(self) -> ExecutionSpan:
        """The root of its trace."""
        from obs_core.trace.execution_span import ExecutionSpan

        if not self._knows_what_was_logged:
            self._knows_what_was_logged = True
            self.table.logged = self._warnings_and_errors()
        self._look_at_log()
        return ExecutionSpan(self.table)

    @property
    def missing(self) -> list[str]:
        """What is known to be missing or damaged in its record and its log, one sentence each."""
        self._look_at_log()
        return list(missing_from(self.view))

    def _look_at_log(self) -> None:
        if not self._has_looked_at_log:
            self._has_looked_at_log = True
            self.view.log_notes = log_notes(self.store, self.id)

    @property
    def resources(self) -> Resources:
        """What its processes used: CPU, memory, I/O, as far as sampled. For one task, see `resources_of`."""
        return self.span.resources

    def resources_of(self, task: TaskView) -> Resources:
        """Return what the process of a task used while it ran.

        Args:
            task: One of `tasks`.
        """
        from obs_core.trace.resources import Resources

        end = task.started + task.duration
        return Resources(self.table.samples, task.started, end).between(task.started, end, task.id.partition(".")[0])

    @property
    def stacks(self) -> list[ThreadStack]:
        """What each thread was doing when its process was last looked at: a second ago, or before it died."""
        return list(self._assembly.sampled.last_stacks())

    @property
    def profile(self) -> list[SeenStack]:
        """The stacks that a sampling profiler saw, and how often; empty if none ran."""
        return list(self._assembly.sampled.seen_stacks())

    def profile_changes(self, earlier: Execution) -> list[ProfileChange]:
        """Return which functions became slower and faster since another execution; both need a CPU profile.

        Args:
            earlier: The execution to compare with.

        Returns:
            All functions that used the CPU, by how much they themselves changed.

        Examples:
            >>> before = load_execution("20260101")  # doctest: +SKIP
            >>> change = load_execution("last").profile_changes(before)[0]  # doctest: +SKIP
            >>> print(change.function, change.before, change.after)  # doctest: +SKIP
            parse 1.21 4.75
        """
        from obs_core.trace.profile_changes import profile_changes

        return profile_changes(earlier.profile, self.profile)

    @functools.cached_property
    def tasks(self) -> TaskList:
        """Its tasks in the order in which they began, with their decks and links.

        Decks are drawn when they are looked at; those that a killed process left unmade then come of its captures.
        """
        found = self._assembly.tasks
        for task in found:
            task.decks = DecksWhenRead(functools.partial(self._decks_of, task))
            task.said = LogWhenRead(functools.partial(read_log, self.store, self.id, tasks=(task.id,)))
        return TaskList(found)

    def task(self, name: str) -> TaskView:
        """Return the last call of a task.

        Args:
            name: The task's name.

        Raises:
            KeyError: No task of this name was called.
        """
        wanted = storable_name(name)
        found = [one for one in self.tasks if one.name == wanted]
        if not found:
            names = ", ".join(sorted({repr(one.name) for one in self.tasks}))
            there = f"there are: {names}" if names else "it called no task"
            raise KeyError(f"no task {name!r} in execution {self.id}; {there}")
        return found[-1]

    def log(
        self, *, level: str | int | None = None, grep: str = "", since: int = 0, last: int | None = None
    ) -> list[LogLine]:
        """Return what all its tasks and processes logged and printed, oldest first.

        Args:
            level: The least severe level: ``"warning"``, or a number as `logging` has them. Default: everything.
            grep: Text that stands in the line.
            since: Nanoseconds since the epoch.
            last: How many lines at most, the last ones.

        Raises:
            ValueError: There is no such level.

        Examples:
            >>> [line.text for line in load_execution("last").log(level="warning")]
            ['the delay of 1 flight is missing']
        """
        return read_log(self.store, self.id, level=level, grep=grep, since=since, last=last)

    def output(self, task: str, attempt: int | None = None) -> Any:
        """Return the result of a task, from its last call that was kept.

        Args:
            task: The task's name.
            attempt: Which attempt's. Default: the last one's.

        Raises:
            KeyError: No such task was called, or its output was not kept: it failed, or no transformer knows
                its type.
        """
        kept, task = self._assembly.outputs, storable_name(task)
        called = [one for one in self._assembly.tasks if one.name == task and attempt in (None, one.attempt)]
        calls = [one for one in called if one.id in kept]
        if not calls:
            self.task(task)
            raise KeyError(f"no output of task {task!r} is kept: it did not return, or no transformer knows its type")
        return restored(self.store, kept[calls[-1].id])

    def artifact(self, task: str, name: str) -> Any:
        """Return what a task kept under a name, from the last call that kept it.

        Args:
            task: The task's name.
            name: As for `TaskContext.keep`.

        Raises:
            KeyError: No such task was called, or it kept nothing of this name.
        """
        name, task, kept = storable_name(name), storable_name(task), self._assembly.artifacts
        found = [kept[one.id] for one in self._assembly.tasks if one.name == task and name in kept.get(one.id, ())]
        if not found:
            self.task(task)
            raise KeyError(f"no artifact {name!r} of task {task!r} is kept in execution {self.id}")
        return restored(self.store, found[-1][name])

    def artifact_of(self, task: TaskView, name: str) -> Any:
        """Return what one call of a task kept under a name; None if it kept nothing of this name.

        Args:
            task: One of `tasks`.
            name: As for `TaskContext.keep`.
        """
        kept = self._assembly.artifacts.get(task.id, {}).get(storable_name(name))
        return None if kept is None else restored(self.store, kept)

    @overload
    def metrics(self, name: None = ..., task: str | None = ...) -> MetricTable: ...

    @overload
    def metrics(self, name: str, task: str | None = ...) -> Metric: ...

    def metrics(self, name: str | None = None, task: str | None = None) -> Metric | MetricTable:
        """Return what `log_metric` recorded, even if the task was killed.

        Args:
            name: Which metric. Default: all of them, as one table.
            task: Only what tasks of this name logged. Default: all tasks, in the order of time.

        Raises:
            KeyError: No such metric was logged, or no such task was called.

        Examples:
            >>> losses = load_execution("last").metrics("loss").to_pandas()
            >>> losses["value"].tolist()
            [1.0, 0.5, 0.25]
        """
        from obs_core.reading.metrics import MetricTable, read, told_names

        names = {one.id: one.name for one in self._assembly.tasks}
        task = None if task is None else storable_name(task)
        logged = [
            metric
            for of_task, metrics in self._assembly.metrics.metrics.items()
            for metric in metrics.values()
            if task is None or names.get(of_task) == task
        ]
        if task is not None and not logged:
            self.task(task)
        if name is None:
            return MetricTable(logged, names)
        wanted = storable_name(name)
        found = [metric for metric in logged if metric.name == wanted]
        if not found:
            raise KeyError(f"no metric {name!r} in execution {self.id}; {told_names(name, logged)}")
        whole = CollectedMetric("", name, found[0].outlined, parts=[part for metric in found for part in metric.parts])
        return read(whole, in_order=len(found) > 1)

    def progress_of(self, task: TaskView) -> list[ProgressBar]:
        """Return how far the loops of a task have come, or had come when it ended.

        Args:
            task: One of `tasks`.
        """
        return self._assembly.metrics.bars_of(task.id, task.status, clock.epoch())

    def curves_of(self, task: TaskView, most: int = 2_000) -> list[Curve]:
        """Return the metrics of a task as charts draw them: each with its last value and few enough points.

        Args:
            task: One of `tasks`.
            most: About how many points of each.
        """
        return [metric.curve(most) for metric in self._assembly.metrics.metrics.get(task.id, {}).values()]

    def params(self, task: str | None = None) -> dict[str, Any]:
        """Return what `log_params` recorded: for each name, the value that was logged last.

        Args:
            task: Only what tasks of this name logged. Default: all tasks.
        """
        logged = self._assembly.metrics.params
        found: dict[str, Any] = {}
        for one in self._assembly.tasks:
            if task is None or one.name == task:
                found.update(logged.get(one.id, {}))
        return found

    def why(self) -> Why:
        """Say why it ended as it did: cause, place, memory, what was open, and what differs from the last good run.

        Examples:
            >>> load_execution("last").why().paragraph  # doctest: +SKIP
            'fit of train failed: ValueError: no such airport. It was raised at train.py:41.'
        """
        from obs_core.reading.why import why

        return why(self.store, self._assembly)

    def changes(self, other: Execution | str | None = None) -> Changes:
        """Return what changed between another execution and this one, the most telling first.

        Times and metrics are told apart from noise by up to 20 earlier good executions of the same name.

        Args:
            other: What it is compared with: an execution, or what `load_execution` takes. Default: the last good one of
                its name before it.

        Returns:
            What changed, which shows itself in a notebook. Its `found` is empty where there is no earlier good one.

        Raises:
            ExecutionNotFoundError: No execution matches, or more than one does.

        Examples:
            >>> print(load_execution("last").changes())
            flights ... (succeeded, ...), compared with the last good run:
            ...
            >>> table = load_execution("last").changes().to_markdown()
        """
        from obs_core.reading.changes.comparing import compare
        from obs_core.reading.changes.reading import read_side

        another = load_execution(other, self.store) if isinstance(other, str) else other
        before = None if another is None else read_side(another.store, another.id)
        return compare(read_side(self.store, self.id), before)

    def shared_body(self, digest: str) -> str | None:
        """Return a script or style that several deck items hold.

        Args:
            digest: Its name in the items.

        Returns:
            Its text, or None if the store no longer has it.
        """
        if (body := raw_body(digest)) is not None:
            return body
        try:
            return blob_at(self.store, shared_path(digest)).decode("utf-8", "replace")
        except OSError:
            return None

    def report_paths(self) -> list[str]:
        """Return where the reports of its tasks are: paths, or URLs of a shared store.

        Reports are made when somebody wants them: those of the tasks that have decks and have ended are written now.

        Raises:
            OSError: The store cannot be written.
        """
        for task in self.tasks:
            if task.status != "running" and task.decks:
                self.write_report(task)
        folder = f"{execution_path(self.id)}/reports"
        return [self.store.address(f"{folder}/{name}") for name in self.store.names(folder) if name.endswith(".html")]

    def report(self, task: TaskView | None = None) -> str:
        """Return the report page of a task, or of the whole execution, made from the journal.

        Args:
            task: One of `tasks`. Default: all of them in one page.
        """
        from obs_core.report import render_report

        self._look_at_log()
        found = self.why() if self.status in ("failed", "lost") else None
        why = "" if found is None else found.paragraph
        if task is not None:
            told = found is not None and (task.status == "lost" or task.id == found.task_id)
            return render_report(self.view, [task], self.shared_body, why=why if told else "")
        tasks = self._with_what_no_task_said()
        handled = self._assembly.failures.handled_calls
        return render_report(
            self.view, tasks, self.shared_body, overview=self._overview(handled), handled=handled, why=why
        )

    def write_report(self, task: TaskView | None = None) -> str:
        """Make a report again and keep it in the store.

        Args:
            task: The task whose report it is. Default: all tasks in one report.

        Returns:
            The path or URL of the report.
        """
        from obs_core.recording.publishing import report_name

        path = report_path(self.id, "execution" if task is None else report_name(task))
        self.store.put(path, self.report(task).encode("utf-8", "backslashreplace"))
        return self.store.address(path)

    def __repr__(self) -> str:
        return f"<Execution {self.name[:120]!r} {self.id} {self.status}>"

    def _repr_html_(self) -> str:
        """Show it in a notebook: how it stands, its tasks, and where the time went. It needs no script and no style."""
        import io

        from obs_core.reading.notebook import shown

        trace = io.StringIO()
        self._explain(trace)
        said = self.log(level="warning")
        errors = sum(line.severity >= _ERROR for line in said)
        metrics = self.metrics()
        measured = metrics._repr_html_() if metrics else ""
        return shown(self.view, self.tasks, trace.getvalue(), len(said) - errors, errors, measured, self._ended.says)

    def _explain(self, stream: IO[str], depth: int | None = None, absolute: bool = False) -> None:
        """Print where its time went, as its trace does, and how it ended: the spans alone do not tell that."""
        self.span._explain(stream, depth, absolute, self._ended)

    @functools.cached_property
    def _ended(self) -> Ended:
        """By what it ended that did not end well."""
        from obs_core.trace.explain import Ended

        return Ended(*ended_by(self.store, self._assembly)) if self.status in ("failed", "lost") else Ended()

    @functools.cached_property
    def _assembly(self) -> Assembly:
        return assembled(self.store, self.id)

    def _decks_of(self, task: TaskView) -> list[DeckView]:
        decks = decks_of_task(self._assembly, task)
        for capture in self._assembly.unfinished:
            if capture.task == task.id:
                add_decks(decks, capture)
        for name, html in self.sampled_decks(task):
            add_sampled_deck(decks, name, extracted(html))
        decks = [*decks, *self._log_decks_of(task.id)]
        for deck in decks:
            deck.draw = functools.partial(shown_deck, self.shared_body)
        return decks

    def _warnings_and_errors(self) -> dict[int, tuple[int, int]]:
        """Count the warnings and errors that were logged in each span, by its row."""
        counts: dict[str, tuple[int, int]] = {}
        for line in self.log(level="warning"):
            warnings, errors = counts.get(line.span, (0, 0))
            counts[line.span] = (warnings, errors + 1) if line.severity >= _ERROR else (warnings + 1, errors)
        if not counts:
            return {}
        return {row: counts[ref] for row, ref in enumerate(self.table.ids) if ref in counts}

    def _log_decks_of(self, task_id: str) -> list[DeckView]:
        lines = self._log_by_task.get(task_id)
        if not lines:
            return []
        from obs_core.report.logs import LOGS, render_log

        said_in = {line.span for line in lines} - {task_id}
        table = self.table
        names = {ref: name for ref, name in zip(table.ids, table.names, strict=True) if ref in said_in}
        return [DeckView(LOGS, [extracted(render_log(lines, names))])]

    @functools.cached_property
    def _log_by_task(self) -> dict[str, list[LogLine]]:
        found: dict[str, list[LogLine]] = {}
        for line in self.log():
            found.setdefault(line.task, []).append(line)
        return found

    def _with_what_no_task_said(self) -> list[TaskView]:
        """Return its tasks, before them the execution itself if it said something outside any of them."""
        tasks, view = self.tasks, self.view
        root = self.table.ids[0]
        decks = [] if any(task.id == root for task in tasks) else self._log_decks_of(root)
        if not decks:
            return tasks
        own = TaskView(root, view.name, view.status, view.started, view.duration, error=view.error, decks=decks)
        own.is_execution = True
        return [own, *tasks]

    def sampled_decks(self, task: TaskView | None = None) -> list[tuple[str, str]]:
        """Let packages draw the samples: names of tabs, and their HTML.

        Args:
            task: Of which task. Default: of all of it, as for the overview.
        """
        if not self._assembly.sampled:
            return []
        drawn: list[tuple[str, str]] = []
        for point in declared("obs.record_decks"):
            with guarded(f"drawing the samples of {point.name}"):
                drawn += load(point)(self, task)
        return drawn

    def _overview(self, handled: frozenset[str]) -> str:
        from obs_core.reading.overview import render_overview

        return render_overview(self.tasks, self.span, self.sampled_decks(None), handled=handled)
