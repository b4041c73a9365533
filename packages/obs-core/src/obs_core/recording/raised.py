"""Where an exception was raised, in the user's own code, and what caused it."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal.getsignal` takes 20 times as long: it makes enums
import functools
import itertools
import os
import re
import sys
import threading
from collections.abc import Iterator
from types import MethodType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from obs_core.failsafe import guarded
from obs_core.interruptions import cause_of, context_of, suppresses_context, traceback_of
from obs_core.journal.records import Ref
from obs_core.provenance import code_name
from obs_core.recording.exit_status import ended_well
from obs_core.recording.wrapping import managed_by
from obs_core.text.bounded_repr import describe_error, notes_of
from obs_core.text.failures import CANCELLED, MOST_OTHERS, left_out

if TYPE_CHECKING:
    from obs_core.recording.run import Scope, TaskState

__all__ = [
    "EndedTask",
    "Notes",
    "Told",
    "as_told",
    "came_while_handling",
    "failure_of",
    "in_words",
    "left_first",
    "note_left",
    "notes_added",
    "others_raised",
    "raised_at",
    "refs_of",
    "tasks_ended_by",
    "told",
]

_MOST_FIRST = 5
"""Exceptions of a chain that are told before its last one."""

_MOST_HANDLED = 5
"""Exceptions that obs was handling, one within the other, when another came."""


Passage = tuple[int, frozenset[tuple[int, int]]]
"""An exception's id; and the ids of the frames that it has left, each with the instruction there."""


class EndedTask(NamedTuple):
    """A task that an exception has ended.

    Attributes:
        execution: The id of its execution.
        ref: Its name in any writer's journal of that.
        name: Its own name.
    """

    execution: str
    ref: str
    name: str


class Notes(NamedTuple):
    """The notes of several exceptions, as `records.Raised` has them.

    Attributes:
        lines: Each as one line.
        of: To which of the exceptions each was added: its place among them.
        left_out: How many more there were.
    """

    lines: list[str]
    of: list[int]
    left_out: int


class Told(Exception):
    """An exception as it was told: one of another process, or one that is not to be kept alive.

    Attributes:
        chain: What `raised_at` returned.
        others: What `others_raised` returned.
        notes: What `notes_added` returned.
        passages: Where each of them has passed, if that was in this process.
        tasks: What `tasks_ended_by` returned, likewise.
    """

    chain: list[tuple[str, str]]
    others: list[tuple[str, str]]
    notes: Notes
    passages: list[Passage]
    tasks: list[EndedTask | None]


def told(chain: list[tuple[str, str]]) -> Told | None:
    """Return what stands for another process's exception: it reads as that did, and was raised where that was."""
    if not chain:
        return None
    kind, _, message = chain[0][0].partition(": ")
    error: Told = type(kind, (Told,), {})(message)
    error.chain, error.others, error.notes, error.passages, error.tasks = chain, [], Notes([], [], 0), [], []
    return error


def as_told(error: BaseException) -> Told:
    """Return what stands for an exception that is to be spoken of once nobody keeps it, nor the locals of its calls."""
    chain = raised_at(error)
    stands_for = cast("Told", told(chain))
    stands_for.others, stands_for.passages = others_raised(error), _passages_of(error)
    stands_for.tasks, stands_for.notes = tasks_ended_by(error), notes_added(error)
    return stands_for


def failure_of(error: BaseException | None) -> Told | None:
    """Return what stands for an exception that ends the process, if it is a failure."""
    if error is None or ended_well(error):
        return None
    with guarded("noting what ends this process"):
        return as_told(error)
    return told([(type(error).__name__, "")])


def raised_at(error: BaseException) -> list[tuple[str, str]]:
    """Return an exception and what caused it: each as one line, and where the user's code raised it.

    Of a long chain these are the first and the last, which caused them all; a line between says how many are left out.
    A group of exceptions, as `asyncio.TaskGroup` raises it, was caused by the first of them.
    """
    if (stands_for := _told_of(error)) is not None:
        return stands_for.chain
    chain = _chain_of(error)
    return [
        (left_out(one.count) if type(one) is _LeftOut else in_words(one, became), _place(one))
        for one, became in zip(chain, [None, *chain], strict=False)
    ]


def in_words(error: BaseException, became: BaseException | None = None) -> str:
    """Describe an exception as `describe_error` does, and say of one that cancelled a coroutine whether Ctrl-C did.

    Args:
        error: The exception.
        became: What it was raised again as, if it was.
    """
    text = describe_error(error)
    if text != CANCELLED:
        return text  # who cancels it with a message says why
    is_interrupt = issubclass(type(became), KeyboardInterrupt) or _is_interrupted()
    return f"{text}: interrupted by Ctrl-C (SIGINT)" if is_interrupt else text


