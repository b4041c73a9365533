"""Write the site of a store."""

from __future__ import annotations

import functools
import hashlib
import math
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct

import obs_core.report
from obs_core import __version__ as core_version
from obs_core import clock
from obs_core.journal.reader import segment_names
from obs_core.model import ExecutionView
from obs_core.reading.usual import RUNS_LOOKED_AT
from obs_core.store import Store, open_store
from obs_ui import __version__
from obs_ui.app import routes
from obs_ui.index import connect
from obs_ui.site import HERE, Site
from obs_ui.static_site.answering import Pages
from obs_ui.static_site.folder import (
    Manifest,
    SiteFolder,
    Written,
    read_manifest,
    remove_files,
    write_manifest,
)
from obs_ui.static_site.pages import SiteWriter
from obs_ui.static_site.scripts import assets

__all__ = ["Built", "build"]

_FEW = 16
"""Executions up to which this process writes them alone: others would have to begin first."""

_BATCH = 8


class Built(Struct):
    """What was done.

    Attributes:
        executions: How many executions the site holds.
        files: How many files.
        written: How many of them were written, since they are new or changed.
        removed: How many were removed.
    """

    executions: int
    files: int
    written: int
    removed: int


class _Task(Struct, frozen=True):
    """What each process that writes needs to know."""

    store: str
    index: str
    out: str
    executions: tuple[str, ...]
    before: dict[str, str]
    reports: bool


def build(
    store: Store,
    out: str | os.PathLike[str],
    executions: Sequence[ExecutionView],
    *,
    reports: bool = False,
    processes: int = 0,
) -> Built:
    """Write the site of some executions, or bring it up to date.

    Args:
        store: Where they are.
        out: The folder of the site.
        executions: Which ones, newest first.
        reports: Whether each gets its report and its trace to take along.
        processes: How many processes write. Default: one for each core.

    Raises:
        SiteFolderError: The site cannot be written there.
        OSError: The store cannot be read, or the folder cannot be written.
    """
    before = read_manifest(out)
    with tempfile.TemporaryDirectory(prefix="obs-site-") as place:
        index = f"sqlite:///{Path(place, 'index.sqlite')}"
        site = _indexed(store, index, [one.id for one in executions])
        now = Manifest()
        folder = SiteFolder(out, before.files())
        now.common.files = {name: folder.put(name, content) for name, content in assets()}
        earlier = _earlier(executions)
        states = {one.id: _state(store, one, earlier(one), reports) for one in executions}
        same = {
            one: written
            for one, written in before.executions.items()
            if states.get(one) == written.state != "" and folder.holds_all(written.files)
        }
        task = _Task(store.url, index, str(out), tuple(states), before.files(), reports)
        written = _write(task, [one for one in states if one not in same], processes)
        changed = 0
        for execution_id, (files, count) in written:
            now.executions[execution_id] = Written(states[execution_id], files)
            changed += count
        now.executions |= same
        pages = _writer(site, folder, task)
        now.common.files |= pages.pipelines(list(dict.fromkeys(one.name for one in executions)))
        gone = before.files().keys() - now.files().keys() - {"index.html"}
        removed = remove_files(folder, gone)
        now.at = clock.epoch() if changed + folder.changed + removed or before.at == 0 else before.at
        now.common.files |= pages.list_page(now.at)
        write_manifest(folder, now)
        site.engine.dispose()
    return Built(len(executions), len(now.files()), changed + folder.changed, removed)


def _indexed(store: Store, index: str, ids: Iterable[str]) -> Site:
    """Return the executions of a store, those of the site alone, with an index of their own."""
    site = Site(store, connect(index))
    site.indexer.only = frozenset(ids)
    site.indexer.update()
    site.rows = 10**9
    site.tasks.patience = math.inf
    return site


def _write(task: _Task, ids: list[str], processes: int) -> Iterator[tuple[str, tuple[dict[str, str], int]]]:
    """Write the pages of executions; yields their files, and how many of them were written."""
    count = processes or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(ids) <= _FEW or count == 1:
        yield from _written(task, ids)
        return
    batches = [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
    # A new interpreter each: this one may have threads, which a fork would leave in the middle.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(count, len(batches)), mp_context=context) as pool:
        for found in pool.map(functools.partial(_written, task), batches):
            yield from found


def _written(task: _Task, ids: list[str]) -> list[tuple[str, tuple[dict[str, str], int]]]:
    folder, writer = _opened(task)
    found = []
    for execution_id in ids:
        before = folder.changed
        found.append((execution_id, (writer.execution(execution_id), folder.changed - before)))
    return found


@functools.lru_cache(1)
def _of_process(encoded: bytes) -> tuple[SiteFolder, SiteWriter]:
    task = msgspec.msgpack.decode(encoded, type=_Task)
    folder = SiteFolder(task.out, task.before)
    return folder, _writer(Site(open_store(task.store), connect(task.index)), folder, task)


def _opened(task: _Task) -> tuple[SiteFolder, SiteWriter]:
    return _of_process(msgspec.msgpack.encode(task))


def _writer(site: Site, folder: SiteFolder, task: _Task) -> SiteWriter:
    return SiteWriter(site, Pages(site, routes()), folder, frozenset(task.executions), reports=task.reports)


def _state(store: Store, view: ExecutionView, earlier: list[str], reports: bool) -> str:
    """Return what an execution's pages are made from; empty if they have to be made each time."""
    if view.status not in ("succeeded", "failed"):
        return ""
    sizes = [(path, store.size_of(path)) for path in segment_names(store, view.id)]
    made_of = repr((_code(), view.id, sizes, earlier, reports))
    return hashlib.sha256(made_of.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _earlier(executions: Sequence[ExecutionView]) -> Callable[[ExecutionView], list[str]]:
    """Return what gives the executions of the same name before one, by which it is judged."""
    by_name: dict[str, list[str]] = {}
    for one in executions:
        by_name.setdefault(one.name, []).append(one.id)

    def of(view: ExecutionView) -> list[str]:
        return [one for one in by_name[view.name] if one < view.id][: 3 * RUNS_LOOKED_AT]

    return of


@functools.cache
def _code() -> str:
    """Return what changes whenever another obs would write other pages."""
    digest = hashlib.sha256(f"{__version__} {core_version}".encode())
    for root in (HERE, Path(obs_core.report.__file__).parent):
        for file in sorted(root.rglob("*")):
            if file.suffix in (".py", ".html", ".js", ".css", ".svg"):
                digest.update(file.read_bytes())
    return digest.hexdigest()
