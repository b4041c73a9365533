"""Reads captures, in a process of its own: ``python -m obs_memray.drawing``.

memray's reader can crash on a damaged capture, such as a forked child's that ended in the middle of a record. That must
not end the pipeline; nor should drawing slow the next task down, or be seen in its profile.
"""

from __future__ import annotations

import glob
import io
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec

from obs_core import ObsError
from obs_core.background import take_signals
from obs_memray.allocations import allocations_in
from obs_memray.options import REPORTERS, Options, View
from obs_memray.stacks import mark_irrelevant
from obs_memray.summary import Summary, summarize

if TYPE_CHECKING:
    from memray import FileReader

__all__ = ["CaptureError", "Drawn", "draw"]


class CaptureError(ObsError):
    """A capture cannot be read."""


class Drawn(msgspec.Struct):
    """What was read out of a capture.

    Attributes:
        summary: Its figures.
        pages: memray's own reports: name of the deck, and HTML document.
        without_children: Whether captures of forked children could not be read.
    """

    summary: Summary
    pages: list[tuple[str, str]]
    without_children: bool = False


class _Job(msgspec.Struct):
    """What the other process is to do."""

    paths: list[str]
    options: Options


def draw(path: str, options: Options) -> Drawn:
    """Read a capture, and those of forked children beside it.

    Args:
        path: The capture.
        options: What to draw.

    Raises:
        CaptureError: It cannot be read; the message says what memray said.
    """
    children = sorted(glob.glob(f"{glob.escape(path)}.*"))
    try:
        return _in_another_process(_Job([path, *children], options))
    except CaptureError:
        if not children:
            raise
    drawn = _in_another_process(_Job([path], options))
    drawn.without_children = True
    return drawn


def _in_another_process(job: _Job) -> Drawn:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-m", "obs_memray.drawing", msgspec.json.encode(job).decode()],
        stdin=subprocess.DEVNULL,  # a pipe that a child forked meanwhile kept open would never end
        capture_output=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise CaptureError(f"memray cannot read the capture {job.paths[0]}: {said or f'exit code {done.returncode}'}")
    return msgspec.json.decode(done.stdout, type=Drawn)


def main() -> None:
    """Do the job that the argument describes, and write what came of it to standard output."""
    take_signals()
    job = msgspec.json.decode(sys.argv[1], type=_Job)
    drawn = Drawn(summarize(job.paths, job.options.view, job.options.body), list(_pages(job)))
    sys.stdout.buffer.write(msgspec.json.encode(drawn))


def _pages(job: _Job) -> Iterator[tuple[str, str]]:
    for reporter in job.options.reporters:
        yield REPORTERS[reporter], _page(reporter, job.paths, job.options)


def _page(reporter: str, paths: Sequence[str], options: Options) -> str:
    from memray import FileReader

    view = options.view
    page = io.StringIO()
    with ExitStack() as stack:
        readers = [stack.enter_context(FileReader(path, max_memory_records=view.max_memory_records)) for path in paths]
        metadata = readers[0].metadata
        made = _reported(reporter, readers, view)
        if reporter == "flamegraph":
            mark_irrelevant(made.data, options.body, inverted=view.inverted)
        made.render(
            outfile=page,
            metadata=metadata,
            show_memory_leaks=view.leaks,
            merge_threads=not view.split_threads,
            inverted=view.inverted,
            no_web=True,
        )
    return _mended(page.getvalue())


def _mended(page: str) -> str:
    """Give memray's controls their names, its badge its contrast, and its table the width of a narrow page."""
    for before, after in _MENDED:
        page = page.replace(before, after)
    return page


_STYLE = """<style>
.badge-primary { background-color: #0056b3; }
.navbar label.bg-dark { background-color: transparent !important; } /* in the dark the bar has another colour */
table.dataTable td:first-child { white-space: nowrap; }
table.dataTable td:last-child { overflow-wrap: anywhere; }
@media (max-width: 600px) {
  table.dataTable { font-size: 13px; }
  table.dataTable :is(th, td) { padding: 8px 6px; }
}
</style>"""

_MENDED = (
    ('id="hideUninteresting"', 'id="hideUninteresting" aria-label="Hide irrelevant frames"'),
    ('id="hideImportSystem"', 'id="hideImportSystem" aria-label="Hide frames of the import system"'),
    ('<nav class="navbar', '<nav aria-label="Memray" class="navbar'),
    ("</head>", f"{_STYLE}</head>"),
)


def _reported(reporter: str, readers: Sequence[FileReader], view: View) -> Any:
    from memray.reporters.flamegraph import FlameGraphReporter
    from memray.reporters.table import TableReporter

    merge_threads = not view.split_threads
    first = readers[0]
    shared: dict[str, Any] = {
        "memory_records": tuple(first.get_memory_snapshots()),
        "native_traces": first.metadata.has_native_traces,
    }
    if reporter == "flamegraph":
        shared |= {"inverted": view.inverted, "confidential_files": view.confidential_files}
    if not view.temporal:
        allocations = itertools.chain.from_iterable(allocations_in(reader, view) for reader in readers)
        made = FlameGraphReporter if reporter == "flamegraph" else TableReporter
        return made.from_snapshot(allocations, merge_threads=merge_threads, **shared)
    if view.leaks:
        leaked = first.get_temporal_allocation_records(merge_threads=merge_threads)
        return FlameGraphReporter.from_temporal_snapshot(leaked, high_water_mark_by_snapshot=None, **shared)
    records, peaks = first.get_temporal_high_water_mark_allocation_records(merge_threads=merge_threads)
    return FlameGraphReporter.from_temporal_snapshot(records, high_water_mark_by_snapshot=peaks, **shared)


if __name__ == "__main__":
    main()
