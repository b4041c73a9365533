"""Names of things: execution ids, writer ids, and the machine and process that write."""

from __future__ import annotations

import functools
import os
import sys
import time

from msgspec import Struct

from obs_core.interruptions import let_pass

_ALPHABET = b"0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that is mistaken for another. Source: https://www.crockford.com/base32.html."""

_LETTERS = _ALPHABET * 8
"""A letter for each byte, all equally often."""


class Process(Struct, frozen=True, array_like=True):
    """The process that writes a journal, as far as another one can tell whether it still lives.

    Attributes:
        host: The host's name, for people.
        machine: Changes with host, boot and container: process ids of two machines are never compared.
        pid: The process id.
        born: When the process started, in the kernel's own ticks, so that a reused pid is noticed; 0 where
            unknown.
    """

    host: str
    machine: str
    pid: int
    born: int


def new_execution_id() -> str:
    """Return a fresh execution id that sorts by time, such as ``"20261122-234237-417123-k3v9xq"`` (UTC)."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}-{rest // 1000:06d}-{_random_text(6)}"


def is_dated(execution_id: str) -> bool:
    """Tell whether an id says when the execution began, as `new_execution_id` makes them."""
    digits = execution_id[:8] + execution_id[9:15] + execution_id[16:22]
    return len(execution_id) == 29 and len(digits) == 20 and digits.isascii() and digits.isdecimal()


def made_at(execution_id: str) -> int:
    """Return when an id was made, in nanoseconds since the epoch; 0 if it does not say that."""
    if not is_dated(execution_id):
        return 0
    import calendar

    try:
        second = calendar.timegm(time.strptime(execution_id[:15], "%Y%m%d-%H%M%S"))
    except ValueError as error:  # no such day
        let_pass(error)
        return 0
    return (second * 1_000_000 + int(execution_id[16:22])) * 1_000


def later(execution_id: str, other: str) -> str:
    """Return an id, moved to a microsecond after another one unless it is later anyway."""
    if execution_id > other or not is_dated(execution_id) or not is_dated(other):
        return execution_id
    made = made_at(other)
    if not made:
        return execution_id
    seconds, micros = divmod(made // 1_000 + 1, 1_000_000)
    return f"{_second(seconds)}-{micros:06d}-{execution_id[-6:]}"


@functools.lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds))


def new_writer_id() -> str:
    """Return a fresh id for a further writer of an execution (its first writer is called ``"main"``)."""
    return _random_text(10)


def _random_text(length: int) -> str:
    return os.urandom(length).translate(_LETTERS).decode("ascii")


def this_process() -> Process:
    """Describe the running process."""
    return _described(os.getpid())  # by its pid, so that a forked child does not pass for its parent


@functools.lru_cache(maxsize=1)
def _described(pid: int) -> Process:
    return Process(host_name(), this_machine(), pid, _born(pid))


def host_name() -> str:
    """Return the name of this host."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket  # slow to import, and needed on Windows alone

    return socket.gethostname()


def this_machine() -> str:
    """Name this boot of this host (or container), so that only its own process ids are looked up."""
    return _machine_of(os.getpid())


@functools.lru_cache(maxsize=1)
def _machine_of(_pid: int) -> str:
    boot = _first_line("/proc/sys/kernel/random/boot_id")
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError as error:
        let_pass(error)
        namespace = ""
    return "/".join((host_name(), boot, namespace))


def is_alive(process: Process) -> bool | None:
    """Tell whether a process still runs; None when this machine cannot know."""
    if process.machine != this_machine():
        return None
    if process.pid <= 0:  # a record that no process of ours wrote
        return False
    if not _is_running(process.pid):
        return False
    return not process.born or _born(process.pid) == process.born


if sys.platform == "win32":

    def _is_running(pid: int) -> bool:
        # os.kill(pid, 0) would not ask there: 0 is CTRL_C_EVENT.
        import ctypes

        query, still_active, access_denied = 0x1000, 259, 5
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        if pid >= 2**32:
            return False
        process = kernel.OpenProcess(query, False, ctypes.c_uint32(pid))
        if not process:
            return bool(ctypes.get_last_error() == access_denied)
        try:
            code = ctypes.c_uint32()
            return not kernel.GetExitCodeProcess(ctypes.c_void_p(process), ctypes.byref(code)) or (
                code.value == still_active
            )
        finally:
            kernel.CloseHandle(ctypes.c_void_p(process))

else:

    def _is_running(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError) as error:
            let_pass(error)
            return False
        except OSError as error:
            let_pass(error)  # else another user's
        return True


def _born(pid: int) -> int:
    """Return the start time of a process in clock ticks since boot (proc(5), field 22), or 0."""
    stat = _first_line(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20:
        return 0
    return -1 if fields[0] in "ZX" else int(fields[19])


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError as error:
        let_pass(error)
        return ""


def python_version() -> str:
    """Return the running Python's version, such as ``"3.13.0"``."""
    return ".".join(map(str, sys.version_info[:3]))
