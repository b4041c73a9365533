"""Executions: one run of a pipeline, which groups the tasks called in it."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar
from weakref import WeakValueDictionary

from obs_core import clock, identity, provenance
from obs_core._wrapping import wrap
from obs_core.context import TaskContext, active, current
from obs_core.failsafe import guarded
from obs_core.journal import flusher, records
from obs_core.journal.writer import Journal
from obs_core.locks import new_lock
from obs_core.store import Store, open_store
from obs_core.store.base import execution_path

if TYPE_CHECKING:
    from obs_core.carriers import RemoteSpan

__all__ = ["execution"]

P = ParamSpec("P")
T = TypeVar("T")


class Partner(Protocol):
    """Knows other processes that take part in an execution."""

    def settle(self, context: TaskContext, ended: bool) -> None:
        """Let them write what they hold back of a task; if it has ended, they are done with the whole execution."""


class Run:
    """An execution as this process takes part in it: its journal, and the context outside any task.

    Args:
        store: Where it is kept.
        execution_id: Its id.
        name: Its name.
        writer: This process's writer id.
        preamble: Records that are written only once others follow.
    """

    __slots__ = ("__weakref__", "id", "journal", "name", "older_threads", "partners", "root", "store")

    def __init__(
        self,
        store: Store,
        execution_id: str,
        name: str,
        writer: str,
        preamble: list[records.Record] | None = None,
    ) -> None:
        self.store = store
        self.id = execution_id
        self.name = name
        self.journal = Journal(store, execution_id, writer, preamble)
        self.root = TaskContext(self, name, None, enable_deck=decks_enabled())
        self.partners: list[Partner] = []
        self.older_threads = frozenset(threading.enumerate()) - {threading.current_thread()}
        live[execution_id] = self

    def settle(self, context: TaskContext, ended: bool = False) -> None:
        """Let other processes that take part write what they hold back: somebody is about to read.

        Args:
            context: The task that is read, or the root for all of the execution.
            ended: Whether they are done with the execution.
        """
        for partner in list(self.partners):
            with guarded(f"collecting what others recorded of execution {self.name!r}", context.note):
                partner.settle(context, ended)

    @property
    def url(self) -> str:
        """The execution's address: below `OBS_UI_URL` if that is set, else its place in the store."""
        base = os.environ.get("OBS_UI_URL", "").rstrip("/")
        if base:
            return f"{base}/executions/{self.id}"
        place = self.store.address(execution_path(self.id))
        return place if "://" in place else f"file://{place}"


live: WeakValueDictionary[str, Run] = WeakValueDictionary()
"""The executions in which this process takes part, by id."""


class execution:
    """One run of a pipeline: the tasks called inside are its parts. A ``with`` block or a decorator.

    A task that is called outside of any execution makes one of its own.

    Args:
        name: The pipeline's name.
        tags: Facts to find it by.
        store: Where it is kept: a folder or any fsspec URL. Default: `OBS_STORE`, or ``.obs``.

    Attributes:
        id: The execution's id, once it has begun.

    Raises:
        TypeError: The name is not a string, or the tags are not a mapping.

    Example:
        >>> with execution("flights", tags={"year": 2013}) as run:
        ...     clean(load())
        >>> load_execution(run.id).status
        'succeeded'
    """

    def __init__(
        self, name: str, tags: Mapping[str, Any] | None = None, *, store: str | os.PathLike[str] | None = None
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f'an execution needs a name, as in @execution("nightly"), not {name!r}')
        if tags is not None and not isinstance(tags, Mapping):
            raise TypeError(f"an execution's tags must be a mapping, not {type(tags).__name__}: {tags!r}")
        self.name = name
        self.tags = {str(key): str(value) for key, value in (tags or {}).items()}
        self._store = store
        self._run: Run | None = None
        self._outside: Any = None

    @property
    def id(self) -> str:
        """The execution's id; empty before it begins."""
        return self._run.id if self._run is not None else ""

    @property
    def url(self) -> str:
        """The execution's address; empty before it begins."""
        return self._run.url if self._run is not None else ""

    def __enter__(self) -> execution:
        if self._run is not None and self._run.root in active:
            raise RuntimeError(f"execution {self.name!r} is running already; make a new one for each run")
        self._run = begin(self.name, self.tags, self._store)
        make_visible(self._run)
        self._outside = current.get()
        current.set(self._run.root)
        active.add(self._run.root)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._run is not None
        active.discard(self._run.root)
        current.set(self._outside)
        end(self._run, error)

    async def __aenter__(self) -> execution:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Make each call of a function an execution of its own."""
        return wrap(function, lambda _args, _kwargs: execution(self.name, self.tags, store=self._store))

    def __repr__(self) -> str:
        return f"execution({self.name!r}, id={self.id!r})"


def begin(name: str, tags: Mapping[str, str], store: str | os.PathLike[str] | None = None) -> Run:
    """Begin an execution and write so."""
    run = Run(open_store(store), identity.new_execution_id(), name, "main")
    run.journal.append(_start(name, tags))
    return run


def make_visible(run: Run) -> None:
    """Write how an execution begins: from here on a kill leaves something that can be seen.

    Of executions that follow each other within a second only the first is written at once; the others are
    written in the background, within a second too.
    """
    global _made_visible
    now = clock.wall()
    if now - _made_visible > _BURST or not run.store.begins_slowly:
        _made_visible = now
        run.journal.flush()


def end(run: Run, error: BaseException | None = None) -> None:
    """Write an execution's end, and its own report if it has decks of its own."""
    journal, root = run.journal, run.root
    root.ended = clock.wall()
    root.failure = None if error is None else one_line(error)
    run.settle(root, ended=True)
    with guarded(f"ending execution {run.name!r}"):
        if root.decks:
            from obs_core.publishing import publish

            publish(root)
    if error is None and root.artifacts:
        from obs_core.artifacts import point_to

        with guarded(f"keeping the artifacts of execution {run.name!r}"):
            point_to(root)
    status = "succeeded" if error is None else "failed"
    process_time = clock.process() - root.cpu
    journal.append(records.ExecutionEnd(journal.now(), status, root.failure, process_time, journal.lost))
    live.pop(run.id, None)
    with guarded(f"ending execution {run.name!r}"):
        journal.close()


