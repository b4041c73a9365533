"""Tell what somebody's code raised while obs drew a value from what ended the task while obs happened to draw.

A renderer, a `repr` or a library may raise anything while a value is drawn, also what is no `Exception` (a Rust
library's panic, ``sys.exit()`` in a `repr`): that is a note in the report, never the task's end. But RQ's, Celery's
soft and pytest's timeouts, or a SIGTERM handler's ``sys.exit()``, are exceptions too, raised wherever the main thread
happens to be, and they are the task's. The rule, for an exception and those that it came from:

- `KeyboardInterrupt` is the task's. `Overdue` is obs's own, and goes on to whoever set the limit.
- What was raised where nothing raises is the task's: on entering a function, or at the turn of a loop. There Python
  looks for signals and for what another thread sent (`PyThreadState_SetAsyncExc`): a call that begins there is a
  handler's.
- What was raised within the call of a signal handler is the task's: of a function that handles a signal now; or of one
  that was given a signal's number and its caller's frame next to each other, as Python calls handlers, if that signal
  has another handler by now, or the code names `signal`, as code that puts a handler back does.
- What was raised within the call of a function that traces or profiles (`sys.settrace`) is the task's: threads are
  killed so. It is known by its arguments too: the caller's frame, and what happened there.
- What was thrown into a greenlet of gevent's or eventlet's is the task's: it arrives where the greenlet has switched to
  the others, and nothing else does but the errors of what it waits for, which say what happened (a socket's timeout),
  and a timeout that the value has set itself, which is over by then.
- What another thread sent may also arrive when a call is over, where the error of a call into C would look the same.
  It is the task's if somebody has looked up `PyThreadState_SetAsyncExc` by `ctypes` in this process, and the exception
  is as Python makes one from a class alone: without a message but one that the class gives by itself, and of
  no class that C code raises so.

Anything else is of the code that was called. The limits: where a handler is set, a value that calls it by itself ends
the task if that raises; where exceptions are sent, so does C code that raises a class written in Python without a
message; and so does a greenlet's timeout that a value set itself, if it raises another class than the library's. And
what was sent is taken for the value's own error if the handler forgot its arguments and is not set any more, if it let
a function that is over by then put the signal's action back, or if it arrived when a call was over and a thread sent it
by what `ctypes` has made and forgotten, or without `ctypes`.

A timeout may be of any class, often the builtin `TimeoutError`, which is an `OSError`: wherever obs itself expects an
error (a file that is not there, a full disk), it asks too. `let_pass` comes first in such an ``except``, and
`ignoring` stands for `contextlib.suppress`.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal.getsignal` takes 20 times as long: it makes enums
import contextlib
import functools
import gc
import itertools
import opcode
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType, TracebackType
from typing import Any

__all__ = [
    "Overdue",
    "cause_of",
    "context_of",
    "ignoring",
    "interruption",
    "let_pass",
    "signal_handlers",
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
_members: Callable[[Any], tuple[BaseException, ...]] = vars(BaseExceptionGroup)["exceptions"].__get__
_module_of: Callable[[type], Any] = vars(type)["__module__"].__get__
_names_in: Callable[[Any], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__

_OBS = __file__.removesuffix("interruptions.py")
_MOST_LINKED = 20
_OF_A_FUNCTION = 0x01  # inspect.CO_OPTIMIZED
_TAKES_MORE = 0x04  # inspect.CO_VARARGS
_RESUMES = 0x03
"""What of the argument of RESUME says that it is after a `yield` or an `await`."""
_SIGNALS = range(1, _signal.NSIG)
_AFTER_YIELD = 1
_LETS_IN = ("CALL", "PRECALL", "POP_JUMP_BACKWARD", "COMPARE_OP")
"""Instructions after which what was sent may arrive; on Python 3.11 a comparison may turn a loop by itself."""
_SEND = "PyThreadState_SetAsyncExc"
_THROW = frozenset({"throw", "athrow"})
_TRACED = frozenset({"call", "line", "return", "exception", "opcode", "c_call", "c_return", "c_exception"})
_ASK_FOR_A_FRAME = frozenset({"_getframe", "currentframe"})
_WORDLESS = frozenset({StopIteration, StopAsyncIteration, GeneratorExit, MemoryError})
"""What C code raises without a word; besides `SystemExit`, for `sys.exit`."""


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
        try:
            raise found
        finally:
            del found, error  # its traceback keeps this frame: a circle would keep all that the calls within it name


class ignoring:
    """Go on after errors of some classes, as `contextlib.suppress` does, but not after what ended the task meanwhile.

    Args:
        kinds: The classes of errors that the block may raise.

    Examples:
        >>> import os
        >>> with ignoring(OSError):
        ...     os.unlink("scratch.bin")
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
        found = interruption(error, sys._getframe(1))
        if found is None or found is error:
            return found is None
        try:
            raise found
        finally:
            del found, error  # as in `let_pass`


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
        within.update(calls[0].tb_frame for calls in map(_calls, _members_of(each)) if calls)
        if issubclass(type(each), Overdue):
            late = each  # unless a timeout of the task's is behind it, that goes on
        elif _is_sent(each, calls):
            return each
    return late


