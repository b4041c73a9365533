"""Run a program as an execution and see how it ends: what only the process that waits for another one is told.

The program joins the execution through `OBS_CARRIER`: one of the same name that it begins itself is this one, any other
names it. It stays in the same process group and keeps the terminal, its streams and its exit status: shells and engines
see no difference.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import time
from collections.abc import Sequence

from obs_core import cgroups, settings
from obs_core.failsafe import guarded
from obs_core.journal import records
from obs_core.journal.numbering import ROOT, SUPERVISOR
from obs_core.journal.reader import decode, ends_of_segments, segment_names, writer_of
from obs_core.recording.ends import end
from obs_core.recording.executions import new_run, start_record
from obs_core.recording.joining import described
from obs_core.recording.raised import Told, told
from obs_core.recording.run import Run
from obs_core.recording.sigterm import Terminated
from obs_core.recording.visibility import make_visible
from obs_core.store import open_store
from obs_core.text.durations import format_duration
from obs_core.text.numbers import byte_size

__all__ = ["TIMED_OUT", "name_of", "supervise"]

TIMED_OUT = 124
"""The exit code of a program that was ended after its time, as of timeout(1)."""

_CANNOT_RUN, _NOT_FOUND = 126, 127
"""Exit codes for a program that cannot be run, as a shell's."""

_PASSED_ON = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_OF_KERNEL = 0x80
"""``si_code`` of what a terminal sends: the program gets it too."""

_LOOK = 5.0
"""Seconds after which the program is looked at though no signal came."""

_NS = 1_000_000_000


def supervise(
    command: Sequence[str],
    *,
    name: str | None = None,
    store: str | None = None,
    timeout: float | None = None,
    grace: float = 10.0,
) -> int:
    """Run a program as an execution, wait for its end, and record how it ended.

    Signals that come for this process are passed on. If the program was ended by a signal, this process ends by the
    same one and does not return. Linux only: it waits for signals with `signal.sigtimedwait`.

    Args:
        command: The program and its arguments.
        name: The execution's name. Default: `name_of` the command.
        store: Where it is kept. Default: `OBS_STORE`, or ``.obs``.
        timeout: Seconds after which it is told to end by SIGTERM. Default: never.
        grace: Seconds after which SIGKILL follows.

    Returns:
        The program's exit code; `TIMED_OUT` if it was ended after its time, 126 or 127 if it could not be run.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _waited_for())  # first of all: threads inherit the mask
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    run = _begun(list(command), name or name_of(command), store)
    kills_before = _oom_kills(cgroups.memory_cgroup())
    try:
        pid = os.posix_spawnp(
            command[0],
            list(command),
            _environment(run, store),
            setsigmask=before,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # ignored by Python, not by programs
        )
    except OSError as error:
        end(run, error)
        os.write(2, f"obs: cannot run {command[0]!r}: {os.strerror(error.errno or 0)}\n".encode())
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_RUN
    waiting = _Waiting(run, pid, timeout, grace)
    status, used = waiting.until_it_ends()
    ended = _ended(waiting, status, used, kills_before)
    _end_as(run, ended, pid)
    if ended.timeout is not None:
        return TIMED_OUT
    if ended.signal:
        _end_by(os.WTERMSIG(status), before)
    return ended.code or 0


def _end_as(run: Run, ended: records.ProcessEnded, pid: int) -> None:
    """Write how the program ended; of an exit code, what the program itself says of its end."""
    with guarded("recording how the program ended"):
        run.journal.append(ended)
    failure = _error_of(ended)
    if isinstance(failure, SystemExit):
        with guarded("reading what the program says of its end"):
            failure = _told_by(run, pid) or failure
    end(run, failure)
    run.journal.close_now()


def name_of(command: Sequence[str]) -> str:
    """Return a short name for a command: its script's or module's for Python, else the program's.

    Examples:
        >>> name_of(["python3", "-u", "jobs/train.py", "--fast"]), name_of(["python", "-m", "jobs.train"])
        ('train', 'jobs.train')
    """
    program = os.path.basename(command[0])
    if program.startswith("python"):
        for place, argument in enumerate(command[1:], 1):
            if argument == "-m" and place + 1 < len(command):
                return command[place + 1]
            if argument == "-c":
                break
            if not argument.startswith("-"):
                program = os.path.basename(argument)
                break
    return os.path.splitext(program)[0] or program


class _Waiting:
    """Waits for the program's end, passes signals on, and ends it when its time is over."""

    def __init__(self, run: Run, pid: int, timeout: float | None, grace: float) -> None:
        self.pid = pid
        self.passed_on: list[tuple[int, str]] = []
        self.timed_out: int | None = None
        self._run = run
        self._begun = time.monotonic()
        self._deadline = None if timeout is None else self._begun + timeout
        self._grace = grace

    def until_it_ends(self) -> tuple[int, tuple[int, int, int]]:
        """Return its wait status, the largest resident size in bytes, and user and system time in nanoseconds."""
        signals = _waited_for()
        while True:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                times = int(used.ru_utime * _NS), int(used.ru_stime * _NS)
                return status, (used.ru_maxrss * 1024, *times)
            found = signal.sigtimedwait(signals, self._patience())
            if found is not None and found.si_signo != signal.SIGCHLD:
                self._pass_on(found)
            self._watch_the_time()

    def _patience(self) -> float:
        if self._deadline is None:
            return _LOOK
        return min(max(self._deadline - time.monotonic(), 0.0), _LOOK)

    def _pass_on(self, found: signal.struct_siginfo) -> None:
        name = signal.Signals(found.si_signo).name
        self.passed_on.append((self._run.journal.now(), name))
        if found.si_code != _OF_KERNEL:
            self._send(found.si_signo)
        self._run.journal.flush()

    def _watch_the_time(self) -> None:
        if self._deadline is None or time.monotonic() < self._deadline:
            return
        if self.timed_out is None:
            self.timed_out = int((time.monotonic() - self._begun) * _NS)
            self._send(signal.SIGTERM)
            self._send(signal.SIGCONT)  # one that is stopped could not end
            self._deadline += self._grace
        else:
            self._send(signal.SIGKILL)
            self._deadline = None

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def _waited_for() -> set[int]:
    return {signal.SIGCHLD, *(getattr(signal, name) for name in _PASSED_ON)}


