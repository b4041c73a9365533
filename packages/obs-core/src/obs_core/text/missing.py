"""What is said of an execution of which something is missing: the same wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterator

from obs_core.text.numbers import plural

__all__ = ["counted_missing", "missing_notes"]


def missing_notes(lost: int, damaged: int) -> Iterator[str]:
    """Say in a sentence each what is missing in the record of an execution.

    Args:
        lost: Records that could not be written.
        damaged: Records that were written, but cannot be read.
    """
    if lost:
        yield f"{plural(lost, 'record')} of this execution could not be written, so something may be missing here."
    if damaged:
        are = "is" if damaged == 1 else "are"
        yield (
            f"At least {plural(damaged, 'record')} of this execution {are} damaged or missing in the store, and left"
            " out here."
        )


def counted_missing(lost: int, damaged: int) -> str:
    """Return how many records are missing, for a list; empty if none is known to be."""
    return f"{plural(lost + damaged, 'record')} missing" if lost + damaged else ""
