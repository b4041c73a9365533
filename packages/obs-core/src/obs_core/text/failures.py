"""Failures in words: what the line by which one is recorded says that it was, and where it was."""

from __future__ import annotations

import re

from obs_core.text.numbers import plural

__all__ = [
    "CANCELLED",
    "MOST_OTHERS",
    "is_end_of_process",
    "is_exception",
    "is_exit",
    "is_group",
    "is_left_out",
    "left_out",
    "short_place",
    "signal_in",
]

CANCELLED = "CancelledError"
"""What ends a coroutine that is cancelled, as a group of asyncio tasks does with the rest of them if one fails."""

MOST_OTHERS = 4
"""Exceptions of a group that are told beside the first."""

_CODE = re.compile(r"SystemExit: \d+")
_OF_SIGNAL = re.compile(
    r"Terminated: (SIG[A-Z0-9+]+|signal \d+)(?:, by the kernel: its memory(?: of \S+ \S+)? was used up)?"
)
"""All that obs itself writes, which is what `obs_core.recording.sigterm.Terminated` says."""


def is_exception(failure: str | None) -> bool:
    """Tell whether something failed by an exception that is no exit."""
    return failure is not None and not is_exit(failure) and not signal_in(failure)


def is_exit(failure: str | None) -> bool:
    """Tell whether something failed by a `SystemExit`.

    Examples:
        >>> is_exit("SystemExit: 3"), is_exit("SystemExitRefused: not now")
        (True, False)
    """
    return failure is not None and failure.partition(":")[0] == "SystemExit"


def is_end_of_process(failure: str | None) -> bool:
    """Tell whether it may be no exception, but what ``obs run`` saw: `why` says that better, in words.

    Examples:
        >>> [is_end_of_process(one) for one in ("Terminated: SIGKILL", "SystemExit: 3", "SystemExit: no input")]
        [True, True, False]
    """
    return bool(signal_in(failure)) or (is_exit(failure) and _CODE.fullmatch(failure or "") is not None)


def is_group(failure: str) -> bool:
    """Tell whether it is the group in which an event loop puts the exceptions of its tasks: it says nothing of its own.

    Examples:
        >>> is_group("ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)"), is_group("Exception: no")
        (True, False)
    """
    return failure.partition(":")[0] in ("ExceptionGroup", "BaseExceptionGroup")


def left_out(count: int) -> str:
    """Return the line that stands for exceptions of a long chain that are not told.

    Examples:
        >>> left_out(1), left_out(12)
        ('… 1 more exception', '… 12 more exceptions')
    """
    return f"… {plural(count, 'more exception')}"


def is_left_out(line: str) -> bool:
    """Tell whether a line of a chain of exceptions stands for some that are not told.

    Examples:
        >>> is_left_out("… 12 more exceptions"), is_left_out("ValueError: … 12 more exceptions")
        (True, False)
    """
    return line.startswith("… ")


def signal_in(failure: str | None) -> str:
    """Return the signal by which something failed; empty if it was none.

    A program may have a class of the name that stands for a signal in obs: what that says is no signal's name alone.

    Examples:
        >>> signal_in("Terminated: SIGTERM"), signal_in("Terminated: SIGTERM, I say"), signal_in("TerminatedB: SIGTERM")
        ('SIGTERM', '', '')
        >>> signal_in("Terminated: SIGKILL, by the kernel: its memory of 40.0 MB was used up")
        'SIGKILL'
    """
    found = _OF_SIGNAL.fullmatch(failure or "")
    return "" if found is None else found[1]


def short_place(place: str) -> str:
    """Write ``"file:line"`` as it is told everywhere: the file without its folders.

    Examples:
        >>> short_place("/home/ann/flights/join.py:88"), short_place("join.py:88"), short_place("")
        ('join.py:88', 'join.py:88', '')
    """
    return place.replace("\\", "/").rpartition("/")[2]
