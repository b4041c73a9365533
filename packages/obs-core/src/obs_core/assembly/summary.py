"""The beginning and the end of an execution, which tell what a list shows of it."""

from __future__ import annotations

import functools

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.writers import Writer
from obs_core.failsafe import warn
from obs_core.interruptions import let_pass
from obs_core.journal.numbering import MAIN, SUPERVISOR
from obs_core.journal.reader import chosen, decode, ends_of_segments, segment_names, writer_of
from obs_core.journal.records import LEFT_OPEN, AnyRecord, Beat, VerdictSummary
from obs_core.journal.signs_of_life import last_moment
from obs_core.model import ExecutionView
from obs_core.store.base import Store
from obs_core.store.fetching import fetch_each

__all__ = ["SUMMARY_LINES", "read_ends", "read_summary"]

SUMMARY_LINES = (
    b'["execution"',
    b'["execution-end"',
    b'["replaced"',
    b'["metrics"',
    b'["verdicts"',
    b'["lost"',
    # An execution that was open when its process ended.
    f'["note",1,"{LEFT_OPEN}"'.encode(),
)
"""How the lines begin that tell what a list shows, beside a segment's head."""

_LINES = (*SUMMARY_LINES, b'["torn"')


def read_summary(store: Store, execution_id: str) -> ExecutionView | None:
    """Tell what a list shows of an execution; None if there is nothing that can be read."""
    assembly = read_ends(store, execution_id)
    return None if assembly is None else assembly.view


def read_ends(store: Store, execution_id: str) -> Assembly | None:
    """Read only the beginning and the end of an execution; None if there is nothing that can be read."""
    try:
        assembly = Assembly(store, execution_id)
        by_writer: dict[str, list[str]] = {}
        for path in segment_names(store, execution_id):
            by_writer.setdefault(writer_of(path), []).append(path)
        for writer in (MAIN, SUPERVISOR):
            segments = by_writer.pop(writer, ())
            for path, lines in ends_of_segments(store, segments) if segments else ():
                few = len(lines) < _FEW and len(segments) == 1
                assembly.add(writer, _few(lines) if few else _told(lines), path)
        if assembly.program is None:
            return None
        if by_writer:
            _add_verdicts_of_others(assembly, store, by_writer)
        assembly.finish()
    except Exception as error:  # damage that nobody thought of, too, hides no other execution
        let_pass(error)
        if isinstance(error, OSError) and not store.local:
            raise  # the next ones would fail too
        warn(f"execution {execution_id!r} cannot be read: {type(error).__name__}: {error}")
        return None
    return assembly


def _add_verdicts_of_others(assembly: Assembly, store: Store, by_writer: dict[str, list[str]]) -> None:
    """Add what the checks of other processes found: each says that again at its end."""
    paths = [segments[-1] for segments in by_writer.values()][: _MOST_OTHERS[store.local]]
    for path, lines in zip(paths, fetch_each(store, functools.partial(_last_lines, store), paths), strict=True):
        told = [line for line in lines.split(b"\n") if line.startswith(b'["verdicts"')]
        for record in decode(told[-1]) if told else ():
            if isinstance(record, VerdictSummary):
                assembly.verdicts.take_summary(Writer(writer_of(path)), record)


def _last_lines(store: Store, path: str) -> bytes:
    return b"\n".join(lines for _, lines in ends_of_segments(store, [path]))


_MOST_OTHERS = {True: 32, False: 8}
"""Other processes that a list asks for their verdicts, in a folder and in a shared store."""


def _told(lines: bytes) -> list[AnyRecord]:
    """Return the records of a summary; of one that did not end, also when it was last heard of."""
    found = decode(chosen(lines, _LINES))
    last = None if b'\n["execution-end"' in lines else last_moment(lines)
    return found if last is None else [*found, Beat(last)]


def _few(lines: bytes) -> list[AnyRecord]:
    """Return the records of a small segment, which is read whole; of one that ended, only those that count here."""
    ended = b'\n["execution",' in lines and b'\n["execution-end",' in lines
    return decode(chosen(lines, (*_LINES, b'["check"')) if ended else lines)


_FEW = 8 * 1024
"""Bytes of lines that are all that there is, so that the lines that check them tell what is missing."""
