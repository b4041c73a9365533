"""When a writer was last heard of: the latest moment that anything in its journal tells.

The one rule for a list, which reads the end of a journal, and for everything that reads all of it.
"""

from __future__ import annotations

import re

from obs_core.journal import records
from obs_core.journal.reader import decode

__all__ = ["last_moment", "moment_of"]

_MOST = 1_000
"""Lines with a time that are looked at, the last ones: what was written before them is older."""

_TIMELESS = ("check", "head", "deck", "link", "note", "output", "artifact", "capture-done", "lost", "torn", "calls")
_LINE_WITH_TIME = re.compile(rb'^\["(?!(?:%s)").*$' % "|".join(_TIMELESS).encode(), re.MULTILINE)


def moment_of(record: records.AnyRecord) -> int | None:
    """Return the latest time that a record tells, by its writer's clock; None if it tells none."""
    if isinstance(record, (records.SpanRecord, records.TaskEnd)):
        return None if record.start is None else record.start + record.duration
    if isinstance(record, (records.OpenSpan, records.TaskStart)):
        return record.start
    at: int | None = getattr(record, "at", None)
    return at


def last_moment(lines: bytes) -> int | None:
    """Return the latest time that the lines of a segment tell, by their writer's clock; None if they tell none.

    The last line need not tell it: a span that is still open is written with its beginning.

    Args:
        lines: All that there are, or those that were added.
    """
    found = decode(b"\n".join(_LINE_WITH_TIME.findall(lines)[-_MOST:]))
    return max((at for record in found if (at := moment_of(record)) is not None), default=None)
