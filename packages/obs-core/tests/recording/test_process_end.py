"""What ends a script decides what the store says of it."""

from __future__ import annotations

import enum
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import ExecutionNotFoundError, list_executions, load_execution
from obs_core.recording.process_end import ended_well, exit_status

LATER = sys.version_info >= (3, 12)


def status_of(folder: Path, source: str, *arguments: str) -> tuple[str, str | None]:
    subprocess.run(
        [sys.executable, *(arguments or ("-c", f"import os, sys\nfrom obs_core import *\n{source}"))],
        env={**os.environ, "OBS_STORE": str(folder), "OBS_STRICT": "0"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    (found,) = list_executions(folder)
    return found.status, found.error


LOAD = "with span('load'): pass\n"
SUCCEEDED = ("succeeded", None)
DIVIDED = ("failed", "ZeroDivisionError: division by zero")
IN_THREAD = "import threading\nt = threading.Thread(target=sys.exit, args=(1,))\nt.start(); t.join()"
SHOWN = "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    sys.last_value = sys.last_exc = error"
WITH_IPYTHON = "import types\nsys.modules['IPython'] = types.ModuleType('IPython')\n1 / 0"
HOOK_OBJECT = """class Hook:
    def __call__(self, *_): self.leave()
    def leave(self): sys.exit()
sys.excepthook = Hook()
1 / 0"""
IN_CONSOLE = "import code\ncode.InteractiveInterpreter().runcode(compile('1 / 0', '<console>', 'exec'))"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (LOAD, SUCCEEDED),
        (f"{LOAD}sys.exit()", SUCCEEDED),
        (f"{LOAD}sys.exit(0)", SUCCEEDED),
        (f"{LOAD}sys.exit(1)", ("failed", "SystemExit: 1")),
        (f"{LOAD}sys.exit('no input')", ("failed", "SystemExit: no input")),
        (f"{LOAD}raise SystemExit(3)", ("failed", "SystemExit: 3")),
        (f"{LOAD}exit(4)", ("failed", "SystemExit: 4")),
        (f"{LOAD}exit(0)", SUCCEEDED),
        (f"{LOAD}exit(len('four'))", ("failed", "SystemExit: 4")),
        (f"{LOAD}quit(len('') or None)", SUCCEEDED),
        (f"from sys import exit\n{LOAD}exit(len('four'))", ("failed", "SystemExit: 4")),
        (f"from sys import exit as leave\n{LOAD}leave(len(''))", SUCCEEDED),
        (f"{LOAD}raise ValueError('boom')", ("failed", "ValueError: boom")),
        (f"{LOAD}raise KeyboardInterrupt", ("failed", "KeyboardInterrupt")),
        (f"{LOAD}try:\n    sys.exit(2)\nexcept SystemExit: pass", SUCCEEDED),
        (f"{LOAD}sys.excepthook = lambda *_: None\n1 / 0", DIVIDED),
        ("with span('load'): sys.exit(0)", SUCCEEDED),
        ("with span('load'): sys.exit(5)", ("failed", "SystemExit: 5")),
        (f"{LOAD}sys.exit(False)", SUCCEEDED),
        (f"{LOAD}sys.exit(True)", ("failed", "SystemExit: True")),
        (f"{LOAD}sys.exit(0.0)", ("failed", "SystemExit: 0.0")),
        (f"{LOAD}import http\nsys.exit(http.HTTPStatus.OK - 200)", SUCCEEDED),
        (f"{LOAD}sys.excepthook = lambda *_: sys.exit(0)\n1 / 0", SUCCEEDED),
        (f"{LOAD}sys.excepthook = lambda *_: sys.exit(3)\n1 / 0", DIVIDED),
        (f"{LOAD}{HOOK_OBJECT}", SUCCEEDED),
        (f"{LOAD}sys.excepthook = lambda *_: sys.exit(0)\nsys.exit(3)", ("failed", "SystemExit: 3")),
        (f"{LOAD}import atexit\natexit.register(sys.exit, 0)\n1 / 0", DIVIDED),
        (f"{LOAD}{IN_THREAD}", SUCCEEDED),
        # What a console, a notebook or a test runner caught and showed ended nothing.
        (f"{LOAD}{SHOWN}", SUCCEEDED),
        (f"{LOAD}{WITH_IPYTHON}", DIVIDED),
        (f"{LOAD}{IN_CONSOLE}", SUCCEEDED),
    ],
)
def test_an_ambient_execution_ends_as_its_process_does(
    folder: Path, source: str, expected: tuple[str, str | None]
) -> None:
    assert status_of(folder, source) == expected


