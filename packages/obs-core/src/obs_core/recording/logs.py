"""Keep what tasks log and print, with the task and the span in which it was said.

Nothing is put in anybody's place. While a task or an execution runs in this process

- ``logging.Logger.callHandlers``, through which each record of each logger goes, tells us the record first. A handler
  of ours would change the user's program: `logging.basicConfig` does nothing where the root logger has one, and a
  warning without any handler would no longer be printed.
- a tap (`obs_core.recording.taps`) of ``sys.stdout`` and ``sys.stderr`` tells us the text. The streams stay the objects
  that they are, with their terminal, encoding and buffer.

So the program's output takes the way that it always took: nothing that happens to obs, and no kill, can hold it up.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from obs_core import settings
from obs_core.failsafe import strict
from obs_core.interruptions import let_pass
from obs_core.journal import abrupt_ends
from obs_core.journal.log_lines import LONGEST_LINE, encoded_rest
from obs_core.journal.log_writer import LogWriter
from obs_core.locks import new_rlock
from obs_core.recording.run import ALL, LOGGING, NOTHING, STREAMS, Scope, TaskState
from obs_core.recording.scope import current, going_on
from obs_core.recording.taps import Listener, is_tapped, leave, listen, writer_of
from obs_core.recording.threads import UNKNOWN, concluded_starter, starter_of_this_thread
from obs_core.text.bounded_repr import as_text
from obs_core.text.masking import mask, masked_text
from obs_core.text.plain_values import plain
from obs_core.text.redrawn import RedrawnRows, redraws

__all__ = [
    "begin",
    "belong_to",
    "end",
    "is_kept",
    "mode_of",
    "write_unfinished",
    "write_what_waits",
]

_MODES = {
    "0": NOTHING, "false": NOTHING, "no": NOTHING, "off": NOTHING, "logging": LOGGING,
    "": STREAMS, "streams": STREAMS, "1": STREAMS, "true": STREAMS, "all": ALL,
}  # fmt: skip

ERRORS = "errors logged"
"""What is checked of each task without being asked for: its first line of an error's level is a warning."""

_ERROR = 40
_LONGEST_FINDING = 200

_LONGEST_WAITING = 64 * 1024
"""Characters without a line break up to which they wait for one."""

_LONGEST_SECRET = 4 * 1024
"""Characters of those that wait on: the beginning of a secret may be among them, of which the rest is still to come."""

_MOST_WARNINGS = 10_000
"""Different warnings that are remembered so that each is kept once."""

_MOST_NAMES = 10_000
"""Spans whose names are remembered for the reports that this process writes itself."""

_within: dict[int, TaskState] = {}
"""The tasks and executions that this process is inside of, as far as their lines are kept."""

_elsewhere: TaskState | None = None
"""What this whole process is a part of, since another one said so in its environment."""

_tapped: dict[str, Any] = {}
"""The streams that are listened to, by the names that they have."""

_heard: dict[str, Any] = {}
"""The same, each once: under the name that it had first."""

_stood: dict[str, tuple[Any, Listener]] = {}
"""The streams that had a name before others took it, in a task or an execution that goes on: they may stand again."""

_listening = new_rlock()
"""Who begins and ends to listen holds it: two threads at once would listen twice to one stream, and leave it once. A
handler or finalizer that begins an execution in the midst of it goes on."""

_ATTRIBUTES = {"out": "stdout", "err": "stderr"}

_waiting: dict[str, dict[int, str]] = {"out": {}, "err": {}}
"""What each thread has written to a stream since its last line break; empty for nothing."""


class _Bars(RedrawnRows):
    """What a thread draws again and again.

    Attributes:
        task: The task that began it: others may come and go meanwhile. None outside of all.
    """

    def __init__(self, task: TaskState | None) -> None:
        super().__init__()
        self.task = task


_bars: dict[str, dict[int, _Bars]] = {"out": {}, "err": {}}
"""What each thread draws on a stream, while it does."""

_Begun = tuple[str, int, Scope | None]

_begun: dict[str, dict[int, _Begun]] = {"out": {}, "err": {}}
"""What is known of unfinished lines: the beginning of one that is too long to wait for its end, and how many characters
after it are left out; and where a `print` with ``end=""`` began it, since another task may print next."""

_NOBODY: tuple[Any, ...] = (object(), None, None, None, None)
_before: dict[str, tuple[Any, ...]] = {"out": _NOBODY, "err": _NOBODY}
"""How the line before was told: its scope and task, the log, and what names both there."""

