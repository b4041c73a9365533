"""Checks: what a pipeline says of its own data and results."""

from __future__ import annotations

from typing import Any, Literal

from obs_core.failsafe import strict, warn
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.locks import Attached
from obs_core.recording.here import innermost
from obs_core.recording.run import TaskState
from obs_core.text.bounded_repr import bounded_repr, describe_error
from obs_core.text.masking import masked_name, masked_text

__all__ = ["check"]

_LONGEST_NAME = 200
_LONGEST_DETAIL = 1_000

_MOST_NAMES = 1_000
"""Checks of a task that are recorded; one more is counted only."""

_MOST_OF_A_NAME = 20
"""Verdicts of one check of a task, and of one outcome, that are recorded; one more is counted only."""


def check(name: str, passed: object, detail: object = "", *, severity: Literal["error", "warn"] = "error") -> bool:
    """Record whether a check passed, and show the verdict wherever its task and its execution are shown.

    It never raises and never changes the task: an execution whose code succeeded has succeeded, even with a failed
    check. Lists and pages show that check, and ``obs check`` exits with 1.

    Args:
        name: What is checked, such as ``"rows > 0"``: the same for each run, so that runs can be compared. 200
            characters at most.
        passed: Whether it passed: anything that is true or false. A value that is neither, such as an array or a frame,
            counts as failed, and the verdict says why.
        detail: What was found, such as ``"12 of 336,776 rows"``; anything but a string is shown as its ``repr``, 1,000
            characters at most.
        severity: ``"warn"`` if it is worth a look, but nothing is wrong when it does not pass.

    Returns:
        Whether it passed.

    Examples:
        >>> delays = [3.0, None, 12.0]
        >>> check("rows > 0", len(delays) > 0, f"{len(delays):,} rows")
        True
        >>> if not check("delays are known", None not in delays, severity="warn"):
        ...     delays = [delay for delay in delays if delay is not None]
    """
    try:
        has_passed, found = _asked(passed), detail if isinstance(detail, str) else bounded_repr(detail, _LONGEST_DETAIL)
    except Exception as error:  # an array's truth, a repr that raises
        let_pass(error)
        has_passed = False
        found = f"neither true nor false: {describe_error(error)}"
    try:
        scope = innermost()
        outcome = "passed" if has_passed else "warned" if severity == "warn" else "failed"
        _record(scope.task, scope.number, outcome, _name(name), _text(found, _LONGEST_DETAIL))
    except Exception as error:
        let_pass(error)
        if strict():
            raise
        warn(f"obs failed while recording a check: {describe_error(error)}")
    return has_passed


def _asked(passed: object) -> bool:
    return bool(passed)


def _name(given: Any) -> str:
    return masked_name(str.__str__(given) if isinstance(given, str) else bounded_repr(given), _LONGEST_NAME)


def _text(given: Any, longest: int) -> str:
    text = str.__str__(given) if isinstance(given, str) else bounded_repr(given, longest)
    return masked_text(text, longest, "…")


def _record(task: TaskState, span: records.Ref, outcome: str, name: str, found: str) -> None:
    task.run.verdicts.add(outcome, name, found)
    told = _told.setdefault(task, {})
    count = told.get((outcome, name), 0)
    if count >= _MOST_OF_A_NAME or (not count and len(told) >= _MOST_NAMES):
        return
    told[outcome, name] = count + 1
    said_in = None if span == task.number else task.journal.ref(span) if isinstance(span, int) else span
    task.take_verdict(outcome, name, found, said_in)


_told: Attached[TaskState, dict[tuple[str, str], int]] = Attached()