@pytest.mark.posix
def test_what_a_process_makes_of_an_exit_code_is_how_it_ended() -> None:
    class Code(enum.IntEnum):
        OK = 0
        BAD = 2

    class Odd(int):
        def __eq__(self, other: object) -> bool:
            raise ValueError

        def __int__(self) -> int:
            return 0

        __hash__ = None  # type: ignore[assignment]

    codes: list[tuple[Any, int]] = [
        *((None, 0), (0, 0), (False, 0), (Code.OK, 0), (256, 0), (-512, 0), (Odd(0), 0), (1 << 40, 0)),
        *((1, 1), (True, 1), (Code.BAD, 2), (257, 1), (-1, 255), (Odd(3), 3), (1 << 64, 255)),
        *(("", 1), ("0", 1), (0.0, 1), ([], 1)),
    ]
    for code, status in codes:
        assert exit_status(SystemExit(code)) == status, code
        assert ended_well(SystemExit(code)) == (status == 0), code
    source = "import sys, enum\nsys.exit({})"
    for text, status in [("256", 0), ("1 << 40", 0), ("1 << 64", 255), ("0.0", 1), ("enum.IntEnum('C', 'A').A", 1)]:
        assert (
            subprocess.run(
                [sys.executable, "-c", source.format(text)], check=False, stderr=subprocess.DEVNULL
            ).returncode
            == status
        )


@pytest.mark.skipif(not LATER, reason="Python 3.11 does not tell")
def test_an_exit_raised_by_a_function_is_known(folder: Path) -> None:
    source = "def main():\n    with span('load'): pass\n    return 7\nraise SystemExit(main())"
    assert status_of(folder, source) == ("failed", "SystemExit: 7")


def test_a_script_and_a_module_end_likewise(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nightly.py").write_text(
        "import sys\nfrom obs_core import span\nwith span('load'): pass\nsys.exit(6)\n"
    )
    assert status_of(folder, "", str(tmp_path / "nightly.py")) == ("failed", "SystemExit: 6")
    monkeypatch.chdir(tmp_path)
    assert status_of(tmp_path / "second", "", "-m", "nightly") == ("failed", "SystemExit: 6")


@pytest.mark.parametrize(("code", "expected"), [("0", "succeeded"), ("False", "succeeded"), ("1", "failed")])
def test_an_exit_within_an_execution_or_a_task_is_their_end(
    folder: Path, tmp_path: Path, code: str, expected: str
) -> None:
    assert status_of(folder, f"with execution('night'):\n    with span('load'): sys.exit({code})")[0] == expected
    source = f"@task\ndef load():\n    sys.exit({code})\nload()"
    assert status_of(tmp_path / "second", source)[0] == expected
    recorded = load_execution("last", tmp_path / "second")
    assert [one.status for one in recorded.tasks] == [expected]
    assert ("Error" in [deck.name for deck in recorded.tasks[0].decks]) == (expected == "failed")
    assert {one.status for one in load_execution("last", folder).span.walk()} == {expected}


@pytest.mark.posix
@pytest.mark.parametrize("begun", ["", "current_context()", "with span('first'): pass"])
def test_a_forked_child_that_runs_what_is_registered_loses_nothing(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]], begun: str
) -> None:
    run_script(
        f"""
import atexit, os
from obs_core import current_context, span
{begun}
pid = os.fork()
if not pid:
    atexit._clear()
    with span('in the child'):
        current_context().default_deck.append('of the child')
    atexit._run_exitfuncs()
    os._exit(0)
os.waitpid(pid, 0)
"""
    )
    found = [load_execution(one.id, folder) for one in list_executions(folder)]
    names = [one.name for recorded in found for one in recorded.span.walk()]
    assert names.count("in the child") == 1
    assert [one.items for recorded in found for task in recorded.tasks for one in task.decks] == [["of the child"]]
    assert {recorded.status for recorded in found} == {"succeeded"}