_before_writing: Callable[[], None] | None = None
"""Passes on what others have written, where the descriptors are kept."""

_logging_now: dict[int, Scope | None] = {}
"""The threads in which handlers of `logging` are at work, and where: what they print there is kept already. What a task
prints that one of them calls is not."""

_ends_to_come: set[int] = set()
"""The threads in which a library has printed several lines that are kept as one event, and not yet its line break."""

_original: Callable[..., None] | None = None
_hook: Callable[..., None] | None = None
_warned: set[tuple[int, str]] = set()
_attributes_of_a_record = 21 if sys.version_info >= (3, 12) else 20
"""Of one without any of the program's. A record is not made to count them: that forgets a timeout that comes then."""

_plain_record: Any = None
_sites: dict[tuple[Any, ...], Any] = {}


def mode_of(logs: str | bool | int | None) -> int:
    """Return what is kept, as `OBS_LOGS` or ``task(logs=...)`` say it.

    Raises:
        ValueError: It is none of the known words.
    """
    found = _MODES.get("" if logs is None else str(logs).lower())
    if found is None:
        raise ValueError(f"logs={logs!r} is not known; there are: 0, logging, streams, all")
    return found


def begin(task: TaskState) -> None:
    """Keep from now on what is logged and printed in a task or an execution."""
    global _before_writing
    if task.logs is None:
        inherited = None if task.parent is None else task.parent.task.logs
        task.logs = _MODES.get(settings.logs_text().lower(), STREAMS) if inherited is None else inherited
    if task.logs != ALL and _before_writing is not None:
        _divide(task, ended=False)
    if task.logs == NOTHING:
        return
    _within[id(task)] = task
    task.said_from = task.run.log.position
    _ensure(task)
    if task.logs == ALL:
        from obs_core.recording import descriptors

        descriptors.begin(task)
        _before_writing = descriptors.pass_on


def end(task: TaskState) -> None:
    """Write what waits for a line break, and leave streams and loggers as they were once no task is left."""
    try:
        _end(task)
    except BaseException:  # a timeout's, say: what was put in place is taken away all the same
        _end(task)
        raise


def _end(task: TaskState) -> None:
    if task.logs != ALL and _before_writing is not None:
        _divide(task, ended=True)
    if is_kept(task):
        write_unfinished(task)
        if task.logs == ALL:
            from obs_core.recording import descriptors

            descriptors.end(task)
        _within.pop(id(task), None)
        if not _within:
            _write_of_others(task)
    _forget_before()
    if not _within:
        with _listening:
            if not _within:
                _release()
        for other in list(_within.values()):  # begun by another thread meanwhile
            _ensure(other)


def is_kept(task: TaskState) -> bool:
    """Tell whether what is said in a task is kept now: it has begun here, and was not ended."""
    return id(task) in _within


def _divide(task: TaskState, ended: bool) -> None:
    """Tell what others write before a task of which less is kept from what they write in it, and that from the rest."""
    from obs_core.recording import descriptors

    descriptors.divide(task, ended)


def write_unfinished(task: TaskState) -> None:
    """Write in a task what this thread has printed since its last line break: no more of it will come.

    A line that was begun in another task is gone on with there.
    """
    if task.logs is not None and task.logs >= STREAMS:
        me = threading.get_ident()
        for stream, waiting in _waiting.items():
            began_in = _begun_in(_begun[stream].get(me))
            is_own = began_in is None or began_in.task is task
            if is_own and waiting and (rest := waiting.get(me)):
                _guarded(_write, stream, task, task, _whole(_begun[stream].get(me), rest))
                waiting.pop(me, None)  # only now: what a timeout of the task's strikes is done again
                _begun[stream].pop(me, None)
            bars = _bars[stream].get(me)
            if bars is not None and bars.task is task:
                for line in bars.shown():
                    _guarded(_write, stream, task, task, line)
                _bars[stream].pop(me, None)


def write_what_waits(*_: object) -> None:
    """Write what was printed since the last line breaks, in all threads: this process ends, and no more of it comes."""
    scope = _scope_of_what_is_printed()
    if scope is not None:
        write_unfinished(scope.task)
        for name in _waiting:
            _break_off(name, threading.get_ident())
        _write_of_others(scope.task.run.root)


