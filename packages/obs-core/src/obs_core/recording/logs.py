"""Keep what tasks log and print, with the task and the span in which it was said.

Nothing is put in anybody's place. While a task or an execution runs in this process

- ``logging.Logger.callHandlers``, through which each record of each logger goes, tells us the record first. A handler
  of ours would change the user's program: `logging.basicConfig` does nothing where the root logger has one, and a
  warning without any handler would no longer be printed.
- ``write`` of ``sys.stdout`` and ``sys.stderr`` tells us the text and writes as it did. The streams stay the
  objects that they are, with their terminal, encoding and buffer.

So the program's output takes the way that it always took: nothing that happens to obs, and no kill, can hold it up.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

from obs_core import settings
from obs_core.failsafe import strict
from obs_core.interruptions import let_pass
from obs_core.journal.log_lines import encoded_rest
from obs_core.journal.log_writer import LogWriter
from obs_core.locks import Attached
from obs_core.recording.run import Scope, TaskState
from obs_core.recording.scope import current, going_on
from obs_core.recording.threads import UNKNOWN, concluded_starter, starter_of_this_thread
from obs_core.text.masking import mask, masked_text
from obs_core.text.plain_values import plain

__all__ = ["ALL", "LOGGING", "NOTHING", "STREAMS", "begin", "end", "mode_of", "scope_here"]

NOTHING, LOGGING, STREAMS, ALL = range(4)
"""What is kept: nothing; what is logged; what Python prints too; what anything writes to descriptors 1 and 2 too."""

_MODES = {
    "0": NOTHING, "false": NOTHING, "no": NOTHING, "off": NOTHING, "logging": LOGGING,
    "": STREAMS, "streams": STREAMS, "1": STREAMS, "true": STREAMS, "all": ALL,
}  # fmt: skip

NO_ERRORS = "no errors logged"
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

_tapped: dict[str, Any] = {}
_taps: Attached[Any, weakref.ref[Callable[..., Any]]] = Attached()
"""What stands in place of each stream's ``write``, or below what somebody else put there later. Known by what it is: a
wrapper of somebody's may carry all attributes of what it wraps."""

_waiting: dict[str, dict[int, str]] = {"out": {}, "err": {}}
"""What each thread has written to a stream since its last line break."""

_NOBODY: tuple[Any, ...] = (object(), None, None, None, None)
_before: dict[str, tuple[Any, ...]] = {"out": _NOBODY, "err": _NOBODY}
"""How the line before was told: its scope and task, the log, and what names both there."""

_before_writing: Callable[[], None] | None = None
"""Passes on what others have written, where the descriptors are kept."""

_logging_now: set[int] = set()
"""The threads in which handlers of `logging` are at work: what they print is kept already."""

_original: Callable[..., None] | None = None
_hook: Callable[..., None] | None = None
_warned: set[tuple[int, str]] = set()
_attributes_of_a_record = 0
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
    if _within.pop(id(task), None) is None:
        return
    _forget_before()
    if task.logs is not None and task.logs >= STREAMS:
        me = threading.get_ident()
        for stream, waiting in _waiting.items():
            if waiting and (rest := waiting.pop(me, "")):
                _guarded(_write, stream, task, task, _folded(rest))
    if task.logs == ALL:
        from obs_core.recording import descriptors

        descriptors.end(task)
    if not _within:
        _release()
        for other in list(_within.values()):  # begun by another thread meanwhile
            _ensure(other)


# where it is said


def scope_here() -> Scope | None:
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
    runs = {task.run for task in list(_within.values())}
    return runs.pop().root if len(runs) == 1 else None


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
    task.run.verdicts.add("warned", NO_ERRORS, text)
    task.take_verdict("warned", NO_ERRORS, masked_text(text, _LONGEST_FINDING), span)


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
        for name, attribute in (("out", "stdout"), ("err", "stderr")):
            stream = getattr(sys, attribute, None)
            if stream is not _tapped.get(name):
                _guarded(_tap, name, stream)


def _tap(name: str, stream: Any) -> None:
    """Let a stream tell us what is written to it: one that shows what a program prints, not a buffer of somebody's."""
    if not isinstance(stream, io.TextIOWrapper) and type(stream).__name__ != "OutStream":
        return
    _untap(name)
    own = stream.write
    if "write" in vars(stream) and _tap_of(stream) is not None:  # it has both names, or somebody wraps it since
        _tapped[name] = stream
        return
    within, waiting, this_thread, here = _within, _waiting[name], threading.get_ident, current.get
    modules, logging_now = sys.modules, _logging_now
    before = _before
    is_plain = type(stream).write is io.TextIOWrapper.write
    passed_on = own if is_plain else _nothing

    def write(text: str, /) -> Any:
        # Called several times for each `print`: as short as can be. The end of a line in the span in which the one
        # before it was said goes straight to the log.
        # What is told comes first, so that a kill leaves no line in the terminal that is not in the log.
        try:
            if _before_writing is not None:
                _before_writing()
            if within:
                me = this_thread()
                if text == "\n" and me in waiting:
                    said = waiting.pop(me)
                    scope, task, log, whose, where = before[name]
                    if (
                        here() is scope
                        and not task.over
                        and not logging_now
                        and "\r" not in said
                        and stream is not sys.stderr
                        and "structlog._output" not in modules
                    ):
                        task.said += 1
                        log.say(name, whose, where, said)
                    else:
                        _printed(name, said + text, me)
                elif isinstance(text, str):
                    said = text
                    if me in waiting:
                        said = waiting.pop(me)
                        said += text  # in place: nobody else holds it
                    if "\n" in text or (said is not text and len(said) > _LONGEST_WAITING):
                        _printed(name, said, me)
                    else:
                        waiting[me] = _last_state(said) if "\r" in text else said
        except Exception as error:
            let_pass(error)
            if strict():
                raise
        return passed_on(text)

    def write_as_told(text: str, /, *more: Any, **named: Any) -> Any:
        write(text)
        return own(text, *more, **named)

    tapped = write if is_plain else write_as_told
    stream.write = tapped
    _taps[stream] = weakref.ref(tapped)
    _tapped[name] = stream


