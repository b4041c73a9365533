"""The beginning and the end of an execution, which tell what a list shows of it."""

from __future__ import annotations

import functools

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.writers import Writer
from obs_core.failsafe import warn
from obs_core.interruptions import let_pass
from obs_core.journal.numbering import MAIN, SUPERVISOR
from obs_core.journal.reader import chosen, decode, ends_of_segments, segment_names, writer_of
from obs_core.journal.records import AnyRecord, Beat, VerdictSummary
from obs_core.journal.signs_of_life import last_moment
from obs_core.model import ExecutionView
from obs_core.store.base import Store
from obs_core.store.fetching import fetch_each

__all__ = ["read_summary"]


def read_summary(store: Store, execution_id: str) -> ExecutionView | None:
    """Read only the beginning and the end of an execution; None if there is nothing that can be read."""
    try:
        every = segment_names(store, execution_id)
        assembly = Assembly(store, execution_id)
        others = list(every)
        for writer in (MAIN, SUPERVISOR):
            segments = [path for path in every if writer_of(path) == writer]
            others = [path for path in others if path not in segments]
            for path, lines in ends_of_segments(store, segments) if segments else ():
                few = len(lines) < _FEW and len(segments) == 1
                assembly.add(writer, decode(lines) if few else _told(lines), path)
        if assembly.program is None:
            return None
        if others:
            _add_verdicts_of_others(assembly, store, others)
        assembly.finish()
    except OSError as error:
        let_pass(error)
        if not store.local:
            raise  # the next ones would fail too
        warn(f"execution {execution_id!r} cannot be read: {error}")
        return None
    return assembly.view


def _add_verdicts_of_others(assembly: Assembly, store: Store, segments: list[str]) -> None:
    """Add what the checks of other processes found: each says that again at its end."""
    last = {writer_of(path): path for path in segments}
    paths = list(last.values())[: _MOST_OTHERS[store.local]]
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
    found = decode(chosen(lines, _SUMMARY_LINES))
    last = None if b'\n["execution-end"' in lines else last_moment(lines)
    return found if last is None else [*found, Beat(last)]


_FEW = 8 * 1024
"""Bytes of lines that are sooner decoded than looked through."""

_SUMMARY_LINES = (
    b'["execution"',
    b'["execution-end"',
    b'["replaced"',
    b'["metrics"',
    b'["verdicts"',
    b'["lost"',
    b'["torn"',
)
