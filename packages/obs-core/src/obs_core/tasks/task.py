"""Tasks: decorated functions whose calls are recorded and reported on."""

from __future__ import annotations

import copy
import functools
import sys
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from obs_core import clock
from obs_core import settings as environment
from obs_core.failsafe import guarded, has_room, keep_away, strict, warn
from obs_core.interruptions import cause_of, interruption, let_pass, traceback_of
from obs_core.journal import records
from obs_core.quiet_handlers import entered_for_certain
from obs_core.recording import logs, surroundings, threads, wrapping
from obs_core.recording.attempts import attempt_of_environment
from obs_core.recording.ends import end, leave_part, leave_to_parent, take_part_with
from obs_core.recording.executions import begin
from obs_core.recording.exit_status import closes_generator, ended_well
from obs_core.recording.here import carried, count_missed, of_this_thread
from obs_core.recording.logs import mode_of
from obs_core.recording.own_work import is_decorated, layers, own_work, record_own_work
from obs_core.recording.raised import came_while_handling, in_words, left_first, notes_added, others_raised, raised_at
from obs_core.recording.run import Run, Scope, TaskState, is_of_this_process
from obs_core.recording.scope import active, current, entered, going_on, leave, let_go, show
from obs_core.recording.unended import end_unended, unended
from obs_core.recording.visibility import make_task_visible, make_visible
from obs_core.recording.wrapping import kind_of, wrap
from obs_core.text.bounded_repr import as_text, describe_error
from obs_core.undisturbed import import_undisturbed
from obs_core.values.hints import is_annotated, remember_names
from obs_core.values.remembered import attribute, underlying

if TYPE_CHECKING:
    from obs_core.decks.deck import DeckField

__all__ = ["task"]

P = ParamSpec("P")
T = TypeVar("T")


