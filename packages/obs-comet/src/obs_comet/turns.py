"""One experiment at a time: Comet allows no more in a process, and ends the first when a second one starts."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from obs_core import TaskContext

__all__ = ["end_turn", "take_turn"]


class _Turn(NamedTuple):
    context: TaskContext
    thread: int


_changed = threading.Condition()
_turn: _Turn | None = None


def take_turn(context: TaskContext, *, wait: bool) -> str:
    """Take the turn of this process.

    Args:
        context: The task that wants an experiment.
        wait: Whether to wait while another task has its own.

    Returns:
        Why there is none; empty when it was taken.
    """
    global _turn
    with _changed:
        while _turn is not None:
            busy = f"Comet allows one live experiment in a process, and task {_turn.context.task_name!r} has it"
            if not wait:
                return f"{busy} (on_busy='skip')"
            if _waits_for(_turn, context):
                return f"{busy} until this one ends or lets it go on, so waiting would never end"
            _changed.wait()
        _turn = _Turn(context, threading.get_ident())
        return ""


def end_turn() -> None:
    """Let the next task have its experiment."""
    global _turn
    with _changed:
        _turn = None
        _changed.notify_all()


def _waits_for(turn: _Turn, context: TaskContext) -> bool:
    """Tell whether who has the turn cannot end before this task: its caller, or what shares its thread."""
    if turn.thread == threading.get_ident():
        return True
    caller: Any = context.parent
    while caller is not None:
        if getattr(caller, "context", None) is turn.context:
            return True
        caller = getattr(caller, "parent", None)
    return False


def _after_fork() -> None:
    global _turn, _changed
    _turn, _changed = None, threading.Condition()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
