"""What went wrong in an execution: each root cause once, and apart from it what callers handled.

Whatever shows a failure asks here whether somebody handled it: lists of tasks, time lines, reports, and the pages of
the execution UI. For spans the rule stands twice more: where no journal is read, in ``recording/span_bars.py``
(``test_made_again.py`` keeps that equal), and for a million of them in ``obs_ui/trace.py`` (``test_trace.py`` does).
"""

from __future__ import annotations

import collections
import re
from collections.abc import Collection, Container, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from obs_core.model import ExecutionView, TaskView
from obs_core.text.failures import CANCELLED, MOST_OTHERS, signal_in

__all__ = ["Failure", "Failures", "Handled", "failures_of", "handled_spans"]

Chains = Mapping[str, Sequence[tuple[str, str]]]
"""By task id (the execution's failure has the id ``""``): the exception that ended it, then what caused it, each as one
line and ``"file:line"``."""

Others = Mapping[str, Sequence[tuple[str, str]]]
"""By the same ids: what else was in the group of exceptions that ended it, as far as it was recorded."""


class Parents(Protocol):
    """The row of each row's parent: a list, an array or numpy's."""

    def __getitem__(self, row: int, /) -> Any: ...


class Failure(Struct, frozen=True):
    """One root cause.

    Attributes:
        error: The exception that came first, as one line.
        place: ``"file:line"`` where it was raised; empty if it is not known.
        path: The tasks that it ended, the innermost first.
        became: What it was raised again as on its way, in order.
        alike: The tasks of each further failure that reads the same.
    """

    error: str
    place: str
    path: list[TaskView]
    became: list[str]
    alike: list[list[TaskView]] = field(default_factory=list)


class Handled(Struct, frozen=True):
    """Exceptions of one type that ended calls of one task, whose callers went on.

    Attributes:
        kind: The exception's type; ``"Terminated"`` for a signal that ended the process of the calls.
        task: The task's name.
        calls: The calls that it ended.
        still_running: Whether one that went on has not ended yet, so that it may still fail.
    """

    kind: str
    task: str
    calls: list[TaskView]
    still_running: bool

    @property
    def by_signal(self) -> bool:
        """Whether nothing was raised: a signal ended the process of the calls, and not that of their callers."""
        return bool(signal_in(self.calls[0].error))

    @property
    def by_cancelling(self) -> bool:
        """Whether nothing went wrong in the calls: they were cancelled."""
        return self.kind == CANCELLED


class Failures(Struct, frozen=True):
    """What went wrong.

    Attributes:
        causes: The root causes of what failed the execution, or may have.
        handled: What callers handled.
        handled_calls: The ids of the tasks whose exceptions callers handled, also of those that went through others
            before. While the one that went on still runs, nobody knows: it may fail by it yet.
    """

    causes: list[Failure]
    handled: list[Handled]
    handled_calls: frozenset[str]


def failures_of(execution: ExecutionView, tasks: Sequence[TaskView], chains: Chains, others: Others) -> Failures:
    """Tell what failed an execution and its tasks from what callers handled.

    Args:
        execution: The execution.
        tasks: Its tasks.
        chains: Where their exceptions were raised, and what caused them.
        others: What else was in their groups of exceptions.
    """
    tree = _FailedTasks(execution, tasks, chains, others)
    causes = _Causes()
    if execution.error:
        causes.add(tree.failure(""))
    handled: dict[tuple[str, str], list[TaskView]] = {}
    for task in tree.tasks:
        caller = tree.caller_of(task)
        if tree.brought_down(caller) is task or tree.ended_with(caller, task):
            continue  # told with its caller's
        if tree.went_on_after(task) is None:
            causes.add(tree.failure(task.id))
        elif not tree.is_in_group(task):  # else it is told with its caller's too
            handled.setdefault((_kind_of(task), task.name), []).append(task)
    gathered = [
        Handled(kind, name, calls, any(tree.still_runs(call) for call in calls))
        for (kind, name), calls in handled.items()
    ]
    well = (task.id for task in tasks if task.status == "failed" and tree.is_handled(task))
    return Failures(causes.found, gathered, frozenset(well))