def _linked(error: BaseException) -> Iterator[BaseException]:
    """Give an error, those that it is a group of, and those that it came from, the nearest first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < _MOST_LINKED:
        each = waiting.pop(0)
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [*_members_of(each), cause_of(each), context_of(each)]


def _members_of(error: BaseException) -> tuple[BaseException, ...]:
    return _members(error) if issubclass(type(error), BaseExceptionGroup) else ()


def _is_sent(error: BaseException, calls: list[TracebackType]) -> bool:
    if issubclass(type(error), KeyboardInterrupt):
        return True
    if not calls:
        return False
    frames = [call.tb_frame for call in calls]
    return (
        any(map(_called_nothing, calls))
        or _is_of_a_handler(frames)
        or any(map(_is_call_of_a_tracer, frames))
        or _was_thrown_into_a_greenlet(error, frames)
        or _was_sent_by_a_thread(error, calls)
    )


def _calls(error: BaseException) -> list[TracebackType]:
    calls = []
    call = traceback_of(error)
    while call is not None:
        calls.append(call)
        call = call.tb_next
    return calls


# ---- signal handlers ---------------------------------------------------------------------------------------------


def _is_of_a_handler(frames: list[FrameType]) -> bool:
    """Tell whether one of these calls, of which each made the next one, is that of a signal handler."""
    handlers = {number: handler for number, handler in signal_handlers() if not _is_there_anyway(handler)}
    for handler in handlers.values():
        function, first = _function_of(handler)
        if type(function) is FunctionType and any(_is_call_of(frame, function, first) for frame in frames):
            return True
    may_put_back = False
    for frame in reversed(frames):
        may_put_back = may_put_back or "signal" in frame.f_code.co_names
        if (may_put_back or handlers) and not _is_of_obs(frame):
            number = _signal_given_to(frame)
            if number in handlers or (number and may_put_back):
                return True
    return False


def signal_handlers() -> Iterator[tuple[int, Any]]:
    """Give the number of each signal that Python handles, and by what."""
    for number, handler in enumerate(map(_signal.getsignal, _SIGNALS), _SIGNALS.start):
        if callable(handler):
            yield number, handler


def _is_there_anyway(handler: Any) -> bool:
    """Tell whether a handler is Python's or obs's own: they raise `KeyboardInterrupt` and `Overdue` only."""
    return handler is _signal.default_int_handler or (
        type(handler) is FunctionType and handler.__closure__ is None and handler.__code__.co_filename.startswith(_OBS)
    )


def _function_of(handler: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return what runs when a handler is called, and what it is given before the signal's number."""
    while issubclass(type(handler), functools.partial):
        handler = handler.func
    if type(handler) is FunctionType:
        return handler, ()
    if type(handler) is MethodType:
        return handler.__func__, (handler.__self__,)
    return type(handler).__call__ if callable(handler) else None, (handler,)


