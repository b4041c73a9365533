"""What a dying process leaves, and that nothing changes for one that lives."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import load_execution

Run = Callable[..., "subprocess.CompletedProcess[str]"]

BEGIN = "import os, signal, sys, time\nfrom obs_core import execution, task\n"


def left(folder: Path) -> list[Path]:
    return sorted(folder.glob("executions/*/faults-*"))


def test_one_that_ends_well_leaves_nothing(run_script: Run, folder: Path) -> None:
    run_script(f"{BEGIN}with execution('a'):\n    with execution('b'): pass")
    assert not list(folder.glob("executions/*/faults-*"))


def test_handlers_look_as_before_and_get_the_signal(run_script: Run, folder: Path) -> None:
    source = f"""{BEGIN}
seen = []
def handle(number, frame): seen.append(number)
signal.signal(signal.SIGTERM, handle)
with execution("a"):
    assert signal.getsignal(signal.SIGTERM) is handle
    os.kill(os.getpid(), signal.SIGTERM)
    while not seen: time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    while len(seen) < 2: time.sleep(0.01)
print(seen)
"""
    assert run_script(source).stdout == "[15, 15]\n"
    (file,) = left(folder)
    assert file.read_text().count("most recent call first") == 2


def test_a_handler_that_comes_later_stands(run_script: Run) -> None:
    source = f"""{BEGIN}
seen = []
with execution("a"):
    signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    os.kill(os.getpid(), signal.SIGTERM)
    while not seen: time.sleep(0.01)
with execution("b"):
    os.kill(os.getpid(), signal.SIGTERM)
    while len(seen) < 2: time.sleep(0.01)
"""
    run_script(source)


def test_an_ignored_signal_stays_ignored(run_script: Run) -> None:
    source = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwith execution('a'): os.kill(os.getpid(), 15)"
    run_script(f"{BEGIN}{source}")


def test_a_programs_own_faulthandler_is_kept(run_script: Run, folder: Path) -> None:
    source = f"{BEGIN}import ctypes, faulthandler\nfaulthandler.enable()\nwith execution('a'): ctypes.string_at(0)"
    done = run_script(source, check=False)
    assert done.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in done.stderr
    assert [file.read_text() for file in left(folder)] == [""]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who handles a signal")
def test_a_program_that_registered_sigterm_keeps_it(run_script: Run, folder: Path) -> None:
    register = "import faulthandler\nfaulthandler.register(signal.SIGTERM, chain=True)"
    done = run_script(f"{BEGIN}{register}\nwith execution('a'): os.kill(os.getpid(), 15)", check=False)
    assert done.returncode == -signal.SIGTERM
    assert "most recent call first" in done.stderr
    assert [file.read_text() for file in left(folder)] == [""]


def test_what_ends_a_forked_child_says_nothing_of_its_parent(run_script: Run, folder: Path) -> None:
    source = f"""{BEGIN}
with execution("a"):
    child = os.fork()
    if not child:
        time.sleep(300)
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == signal.SIGTERM
"""
    run_script(source)
    assert not left(folder)


def test_a_forked_child_that_crashes_leaves_its_stack(run_script: Run, folder: Path) -> None:
    source = f"""{BEGIN}
import ctypes
def crash():
    ctypes.string_at(0)
with execution("a"):
    child = os.fork()
    if not child:
        crash()
    assert os.waitpid(child, 0)[1] & 127 == signal.SIGSEGV
    raise SystemExit(3)
"""
    run_script(source, check=False)
    (file,) = left(folder)
    assert file.name != "faults-main.txt"
    assert 'script.py", line 6 in crash' in file.read_text()
    evidence = load_execution("last", folder).why().evidence
    assert any("crashed at" in one and "script.py:6: Segmentation fault" in one for one in evidence), evidence


def test_forked_children_that_end_well_leave_nothing(run_script: Run, folder: Path) -> None:
    source = f"""{BEGIN}
with execution("a"):
    for _ in range(3):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
"""
    run_script(source)
    assert not left(folder)


def test_forking_lets_no_signal_wait_for_longer(run_script: Run) -> None:
    source = f"""{BEGIN}
with execution("a"):
    read, write = os.pipe()
    child = os.fork()
    os.write(write, repr(signal.pthread_sigmask(signal.SIG_BLOCK, [])).encode())
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    print(os.read(read, 100).decode())
"""
    assert run_script(source).stdout == "set()set()\n"


def test_a_script_without_an_execution_leaves_its_stack_too(run_script: Run, folder: Path) -> None:
    source = f"""{BEGIN}
from obs_core import span
from obs_core.recording import faults
with span("a"):
    while not faults._watch.runs: time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
