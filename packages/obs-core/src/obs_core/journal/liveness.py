"""Tell whether the writer of a journal still runs."""

from __future__ import annotations

from obs_core import clock
from obs_core.identity import is_alive
from obs_core.journal.records import Head
from obs_core.store.base import Store

SILENCE = 60.0
"""Seconds after which a writer of another machine counts as gone: six times the interval of its signs of
life."""


def is_writing(store: Store, head: Head, last_segment: str) -> bool:
    """Tell whether a writer may still write: its process runs on this machine, or it was heard of lately.

    Args:
        store: Where its segments are.
        head: The head of one of its segments.
        last_segment: The path of its newest segment.
    """
    alive = is_alive(head.process)
    if alive is not None:
        return alive
    try:
        return clock.epoch() / 1e9 - store.modified(last_segment) < SILENCE
    except OSError:
        return False
