"""Imports in another thread, where no signal's handler disturbs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HANDLES = "import signal; signal.signal(signal.SIGALRM, lambda *at: 1 / 0)\n"

FINALIZERS = """
import threading
from obs_core import task

lock = threading.RLock()

class Entry:
    def __init__(self):
        self.itself = self

    def __del__(self):
        with lock:
            pass

for number in range(300):
    Entry()
with lock:
    print(task(lambda: "works")())
"""

FINDER = """
import sys
from obs_core import span, task

class Finder:
    @span("finding")
    def find_spec(self, *wanted):
        pass

sys.meta_path.insert(0, Finder())
print(task(lambda: "works")())
"""


@pytest.mark.parametrize("handles", [HANDLES, ""], ids=["with a timeout", "without"])
@pytest.mark.parametrize("program", [FINALIZERS, FINDER], ids=["finalizers", "finder"])
def test_what_the_first_task_imports_waits_for_no_code_of_the_program(
    tmp_path: Path, program: str, handles: str
) -> None:
    command = [sys.executable, "-c", handles + program]
    environment = {**os.environ, "OBS_STRICT": "0"}  # a finder that records may be called while that begins
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "works\n", done.stderr


@pytest.mark.posix
def test_a_module_that_is_being_imported_is_not_waited_for(tmp_path: Path) -> None:
    package = tmp_path / "acme"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import _thread\n"
        "from obs_core.undisturbed import import_undisturbed\n"
        "import_undisturbed('acme.drawing')\n"
        "print(_thread._count(), 'threads wait for this import')\n"
    )
    (package / "drawing.py").write_text("import acme\n")  # waits until that is done

    program = f"{HANDLES}import acme, acme.drawing; from obs_core import task; print(task(lambda: 'works')())"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["0 threads wait for this import", "works"], done.stderr


@pytest.mark.posix
def test_what_is_not_there_is_looked_for_once(tmp_path: Path) -> None:
    program = (
        f"{HANDLES}import _thread\n"
        "from obs_core.undisturbed import import_undisturbed\n"
        "begin, begun = _thread.start_new_thread, []\n"
        "_thread.start_new_thread = lambda *given: begun.append(1) or begin(*given)\n"
        "for _ in range(3):\n"
        "    import_undisturbed('acme_that_is_not_there')\n"
        "print(len(begun))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n", done.stderr


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [
        ("", "True (600, 9, 8)"),
        ("gc.disable()", "False (600, 9, 8)"),
        ("gc.set_threshold(500, 7, 6)", "True (500, 7, 6)"),
        ("gc.set_threshold(0)", "True (0, 9, 8)"),
    ],
)
@pytest.mark.posix
def test_what_another_thread_sets_of_the_collector_meanwhile_stays(
    tmp_path: Path, meanwhile: str, expected: str
) -> None:
    (tmp_path / "acme.py").write_text(
        f"import gc, threading\nprint(threading.main_thread() is threading.current_thread())\n{meanwhile}\n"
    )
    program = f"""{HANDLES}
import gc
from obs_core.undisturbed import import_undisturbed
gc.set_threshold(600, 9, 8)
import_undisturbed("acme")
print(gc.isenabled(), gc.get_threshold())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", expected], done.stderr


STRUCK_AT_EACH_CALL = """
import _thread, gc, signal, sys, time
from obs_core.undisturbed import import_undisturbed

def raise_timeout(*at):
    raise TimeoutError

def strike(frame, event, _what):
    global left
    if event in ("call", "c_return") and frame.f_code.co_name != "raise_timeout":
        left -= 1
        if left < 0:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGALRM)

signal.signal(signal.SIGALRM, raise_timeout)
gc.set_threshold(600, 9, 8)
number, is_struck = 0, True
while is_struck:
    left, is_struck = number, False
    sys.setprofile(strike)
    try:
        import_undisturbed(f"acme_{number}")
    except TimeoutError:
        is_struck = True
    finally:
        sys.setprofile(None)
    while _thread._count():
        time.sleep(0.001)
    assert gc.get_threshold() == (600, 9, 8), (number, gc.get_threshold())
    number += 1
print(number > 30)
"""


@pytest.mark.posix
def test_the_collector_goes_on_as_before_wherever_a_timeout_strikes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STRUCK_AT_EACH_CALL]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.posix
def test_the_collector_goes_on_as_before_in_a_child_that_is_forked_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "acme.py").write_text(
        "import gc, os\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(gc.get_threshold() == (600, 9, 8))\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    program = (
        f"{HANDLES}import gc\n"
        "from obs_core.undisturbed import import_undisturbed\n"
        "gc.set_threshold(600, 9, 8)\n"
        "import_undisturbed('acme')\n"
        "print(gc.get_threshold())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1", "(600, 9, 8)"], done.stderr


@pytest.mark.posix
def test_the_collector_waits_for_the_last_of_two_such_threads(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(
        "import gc, os, signal, time, builtins\n"
        "os.kill(os.getpid(), signal.SIGALRM)\n"
        "while not builtins.has_second_begun: time.sleep(0.001)\n"
    )
    (tmp_path / "second.py").write_text(
        "import _thread, builtins, gc, time\n"
        "builtins.has_second_begun = True\n"
        "while _thread._count() > 1: time.sleep(0.001)\n"
        "print(gc.get_threshold()[0] > 600)\n"
    )
    program = (
        f"{HANDLES}import builtins, gc, os, obs_core\n"
        "from obs_core.undisturbed import import_undisturbed\n"
        "obs_core.__path__.append(os.getcwd())  # what is obs's own is imported while something else is too\n"
        "builtins.has_second_begun = False\n"
        "gc.set_threshold(600, 9, 8)\n"
        "try: import_undisturbed('obs_core.first')\n"
        "except ZeroDivisionError: print('struck')\n"
        "import_undisturbed('obs_core.second')\n"
        "print(gc.get_threshold())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["struck", "True", "(600, 9, 8)"], done.stderr


LOOKED_UP_MEANWHILE = """
import gc, time, weakref
from obs_core import execution
from obs_core.undisturbed import import_undisturbed

class Entry:
    def __init__(self):
        self.itself = self

gc.set_threshold(600, 9, 8)
import_undisturbed("acme")
import acme
gc.set_threshold(*acme.found)
entry = weakref.ref(Entry())
for _ in range(1_000_000):
    Entry()
print(entry() is None)

with execution("work"):
    until = time.monotonic() + 60
    while gc.get_threshold() == acme.found != (600, 9, 8) and time.monotonic() < until:
        time.sleep(0.01)
print(gc.get_threshold())
"""


@pytest.mark.posix
def test_the_collector_works_though_the_program_sets_what_it_found_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "acme.py").write_text("import gc\nfound = gc.get_threshold()\n")
    command = [sys.executable, "-c", HANDLES + LOOKED_UP_MEANWHILE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines() == ["True", "(600, 9, 8)"], done.stderr


@pytest.mark.posix
def test_a_collector_that_the_program_has_stopped_stays_so_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "acme.py").write_text("import gc\nprint(gc.get_threshold())\n")
    program = f"{HANDLES}import gc; gc.set_threshold(0, 9, 8)\nfrom obs_core.undisturbed import import_undisturbed\n"
    command = [sys.executable, "-c", program + "import_undisturbed('acme')\nprint(gc.get_threshold())\n"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(0, 9, 8)"] * 2, done.stderr