class TaskSettings:
    """What a `task` decorator was told, and what is worked out once per function.

    Attributes:
        function: The decorated function.
        name: The task's name.
        body: The function inside all decorators, found out by the first call: decorators that stand above `task` may be
            put around `function` until then.
        is_decorated: Whether decorators of obs stand between the two, or may be put there by annotations.
        deck_fields: The default decks to make, by title.
        pauses: Whether other code of its thread may run while it does: a coroutine or a generator.
    """

    __slots__ = (
        "attempt",
        "body",
        "deck_fields",
        "enable_deck",
        "function",
        "is_decorated",
        "logs",
        "name",
        "pauses",
        "qualified_name",
        "wrapper",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        enable_deck: bool,
        deck_fields: Iterable[DeckField | str] | None,
        attempt: int | None,
        logs: int | None,
    ) -> None:
        self.function = function
        named = underlying(function)
        self.name = as_text(name or named.__name__)
        self.enable_deck = enable_deck
        self.deck_fields = _titles(deck_fields)
        self.attempt = attempt
        self.logs = logs
        self.wrapper: Callable[..., Any] | None = None
        self.body: Any = None
        self.is_decorated = False
        self.qualified_name = f"{attribute(named, '__module__', '')}.{attribute(named, '__qualname__', named.__name__)}"
        self.pauses = kind_of(function) != "function"

    def surrounded(self, surround: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[..., Any]:
        """Return the task with something directly around its function: a decorator that stands above `task`."""
        inside = copy.copy(self)
        inside.function, inside.body = surround(self.function), None
        return _as_task(inside)


@overload
def task(function: Callable[P, T], /) -> Callable[P, T]: ...


@overload
def task(
    function: Callable[P, T],
    /,
    *,
    name: str | None = ...,
    enable_deck: bool | None = ...,
    disable_deck: bool | None = ...,
    deck_fields: Iterable[DeckField | str] | None = ...,
    attempt: int | None = ...,
    logs: str | bool | None = ...,
) -> Callable[P, T]: ...


@overload
def task(
    function: str,
    /,
    *,
    enable_deck: bool | None = ...,
    disable_deck: bool | None = ...,
    deck_fields: Iterable[DeckField | str] | None = ...,
    attempt: int | None = ...,
    logs: str | bool | None = ...,
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


@overload
def task(
    *,
    name: str | None = ...,
    enable_deck: bool | None = ...,
    disable_deck: bool | None = ...,
    deck_fields: Iterable[DeckField | str] | None = ...,
    attempt: int | None = ...,
    logs: str | bool | None = ...,
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def task(
    function: Callable[..., Any] | str | None = None,
    /,
    *,
    name: str | None = None,
    enable_deck: bool | None = None,
    disable_deck: bool | None = None,
    deck_fields: Iterable[DeckField | str] | None = None,
    attempt: int | None = None,
    logs: str | bool | None = None,
) -> Any:
    """Record each call of a function as a task: its time, its spans, its decks, and how it ended.

    Works on functions, coroutines, generators, async generators and methods. It does not change the function's result
    or its exceptions. A task called inside another one becomes its child; one called outside any execution starts one.

    Args:
        function: The function, when used as ``@task`` without arguments; or the task's name, as in ``@task("clean")``.
        name: The task's name. Default: the function's.
        enable_deck: Whether to render decks for its report. Default: True. ``OBS_ENABLE_DECK=0`` turns it off for
            all tasks.
        disable_deck: The opposite of `enable_deck`, for Flyte users; pass only one of them.
        deck_fields: Which default decks to make (`DeckField`). Default: all five.
        attempt: Which try this is, counted from 1. Default: `OBS_ATTEMPT`, else 1.
        logs: What is kept of what it logs and prints: ``"0"`` or False for nothing, ``"logging"``, ``"streams"`` for
            what Python prints too, ``"all"`` for what subprocesses and C libraries write too. Default: what its caller
            keeps, else `OBS_LOGS`, else ``"streams"``.

    Returns:
        The decorated function, of the same kind and signature.

    Raises:
        TypeError: What is decorated is not callable.
        ValueError: An unknown deck field, an attempt below 1, an unknown word for `logs`, or both `enable_deck` and
            `disable_deck`.

    Examples:
        >>> @task(deck_fields=[DeckField.TIMELINE])
        ... def clean(rows: list[int]) -> list[int]:
        ...     with span("drop negatives"):
        ...         return [row for row in rows if row >= 0]
        >>> clean([3, -1, 4])
        [3, 4]
    """
    _check_attempt(attempt)
    kept = None if logs is None else mode_of(logs)
    if enable_deck is not None and disable_deck is not None:
        raise ValueError("disable_deck and enable_deck contradict each other: pass only one of them")
    if isinstance(function, str):
        if name is not None:
            raise TypeError(f"the task is called {function!r} and {name!r}: give one name")
        function, name = None, function
    with_decks = not disable_deck if enable_deck is None else enable_deck

    def decorate(decorated: Callable[P, T]) -> Callable[P, T]:
        return _as_task(TaskSettings(decorated, name, with_decks, deck_fields, attempt, kept))

    return decorate if function is None else decorate(function)


def _as_task(settings: TaskSettings) -> Callable[..., Any]:
    body = None
    if is_annotated(settings.function):
        remember_names(settings.function)
        body = _AnnotatedBody(settings)
    wrapper = wrap(settings.function, functools.partial(_Call, settings), body)
    settings.wrapper, settings.is_decorated = wrapper, body is not None
    wrapper.__obs_task__ = settings  # type: ignore[attr-defined]
    return wrapper


class _AnnotatedBody:
    """A task's function inside the decorators that its annotations ask for, which its first call looks up.

    From then on the task calls what was found itself: each call in between takes depth from a function that calls
    itself.
    """

    __slots__ = ("_decorated", "_settings")

    def __init__(self, settings: TaskSettings) -> None:
        self._settings = settings
        self._decorated: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True  # as in `wrapping`
        if self._decorated is None:
            from obs_core.tasks.decorators import decorated

            self._decorated = decorated(self._settings.function)
            self._step_aside(self._decorated)
        return self._decorated(*args, **kwargs)

    def _step_aside(self, decorated: Callable[..., Any]) -> None:
        wrapper: Any = self._settings.wrapper
        for cell in getattr(wrapper, "__func__", wrapper).__closure__ or ():
            if cell.cell_contents is self:
                cell.cell_contents = decorated


_LEFT_EARLY = "This generator was closed before its end."


class _Call:
    """One call of a task: opened before the function runs, closed after it, come what may."""

    __slots__ = (
        "_arguments",
        "_error_html",
        "_has_ended",
        "_is_outermost",
        "_is_over",
        "_outside",
        "_own_run",
        "_raised",
        "_result",
        "_settings",
        "_task",
        "_thread",
        "seen_before",
    )

    def __init__(self, settings: TaskSettings, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._settings = settings
        self._arguments = (args, kwargs)
        self._outside = current.get()
        self._task: TaskState | None = None
        self._own_run: Run | None = None
        self._is_outermost = False  # of this process, in an execution of another one
        self._result: Any = _NOTHING
        self._error_html = ""
        self._has_ended = False  # and that is in the journal
        self._is_over = False  # and nothing else is left to be done
        self._raised: list[tuple[str, str]] | None = None
        self._thread = 0
        self.seen_before: Scope | None = None  # where others saw the thread

    @property
    def task(self) -> TaskState | None:
        """The task while it runs; None if it cannot be recorded."""
        return self._task

    @property
    def failed_task(self) -> TaskState | None:
        """The task, once an exception has ended it."""
        return None if self._raised is None else self._task

    def __enter__(self) -> _Call:
        global unended
        try:
            self._begin()
        except RecursionError as error:  # there is no room left to tell of it
            if self._task is None:
                unended += ((self, error),)
        except BaseException as error:
            try:
                sent = interruption(error, sys._getframe())
            except BaseException as another:
                unended += ((self, another),)
                end_unended()
                raise
            if sent is not None:
                # A timeout that struck while the arguments were drawn ends the task, not the recording of it.
                self.__exit__(None, sent, None)
                try:
                    if sent is error:
                        raise
                    raise sent from cause_of(sent)
                finally:
                    del sent  # as in `let_pass`
            if strict():
                raise
            warn(f"obs cannot record task {self._settings.name!r}: {describe_error(error)}")
        return self

    def returned(self, result: Any) -> None:
        """Take note of the function's result."""
        self._result = result

    @entered_for_certain
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global unended
        task, self._arguments = self._task, ((), {})
        try:
            if task is None:  # where there was no room to begin, there may be none to count that
                self._end_own_run(error)
            elif is_of_this_process(task):
                if error is not None and closes_generator(error):
                    task.note(_LEFT_EARLY)
                self._close(task, None if error is None or ended_well(error) else error)
            else:
                self._leave(task)
                leave_to_parent(task, error)
        except BaseException as failure:
            # No call stands here: there may be no room. That obs had none is not how the task ended.
            unended += ((self, error if error is not None or failure.__class__ is RecursionError else failure),)
            end_unended()
            if failure.__class__ is RecursionError and not strict():
                let_pass(failure)  # nothing else is told: it has ended by now, or does so where there is room
            else:
                keep_away(failure, f"ending task {self._settings.name!r}")
        else:
            if unended:
                end_unended()

    def end_later(self, error: BaseException | None) -> None:
        """Write how the call ended, or that it is missing, as far as that is not done.

        Args:
            error: What it raised, or what kept it from being recorded.
        """
        task = self._task
        if self._is_over:
            return
        if task is None:
            self._end_own_run(error)
            if error.__class__ is RecursionError and not self._has_ended:  # it may wait twice: for its beginning too
                self._has_ended = True
                count_missed(self._outside, f"task {self._settings.name!r}")
        elif not is_of_this_process(task):
            self._leave(task)
        else:
            error = None if ended_well(error) else error
            if not self._has_ended:
                task.body_ends()
                task.failure = None if error is None else in_words(error)
                self._leave(task)
            self._end(task, error)

    def _end_own_run(self, error: BaseException | None) -> None:
        if self._own_run is not None:
            end(self._own_run, error)

    def _close(self, task: TaskState, error: BaseException | None) -> None:
        try:
            self._take_end(task, error)
        except BaseException as failure:
            # A timeout of the task's that came while its result was drawn goes on: the call raises it.
            keep_away(failure, f"finishing task {task.name!r}", task.note)
        self._leave(task)
        self._end(task, error)

    def _take_end(self, task: TaskState, error: BaseException | None) -> None:
        task.body_ends()
        ended = task.ended = clock.wall()
        task.failure = None if error is None else in_words(error)
        logs.end(task)
        inner, calls = (None, []) if error is None else self._came_from(error)
        if inner is not None:
            self._raised = inner._raised
        if task.enable_deck:
            with own_work(task, "finish the decks"):
                if _has_room(task):
                    self._report(task, error, inner, calls)
                if error is None:
                    self._keep(task)
        elif error is None and self._keep(task):
            used = task.spent[1] if task.spent else 0  # the clock of the process costs a system call
            record_own_work(task, "obs: keep the output", ended, task.cpu + used)

    def _leave(self, task: TaskState) -> None:
        if logs.is_kept(task):  # something came before that was over
            logs.end(task)
        task.over, task.older_threads = True, None
        active.discard(task)
        leave(task)
        self._leave_thread(task)

    def _leave_thread(self, task: TaskState) -> None:
        """Let nobody see the thread in a task any more in which that began, whichever thread this is."""
        if entered.get(self._thread) is task:
            before = self.seen_before
            while before is not None and before.over:  # what was interleaved with it has ended meanwhile
                before = before.outside
            show(self._thread, before)

    def _begin(self) -> None:
        if sys.is_finalizing():
            return  # called by a finalizer: what renders and writes is gone already
        settings = self._settings
        outside = going_on(self._outside)
        if outside is not None:
            let_go(outside)
        parent = outside or of_this_thread() or carried()
        if parent is None:
            self._own_run = begin(settings.name, {})
            parent = self._own_run.root
        run = parent.task.run
        task = TaskState(
            run,
            settings.name,
            parent,
            attempt=settings.attempt or attempt_of_environment(),
            enable_deck=settings.enable_deck and environment.decks_enabled(),
            function=settings.qualified_name,
        )
        start = _start_of(settings, task)
        task.outside = outside
        # No signal is handled between these two: what was announced is ended, also by what interrupts its beginning.
        self._task = task
        task.append(start)
        if not run.has_tasks:
            surroundings.follow(run)
        if self._own_run is not None:
            make_visible(run)
        else:
            make_task_visible(run)
        if not is_of_this_process(parent.task):
            self._is_outermost = True
            take_part_with(task)
        threads.remember_older(task, pauses=settings.pauses)
        active.add(task)
        current.set(task)
        if settings.logs is not None:
            task.logs = settings.logs
        logs.begin(task)
        self._thread = threading.get_ident()
        self.seen_before = show(self._thread, task)
        if task.enable_deck and _has_room(task):
            self._prepare_decks(task)
            record_own_work(task, "obs: draw the inputs", task.start, task.cpu)
        if settings.body is None:
            *around, settings.body = layers(settings.function)
            settings.is_decorated |= any(map(is_decorated, [*around, settings.body]))
        task.body, task.in_body = settings.body, not settings.is_decorated
        task.body_begins()

    def _prepare_decks(self, task: TaskState) -> None:
        if not _prepared:
            _prepare()
        from obs_core.decks import default as default_decks
        from obs_core.recording.span_bars import SpanBars

        if "Timeline" in self._settings.deck_fields:
            task.bars = SpanBars(task.journal.epoch)
        if "Input" in self._settings.deck_fields:
            default_decks.show_inputs(task, self._settings.function, *self._arguments)

    def _came_from(self, error: BaseException) -> tuple[_Call | None, list[tuple[str, int, str]]]:
        """Return the call of a task that an exception has passed through before, and the user's calls that led there.

        What was found out about the exception there is not found out again: it may pass through hundreds of tasks.
        """
        calls: list[tuple[str, int, str]] = []
        at = traceback_of(error)
        while at is not None:
            code = at.tb_frame.f_code
            if code.co_filename == wrapping.__file__:
                managed = wrapping.managed_by(at.tb_frame)
                if isinstance(managed, _Call) and managed is not self:
                    return (managed, calls) if managed._raised is not None else (None, calls)
            else:
                calls.append((code.co_filename, at.tb_lineno, code.co_qualname))
            at = at.tb_next
        return None, calls

    def _report(
        self, task: TaskState, error: BaseException | None, inner: _Call | None, calls: list[tuple[str, int, str]]
    ) -> None:
        with guarded(f"making the report of task {task.name!r}", task.note):
            from obs_core.decks import default as default_decks
            from obs_core.recording.publishing import finish

            fields = self._settings.deck_fields
            if error is not None:
                if inner is not None and inner._error_html:
                    self._error_html = inner._error_html
                    default_decks.show_error_of_call(task, calls, inner._error_html)
                else:
                    self._error_html = default_decks.show_error(task, error)
            elif "Output" in fields and self._result is not _NOTHING:
                default_decks.show_output(task, self._settings.function, self._result)
            default_decks.add_details(task, self._settings.function, fields)
            finish(task)

    def _keep(self, task: TaskState) -> bool:
        """Keep what the task returned; whether that was work, as writing a file is."""
        in_file = False
        if self._result is not _NOTHING:
            with guarded(f"keeping the output of task {task.name!r}", task.note):
                if not _prepared:
                    import_undisturbed("obs_core.recording.outputs")
                from obs_core.recording.outputs import keep_output

                in_file = keep_output(task, self._result)
        if task.artifacts:
            from obs_core.recording.artifacts import point_to

            with guarded(f"keeping the artifacts of task {task.name!r}", task.note):
                point_to(task)
        return in_file

    def _end(self, task: TaskState, error: BaseException | None) -> None:
        if not self._has_ended:
            self._say_end(task, error)
        if self._own_run is not None:
            end(self._own_run, error)
        else:
            task.journal.flush()
        if self._is_outermost:
            leave_part(task)
        self._is_over = True

    def _say_end(self, task: TaskState, error: BaseException | None) -> None:
        wall_time, process_time = task.spent or (0, 0)
        if error is not None:
            with guarded(f"noting where task {task.name!r} failed", task.note):
                if self._raised is None:
                    self._raised = raised_at(error)
                where = left_first(task, error)
                others, handled = others_raised(error), came_while_handling(error)
                notes = notes_added(error)
                task.append(records.Raised(_number(task), self._raised, others, where, [], handled, *notes))
        status = "succeeded" if error is None else "failed"
        ended = records.TaskEnd(_number(task), wall_time, process_time, status, task.failure, task.start)
        self._has_ended = True  # no signal is handled between these two
        task.append(ended)
        task.left = None  # a span in it has the task; what is told again is told in full until then
        if task.run.ended_tasks is not None:
            task.run.ended_tasks.append(error is None)


_prepared = False

_NEEDED = (
    "obs_core.decks.default",
    "obs_core.recording.span_bars",
    "obs_core.tasks.context",
    "obs_core.tasks.decorators",
    "obs_core.recording.publishing",
    "obs_core.recording.outputs",
    "obs_core.report.logs",
    "importlib.metadata",
    "hashlib",
    "inspect",
    "json",
)
"""What a task with decks imports that was not needed before the first one."""


def _prepare() -> None:
    """Import what the first task with decks needs; no timeout is lost by that."""
    global _prepared
    import_undisturbed(*_NEEDED)
    _prepared = True


_NOTHING = object()

_DEEP = 20
"""Tasks within tasks from which it is looked whether the stack has room for rendering."""


def _has_room(task: TaskState) -> bool:
    """Tell whether decks can be made without a RecursionError: a task that calls itself for ever fails fast."""
    return task.depth < _DEEP or has_room()


def _number(task: TaskState) -> int:
    assert isinstance(task.number, int), "a task called here is numbered here"
    return task.number


def _start_of(settings: TaskSettings, task: TaskState) -> records.TaskStart:
    parent = task.parent
    assert parent is not None
    return records.TaskStart(
        _number(task),
        task.journal.ref(parent.number) if isinstance(parent.number, int) else parent.number,
        settings.name,
        task.start,
        task.attempt,
        settings.qualified_name,
        task.enable_deck,
    )


def _check_attempt(attempt: Any) -> None:
    if attempt is not None and (not isinstance(attempt, int) or attempt < 1):
        raise ValueError(f"attempt counts from 1, got {attempt!r}")


def _titles(fields: Iterable[DeckField | str] | None) -> frozenset[str]:
    if fields is None:
        return _ALL_DECKS
    given = (str(getattr(field, "value", field)) for field in fields)
    titles = frozenset(_BY_NAME.get(title.lower(), title) for title in given)
    unknown = titles - _ALL_DECKS
    if unknown:
        raise ValueError(f"unknown deck fields {sorted(unknown)}; there are {sorted(_ALL_DECKS)} (see DeckField)")
    return titles


_ALL_DECKS = frozenset(("Input", "Output", "Source Code", "Timeline", "Dependencies"))
"""The values of `DeckField`, which is imported only once a deck is made."""

_BY_NAME = {title.lower(): title for title in _ALL_DECKS}