def _is_call_of(frame: FrameType, function: FunctionType, first: tuple[Any, ...]) -> bool:
    """Tell whether a frame is the call of a function, with these arguments before the others.

    The methods of all objects of a class share one code, and so does all that a decorator was put on.
    """
    code = function.__code__
    if frame.f_code is not code:
        return False
    known = dict(zip(code.co_varnames, first, strict=False))
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # it has no value yet
            known[name] = cell.cell_contents
    has = frame.f_locals
    return all(has.get(name, value) is value for name, value in known.items())


def _signal_given_to(frame: FrameType) -> int:
    """Return the number that a call was given next to its caller's frame, as Python calls handlers; 0 for none."""
    for number, interrupted in itertools.pairwise(_given_with_its_caller(frame, 2)):
        if interrupted is frame.f_back and issubclass(type(number), int):
            found = int.__index__(number)
            if found in _SIGNALS:
                return found
    return 0


def _is_call_of_a_tracer(frame: FrameType) -> bool:
    """Tell whether a call was given its caller's frame and what happened there, as Python calls what traces."""
    return not _is_of_obs(frame) and any(
        traced is frame.f_back and type(event) is str and event in _TRACED
        for traced, event in itertools.pairwise(_given_with_its_caller(frame, 3))
    )


def _given_with_its_caller(frame: FrameType, least: int) -> list[Any]:
    """Return what a call was given; nothing if it takes less, or if its caller may have given its own frame."""
    code, caller = frame.f_code, frame.f_back
    takes_more = code.co_flags & _TAKES_MORE
    if caller is None or (code.co_argcount < least and not takes_more) or _may_give_its_frame(caller):
        return []
    # Before Python 3.13, a frame keeps the locals that are asked for: a circle with the error that one of ours caught.
    has = frame.f_locals
    given: list[Any] = [has.get(name) for name in code.co_varnames[: code.co_argcount]]
    more = has.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount]) if takes_more else ()
    return given + list(more if type(more) is tuple else ())


def _may_give_its_frame(caller: FrameType) -> bool:
    """Tell whether code asks for its own frame, and may have called something with it; obs gives its own to nobody."""
    return not _ASK_FOR_A_FRAME.isdisjoint(caller.f_code.co_names) and not _is_of_obs(caller)


def _is_of_obs(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OBS)


# ---- greenlets ---------------------------------------------------------------------------------------------------


def _was_thrown_into_a_greenlet(error: BaseException, frames: list[FrameType]) -> bool:
    """Tell whether an exception arrived while a greenlet let others run, and is not of what it waited for."""
    switches = list(itertools.dropwhile(lambda frame: not _switches(frame), frames))
    if not switches or not all(map(_switches, switches)):  # another greenlet's error, which that one got handed on
        return False
    kind = type(error)
    if _is_class_of(kind, "greenlet", "GreenletExit"):
        return True
    if _is_class_of(kind, "gevent.timeout", "Timeout") or _is_class_of(kind, "eventlet.timeout", "Timeout"):
        return not _is_over(error)
    if issubclass(kind, OSError) and _args_of(error):
        return False
    return str(_module_of(kind)).partition(".")[0] not in ("queue", "_queue", *_OF_GREENLETS)


_OF_GREENLETS = ("gevent", "eventlet")


def _switches(frame: FrameType) -> bool:
    """Tell whether a call is where gevent or eventlet lets other greenlets run; gevent's are of Cython mostly."""
    module = frame.f_globals.get("__name__")
    return (
        type(module) is str
        and module.partition(".")[0] in _OF_GREENLETS
        and frame.f_code.co_name.rpartition(".")[2] in ("switch", "_greenlet_switch")
    )


def _is_class_of(kind: type, module: str, name: str) -> bool:
    known = _variables_of(sys.modules.get(module)).get(name)
    return isinstance(known, type) and issubclass(kind, known)


