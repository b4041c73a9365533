"""What ends a script decides what the store says of it."""

from __future__ import annotations

import enum
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import ExecutionNotFoundError, list_executions, load_execution
from obs_core.recording.exit_status import ended_well, exit_status

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
        (f"{LOAD}sys.excepthook = lambda *_: sys.exit(3)\ntry: 1 / 0\nexcept ZeroDivisionError: raise", DIVIDED),
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


CAUGHT = "try:\n    sys.exit(2)\nexcept SystemExit: pass\n"
RAISES = "def main(*_):\n    with span('load'): pass\n    raise SystemExit({})\n"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("def main(*_):\n    with span('load'): pass\n    return {}\nraise SystemExit(main())", 7),
        ("def main(*_):\n    with span('load'): pass\n    return {}\nraise SystemExit(main(1, 2))", 7),
        (f"def main():\n    with span('load'): pass\n    return {{}}\n{CAUGHT}raise SystemExit(main())", 0),
        (f"{LOAD}{CAUGHT}{RAISES}main()", 0),
        (f"{LOAD}{RAISES}main(5)", 0),
        (f"{LOAD}{RAISES}main()", 7),
    ],
)
def test_an_exit_raised_by_a_function_is_known_or_said_not_to_be(folder: Path, source: str, code: int) -> None:
    status = status_of(folder, source.format(code))
    notes = [note for one in load_execution("last", folder).tasks for note in one.notes]
    if LATER:
        assert (status, notes) == (("failed", f"SystemExit: {code}") if code else SUCCEEDED, [])
    else:
        assert status == SUCCEEDED
        assert [note for note in notes if "does not tell with which code" in note] == notes != []


@pytest.mark.parametrize("raised", ["SystemExit(code)", "SystemExit(code) from None", "SystemExit(4)", "error"])
def test_an_exit_that_the_script_raises_is_known_whatever_was_caught_before(folder: Path, raised: str) -> None:
    source = f"{LOAD}{CAUGHT}code = len('four')\nerror = SystemExit(code)\nraise {raised}"
    assert status_of(folder, source) == ("failed", "SystemExit: 4")


@pytest.mark.parametrize("again", ["raise", "raise error"])
def test_an_exit_that_is_caught_and_raised_again_is_known(folder: Path, again: str) -> None:
    source = f"{LOAD}try:\n    sys.exit(len('four'))\nexcept SystemExit as error:\n    {again}"
    assert status_of(folder, source) == ("failed", "SystemExit: 4")


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("try: sys.exit(3)\nexcept SystemExit as error:\n    error.code = 0\n    raise", "succeeded"),
        ("try: sys.exit(0)\nexcept SystemExit as error:\n    error.code = 3\n    raise", "failed"),
        ("kept = []\ntry: sys.exit(3)\nexcept SystemExit as error:\n    kept.append(error)\n    raise", "failed"),
        ("kept = []\ntry: sys.exit(3)\nexcept SystemExit as error: kept.append(error)\nsys.exit(0)", "succeeded"),
        ("import asyncio\nasync def main(): sys.exit(len('four'))\nasyncio.run(main())", "failed"),
    ],
)
def test_the_code_that_an_exit_has_when_it_ends_the_process_counts(folder: Path, source: str, status: str) -> None:
    assert status_of(folder, f"{LOAD}{source}")[0] == status


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("def main():\n    {0}:\n        sys.exit(3)\nmain()", 3),
        ("def main():\n    try: sys.exit(3)\n    finally:\n        {0}: pass\nmain()", 3),
        ("def main():\n    try: sys.exit(3)\n    except SystemExit: sys.exit(0)\n{0}: main()", 0),
        ("def main():\n    try: sys.exit(0)\n    except SystemExit: sys.exit(4)\n{0}: main()", 4),
        ("def leave():\n    try: sys.exit(2)\n    except SystemExit: pass\n    sys.exit(6)\n{0}: leave()", 6),
        ("{0}:\n    try: sys.exit(8)\n    except ValueError: pass", 8),
        ("{0}:\n    try: sys.exit(9)\n    finally: print()", 9),
        ("class Ends:\n    def __del__(self): sys.exit(3)\nEnds()\n{0}: sys.exit(7)", 7),
    ],
)
def test_the_exit_that_left_is_told_from_those_that_were_caught(folder: Path, source: str, code: int) -> None:
    expected = ("failed", f"SystemExit: {code}") if code else SUCCEEDED
    before = f"import sys\n{LOAD}"
    for place, block in (("plain", "if True"), ("within", "with span('save')")):
        assert status_of(folder / place, before + source.format(block)) == expected


