"""What a thread without a context of its own works for: the span or task that started it, or gave it its work.

Nothing is replaced for that. From Python 3.12 on the interpreter tells when one of two functions of the standard
library begins: ``threading.Thread.start``, and the making of a work item of `concurrent.futures.ThreadPoolExecutor`
(`sys.monitoring` with events of these two alone, so that no other code runs slower). Both run in the thread, and in
the context, of who starts or submits.

Source: https://peps.python.org/pep-0669/.
"""

from __future__ import annotations

import enum
import sys
import threading
from collections.abc import Container
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final, Literal

from obs_core.interruptions import let_pass
from obs_core.recording.monitoring import monitoring, tool
from obs_core.recording.scope import active, current, entered, going_on

if TYPE_CHECKING:
    from obs_core.recording.run import Scope, TaskState

__all__ = [
    "UNKNOWN",
    "Unknown",
    "concluded_starter",
    "noting",
    "paused",
    "remember_older",
    "resumed",
    "scope_of_thread",
    "starter_of_this_thread",
    "watch",
]


class Unknown(enum.Enum):
    """Says that nobody took note of who started a thread."""

    UNKNOWN = enum.auto()


UNKNOWN: Final = Unknown.UNKNOWN

_NOTE = "_obs_started_in"
"""The attribute of a thread, or of a pool's work item, that keeps the scope in which it was made. It goes with it."""

_threads: dict[int, threading.Thread] = getattr(threading, "_active", {})
"""The running threads that Python made, by their idents: `threading.enumerate` without its lock."""

_tool: int | None = None
_run_of_work_item: CodeType | None = None


def watch() -> None:
    """Take note from now on of who starts threads and who gives pools their work, where Python can tell."""
    global _tool
    if _tool is None:
        _tool = tool()
        if _tool is not None:
            monitoring.register_callback(_tool, monitoring.events.PY_START, _note_maker)
            _follow(threading.Thread.start)
    if _tool is not None:
        _watch_pools()


def starter_of_this_thread() -> Scope | Literal[Unknown.UNKNOWN] | None:
    """Return what gave this thread the work that it does, or started it; None if that was no task.

    What has ended stands for what it was called in: a pool's thread may live longer than who made it.
    """
    thread = _this_thread()
    starter: Scope | Literal[Unknown.UNKNOWN] | None = getattr(thread, _NOTE, UNKNOWN)
    if _run_of_work_item is not None and thread is not None:
        item = _work_item(sys._getframe(1))
        if item is not None:
            starter = getattr(item, _NOTE, starter)
    return starter if starter is UNKNOWN else going_on(starter)


def scope_of_thread(ident: int) -> Scope | None:
    """Return the task (or span, while those are followed) that another thread is in, or that started it.

    None where that is not known. A thread with an event loop runs many things in turn: ask the loop for those.
    """
    scope = entered.get(ident)
    if scope is None:
        starter = getattr(_threads.get(ident), _NOTE, None)
        scope = None if starter is UNKNOWN else starter
    return going_on(scope)


def remember_older(task: TaskState, pauses: bool = True) -> None:
    """Take note of the threads that there are as a task begins, where nothing else tells which ones it starts.

    Args:
        task: The task, which is about to begin.
        pauses: Whether its thread may do other things while it runs, if that has an event loop.
    """
    if _tool is not None or _this_thread() is not threading.main_thread():
        return
    if pauses and (events := sys.modules.get("asyncio.events")) and events._get_running_loop() is not None:
        return
    task.older_threads = tuple(_threads.values())


class _AllBut(tuple[threading.Thread, ...]):
    """All threads but these: those that a generator started before it paused are its own, others are its consumer's."""

    def __contains__(self, thread: object) -> bool:
        return not super().__contains__(thread)


def noting(scope: Scope | None, outside: Scope | None) -> TaskState | None:
    """Return the task that a generator is, if it took note of the threads before it; None if it is none.

    Args:
        scope: What the generator's body begins in.
        outside: What the generator was begun in.
    """
    task = None if scope is None else scope.task
    if task is None or task.older_threads is None or (outside is not None and outside.task is task):
        return None
    return task


def paused(task: TaskState) -> None:
    """Take note that a generator pauses, since its consumer may start threads meanwhile.

    Args:
        task: What `noting` returned of it.
    """
    older: Container[threading.Thread] = task.older_threads or ()
    task.older_threads = _AllBut(thread for thread in tuple(_threads.values()) if thread not in older)


def resumed(task: TaskState) -> None:
    """Take note that a generator goes on; see `paused`."""
    older: Container[threading.Thread] = task.older_threads or ()
    task.older_threads = tuple(thread for thread in tuple(_threads.values()) if thread in older)


def concluded_starter() -> TaskState | None:
    """Return the task that started this thread, if no other could have.

    Known are a thread that began after a task of the main thread did, and that no execution but that task's was
    going on. Who started it is then either that task, or a thread of no execution at all that was there before.
    """
    thread, running = _this_thread(), list(active)
    if thread is None:
        return None
    able = [task for task in running if task.older_threads is not None and thread not in task.older_threads]
    runs = {task.run for task in able}
    if not able or any(task.run not in runs for task in running):
        return None
    callers = {task.parent.task for task in able if task.parent is not None}
    return max((task for task in able if task not in callers), key=lambda task: task.start)


def _this_thread() -> threading.Thread | None:
    """Return the running thread; None if it is none of Python's own, for which `current_thread` would make one up."""
    return _threads.get(threading.get_ident())


def _follow(function: Any) -> None:
    monitoring.set_local_events(_tool, function.__code__, monitoring.events.PY_START)


def _watch_pools() -> None:
    """Follow the pools of `concurrent.futures`, once somebody has imported them."""
    global _run_of_work_item
    module = sys.modules.get("concurrent.futures.thread")
    if _run_of_work_item is None and (kind := getattr(module, "_WorkItem", None)) is not None:
        _run_of_work_item = kind.run.__code__
        _follow(kind.__init__)


def _note_maker(_code: CodeType, _offset: int) -> None:
    """Write on a thread that is started, or on a work item that is made, in which scope that happens."""
    try:
        made = sys._getframe(1).f_locals["self"]
        here = going_on(current.get()) or starter_of_this_thread()
        setattr(made, _NOTE, None if here is UNKNOWN else here)
        _watch_pools()
    except Exception as error:  # whatever it was, the user's thread starts
        let_pass(error)


def _work_item(frame: FrameType | None) -> Any:
    """Return what a pool's thread works at, from the frames that it is in."""
    while frame is not None:
        if frame.f_code is _run_of_work_item:
            variables = frame.f_locals
            item = variables.get("self")
            if isinstance(variables, dict):
                variables.clear()  # before Python 3.13 it is a copy that the frame keeps, and with it all that it names
            return item
        frame = frame.f_back
    return None
