"""What a program does with `faulthandler`, and what that writes and tells, is the same with obs as without."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.posix

HEAD = """
import ctypes, faulthandler, os, signal, sys, threading, time
def on_signal(number, frame):
    print("handled", number, flush=True)
def crash():
    ctypes.string_at(0)
def send(number):
    os.kill(os.getpid(), number)
def child_of(run):
    pid = os.fork()
    if not pid:
        run()
        os._exit(0)
    print("child", os.waitpid(pid, 0)[1], flush=True)
"""
OBS = """
from obs_core import execution
from obs_core.recording import faults
from obs_core.recording.run import live
def begin():
    global running
    running = execution("a")
    running.__enter__()
    for run in tuple(live.values()):
        run.journal.flush()
        faults.follow(run)
def end():
    running.__exit__(None, None, None)
"""
NO_OBS = """
def begin(): pass
def end(): pass
"""

DEFAULT = "signal.signal(6, signal.SIG_DFL)"
ENABLE, DISABLE = "faulthandler.enable()", "print(faulthandler.disable())"
TOLD = "print(faulthandler.is_enabled(), flush=True)"
REGISTER = "faulthandler.register(signal.SIGTERM, all_threads=False"
ABORT_HANDLED = "signal.signal(signal.SIGABRT, on_signal)"
TERM_HANDLED = "signal.signal(signal.SIGTERM, on_signal)"

PROGRAMS = {
    "abort": ["begin()", "os.abort()"],
    "told": [TOLD, "begin()", TOLD, "end()", TOLD],
    "disabled": ["begin()", DISABLE, TOLD, ENABLE, TOLD, DISABLE, TOLD],
    "handler, enabled, abort": ["begin()", ABORT_HANDLED, ENABLE, "os.abort()"],
    "handler, enabled, told and sent twice": ["begin()", ABORT_HANDLED, ENABLE, "send(6)", TOLD, "send(6)"],
    "enabled in a thread": [
        "begin()", "t = threading.Thread(target=faulthandler.enable)", "t.start()", "t.join()", "crash()",
    ],
    "handler before all, enabled": [ABORT_HANDLED, "begin()", ENABLE, "send(6)", "send(6)"],
    "handler, default again, enabled": ["begin()", ABORT_HANDLED, DEFAULT, ENABLE, "send(6)"],
    "handler before, default within, enabled": [
        ABORT_HANDLED, "begin()", DEFAULT, ENABLE, "send(6)",
    ],
    "handler of a fault, disabled": ["begin()", ABORT_HANDLED, DISABLE, "send(6)", "send(6)"],
    "handler, enabled, disabled": ["begin()", ABORT_HANDLED, ENABLE, DISABLE, "send(6)", "send(6)"],
    "enabled, then handler": ["begin()", ENABLE, ABORT_HANDLED, "send(6)", "os.abort()"],
    "enabled before": [ENABLE, "begin()", TOLD, "crash()"],
    "enabled within": ["begin()", ENABLE, "crash()"],
    "enabled after": ["begin()", "end()", ENABLE, "crash()"],
    "enabled before, disabled within": [ENABLE, "begin()", DISABLE, TOLD, "crash()"],
    "enabled and disabled, next execution": ["begin()", ENABLE, DISABLE, "end()", "begin()", TOLD, "crash()"],
    "to a file": ["begin()", "own = open('own', 'w')", "faulthandler.enable(file=own)", "crash()"],
    "to a file before": ["own = open('own', 'w')", "faulthandler.enable(own, False)", "begin()", "crash()"],
    "what is no file": [
        "begin()", "try: faulthandler.enable(file='own')", "except AttributeError: print('refused')", TOLD, "crash()",
    ],
    "in a child": ["begin()", ENABLE, "child_of(crash)"],
    "told in a child": ["begin()", "child_of(lambda: print(faulthandler.is_enabled(), flush=True))"],
    "registered before": [REGISTER + ")", "begin()", "send(15)", "print('on', flush=True)", "end()", "send(15)"],
    "registered within": ["begin()", REGISTER + ")", "send(15)", "print('on', flush=True)", "end()", "send(15)"],
    "registered within, chained": ["begin()", REGISTER + ", chain=True)", "send(15)"],
    "registered within, chained, sent after": ["begin()", REGISTER + ", chain=True)", "end()", "send(15)"],
    "registered after": ["begin()", "end()", REGISTER + ")", "begin()", "send(15)", "end()", "send(15)"],
    "registered, next execution": ["begin()", REGISTER + ")", "end()", "begin()", "send(15)", "end()", "send(15)"],
    "registered above a handler": [
        "begin()", TERM_HANDLED, REGISTER + ", chain=True)", "send(15)", "end()", "send(15)",
    ],
    "registered above a handler before": [
        TERM_HANDLED, REGISTER + ", chain=True)", "begin()", "send(15)", "end()", "send(15)",
    ],
    "registered to a file": [
        "begin()", "own = open('own', 'w')", "faulthandler.register(15, own, False)", "send(15)", "end()", "send(15)",
    ],
    "another signal registered": ["begin()", "faulthandler.register(signum=10)", "send(10)", "end()"],
    "not registered": ["begin()", "print(faulthandler.unregister(15), flush=True)", "end()", "send(15)"],
    "registered and not": [
        "begin()", REGISTER + ")", "print(faulthandler.unregister(15), faulthandler.unregister(15), flush=True)",
        "send(15)",
    ],
    "handler of a child's": ["begin()", TERM_HANDLED, "child_of(lambda: send(15))", "send(15)"],
    "default in a child": [
        TERM_HANDLED, "begin()", "signal.signal(15, signal.SIG_DFL)", "child_of(lambda: send(15))", "send(15)",
    ],
    "default again": [TERM_HANDLED, "begin()", "signal.signal(15, signal.SIG_DFL)", "end()", "send(15)"],
}  # fmt: skip


def what_happens(program: str, folder: Path, options: tuple[str, ...]) -> tuple[int, str, str, str]:
    own, script = folder / "own", folder / "script.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", *options, script],  # it forks beside a thread
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    written = own.read_text() if own.exists() else ""
    own.unlink(missing_ok=True)
    return done.returncode, done.stdout, stack(done.stderr), stack(written)


def stack(text: str) -> str:
    """Leave out what differs anyway: where memory is, what else is imported, threads, obs's call of `os.abort`."""
    text = re.sub(r"^Thread 0x.*?\n\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(Extension modules:|  File .*abrupt_ends.py).*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"0x[0-9a-f]+", "0x", re.sub(r"line \d+", "line", text)).strip()


@pytest.mark.parametrize("options", [(), ("-X", "faulthandler")], ids=["", "enabled by Python"])
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_programs_faulthandler_does_with_obs_what_it_does_without(
    program: list[str], options: tuple[str, ...], tmp_path: Path
) -> None:
    body = "\n".join(program)
    with_obs = what_happens(f"{OBS}{HEAD}{body}\n", tmp_path, options)
    assert with_obs == what_happens(f"{NO_OBS}{HEAD}{body}\n", tmp_path, options)


def test_a_handler_stands_though_another_thread_enables_faulthandler_which_can_set_no_handlers(tmp_path: Path) -> None:
    enable = "t = threading.Thread(target=faulthandler.enable)\nt.start()\nt.join()"
    program = f"{OBS}{HEAD}begin()\n{ABORT_HANDLED}\n{enable}\nsend(6)\n"
    assert what_happens(program, tmp_path, ())[:2] == (0, "handled 6\n")