def handled_spans(
    rows: Collection[int],
    failed: Container[int],
    open_: Container[int],
    parents: Parents,
    calls: Mapping[int, bool],
) -> set[int]:
    """Return those of failed spans whose exceptions were handled, so that they failed nothing above.

    An exception that ends several spans within one another is handled above the outermost of them, unless that has not
    ended: it may fail yet. Of one that ended a task too, the task is asked.

    Args:
        rows: The rows of the spans.
        failed: The rows of all spans and tasks that failed.
        open_: The rows of those that have not ended.
        parents: The row of each row's parent.
        calls: For the rows of tasks that failed, and 0 for the execution, whether their exceptions were handled.
    """
    known = dict(calls)
    for row in rows:
        passed, around = [], row
        while (handled := known.get(around)) is None:
            passed.append(around)
            around = parents[around]
            if around not in failed:
                handled = around not in open_
                break
        known.update(dict.fromkeys(passed, handled))
    return {row for row in rows if known[row]}


class _Causes:
    """Root causes, those together that read the same: of a hundred calls in one group all may fail alike."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], Failure] = {}

    @property
    def found(self) -> list[Failure]:
        return list(self._found.values())

    def add(self, failure: Failure) -> None:
        key = (failure.error, failure.place, *failure.became, *(task.name for task in failure.path))
        known = self._found.setdefault(key, failure)
        if known is not failure:
            known.alike.append(failure.path)


class _FailedTasks:
    """The tasks that failed, below those that called them; the execution has the id ``""``."""

    def __init__(self, execution: ExecutionView, tasks: Sequence[TaskView], chains: Chains, others: Others) -> None:
        self.tasks = [task for task in tasks if task.status == "failed" and task.error]
        self._shown: dict[str, ExecutionView | TaskView] = {task.id: task for task in tasks} | {"": execution}
        self._tasks = {task.id: task for task in tasks}
        self._chains = chains
        self._others = others
        self._called_by: dict[str, list[TaskView]] = {}
        for task in self.tasks:
            self._called_by.setdefault(self.caller_of(task), []).append(task)
        self._where_it_came = self._around_signals()
        self._let_through = {caller: self._last_of(calls, caller) for caller, calls in self._called_by.items()}
        self._in_groups = {call.id for caller in self._called_by for call in self._rest_of_group(caller)}
        self._went_on: dict[str, str | None] = {}

    def caller_of(self, task: TaskView) -> str:
        return task.parent if task.parent in self._shown and task.parent is not None else ""

    def brought_down(self, caller: str) -> TaskView | None:
        """Return the call whose exception ended its caller too, as it was or as the cause of another one."""
        return self._let_through.get(caller)

    def _last_of(self, calls: list[TaskView], caller: str) -> TaskView | None:
        """Return the call that ended last with an exception of its caller's: of several attempts, the last one."""
        error = self._shown[caller].error
        if error is None:
            return None
        texts = {error, *(text for text, _ in self._chains.get(caller, ()))}
        found = [call for call in calls if call.error in texts]
        if signal_in(error):  # it ended all that ran, and came in one of them
            found = [call for call in found if call.id in self._where_it_came]
        return max(found, key=lambda call: call.started + call.duration, default=None)

    def _rest_of_group(self, caller: str) -> list[TaskView]:
        """Return the calls whose exceptions were in the group that ended their caller, without the first of them."""
        size = self._size_of_group(caller)
        if not size:
            return []
        first = self._let_through[caller]
        latest_first = sorted(self._called_by[caller], key=lambda call: call.started + call.duration, reverse=True)
        rest = [call for call in latest_first if call is not first and not _is_cancelled(call)]
        if not self._knows_all(caller) and len(rest) < size:
            return rest
        waiting = collections.Counter(text for text, _ in self._others.get(caller, ()))
        found = []
        for call in rest:
            if waiting[call.error or ""] > 0:  # of several attempts, the last ones
                waiting[call.error or ""] -= 1
                found.append(call)
        return found

    def _size_of_group(self, caller: str) -> int:
        """Return how many exceptions are in the group that ended a caller; 0 if it was none."""
        sizes = (_SIZE.search(text) for text, _ in self._chains.get(caller, ()))
        return max((int(size[1]) for size in sizes if size), default=0)

    def _knows_all(self, caller: str) -> bool:
        """Tell whether all exceptions of the group that ended a caller were recorded: of a large one only some are."""
        return self._size_of_group(caller) <= 1 or 0 < len(self._others.get(caller, ())) < MOST_OTHERS

    def is_in_group(self, call: TaskView) -> bool:
        """Tell whether an exception was in the group that ended its caller, and not the first there."""
        return call.id in self._in_groups

    def _around_signals(self) -> set[str]:
        """Return the tasks in which a signal came, with those that called them, which may have waited."""
        own = {place for _, place in self._chains.get("", ()) if place}
        found: set[str] = set()
        for task in self.tasks:
            places = {place for _, place in self._chains.get(task.id, ()) if place} if signal_in(task.error) else set()
            if places and (not own or places & own):
                around = task.id
                while around and around not in found:
                    found.add(around)
                    around = self.caller_of(self._tasks[around]) if around in self._tasks else ""
        return found

    def ended_with(self, caller: str, call: TaskView) -> bool:
        """Tell whether one signal ended a call and its caller: neither raised anything, and neither handled it."""
        return bool(signal_in(call.error)) and call.error == self._shown[caller].error

    def went_on_after(self, call: TaskView) -> str | None:
        """Return which caller did not end by what ended a call; None if all may have ended by it, or one was lost.

        Args:
            call: A task that failed.
        """
        passed: list[str] = []
        went_on = None
        while call.id not in self._went_on:
            self._went_on[call.id] = None  # a damaged journal may say that tasks called one another
            passed.append(call.id)
            caller = self.caller_of(call)
            if not self._may_have_ended(caller, call):
                went_on = caller
                break
            if caller not in self._tasks or self._shown[caller].status != "failed":
                break
            call = self._tasks[caller]
        else:
            went_on = self._went_on[call.id]
        self._went_on.update(dict.fromkeys(passed, went_on))
        return went_on

    def is_handled(self, call: TaskView) -> bool:
        """Tell whether a caller handled what ended a call."""
        return self.went_on_after(call) is not None and not self.still_runs(call)

    def still_runs(self, call: TaskView) -> bool:
        """Tell whether the caller that went on may still end by what ended a call."""
        went_on = self.went_on_after(call)
        return went_on is not None and self._shown[went_on].status == "running"

    def _ended_caller(self, call: TaskView) -> bool:
        return self.is_in_group(call) or self.brought_down(self.caller_of(call)) is call

    def _may_have_ended(self, caller: str, call: TaskView) -> bool:
        """Tell whether an exception ended its caller too, or may have, though that does not say so."""
        if self._ended_caller(call) or self.ended_with(caller, call):
            return True
        status = self._shown[caller].status
        if status == "failed" and self._chains.get(caller):
            return not self._knows_all(caller) and not _is_cancelled(call)
        return status in ("lost", "failed")

    def failure(self, call: str) -> Failure:
        """Return the failure of a call, or of the execution, with the calls that it came from and went on to."""
        path = [call]
        while (inner := self.brought_down(path[-1])) is not None and len(path) < _DEEPEST:
            path.append(inner.id)
        outer = call
        while outer and self._ended_caller(self._tasks[outer]) and len(path) < 2 * _DEEPEST:
            outer = self.caller_of(self._tasks[outer])
            path.insert(0, outer)
        errors = [self._shown[one].error or "" for one in path]
        chain = self._chains.get(path[-1]) or [(errors[-1], "")]
        error, place = chain[-1]
        known = dict.fromkeys([*(text for text, _ in reversed(chain)), *reversed(errors)])
        tasks = [self._tasks[one] for one in reversed(path) if one]
        return Failure(error, place, tasks, [text for text in known if text != error])


def _is_cancelled(call: TaskView) -> bool:
    return _kind_of(call) == CANCELLED


def _kind_of(shown: ExecutionView | TaskView) -> str:
    """Return the class of the exception that ended a task or the execution."""
    return (shown.error or "").partition(":")[0]


_SIZE = re.compile(r"\((\d+) sub-exceptions?\)$")
"""How the line of a group of exceptions says how many are in it."""

_DEEPEST = 100