def ambient() -> TaskContext | RemoteSpan:
    """Return where this process is outside any execution: in its ambient one, or where `OBS_CARRIER` says."""
    global _ambient
    if (where_carried := carried()) is not None:
        return where_carried
    with _ambient_lock:
        if _ambient is None:
            _ambient = _begin_ambient()
        return _ambient


def decks_enabled() -> bool:
    """Tell whether `OBS_ENABLE_DECK` allows decks."""
    return os.environ.get("OBS_ENABLE_DECK", "1").lower() not in ("0", "false", "no", "off")


def one_line(error: BaseException) -> str:
    """Return an exception as one line of bounded length: ``"ValueError: no such airport"``."""
    try:
        text = " ".join(str(error).split())
    except Exception as failure:
        text = f"<its message cannot be shown: {type(failure).__name__}>"
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= 500 else f"{line[:499]}…"


_ROOT = 1
"""The number of an execution's root span: the first that its first writer gives away."""

_BURST = 1_000_000_000
"""Nanoseconds within which a second execution counts as one of many."""

_made_visible = -_BURST

_ambient: TaskContext | None = None
_ambient_lock = new_lock()


def _begin_ambient() -> TaskContext:
    name = provenance.script_name()
    run = Run(open_store(), identity.new_execution_id(), name, "main", [_start(name, {})])
    atexit.register(_end_ambient, run)
    if not run.store.local:
        flusher.at_exit_of_threads(functools.partial(_end_ambient, run))
    return run.root


def _end_ambient(run: Run) -> None:
    global _ambient
    if _ambient is not run.root:
        return
    _ambient = None
    if run.journal.used or run.journal.items:
        end(run, _uncaught())


def _uncaught() -> BaseException | None:
    """Return the exception that ends this process, if one does; a console has its own, which end nothing."""
    if hasattr(sys, "ps1") or "IPython" in sys.modules:
        return None
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return error if isinstance(error, BaseException) else None


@functools.cache
def carried() -> RemoteSpan | None:
    """Return the span that `OBS_CARRIER` names, of which this process is a part; None if there is none."""
    text = os.environ.get("OBS_CARRIER")
    if not text:
        return None
    from obs_core.carriers import context_of_environment

    return context_of_environment(text)


def _start(name: str, tags: Mapping[str, str]) -> records.ExecutionStart:
    commit = provenance.git_commit(os.getcwd())
    now = clock.wall()
    return records.ExecutionStart(_ROOT, name, now, dict(tags), provenance.user(), provenance.command(), commit)


def _after_fork() -> None:
    """Let a forked child leave its parent's ambient execution unended: the parent ends it."""
    if _ambient is not None:
        atexit.unregister(_end_ambient)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
