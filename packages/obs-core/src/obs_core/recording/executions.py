"""Executions: one run of a pipeline, which groups the tasks called in it."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from obs_core import clock, provenance, settings
from obs_core.failsafe import guarded, strict, warn
from obs_core.interruptions import let_pass
from obs_core.journal import flusher, records
from obs_core.journal.numbering import MAIN
from obs_core.recording import closing_line, faults, logs, samplers, status_line, surroundings, threads
from obs_core.recording.naming import new_id
from obs_core.recording.process_end import ended_well
from obs_core.recording.raised import raised_at
from obs_core.recording.run import Run, TaskState, is_of_this_process, live
from obs_core.recording.scope import active, close, current, entered, leave
from obs_core.recording.sigterm import Terminated, at_sigterm, ending, forget, instead, traceback_to
from obs_core.recording.tqdm_bars import watched
from obs_core.recording.wrapping import wrap
from obs_core.store import Store, open_store
from obs_core.store.folder import FolderStore
from obs_core.text.bounded_repr import describe_error

__all__ = [
    "begin",
    "begin_unwritten",
    "end",
    "end_record",
    "execution",
    "leave_part",
    "leave_to_parent",
    "make_task_visible",
    "make_visible",
    "start_record",
    "take_part",
    "take_part_with",
    "terminate",
    "told_of_ends",
]

P = ParamSpec("P")
T = TypeVar("T")


told_of_ends: list[Callable[[Run], None]] = []
"""Called with each execution of this process that has ended, in the thread that ended it."""


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
        root = self._run.root
        root.outside = current.get()
        threads.remember_older(root)
        current.set(root)
        active.add(root)
        logs.begin(root)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._run is not None
        root = self._run.root
        root.older_threads = None
        logs.end(root)
        active.discard(root)
        leave(root)
        if is_of_this_process(root):
            end(self._run, error)
        else:
            leave_to_parent(root, error)

    async def __aenter__(self) -> execution:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

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
) -> execution:
    return execution(name, tags, store=store)


def begin(name: str, tags: Mapping[str, str], store: str | os.PathLike[str] | None = None) -> Run:
    """Begin an execution and write so."""
    run = (_handed_over(name) if store is None else None) or new_run(name, None if store is None else open_store(store))
    with guarded(f"beginning execution {name!r}"):
        run.begun = start_record(name, tags, run.id)
        run.journal.append(run.begun)
    at_sigterm(run, functools.partial(terminate, run))
    return run


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
    with guarded(f"going on with the execution {name!r} of obs run"):
        given = _carried(settings.carrier_text())
        mine = given.get("obs-supervisor") == str(os.getppid()) and given.get("obs-task-name") == name
        execution_id = given.get("obs-execution", "")
        if mine and _taken.setdefault(execution_id, token := object()) is token:
            from obs_core.journal.reader import segment_names, writer_of

            store = open_store(given["obs-store"])
            if not any(writer_of(path) == MAIN for path in segment_names(store, execution_id)):  # before an exec
                return new_run(name, store, execution_id=execution_id)
    return None


_taken: dict[str, object] = {}
"""The execution of ``obs run`` that this process went on with."""


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
    threads.watch()
    samplers.watch()
    if not sys.is_finalizing():
        try:
            place = store or open_store()
            run = Run(place, execution_id or new_id(place), name, writer, preamble)
            faults.follow_later(run)
            status_line.watch(run)
            return watched(run)
        except BaseException as error:
            let_pass(error)
            if strict():
                raise
            warn(f"obs cannot record execution {name!r}: {describe_error(error)}; the pipeline goes on")
    return Run(FolderStore(_NOWHERE), "unrecorded", name, writer, preamble)


_NOWHERE = os.path.join(os.devnull, "obs")
"""A folder that can never be: what is written there is counted as lost."""


class _Rate:
    """Lets something be done at once, unless it was done too often lately.

    Args:
        each: Nanoseconds after which it may be done once more.
        burst: How often it may be done without any pause.

    Source: the generic cell rate algorithm, https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm.
    """

    __slots__ = ("_due", "_each", "_tolerance")

    def __init__(self, each: int, burst: int) -> None:
        self._each, self._tolerance = each, each * (burst - 1)
        self._due = 0

    def allows(self, now: int) -> bool:
        """Tell whether it may be done now, and count that."""
        due = max(self._due, now)
        if due - now > self._tolerance:
            if due - now <= self._tolerance + self._each:
                return False
            due = now  # the clock was set back
        self._due = due + self._each
        return True


def make_visible(run: Run) -> None:
    """Write how an execution begins: from here on a kill leaves something that can be seen.

    Where many follow each other, what they begin with is written in the background, within a twentieth of a second.
    """
    now = clock.wall()
    if not run.store.begins_slowly or _begins.allows(now):
        run.journal.flush()
    else:
        _make_visible_soon(run)
    if _follows.allows(now):
        faults.follow(run)


def make_task_visible(run: Run) -> None:
    """Write that a task of an execution began, as `make_visible` does: a kill leaves it to be seen."""
    if _task_begins.allows(clock.wall()):
        run.journal.flush()
    else:
        _make_visible_soon(run)


def _make_visible_soon(run: Run) -> None:
    """Let the background thread write what has begun, unless it has ended by then."""
    global _is_due
    if not _is_due:
        _is_due = flusher.soon(_write_what_began)
        if not _is_due:
            run.journal.flush()


def _write_what_began() -> None:
    global _is_due
    _is_due = False
    for reference in live.valuerefs():
        run = reference()
        if run is not None and run.journal.items:
            run.journal.beat()


def terminate(run: Run, error: Terminated) -> None:
    """Write that a signal ended an execution, the tasks that run in it, and their spans."""
    _fail_what_runs(run, error)
    end(run, error)


def take_part(run: Run) -> None:
    """Let SIGTERM end what this process does of an execution that another one began and ends."""
    at_sigterm(run, functools.partial(_terminate_part, run))


def take_part_with(task: TaskState) -> None:
    """The same for a task, whatever else this process does of the execution."""
    at_sigterm(task, functools.partial(_terminate_part, task.run))


def leave_part(task: TaskState) -> None:
    """Leave SIGTERM to the system once a task has ended that stood in no span of this process, until the next one."""
    forget(task)
    parent, run = task.parent, task.run
    if not run.attached and parent is not None and parent.task is parent:
        forget(run)
        flusher.in_main_thread(_take_part_in_child)


def leave_to_parent(left: TaskState, error: BaseException | None) -> None:
    """Leave a task or an execution in a forked child: the process that began it ends it, whatever becomes of the child.

    Args:
        left: What the child was forked in, and has left now.
        error: What it was left by. That is noted where it was, since the parent may never hear of it.
    """
    if not ended_well(error):
        with guarded("noting how a forked child ended"):
            _note_left(left, cast("BaseException", error))
    run = left.run
    run.verdicts.summarize()
    if left is run.root:
        run.over()
        run.log.close()
        run.journal.close_now()
    else:
        left.over = True
        run.journal.flush()


def _note_left(left: TaskState, error: BaseException) -> None:
    """Say by what a forked child left a task, unless it left one within it by the same."""
    global _left_by
    if _left_by != id(error):
        _left_by = id(error)
        what, place = raised_at(error)[0]
        left.note(f"Process {os.getpid()}, a forked child, left it by {what}{place and f', at {place}'}.")


_left_by = 0
"""The exception that was noted last; its `id`, since some refuse to be referred to weakly."""


def _terminate_part(run: Run, error: Terminated) -> None:
    """Write that a signal ended what this process did of an execution that another one began and ends."""
    if _fail_what_runs(run, error):
        with guarded("noting where a worker was ended"):
            _note_where(run, error)
    run.verdicts.summarize()
    run.log.close()
    run.journal.close_now()


def _note_where(run: Run, error: Terminated) -> None:
    """Say in whose task this process was ended, if that is none of its own, which would say so itself."""
    scope = current.get()
    if scope is not None and scope.task.run is run and not is_of_this_process(scope.task):
        name, place = getattr(scope, "name", ""), raised_at(error)[0][1]
        inside = f' in "{name}"' if name else ""
        scope.task.note(f"{error} ended process {os.getpid()}, which took part{inside}{place and f', at {place}'}.")


def _take_part_in_child() -> None:
    """Let SIGTERM end what a forked child does of its parent's executions."""
    for run in list(live.values()):
        if not is_of_this_process(run.root):
            take_part(run)


