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

__all__ = ["precede"]

_NAMES = ("_exit", "abort", "execv", "execve")
"""The other functions of the exec family call one of these, as attributes of `os`."""

_is_done = False


def precede(work: Callable[[], None]) -> None:
    """Call something before this process, or a forked child, ends abruptly.

    Args:
        work: What is called; it must be quick.
    """
    global _is_done
    if not _is_done:
        _is_done = True
        for name in _NAMES:
            setattr(os, name, _after(work, getattr(os, name)))


def _after(work: Callable[[], None], end: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(end)
    def ends(*args: Any, **kwargs: Any) -> Any:
        if not sys.is_finalizing():
            with guarded("writing what was recorded before the process ends"):
                work()
        return end(*args, **kwargs)

    return ends
