"""The line that a program leaves in the terminal when it ends: how its last execution went, and what to type next."""

from __future__ import annotations

import atexit
import os
import sys

from obs_core import provenance, settings
from obs_core.failsafe import guarded
from obs_core.text.durations import format_duration
from obs_core.text.masking import masked_text
from obs_core.text.numbers import plural
from obs_core.text.terminal import Screen, cut, is_terminal

__all__ = ["keep", "line_of"]

_kept: list[tuple[int, str, str, int, list[tuple[str, str]], int]] = []
"""The last execution that ended, or the last that failed."""

_MOST_OF_A_NAME = 60
_MOST_OF_AN_ERROR = 120


def keep(name: str, execution_id: str, duration: int, raised: list[tuple[str, str]], unsound: int = 0) -> None:
    """Remember an execution that has ended; a failed one is not forgotten for one that succeeds.

    Args:
        name: Its name.
        execution_id: Its id.
        duration: Nanoseconds.
        raised: The exception that failed it and its causes, each with file and line; empty if it succeeded.
        unsound: How many of its checks failed.
    """
    if raised or not _kept or not _kept[0][4]:
        _kept[:] = [(os.getpid(), name, execution_id, duration, raised, unsound)]


def _say() -> None:
    if not _kept or settings.quiet() or os.environ.get("CI") or not is_terminal(sys.stderr):
        return
    process, name, execution_id, duration, raised, unsound = _kept[0]
    if process != os.getpid():
        return
    with guarded("saying how the last execution went"):
        sys.stderr.write(f"{line_of(name, execution_id, duration, raised, Screen.of(sys.stderr), unsound=unsound)}\n")


def line_of(
    name: str,
    execution_id: str,
    duration: int,
    raised: list[tuple[str, str]],
    screen: Screen,
    status: str = "failed",
    unsound: int = 0,
) -> str:
    """Return how an execution went, and what to type next.

    Args:
        name: Its name.
        execution_id: Its id.
        duration: Nanoseconds.
        raised: The exception that failed it and its causes, each with file and line; empty if it succeeded.
        screen: Where the line is to be shown.
        status: How it ended if it did not succeed.
        unsound: How many of its checks failed.
    """
    command, short = provenance.command_name(), execution_id.rpartition("-")[2]
    name = screen.name(masked_text(name, _MOST_OF_A_NAME))
    if unsound and not raised:
        checks = screen.paint(f"but {plural(unsound, 'check')} failed", "red")
        return f"{name} succeeded in {format_duration(duration)}, {checks}. Which: {command} check {short}"
    if not raised:
        return f"{name} succeeded in {format_duration(duration)}. Report: {command} show {short}"
    error, place = raised[0]
    where = f" ({screen.name(os.path.relpath(place) if os.path.isabs(place) else place)})" if place else ""
    error = screen.name(cut(error, _MOST_OF_AN_ERROR))
    return f"{screen.paint(f'{name} {status}', 'red')}: {error}{where}. Why: {command} why {short}"


atexit.register(_say)