def _fail_what_runs(run: Run, error: Terminated) -> int:
    journal, failure = run.journal, describe_error(error)
    open_spans = journal.end_open_spans(type(error).__name__)
    stacks = _stacks_of_tasks(error)
    for task in list(active):
        if task.run is run and task is not run.root and is_of_this_process(task):
            task.body_ends()
            task.failure = failure
            wall_time, process_time = task.spent or (0, 0)
            with guarded(f"noting where task {task.name!r} was ended"):
                journal.append(records.Raised(task.own_ref(), raised_at(stacks.get(task, Terminated(*error.args)))))
            number = cast("int", task.number)
            journal.append(records.TaskEnd(number, wall_time, process_time, "failed", failure, task.start))
            active.discard(task)  # a worker may run several tasks of one execution, each of which comes here
    return open_spans


def _stacks_of_tasks(error: Terminated) -> dict[TaskState, Terminated]:
    """Return the signal as each running task would see it: where its own thread is.

    Of a coroutine that waits nobody knows a place.
    """
    found: dict[TaskState, Terminated] = {}
    for ident, frame in sys._current_frames().items():
        scope, seen = entered.get(ident), error
        if ident == threading.main_thread().ident:
            scope = current.get()  # the signal is handled in its context
        else:
            seen = Terminated(*error.args).with_traceback(traceback_to(frame))
        while scope is not None:
            found.setdefault(scope.task, seen)
            scope = scope.task.parent
    return found


