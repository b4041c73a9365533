"""Import in another thread, where what a signal's handler raises arrives nowhere.

Python's import system takes each `OSError`, also a timeout's, for a file that is not there, and has weak references
whose callbacks print and forget whatever is raised in them. A timeout that arrives during an import is lost by that,
and a task would run on as if it had none. Handlers run in the main thread alone: so what the first task needs is
imported in another one, while the main thread waits in a call that hands on what a handler raises.

The main thread may hold a lock meanwhile, for which code of the program would wait in that thread for ever: a
finalizer, or a finder. So this is done only where a handler may raise, the garbage is not collected, and there are no
finders but Python's.
"""

from __future__ import annotations

import _thread
import contextlib
import gc
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from obs_core.background import start_bare, unstruck

__all__ = ["collect_as_before", "import_undisturbed"]

_PATIENCE = 10.0
"""Seconds to wait for the other thread, in case something else holds it up."""

_RAISING = ("SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGTERM")
"""Signals whose handlers raise what is to end a task: timeouts, and what stops a worker."""

_PLAIN_FINDERS = ("_frozen_importlib", "_frozen_importlib_external", "_distutils_hack", "six", "__editable__")
"""How the names of modules begin whose finders wait for nobody: Python's, and those that installers put there."""

_tried: set[str] = set()
"""What was imported so, or could not be: on some systems there is no such module, and each execution asks."""


def import_undisturbed(*names: str) -> None:
    """Import modules so that no timeout is lost, if that can be done; what fails is left to who imports them next.

    Modules of others are left to who imports them next too while any module is being imported: they may need the very
    one that this thread is importing, and would wait for it while this thread waits for them.

    Args:
        names: Theirs.
    """
    missing = [name for name in names if name not in sys.modules and name not in _tried]
    if not missing or threading.current_thread() is not threading.main_thread():
        return  # handlers run in the main thread alone: others import as they go
    if not _may_be_disturbed() or not _finds_as_python_does():
        return
    _wait_for_earlier()
    if not all(map(_is_of_core, missing)) and _is_importing():
        return
    done = _thread.allocate_lock()
    done.acquire()

    def work() -> None:
        try:
            for name in missing:
                with contextlib.suppress(BaseException):
                    importlib.import_module(name)
            _tried.update(missing)  # not before: what a timeout keeps from being begun is tried once more
        finally:
            _collect_after(done)
            done.release()

    try:
        unstruck(_begin, work, done)
    except RuntimeError:  # threads are used up, or there are none here
        _collect_after(done)
        return
    except BaseException:
        _collect_after(done)
        raise
    if not done.acquire(timeout=_PATIENCE):
        _collect_after(done)


def _wait_for_earlier() -> None:
    """Wait for such a thread for which a handler that raised kept this one from waiting: it imports the same."""
    until = time.monotonic() + _PATIENCE
    while _at_work and time.monotonic() < until:
        time.sleep(_BETWEEN_LOOKS)
    _at_work.clear()  # what a handler left behind is waited for once


# The garbage is not collected from right before the other thread begins until it is done: it puts back what was set,
# since no handler raises there. The collector is not turned off: a thread of the program's may do that just now, and
# nobody could tell afterwards. What its thresholds are can be told, so they stay if somebody else has set them. And if
# somebody has looked them up just now, and sets them later as they were, they are put back once more.

_SELDOM = 300_007
"""Young objects that no such import makes, and few enough that the collector works if this stays for long.

All that obs imports makes 20,000, and large libraries make 130,000. Nobody else would choose this number.
"""

_thresholds = gc.get_threshold()
"""What they were before."""

_at_work: set[object] = set()
"""What stands for each of these threads: a handler that raises leaves one behind, and another one may begin."""


def _begin(work: Callable[[], None], done: object) -> None:
    global _thresholds
    found = gc.get_threshold()
    _at_work.add(done)
    if 0 < found[0] < _SELDOM:  # 0 is the program's word for never
        _thresholds = found
        gc.set_threshold(_SELDOM, *found[1:])
    start_bare(work)


def _collect_after(done: object) -> None:
    _at_work.discard(done)
    collect_as_before()


def collect_as_before() -> None:
    """Let the garbage be collected as often as the program wants, unless such an import goes on."""
    if gc.get_threshold()[0] == _SELDOM and not _at_work:
        gc.set_threshold(*_thresholds)


def _before_fork() -> None:
    """Fork while no other thread imports within obs: a child would wait for ever for what only that one can finish."""
    for _ in range(_MOST_LOOKS):
        if not _do_others_import():
            break
        time.sleep(_BETWEEN_LOOKS)


_BETWEEN_LOOKS = 0.001
_MOST_LOOKS = int(_PATIENCE / _BETWEEN_LOOKS)
"""The other thread may wait for something that the forking one holds."""


def _do_others_import() -> bool:
    me = threading.get_ident()
    return any(thread != me and _imports_in_obs(frame) for thread, frame in sys._current_frames().items())


def _imports_in_obs(frame: FrameType | None) -> bool:
    """Tell whether a thread imports within a call of obs's: what obs calls may import too."""
    imports = False
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            imports = True
        elif imports and name.startswith("obs_core."):
            return name not in _CALLERS_OF_BODIES
        frame = frame.f_back
    return False


_CALLERS_OF_BODIES = ("obs_core.recording.wrapping", "obs_core.tasks.decorators")
"""Modules of which the body of a task is called: what that imports, no fork waited for without obs."""


def _after_fork() -> None:
    """Collect in a forked child, which has none of its parent's threads that would see to it."""
    _at_work.clear()
    collect_as_before()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def _may_be_disturbed() -> bool:
    """Tell whether the program handles a signal that may end a task."""
    handlers = [signal.getsignal(getattr(signal, name)) for name in _RAISING if hasattr(signal, name)]
    return any(callable(one) and not _is_of_core(getattr(one, "__module__", None) or "") for one in handlers)


def _finds_as_python_does() -> bool:
    finders = [finder if isinstance(finder, type) else type(finder) for finder in sys.meta_path]
    return all(str(getattr(finder, "__module__", "")).startswith(_PLAIN_FINDERS) for finder in finders)


def _is_of_core(name: str) -> bool:
    return name.partition(".")[0] == __package__


def _is_importing() -> bool:
    """Tell whether a module is being imported, in whatever thread: its code runs a task, say."""
    return any(
        getattr(getattr(module, "__spec__", None), "_initializing", False) for module in list(sys.modules.values())
    )