@pytest.mark.posix
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("begun", ["", "current_context()", "with span('first'): pass"])
def test_workers_that_only_used_a_span_leave_nothing_running(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]], method: str, begun: str
) -> None:
    run_script(
        f"""
import multiprocessing, time
from obs_core import current_context, span

def part(number):
    with span("part", number=number):
        pass

if __name__ == "__main__":
    {begun or "pass"}
    context = multiprocessing.get_context("{method}")
    workers = [context.Process(target=part, args=(number,)) for number in range(2)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    with context.Pool(2) as pool:
        pool.map(part, range(4))
        pool.close()
        pool.join()
"""
    )
    found = list(list_executions(folder))
    assert {one.status for one in found} == {"succeeded"}
    parts = [one for run in found for one in load_execution(run.id, folder).span.walk() if one.name == "part"]
    assert sorted(one.attributes["number"] for one in parts) == [0, 0, 1, 1, 2, 3]


@pytest.mark.posix
def test_a_task_killed_at_once_is_there(folder: Path) -> None:
    source = """
import os, signal
from obs_core import execution, task

@task(enable_deck=False)
def fit():
    os.kill(os.getpid(), signal.SIGKILL)

with execution("night"):
    fit()
"""
    subprocess.run(
        [sys.executable, "-c", source], env={**os.environ, "OBS_STORE": str(folder)}, check=False, timeout=120
    )
    recorded = load_execution("last", folder)
    assert [(one.name, one.status) for one in recorded.tasks] == [("fit", "lost")]


AT_EXIT = """
import atexit, sys, threading, weakref
def leave():
    from obs_core import span
    with span("leave"):
        if "raises" in sys.argv: raise ValueError("at exit")
def wait():
    threading.main_thread().join()
    leave()
class Open: pass
if "older" in sys.argv: atexit.register(leave)
if "older finalizer" in sys.argv: opened = Open(); weakref.finalize(opened, leave)
from obs_core import span
if "before" in sys.argv:
    with span("before"): pass
if "newer" in sys.argv: atexit.register(leave)
if "twice" in sys.argv: atexit.register(leave); atexit.register(leave)
if "finalizer" in sys.argv: opened = Open(); weakref.finalize(opened, leave)
if "thread" in sys.argv: threading.Thread(target=wait).start()
if "exit" in sys.argv: sys.exit(3)
if "error" in sys.argv: 1 / 0
"""
AT_END = {"raises": SUCCEEDED, "exit": ("failed", "SystemExit: 3"), "error": DIVIDED}


@pytest.mark.parametrize("before", ["before", ""])
@pytest.mark.parametrize(
    ("when", "how", "expected"),
    [
        *((when, "", SUCCEEDED) for when in ("older", "older finalizer", "newer", "twice", "finalizer", "thread")),
        *((when, how, end) for when in ("older", "newer") for how, end in AT_END.items()),
    ],
)
def test_what_is_recorded_while_the_process_ends_is_in_its_execution(
    folder: Path, tmp_path: Path, when: str, before: str, how: str, expected: tuple[str, str | None]
) -> None:
    (tmp_path / "nightly.py").write_text(AT_EXIT)
    assert status_of(folder, "", str(tmp_path / "nightly.py"), when, before, how) == expected
    recorded = load_execution("last", folder)
    spans = [(one.name, one.status) for one in list(recorded.span.walk())[1:]]
    left = ("leave", "failed" if how == "raises" else "succeeded")
    assert spans == [("before", "succeeded")] * bool(before) + [left] * (1 + (when == "twice"))
    assert recorded.view.lost_records == recorded.view.damaged_records == 0