def end(run: Run, error: BaseException | None = None) -> None:
    """Write an execution's end, and what its own decks show."""
    said: list[records.ExecutionEnd] = []
    instead(run, functools.partial(_cut_short, run, said))
    try:
        with ending():
            _end(run, None if ended_well(error) else error, said)
    finally:
        forget(run)


def end_record(run: Run, error: BaseException | None) -> records.ExecutionEnd:
    """Return how an execution is written to have ended now."""
    failure = None if error is None else describe_error(error)
    process_time = clock.process() - run.root.cpu
    return records.ExecutionEnd(run.journal.now(), "failed" if failure else "succeeded", failure, process_time, 0)


def _cut_short(run: Run, said: list[records.ExecutionEnd], error: Terminated) -> None:
    """Write what is there of an end that takes longer than a signal waits."""
    if not said:
        run.journal.append(end_record(run, error))
    run.journal.close_now()


def _end(run: Run, error: BaseException | None, said: list[records.ExecutionEnd]) -> None:
    journal, root = run.journal, run.root
    close(run)
    run.tell_children()
    root.ended = clock.wall()
    root.failure = None if error is None else describe_error(error)
    status_line.erase()
    if not isinstance(error, Terminated):  # others may never answer while a signal is handled
        run.collect(root, ended=True)
        surroundings.write_at_end(run)
    with guarded(f"ending execution {run.name!r}"):
        if root.decks:
            from obs_core.recording.own_work import own_work
            from obs_core.recording.publishing import finish

            with own_work(root, "finish the decks"):
                finish(root)
    if error is None and root.artifacts:
        from obs_core.recording.artifacts import point_to

        with guarded(f"keeping the artifacts of execution {run.name!r}"):
            point_to(root)
    raised: list[tuple[str, str]] = []
    if error is not None:
        with guarded(f"noting where execution {run.name!r} failed"):
            raised = raised_at(error)
            journal.append(records.Raised(root.own_ref(), raised))
    if run.id not in _taken:  # of which obs run tells, once the process has ended
        closing_line.keep(run.name, run.id, clock.wall() - root.start, raised, run.verdicts.failed)
    if run.metrics is not None:
        journal.encode()  # what was held back is summed up too
        run.metrics.summarize()
    run.verdicts.summarize()
    said.append(end_record(run, error))
    journal.append(said[0])
    live.pop(run.id, None)
    faults.unfollow(run)
    run.log.close()
    with guarded(f"ending execution {run.name!r}"):
        journal.close()
        for tell in told_of_ends:
            tell(run)


_ROOT = 1
"""The number of an execution's root span: the first that its first writer gives away."""


def _new_rates() -> None:
    global _begins, _follows, _task_begins, _is_due
    _begins, _task_begins = _Rate(250_000_000, burst=3), _Rate(10_000_000, burst=20)
    _follows = _Rate(1_000_000_000, burst=1)  # it costs the most, and only a crash needs it
    _is_due = False


_begins: _Rate
_follows: _Rate
_task_begins: _Rate
_is_due: bool
_new_rates()


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
    except ValueError:
        return {}
    return {key: one for key, one in found.items() if isinstance(one, str)} if isinstance(found, dict) else {}


def _after_fork() -> None:
    _new_rates()  # the parent's say nothing of this process
    flusher.in_main_thread(_take_part_in_child)  # a child that records nothing is left as it is


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
