"""Where in the pipeline the running code is: the current task, its execution, its decks and secrets."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from obs_core import clock
from obs_core.journal import records
from obs_core.model import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from obs_core.artifacts import Kept
    from obs_core.captures import Capture
    from obs_core.carriers import RemoteSpan
    from obs_core.decks import Deck, TimeLineDeck
    from obs_core.executions import Run
    from obs_core.journal.writer import Journal
    from obs_core.operations import Operation, OperationLog
    from obs_core.secrets import SecretAccessor
    from obs_core.spans import span
    from obs_core.timeline import SpanBars

__all__ = ["TaskContext", "current_context", "link"]

current: ContextVar[span | TaskContext | RemoteSpan | Operation | None] = ContextVar("obs_core.current", default=None)
"""The innermost open span or task."""

active: set[TaskContext] = set()
"""The running tasks and executions of this process."""

operation_logs: WeakSet[OperationLog] = WeakSet()
"""What holds the running operations of engines in this process."""


class TaskContext:
    """What the running code may know about its task, and where it leaves its decks and links.

    Get it from `current_context`. Outside any task it stands for the execution itself.

    Attributes:
        task_name: The task's name; the execution's name outside any task.
        attempt: 1 for the first try.
        enable_deck: Whether anything is rendered and a report is written.
        function: The task's function with its module, ``"flights.clean"``; empty outside any task.
        source: The worker that this code runs on, if an engine's worker runs a part of the task.
        shared: Whether other processes may take part in this task, so that its report must look for their parts.
    """

    __slots__ = (
        "_decks",
        "_default_deck",
        "_timeline_deck",
        "append",
        "artifacts",
        "attempt",
        "bars",
        "context",
        "cpu",
        "enable_deck",
        "ended",
        "failure",
        "function",
        "journal",
        "links",
        "next_number",
        "notes",
        "number",
        "parent",
        "run",
        "shared",
        "source",
        "start",
        "task_name",
    )

    def __init__(
        self,
        run: Run,
        name: str,
        parent: span | TaskContext | RemoteSpan | Operation | None,
        attempt: int = 1,
        enable_deck: bool = True,
        number: records.Ref | None = None,
        function: str = "",
        source: str = "",
    ) -> None:
        self.run = run
        self.journal: Journal = run.journal
        self.append: Callable[[Any], None] = run.journal.append
        self.next_number = run.journal.next_number
        self.context = self
        self.parent = parent
        self.number: records.Ref = run.journal.next_number() if number is None else number
        self.task_name = name
        self.attempt = attempt
        self.enable_deck = enable_deck
        self.function = function
        self.source = source
        self.shared = False
        self.ended: int | None = None
        self.failure: str | None = None
        self.start = clock.wall()
        self.cpu = clock.process()
        self.artifacts: dict[str, records.Artifact] = {}
        self.links: list[Link] = []
        self.notes: list[str] = []
        self.bars: SpanBars | None = None
        self._decks: list[Deck] = []
        self._default_deck: Deck | None = None
        self._timeline_deck: TimeLineDeck | None = None

    @property
    def execution_id(self) -> str:
        """The execution's id, such as ``"20261122-234237-417123-k3v9xq"``."""
        return self.run.id

    @property
    def execution_url(self) -> str:
        """The address to send to a colleague: below `OBS_UI_URL`, else its place in the store."""
        return self.run.url

    @property
    def decks(self) -> list[Deck]:
        """The task's decks in the order of their tabs.

        A deck made with ``auto_add_to_deck=False`` may be appended.
        """
        return self._decks

    @property
    def default_deck(self) -> Deck:
        """The general-purpose deck, ``"default"``; its tab appears where it is used first."""
        if self._default_deck is None:
            from obs_core.decks import Deck

            self._default_deck = Deck._for(self, "default")
        return self._default_deck

    @property
    def timeline_deck(self) -> TimeLineDeck:
        """The task's own time line, filled from its spans; more bars may be added."""
        if self._timeline_deck is None:
            from obs_core.decks import TimeLineDeck

            self._timeline_deck = TimeLineDeck._for(self, "Timeline")
        return self._timeline_deck

    @property
    def secrets(self) -> SecretAccessor:
        """Looks secrets up: ``current_context().secrets.get("wandb", "WANDB_API_KEY")``."""
        from obs_core.secrets import SecretAccessor

        return SecretAccessor()

    def link(self, name: str, url: str) -> None:
        """Attach a named address to this task; see `link`."""
        attached = Link(str(name), str(url))
        if not self.source:
            self.links.append(attached)
        self.append(records.LinkMade(self.own_ref(), attached.name, attached.url))

    def note(self, text: str) -> None:
        """Let everyone who reads this task's report know something."""
        self.notes.append(text)
        self.append(records.Note(self.own_ref(), text))

    def keep(self, name: str, value: Any) -> None:
        """Keep a value with this task, beside what it returns: a profile, a summary, a model.

        Args:
            name: What it is called; a second value of the name replaces the first.
            value: A value of a type that a `TypeTransformer` can keep.

        Raises:
            TypeError: No transformer can keep it.

        Examples:
            >>> current_context().keep("columns", list(frame.columns))
            >>> load_execution("last").artifact("clean", "columns")
            ['origin', 'dest']
        """
        from obs_core.artifacts import keep

        keep(self, name, value)

    def last(self, name: str) -> Kept | None:
        """Return what the last successful call of the same task, in any execution of the store, kept.

        Args:
            name: As for `keep`.

        Returns:
            The value and where it is from; None if there is none, or it was removed since.
        """
        from obs_core.artifacts import last

        return last(self, name)

    def capture(self, kind: str, *, suffix: str = ".bin", options: dict[str, Any] | None = None) -> Capture:
        """Begin a file from which decks of this task are made later: by whoever writes it, or after a kill by a reader.

        Args:
            kind: What writes it; the entry point of this name in the group ``obs.captures`` makes the decks.
            suffix: How its name ends.
            options: What that needs to know, of types that JSON knows.

        Returns:
            The capture: its `path`, and `finish` for when the decks are made.
        """
        from obs_core.captures import Capture

        return Capture(self, kind, suffix, options or {})

    def finish_late(self, work: Callable[[], None]) -> None:
        """Do work for this task's decks in the background, though not after the end of the process.

        The task's report is published once more when it is done.

        Args:
            work: What appends to decks that were made before.
        """
        from obs_core.late import finish_late

        finish_late(self, work)

    def republish(self) -> None:
        """Write the report again if the task has ended."""
        if self.ended is not None and self.enable_deck:
            from obs_core.publishing import publish

            publish(self)
        self.journal.flush(wait=True)

    def own_ref(self) -> records.Ref:
        """Name this task in a record of this process's journal."""
        return self.journal.ref(self.number) if isinstance(self.number, int) else self.number

    def global_ref(self) -> str:
        """Name this task for other writers: ``"main.17"``."""
        return self.journal.global_ref(self.number) if isinstance(self.number, int) else self.number

    def __repr__(self) -> str:
        return f"<TaskContext {self.task_name!r} attempt {self.attempt} of execution {self.execution_id}>"


