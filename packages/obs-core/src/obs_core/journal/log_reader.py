"""Reading what all processes of an execution logged and printed, at once or while they say it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from obs_core.files import open_into
from obs_core.interruptions import let_pass
from obs_core.journal.log_files import RAW, content_of, count_said, names_in, segments_of
from obs_core.journal.log_lines import (
    STREAMS,
    Choice,
    encode_line,
    end_of_lines,
    global_name,
    is_time,
    row_in,
    rows_in,
    said_in,
)
from obs_core.model import LogLine
from obs_core.store.base import Store
from obs_core.store.descriptors import NO_LINK
from obs_core.store.paths import logs_path
from obs_core.text.redrawn import RedrawnLines

__all__ = ["LogTail", "read_log"]

_MOST_LEFT_OVER = 32 * 1024 * 1024
"""Bytes that are read of what a killed process did not come to read."""

_MOST_LINES_LEFT_OVER = 400_000
"""Lines of them that are shown."""

_TASKS = re.compile(rb'^\[-?\d+,(?:\d+|"\w+"),([^,]+),', re.MULTILINE)
"""What names the task in each line that says something."""

_WARNING = 30

_decode_ref = msgspec.json.Decoder().decode


def read_log(
    store: Store,
    execution_id: str,
    *,
    tasks: Iterable[str] | None = None,
    level: str | int | None = None,
    grep: str = "",
    since: int = 0,
    last: int | None = None,
) -> list[LogLine]:
    """Return what all processes of an execution logged and printed, oldest first.

    Args:
        store: Where it is kept.
        execution_id: Its id.
        tasks: Ids of tasks; None for everything.
        level: The least severe level.
        grep: Text that stands in the line.
        since: Nanoseconds since the epoch.
        last: How many lines at most, the last ones.
    """
    chosen = Choice(tasks, level, grep, since)
    found: list[LogLine] = []
    for writer, paths in segments_of(store, execution_id).items():
        own: list[LogLine] = []
        for path in reversed(paths) if last is not None else paths:
            lines = chosen.lines(content_of(store, path), writer, None if last is None else last - len(own))
            own = lines + own if last is not None else own + lines
            if last is not None and len(own) >= last:
                break
        found += own
    if any(name.endswith(RAW) for name in names_in(store, logs_path(execution_id))):
        found += _left_over(store, execution_id, chosen)
    found.sort(key=lambda line: line.at)
    return found if last is None else found[max(0, len(found) - last) :]


class LogTail:
    """Follows what an execution says.

    Args:
        store: Where it is kept.
        execution_id: Its id.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self._store = store
        self._execution_id = execution_id
        self._read: dict[str, int] = {}
        self._skipped: dict[str, int] = {}

    def skip(self, keep: int) -> dict[str, int]:
        """Pass over all but the last lines of each process, without decoding them, before the first `poll`.

        Args:
            keep: How many lines of a process `poll` returns.

        Returns:
            How many lines of each task are passed over.
        """
        total: dict[str, int] = {}
        for writer, paths in segments_of(self._store, self._execution_id).items():
            left, counts = keep, Counter[bytes]()
            for path in reversed(paths):
                content = content_of(self._store, path)
                at = end_of_lines(content)
                while left and at:
                    end, at = at, content.rfind(b"\n", 0, at - 1) + 1
                    left -= count_said(content[at:end])
                self._read[path] = self._skipped[path] = at
                counts.update(_TASKS.findall(content, 0, at))
            for ref, count in counts.items():
                name = global_name(_decode_ref(ref), writer)
                total[name] = total.get(name, 0) + count
        return total

    def skipped(self, task: str, last: int) -> tuple[list[LogLine], list[LogLine]]:
        """Return lines of a task that `skip` passed over, oldest first: the last ones, and worse ones before these.

        Args:
            task: The task's id.
            last: How many lines at most.
        """
        found: list[LogLine] = []
        problems: list[LogLine] = []
        for writer, paths in segments_of(self._store, self._execution_id).items():
            own, _, number = task.rpartition(".")
            ref = number.encode() if own == writer else encode_line(task)
            pattern = re.compile(rb'^\[-?\d+,(\d+|"\w+"),' + re.escape(ref) + rb",.*$", re.MULTILINE)
            for path in reversed(paths):
                matches = list(pattern.finditer(content_of(self._store, path), 0, self._skipped.get(path, 0)))
                first = max(0, len(matches) - max(0, last - len(found)))
                worse = [one for one in matches[:first] if one[1].isdigit() and int(one[1]) >= _WARNING]
                for chosen, into in ((matches[first:], found), (worse, problems)):
                    rows = (row for one in chosen for row in row_in(one[0]))
                    into += [line for row in rows if (line := said_in(row, writer)) is not None]
        return sorted(found, key=lambda line: line.at), sorted(problems, key=lambda line: line.at)

    def poll(self, **choice: Any) -> list[LogLine]:
        """Return the lines that were added since the last call, in the order of their times.

        Args:
            choice: `tasks`, `level`, `grep` and `since`, as for `read_log`.
        """
        chosen, found = Choice(**{"tasks": None, "level": None, "grep": "", "since": 0, **choice}), []
        for writer, paths in segments_of(self._store, self._execution_id).items():
            for path in paths:
                found += self._added(path, writer, chosen)
        return sorted(found, key=lambda line: line.at)

    def _added(self, path: str, writer: str, chosen: Choice) -> list[LogLine]:
        start = self._read.get(path, 0)
        try:
            if self._store.local and self._store.size_of(path) <= start:
                return []
            content = self._store.get(path, start)
        except OSError:
            return []
        whole = content[: end_of_lines(content)]
        self._read[path] = start + len(whole)
        return chosen.lines(whole, writer)