def test_the_code_of_an_exit_that_another_thread_began_is_known_from_python_3_12_on(folder: Path) -> None:
    source = "import sys\nfrom concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
    found = status_of(folder, f"{source}{LOAD}pool.submit(sys.exit, 5).result()")
    assert found == (("failed", "SystemExit: 5") if sys.version_info >= (3, 12) else SUCCEEDED)
    notes = [note for one in load_execution("last", folder).tasks for note in one.notes]
    assert bool(notes) == (sys.version_info < (3, 12))


@pytest.mark.parametrize(
    "source",
    [
        "def main():\n    try: sys.exit(1)\n    except SystemExit: raise SystemExit(0)\nmain()",
        "def main():\n    try: sys.exit(1)\n    finally: raise SystemExit(0)\nmain()",
        "def exit(code): raise SystemExit(0)\nexit(5)",
        "class Leave(SystemExit):\n    def __init__(self, _): super().__init__(0)\nraise Leave(5)",
        "class A:\n    __enter__ = print\n    def __exit__(self, *_): raise SystemExit(0)\nwith A(): sys.exit(2)",
        "try: sys.exit(1)\nexcept SystemExit: raise SystemExit(0)",
    ],
)
def test_an_exit_that_never_ended_the_process_is_no_failure(folder: Path, source: str) -> None:
    assert status_of(folder, f"import sys\n{LOAD}{source}") == SUCCEEDED


@pytest.mark.parametrize("raised", ["SystemExit", "SystemExit()", "SystemExit(None)"])
def test_an_exit_without_a_code_is_a_success(folder: Path, raised: str) -> None:
    assert status_of(folder, f"{LOAD}{CAUGHT}raise {raised}") == SUCCEEDED
    assert [note for one in load_execution("last", folder).tasks for note in one.notes] == []


MAIN = "def main():\n    with span('load'): pass\n    return {}\n"


@pytest.mark.parametrize(
    ("returned", "expected"),
    [("0", SUCCEEDED), ("None", SUCCEEDED), ("3", ("failed", "SystemExit: 3")), ("'no'", ("failed", "SystemExit: no"))],
)
@pytest.mark.parametrize("leave", ["sys.exit(main())", "exit(main())", "from sys import exit\nexit(main())"])
def test_an_exit_with_what_a_function_returns_is_known_though_that_records_first(
    folder: Path, leave: str, returned: str, expected: tuple[str, str | None]
) -> None:
    assert status_of(folder, f"{MAIN.format(returned)}{leave}") == expected


def test_an_exit_that_the_script_took_before_it_imported_obs_is_known(folder: Path) -> None:
    source = f"from sys import exit\nfrom obs_core import span\n{MAIN.format(3)}exit(main())"
    assert status_of(folder, "", "-c", source) == ("failed", "SystemExit: 3")


def test_an_exit_within_a_function_that_records_first_is_known(folder: Path) -> None:
    source = f"import argparse\n{MAIN.format('argparse.ArgumentParser().error(0)')}sys.exit(main())"
    assert status_of(folder, source) == ("failed", "SystemExit: 2")


def test_exits_do_what_they_did_before_obs_was_imported(run_script: Callable[..., Any]) -> None:
    source = """
import builtins, copy, pickle, subprocess, sys, threading, traceback
before = repr(sys.exit), repr(exit), sys.exit.__doc__
import obs_core
class Command:
    leave, quit = sys.exit, quit
def code_of(function, *args, **named):
    try:
        function(*args, **named)
    except BaseException as error:
        return type(error).__name__, str(error)
assert (repr(sys.exit), repr(exit), sys.exit.__doc__) == before
assert code_of(Command().leave) == ("SystemExit", "")
assert code_of(Command().leave, 3) == code_of(Command().quit, code=3) == ("SystemExit", "3")
assert code_of(sys.exit, 1, 2)[0] == code_of(sys.exit, code=1)[0] == code_of(exit, 1, 2)[0] == "TypeError"
assert pickle.loads(pickle.dumps(sys.exit)) is copy.deepcopy(sys.exit) is sys.exit
assert sys.exit.__name__ == "exit" and exit.name == "exit"
assert sys.exit.__text_signature__ == "($module, status=None, /)"
def raised_at(leave, *args):
    try:
        leave(*args)
    except SystemExit as error:
        return traceback.extract_tb(error.__traceback__)
assert [frame.name for frame in raised_at(sys.exit, 3)] == ["raised_at", *["__call__"] * (sys.version_info < (3, 12))]
assert [frame.name for frame in raised_at(exit, 3)] == ["raised_at", "__call__"]
own = SystemExit(3)
try:
    sys.exit(own)
except SystemExit as error:
    assert error is own
def ends(source):
    return subprocess.run([sys.executable, "-c", source], stderr=subprocess.PIPE)
for code in ("()", "(0,)", "(1, 2)", "None", "ValueError()", "''"):
    plain, with_obs = (ends(f"import sys; {imports} sys.exit({code})") for imports in ("", "import obs_core;"))
    assert (plain.returncode, plain.stderr) == (with_obs.returncode, with_obs.stderr), code
try:
    sys.exit(3)
except SystemExit as error:
    assert pickle.loads(pickle.dumps(error)).code == copy.copy(error).code == 3
"""
    run_script(source)


