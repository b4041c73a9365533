"""What a program lets go of is gone as soon as without obs: files are completed, memory is given back.

Each program runs twice: with obs, and with names that do nothing in its place. Garbage is not collected in them, so
what stands in a circle stays.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from obs_core import list_executions, load_execution

WITH = """
from obs_core import TaskDecorator, execution, span, task
class around(TaskDecorator):
    def __init__(self, *, how=""):
        self.how = how
    def around(self, call):
        if self.how == "refuses before":
            call.reject(ValueError(self.how))
        try:
            yield
        finally:
            if self.how == "fails":
                raise KeyError(self.how)
        if self.how == "refuses after":
            call.reject(ValueError(self.how))
"""

WITHOUT = """
import contextlib
def task(function=None, **settings):
    return function if function is not None else task
class span(contextlib.nullcontext):
    def __init__(self, name):
        super().__init__()
    def __call__(self, function):
        return function
execution = span
def around(*, how=""):
    return task
"""


def run(folder: Path, source: str, *, obs: bool) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OBS_")}
    (folder / "program.py").write_text((WITH if obs else WITHOUT) + source)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "program.py"],
        cwd=folder,
        env={**kept, "OBS_STORE": str(folder / "store"), "OBS_RENDER_TIMEOUT": "30"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def printed(folder: Path, source: str, *, obs: bool) -> tuple[int, str, list[str]]:
    done = run(folder, source, obs=obs)
    told = [line for line in done.stderr.splitlines() if line.startswith(("Task exception", "ValueError", "KeyError"))]
    return done.returncode, done.stdout, told


# the process

END = """
import atexit, gc, os, sys
gc.disable()
class Local:
    def __del__(self):
        os.write(1, b"finalized\\n")
atexit.register(os.write, 1, b"atexit\\n")
def main():
    local = Local()
    {end}
"""

BODIES = {
    "only imported": "main()",
    "a span before": "with span('load'): pass\nmain()",
    "in a span": "with span('load'): main()",
    "in an execution": "with execution('night'): main()",
    "in tasks": "task(task(main))()",
    "in a decorated task": "task(around()(main))()",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("end", ["sys.exit()", "sys.exit(3)", "raise ValueError('no')", "raise KeyboardInterrupt"])
def test_finalizers_run_when_a_process_ends_as_without_obs(tmp_path: Path, body: str, end: str) -> None:
    source = END.format(end=end) + BODIES[body]
    without = printed(tmp_path, source, obs=False)
    assert "finalized" in without[1]
    assert printed(tmp_path, source, obs=True) == without


FILES = """
import gzip, sys, zipfile
with span("load"): pass
def main():
    lines = gzip.open("lines.gz", "wt")
    lines.write("line\\n" * 1000)
    pack = zipfile.ZipFile("pack.zip", "w")
    pack.writestr("name", "content")
    {end}
main()
"""


@pytest.mark.parametrize("end", ["sys.exit(1)", "raise ValueError('no')"])
def test_files_that_nobody_has_closed_are_complete_after_a_failure(tmp_path: Path, end: str) -> None:
    run(tmp_path, FILES.format(end=end), obs=True)
    assert gzip.decompress((tmp_path / "lines.gz").read_bytes()) == b"line\n" * 1000
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        assert pack.namelist() == ["name"]
    assert [one.status for one in list_executions(tmp_path / "store")] == ["failed"]


def test_a_thread_that_waits_for_a_local_of_what_exits_is_not_waited_for(tmp_path: Path) -> None:
    source = """
import sys, threading
with span("load"): pass
class Queue:
    def __init__(self):
        self.closed = threading.Event()
        threading.Thread(target=self.closed.wait).start()
    def __del__(self):
        self.closed.set()
def main():
    queue = Queue()
    sys.exit(3)
main()
"""
    assert run(tmp_path, source, obs=True).returncode == 3


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise KeyError('bad')"])
def test_asyncio_tells_of_what_nobody_retrieved(tmp_path: Path, end: str) -> None:
    source = f"""
import asyncio, sys
with span("load"): pass
async def lost():
    raise ValueError("lost")
async def main():
    task = asyncio.create_task(lost())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    {end}
asyncio.run(main())
"""
    without = printed(tmp_path, source, obs=False)
    assert "Task exception was never retrieved" in without[2]
    assert printed(tmp_path, source, obs=True) == without


def test_what_ended_a_process_is_told_with_the_span_and_all_that_was_raised(tmp_path: Path) -> None:
    source = """
def fails(name):
    with span(name):
        raise KeyError(name)
errors = []
for name in ("first", "second"):
    try:
        fails(name)
    except KeyError as error:
        errors.append(error)
raise ExceptionGroup("many: of them", errors)
"""
    run(tmp_path, source, obs=True)
    line = (WITH + source).splitlines().index("        raise KeyError(name)") + 1
    found = load_execution("last", tmp_path / "store").why()
    assert found.error[0][0] == "ExceptionGroup: many: of them (2 sub-exceptions)"
    assert found.causes == [
        f"KeyError: '{name}' at program.py:{line} in the span \"{name}\"" for name in ("first", "second")
    ]


# calls

CALLS = """
import asyncio, gc, signal, sys, time
gc.disable()
alive = set()
class Large:
    def __init__(self, name):
        self.name = name
        alive.add(name)
    def __del__(self):
        alive.discard(self.name)
class Failure(Exception): pass

def case(name, call):
    try:
        call(name)
    except BaseException as error:
        name += " " + type(error).__name__
    print(name, sorted(alive))
    alive.clear()

