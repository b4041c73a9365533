"""What a renderer or a repr raises is a note; what a signal's handler raises meanwhile is the task's."""

import ast
import asyncio
import contextlib
import decimal
import functools
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import obs_core
from obs_core import ObsWarning, TaskDecorator, execution, load_execution, span, task
from obs_core.failsafe import guarded
from obs_core.interruptions import let_pass
from obs_core.rendering import bounded_repr, render
from obs_core.trackers import Tracker

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")


class Timeout(Exception):
    """As RQ's JobTimeoutException and Celery's SoftTimeLimitExceeded."""


class Failed(BaseException):
    """As what pytest.fail raises in pytest-timeout's handler."""


class Panic(BaseException):
    """As polars' PanicException."""


class Enforcer:
    def handle(self, signum, frame):
        self.deeper()

    def deeper(self):
        raise Failed("Timeout >1.0s")

    def __call__(self, *arguments):
        sys.exit(1)


def raise_timeout(signum, frame):
    raise Timeout("exceeded maximum timeout value (1 seconds)")


def raise_after_a_walk(signum, frame):
    """As handlers that log where the program is."""
    while frame is not None:
        frame = frame.f_back
    raise Timeout("walked")


def raise_after_deleting(signum, frame):
    del signum, frame
    raise Timeout("deleted")


def raise_after_rebinding(*args):
    args = args[0]
    raise Timeout(f"got signal {args}")


def logged(function):
    @functools.wraps(function)
    def call(*args):
        first, *args = args
        return function(first, *args)

    return call


class Deletes:
    def __call__(self, signum, frame):
        del frame
        raise_later(signum)

    def handle(self, *args):
        del args
        raise_later(0)


def raise_later(signum):
    raise Timeout(f"got signal {signum}")


HANDLERS = {
    "a function that walks the stack": (raise_after_a_walk, Timeout),
    "a function that deletes its arguments": (raise_after_deleting, Timeout),
    "a function that rebinds its arguments": (raise_after_rebinding, Timeout),
    "a decorated function": (logged(raise_after_deleting), Timeout),
    "a method that deletes its arguments": (Deletes().handle, Timeout),
    "a partial of a callable that deletes them": (functools.partial(Deletes()), Timeout),
    "a task": (task(raise_after_deleting), Timeout),
    "a function": (raise_timeout, Timeout),
    "a method": (Enforcer().handle, Failed),
    "a callable that exits": (Enforcer(), SystemExit),
    "a partial": (functools.partial(lambda code, *_: sys.exit(code), 3), SystemExit),
    "Python's own": (signal.default_int_handler, KeyboardInterrupt),
}


def wait():
    """Wait for the signal, which is sent now: however busy the machine is, it comes here."""
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    while True:
        time.sleep(0.001)


class Endless:
    """Its repr ends by a signal only."""

    def __repr__(self):
        wait()


class WrapsIt:
    def __repr__(self):
        try:
            return repr(Endless())
        except Exception as error:
            raise ValueError("in my repr") from error


class EndlessHtml:
    def _repr_html_(self):
        return repr(Endless())


@pytest.fixture
def alarm():
    """Let a handler be called by the signal that `wait` sends."""
    before = signal.getsignal(signal.SIGALRM)

    def set_alarm(handler):
        signal.signal(signal.SIGALRM, handler)

    yield set_alarm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("how", HANDLERS)
@pytest.mark.parametrize("value", [Endless(), [Endless()], EndlessHtml()], ids=["repr", "nested", "html"])
def test_what_a_signal_handler_raises_while_a_value_is_drawn_goes_on(monkeypatch, alarm, how, value):
    monkeypatch.delenv("OBS_STRICT", raising=False)
    handler, raised = HANDLERS[how]
    alarm(handler)

    with pytest.raises(raised):
        render(value)


def test_it_goes_on_also_where_the_drawn_value_wraps_it(monkeypatch, alarm):
    monkeypatch.delenv("OBS_STRICT", raising=False)
    alarm(raise_timeout)

    with pytest.raises(Timeout):
        bounded_repr(WrapsIt())


