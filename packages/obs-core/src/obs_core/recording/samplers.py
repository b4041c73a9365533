"""What looks at this process each second while something is recorded: samplers, which other packages bring.

A package names a class in the entry point group ``obs.samplers``; nothing is imported before a process has recorded for
a second, so that short programs pay nothing. One thread serves all samplers. It ends when nothing is open any more, and
is started again by the flusher's thread, which lives as long as the process and calls for each sample right after its
own round: what a processor has forgotten within a second is fetched once for both.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from obs_core import settings
from obs_core.background import Background
from obs_core.failsafe import ObsWarning, strict, warn
from obs_core.interruptions import ignoring, let_pass
from obs_core.journal import flusher
from obs_core.locks import Attached, Register, take
from obs_core.recording.run import Run, TaskState, live
from obs_core.recording.scope import active, entered
from obs_core.text.bounded_repr import describe_error

__all__ = ["Sampler", "importing", "loaded", "recorded_runs", "running", "watch"]

_LATE = 1.25
"""Seconds after which a sample is taken though the flusher, which a slow folder may hold up, has not called for it."""

_TOO_SOON = 0.5
"""Seconds after a sample within which none is taken. Where C code held Python's lock for longer than `_LATE`, the
flusher calls right after the sample that nobody called for: both threads go on at that moment."""


class Sampler(Protocol):
    """Looks at this process. Made once in each process, and anew in a forked child."""

    def sample(self, runs: Sequence[Run]) -> None:
        """Append records to the journals of the executions that go on; called each second, in a thread of obs.

        Args:
            runs: At least one.
        """

    def decks(self, task: TaskState) -> Iterable[tuple[str, str]]:
        """Draw what was seen while a task ran, which has just ended: names of tabs, and HTML.

        Of a task that was killed the same is drawn from the journal (entry point group ``obs.record_decks``).
        """


_samplers: list[Sampler] | None = None
_thread: threading.Thread | None = None
_turn = threading.Lock()  # held, unless the flusher calls for a sample
_turn.acquire()
_loading = threading.RLock()
"""Held while samplers are imported: a process that forks meanwhile would leave its child a half-imported module."""

_inherited_tasks: Register[TaskState] = Register()
_inherited_runs: Attached[Run, int] = Attached()
"""What a forked child has of its parent: tasks, and how often that had joined executions. The parent samples itself."""


def watch() -> None:
    """See to it that samplers run from now on while anything is recorded."""
    flusher.each_round(_keep_running)
    if settings.profile_text():
        loaded()


def loaded() -> list[Sampler]:
    """Return the samplers of this process, which are imported the first time; none if `OBS_RESOURCES` is 0."""
    global _samplers
    if not settings.resources_enabled():
        return []
    if _samplers is None:
        with importing():
            if _samplers is None:
                _samplers = _made()
    return _samplers


def running() -> list[Sampler]:
    """Return the samplers that are loaded; none in a process that has not recorded for a second."""
    return list(_samplers or ())


def importing() -> threading.RLock:
    """Return what a thread of obs holds while it imports, so that no fork leaves the child a half-imported module."""
    return _loading


def _made() -> list[Sampler]:
    from obs_core.values.registry import declared, load

    made: list[Sampler] = []
    with _often_its_turn():
        for point in declared("obs.samplers"):
            try:
                made.append(load(point)())
            except Exception as error:
                let_pass(error)
                _tell(f"obs goes on without the samples of {point.name!r}: {describe_error(error)}")
    return made


@contextlib.contextmanager
def _often_its_turn() -> Iterator[None]:
    """Let this thread have Python's lock soon whenever it wants it.

    An import gives the lock away at each file that it reads, hundreds of times. Beside a thread that computes it would
    wait five milliseconds for it each time: seconds until the first sample.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(_SOON, usual))
    try:
        yield
    finally:
        if sys.getswitchinterval() <= _SOON * 1.01:  # else the program has set it meanwhile
            sys.setswitchinterval(usual)


_SOON = 0.0002
"""Seconds."""


def recorded_runs() -> list[Run]:
    """Return the executions in which this process records something now."""
    # A notebook's cell may record nothing: samples alone do not make it an execution.
    runs = {task.run for task in list(active) if task not in _inherited_tasks and task.run.is_recorded}
    with ignoring(RuntimeError):  # one began just now: the next look sees it
        for run in live.values():
            if run.journal.has_open or run.attached > (_inherited_runs.get(run) or 0):
                runs.add(run)
    return sorted(runs, key=lambda run: run.id)


def _keep_running() -> None:
    """Call for a sample, or start the thread if there is something to look at; called by the flusher's thread."""
    global _thread
    if _thread is not None and _thread.is_alive():
        with ignoring(RuntimeError):  # it has not come to its turn yet
            _turn.release()
    elif recorded_runs() and loaded() and not sys.is_finalizing():
        thread = Background(_sample_while_recorded, "obs-sampler")
        with ignoring(RuntimeError):  # threads are used up, or the interpreter is ending
            thread.start()
            _thread = thread


def _sample_while_recorded() -> None:
    _turn.acquire(blocking=False)  # one that was called for as the thread before this one ended
    while runs := recorded_runs():
        samplers = loaded()
        if not samplers or sys.is_finalizing():
            return
        for sampler in tuple(samplers):
            _sample(sampler, runs, samplers)
        for run in runs:
            # What was sampled is in the store at once: the next flush may be a second away, and a kill nearer.
            with ignoring(BaseException):
                run.journal.beat()
        taken = time.monotonic()
        while time.monotonic() - taken < _TOO_SOON:
            _turn.acquire(timeout=_LATE)


def _sample(sampler: Sampler, runs: list[Run], samplers: list[Sampler]) -> None:
    try:
        sampler.sample(runs)
    except MemoryError as error:
        let_pass(error)
        return  # it passes
    except Exception as error:
        let_pass(error)
        if sys.is_finalizing():
            return
        samplers.remove(sampler)
        if strict():
            raise
        _tell(f"obs goes on without the samples of {type(sampler).__module__}: {describe_error(error)}")


def _tell(message: str) -> None:
    with contextlib.suppress(ObsWarning):  # in strict mode; nobody could catch it here
        warn(message)


def _after_fork() -> None:
    """Let a forked child begin anew, for what it records itself."""
    global _samplers, _thread, _loading, _turn
    _thread, _loading, _turn = None, threading.RLock(), threading.Lock()
    _turn.acquire()
    _samplers = None
    here = entered.get(threading.get_ident())
    entered.clear()  # the other threads are the parent's, and their idents will be given away again
    if here is not None:
        entered[threading.get_ident()] = here
    for task in list(active):
        _inherited_tasks.add(task)
    for run in live.values():
        _inherited_runs[run] = run.attached


_taken: list[bool] = []


def _before_fork() -> None:
    _taken.clear()
    take(_loading, _taken, 5.0)


def _after_fork_in_parent() -> None:
    if True in _taken:
        _loading.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