KINDS = {
    "task": task,
    "task without decks": task(enable_deck=False),
    "span": span("step"),
    "execution": execution("night"),
    "decorator": lambda function: task(around()(function)),
    "decorator above": lambda function: around()(task(function)),
    "span in a task": lambda function: task(span("step")(function)),
}
"""

FUNCTIONS = """
def returns(given): pass
def fails(given):
    local = Large("local")
    raise Failure
def exits(given):
    local = Large("local")
    sys.exit(3)
def fails_in_a_span(given):
    with span("outer"), span("inner"):
        fails(given)
def fails_in_a_task(given):
    task(task(fails))(given)
def raises_another(given):
    try:
        task(fails)(given)
    except Failure:
        raise KeyError
class Method:
    @task
    def fails(self, given):
        fails(given)
for kind, decorate in KINDS.items():
    for function in (returns, fails, exits, fails_in_a_span, fails_in_a_task, raises_another):
        case(f"{kind} {function.__name__}", lambda name: decorate(function)(Large(name)))
case("method", lambda name: Method().fails(Large(name)))
"""

GENERATORS = """
def items(given, end):
    local = given
    try:
        yield 1
    except KeyError:
        if end == "caught":
            yield 3
        raise
    yield 2
    if end == "failure":
        raise Failure
def made(given, end):
    return items(given, end)
def go_through(iterator, end):
    if end == "never begun":
        return
    next(iterator)
    if end in ("all", "failure"):
        list(iterator)
    if end == "closed":
        iterator.close()
    if end in ("thrown", "caught"):
        iterator.throw(KeyError())
    if end == "sent":
        iterator.send(1)
    if end == "left by a failure":
        for _ in iterator:
            raise Failure
ENDS = ("all", "failure", "never begun", "begun", "closed", "thrown", "caught", "sent", "left by a failure")
for kind, decorate in KINDS.items():
    for function in (items, made):
        for end in ENDS:
            case(
                f"{kind} {function.__name__} {end}",
                lambda name: go_through(decorate(function)(Large(name), end), end),
            )
"""

COROUTINES = """
async def work(given, end):
    local = given
    await asyncio.sleep(60 if end == "cancelled" else 0)
    if end == "failure":
        raise Failure
def made(given, end):
    return work(given, end)
def future(given, end):
    return asyncio.ensure_future(work(given, end))
async def wait(call, name, end):
    running = asyncio.ensure_future(call(Large(name), end))
    await asyncio.sleep(0)
    if end == "cancelled":
        running.cancel()
    await asyncio.wait([running])

async def items(given, end):
    local = given
    yield 1
    await asyncio.sleep(0)
    yield 2
    if end == "failure":
        raise Failure
def made_items(given, end):
    return items(given, end)
async def go_through(iterator, end):
    if end == "never begun":
        return
    await anext(iterator)
    if end in ("all", "failure"):
        async for _ in iterator:
            pass
    if end == "closed":
        await iterator.aclose()
    if end == "thrown":
        await iterator.athrow(KeyError())
for kind, decorate in KINDS.items():
    for function in (work, made, future):
        for end in ("return", "failure", "cancelled"):
            case(f"{kind} {function.__name__} {end}", lambda name: asyncio.run(wait(decorate(function), name, end)))
    for function in (items, made_items):
        for end in ("all", "failure", "never begun", "begun", "closed", "thrown"):
            case(
                f"{kind} {function.__name__} {end}",
                lambda name: asyncio.run(go_through(decorate(function)(Large(name), end), end)),
            )
"""


@pytest.mark.parametrize("calls", [FUNCTIONS, GENERATORS, COROUTINES], ids=["functions", "generators", "coroutines"])
def test_a_call_keeps_nothing_of_what_it_was_given_and_what_ended_it(tmp_path: Path, calls: str) -> None:
    without = run(tmp_path, CALLS + calls, obs=False)
    with_obs = run(tmp_path, CALLS + calls, obs=True)
    assert without.returncode == 0, without.stderr
    assert with_obs.stdout.splitlines() == without.stdout.splitlines(), with_obs.stderr


def test_a_decorator_that_refuses_or_fails_keeps_nothing_of_the_call(tmp_path: Path) -> None:
    source = """
def returns(given): pass
def fails(given):
    raise Failure
for how in ("refuses before", "refuses after", "fails"):
    for function in (returns, fails):
        case(f"{how} {function.__name__}", lambda name: task(around(how=how)(function))(Large(name)))
"""
    done = run(tmp_path, CALLS + source, obs=True)
    assert done.stdout.splitlines() == [
        "refuses before returns ValueError []",
        "refuses before fails ValueError []",
        "refuses after returns ValueError []",
        "refuses after fails Failure []",
        "fails returns []",
        "fails fails Failure []",
    ], done.stderr


@pytest.mark.posix
def test_what_ends_a_task_while_a_value_is_drawn_keeps_nothing(tmp_path: Path) -> None:
    source = """
def limit(number, frame):
    raise TimeoutError("limit")
signal.signal(signal.SIGALRM, limit)
class Drawn:
    def __init__(self, name, draw):
        self.large, self.draw = Large(name), draw
    def _repr_html_(self):
        self.draw()
def is_late():
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(60)
def is_stopped():
    raise KeyboardInterrupt
def fails():
    raise Failure
@task
def work(given): pass
for draw in (is_late, is_stopped, fails):
    case(draw.__name__, lambda name: work(Drawn(name, draw)))
"""
    done = run(tmp_path, CALLS + source, obs=True)
    assert done.stdout.splitlines() == [
        "is_late TimeoutError []",
        "is_stopped KeyboardInterrupt []",
        "fails []",
    ], done.stderr
