"""What of a log is not there any more, or not as it was written: dropped, lost, damaged or changed."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec

from obs_core.journal import records
from obs_core.journal.log_files import checked_parts, content_of, count_said, doubtful, segments_of, unchecked
from obs_core.journal.log_lines import HEAD, count_told, end_of_lines, lost_in, row_in, rows_in, said_in, without_halves
from obs_core.journal.reader import decode, ends_of_segments, segment_names, writer_of
from obs_core.store.base import Store
from obs_core.store.fetching import fetch_each
from obs_core.store.paths import logs_path
from obs_core.text.missing import missing_lines

__all__ = ["damaged_lines", "dropped_lines", "log_damage", "log_notes"]

_decode_all = msgspec.json.Decoder(list[msgspec.Raw]).decode_lines


def dropped_lines(store: Store, execution_id: str) -> int:
    """Return how many lines were said and are not kept, as the log tells: too many, or the store did not take them."""
    count = 0
    for paths in segments_of(store, execution_id).values():
        most = 0
        for path in paths:
            content = content_of(store, path)
            most = max(most, count_told(content[: content.find(b"\n")], HEAD, 2))
            count += lost_in(content)
        count += most
    return count


def log_notes(store: Store, execution_id: str) -> list[str]:
    """Say what is missing or damaged in the log of an execution, a sentence each."""
    untold = sum(each.lost for each in _said_by(store, execution_id).values())
    return list(missing_lines(dropped_lines(store, execution_id) + untold, *log_damage(store, execution_id)))


def damaged_lines(store: Store, execution_id: str) -> int:
    """Return how many lines were said and can no longer be read; a whole file counts as one."""
    return log_damage(store, execution_id)[0]


def log_damage(store: Store, execution_id: str) -> tuple[int, int]:
    """Tell what was done to a log since it was written.

    Returns:
        How many lines were said and can no longer be read, at least (a whole file of a process that did not live to
        count them is one), and how many can be read in parts of the log of which something was changed: some of them
        are not what was said.
    """
    if store.local:
        try:
            store.names(logs_path(execution_id))
        except OSError:
            return max(1, sum(each.kept for each in _said_by(store, execution_id).values())), 0
    said, logs = _said_by(store, execution_id), segments_of(store, execution_id)
    unreadable = changed = 0
    for writer in {**logs, **said}:
        paths, told = logs.get(writer, ()), said.get(writer)
        found = [_damaged_in(store, path, ended=told is not None) for path in paths]
        damaged = sum(each for each, _ in found)
        if told is not None:  # else the process was killed, or runs
            gone = told.kept - sum(count_said(_whole_lines(content_of(store, path))) for path in paths)
            damaged = max(damaged, gone) if told.kept else 0
        unreadable += damaged
        changed += sum(each for _, each in found)
    return unreadable, changed


_MOST_ASKED = {True: 256, False: 8}
"""Processes whose journals are asked how many lines they said, in a folder and in a shared store."""


def _said_by(store: Store, execution_id: str) -> dict[str, records.Said]:
    """Return what each writer said last of its log, at the end of its journal."""
    segments: dict[str, list[str]] = {}
    for path in segment_names(store, execution_id):
        segments.setdefault(writer_of(path), []).append(path)
    asked = list(segments)[: _MOST_ASKED[store.local]]
    ends = fetch_each(store, functools.partial(_last_said, store, segments), asked)
    return {writer: said for writer, said in zip(asked, ends, strict=True) if said is not None}


def _last_said(store: Store, segments: dict[str, list[str]], writer: str) -> records.Said | None:
    lines: Sequence[bytes] = b"".join([part for _, part in ends_of_segments(store, segments[writer])]).split(b"\n")
    told = [line for line in lines if line.startswith(b'["said",')]
    last = decode(told[-1])[-1:] if told else ()
    return next((record for record in last if isinstance(record, records.Said)), None)


def _whole_lines(content: bytes) -> bytes:
    return content[: end_of_lines(content)]


def _damaged_in(store: Store, path: str, ended: bool) -> tuple[int, int]:
    try:
        content = store.get(path)
    except FileNotFoundError:  # dropped between the listing and now
        return 0, 0
    except OSError:
        return 1, 0
    if not content:  # a file appears with its head
        return 1, 0
    end = end_of_lines(content)
    # Where a process that counted its lines left half of one, the disk was full: it counted it as lost.
    unreadable, changed = int(not ended and bool(content[end:].strip(b"\0"))), 0
    content = content[:end]
    parts = list(checked_parts(content))
    # What is as it was written can be read: a large log is not decoded to find that out.
    unreadable += _unreadable_in(b"\n".join(unchecked(content, parts)))
    for part, said in doubtful(content, parts):
        known = _unreadable_in(part)
        readable = sum(said_in(row, "") is not None for row in rows_in(part))
        unreadable += max(0, said - known - readable)
        changed += readable
    return unreadable, changed


def _unreadable_in(lines: bytes) -> int:
    lines = without_halves(lines)
    try:
        _decode_all(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return sum(1 for line in lines.split(b"\n") if line and next(row_in(line), None) is None)
    return 0