def _is_interrupted() -> bool:
    """Tell whether `asyncio.run` has cancelled its coroutine since SIGINT came: it raises `KeyboardInterrupt` later.

    Its handler of SIGINT, which stands until then, is a method of its `asyncio.Runner`, and given the coroutine's task.
    """
    handler: Any = _signal.getsignal(_signal.SIGINT)
    runners = sys.modules.get("asyncio.runners")
    if type(handler) is not functools.partial or type(handler.func) is not MethodType or runners is None:
        return False
    runner, task = handler.func.__self__, handler.keywords.get("main_task")
    if not isinstance(runner, runners.Runner) or threading.current_thread() is not threading.main_thread():
        return False
    was_told = getattr(runner, "_interrupt_count", 0) > 0
    return was_told and getattr(task, "cancelling", int)() > 0  # one that has gone on said so by `uncancel`


def came_while_handling(error: BaseException) -> bool:
    """Tell whether the last of `raised_at` was only being handled when the one before came: no ``raise from`` names it.

    Args:
        error: The exception.
    """
    before_last = _whole_chain_of(error)[-2:-1]
    return any(not issubclass(type(one), BaseExceptionGroup) and cause_of(one) is None for one in before_last)


def others_raised(error: BaseException) -> list[tuple[str, str]]:
    """Return the exceptions of a group that `raised_at` does not tell, at most four; none of any other exception."""
    if (stands_for := _told_of(error)) is not None:
        return stands_for.others
    return [(in_words(one), _place(one)) for one in _others_of(error)]


def notes_added(error: BaseException) -> Notes:
    """Return the notes of all exceptions that `raised_at` and `others_raised` tell of, each once.

    Who splits a group of exceptions, or raises an exception again as another one, may give it the notes of the former.
    """
    if (stands_for := _told_of(error)) is not None:
        return stands_for.notes
    of: dict[str, int] = {}
    left_out = 0
    for place, one in enumerate(_all_told_of(error)):
        lines, more = notes_of(one)
        new = [line for line in lines if line not in of]
        of.update(dict.fromkeys(new, place))
        left_out += more if new else 0
    return Notes(list(of), list(of.values()), left_out)


def tasks_ended_by(error: BaseException) -> list[EndedTask | None]:
    """Return the innermost tasks that exceptions have ended: those of `raised_at`, then those of `others_raised`.

    Their tracebacks tell: they lead through the calls of these tasks. So no other exception is taken for one of them,
    though it reads the same.

    Args:
        error: What ends an execution.

    Returns:
        None for one that ended no task.
    """
    if (stands_for := _told_of(error)) is not None:
        return stands_for.tasks
    return [_task_ended_by(one) for one in _all_told_of(error)]


def _task_ended_by(error: BaseException) -> EndedTask | None:
    found, at = None, traceback_of(error)
    while at is not None:
        found = getattr(managed_by(at.tb_frame), "failed_task", None) or found
        at = at.tb_next
    return None if found is None else EndedTask(found.run.id, found.global_ref(), found.name)


def refs_of(tasks: list[EndedTask | None], execution: str) -> list[Ref | None]:
    """Return how a record names the tasks of an execution that exceptions have ended; nothing if all were of others.

    Args:
        tasks: What `tasks_ended_by` returned.
        execution: The id of the execution.
    """
    found: list[Ref | None] = [one.ref if one is not None and one.execution == execution else None for one in tasks]
    return found if any(found) else []


Left = tuple[int, int, int, "Scope"]
"""How an exception left a span: the id of the frame with the ``with`` block, the instruction there; when the span
began, and the span.

Kept by the exception's id: nothing of this keeps it or its frames alive. One that is made later may have the id of one
that was handled, and so may its frames; but it is not at the same instruction in such a frame, unless it left the same
block.
"""

_MOST_LEFT = 16
"""Exceptions that are known to have left a span of a task."""


def note_left(of: Scope, start: int, error: BaseException, traceback: TracebackType) -> None:
    """Note in the task of a span that an exception leaves that, unless it has left another one before.

    Args:
        of: The span.
        start: When it began.
        error: The exception.
        traceback: From the frame with the ``with`` block on.
    """
    task = of.task
    which, frame, instruction = id(error), id(traceback.tb_frame), traceback.tb_lasti
    left: dict[int, Left] | None = getattr(task, "left", None)
    if left is None:
        left = task.left = {}
    before = left.get(which)
    if before is not None:
        is_same_block = before[0] == frame and before[1] == instruction
        # If the same block was entered again, what left it before was another exception, and was handled.
        if before[2] >= start if is_same_block else _has_passed(before, traceback.tb_next):
            return
    elif len(left) >= _MOST_LEFT:
        oldest, *_ = list(left)  # one step, whatever other threads note meanwhile
        left.pop(oldest, None)
    left[which] = frame, instruction, start, of


def _has_passed(left: Left, traceback: TracebackType | None) -> bool:
    """Tell whether a traceback goes through the block that was left."""
    while traceback is not None:
        if id(traceback.tb_frame) == left[0] and traceback.tb_lasti == left[1]:
            return True
        traceback = traceback.tb_next
    return False


def left_first(task: TaskState, error: BaseException) -> list[Ref | None]:
    """Return the innermost spans of a task that exceptions left: those of `raised_at`, then those of `others_raised`.

    Args:
        task: The task.
        error: What ends it.

    Returns:
        None for one that was raised outside any; nothing if all were.
    """
    left: dict[int, Left] | None = getattr(task, "left", None)
    if not left:
        return []
    found: list[Ref | None] = []
    for which, places in _passages_of(error):
        known = left.get(which)
        number = known[3].number if known is not None and known[:2] in places else None
        found.append(task.journal.ref(number) if isinstance(number, int) else number)
    return found if any(found) else []


