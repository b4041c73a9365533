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
from obs_core.provenance import run_by_python
from obs_core.recording.attempts import attempt_of_environment
from obs_core.recording.ends import end
from obs_core.recording.executions import new_run, start_record
from obs_core.recording.joining import described
from obs_core.recording.raised import Told, told
from obs_core.recording.run import Run
from obs_core.recording.sigterm import Terminated
from obs_core.recording.visibility import make_visible
from obs_core.store import open_store
from obs_core.text.durations import format_duration
from obs_core.text.failures import is_exception
from obs_core.text.numbers import byte_size

__all__ = ["TIMED_OUT", "name_of", "supervise"]

TIMED_OUT = 124
"""The exit code of a program that was ended after its time, as of timeout(1)."""

_CANNOT_RUN, _NOT_FOUND = 126, 127
"""Exit codes for a program that cannot be run, as a shell's."""

_STOPS = frozenset((signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))
_END_NOTHING = _STOPS | {signal.SIGCONT, signal.SIGWINCH, signal.SIGURG}
_OF_TERMINAL = _STOPS | {signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH}
"""What a terminal sends to all of the group that uses it. Of a hangup it tells the session's leader, which tells its
groups, as the kernel does when that ends."""

_OF_KERNEL = 0x80
"""``si_code`` of what the kernel sends, for a terminal too."""

_LOOK = 5.0
"""Seconds after which the program is looked at though no signal came."""

_NS = 1_000_000_000

_UNCOUNTED = 1_000_000
"""Bytes by which the kernel's counts of one process may differ: each CPU adds up some pages before it tells them."""


