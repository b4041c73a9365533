"""The running task, as its own code sees it: facts about it, and its decks and links."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from obs_core.recording.here import innermost
from obs_core.recording.run import TaskState

if TYPE_CHECKING:
    from obs_core.decks.deck import Deck
    from obs_core.decks.timeline import TimeLineDeck
    from obs_core.recording.artifacts import Kept
    from obs_core.recording.run import TaskDeck
    from obs_core.secrets import SecretAccessor
    from obs_core.tasks.capture import Capture

__all__ = ["TaskContext", "context_of", "current_context", "link"]


class TaskContext:
    """The running task, as its own code sees it: facts about it, and its decks and links.

    Get it from `current_context`. Outside any task it stands for the execution itself.

    Attributes:
        state: What is recorded of the task; for integrations.
    """

    __slots__ = ("_default_deck", "_timeline_deck", "state")

    def __init__(self, state: TaskState) -> None:
        self.state = state
        self._default_deck: Deck | None = None
        self._timeline_deck: TimeLineDeck | None = None

    @property
    def task_name(self) -> str:
        """The task's name; the execution's name outside any task."""
        return self.state.name

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self.state.attempt

    @property
    def enable_deck(self) -> bool:
        """Whether anything is rendered and a report is written."""
        return self.state.enable_deck

    @property
    def function(self) -> str:
        """The task's function with its module, ``"flights.clean"``; empty outside any task."""
        return self.state.function

    @property
    def execution_id(self) -> str:
        """The execution's id, such as ``"20261122-234237-417123-k3v9xq"``."""
        return self.state.run.id

    @property
    def execution_url(self) -> str:
        """The address to send to a colleague: below `OBS_UI_URL`, else its place in the store."""
        return self.state.run.url

    @property
    def decks(self) -> list[TaskDeck]:
        """The task's decks in the order of their tabs.

        A deck made with ``auto_add_to_deck=False`` may be appended.
        """
        return self.state.decks

    @property
    def default_deck(self) -> Deck:
        """The general-purpose deck, ``"default"``; its tab appears where it is used first."""
        if self._default_deck is None:
            from obs_core.decks.deck import Deck

            self._default_deck = Deck.of(self.state, "default")
        return self._default_deck

    @property
    def timeline_deck(self) -> TimeLineDeck:
        """The task's own timeline, filled from its spans; more bars may be added."""
        if self._timeline_deck is None:
            from obs_core.decks.timeline import own_timeline

            self._timeline_deck = own_timeline(self.state)
        return self._timeline_deck

    @property
    def secrets(self) -> SecretAccessor:
        """Looks secrets up: ``current_context().secrets.get("wandb", "WANDB_API_KEY")``."""
        from obs_core.secrets import SecretAccessor

        return SecretAccessor()

    def link(self, name: str, url: str) -> None:
        """Attach a named address to this task, shown in its report and in the UI.

        Args:
            name: What it is called, such as ``"W&B run"``.
            url: The address. Only http and https can be clicked; anything else is shown as text.
        """
        self.state.link(name, url)

    def note(self, text: str) -> None:
        """Leave a note that everyone who reads this task's report sees.

        Args:
            text: A sentence of plain text. It counts as a check that warned.

        Examples:
            >>> current_context().note("12 of 336,776 rows had no tail number")
        """
        self.state.note(text)

    def keep(self, name: str, value: Any, *, as_last: bool = True) -> None:
        """Keep a value with this task, beside what it returns: a profile, a summary, a model.

        Args:
            name: What it is called; a second value of the name replaces the first.
            value: A value of a type that a `TypeTransformer` can keep.
            as_last: Whether `last` gives it to later calls, once this one has succeeded; what is no measure for them
                is kept without.

        Raises:
            TypeError: No transformer can keep it.

        Examples:
            >>> @task
            ... def clean(rows: list[int]) -> None:
            ...     current_context().keep("kept", len(rows))
            >>> with execution("flights") as run:
            ...     clean([3, -1, 4])
            >>> load_execution(run.id).artifact("clean", "kept")
            3
        """
        from obs_core.recording.artifacts import keep

        keep(self.state, name, value, as_last=as_last)

    def last(self, name: str, *, sure: bool = False) -> Kept | None:
        """Return what the last successful call of the same task, in any execution of the store, kept.

        Args:
            name: As for `keep`.
            sure: Whether None must mean that nothing was kept: then what cannot be read is an error, here or when its
                value is asked for.

        Returns:
            The value and where it is from; None if there is none, or it was removed since.

        Raises:
            OSError: With `sure`: the store cannot be read.
            ValueError: With `sure`: what the store says is broken.
        """
        from obs_core.recording.artifacts import last

        return last(self.state, name, sure=sure)

    def capture(self, kind: str, *, suffix: str = ".bin", options: dict[str, Any] | None = None) -> Capture:
        """Begin a file from which decks of this task are made later, by its writer or, after a kill, by a reader.

        Args:
            kind: What writes it; the entry point of this name in the group ``obs.captures`` makes the decks.
            suffix: How its name ends.
            options: What that needs to know, of types that JSON knows.

        Returns:
            The capture: its `path`, and `finish` for when the decks are made.
        """
        from obs_core.tasks.capture import Capture

        return Capture(self.state, kind, suffix, options or {})

    def is_inside(self, other: TaskContext) -> bool:
        """Tell whether this task was called by another one, directly or not.

        Args:
            other: The context of the task that may have called it.
        """
        caller = self.state.parent
        while caller is not None:
            if caller.task is other.state:
                return True
            caller = caller.task.parent
        return False

    def defer(self, work: Callable[[], None]) -> None:
        """Do work for this task's decks in the background, before the process ends.

        The task's report has what it appends.

        Args:
            work: What appends to decks that were made before. All signals are blocked in the thread that it runs in,
                and in a process that it starts there.
        """
        from obs_core.tasks.deferred import defer

        defer(self.state, work)

    def __repr__(self) -> str:
        return f"<TaskContext {self.task_name!r} attempt {self.attempt} of execution {self.execution_id}>"


def context_of(state: TaskState) -> TaskContext:
    """Return the context of a task: the same object as long as the task runs."""
    if state.face is None:
        state.face = TaskContext(state)
    context: TaskContext = state.face
    return context


def current_context() -> TaskContext:
    """Return the context of the running task.

    It follows `contextvars`, so concurrent async tasks never mix. A thread without a context belongs to the task that
    started it or gave it work, as far as Python tells. Outside any task, the context is that of the process's own
    execution (or of the one that `OBS_CARRIER` names), so this works in a notebook too.

    Returns:
        The context; the same object as long as the task runs.

    Examples:
        >>> @task
        ... def clean(rows: int) -> None:
        ...     current_context().default_deck.append(f"<b>{rows}</b> rows")
    """
    return context_of(innermost().task)


def link(name: str, url: str) -> None:
    """Attach a named address to the current task, shown in its report and in the UI.

    Args:
        name: What it is called, such as ``"W&B run"``.
        url: The address. Only http and https can be clicked; anything else is shown as text.

    Examples:
        >>> link("Model card", "https://example.com/models/7")
    """
    innermost().task.link(name, url)