def test_a_script_and_a_module_end_likewise(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nightly.py").write_text(
        "import sys\nfrom obs_core import span\nwith span('load'): pass\nsys.exit(6)\n"
    )
    assert status_of(folder, "", str(tmp_path / "nightly.py")) == ("failed", "SystemExit: 6")
    monkeypatch.chdir(tmp_path)
    assert status_of(tmp_path / "second", "", "-m", "nightly") == ("failed", "SystemExit: 6")


def test_an_exit_that_a_module_or_an_archive_raises_is_known(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from obs_core import span\nwith span('load'): pass\nraise SystemExit(6)\n"
    (tmp_path / "nightly.py").write_text(source)
    with zipfile.ZipFile(tmp_path / "nightly.pyz", "w") as archive:
        archive.writestr("__main__.py", source)
    monkeypatch.chdir(tmp_path)
    assert status_of(folder / "module", "", "-m", "nightly") == ("failed", "SystemExit: 6")
    assert status_of(folder / "archive", "", "nightly.pyz") == ("failed", "SystemExit: 6")


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
    assert [note for run in found for one in load_execution(run.id, folder).tasks for note in one.notes] == []
    parts = [one for run in found for one in load_execution(run.id, folder).span.walk() if one.name == "part"]
    assert sorted(one.attributes["number"] for one in parts) == [0, 0, 1, 1, 2, 3]


ENDS_OF_A_WORKER = {
    "pass": SUCCEEDED,
    "sys.exit()": SUCCEEDED,
    "sys.exit(0)": SUCCEEDED,
    "sys.exit(3)": ("failed", "SystemExit: 3"),
    "sys.exit('no input')": ("failed", "SystemExit: no input" if LATER else "SystemExit: 1"),
    "1 / 0": DIVIDED if LATER else ("failed", "SystemExit: 1"),
    "raise KeyboardInterrupt": ("failed", "KeyboardInterrupt" if LATER else "SystemExit: 1"),
    "raise type('Coded', (SystemExit,), {'code': property(lambda _: 1 / 0)})(3)": (
        "failed",
        "Coded: 3" if LATER else "SystemExit: 1",
    ),
}
WORKERS = """
import multiprocessing, sys
from obs_core import span

def work(source):
    with span(source): pass
    exec(source)

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    for source in {sources}:
        worker = context.Process(target=work, args=(source,))
        worker.start()
        worker.join()
"""


def ends_of_workers(folder: Path) -> dict[str, tuple[str, str | None]]:
    """Return how the execution in which each worker's span stands has ended, by the span's name."""
    found = [(one, load_execution(one.id, folder)) for one in list_executions(folder)]
    return {each.name: (one.status, one.error) for one, recorded in found for each in recorded.span.children}


@pytest.mark.posix
@pytest.mark.parametrize(
    "method", ["fork", *(pytest.param(one, marks=pytest.mark.slow) for one in ("spawn", "forkserver"))]
)
def test_a_worker_ends_as_what_leaves_its_function_says(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]], method: str
) -> None:
    run_script(WORKERS.format(method=method, sources=list(ENDS_OF_A_WORKER)))
    assert ends_of_workers(folder) == ENDS_OF_A_WORKER


