"""What is said of an execution of which something is missing: the same wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from obs_core.text.numbers import plural

__all__ = ["counted_missing", "missing_from", "missing_lines"]


class _Record(Protocol):
    """What an `ExecutionView` knows of it."""

    damaged_beginning: bool
    lost_records: int
    damaged_records: int
    log_notes: Sequence[str]


def missing_from(execution: _Record) -> Iterator[str]:
    """Say what is missing in the record of an execution, a sentence each."""
    if execution.damaged_beginning:
        yield "The beginning of its record is damaged or missing, so some of it may not be shown here."
    if execution.lost_records:
        records = plural(execution.lost_records, "record")
        yield f"{records} of this execution could not be written, so something may be missing here."
    if execution.damaged_records:
        records, are = plural(execution.damaged_records, "record"), _are(execution.damaged_records)
        yield f"At least {records} of this execution {are} damaged or missing in the store, and left out here."
    yield from execution.log_notes


def missing_lines(dropped: int, damaged: int, changed: int) -> Iterator[str]:
    """Say what is missing in the log of an execution, a sentence each.

    Args:
        dropped: Lines that were said and are not kept.
        damaged: Lines that were kept and can no longer be read, as far as that is known.
        changed: Lines among which some are not as they were written.
    """
    if dropped:
        yield f"{plural(dropped, 'more line')} {'was' if dropped == 1 else 'were'} logged or printed but not kept."
    if damaged:
        yield f"At least {plural(damaged, 'line')} of the log can no longer be read."
    if changed:
        lines = plural(changed, "line")
        yield f"The log was changed after it was written: some of {lines} are not as the program wrote them."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def counted_missing(execution: _Record) -> str:
    """Return how many records are missing, for a list; empty if none is known to be."""
    count = execution.lost_records + execution.damaged_records
    at_least = "at least " if execution.damaged_records else ""
    return f"{at_least}{plural(count, 'record')} missing" if count else ""