def supervise(
    command: Sequence[str],
    *,
    name: str | None = None,
    store: str | None = None,
    timeout: float | None = None,
    grace: float = 10.0,
) -> int:
    """Run a program as an execution, wait for its end, and record how it ended.

    Signals that come for this process are passed on: all that can be caught. None of them ends it before the program
    ends. It stops when the program does, if both were told to. If the program was ended by a signal, this process ends
    by the same one and does not return. Linux only: it waits for signals with `signal.sigtimedwait`.

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
    except (OSError, ValueError) as error:  # the latter of a name that no system takes
        end(run, error)
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        os.write(2, f"obs: cannot run {command[0]!r}: {why}\n".encode())
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_RUN
    waiting = _Waiting(run, pid, timeout, grace)
    status, used = waiting.until_it_ends()
    ended = _ended(waiting, status, used, kills_before)
    _end_as(run, ended, pid)
    if ended.timeout is not None:
        return TIMED_OUT
    if ended.signal:
        _end_by(os.WTERMSIG(status))
        return 128 + os.WTERMSIG(status)  # the C library keeps that one to itself
    return ended.code or 0


def _end_as(run: Run, ended: records.ProcessEnded, pid: int) -> None:
    """Write how the program ended; of an exit code, or a signal that it may send itself, what it says of its end.

    Of a signal, an exception that it tells: that was before. The exit that a signal interrupts is none.
    """
    with guarded("recording how the program ended"):
        run.journal.append(ended)
    failure = _error_of(ended)
    if isinstance(failure, SystemExit) or (ended.timeout is None and ended.signal in records.ASKED_TO_END):
        with guarded("reading what the program says of its end"):
            said = _told_by(run, pid)
            if said is not None and (not ended.signal or is_exception(said.chain[0][0])):
                failure = said
    end(run, failure)
    run.journal.close_now()


def name_of(command: Sequence[str]) -> str:
    """Return a short name for a command: its script's or module's for Python, else the program's.

    Examples:
        >>> name_of(["python3", "-u", "jobs/train.py", "--fast"]), name_of(["python", "-m", "jobs.train"])
        ('train', 'jobs.train')
    """
    option, rest = run_by_python(command) or ("", list(command))
    if option == "-m" and rest:
        return rest[0]
    program = os.path.basename(rest[0] if rest and option == "" else command[0])
    return os.path.splitext(program)[0] or program


class _Waiting:
    """Waits for the program's end, passes signals on, and ends it when its time is over."""

    def __init__(self, run: Run, pid: int, timeout: float | None, grace: float) -> None:
        self.pid = pid
        self.passed_on: list[tuple[int, str]] = []
        self.from_terminal: list[tuple[int, str]] = []
        self.timed_out: int | None = None
        self._told_to_stop: signal.Signals | None = None
        self._is_stopped = False
        self._is_back = False
        self._leads_session = os.getsid(0) == os.getpid()
        self._had_terminal = _user_of_terminal() is not None
        self._is_shell = False
        self._cannot_send = False
        self._run = run
        self._own_peak = _peak()
        self._begun = time.monotonic()
        self._deadline = None if timeout is None else self._begun + timeout
        self._grace = grace

    def until_it_ends(self) -> tuple[int, tuple[int, int, int]]:
        """Return its wait status, the largest resident size in bytes, and user and system time in nanoseconds.

        The size is 0 where it is not known: to the kernel, the program was this process until it had been executed, and
        had its size. A program that never held more tells nothing of its own.
        """
        signals = _waited_for()
        while True:
            pid, status, used = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            if pid and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
                times = int(used.ru_utime * _NS), int(used.ru_stime * _NS)
                largest = used.ru_maxrss * 1024
                return status, (largest if largest > self._own_peak + _UNCOUNTED else 0, *times)
            if pid:
                self._is_stopped = os.WIFSTOPPED(status)
                if self._is_stopped:
                    self._stop_with_shell()
                continue
            if self._is_stopped and self._told_to_stop is not None:
                self._stop_as_told(self._told_to_stop)
            found = signal.sigtimedwait(signals, self._patience())
            if found is not None and found.si_signo != signal.SIGCHLD:
                self._pass_on(found)
            self._watch_the_time()

    def _patience(self) -> float:
        if self._deadline is None:
            return _LOOK
        return min(max(self._deadline - time.monotonic(), 0.0), _LOOK)

    def _pass_on(self, found: signal.struct_siginfo) -> None:
        number = found.si_signo
        is_of_kernel = found.si_code == _OF_KERNEL
        if found.si_pid == os.getpid() or (is_of_kernel and number == signal.SIGXCPU):
            return  # this process wrote to a pipe that nobody reads, say, or used up its own time
        if number in _STOPS:
            self._told_to_stop = signal.Signals(number)
            if found.si_pid == self.pid:
                return  # a program that stops its whole group: once more would stop it again when it goes on
        elif number == signal.SIGCONT:
            self._told_to_stop = None
            is_back, self._is_back = self._is_back, False
            if is_back and not self._is_stopped:
                return  # what let this process go on let the program go on too
            if _STOPS & signal.sigpending():
                return  # that was sent before, and the program was told to stop again
        came = self.passed_on
        is_of_terminal = (is_of_kernel and number in _OF_TERMINAL) or self._is_of_hangup(found)
        leads_group = self._leads_group()
        if number == signal.SIGCONT and self._is_shell and _user_of_terminal() == os.getpgrp():
            _give_terminal_to(self.pid)
        # Whether any other signal was sent to all of the group is not to be known: twice is better than never.
        if is_of_terminal and not leads_group:
            came = self.from_terminal
        elif not self._send(number, to_group=leads_group and (is_of_terminal or number == signal.SIGCONT)):
            return
        if number not in _END_NOTHING:
            came.append((self._run.journal.now(), _name_of_signal(number)))
            self._run.journal.flush()

    def _is_of_hangup(self, found: signal.struct_siginfo) -> bool:
        """Tell whether all of the group got a signal because its terminal is gone.

        The session's leader sends it, a shell, or the kernel when that leader ends. If this process is the leader
        itself, nobody but it is told.
        """
        if found.si_signo not in (signal.SIGHUP, signal.SIGCONT) or self._leads_session:
            return False
        is_of_shell = found.si_pid == os.getsid(0) and self._had_terminal and _user_of_terminal() is None
        return is_of_shell or found.si_code == _OF_KERNEL

    def _stop_as_told(self, number: signal.Signals) -> None:
        """Stop until somebody lets this process go on, so that a shell sees that the program has stopped."""
        self._told_to_stop, self._is_back = None, True
        before = signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        signal.signal(number, before)

    def _stop_with_shell(self) -> None:
        """Stop with a program that had taken the terminal for a group of its own: nobody else could let that go on."""
        if self._leads_session or not self._leads_group():
            return
        self._is_shell = self._is_shell or _user_of_terminal() == self.pid
        if self._is_shell:
            os.kill(os.getpid(), signal.SIGSTOP)  # it stands here until fg or bg, which are then passed on

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

    def _leads_group(self) -> bool:
        """Tell whether the program leads a process group of its own, as timeout(1) does: no terminal reaches it there.

        To be asked before its end is waited for, as long as its process id is its own.
        """
        return os.getpgid(self.pid) == self.pid

    def _send(self, number: int, *, to_group: bool = False) -> bool:
        """Send the program a signal; or all of the group that it leads, as a terminal or a shell would.

        Returns:
            Whether it may be sent: a program of another user's (sudo's, say) takes none, and goes on.
        """
        try:
            (os.killpg if to_group else os.kill)(self.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:
            if not self._cannot_send and number not in _END_NOTHING:
                self._cannot_send = True
                with contextlib.suppress(OSError):
                    os.write(2, f"obs: {_name_of_signal(number)} cannot be sent to another user's program\n".encode())
            return False
        return True


def _peak() -> int:
    """Return the bytes that this process held at most."""
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as file:
        for line in file:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _user_of_terminal() -> int | None:
    """Return the process group that uses the terminal; None if there is no terminal, or no more."""
    with contextlib.suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
        return os.tcgetpgrp(terminal.fileno())
    return None


def _give_terminal_to(group: int) -> None:
    with contextlib.suppress(OSError), open("/dev/tty", "rb", buffering=0) as terminal:
        os.tcsetpgrp(terminal.fileno(), group)


def _waited_for() -> set[int]:
    return {*map(int, signal.valid_signals())} - {signal.SIGKILL, signal.SIGSTOP}


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
        from_terminal=waiting.from_terminal,
        oom_kills=max(0, _oom_kills(cgroup) - kills_before),
        memory_limit=cgroup.limit if cgroup is not None else None,
        memory_peak=cgroup.peak if cgroup is not None else None,
        max_rss=used[0],
        user_time=used[1],
        system_time=used[2],
        core_dumped=killed and os.WCOREDUMP(status),
        attempt=attempt_of_environment(),
    )


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        least = int(signal.SIGRTMIN)
        return f"SIGRTMIN+{number - least}" if number > least else f"signal {number}"


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
    """Return the exception that ended the program, if that has recorded any: what it said last."""
    segments: dict[str, list[str]] = {}
    for path in segment_names(run.store, run.id):
        segments.setdefault(writer_of(path), []).append(path)
    found: Told | None = None
    for writer, paths in segments.items():
        head: records.Head | None = None
        for _, lines in ends_of_segments(run.store, paths) if writer != run.journal.writer else ():
            for record in decode(lines):
                if isinstance(record, records.Head):
                    head = record
                elif isinstance(record, records.Raised) and record.task == ROOT and head and head.process.pid == pid:
                    found = told(record.chain)
    return found


def _end_by(number: int) -> None:
    """End by the signal that ended the program, so that whoever waits for this process sees the same."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program left its core already
    with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})  # others that came too late for the program still wait
    os.kill(os.getpid(), number)