def test_a_timeout_while_arguments_are_drawn_ends_the_task(monkeypatch, tmp_path, alarm):
    monkeypatch.delenv("OBS_STRICT", raising=False)
    monkeypatch.setenv("OBS_STORE", str(tmp_path))

    @task
    def work(value):
        return 42

    alarm(raise_timeout)
    with pytest.raises(Timeout):
        work(Endless())

    assert [each.status for each in load_execution("last").tasks] == ["failed"]
    work(1)
    assert load_execution("last").tasks[-1].status == "succeeded"


class SharesCode:
    """What it raises in its repr comes of code that is a signal handler's too, but not of that handler."""

    def __init__(self, how):
        self.how = how

    def handle(self, *_):
        raise Panic("of a method")

    def __call__(self, *_):
        raise Panic("of a call")

    @logged
    def decorated(self, *_):
        raise Panic("of a decorated function")

    def __repr__(self):
        return getattr(self, self.how)() if self.how else "a handler"


@pytest.mark.parametrize("how", ["handle", "__call__", "decorated"])
def test_what_only_shares_the_code_of_a_signal_handler_is_none(alarm, how):
    other = {"handle": SharesCode("").handle, "__call__": SharesCode(""), "decorated": logged(raise_timeout)}[how]
    alarm(other)
    assert "its repr raised Panic" in bounded_repr(SharesCode(how))


def test_what_a_with_block_of_a_generator_raised_is_not_taken_for_a_signals():
    @contextlib.contextmanager
    def held():
        try:
            yield
        except BaseException as error:
            let_pass(error)

    with held():
        panic()


RAISING = {
    "a panic": "raise Panic('index out of bounds')",
    "sys.exit": "sys.exit(3)",
    "sys.exit without a word": "sys.exit()",
    "SystemExit": "raise SystemExit",
    "GeneratorExit": "raise GeneratorExit",
    "ValueError": "int('x')",
    "an empty queue": "__import__('queue').SimpleQueue().get_nowait()",
}


@pytest.mark.parametrize("name", RAISING)
def test_what_a_repr_raises_is_told_in_its_place(name):
    scope = {"Panic": Panic, "sys": sys}
    exec(textwrap.dedent(f"class Raises:\n    def __repr__(self):\n        {RAISING[name]}"), scope)

    assert "its repr raised" in bounded_repr(scope["Raises"]())
    assert "its repr raised" in bounded_repr([1, scope["Raises"]()])


def test_what_compiled_code_raises_is_told_in_its_place():
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([decimal.Decimal("sNaN"), 2], dtype=object)

    class Raises:
        def __repr__(self):
            return str(column.isna())

    assert "its repr raised InvalidOperation" in bounded_repr(Raises())


def test_a_renderer_that_panics_leaves_a_note(monkeypatch):
    monkeypatch.delenv("OBS_STRICT", raising=False)

    class Frame:
        def _repr_html_(self):
            raise Panic("index out of bounds")

    with pytest.warns(match="Panic: index out of bounds"):
        assert "its own _repr_html_ failed on this Frame" in render(Frame())


def test_an_earlier_timeout_that_the_task_is_handling_is_no_business_of_the_rendering(alarm):
    alarm(raise_timeout)
    try:
        repr(Endless())
    except Timeout:
        assert "its repr raised ValueError" in bounded_repr(type("Broken", (), {"__repr__": lambda self: int("x")})())


SENT = """
import ctypes, sys, threading
from obs_core.interruptions import interruption

class Cancelled(BaseException):
    pass

def loop():
    while True:
        sum(range(10))

main = threading.get_ident()
threading.Timer(0.05, lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc(
    ctypes.c_ulong(main), ctypes.py_object(Cancelled))).start()
try:
    loop()
except BaseException as error:
    print(type(interruption(error, sys._getframe())).__name__)
"""


def test_what_another_thread_sends_goes_on():
    told = subprocess.run([sys.executable, "-c", SENT], capture_output=True, text=True, check=True, timeout=60)

    assert told.stdout == "Cancelled\n"


def test_what_the_called_code_raised_is_not_raised_again():
    try:
        raise Panic("x")
    except BaseException as error:
        let_pass(error)


class surrounding(TaskDecorator):
    """Does something before the task and after it."""

    def __init__(self, before, after):
        self.before, self.after = before, after

    def around(self, call):
        self.before()
        yield
        self.after()


def panic():
    raise Panic("index out of bounds")


