"""Executions: one run of a pipeline, which groups the tasks called in it. This is how they begin."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from obs_core import clock, provenance, settings
from obs_core.failsafe import guarded, has_room, keep_away, strict, warn
from obs_core.interruptions import let_pass
from obs_core.journal import records
from obs_core.journal.numbering import MAIN
from obs_core.quiet_handlers import entered_for_certain
from obs_core.recording import faults, logs, samplers, status_line, threads
from obs_core.recording.ends import end, leave_to_parent, terminate
from obs_core.recording.naming import new_id
from obs_core.recording.run import Run, Scope, is_of_this_process
from obs_core.recording.scope import active, current, going_on, leave
from obs_core.recording.sigterm import at_sigterm
from obs_core.recording.supervised import follow_the_end, gone_on_with
from obs_core.recording.tqdm_bars import watched
from obs_core.recording.unended import LEFT, Unended, end_unended
from obs_core.recording.unrecorded import unrecorded_run
from obs_core.recording.visibility import make_visible
from obs_core.recording.wrapping import wrap
from obs_core.store import Store, open_store
from obs_core.store.passwords import without_password
from obs_core.text.bounded_repr import as_text, describe_error
from obs_core.undisturbed import import_undisturbed
from obs_core.values.remembered import is_instance

__all__ = ["begin", "begin_unwritten", "count_missed", "execution", "new_run", "start_record"]

P = ParamSpec("P")
T = TypeVar("T")

count_missed: list[Callable[[Scope | None, str], None]] = []
"""Told where there was no room to begin an execution, and what it was: `obs_core.recording.here` counts it."""


class execution:
    """One run of a pipeline, as a ``with`` block or a decorator: tasks called inside belong to it.

    A task called outside any execution starts its own.

    Args:
        name: The pipeline's name.
        tags: Facts to find it by.
        store: Where it is kept: a folder or any fsspec URL. Default: `OBS_STORE`, or ``.obs``.

    Attributes:
        id: The execution's id, once it has begun.

    Raises:
        TypeError: The name is not a string, or the tags are not a mapping.

    Examples:
        >>> with execution("flights", tags={"year": 2013}) as run:
        ...     with span("load"):
        ...         rows = [3, -1, 4]
        >>> load_execution(run.id).status
        'succeeded'
    """

    def __init__(
        self, name: str, tags: Mapping[str, Any] | None = None, *, store: str | os.PathLike[str] | None = None
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f'an execution needs a name, as in @execution("nightly"), not {name!r}')
        if tags is not None and not is_instance(tags, (dict, Mapping)):
            raise TypeError(f"an execution's tags must be a mapping, not {type(tags).__name__}: {tags!r}")
        self.name = name
        self.tags = {as_text(key): as_text(value) for key, value in (tags or {}).items()}
        self._store = None if store is None else without_password(os.fspath(store))
        self._run: Run | None = None
        self._outside: Scope | None = None
        self._is_missed = False  # there was no room to begin it, and that is not counted yet

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
        try:
            self._outside = current.get()
            self._begin()
        except BaseException as error:
            if error.__class__ is RecursionError and (self._run is None or self._run.begun is None):
                self._is_missed = True  # no call stands here: there may be no room for one
                Unended.calls += ((self, error),)
                return self
            try:
                keep_away(error, f"beginning execution {self.name!r}")
            except BaseException as sent:  # the block is not entered, so nobody leaves it
                if self._run is not None:
                    Unended.calls += ((self._run.ending, sent),)
                    end_unended()
                raise
        return self

    @entered_for_certain
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._run is None:
            return  # it could not begin
        ending = self._run.ending
        try:
            ending.end_later(error)
        except BaseException as failure:
            # That obs had no room is not how the block ended.
            Unended.calls += ((ending, error if error is not None or failure.__class__ is RecursionError else failure),)
            end_unended()
            keep_away(failure, f"ending execution {self.name!r}")

    async def __aenter__(self) -> execution:
        return self.__enter__()

    @entered_for_certain
    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Awaitable[None]:
        self.__exit__(kind, error, traceback)
        return LEFT

    def _begin(self) -> None:
        self._run = None
        run = self._run = begin(self.name, self.tags, self._store)
        if run.begun is None and not has_room():
            raise RecursionError
        root = run.root
        root.outside = going_on(current.get())
        current.set(root)
        active.add(root)
        make_visible(run)
        threads.remember_older(root)
        logs.begin(root)

    def end_later(self, error: BaseException | None) -> None:
        """Do what is left of the end of a function's call, or count that there was no room to begin it.

        Args:
            error: What it raised, or what kept it from ending.
        """
        if self._is_missed:
            self._is_missed = False
            for count in count_missed:
                count(self._outside, f"execution {self.name!r}")
        if self._run is not None:
            self._run.ending.end_later(error)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Make each call of a function an execution of its own."""
        return wrap(function, functools.partial(_call_of, self.name, self.tags, self._store))

    def __repr__(self) -> str:
        return f"execution({self.name!r}, id={self.id!r})"


def _call_of(
    name: str,
    tags: Mapping[str, str],
    store: str | os.PathLike[str] | None,
    _args: tuple[Any, ...],
    _kwargs: dict[str, Any],
) -> AbstractContextManager[execution | None]:
    try:
        return execution(name, tags, store=store)
    except BaseException as error:
        keep_away(error, f"beginning execution {name!r}")
        return nullcontext()


