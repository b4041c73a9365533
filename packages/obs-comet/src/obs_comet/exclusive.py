"""One experiment at a time: Comet allows no more in a process, and ends the first when a second one starts."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from obs_core import TaskContext

__all__ = ["claim", "release"]


class _Holder(NamedTuple):
    context: TaskContext
    thread: int


_changed = threading.Condition()
_holder: _Holder | None = None


def claim(context: TaskContext, *, wait: bool) -> str:
    """Take what only one task of this process may have: the live experiment.

    Args:
        context: The task that wants an experiment.
        wait: Whether to wait while another task has its own.

    Returns:
        Why there is none; empty when it was taken.
    """
    global _holder
    with _changed:
        while _holder is not None:
            busy = f"Comet allows one live experiment in a process, and task {_holder.context.task_name!r} has it"
            if not wait:
                return f"{busy} (on_busy='skip')"
            if _waits_for(_holder, context):
                return f"{busy} until this one ends or lets it go on, so waiting would never end"
            _changed.wait()
        _holder = _Holder(context, threading.get_ident())
        return ""


def release(context: TaskContext) -> None:
    """Let the next task have its experiment.

    Args:
        context: The task that may hold it: a timeout can strike before it knows whether it does.
    """
    global _holder
    with _changed:
        if _holder is not None and _holder.context is context:
            _holder = None
            _changed.notify_all()


def _waits_for(holder: _Holder, context: TaskContext) -> bool:
    """Tell whether who holds it cannot end before this task: its caller, or what shares its thread."""
    if holder.thread == threading.get_ident():
        return True
    return context.is_inside(holder.context)


def _after_fork() -> None:
    global _holder, _changed
    _holder, _changed = None, threading.Condition()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
