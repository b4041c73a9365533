"""Warnings and errors that one execution logged and the other one did not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from obs_core.journal.log_reader import read_log
from obs_core.model import LogLine
from obs_core.reading.changes.change import Change
from obs_core.reading.changes.sides import Side
from obs_core.text.terminal import cut

__all__ = ["changed_logs"]

_MOST = 10
_MOST_READ = 20_000
_LONGEST = 200
_ERROR = 40
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8}-[0-9a-f-]{27,}\b|[0-9]+(?:[.,:_][0-9]+)*")


class _Lines(Struct):
    """Lines that read the same but for their numbers."""

    first: LogLine
    count: int = 0


def changed_logs(before: Side, after: Side) -> Iterator[Change | None]:
    """Go through the warnings and errors that are new, then those that are gone.

    None stands for those that an execution that did not succeed may not have come to.
    """
    was, now = _problems(before), _problems(after)
    new = [lines for key, lines in now.items() if key not in was]
    new.sort(key=lambda lines: -lines.first.severity)
    for lines in new[:_MOST]:
        yield _told(after, lines, is_new=True)
    gone = [lines for key, lines in was.items() if key not in now]
    for lines in gone[:_MOST]:
        yield _told(before, lines, is_new=False) if after.view.status == "succeeded" else None


def _problems(side: Side) -> dict[tuple[str, str], _Lines]:
    """Return the warnings and errors of an execution, those that differ in numbers alone together."""
    found: dict[tuple[str, str], _Lines] = {}
    for line in read_log(side.store, side.view.id, level="warning", last=_MOST_READ):
        key = line.level, _VARYING.sub("#", line.text)
        found.setdefault(key, _Lines(line)).count += 1
    return found


def _told(side: Side, lines: _Lines, *, is_new: bool) -> Change:
    first = lines.first
    task = side.names.get(first.task, "")
    text = cut(first.text, _LONGEST) + (f" (and {lines.count - 1:,} more like it)" if lines.count > 1 else "")
    error = first.severity >= _ERROR
    return Change(
        kind="log",
        what=f"{'error' if error else 'warning'}{f' in {task}' if task else ''}",
        before=None if is_new else text,
        after=text if is_new else None,
        note=first.where.rpartition("/")[2],
        detail=first.exception[:4000],
        task=task,
        after_task=first.task if is_new and task else "",
        before_task="" if is_new or not task else first.task,
        weight=(82 if error else 68) if is_new else 20,
    )
