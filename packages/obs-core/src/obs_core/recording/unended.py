"""What could not be recorded to its end in time: it is ended, or counted, as soon as that can be done.

At the recursion limit there is no room for it, and a timer's handler may raise again and again meanwhile. So what is to
be ended is put here first, by a statement that makes no call: that needs no room, and no handler runs there. Each does
what is left of its end, however often it was begun. It stays here until that is done: where it was put, when the next
thing ends, in the background thread, where no handler runs, within a second, or as the process ends.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Generator
from typing import Protocol

from obs_core.failsafe import has_room, keep_away
from obs_core.interruptions import let_pass
from obs_core.journal import flusher
from obs_core.locks import new_lock, take

__all__ = ["LEFT", "Ending", "Unended", "end_unended", "end_unended_at_last", "unended"]


class Ending(Protocol):
    """A task's call, a span or an execution that was not recorded to its end."""

    def end_later(self, error: BaseException | None) -> None:
        """Write how it ended, or that it is missing, as far as that is not done.

        Args:
            error: What it raised, or what kept it from being recorded.
        """


unended: list[tuple[Ending, BaseException | None]] = []
"""What is to be ended, and what each raised: what was in others comes before them. It is put here by `+=`, which is no
call."""


class Unended:
    """For functions that are pickled: a class is pickled by its name, the list would be copied."""

    calls = unended


_ending = new_lock()
"""Held by the thread that ends them: each is ended, or counted, once."""

_PATIENCE = 1.0
"""Seconds for which who is about to read waits for that thread."""

_PATIENCE_AT_END = 30.0
"""The same for the process's end: what that thread has not done by then, nobody does."""


def end_unended(patience: float = 0.0, *, for_certain: bool = False) -> None:
    """End what waits for that, if there is room by now.

    Args:
        patience: Seconds to wait for a thread that does it already.
        for_certain: Whether no handler runs here: what cannot be ended now, never can.
    """
    if not unended:
        return
    taken: list[bool] = []
    try:
        if take(_ending, taken, patience):
            _end_while_there_is_room(for_certain)
    except RecursionError:  # there was less room than that: another one goes on
        return
    except BaseException as error:
        keep_away(error, "ending what could not be ended in time")
    finally:
        if True in taken:
            _ending.release()


def _end_while_there_is_room(for_certain: bool) -> None:
    while unended and has_room():
        ending, error = unended[0]  # more may come after it meanwhile
        try:
            if hasattr(ending, "end_later"):  # where a wrapper puts it here, there is no room to ask
                ending.end_later(error)
        except RecursionError:
            raise
        except BaseException as failure:
            if not for_certain:
                let_pass(failure)  # a timeout's: it stays here
            del unended[0]
            keep_away(failure, f"ending {ending!r}")
        else:
            del unended[0]


def end_unended_at_last() -> None:
    """End what waits for that as the process ends, before anything that is still open is said to stay open."""
    end_unended(_PATIENCE_AT_END)


def _end_in_background() -> None:
    end_unended(for_certain=True)


def _end_before_reading() -> None:
    end_unended(_PATIENCE)


class _Left:
    """What an `__aexit__` returns that has left its block already.

    Python looks for signals between making a coroutine and its first statement. What a handler raised there would keep
    `__aexit__` from running at all. So that is a plain function, `entered_for_certain`.
    """

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


LEFT: Awaitable[None] = _Left()

flusher.each_round(_end_in_background)
flusher.before_reading(_end_before_reading)
flusher.at_last(end_unended_at_last)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=unended.clear)  # the parent ends them
