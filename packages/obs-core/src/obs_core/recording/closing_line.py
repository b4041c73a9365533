"""The line that a program leaves in the terminal when it ends: how its last execution went, and what to type next."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from obs_core import provenance, settings
from obs_core.failsafe import guarded
from obs_core.quiet_handlers import undisturbed
from obs_core.text.durations import format_duration
from obs_core.text.failures import MOST_OTHERS, is_group, is_left_out
from obs_core.text.masking import masked_text
from obs_core.text.numbers import plural
from obs_core.text.terminal import Screen, cut, is_terminal

__all__ = ["Failure", "failure_of", "keep", "line_of"]


class Failure(NamedTuple):
    """By what an execution failed.

    Attributes:
        error: The exception as one line.
        place: ``"file:line"``; empty if it is not known.
        task: The task that it ended; empty if it was raised outside any.
        others: How many more there are in its group; at most `MOST_OTHERS` are counted.
    """

    error: str
    place: str = ""
    task: str = ""
    others: int = 0


_kept: list[tuple[int, str, str, int, Failure | None, int]] = []
"""The last execution that ended, or the last that failed."""

_MOST_OF_A_NAME = 60
_MOST_OF_AN_ERROR = 120


def failure_of(raised: Sequence[tuple[str, str]], tasks: Sequence[str | None], others: int) -> Failure:
    """Return what is told of an exception: of an event loop's group, the first that is in it.

    Args:
        raised: The exception and its causes, each with file and line; one at least.
        tasks: Which task each of them had ended; may be shorter.
        others: How many exceptions of a group are not among them.
    """
    at = next((at for at, (error, _) in enumerate(raised) if not (is_group(error) or is_left_out(error))), 0)
    error, place = raised[at]
    task = tasks[at] if at < len(tasks) else None
    return Failure(error, place, task or "", others)


def keep(name: str, execution_id: str, duration: int, failure: Failure | None, unsound: int = 0) -> None:
    """Remember an execution that has ended; a failed one is not forgotten for one that succeeds.

    Args:
        name: Its name.
        execution_id: Its id.
        duration: Nanoseconds.
        failure: By what it failed; None if it succeeded.
        unsound: How many of its checks failed.
    """
    if failure is not None or not _kept or _kept[0][4] is None:
        _kept[:] = [(os.getpid(), name, execution_id, duration, failure, unsound)]


@undisturbed
def _say() -> None:
    if not _kept or settings.quiet() or os.environ.get("CI") or not is_terminal(sys.stderr):
        return
    process, name, execution_id, duration, failure, unsound = _kept[0]
    if process != os.getpid():
        return
    with guarded("saying how the last execution went"):
        sys.stderr.write(f"{line_of(name, execution_id, duration, failure, Screen.of(sys.stderr), unsound=unsound)}\n")


def line_of(
    name: str,
    execution_id: str,
    duration: int,
    failure: Failure | None,
    screen: Screen,
    status: str = "failed",
    unsound: int = 0,
) -> str:
    """Return how an execution went, and what to type next.

    Args:
        name: Its name.
        execution_id: Its id.
        duration: Nanoseconds.
        failure: By what it failed; None if it succeeded.
        screen: Where the line is to be shown.
        status: How it ended if it did not succeed.
        unsound: How many of its checks failed.
    """
    command, short = provenance.command_name(), execution_id.rpartition("-")[2]
    name = screen.name(masked_text(name, _MOST_OF_A_NAME))
    if unsound and failure is None:
        checks = screen.paint(f"but {plural(unsound, 'check')} failed", "red")
        return f"{name} succeeded in {format_duration(duration)}, {checks}. Which: {command} check {short}"
    if failure is None:
        return f"{name} succeeded in {format_duration(duration)}. Report: {command} show {short}"
    place = os.path.relpath(failure.place) if os.path.isabs(failure.place) else failure.place
    where = f" ({screen.name(place)})" if place else ""
    inside = f" in {screen.name(masked_text(failure.task, _MOST_OF_A_NAME))}" if failure.task else ""
    error = screen.name(cut(failure.error, _MOST_OF_AN_ERROR))
    more = ""
    if failure.others:
        more = f" and {plural(failure.others, 'other')}{' or more' if failure.others >= MOST_OTHERS else ''}"
    return f"{screen.paint(f'{name} {status}{inside}', 'red')}: {error}{where}{more}. Why: {command} why {short}"


atexit.register(_say)