def _nothing(text: str) -> None:
    """Write nothing."""


def _untap(name: str) -> None:
    """Give a stream its own ``write`` back; what somebody has put over ours meanwhile stays, and ours below it."""
    stream = _tapped.pop(name, None)
    if stream is None or stream in _tapped.values():
        return
    tap = _tap_of(stream)
    if tap is not None and vars(stream).get("write") is tap:
        del stream.write


def _tap_of(stream: Any) -> Callable[..., Any] | None:
    tap = _taps.get(stream)
    return None if tap is None else tap()


def _release() -> None:
    global _before_writing
    _before_writing = None
    for name in list(_tapped):
        _guarded(_untap, name)
    _unhook_logging()
    _forget_waiting()
    _warned.clear()


def _printed(name: str, text: str, thread: int) -> None:
    if thread in _logging_now:
        return
    scope = current.get()
    if scope is None or scope.over or scope.task.over:
        scope = scope_here()
        if scope is None:
            return
    task = scope.task
    if (task.logs or 0) < STREAMS or (text.__class__ is not str and _is_of_loguru(text, scope)):
        return
    caller = sys._getframe(2)  # beyond the stream's write, which is one function or two
    if caller.f_code.co_name == "write_as_told":
        caller = caller.f_back or caller
    known = _KNOWN_CALLERS.get(caller.f_globals.get("__name__", ""))
    if known is not None and known(caller, scope):
        return
    *lines, rest = text.split("\n")
    if not lines:  # very long
        text = mask(_folded(text))  # before it is cut: half of a secret would be known to nobody
        lines, rest = [text[:-_LONGEST_SECRET]], text[-_LONGEST_SECRET:]
    if rest:
        _waiting[name][thread] = rest
    log = task.run.log
    whose = _ref(task, log)
    where = whose if scope is task else _ref(scope, log)
    for line in lines:
        task.said += 1
        log.say(name, whose, where, _folded(line) if "\r" in line else line)
    _before[name] = scope, task, log, whose, where


def _last_state(text: str) -> str:
    """Return what is still to be seen of a progress bar; a line break may follow a carriage return at the end."""
    return text[text.rfind("\r", 0, len(text.rstrip("\r"))) + 1 :]


def _folded(line: str) -> str:
    """Return what a progress bar showed last."""
    line = line.rstrip("\r")
    return line[line.rfind("\r") + 1 :]


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
    global _original, _hook, _attributes_of_a_record, _plain_record
    import logging

    original = _original = logging.Logger.callHandlers
    get_ident, _plain_record = threading.get_ident, logging.LogRecord
    _attributes_of_a_record = len(vars(logging.LogRecord("", 0, "", 0, "", (), None)))

    def callHandlers(self: logging.Logger, record: logging.LogRecord) -> None:
        if _within:
            try:
                _logged(record)
            except Exception as error:
                let_pass(error)
                if strict():
                    raise
        me = get_ident()
        if me in _logging_now:
            original(self, record)
            return
        _logging_now.add(me)  # what handlers print is this record
        try:
            original(self, record)
        finally:
            _logging_now.discard(me)

    # A call with wrong arguments prints the call stack from the first frame outside of logging's files: the caller's.
    place = original.__code__
    callHandlers.__code__ = callHandlers.__code__.replace(
        co_filename=place.co_filename, co_firstlineno=place.co_firstlineno
    )
    _hook = callHandlers
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
        scope = scope_here()
    if scope is None or not scope.task.logs:
        return
    task, message = scope.task, record.msg
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
        log.say(record.levelno, whose, where, text, _site(record))
        if record.levelno >= _ERROR and not task.erred:
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
        record.levelno, task, scope, text,
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
        return f"{record.msg} (its arguments cannot be put into it: {type(error).__name__})"


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
    for waiting in _waiting.values():
        waiting.clear()


def _forget_before() -> None:
    _before["out"] = _before["err"] = _NOBODY


def _after_fork() -> None:
    _forget_waiting()
    _forget_before()  # a child names them anew
    _logging_now.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