def _write_of_others(task: TaskState) -> None:
    """Write what other threads have printed since their last line breaks: no task tells where, and none ends there."""
    for stream, waiting in _waiting.items():
        for thread, rest in list(waiting.items()):
            if rest and thread != threading.get_ident() and task.logs is not None and task.logs >= STREAMS:
                waiting.pop(thread, None)
                _guarded(_write, stream, task, task, _whole(_begun[stream].pop(thread, None), rest))


def belong_to(task: TaskState) -> None:
    """Keep what is said outside of all tasks and executions of this process in one of another process.

    Args:
        task: That one, as it was carried here.
    """
    global _elsewhere
    _elsewhere = task


# where it is said


def _scope_here() -> Scope | None:
    """Return the innermost span or task here; None if there is none whose lines are kept."""
    scope = current.get()
    if scope is None or scope.over or scope.task.over:
        scope = going_on(scope) or _starter() or _only_execution()
    return scope


def _starter() -> Scope | None:
    starter = starter_of_this_thread()
    return concluded_starter() if starter is UNKNOWN else starter


def _only_execution() -> Scope | None:
    """Return the execution that runs here, if there is just one: a thread of unknown origin can belong to no other."""
    here = list(_within.values())
    if len(here) == 1 and here[0] is here[0].run.root and here[0] is not _elsewhere:
        return here[0]
    runs = {task.run for task in here if task is not _elsewhere}
    if len(runs) > 1:
        return None
    run = runs.pop() if runs else None
    if run is not None and (run.root in here or _elsewhere is None or _elsewhere.run is not run):
        return run.root
    return _elsewhere


def _ref(scope: Scope, log: LogWriter) -> Any:
    """Name a span in this process's journal, without making the journal encode what it holds."""
    if getattr(scope, "announced", None) is False:  # a span that the journal has not numbered yet
        scope.announced = None  # type: ignore[attr-defined]
        scope._number = scope.task.next_number()  # type: ignore[attr-defined]
    number = scope.number
    ref = log.refs.get(number)
    if ref is None:
        ref = scope.task.journal.ref(number) if isinstance(number, int) else number
        if len(log.refs) < _MOST_NAMES:
            log.refs[number] = ref
            log.span_names[ref] = getattr(scope, "name", "")
    return ref


def _write(kind: str | int, task: TaskState, scope: Scope, text: str, *more: Any) -> None:
    task.said += 1
    log = task.run.log
    whose = log.refs.get(task.number)
    if whose is None:
        whose = _ref(task, log)
    where = whose if scope is task else _ref(scope, log)
    log.write(kind, whose, where, text, *more)
    if kind.__class__ is int and kind >= _ERROR and not task.erred:
        _erred(task, text, None if scope is task else where)


def _erred(task: TaskState, text: str, span: Any) -> None:
    """Record that a task has logged an error: the first one tells."""
    task.erred = True
    task.run.verdicts.add("warned", ERRORS, text)
    task.take_verdict("warned", ERRORS, masked_text(text, _LONGEST_FINDING), span)


def _guarded(function: Callable[..., None], *arguments: Any) -> None:
    try:
        function(*arguments)
    except Exception as error:
        let_pass(error)
        if strict():
            raise


# Python's streams


def _ensure(task: TaskState) -> None:
    """See to it that loggers and streams, as they are now, tell us what is said."""
    if _original is None:
        if "logging" in sys.modules:
            _hook_logging()
        elif _look_again not in task.journal.sources:
            task.journal.sources.append(_look_again)
    if task.logs is not None and task.logs >= STREAMS:
        for name, attribute in _ATTRIBUTES.items():
            stream = getattr(sys, attribute, None)
            if stream is not _tapped.get(name) or not is_tapped(stream):
                _guarded(_take_up, name, stream)


def _take_up(name: str, stream: Any) -> None:
    with _listening:
        if _within:  # else another thread has ended it meanwhile: nobody would leave the stream
            abrupt_ends.precede(write_what_waits)
            _tap(name, stream)


