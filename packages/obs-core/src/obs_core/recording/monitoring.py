"""The number that obs takes of the tools of `sys.monitoring`: one for all that it listens to, and only as long.

Python 3.11 has no such tools.
"""

from __future__ import annotations

import sys
from typing import Any

from obs_core.locks import new_rlock

__all__ = ["give_back", "monitoring", "tool"]

monitoring: Any = getattr(sys, "monitoring", None)

_OF_NO_KIND = (4, 3)
"""Numbers that Python means for no kind of tool. A program that wants one of its own is likely to take the lower."""

_lock = new_rlock()
_tool: int | None = None
_users = 0


def tool() -> int | None:
    """Return obs's number, to be given back once; None if Python has none, or others have taken all."""
    global _tool, _users
    with _lock:
        for number in _OF_NO_KIND if _tool is None and monitoring is not None else ():
            try:
                monitoring.use_tool_id(number, "obs")
            except ValueError:  # somebody else's
                continue
            _tool = number
            break
        _users += _tool is not None
        return _tool


def give_back() -> None:
    """Let others have the number, once nobody uses it any more."""
    global _tool, _users
    with _lock:
        _users -= 1
        if _users == 0 and _tool is not None:
            monitoring.free_tool_id(_tool)
            _tool = None
