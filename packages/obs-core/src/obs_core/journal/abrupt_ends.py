"""The ends of which Python tells nobody: `os._exit`, `os.abort`, and `os.execv`, which begins another program instead.

No handler of `atexit` runs then, so what was recorded in the last second would be lost. These functions are called
through one that writes it first; what they do, raise and give is the same. Nothing else is slower for that.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from obs_core.failsafe import guarded, strict
from obs_core.quiet_handlers import block, let_handlers_raise, quieten_handlers

__all__ = ["no_longer_precede", "precede", "when_left", "when_replaced"]

_NAMES = ("_exit", "abort", "execv", "execve")
"""The other functions of the exec family call one of these, as attributes of `os`."""

_MAY_COME_BACK = frozenset(("execv", "execve"))
"""What raises, and lets the program go on, if there is no such file."""

_works: list[Callable[[bool], None]] = []
"""What is called, in this order."""

_tells: list[Callable[[bool], None]] = []
"""What is told that another program begins, and that it did not after all."""

_last_words: list[Callable[[object], None]] = []
"""What is told of `os._exit`, once the works are done."""

_is_replaced = False


def precede(work: Callable[[bool], None]) -> None:
    """Call something before this process, or a forked child, ends abruptly; what was given last is called first.

    Args:
        work: What is called, with whether the end is certain: whatever a signal handler that ends the process
            interrupted will then never be gone on with. It must be quick.
    """
    global _is_replaced
    if work not in _works:
        _works.insert(0, work)
    if not _is_replaced:
        _is_replaced = True
        for name in _NAMES:
            end = getattr(os, name)
            setattr(os, name, _told(_after_works(end)) if name in _MAY_COME_BACK else _whatever_comes(end))


def when_left(tell: Callable[[object], None]) -> None:
    """Call something when this process, or a forked child, calls `os._exit`, once what is there is written.

    Args:
        tell: What is called, with what was given for the exit status.
    """
    if tell not in _last_words:
        _last_words.append(tell)


def when_replaced(tell: Callable[[bool], None]) -> None:
    """Call something right before this process becomes another program, and once more if it did not.

    Args:
        tell: What is called, with True before, and with False afterwards: there is no such program.
    """
    if tell not in _tells:
        _tells.append(tell)


def no_longer_precede(work: Callable[[bool], None]) -> None:
    """Take back what was given to `precede`."""
    if work in _works:
        _works.remove(work)


def _call_works(is_certain: bool) -> None:
    for work in () if sys.is_finalizing() else tuple(_works):
        with guarded("writing what was recorded before the process ends"):
            work(is_certain)


def _after_works(replace: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(replace)
    def replaces(*args: Any, **kwargs: Any) -> Any:
        _call_works(False)
        return replace(*args, **kwargs)

    return replaces


def _whatever_comes(end: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that ends the process, also if a timeout strikes while it writes.

    Were that raised, a forked child would run on into the code of its parent.
    """
    is_exit = end is os._exit

    @functools.wraps(end)
    def ends(*args: Any, **kwargs: Any) -> None:
        before: set[int] | None = None
        try:
            before = block()  # the very first call
            _call_works_undisturbed(before)
            if is_exit:
                _tell_left(*args, **kwargs)
        except BaseException:
            if strict():
                sys.__excepthook__(*sys.exc_info())
            _call_works_undisturbed(before)  # it was struck by what is no handler's, or by Ctrl-C
        finally:
            try:
                end(*args, **kwargs)
            finally:
                let_handlers_raise()  # it came back: what it was given is wrong

    return ends


def _call_works_undisturbed(before: set[int] | None) -> None:
    """Write what can be written, though a timer's handler raise each millisecond.

    Args:
        before: What `block` returned.
    """
    quieten_handlers(before)
    _call_works(True)


def _tell_left(status: object = None) -> None:
    for tell in () if sys.is_finalizing() else _last_words:
        with guarded("writing how the process ends"):
            tell(status)


def _told(replace: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(replace)
    def replaces(*args: Any, **kwargs: Any) -> Any:
        _tell(True)
        try:
            return replace(*args, **kwargs)
        finally:
            _tell(False)

    return replaces


def _tell(happens: bool) -> None:
    for tell in () if sys.is_finalizing() else _tells:
        with guarded("writing that the process becomes another program"):
            tell(happens)
