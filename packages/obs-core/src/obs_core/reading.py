"""Read executions back from a store: lists, traces, decks, what tasks returned."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from obs_core.assembly import Assembly
from obs_core.captures import body_of, decks_of
from obs_core.failsafe import ObsError
from obs_core.journal import flusher
from obs_core.journal.reader import chosen, decode, read_segment, read_segments, segment_names, unpacked, writer_of
from obs_core.model import DeckView, ExecutionView, Link, SpanTable, Status, TaskView
from obs_core.outputs import restored
from obs_core.store import Store, open_store
from obs_core.store.base import EXECUTIONS, execution_path, report_path, shared_path

if TYPE_CHECKING:
    from obs_core.gantt import Bar
    from obs_core.journal.writer import Journal
    from obs_core.trace import ExecutionSpan

__all__ = [
    "Execution",
    "ExecutionNotFoundError",
    "find_execution",
    "list_executions",
    "load_execution",
]


class ExecutionNotFoundError(ObsError, LookupError):
    """No execution, or more than one, is meant by an id."""


def load_execution(execution_id: str = "last", store: Store | str | os.PathLike[str] | None = None) -> Execution:
    """Read an execution back: one that ended, is running, or was killed.

    Args:
        execution_id: Its id, the beginning or the end of it, or ``"last"`` for the newest.
        store: Where it is kept. Default: `OBS_STORE`, or ``.obs``.

    Returns:
        The execution as it stands now.

    Raises:
        ExecutionNotFoundError: No execution, or more than one, is meant.

    Examples:
        >>> load_execution("last").output("fit")
        {'rmse': 17.3}
    """
    _finish_late_work()
    opened = _opened(store)
    return Execution(opened, find_execution(execution_id, opened))


def list_executions(store: Store | str | os.PathLike[str] | None = None) -> Iterator[ExecutionView]:
    """Go through the executions of a store, newest first; each is read only when its turn comes.

    Args:
        store: Where they are kept. Default: `OBS_STORE`, or ``.obs``.
    """
    opened = _opened(store)
    for execution_id in reversed(opened.names(EXECUTIONS)):
        view = _summary(opened, execution_id)
        if view is not None:
            yield view


def find_execution(text: str, store: Store | str | os.PathLike[str] | None = None) -> str:
    """Return the whole id that a person means.

    Args:
        text: An id, the beginning or the end of one, or ``"last"``.
        store: Where it is kept. Default: `OBS_STORE`, or ``.obs``.

    Raises:
        ExecutionNotFoundError: None is meant, or more than one.
    """
    opened = _opened(store)
    ids = opened.names(EXECUTIONS)
    if not ids:
        raise ExecutionNotFoundError(f"no executions in the store {opened.url!r} (OBS_STORE says which store is read)")
    if text == "last":
        return ids[-1]
    meant = [text] if text in ids else [one for one in ids if text and (one.startswith(text) or one.endswith(text))]
    if len(meant) == 1:
        return meant[0]
    if not meant:
        raise ExecutionNotFoundError(f"no execution {text!r} in the store {opened.url!r}; `obs ls` shows them")
    shown = ", ".join(meant[-3:])
    raise ExecutionNotFoundError(f"{text!r} is short for {len(meant)} executions ({shown} ...); type more of it")


class Execution:
    """One execution, read back.

    Get it from `load_execution`.

    Attributes:
        id: Its id.
        store: Where it is kept.
    """

    def __init__(self, store: Store, execution_id: str) -> None:
        self.store = store
        self.id = execution_id

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.view.name

    @property
    def status(self) -> Status:
        """``"running"``, ``"succeeded"``, ``"failed"``, or ``"lost"`` if it ended without saying so."""
        return self.view.status

    @property
    def view(self) -> ExecutionView:
        """Name, status, times, tags and where it came from."""
        return self._assembly.view

    @property
    def table(self) -> SpanTable:
        """All its spans, as columns."""
        return self._assembly.table

    @property
    def span(self) -> ExecutionSpan:
        """The root of its trace."""
        from obs_core.trace import ExecutionSpan

        return ExecutionSpan(self.table)

    @functools.cached_property
    def tasks(self) -> list[TaskView]:
        """Its tasks in the order in which they began, with their decks and links.

        Decks that a killed process left unmade are made now, from its captures.
        """
        found = self._assembly.tasks
        for capture in self._assembly.unfinished:
            for task in found:
                if task.id == capture.task:
                    task.decks.extend(decks_of(capture))
        return found

    def task(self, name: str) -> TaskView:
        """Return the last call of a task.

        Raises:
            KeyError: No task of this name was called.
        """
        found = [one for one in self.tasks if one.name == name]
        if not found:
            names = ", ".join(sorted({repr(one.name) for one in self.tasks})) or "none"
            raise KeyError(f"no task {name!r} in execution {self.id}; there are: {names}")
        return found[-1]

    def output(self, task: str, attempt: int | None = None) -> Any:
        """Return what a task returned, in its last call that was kept.

        Args:
            task: The task's name.
            attempt: Which attempt's. Default: the last one's.

        Raises:
            KeyError: No such task was called, or its output was not kept: it failed, or no transformer knows
                its type.
        """
        kept = self._assembly.outputs
        called = [one for one in self._assembly.tasks if one.name == task and attempt in (None, one.attempt)]
        calls = [one for one in called if one.id in kept]
        if not calls:
            self.task(task)
            raise KeyError(f"no output of task {task!r} is kept: it returned none, or no transformer knows its type")
        return restored(self.store, kept[calls[-1].id])

    def artifact(self, task: str, name: str) -> Any:
        """Return what a task kept under a name, in its last call that kept it.

        Args:
            task: The task's name.
            name: As for `TaskContext.keep`.

        Raises:
            KeyError: No such task was called, or it kept nothing of this name.
        """
        kept = self._assembly.artifacts
        found = [kept[one.id] for one in self._assembly.tasks if one.name == task and name in kept.get(one.id, ())]
        if not found:
            self.task(task)
            raise KeyError(f"no artifact {name!r} of task {task!r} is kept in execution {self.id}")
        return restored(self.store, found[-1][name])

    def artifact_of(self, task: TaskView, name: str) -> Any:
        """Return what one call of a task kept under a name; None if it kept nothing of this name.

        Args:
            task: One of `tasks`.
            name: As for `TaskContext.keep`.
        """
        kept = self._assembly.artifacts.get(task.id, {}).get(name)
        return None if kept is None else restored(self.store, kept)

    def shared_body(self, digest: str) -> str | None:
        """Return a script or style that several deck items hold; None if it is gone."""
        if (body := body_of(digest)) is not None:
            return body
        try:
            return _unpacked_text(self.store, shared_path(digest))
        except OSError:
            return None

    def report_paths(self) -> list[str]:
        """Return where the reports lie that its tasks wrote: paths, or URLs of a shared store."""
        folder = f"{execution_path(self.id)}/reports"
        return [self.store.address(f"{folder}/{name}") for name in self.store.names(folder) if name.endswith(".html")]

    def report(self, task: TaskView | None = None) -> str:
        """Return the report page of a task, or of the whole execution, made from the journal.

        Args:
            task: One of `tasks`. Default: all of them in one page.
        """
        from obs_core.report import render_report

        if task is not None:
            return render_report(self.view, [task], self.shared_body)
        return render_report(self.view, self.tasks, self.shared_body, overview=self._overview())

    def write_report(self, task: TaskView | None = None) -> str:
        """Make a report anew and keep it in the store; returns its address."""
        from obs_core.publishing import report_name

        path = report_path(self.id, "execution" if task is None else report_name(task))
        self.store.put(path, self.report(task).encode("utf-8", "backslashreplace"))
        return self.store.address(path)

    def __repr__(self) -> str:
        return f"<Execution {self.name!r} {self.id} {self.status}>"

    @functools.cached_property
    def _assembly(self) -> Assembly:
        assembly = Assembly(self.store, self.id)
        for path, lines in read_segments(self.store, segment_names(self.store, self.id)):
            assembly.add(writer_of(path), decode(lines), path)
        assembly.finish()
        return assembly

    def _overview(self) -> str:
        from obs_core.overview import render_overview

        return render_overview(self)


class PartsOfOthers(Struct):
    """What other processes appended to one task.

    Attributes:
        decks: By their global name; a deck that is not theirs holds only what they appended to it.
        bars: The longest spans that they recorded in it, in the order in which they began.
    """

    decks: dict[str, DeckView] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)


_DECK_LINES = (b'["deck"', b'["items"', b'["blob"', b'["times"', b'["link"', b'["note"')


_SPAN_LINES = (b'["execution"', b'["span"', b'["open"', b'["task"', b'["task-end"')
_MOST_SPAN_LINES = 16_000_000
"""Bytes of lines beyond which a report does without the bars of others: reading them would take a second."""


def parts_of_others(journal: Journal, task_id: str, with_bars: bool, of_worker: bool = False) -> PartsOfOthers:
    """Read what the other writers of an execution recorded in a task.

    Args:
        journal: This process's own journal.
        task_id: The task's global name.
        with_bars: Whether the spans are wanted too.
        of_worker: Whether this process is an engine's worker, which reads its own part of the task too.
    """
    store, size = journal.store, 0
    appended, drawn = Assembly(store, journal.execution_id), Assembly(store, journal.execution_id)
    paths = segment_names(store, journal.execution_id)
    known = "" if of_worker else journal.writer
    if not with_bars:
        paths = [path for path in paths if writer_of(path) != known]
    for path, lines in read_segments(store, paths):
        writer = writer_of(path)
        if writer != known:
            appended.add(writer, decode(chosen(lines, lambda line: line.startswith(_DECK_LINES))), path)
        size += len(lines)
        if with_bars and size <= _MOST_SPAN_LINES:
            drawn.add(writer, decode(chosen(lines, lambda line: line.startswith(_SPAN_LINES))), path)
    found = PartsOfOthers(*appended.parts_of(task_id))
    if with_bars and size <= _MOST_SPAN_LINES:
        drawn.finish()
        found.bars = drawn.bars_of(task_id, without=journal.writer)
    return found


def _finish_late_work() -> None:
    """Do what this process still has to do for reports of its own: somebody is about to look at one."""
    late = sys.modules.get("obs_core.late")
    if late is not None:
        late.wait()


def _opened(store: Store | str | os.PathLike[str] | None) -> Store:
    flusher.settle()
    return open_store(store) if store is None or isinstance(store, (str, os.PathLike)) else store


def _unpacked(store: Store, path: str) -> bytes:
    return unpacked(store.get(path))


def _unpacked_text(store: Store, path: str) -> str:
    return _unpacked(store, path).decode("utf-8", "replace")


def _summary(store: Store, execution_id: str) -> ExecutionView | None:
    """Read only the beginning and the end of an execution; None if there is nothing to read."""
    segments = [path for path in segment_names(store, execution_id) if writer_of(path) == "main"]
    if not segments:
        return None
    assembly = Assembly(store, execution_id)
    for path in dict.fromkeys((segments[0], segments[-1])):
        assembly.add("main", read_segment(store, path, lambda line: line.startswith(_SUMMARY_LINES)), path)
    assembly.finish()
    return assembly.view


_SUMMARY_LINES = (b'["execution"', b'["execution-end"', b'["beat"', b'["task-end"', b'["lost"')
