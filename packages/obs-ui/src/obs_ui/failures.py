"""What went wrong in an execution: each root cause once, and apart from it what callers handled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from obs_core.model import ExecutionView, Status, TaskView

__all__ = ["Failure", "Handled", "failures_of"]

Chains = Mapping[str, Sequence[tuple[str, str]]]
"""By task id (the execution's failure has the id ``""``): the exception that ended it, then what caused it, each as one
line and ``"file:line"``."""


class Failure(Struct, frozen=True):
    """One root cause.

    Attributes:
        error: The exception that came first, as one line.
        place: ``"file:line"`` where it was raised; empty if it is not known.
        path: The tasks that it ended, the innermost first.
        became: What it was raised again as on its way, in order.
    """

    error: str
    place: str
    path: list[TaskView]
    became: list[str]


class Handled(Struct, frozen=True):
    """Exceptions of one type that ended calls of one task, whose callers went on.

    Attributes:
        kind: The exception's type; ``"Terminated"`` for a signal that ended the process of the calls.
        task: The task's name.
        calls: The calls that it ended.
        still_running: Whether a caller has not ended yet, so that it may still fail.
    """

    kind: str
    task: str
    calls: list[TaskView]
    still_running: bool

    @property
    def by_signal(self) -> bool:
        """Whether nothing was raised: a signal ended the process of the calls, and not that of their callers."""
        return self.kind == SIGNAL


def failures_of(
    execution: ExecutionView, tasks: Sequence[TaskView], chains: Chains
) -> tuple[list[Failure], list[Handled]]:
    """Tell what failed an execution and its tasks from what callers handled.

    Args:
        execution: The execution.
        tasks: Its tasks.
        chains: Where their exceptions were raised, and what caused them.
    """
    tree = _FailedTasks(execution, tasks, chains)
    failures = [tree.failure("")] if execution.error else []
    handled: dict[tuple[str, str], list[TaskView]] = {}
    for task in tree.tasks:
        caller = tree.caller_of(task)
        if tree.brought_down(caller) is task or tree.ended_with(caller, task):
            continue  # told with its caller's
        if tree.may_have_ended(caller):
            failures.append(tree.failure(task.id))
        else:
            handled.setdefault(((task.error or "").partition(":")[0], task.name), []).append(task)
    return failures, [
        Handled(kind, name, calls, any(tree.status_of(tree.caller_of(call)) == "running" for call in calls))
        for (kind, name), calls in handled.items()
    ]


class _FailedTasks:
    """The tasks that failed, below those that called them; the execution has the id ``""``."""

    def __init__(self, execution: ExecutionView, tasks: Sequence[TaskView], chains: Chains) -> None:
        self.tasks = [task for task in tasks if task.status == "failed" and task.error]
        self._shown: dict[str, ExecutionView | TaskView] = {task.id: task for task in tasks} | {"": execution}
        self._tasks = {task.id: task for task in tasks}
        self._chains = chains
        self._called_by: dict[str, list[TaskView]] = {}
        for task in self.tasks:
            self._called_by.setdefault(self.caller_of(task), []).append(task)
        self._where_it_came = self._around_signals()
        self._let_through = {caller: self._last_of(calls, caller) for caller, calls in self._called_by.items()}

    def caller_of(self, task: TaskView) -> str:
        return task.parent if task.parent in self._shown and task.parent is not None else ""

    def status_of(self, shown: str) -> Status:
        return self._shown[shown].status

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
        if _is_signal(error):  # it ended all that ran, and came in one of them
            found = [call for call in found if call.id in self._where_it_came]
        return max(found, key=lambda call: call.started + call.duration, default=None)

    def _around_signals(self) -> set[str]:
        """Return the tasks in which a signal came, with those that called them, which may have waited."""
        own = {place for _, place in self._chains.get("", ()) if place}
        found: set[str] = set()
        for task in self.tasks:
            places = {place for _, place in self._chains.get(task.id, ()) if place} if _is_signal(task.error) else set()
            if places and (not own or places & own):
                around = task.id
                while around and around not in found:
                    found.add(around)
                    around = self.caller_of(self._tasks[around]) if around in self._tasks else ""
        return found

    def ended_with(self, caller: str, call: TaskView) -> bool:
        """Tell whether one signal ended a call and its caller: neither raised anything, and neither handled it."""
        return _is_signal(call.error) and call.error == self._shown[caller].error

    def may_have_ended(self, caller: str) -> bool:
        """Tell whether an exception may have ended its caller, though that does not say so."""
        status = self.status_of(caller)
        return status == "lost" or (status == "failed" and not self._chains.get(caller))

    def failure(self, outermost: str) -> Failure:
        path: list[TaskView] = []
        innermost = outermost
        while (call := self.brought_down(innermost)) is not None and len(path) < _DEEPEST:
            path.append(call)
            innermost = call.id
        errors = [self._shown[one].error or "" for one in (outermost, *(call.id for call in path))]
        chain = self._chains.get(innermost) or [(errors[-1], "")]
        error, place = chain[-1]
        known = dict.fromkeys([*(text for text, _ in reversed(chain)), *reversed(errors)])
        own = [task] if isinstance(task := self._shown[outermost], TaskView) else []
        return Failure(error, place, [*reversed(path), *own], [text for text in known if text != error])


def _is_signal(error: str | None) -> bool:
    return (error or "").partition(":")[0] == SIGNAL


SIGNAL = "Terminated"
"""What stands for the exception where a signal ended the process."""

_DEEPEST = 100