def _is_over(timeout: Any) -> bool:
    """Tell whether a timeout's ``with`` was left: that puts its timer aside."""
    timer = vars(timeout).get("timer")
    return timer is None or type(timer).__name__ == "_FakeTimer"


# ---- places where nothing raises, and what another thread sends --------------------------------------------------


def _operation(call: TracebackType) -> tuple[str, int]:
    """Return the instruction that a call is at, and its argument; no name where that means nothing."""
    code = call.tb_frame.f_code
    if call.tb_lasti < 0 or not code.co_flags & _OF_A_FUNCTION:
        return "", 0  # compiled code (Cython's) puts frames into tracebacks whose instructions mean nothing
    name, argument = code.co_code[call.tb_lasti : call.tb_lasti + 2]
    return opcode.opname[name], argument


def _called_nothing(call: TracebackType) -> bool:
    """Tell whether a call is where nothing is called: on entering a function, at the turn of a loop."""
    name, argument = _operation(call)
    # A generator goes on by RESUME too, with another argument; so does one into which an error is thrown. An error that
    # is thrown into what it awaits is at a JUMP_BACKWARD_NO_INTERRUPT on Python 3.11.
    return name == "JUMP_BACKWARD" or (name == "RESUME" and not argument & _RESUMES)


def _was_sent_by_a_thread(error: BaseException, calls: list[TracebackType]) -> bool:
    """Tell whether an exception may have been sent by another thread, and arrived after a call or a `yield`."""
    name, argument = _operation(calls[-1])
    if name == "RESUME":
        if argument & _RESUMES != _AFTER_YIELD or any(map(_may_throw, calls)):
            return False
    elif not name.startswith(_LETS_IN):
        return False
    return _is_as_sent(error, calls[-1].tb_frame.f_code) and _some_thread_sends()


def _may_throw(call: TracebackType) -> bool:
    return not _THROW.isdisjoint(call.tb_frame.f_code.co_names)


def _some_thread_sends() -> bool:
    """Tell whether somebody has looked up how to send exceptions, and `ctypes` or he has kept it.

    Who sent one may be gone by now: a `threading.Timer` ends right after that.
    """
    api = _variables_of(sys.modules.get("ctypes")).get("pythonapi")
    if _SEND in getattr(api, "__dict__", ()):
        return True
    # `ctypes` keeps what it looked up by attribute, but not by item, nor what a library of its own is asked for.
    kind = _variables_of(sys.modules.get("_ctypes")).get("CFuncPtr")
    kinds: list[type] = kind.__subclasses__() if isinstance(kind, type) else []
    return any(
        type(found) in kinds and getattr(found, "__dict__", {}).get("__name__") == _SEND
        for found in gc.get_referrers(*kinds)
    )


def _is_as_sent(error: BaseException, code: CodeType) -> bool:
    """Tell whether an exception is as one that Python made from a class alone, and not as C code raises them."""
    kind = type(error)
    if kind in _WORDLESS or (kind is SystemExit and "exit" in code.co_names):
        return False
    module = _module_of(kind)
    # C code raises classes of its own, or says what happened. The event loop raises its own class.
    if type(module) is not str or module == "asyncio.exceptions":
        return False
    if module not in ("builtins", "__main__") and not _is_of_python(sys.modules.get(module)):
        return False
    return not _args_of(error) or _gives_itself_words(kind)


def _gives_itself_words(kind: type[BaseException]) -> bool:
    """Tell whether a class that is called without arguments may make an exception that has some, as RQ's timeouts."""
    make = type.__getattribute__(kind, "__init__")
    if type(make) is not FunctionType:
        return False
    needed = make.__code__.co_argcount - len(make.__defaults__ or ())
    return needed <= 1 and make.__code__.co_kwonlyargcount <= len(make.__kwdefaults__ or ())


def _is_of_python(module: object) -> bool:
    file = _variables_of(module).get("__file__")
    return type(file) is str and file.endswith(".py")


def _variables_of(module: object) -> dict[str, Any]:
    return _names_in(module) if issubclass(type(module), ModuleType) else {}