def nothing():
    pass


@pytest.mark.parametrize("raised", [panic, sys.exit])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_decorator_that_raises_anything_leaves_a_note(monkeypatch, store, raised, when):
    monkeypatch.delenv("OBS_STRICT", raising=False)

    @task
    @surrounding(*((raised, nothing) if when == "before" else (nothing, raised)))
    def work():
        return 42

    with pytest.warns(ObsWarning, match=r"obs failed while (beginning|ending) a decorator of 'work'"):
        assert work() == 42
    assert store.last().status == "succeeded"


@pytest.mark.parametrize("how", HANDLERS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_handler_raises_in_a_decorator_is_the_tasks(monkeypatch, alarm, how, when):
    monkeypatch.delenv("OBS_STRICT", raising=False)
    handler, raised = HANDLERS[how]

    @task
    @surrounding(*((wait, nothing) if when == "before" else (nothing, wait)))
    def work():
        return 42

    alarm(handler)
    with pytest.raises(raised):
        work()


def test_a_timeout_while_a_tracker_is_waited_for_is_the_tasks_and_its_experiment_is_ended(monkeypatch, alarm):
    monkeypatch.delenv("OBS_STRICT", raising=False)
    timed_out, finished = threading.Event(), threading.Event()

    class Slow(Tracker):
        service, link_name = "Slow", "Slow run"

        def is_online(self):
            return False

        def begin(self, call, origin, key):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            assert timed_out.wait(60)
            return "experiment"

        def address(self, experiment):
            return "https://example.com"

        def finish(self, call, experiment, *, failed):
            assert (experiment, failed) == ("experiment", True)
            finished.set()

    @task
    @Slow(None)
    def work():
        return 42

    alarm(raise_timeout)
    with execution("night"), pytest.raises(Timeout):
        work()
    timed_out.set()
    assert finished.wait(60)


def test_what_ends_a_body_that_pauses_goes_through_its_guard():
    async def held():
        with guarded("waiting"):
            await asyncio.sleep(60)

    async def cancelled():
        waiting = asyncio.ensure_future(held())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cancelled())


def test_a_panic_in_a_guarded_block_is_told(monkeypatch):
    monkeypatch.delenv("OBS_STRICT", raising=False)
    with pytest.warns(ObsWarning, match="obs failed while drawing: Panic: index out of bounds"), guarded("drawing"):
        panic()


OF_A_TASK = (
    "files",
    "journal/encoding",
    "journal/log_files",
    "journal/log_writer",
    "journal/writer",
    "store/folder",
    "store/descriptors",
    "store/remote",
    "tasks",
    "decks",
    "recording",
)
IN_THREADS_AND_PROCESSES_OF_OBS = (
    "recording/row_guard",
    "recording/samplers",
    "recording/sigterm",
    "recording/status_line",
    "recording/supervisor",
    "recording/process_end",
    "recording/logs",
    "recording/trackers",
)
LOOKED_THROUGH = {"let_pass", "keep_away", "interruption", "keeps_away"}


def expects_errors_of_the_system(kinds):
    names = {ast.unparse(each) for each in (kinds.elts if isinstance(kinds, ast.Tuple) else [kinds])}
    return bool(names & {"OSError", "TimeoutError", "ConnectionError", "FileNotFoundError", "NotADirectoryError"})