def _tap(name: str, stream: Any) -> None:
    """Listen to a stream: one that shows what a program prints, not a buffer of somebody's.

    Behind an object of the program's own, such as a tee, Python's first stream gets what it lets through.
    """
    if not isinstance(stream, io.TextIOWrapper) and type(stream).__name__ != "OutStream":
        stream = getattr(sys, f"__{_ATTRIBUTES[name]}__")
        if not isinstance(stream, io.TextIOWrapper) or _tapped.get(name) is not None:
            return
    if stream is not _tapped.get(name):
        if len(_within) > 1:
            _await(name)
        _untap(name)
        if name in _stood and _stood[name][0] is stream:
            _await_no_more(name)
    heard_as = next((other for other in _ATTRIBUTES if _heard.get(other) is stream), name)  # it may have both names
    # First, so that it is taken away whatever comes meanwhile; one that a signal's handler has made stays.
    stream = _heard.setdefault(heard_as, stream)
    listen(stream, _LISTENERS[heard_as])
    _tapped[name] = stream


def _await(name: str) -> None:
    """Watch a stream in whose place another one is put (`redirect_stdout`), and tap it again once it is back.

    Nothing needs to begin then: the end of `contextlib.redirect_stdout` tells nobody.
    """
    stream = _heard.get(name)
    if stream is None or name in _stood:
        return
    attribute = _ATTRIBUTES[name]

    def hear_if_it_stands(text: Any) -> None:
        if getattr(sys, attribute, None) is stream:
            _guarded(_take_up, name, stream)
            if _heard.get(name) is stream:
                _LISTENERS[name].before(text)

    listener = Listener(hear_if_it_stands)
    _stood[name] = stream, listener
    listen(stream, listener)


def _await_no_more(name: str) -> None:
    stream, listener = _stood.get(name, (None, None))
    if listener is not None:
        leave(stream, listener)
        _stood.pop(name, None)


def _ear(name: str) -> Callable[[Any], None]:
    """Return what is told each text before a stream takes it, so that a kill leaves no line that is not in the log."""
    waiting, this_thread, here = _waiting[name], threading.get_ident, current.get
    before, modules, logging_now = _before, sys.modules, _logging_now
    drawn, begun = _bars[name], _begun[name]

    def hear(text: Any) -> None:
        # Called twice for each `print`: as short as can be. The end of a line in the span in which the one before it
        # was said goes straight to the log.
        try:
            if _before_writing is not None:
                _before_writing()
            me = this_thread()
            if drawn and me in drawn and _is_drawn(name, text, me):
                return
            said = waiting.get(me)
            if said and text == "\n":
                waiting[me] = ""  # a dict whose entries come and go is made anew all the time
                scope, task, log, whose, where = before[name]
                if (
                    here() is scope
                    and not task.over
                    and not logging_now
                    and me not in begun
                    and "structlog._output" not in modules
                ):
                    task.said += 1
                    log.say(name, whose, where, said)
                else:
                    _printed(name, said + text, me)
            elif isinstance(text, str):
                if ("\r" in text or "\x1b" in text) and redraws(text) and _is_drawn(name, text, me):
                    return
                if said:
                    if not text:  # the end of a `print` that ends no line
                        begun.setdefault(me, ("", 0, here()))
                    elif me in begun and _is_of_another(begun[me]):
                        _break_off(name, me)
                        said = ""
                    waiting[me] = ""
                    said += text  # in place: nobody else holds it
                else:
                    said = text
                if "\n" in text or (said is not text and len(said) > _LONGEST_WAITING):
                    if _takes(_heard.get(name), text):
                        _printed(name, said, me)
                    else:
                        waiting[me] = said
                else:
                    waiting[me] = said
        except Exception as error:
            let_pass(error)
            if strict():
                raise

    return hear


def _takes(stream: Any, text: str) -> bool:
    """Tell whether a stream can write a text: one that cannot raises, and nothing is said."""
    if getattr(stream, "closed", False):
        return False
    if not text.isascii():
        try:
            text.encode(stream.encoding or "utf-8", stream.errors or "strict")
        except (UnicodeError, LookupError, AttributeError, TypeError) as error:
            let_pass(error)
            return not isinstance(error, UnicodeError)
    return True


def _take_back(waiting: dict[int, str], text: object) -> None:
    """Forget what this thread was about to print when its stream did not take it."""
    said = waiting.get(me := threading.get_ident())
    if said and isinstance(text, str) and said.endswith(text):
        waiting[me] = said[: len(said) - len(text)]


def _untap(name: str) -> None:
    """Listen no more to the stream that had a name."""
    _tapped.pop(name, None)
    stream = _heard.get(name)
    if stream is not None:
        for other in [other for other, tapped in _tapped.items() if tapped is stream]:
            _tapped.pop(other, None)  # it is listened to under that name from now on
        leave(stream, _LISTENERS[name])
        _heard.pop(name, None)