def begin(name: str, tags: Mapping[str, str], store: str | os.PathLike[str] | None = None) -> Run:
    """Begin an execution and write so."""
    run = (_handed_over(name) if store is None else None) or new_run(name, None if store is None else open_store(store))
    run.ending = ending = _Ending(run)
    try:
        with guarded(f"beginning execution {name!r}"):
            run.begun = begun = start_record(name, tags, run.id)
            run.journal.append(begun)
            at_sigterm(run, functools.partial(terminate, run))
    except BaseException as error:  # a timeout's, say: nobody hears of this execution, so nobody would end it
        if run.begun is not None:
            if error.__class__ is RecursionError:
                return run  # its beginning is written: what is missing is that SIGTERM ends it
            Unended.calls += ((ending, error),)
            end_unended()
        raise
    return run


class _Ending:
    """Ends an execution, however often that is begun."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def end_later(self, error: BaseException | None) -> None:
        """Do what is left of the end.

        Args:
            error: What its block was left by, or what kept it from beginning or ending.
        """
        run, root = self._run, self._run.root
        root.older_threads = None
        active.discard(root)
        leave(root)
        try:
            logs.end(root)
        except BaseException as failure:
            keep_away(failure, f"keeping the log of execution {run.name!r}")
        if is_of_this_process(root):
            end(run, error)
        else:
            leave_to_parent(root, error)

    def __repr__(self) -> str:
        return f"execution {self._run.name!r}"


def begin_unwritten(name: str, tags: Mapping[str, str]) -> Run:
    """Begin an execution that is written with the first thing that is recorded in it; see `Run.is_recorded`."""
    begun: records.ExecutionStart | None = None
    with guarded(f"beginning execution {name!r}"):
        begun = start_record(name, tags)
    run = new_run(name, preamble=[begun] if begun else [])
    run.begun = begun
    return run


def _handed_over(name: str) -> Run | None:
    """Return the execution that ``obs run`` began for this process, if it has this name: the program goes on with it.

    What the program does after that, or a process that it starts, is none of it.
    """
    with guarded(f"continuing the execution {name!r} of obs run"):
        given = _carried(settings.carrier_text())
        mine = given.get("obs-supervisor") == str(os.getppid()) and given.get("obs-task-name") == name
        execution_id = given.get("obs-execution", "")
        if mine and gone_on_with.setdefault(execution_id, token := object()) is token:
            from obs_core.journal.reader import segment_names, writer_of

            store = open_store(given["obs-store"])
            if not any(writer_of(path) == MAIN for path in segment_names(store, execution_id)):  # before an exec
                run = new_run(name, store, execution_id=execution_id)
                follow_the_end(run.root)
                return run
    return None


def new_run(
    name: str,
    store: Store | None = None,
    preamble: list[records.Record] | None = None,
    *,
    execution_id: str = "",
    writer: str = MAIN,
) -> Run:
    """Return a new execution that this process begins, come what may: without a store what it records is lost.

    Args:
        name: Its name.
        store: Where it is kept. Default: as the environment says.
        preamble: Records that are written only once others follow.
        execution_id: Its id. Default: a new one.
        writer: What this process writes as.
    """
    import_undisturbed(*_NEEDED)
    try:
        threads.watch()
        samplers.watch()
    except BaseException as error:
        keep_away(error, "watching threads and samplers")
    if not sys.is_finalizing():
        try:
            place = store or open_store()
            run = Run(place, execution_id or new_id(place), name, writer, preamble)
            _follow(run)
            return run
        except BaseException as error:
            let_pass(error)
            if strict():
                raise
            warn(f"obs cannot record execution {name!r}: {describe_error(error)}; the pipeline goes on")
    return unrecorded_run(name)


_NEEDED = ("pwd", "fcntl", "resource", "faulthandler")
"""What the first execution imports, where there is such a thing."""


def _follow(run: Run) -> None:
    try:
        faults.follow_later(run)
        status_line.watch(run)
        watched(run)
    except BaseException as error:
        keep_away(error, f"following execution {run.name!r}")


_ROOT = 1
"""The number of an execution's root span: the first that its first writer gives away."""


def start_record(name: str, tags: Mapping[str, str], execution_id: str = "") -> records.ExecutionStart:
    """Return how an execution that begins now is written."""
    around = _carried(settings.carrier_text()).get("obs-execution", "")
    commit = provenance.git_commit(provenance.working_folder())
    now = clock.wall()
    return records.ExecutionStart(
        _ROOT,
        name,
        now,
        dict(tags),
        provenance.user(),
        provenance.command(),
        commit,
        "" if around == execution_id else around,
    )


@functools.lru_cache(maxsize=1)
def _carried(carrier: str) -> Mapping[str, str]:
    """Return what the environment says of the execution in which this process runs; nothing if it says nothing."""
    if not carrier:
        return {}
    import json

    try:
        found = json.loads(carrier)
    except ValueError as error:
        let_pass(error)
        return {}
    return {key: one for key, one in found.items() if isinstance(one, str)} if isinstance(found, dict) else {}