def _passages_of(error: BaseException) -> list[Passage]:
    if (stands_for := _told_of(error)) is not None:
        return stands_for.passages
    return [(id(one), frozenset(_places_left(one))) for one in _all_told_of(error)]


def _places_left(error: BaseException) -> Iterator[tuple[int, int]]:
    at = traceback_of(error)
    while at is not None:
        yield id(at.tb_frame), at.tb_lasti
        at = at.tb_next


class _LeftOut(Exception):
    """Stands for those of a chain that are not told."""

    def __init__(self, count: int) -> None:
        self.count = count


def _told_of(error: BaseException) -> Told | None:
    """Return an exception as what stands for another one, if it does: `isinstance` would ask the user's `__class__`."""
    return cast("Told", error) if issubclass(type(error), Told) else None


def _all_told_of(error: BaseException) -> list[BaseException]:
    """Return the exceptions of `raised_at`, then those of `others_raised`."""
    return [*_chain_of(error), *_others_of(error)]


def _chain_of(error: BaseException) -> list[BaseException]:
    """Return an exception and what caused it: the first ones and the last, and how many were left out between."""
    chain = _whole_chain_of(error)
    between = len(chain) - 1 - _MOST_FIRST
    return chain if between <= 0 else [*chain[:_MOST_FIRST], _LeftOut(between), chain[-1]]


def _whole_chain_of(error: BaseException) -> list[BaseException]:
    """Return an exception and what caused it, each once: one may be a cause of its own cause."""
    chain: list[BaseException] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        chain.append(following)
        following = _cause_of(following)
    return chain


def _others_of(error: BaseException) -> Iterator[BaseException]:
    if issubclass(type(error), BaseExceptionGroup):
        yield from itertools.islice(_leaves(error), 1, 1 + MOST_OTHERS)


def _cause_of(error: BaseException) -> BaseException | None:
    if issubclass(type(error), BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    cause = cause_of(error)
    if cause is not None and _is_of_other_process(cause):
        return None
    return _context_of(error) if cause is None else cause


def _context_of(error: BaseException) -> BaseException | None:
    """Return what was being handled when an exception came, but for what obs handled itself: an interrupt came then."""
    for _ in range(_MOST_HANDLED):
        found = None if suppresses_context(error) else context_of(error)
        if found is None or not _is_of_obs(found):
            return found
        error = found
    return None


def _is_of_obs(error: BaseException) -> bool:
    """Tell whether an exception has left no frame but obs's own."""
    at = first = traceback_of(error)
    while at is not None and at.tb_frame.f_code.co_filename.startswith(_OBS):
        at = at.tb_next
    return first is not None and at is None


def _leaves(group: BaseException) -> Iterator[BaseException]:
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop()
        if issubclass(type(error), BaseExceptionGroup):
            waiting.extend(reversed(cast("BaseExceptionGroup[BaseException]", error).exceptions))
        else:
            yield error


def _place(error: BaseException) -> str:
    """Return ``"file:line"`` of the innermost frame outside installed packages; of the innermost, if none is.

    A notebook's cell is ``In[7]``.

    Empty if all are obs's own: a decorator refused the call, and the line that does so is nobody's concern.
    """
    innermost, own, at = "", "", traceback_of(error)
    while at is not None:
        place = f"{code_name(at.tb_frame.f_code.co_filename)}:{at.tb_lineno}"
        innermost = innermost if place.startswith(_OBS) else place
        own = own if _is_installed(place) else place
        at = at.tb_next
    return _place_in_other_process(error) or own or innermost


def _is_of_other_process(cause: BaseException) -> bool:
    """Tell whether it is no exception, but the text of a traceback: a pool brings it along from the worker.

    `multiprocessing`, `concurrent.futures` and what was made of them (loky, pathos, billiard) each have such a class.
    """
    return type(cause).__name__ in ("RemoteTraceback", "_RemoteTraceback")


def _place_in_other_process(error: BaseException) -> str:
    """Return where the user's code raised what came from another process; empty if none did, or that is not known.

    Its own traceback begins where the copy arrived.
    """
    cause = cause_of(error)
    if cause is None or not _is_of_other_process(cause):
        return ""
    text = getattr(cause, "tb", None)
    last = text[-_LONGEST_READ:].rpartition("Traceback (most recent call last):")[2] if isinstance(text, str) else ""
    places = [f"{code_name(file)}:{line}" for file, line in _FRAME.findall(last)]
    return next((place for place in reversed(places) if not _is_installed(place)), "")


_LONGEST_READ = 100_000
"""Characters at the end of another process's traceback that are looked at."""

_FRAME = re.compile(r'^  File "(.+)", line (\d+), in ', re.MULTILINE)


def _is_installed(file: str) -> bool:
    return "site-packages" in file or file.startswith(("<", _STANDARD_LIBRARY, _OBS))


_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_OBS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