@pytest.mark.posix
@pytest.mark.parametrize("inside", ["with execution('night'):", "if True:"])
@pytest.mark.parametrize("work", ["pass", "\n            with span('in the child'): pass"])
def test_a_child_that_a_thread_forked_ends_with_its_thread(folder: Path, inside: str, work: str) -> None:
    source = f"""
import os, sys, threading, warnings
from obs_core import *
warnings.simplefilter("ignore")
def fork():
    pid = os.fork()
    if not pid:
        with span("first"): pass
        if True: {work}
        sys.exit(0)
    print(os.waitpid(pid, 0)[1])
with span("before"): pass
{inside}
    thread = threading.Thread(target=fork); thread.start(); thread.join()
"""
    environment = {**os.environ, "OBS_STORE": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", source], env=environment, check=True, timeout=60, capture_output=True, text=True
    )
    assert done.stdout == "0\n"
    found = [load_execution(one.id, folder) for one in list_executions(folder)]
    names = [one.name for recorded in found for one in recorded.span.walk()]
    assert names.count("first") == 1
    assert names.count("in the child") == (work != "pass")
    assert {recorded.status for recorded in found} == {"succeeded"}


@pytest.mark.posix
def test_threads_of_a_child_that_a_thread_forked_are_waited_for(folder: Path) -> None:
    source = """
import os, threading, time, warnings
from obs_core import *
warnings.simplefilter("ignore")
def work():
    time.sleep(1.5)
    with span("late"): pass
def fork():
    pid = os.fork()
    if not pid: threading.Thread(target=work).start()
    else: os.waitpid(pid, 0)
with execution("night"):
    thread = threading.Thread(target=fork); thread.start(); thread.join()
"""
    environment = {**os.environ, "OBS_STORE": str(folder)}
    subprocess.run([sys.executable, "-c", source], env=environment, check=True, timeout=60)
    assert [one.name for one in load_execution("last", folder).span.walk()] == ["night", "late"]


@pytest.mark.posix
@pytest.mark.parametrize(
    ("before", "around"),
    [("pass", "if True:"), ("with span('first'): pass", "if True:"), ("pass", "with execution('e'):")],
)
def test_workers_that_a_pool_ends_by_a_signal_lose_nothing(folder: Path, before: str, around: str) -> None:
    source = f"""
import multiprocessing
from obs_core import *
def part(number):
    with span("part", number=number): pass
{before}
{around}
    for _ in range(5):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(part, range(4))
"""
    environment = {**os.environ, "OBS_STORE": str(folder)}
    subprocess.run([sys.executable, "-c", source], env=environment, check=True, timeout=120)
    found = [load_execution(one.id, folder) for one in list_executions(folder)]
    parts = [one for recorded in found for one in recorded.span.walk() if one.name == "part"]
    assert sorted(one.attributes["number"] for one in parts) == sorted([0, 1, 2, 3] * 5)
    assert {recorded.status for recorded in found} == {"succeeded"}


FIRST_SECOND = {
    "third task": ("with execution('night'):\n    quick(); quick(); big()", "night", ["quick", "quick", "big"]),
    "task after a hundred": (
        "with execution('night'):\n    for _ in range(100): quick()\n    big()",
        "night",
        [*["quick"] * 100, "big"],
    ),
    "own execution": ("quick(); big()", "big", ["big"]),
    "own execution after a hundred": ("for _ in range(100): quick()\nbig()", "big", ["big"]),
    "second execution": ("with execution('a'): pass\nwith execution('b'): wait()", "b", []),
    "execution after a hundred": (
        "for _ in range(100):\n    with execution('a'): pass\nwith execution('b'): wait()",
        "b",
        [],
    ),
    "span outside any execution": ("with span('load'): wait()", "python", []),
}