@pytest.mark.parametrize("part", OF_A_TASK)
def test_obs_takes_no_timeout_for_an_error_of_the_system(part):
    """`TimeoutError` is an `OSError`: who expects one asks whether a signal's handler raised it."""
    root = Path(obs_core.__file__).parent
    files = [root / f"{part}.py"] if "/" in part else sorted((root / part).glob("*.py"))
    found = []
    for file in files:
        name = str(file.relative_to(root).with_suffix(""))
        for node in ast.walk(ast.parse(file.read_text())) if name not in IN_THREADS_AND_PROCESSES_OF_OBS else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
                forgets = any(map(expects_errors_of_the_system, node.args))
            elif isinstance(node, ast.ExceptHandler) and node.type is not None:
                calls = {ast.unparse(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
                raises = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
                forgets = expects_errors_of_the_system(node.type) and not raises and not calls & LOOKED_THROUGH
            else:
                continue
            if forgets:
                found.append(f"{name}:{node.lineno}")
    assert found == []


IN_THE_TASKS_THREAD = (*OF_A_TASK, "provenance", "cgroups")
TAKE_ALL_FOR_AN_ANSWER = {
    "os.makedirs",
    "os.removedirs",
    "os.walk",
    *(f"os.path.{name}" for name in ("exists", "isdir", "isfile", "islink", "ismount", "lexists", "realpath")),
}
"""What gives an answer, or goes on, whatever `OSError` is raised in it."""
AS_THEY_ARE = {
    "store/folder:FolderStore.size_of",
    "tasks/capture:_Uploader._run",
    "provenance:.other_program",
}
"""What readers ask, a thread of obs's own, and what is said when the program ends."""


@pytest.mark.parametrize("part", IN_THE_TASKS_THREAD)
def test_obs_asks_for_files_so_that_a_timeout_goes_on(part):
    root = Path(obs_core.__file__).parent
    found = set()
    for file in [root / f"{part}.py"] if (root / f"{part}.py").exists() else sorted((root / part).glob("*.py")):
        name = str(file.relative_to(root).with_suffix(""))
        tree = ast.parse(file.read_text())
        for owner in ast.walk(tree):
            for method in getattr(owner, "body", ()) if isinstance(owner, ast.ClassDef | ast.Module) else ():
                calls = {ast.unparse(each.func) for each in ast.walk(method) if isinstance(each, ast.Call)}
                if isinstance(method, ast.FunctionDef) and calls & TAKE_ALL_FOR_AN_ANSWER:
                    found.add(f"{name}:{getattr(owner, 'name', '')}.{method.name}")
    assert found - AS_THEY_ARE == set()


def test_obs_has_no_finalizer_where_tasks_end():
    root = Path(obs_core.__file__).parent
    found = set()
    for file in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                found |= {node.name for each in node.body if getattr(each, "name", "") == "__del__"}
    assert found == {"_Unfinished"}, "that is of results which nobody awaits"


class Untold(Exception):
    """Answers to no name at all."""

    def __getattribute__(self, name):
        raise RuntimeError(name)


Lying = type("Lying", (Exception,), dict.fromkeys(("__cause__", "__context__", "__traceback__", "args"), 5))
"""What it came from, and where, are no such things."""


@pytest.mark.filterwarnings("ignore::obs_core.ObsWarning")
@pytest.mark.parametrize("kind", [Untold, Lying])
def test_an_exception_that_hides_or_lies_changes_nothing(folder, monkeypatch, kind):
    monkeypatch.delenv("OBS_STRICT", raising=False)

    class Thing:
        def __repr__(self):
            raise kind

    @task
    def given(thing):
        return 1

    @task
    def fails():
        with span("inside"):
            raise kind

    def outcome(call, *arguments):
        try:
            return call(*arguments)
        except BaseException as error:
            return type(error)  # pytest could not print it

    with execution("night"):
        assert outcome(given, Thing()) == 1
        assert isinstance(outcome(lambda: span("of it", thing=Thing())), span)
        assert outcome(fails) is kind
    assert [task.status for task in load_execution("last").tasks] == ["succeeded", "failed"]


NEAR_THE_LIMIT = """
    import sys
    from obs_core import log_metric, span, task

    @task
    def of_task():
        return 7

    def of_span():
        with span("x"):
            return 7

    def of_attributes():
        with span("x", a=[1, {"b": 2}]):
            return 7

    def of_metric():
        log_metric("m", 1.0)
        return 7

    def at(depth, call):
        return call() if depth == 0 else at(depth - 1, call)

    for call in (of_span, of_task, of_attributes, of_metric):
        if warm:
            call()
        for depth in range(sys.getrecursionlimit() - 120, sys.getrecursionlimit() - 9):
            assert at(depth, call) == 7
    print("all")
"""


@pytest.mark.parametrize("warm", [True, False])
def test_what_is_recorded_where_calls_are_nested_as_deep_as_they_may_be_ends_nothing(folder, monkeypatch, warm):
    monkeypatch.delenv("OBS_STRICT", raising=False)
    script = f"warm = {warm}\n{textwrap.dedent(NEAR_THE_LIMIT)}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("all\n", 0), done.stderr