"""
    done = run_script(source, check=False)
    assert done.returncode == -signal.SIGTERM
    (file,) = left(folder)
    assert 'script.py", line 8' in file.read_text()


def test_a_program_that_closes_everything_gets_no_stack_into_its_files(run_script: Run, tmp_path: Path) -> None:
    source = f"""{BEGIN}
with execution("a"):
    os.closerange(3, 1024)
    files = [os.open("own", os.O_WRONLY | os.O_CREAT) for _ in range(20)]
    with execution("b"):
        pass
    os.kill(os.getpid(), 15)
"""
    run_script(source, check=False)
    assert (tmp_path / "own").read_bytes() == b""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts Linux's descriptors")
def test_threads_that_begin_and_end_executions_at_once_leave_no_file_open(run_script: Run) -> None:
    source = f"""{BEGIN}
import threading
from obs_core.recording import faults
from obs_core.recording.executions import begin
sys.setswitchinterval(1e-6)
runs = [begin(str(number), {{}}) for number in range(4)]
for run in runs:
    run.journal.flush()
faults.follow(runs[0])
faults.unfollow(runs[0])
def again(run):
    for _ in range(3000):
        faults.follow(run)
        faults.unfollow(run)
before = len(os.listdir("/proc/self/fd"))
threads = [threading.Thread(target=again, args=(run,)) for run in runs]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(os.listdir("/proc/self/fd")) - before)
"""
    assert run_script(source).stdout == "0\n"


def test_executions_that_were_joined_and_left_for_good_are_not_followed(run_script: Run, folder: Path) -> None:
    source = f"""{BEGIN}
import pathlib
from obs_core import attach, carrier, span
with execution("first"):
    carried = carrier()
for number in range(60):
    with attach({{**carried, "obs-execution": f"20200101-000000-{{number:06d}}-aaaaaa"}}), span("message"):
        pass
print(len(list(pathlib.Path({str(folder)!r}).glob("executions/*/faults-*"))))
"""
    assert int(run_script(source).stdout) <= 16  # so many stay open


def test_at_sigterm_the_stacks_of_other_threads_are_left_alone(run_script: Run, folder: Path) -> None:
    """They run on while they are read, and what is read of a frame that is gone ends the process."""
    source = f"""{BEGIN}
import threading
def elsewhere():
    time.sleep(300)
with execution("a"):
    threading.Thread(target=elsewhere, daemon=True).start()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(300)
"""
    assert run_script(source, check=False).returncode == -signal.SIGTERM
    (file,) = left(folder)
    text = file.read_text()
    assert text.count("most recent call first") == 1
    assert "script.py" in text
    assert "elsewhere" not in text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who handles a signal")
@pytest.mark.parametrize("handled", [False, True])
def test_a_library_that_handles_segmentation_faults_keeps_them(run_script: Run, handled: bool) -> None:
    source = f"""{BEGIN}
import ctypes
from obs_core import fault_handlers
from obs_core.recording import faults
from obs_core.recording.executions import begin
handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: None)
if {handled}:
    ctypes.CDLL(None).signal(signal.SIGSEGV, handler)
run = begin("a", {{}})
run.journal.flush()
faults.follow(run)
print(fault_handlers.is_enabled_by_anyone())
"""
    assert run_script(source).stdout == f"{not handled}\n"


@pytest.mark.posix
def test_an_abort_is_told_of_though_a_handler_was_set_before(tmp_path: Path) -> None:
    program = (
        "import faulthandler, os, signal\n"
        "from obs_core import task\n"
        "signal.signal(signal.SIGABRT, lambda *at: None)\n"
        "faulthandler.enable()\n"
        "task(lambda: 1)()\n"
        "os.abort()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Fatal Python error: Aborted" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="obs run needs Linux")
def test_what_a_program_began_gets_its_stack_though_more_is_written_of_obs_run_meanwhile(
    run_script: Run, folder: Path
) -> None:
    source = f"""{BEGIN}
import ctypes, threading
from obs_core import span
from obs_core.recording import faults

def beside():
    inner.wait()
    with span("beside"):  # which belongs to the execution of obs run
        pass

def until_followed(count):
    while len(faults._watch.runs) < count:
        time.sleep(0.01)

inner = threading.Event()
thread = threading.Thread(target=beside)
if len(sys.argv) == 1:
    command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, __file__, "crash"]
    os.execv(sys.executable, command)
thread.start()
with execution("inner"):
    with span("within"):
        pass
    until_followed(1)
    inner.set()
    thread.join()
    until_followed(2)
    ctypes.string_at(0)
"""
    run_script(source, check=False)
    found = load_execution("inner", folder).why()
    assert "string_at" in [frame.function for frame in found.stack]
    assert found.cause == "crashed"