_LISTENERS = {name: Listener(_ear(name), refused=partial(_take_back, waiting)) for name, waiting in _waiting.items()}


def _release() -> None:
    global _before_writing
    _before_writing = None
    for name in list(_waiting):
        _guarded(_untap, name)
        _guarded(_await_no_more, name)
    _unhook_logging()
    _forget_waiting()
    _warned.clear()


def _printed(name: str, text: str, thread: int) -> None:
    begun = _begun[name].pop(thread, None) if "\n" in text else None
    scope = _scope_of_what_is_printed()
    if begun is not None and _is_of_another(begun):
        scope = begun[2]  # what ends the line is a line break alone
    if scope is None or _is_of_a_handler(thread):
        return
    task = scope.task
    if text.__class__ is not str and _is_of_loguru(text, scope):
        return
    known = _KNOWN_CALLERS.get(_module_of(_caller()))
    if known is not None:
        if text == "\n" and thread in _ends_to_come:
            _ends_to_come.discard(thread)
            return
        if known(_caller(), scope):
            if "\n" in text[:-1]:  # `print` writes its line break by itself, even after one
                _ends_to_come.add(thread)
            return
    *lines, rest = text.split("\n")
    if begun:
        lines[0] = _whole(begun, lines[0])
    if rest:
        _waiting[name][thread] = _end_of_long(name, thread, rest) if len(rest) > _LONGEST_WAITING else rest
    log = task.run.log
    whose = _ref(task, log)
    where = whose if scope is task else _ref(scope, log)
    for line in lines:
        task.said += 1
        log.say(name, whose, where, line.rstrip("\r") if "\r" in line else line)
    _before[name] = scope, task, log, whose, where


def _is_of_a_handler(thread: int) -> bool:
    """Tell whether a handler of `logging` prints, and not a task or a span that began in it."""
    return thread in _logging_now and _logging_now[thread] is current.get()


def _scope_of_what_is_printed() -> Scope | None:
    scope = current.get()
    if scope is None or scope.over or scope.task.over:
        scope = _scope_here()
    return None if scope is None or (scope.task.logs or 0) < STREAMS else scope


