"""Tell whether the writer of a journal still runs."""

from __future__ import annotations

from obs_core.identity import is_alive
from obs_core.interruptions import let_pass
from obs_core.journal.records import Head
from obs_core.store.base import Store

SILENCE = 60.0
"""Seconds after which a writer of another machine counts as gone: six times the interval of its signs of life.

That is a conclusion and never final: the next sign of life takes it back."""


def is_writing(store: Store, head: Head | None, last_segment: str) -> bool:
    """Tell whether a writer may still write: its process runs on this machine, or it was heard of lately.

    Args:
        store: Where its segments are.
        head: The head of one of its segments; None if none could be read.
        last_segment: The path of its newest segment.
    """
    alive = is_alive(head.process) if head is not None else None
    if alive is not None:
        return alive
    silence = silence_of(store, last_segment)
    return silence is not None and silence < SILENCE


def silence_of(store: Store, last_segment: str) -> float | None:
    """Return for how many seconds a writer was not heard of, both times by the store's clock; None if nobody knows."""
    try:
        return store.now() - store.modified(last_segment)
    except OSError as error:
        let_pass(error)
        return None
