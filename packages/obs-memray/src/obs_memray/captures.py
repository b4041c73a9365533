"""From a capture to decks: when the task has ended, or when somebody reads what a killed one left behind."""

from __future__ import annotations

import glob
import io
import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec

from obs_memray.allocations import allocations_in
from obs_memray.memory_deck import memory_html
from obs_memray.options import REPORTERS, Options
from obs_memray.summary import Summary, summarize

if TYPE_CHECKING:
    from obs_core import Deck
    from obs_core.captures import UnfinishedCapture

__all__ = ["decks", "draw_into"]


def decks(capture: UnfinishedCapture) -> Iterator[tuple[str, str]]:
    """Make the decks of a task whose process is gone.

    Args:
        capture: What it left behind.

    Yields:
        Name and HTML of each deck.
    """
    options = msgspec.convert(capture.options, Options)
    with capture.file() as path:
        drawing = _Drawing(path, options)
        yield "Memory", memory_html(drawing.summary, options, killed=True)
        yield from drawing.reports()


def draw_into(
    decks: Mapping[str, Deck], path: str, options: Options, before: Any = None, *, stopped: bool = False
) -> dict[str, Any]:
    """Fill the decks of a task that has ended.

    Args:
        decks: The decks by name.
        path: The capture.
        options: What to draw.
        before: The summary that the task kept the last time, to compare with.
        stopped: Whether the capture reached its size cap.

    Returns:
        The summary, of types that JSON knows.
    """
    drawing = _Drawing(path, options)
    last = None if before is None else msgspec.convert(before, Summary)
    decks["Memory"].append(memory_html(drawing.summary, options, last=last, stopped=stopped))
    for name, page in drawing.reports():
        decks[name].append(page)
    kept: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(drawing.summary, resident=[]))
    return kept


class _Drawing:
    """Reads a capture, and those of forked children beside it."""

    def __init__(self, path: str, options: Options) -> None:
        self._paths = [path, *sorted(glob.glob(f"{glob.escape(path)}.*"))]
        self._view = options.view
        self._reporters = options.reporters
        self.summary = summarize(self._paths, options.view)

    def reports(self) -> Iterator[tuple[str, str]]:
        """Draw memray's own reports, one after the other, so that one at a time is in memory."""
        for reporter in self._reporters:
            yield REPORTERS[reporter], self._report(reporter)

    def _report(self, reporter: str) -> str:
        from memray import FileReader

        with ExitStack() as stack:
            readers = [
                stack.enter_context(FileReader(path, max_memory_records=self._view.max_memory_records))
                for path in self._paths
            ]
            allocations = itertools.chain.from_iterable(allocations_in(reader, self._view) for reader in readers)
            made = _reporter_class(reporter).from_snapshot(
                allocations,
                memory_records=tuple(readers[0].get_memory_snapshots()),
                native_traces=readers[0].metadata.has_native_traces,
                merge_threads=not self._view.split_threads,
                inverted=self._view.inverted,
            )
            page = io.StringIO()
            made.render(
                outfile=page,
                metadata=readers[0].metadata,
                show_memory_leaks=self._view.leaks,
                merge_threads=not self._view.split_threads,
                inverted=self._view.inverted,
                no_web=True,
            )
        return page.getvalue()


def _reporter_class(name: str) -> Any:
    from memray.reporters.flamegraph import FlameGraphReporter
    from memray.reporters.table import TableReporter

    return {"flamegraph": FlameGraphReporter, "table": TableReporter}[name]
