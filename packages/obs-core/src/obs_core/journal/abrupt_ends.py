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

from obs_core.failsafe import guarded

__all__ = ["no_longer_precede", "precede", "when_replaced"]

_NAMES = ("_exit", "abort", "execv", "execve")
"""The other functions of the exec family call one of these, as attributes of `os`."""

_MAY_COME_BACK = frozenset(("execv", "execve"))
"""What raises, and lets the program go on, if there is no such file."""

_works: list[Callable[[bool], None]] = []
"""What is called, in this order."""

_tells: list[Callable[[bool], None]] = []
"""What is told that another program begins, and that it did not after all."""

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
            ends = _after_works(getattr(os, name), name not in _MAY_COME_BACK)
            setattr(os, name, _told(ends) if name in _MAY_COME_BACK else ends)


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


def _after_works(end: Callable[..., Any], is_certain: bool) -> Callable[..., Any]:
    @functools.wraps(end)
    def ends(*args: Any, **kwargs: Any) -> Any:
        for work in () if sys.is_finalizing() else tuple(_works):
            with guarded("writing what was recorded before the process ends"):
                work(is_certain)
        return end(*args, **kwargs)

    return ends


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