def current_context() -> TaskContext:
    """Return the context of the running task.

    It follows `contextvars`, so that async tasks running side by side never mix. A plain thread without a
    context uses the process's only active task, if there is just one; on an engine's worker the only operation that
    runs there, or what several have in common. Outside any task it is the process's own ambient execution (or the one
    that `OBS_CARRIER` names), so that a notebook works too.

    Returns:
        The context; the same object as long as the task runs.

    Examples:
        >>> @task
        ... def clean(rows: int) -> None:
        ...     current_context().default_deck.append(f"<b>{rows}</b> rows")
    """
    return innermost().context


def innermost() -> span | TaskContext | RemoteSpan | Operation:
    """Return the innermost open span or task: of this context, of this process, or the ambient one."""
    return current.get() or _of_process()


def link(name: str, url: str) -> None:
    """Attach a named address to the current task, shown in its report and in the UI.

    Args:
        name: What it is called, such as ``"W&B run"``.
        url: The address. Only http and https can be clicked; anything else is shown as text.

    Examples:
        >>> link("Model card", "https://example.com/models/7")
    """
    current_context().link(name, url)


def adoptive() -> TaskContext | None:
    """Return what a task called from a plain thread belongs to; None if it stands by itself.

    A thread that was there before the execution began does other work: its tasks are not the execution's.
    """
    context = _only_active()
    if context is None or threading.current_thread() in context.run.older_threads:
        return None
    return context


def _of_process() -> TaskContext | RemoteSpan | Operation:
    from obs_core.executions import ambient

    return _only_active() or _only_operation() or ambient()


def _only_operation() -> TaskContext | RemoteSpan | Operation | None:
    """Return the only operation that an engine runs here, or what several have in common."""
    running = [operation for log in list(operation_logs) for operation in log.running.copy()]
    if len(running) <= 1:
        return running[0] if running else None
    parents = {operation.parent.number for operation in running}
    runs = {operation.parent.context.run for operation in running}
    if len(runs) > 1:
        return None
    return running[0].parent if len(parents) == 1 else runs.pop().root


def _only_active() -> TaskContext | None:
    """Return the process's only active task, or the execution that several have in common."""
    running = set(active)
    callers = {task.parent.context for task in running if task.parent is not None}
    innermost_tasks = running - callers
    if len(innermost_tasks) == 1:
        return innermost_tasks.pop()
    runs = {task.run for task in innermost_tasks}
    return runs.pop().root if len(runs) == 1 else None
