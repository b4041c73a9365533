"""What a page is told beside its payloads: the execution, and its tasks in the order of their tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from obs_core.model import ExecutionView, TaskView, Verdict, VerdictCounts
from obs_core.outcomes import worst_first
from obs_core.report.payloads import Payloads
from obs_core.report.tabs import tab_label, tabs_of
from obs_core.text.durations import format_took
from obs_core.text.failures import is_end_of_process
from obs_core.text.missing import missing_from

__all__ = ["execution_contents", "said_of", "shown_verdicts", "task_contents", "tree_order"]


def execution_contents(execution: ExecutionView, why: str = "", *, checks: bool = True) -> dict[str, Any]:
    """Describe an execution to the page.

    Args:
        execution: The execution.
        why: Why it ended as it did, if it did not end well.
        checks: Whether the page shows what was checked in all tasks.

    Returns:
        What becomes JSON; times in milliseconds since the epoch.
    """
    verdicts = execution.verdicts if checks else VerdictCounts()
    told = bool(why) and is_end_of_process(execution.error)
    return {
        **_timing(execution),
        "error": None if told else execution.error,
        "user": execution.user,
        "host": execution.host,
        "command": execution.command,
        "commit": execution.git_commit,
        "tags": [[str(name), str(value)] for name, value in execution.tags.items()],
        "notes": list(missing_from(execution)),
        "why": why,
        "checks": [verdicts.passed, verdicts.warned, verdicts.failed],
        "said": [list(one) for one in shown_verdicts(said_of(verdicts))],
    }


def task_contents(
    task: TaskView, depth: int, payloads: Payloads, *, told: str = "", handled: bool = False
) -> dict[str, Any]:
    """Describe a task to the page.

    Args:
        task: The task.
        depth: How many of its callers are shown above it.
        payloads: Gets the documents of its tabs.
        told: What tells it from other calls of the same task; empty if nothing has to.
        handled: Whether it failed, and a caller handled that.

    Returns:
        What becomes JSON; times in milliseconds since the epoch.
    """
    return {
        **_timing(task),
        "isExecution": task.is_execution,
        "depth": depth,
        "attempt": task.attempt,
        "told": told,
        "handled": handled,
        "cut": task.cut,
        "links": [[link.name, link.url] for link in task.links],
        "notes": task.notes,
        "said": [list(one) for one in shown_verdicts(task.verdicts)],
        "tabs": tabs_of(task.decks, payloads),
    }


def _timing(shown: ExecutionView | TaskView) -> dict[str, Any]:
    # A clock that was set back while it ran is no reason to show a time before the start.
    duration = max(shown.duration, 0)
    is_seen = isinstance(shown, TaskView) and bool(shown.cut)
    return {
        "id": shown.id,
        "name": shown.name,
        "status": shown.status,
        "error": shown.error,
        "started": shown.started // 1_000_000,
        "ended": (shown.started + duration) // 1_000_000,
        # What was killed ran on after the last that was heard of it, unless its end was seen.
        "duration": format_took(duration, "" if is_seen else shown.status, "at least"),
    }


_MOST_SHOWN = 200


def shown_verdicts(verdicts: Iterable[Verdict]) -> list[tuple[str, str, str, int]]:
    """Return verdicts as they are shown, the worst first: outcome, what was checked, what was found, how often."""
    same = Counter((one.outcome, tab_label(one.deck) if one.deck else one.what, one.found) for one in verdicts)
    found = [(outcome, name, found, count) for (outcome, name, found), count in same.items()]
    return sorted(found, key=lambda one: worst_first(one[0]))[:_MOST_SHOWN]


def said_of(counts: VerdictCounts) -> Iterator[Verdict]:
    """Return the worst verdicts of an execution, as its summary has them."""
    return (Verdict(outcome, name, found) for outcome, name, found in counts.said)


def tree_order(tasks: list[TaskView]) -> list[tuple[TaskView, int]]:
    """Put each task behind the one that called it.

    Args:
        tasks: In any order; callers may be missing, and a circle of callers loses nobody.

    Returns:
        Each task once with its depth, siblings by start.
    """
    in_time = sorted(tasks, key=lambda task: task.started)
    known = {task.id for task in tasks}
    called_by: dict[str | None, list[TaskView]] = {}
    for task in in_time:
        called_by.setdefault(task.parent if task.parent in known else None, []).append(task)
    ordered: list[tuple[TaskView, int]] = []
    seen: set[int] = set()
    for root in [*called_by.get(None, []), *in_time]:
        _add_tree(root, called_by, ordered, seen)
    return ordered


def _add_tree(
    root: TaskView,
    called_by: dict[str | None, list[TaskView]],
    ordered: list[tuple[TaskView, int]],
    seen: set[int],
) -> None:
    waiting = [(root, 0)]
    while waiting:
        task, depth = waiting.pop()
        if id(task) in seen:
            continue
        seen.add(id(task))
        ordered.append((task, depth))
        waiting += [(child, depth + 1) for child in reversed(called_by.get(task.id, []))]