def test_a_worker_whose_module_records_while_it_is_imported_ends_as_its_exit_code_says(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    source = WORKERS.format(method="spawn", sources=["pass", "sys.exit(3)", "1 / 0"])
    run_script(f"{source}else:\n    with span('imported'): pass\n")
    found = ends_of_workers(folder)
    assert {name: found[name] for name in ("pass", "sys.exit(3)", "1 / 0")} == {
        "pass": SUCCEEDED,
        "sys.exit(3)": ("failed", "SystemExit: 3"),
        "1 / 0": ("failed", "SystemExit: 1"),
    }


HANDLED_IN_A_WORKER = {
    "a decorated run": """
class Worker(multiprocessing.Process):
    @span("run")
    def run(self):
        load()

@span("load")
def load():
    try: parse("x")
    except ValueError: pass

@span("parse")
def parse(text): return int(text)
""",
    "a run within a run": """
def parse(): return int("x")

def load():
    try: multiprocessing.Process(target=parse).run()
    except ValueError: pass

class Worker(multiprocessing.Process):
    def __init__(self): super().__init__(target=load)
    def run(self):
        with span("run"): pass
        super().run()
""",
}


@pytest.mark.parametrize("worker", HANDLED_IN_A_WORKER.values(), ids=HANDLED_IN_A_WORKER)
def test_what_a_worker_handles_does_not_end_it(
    folder: Path, run_script: Callable[..., subprocess.CompletedProcess[str]], worker: str
) -> None:
    run_script(f"""
import multiprocessing
from obs_core import span
{worker}
if __name__ == "__main__":
    worker = Worker()
    worker.start()
    worker.join()
    assert worker.exitcode == 0
""")
    (found,) = list_executions(folder)
    assert (found.status, found.error) == SUCCEEDED


IN_A_GREENLET = """
from greenlet import greenlet

def step(number):
    with span("step"): pass
    if number: raise ValueError("of a greenlet")

greenlet(step).switch(0)
"""


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("try: greenlet(step).switch(1)\nexcept ValueError: pass", SUCCEEDED),
        ("greenlet(step).switch(1)", ("failed", "ValueError: of a greenlet")),
        ("1 / 0", DIVIDED),
        ("sys.exit(3)", ("failed", "SystemExit: 3")),
    ],
)
def test_what_leaves_the_script_ends_it_though_a_greenlet_recorded_first(
    folder: Path, rest: str, expected: tuple[str, str | None]
) -> None:
    pytest.importorskip("greenlet")
    assert status_of(folder, IN_A_GREENLET + rest) == expected


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
import zipfile
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


KERNEL = """
import multiprocessing, os, signal, sys
from obs_core import Deck, span

def kernel(pipe):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    deck = Deck("seen")
    deck.append("<p>of the cell</p>")
    with span("cell"): pass
    pipe.send("done")
    while True: signal.pause()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    ours, theirs = context.Pipe()
    process = context.Process(target=kernel, args=(theirs,))
    process.start()
    assert ours.recv() == "done"
    process.terminate()
    process.join()
    print(process.exitcode)
"""


@pytest.mark.posix
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_kernel_that_is_told_to_end_and_exits_with_0_has_succeeded(folder: Path, tmp_path: Path, method: str) -> None:
    """As marimo does with the one that exports a notebook."""
    script = tmp_path / "kernel.py"
    script.write_text(KERNEL)
    environment = {**os.environ, "OBS_STORE": str(folder)}
    said = subprocess.run(
        [sys.executable, str(script), method], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert said.stdout == "0\n"
    (found,) = list_executions(folder)
    recorded = load_execution(found.id, folder)
    assert recorded.status == "succeeded"
    assert [one.name for one in recorded.span.children] == ["cell"]
    assert [deck.name for task in recorded.tasks for deck in task.decks] == ["seen"]


@pytest.mark.posix
@pytest.mark.parametrize(
    ("ends", "statuses"),
    [
        ("os._exit(0)", ["succeeded"]),
        ("os._exit(status=0)", ["succeeded"]),
        ("os.fork() and os.wait(); os._exit(0)", ["succeeded"]),
        ("os._exit(3)", ["lost"]),
        ("os.abort()", ["lost"]),
        ("with span('open'): os._exit(0)", ["lost"]),
        ("with execution('open'): log_metric('x', 1); os._exit(0)", ["lost", "lost"]),
    ],
)
def test_only_an_exit_with_0_and_nothing_open_is_a_success(folder: Path, ends: str, statuses: list[str]) -> None:
    source = f"import os\nfrom obs_core import execution, log_metric, span\nwith span('done'): pass\n{ends}"
    environment = {**os.environ, "OBS_STORE": str(folder)}
    subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, timeout=120)
    assert [one.status for one in list_executions(folder)] == statuses


@pytest.mark.posix
def test_exporting_a_marimo_notebook_leaves_nothing_lost(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("marimo")
    notebook = tmp_path / "seen.py"
    notebook.write_text(
        "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    import obs_core\n"
        "    with obs_core.span('cell'): pass\n"
    )
    command = [sys.executable, "-m", "marimo", "export", "html", str(notebook), "-o", str(tmp_path / "seen.html")]
    subprocess.run(command, env={**os.environ, "OBS_STORE": str(folder)}, check=True, capture_output=True, timeout=300)
    (found,) = list_executions(folder)
    assert (found.name, found.status) == ("seen", "succeeded")


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
def test_an_exit_is_known_if_others_have_taken_all_monitoring_tools(folder: Path) -> None:
    taken = "for number in (3, 4): sys.monitoring.use_tool_id(number, 'mine')\n"
    assert status_of(folder, f"{taken}{LOAD}sys.exit(len('four'))") == ("failed", "SystemExit: 4")


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


EXITS_IN_A_THREAD = """
import sys, threading
import obs_core
thread = threading.Thread(target=sys.exit)
thread.start()
thread.join()
"""


def test_an_exit_of_a_thread_is_silent(run_script: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert run_script(EXITS_IN_A_THREAD).stderr == ""
