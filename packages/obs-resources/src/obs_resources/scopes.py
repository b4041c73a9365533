"""In which task or span a thread is, or an asynchronous task of its event loop."""

from __future__ import annotations

import sys
from typing import Any

from obs_core.recording.run import Scope
from obs_core.recording.scope import active, current, going_on
from obs_core.recording.threads import scope_of_thread

__all__ = ["ref_of", "scope_in_loop", "scope_of"]


def scope_of(ident: int, loop: Any) -> Scope | None:
    """Return the innermost task or span that a thread is in, as far as that is known.

    Args:
        ident: The thread.
        loop: The event loop that it runs; None if it runs none.
    """
    scope = scope_of_thread(ident)
    if loop is None:
        return scope
    asyncio = sys.modules["asyncio"]
    running = asyncio.current_task(loop)
    return scope if running is None else scope_in_loop(running)


def scope_in_loop(running: Any) -> Scope | None:
    """Return the innermost task or span that an asynchronous task is in.

    Before Python 3.12 nobody tells the context of a task that is not one's own: it is known where there is only one.
    """
    get_context = getattr(running, "get_context", None)
    if get_context is not None:
        return going_on(get_context().get(current))
    alone = [task for task in list(active) if task.parent is not None]
    return alone[0] if len(alone) == 1 else None


def ref_of(scope: Scope | None) -> int | str | None:
    """Name a task or span in a record of its journal; None if it is none, or the execution itself."""
    if scope is None:
        return None
    number = scope.number
    return scope.task.journal.ref(number) if isinstance(number, int) else number