def _left_over(store: Store, execution_id: str, chosen: Choice) -> list[LogLine]:
    """Return what was written to descriptors that a killed process did not come to read any more.

    Nothing masks it, so it is left out if that process knew of any secret.
    """
    found: list[LogLine] = []
    segments, folder = segments_of(store, execution_id), logs_path(execution_id)
    for name in names_in(store, folder):
        writer, _, kind = name.removesuffix(RAW).rpartition("-")
        if not name.endswith(RAW):
            continue
        task: str | None = "main.1"
        at = read = 0
        rows = [row for path in segments.get(writer, ()) for row in rows_in(content_of(store, path))]
        if any(row[0] == "masked" for row in rows):
            continue
        for row in rows:
            if row[0] == "in" and len(row) == 2:
                task = None if row[1] is None else global_name(row[1], writer)
            elif row[0] == "read" and len(row) == 3 and row[1] == kind and type(row[2]) is int:
                read = max(0, row[2])
            elif len(row) == 6 and row[1] == kind and type(row[5]) is int and is_time(row[0]):
                at, read = row[0], max(0, row[5])
        if task is None:
            continue
        path = f"{folder}/{name}"
        rest = _bounded_rest(store, path, read)
        if rest:
            at = max(at, int(store.modified(path) * 1e9))
        for line in _lines_of(_bounded_lines(rest)):
            said = LogLine(at, "", 0, STREAMS.get(kind, kind), line, task, task, writer=writer)
            found += [said] if chosen.takes(said) else []
    return found


def _bounded_rest(store: Store, path: str, start: int) -> bytes:
    """Return a file from a byte on; of a large rest the beginning and the end."""
    try:
        start = _data_from(store.file_path(path), start)
        left = store.size_of(path) - start
        if left <= _MOST_LEFT_OVER:
            return store.get(path, start)
        half = _MOST_LEFT_OVER // 2
        middle = f"\n… {left - 2 * half:,} bytes left out …\n".encode()
        return store.get(path, start, half) + middle + store.get(path, start + left - half)
    except OSError:
        return b""


def _data_from(path: str | None, start: int) -> int:
    """Return where the first byte is, from one on, that was not given back to the disk.

    The log tells where to begin, but of a log that was removed, or that a full disk took no line of, the file is left.
    """
    opened: list[int] = []
    try:
        if path is not None:
            open_into(opened, path, os.O_RDONLY | os.O_NONBLOCK | NO_LINK)
            return os.lseek(opened[0], start, os.SEEK_DATA)
    except (OSError, AttributeError) as error:  # nothing follows, or this system knows of no holes
        let_pass(error)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return start


def _lines_of(content: bytes) -> list[str]:
    """Return lines as they stand in the end: a bar has one."""
    drawn, text = RedrawnLines(), content.decode("utf-8", "backslashreplace").removesuffix("\n")
    lines = [kept for line in text.split("\n") for kept in drawn.take(line)] if content else []
    return lines + drawn.rest()


def _bounded_lines(rest: bytes) -> bytes:
    """Return the first and the last of very many lines."""
    left_out = rest.count(b"\n") - _MOST_LINES_LEFT_OVER
    if left_out <= 0:
        return rest
    half = _MOST_LINES_LEFT_OVER // 2
    first, last = rest.split(b"\n", half)[:-1], rest.rsplit(b"\n", half + 1)[1:]
    return b"\n".join([*first, f"… {left_out:,} lines left out …".encode(), *last])