@pytest.mark.posix
@pytest.mark.parametrize("case", FIRST_SECOND)
def test_what_began_is_written_long_before_the_next_round(folder: Path, case: str) -> None:
    work, name, tasks = FIRST_SECOND[case]
    source = f"""
import time
from obs_core import *
from obs_core.journal import flusher
flusher.INTERVAL = 3600  # nothing waits for the next round
def wait():
    print("go", flush=True); time.sleep(60)
@task(enable_deck=False)
def quick(): pass
@task(enable_deck=False)
def big(): wait()
{work}
"""
    with subprocess.Popen(
        [sys.executable, "-c", source], env={**os.environ, "OBS_STORE": str(folder)}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        deadline = time.monotonic() + 60
        while told(folder) != (name, tasks):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    assert load_execution("last", folder).status == "lost"


def told(folder: Path) -> tuple[str, list[str]]:
    try:
        recorded = load_execution("last", folder)
    except ExecutionNotFoundError:
        return "", []
    return recorded.view.name, [one.name for one in recorded.tasks]


@pytest.mark.posix
@pytest.mark.parametrize(
    "end",
    [
        "os._exit(0)",
        "os.abort()",
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
        "os.execle(sys.executable, sys.executable, '-c', '', dict(os.environ))",
        "os.execlp('no such program', 'no such program')",
    ],
)
def test_what_was_recorded_before_an_end_that_python_does_not_tell_of_is_written(folder: Path, end: str) -> None:
    source = f"import os, sys\nfrom obs_core import span\nwith span('before'): pass\nwith span('until'): {end}"
    subprocess.run(
        [sys.executable, "-c", source], env={**os.environ, "OBS_STORE": str(folder)}, capture_output=True, timeout=120
    )
    (found,) = list_executions(folder)
    assert [one.name for one in load_execution(found.id, folder).span.children] == ["before", "until"]


@pytest.mark.posix
def test_ends_that_python_does_not_tell_of_do_and_raise_what_they_did(run_script: Callable[..., Any]) -> None:
    said = run_script(
        """
import os, inspect
from obs_core import span
before = [str(inspect.signature(one)) for one in (os._exit, os.execv)]
with span("any"): pass
print(before == [str(inspect.signature(one)) for one in (os._exit, os.execv)])
for call in (lambda: os.execv("/nowhere", ["x"]), lambda: os.execve(1, 2, 3), lambda: os._exit()):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, flush=True)
os._exit(status=7)
""",
        check=False,
    )
    assert (said.stdout.split(), said.returncode) == (["True", "FileNotFoundError", "TypeError", "TypeError"], 7)


@pytest.mark.skipif(not LATER, reason="from Python 3.12 on there is sys.monitoring")
@pytest.mark.parametrize(
    ("before", "held"),
    [
        ("", [None, None, None, None, "obs", None]),
        ("sys.monitoring.use_tool_id(4, 'mine')", [None, None, None, "obs", "mine", None]),
        (
            "sys.monitoring.use_tool_id(3, 'mine'); sys.monitoring.use_tool_id(4, 'mine')",
            [None, None, None, "mine", "mine", None],
        ),
    ],
)
def test_obs_takes_one_monitoring_tool_for_all_that_it_listens_to(
    folder: Path, tmp_path: Path, before: str, held: list[str | None]
) -> None:
    told = tmp_path / "told"
    status_of(
        folder,
        f"{before}\n{LOAD}@task\ndef alone(): pass\nwith span('around'): alone()\n"
        f"import pathlib; pathlib.Path({str(told)!r}).write_text(repr([*map(sys.monitoring.get_tool, range(6))]))",
    )
    assert told.read_text() == repr(held)


@pytest.mark.skipif(not LATER, reason="from Python 3.12 on there is sys.monitoring")
def test_what_listens_to_threads_goes_on_when_what_listens_to_exceptions_ends(folder: Path) -> None:
    status, _ = status_of(
        folder,
        "import threading, pathlib\n"
        "with span('ambient'): pass\n"
        "from obs_core.recording import here\n"
        "here._process_end.close()\n"
        "with span('around'):\n"
        "    thread = threading.Thread(target=lambda: span('in a thread').__enter__().__exit__(None, None, None))\n"
        "    thread.start(); thread.join()\n",
    )
    (found,) = list_executions(folder)
    ambient, around = load_execution(found.id, folder).span.children
    assert [child.name for child in around.children] == ["in a thread"]
    assert (ambient.name, status) == ("ambient", "succeeded")