def _caller() -> FrameType:
    """Return the frame that writes to a stream, from within what the tap calls."""
    frame = sys._getframe(1)
    while frame.f_globals is globals() and frame.f_back is not None:
        frame = writer_of(frame.f_back)
    return frame


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _end_of_long(name: str, thread: int, text: str) -> str:
    """Keep the beginning of a line that is too long to wait for its end, and return the end of it that waits on."""
    text = mask(text)  # before it is cut: half of a secret would be known to nobody
    beginning, left_out, began_in = _begun[name].get(thread, ("", 0, None))
    if not beginning:
        beginning, text = text[: LONGEST_LINE // 2], text[LONGEST_LINE // 2 :]
    waits = text[-(LONGEST_LINE // 2 + _LONGEST_SECRET) :]
    _begun[name][thread] = beginning, left_out + len(text) - len(waits), began_in
    return waits


def _begun_in(begun: _Begun | None) -> Scope | None:
    """Return where an unfinished line was begun; None if that is not known, or has ended."""
    scope = None if begun is None else begun[2]
    return scope if scope is not None and is_kept(scope.task) else None


def _is_of_another(begun: _Begun) -> bool:
    """Tell whether an unfinished line was begun in another task than what is printed now."""
    began_in, scope = _begun_in(begun), _scope_of_what_is_printed()
    return began_in is not None and (scope is None or scope.task is not began_in.task)


def _break_off(name: str, thread: int) -> None:
    """Write an unfinished line where it was begun, if that is known: another task prints now, or nothing will."""
    begun, rest = _begun[name].get(thread), _waiting[name].get(thread)
    began_in = _begun_in(begun)
    if began_in is not None and rest:
        _guarded(_write, name, began_in.task, began_in, _whole(begun, rest))
        _waiting[name].pop(thread, None)  # only now: what a timeout of the task's strikes is done again
        _begun[name].pop(thread, None)


def _whole(begun: _Begun | None, end: str) -> str:
    """Return a line whose end has come: of a very long one what is kept of it."""
    if begun is None or not begun[0]:
        return end
    beginning, left_out, _ = begun
    end = mask(end)
    kept = end[-(LONGEST_LINE // 2) :]
    return f"{beginning} … {left_out + len(end) - len(kept):,} characters left out … {kept}"


def _is_drawn(name: str, text: Any, thread: int) -> bool:
    """Take what moves the cursor, and what follows it in the rows that it draws; False for what is no part of them."""
    if text.__class__ is not str:
        return False
    caller = _caller()
    if _module_of(caller) in _KNOWN_CALLERS:
        return False
    scope = _scope_of_what_is_printed()
    bars = _bars[name].get(thread)
    if bars is None:
        bars = _bars[name][thread] = _Bars(None if scope is None else scope.task)
        bars.take(_whole(_begun[name].pop(thread, None), _waiting[name].pop(thread, "")))
    if _is_of_a_handler(thread) or not _takes(_heard.get(name), text):
        return True
    lines = bars.take(text, _moves_down(caller) if text and not text.strip("\n") else None)
    if scope is not None:
        for line in lines:
            _write(name, scope.task, scope, line)
    if bars.is_empty:
        _bars[name].pop(thread, None)
    return True


def _moves_down(caller: FrameType) -> bool | None:
    """Tell whether tqdm writes a line break to come to a bar below, or at the end of one; None if it is not tqdm."""
    frame: FrameType | None = caller
    for _ in range(3):
        if frame is None or not _module_of(frame).startswith("tqdm."):
            return None
        if frame.f_code.co_name == "moveto":
            return True
        frame = frame.f_back
    return False


# lines of libraries that print: with the level and the fields that they had before they were made text


def _is_warning(caller: Any, scope: Scope) -> bool:
    """Keep what `warnings` shows as a line of its own, once; False if that is something else."""
    shown = caller.f_locals.get("msg")
    category = getattr(shown, "category", None)
    if category is None:
        return False
    where = f"{shown.filename}:{shown.lineno}"
    text = f"{category.__name__}: {shown.message}"
    key = (id(scope.task.run), where + text)
    if key not in _warned:
        if len(_warned) < _MOST_WARNINGS:
            _warned.add(key)
        _write(30, scope.task, scope, text, "WARNING", "py.warnings", where, "", {})
    return True


def _is_of_structlog(caller: Any, scope: Scope) -> bool:
    """Keep what a logger of structlog prints with its event's fields; False if they are not found."""
    frame = caller
    for _ in range(4):
        frame = frame.f_back
        if frame is None:
            return False
        if frame.f_code.co_name == "_proxy_to_logger":
            found = frame.f_locals
            event, level = found.get("event"), found.get("method_name")
            if not isinstance(event, str) or not isinstance(level, str):
                return False
            fields = {**getattr(found.get("self"), "_context", {}), **found.get("event_kw", {})}
            exception = _traceback(sys.exc_info()) if fields.pop("exc_info", None) else ""
            severity = _SEVERITIES.get(level, 20)
            logger = str(fields.pop("logger", ""))
            _write(severity, scope.task, scope, event, _NAMES[severity], logger, "", exception, plain(fields))
            return True
    return False


_SEVERITIES = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "exception": 40, "critical": 50}
_NAMES = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


def _is_of_loguru(text: str, scope: Scope) -> bool:
    """Keep a line of loguru, which knows its record, with level and fields; False if it is something else."""
    record = getattr(text, "record", None)
    if not isinstance(record, dict):
        return False
    level, error = record["level"], record["exception"]
    exception = _traceback(tuple(error)) if error is not None else ""
    where = f"{record['file'].path}:{record['line']}"
    fields = plain(dict(record["extra"]))
    _write(level.no, scope.task, scope, record["message"], level.name, record["name"] or "", where, exception, fields)
    return True


_KNOWN_CALLERS: dict[str, Callable[[Any, Scope], bool]] = {
    "warnings": _is_warning,
    "_py_warnings": _is_warning,
    "structlog._output": _is_of_structlog,
}
"""Modules that print what they know more about."""


# logging


def _look_again() -> None:
    """Hook `logging` if a task has imported it meanwhile: asked each second, since importing it for that is dear."""
    if _within and _original is None and "logging" in sys.modules:
        _guarded(_hook_logging)


def _hook_logging() -> None:
    global _original, _hook, _plain_record
    import logging

    original = logging.Logger.callHandlers
    get_ident, _plain_record = threading.get_ident, logging.LogRecord

    def callHandlers(self: logging.Logger, record: logging.LogRecord) -> None:
        if _within:
            try:
                _logged(record)
            except Exception as error:
                let_pass(error)
                if strict():
                    raise
        me = get_ident()
        is_within, around = me in _logging_now, _logging_now.get(me)
        try:
            _logging_now[me] = current.get()  # what handlers print is this record
            original(self, record)
        finally:
            if is_within:  # one of them has logged itself
                _logging_now[me] = around
            else:
                _logging_now.pop(me, None)

    # A call with wrong arguments prints the call stack from the first frame outside of logging's files: the caller's.
    place = original.__code__
    callHandlers.__code__ = callHandlers.__code__.replace(
        co_filename=place.co_filename, co_firstlineno=place.co_firstlineno
    )
    if _original is None:  # no signal is handled from here on, nor does another thread get its turn
        _original, _hook = original, callHandlers
        logging.Logger.callHandlers = callHandlers  # type: ignore[method-assign]


def _unhook_logging() -> None:
    global _original
    logging = sys.modules.get("logging")
    if _original is not None and logging is not None and logging.Logger.callHandlers is _hook:
        logging.Logger.callHandlers = _original
        _original = None


def _logged(record: Any) -> None:
    scope = current.get()
    if scope is None or scope.over or scope.task.over:
        scope = _scope_here()
    if scope is None or not scope.task.logs:
        return
    task, message, level = scope.task, record.msg, record.levelno
    if level.__class__ is not int:  # a class of somebody's, which is no number in JSON
        level = int(level)
    text = _message(record)
    if (
        type(message) is str
        and not record.exc_info
        and not record.stack_info
        and len(record.__dict__) <= _attributes_of_a_record
    ):
        task.said += 1
        log = task.run.log
        whose = log.refs.get(task.number) or _ref(task, log)
        where = whose if scope is task else _ref(scope, log)
        log.say(level, whose, where, text, _site(record))
        if level >= _ERROR and not task.erred:
            _erred(task, text, None if scope is task else where)
        return
    fields: dict[str, Any] = {}
    if isinstance(message, dict) and isinstance(message.get("event"), str):  # structlog's, not yet rendered
        fields = {str(name): value for name, value in message.items() if name not in ("event", "level", "logger")}
        text = message["event"]
    if len(record.__dict__) > _attributes_of_a_record:
        fields.update(_extra(record))
    exception = _traceback(record.exc_info) if record.exc_info else ""
    if record.stack_info:
        exception = f"{exception}\n{record.stack_info}".lstrip("\n")
    _write(
        level, task, scope, text,
        record.levelname, record.name, f"{record.pathname}:{record.lineno}", exception, plain(fields) if fields else {},
    )  # fmt: skip


def _site(record: Any) -> Any:
    """Return what all records of a call in the code have in common, encoded once."""
    key = (record.lineno, record.pathname, record.name, record.levelname)
    found = _sites.get(key)
    if found is None:
        found = encoded_rest(record.levelname, record.name, f"{record.pathname}:{record.lineno}", "", {})
        if len(_sites) < _MOST_NAMES:
            _sites[key] = found
    return found


def _message(record: Any) -> str:
    try:
        if type(record) is _plain_record and type(record.msg) is str:  # as `getMessage` does it, in fewer steps
            return record.msg % record.args if record.args else record.msg
        return str(record.getMessage())
    except Exception as error:
        let_pass(error)
        if record.args:
            return f"{as_text(record.msg)} (its arguments cannot be put into it: {type(error).__name__})"
        return as_text(record.msg)


def _extra(record: Any) -> dict[str, Any]:
    import logging

    known = vars(logging.LogRecord("", 0, "", 0, "", (), None)).keys() | {"message", "asctime"}
    return {name: value for name, value in record.__dict__.items() if name not in known and not name.startswith("_")}


def _traceback(exc_info: Any) -> str:
    import traceback

    if not isinstance(exc_info, tuple) or exc_info[0] is None:
        return ""
    return "".join(traceback.format_exception(*exc_info, limit=-50)).rstrip("\n")


def _forget_waiting() -> None:
    for each in (_waiting, _bars, _begun):
        for of_threads in each.values():
            of_threads.clear()


def _forget_before() -> None:
    _before["out"] = _before["err"] = _NOBODY


def _after_fork() -> None:
    _forget_waiting()
    _forget_before()  # a child names them anew
    _logging_now.clear()
    _ends_to_come.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
