"""Tell what somebody's code raised while obs drew a value from what ended the task while obs happened to draw.

A renderer, a `repr` or a library may raise anything while a value is drawn, also what is no `Exception` (a Rust
library's panic, ``sys.exit()`` in a `repr`): that is a note in the report, never the task's end. But RQ's, Celery's
soft and pytest's timeouts, or a SIGTERM handler's ``sys.exit()``, are exceptions too, raised wherever the main thread
happens to be, and they are the task's. The rule, for an exception and those that it came from:

- `KeyboardInterrupt` is the task's. `Overdue` is obs's own, and goes on to whoever set the limit.
- What was raised within the call of a signal handler is the task's. Python calls a handler with a number and the
  frame that it interrupted: the traceback holds a call that was given its own caller's frame.
- What was raised where nothing raises is the task's: on entering a function, at the turn of a loop, or, without a
  message and of a class written in Python, where no ``raise`` stands. So arrive the exceptions that another thread
  sends (`PyThreadState_SetAsyncExc`).

Anything else is of the code that was called.

A timeout may be of any class, often the builtin `TimeoutError`, which is an `OSError`: wherever obs itself expects an
error (a file that is not there, a full disk), it asks too. `let_pass` comes first in such an ``except``, and
`ignoring` stands for `contextlib.suppress`.
"""

from __future__ import annotations

import opcode
import sys
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType, TracebackType
from typing import Any, cast

__all__ = [
    "Overdue",
    "cause_of",
    "context_of",
    "ignoring",
    "interruption",
    "let_pass",
    "suppresses_context",
    "traceback_of",
]

# A class of exceptions may answer to any name with whatever it likes, or raise: these ask `BaseException`. For the same
# reason the class of an error is asked below and not `isinstance`, which looks for its `__class__`.
traceback_of: Callable[[BaseException], TracebackType | None] = vars(BaseException)["__traceback__"].__get__
cause_of: Callable[[BaseException], BaseException | None] = vars(BaseException)["__cause__"].__get__
context_of: Callable[[BaseException], BaseException | None] = vars(BaseException)["__context__"].__get__
suppresses_context: Callable[[BaseException], bool] = vars(BaseException)["__suppress_context__"].__get__
_args_of: Callable[[BaseException], tuple[Any, ...]] = vars(BaseException)["args"].__get__
_module_of: Callable[[type], Any] = vars(type)["__module__"].__get__
_names_in: Callable[[ModuleType], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__

_MOST_LINKED = 20
_OF_A_FUNCTION = 0x01  # inspect.CO_OPTIMIZED


class Overdue(BaseException):
    """What obs itself raises in code that draws a value for too long; `obs_core.limits` does, and catches it."""


def let_pass(error: BaseException) -> None:
    """Raise what ended the task while obs called somebody's code; call it first in an ``except BaseException``.

    Args:
        error: What was caught.

    Raises:
        BaseException: It, or the one that it came from, when that was not raised by the code that was called.

    Examples:
        >>> def text_of(value: object) -> str:
        ...     try:
        ...         return str(value)
        ...     except BaseException as error:
        ...         let_pass(error)
        ...         return f"a {type(value).__name__} that cannot be printed"
    """
    found = interruption(error, sys._getframe(1))
    if found is not None:
        raise found


class ignoring:
    """Go on after errors of some classes, as `contextlib.suppress` does, but not after what ended the task meanwhile.

    Args:
        kinds: The classes of errors that the block may raise.

    Examples:
        >>> with ignoring(OSError):
        ...     os.unlink(scratch)
    """

    __slots__ = ("_kinds",)

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is None or not issubclass(type(error), self._kinds):
            return False
        return interruption(error, sys._getframe(1)) is not error


def interruption(error: BaseException, inside: FrameType) -> BaseException | None:
    """Find the exception that was not raised by the code that was called, among an error and those that it came from.

    Args:
        error: What was caught.
        inside: The frame that made the call; what was raised before it was, is no business of this one.

    Returns:
        The exception that is to go on; None when the called code raised them all, and where the calls are so deep that
        there is no room to look closer.
    """
    if sys.is_finalizing():
        return None  # no task is left to be ended
    try:
        return _sent_among(error, inside)
    except RecursionError:
        return None


def _sent_among(error: BaseException, inside: FrameType) -> BaseException | None:
    calls = _calls(error)
    begun = next((place for place, call in enumerate(calls) if call.tb_frame is inside), -1)
    within = {call.tb_frame for call in calls[begun + 1 :]}
    late: BaseException | None = None
    for each in _linked(error):
        calls = _calls(each)
        if each is not error:
            # Caught in a call that this one went through; or else before, by somebody who is handling it.
            if not calls or calls[0].tb_frame not in within:
                continue
            within.update(call.tb_frame for call in calls)
        if issubclass(type(each), Overdue):
            late = each  # unless a timeout of the task's is behind it, that goes on
        elif _is_sent(each, calls):
            return each
    return late


def _linked(error: BaseException) -> Iterator[BaseException]:
    """Give an error and those that it came from, the nearest first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < _MOST_LINKED:
        each = waiting.pop(0)
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [cause_of(each), context_of(each)]


def _is_sent(error: BaseException, calls: list[TracebackType]) -> bool:
    if issubclass(type(error), KeyboardInterrupt):
        return True
    return any(_is_handler(call.tb_frame) for call in calls) or (bool(calls) and _appeared(error, calls[-1]))


def _calls(error: BaseException) -> list[TracebackType]:
    calls = []
    call = traceback_of(error)
    while call is not None:
        calls.append(call)
        call = call.tb_next
    return calls


def _is_handler(frame: FrameType) -> bool:
    """Tell whether a call was given its caller's frame, as signal handlers are."""
    caller = frame.f_back
    # Before Python 3.13, a frame keeps the locals that are asked for: a circle with the error that one of ours caught.
    if caller is None or frame.f_code.co_filename.startswith(_OBS):
        return False
    given = frame.f_locals
    names = frame.f_code.co_varnames[: _parameters(frame)]
    for name in names:
        value = given.get(name)
        if value is caller or (type(value) is tuple and any(each is caller for each in value)):
            return True
    return False


_OBS = __file__.removesuffix("interruptions.py")


def _parameters(frame: FrameType) -> int:
    code = frame.f_code
    return code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)


def _appeared(error: BaseException, last: TracebackType) -> bool:
    """Tell whether nothing at the innermost place could have raised this."""
    code = last.tb_frame.f_code
    if last.tb_lasti < 0 or not code.co_flags & _OF_A_FUNCTION:
        return False  # compiled code (Cython's) puts frames into tracebacks whose instructions mean nothing
    operation = opcode.opname[code.co_code[last.tb_lasti]]
    if operation == "RESUME" or operation.startswith("JUMP_BACKWARD"):
        return True
    kind = type(error)
    if operation == "RAISE_VARARGS" or _args_of(error) or issubclass(kind, SystemExit):
        return False
    # C code raises classes of its own, or says what happened: one written in Python without a word was sent, and so
    # was an error of the system that does not say which.
    if issubclass(kind, OSError):
        return True
    name = _module_of(kind)
    return type(name) is str and (name == "__main__" or _is_of_python(sys.modules.get(name)))


def _is_of_python(module: object) -> bool:
    if not issubclass(type(module), ModuleType):
        return False
    file = _names_in(cast("ModuleType", module)).get("__file__")
    return type(file) is str and file.endswith(".py")
