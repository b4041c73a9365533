"""What of a log is not there any more, or not as it was written: dropped, lost, damaged or changed."""

from __future__ import annotations

import msgspec

from obs_core.journal.log_files import content_of, doubtful, segments_of
from obs_core.journal.log_lines import HEAD, count_told, end_of_lines, lost_in, row_in, rows_in, said_in
from obs_core.store.base import Store
from obs_core.store.paths import logs_path
from obs_core.text.missing import missing_lines

__all__ = ["damaged_lines", "dropped_lines", "log_damage", "log_notes"]

_decode_all = msgspec.json.Decoder(list[msgspec.Raw]).decode_lines


def dropped_lines(store: Store, execution_id: str) -> int:
    """Return how many lines were said and are not kept: they were too many, or the store did not take them."""
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
    return list(missing_lines(dropped_lines(store, execution_id), *log_damage(store, execution_id)))


def damaged_lines(store: Store, execution_id: str) -> int:
    """Return how many lines were said and can no longer be read; a whole file counts as one."""
    return log_damage(store, execution_id)[0]


def log_damage(store: Store, execution_id: str) -> tuple[int, int]:
    """Tell what was done to a log since it was written.

    Returns:
        How many lines were said and can no longer be read (a whole file counts as one), and how many can be read in
        parts of the log of which something was changed: some of them are not what was said.
    """
    if store.local:
        try:
            store.names(logs_path(execution_id))
        except OSError:
            return 1, 0
    found = [_damaged_in(store, path) for paths in segments_of(store, execution_id).values() for path in paths]
    return sum(unreadable for unreadable, _ in found), sum(changed for _, changed in found)


def _damaged_in(store: Store, path: str) -> tuple[int, int]:
    try:
        content = store.get(path)
    except FileNotFoundError:  # dropped between the listing and now
        return 0, 0
    except OSError:
        return 1, 0
    if not content:  # a file appears with its head
        return 1, 0
    end = end_of_lines(content)
    unreadable, changed = int(bool(content[end:].strip(b"\0"))), 0
    unreadable += _unreadable_in(content[:end])
    for part, said in doubtful(content[:end]):
        known = _unreadable_in(part)
        readable = sum(said_in(row, "") is not None for row in rows_in(part))
        unreadable += max(0, said - known - readable)
        changed += readable
    return unreadable, changed


def _unreadable_in(lines: bytes) -> int:
    try:
        _decode_all(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return sum(1 for line in lines.split(b"\n") if line and next(row_in(line), None) is None)
    return 0