def _begun(command: list[str], name: str, store: str | None) -> Run:
    run = new_run(name, None if store is None else open_store(store), writer=SUPERVISOR)
    run.root.number = ROOT
    with guarded(f"beginning execution {name!r}"):
        start = start_record(name, {})
        start.command = shlex.join(command)
        run.journal.append(start)
    make_visible(run)
    return run


def _environment(run: Run, store: str | None) -> dict[str, str]:
    """Return the program's environment: what it records outside any execution of its own belongs to this one."""
    environment = dict(os.environ)
    with guarded("letting the program take part"):
        carried = described(run.root, ROOT)
        environment["OBS_CARRIER"] = json.dumps({**carried, "obs-supervisor": str(os.getpid())})
    if store is not None:
        environment["OBS_STORE"] = store
    if not settings.decks_enabled():
        environment["OBS_ENABLE_DECK"] = "0"
    return environment


def _oom_kills(cgroup: cgroups.MemoryCgroup | None) -> int:
    return (cgroup.oom_kills if cgroup is not None else None) or 0


def _ended(waiting: _Waiting, status: int, used: tuple[int, int, int], kills_before: int) -> records.ProcessEnded:
    cgroup = cgroups.memory_cgroup()
    killed = os.WIFSIGNALED(status)
    return records.ProcessEnded(
        at=waiting._run.journal.now(),
        pid=waiting.pid,
        code=None if killed else os.WEXITSTATUS(status),
        signal=_name_of_signal(os.WTERMSIG(status)) if killed else "",
        timeout=waiting.timed_out,
        passed_on=waiting.passed_on,
        oom_kills=max(0, _oom_kills(cgroup) - kills_before),
        memory_limit=cgroup.limit if cgroup is not None else None,
        memory_peak=cgroup.peak if cgroup is not None else None,
        max_rss=used[0],
        user_time=used[1],
        system_time=used[2],
        core_dumped=killed and os.WCOREDUMP(status),
    )


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _error_of(ended: records.ProcessEnded) -> BaseException | None:
    """Return the failure as which an end stands in the execution; None for a success."""
    if ended.timeout is not None:
        return TimeoutError(f"it had not ended after {format_duration(ended.timeout)}, so obs run ended it")
    if not ended.signal:
        return SystemExit(ended.code) if ended.code else None
    if ended.signal == "SIGKILL" and ended.oom_kills:
        size = "" if ended.memory_limit is None else f" of {byte_size(ended.memory_limit)}"
        return Terminated(f"SIGKILL, by the kernel: its memory{size} was used up")
    return Terminated(ended.signal)


def _told_by(run: Run, pid: int) -> Told | None:
    """Return the exception that ended the program, if that has recorded any."""
    segments = [path for path in segment_names(run.store, run.id) if writer_of(path) != run.journal.writer]
    writers: dict[str, int] = {}
    for path, lines in ends_of_segments(run.store, segments) if segments else ():
        for record in decode(lines):
            if isinstance(record, records.Head):
                writers[writer_of(path)] = record.process.pid
            elif isinstance(record, records.Raised):
                of = writers.get(writer_of(path)), record.task
                if of == (pid, ROOT):
                    return told(record.chain)
    return None


def _end_by(number: int, mask: set[int] | set[signal.Signals]) -> None:
    """End by the signal that ended the program, so that whoever waits for this process sees the same."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program left its core already
    with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set(mask) - {number})
    os.kill(os.getpid(), number)
