"""What a signal handler raises while obs draws a value, or another thread sends, is the task's: it always comes out.

`test_own_errors.py` holds the other half: what the code of a value raises by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from obs_core import task
from obs_core.interruptions import ignoring
from obs_core.rendering import render

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")

Handler = Callable[..., Any]

HANDLERS: dict[str, Handler] = {}


class Timeout(Exception):
    """As RQ's and Celery's."""


class Failed(BaseException):
    """As what `pytest.fail` raises in pytest-timeout's handler."""


RAISED = (Timeout, Failed, SystemExit, TimeoutError, asyncio.CancelledError, ValueError)


def handler(function: Handler) -> Handler:
    HANDLERS[function.__name__.replace("_", " ")] = function
    return function


def nothing(*_: object) -> None:
    pass


def default() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def replace() -> None:
    signal.signal(signal.SIGALRM, nothing)


# ---- handlers of every kind


@handler
def a_function(number: int, frame: object) -> Any:
    raise Timeout


@handler
def more_arguments(*args: object) -> NoReturn:
    raise Timeout("exceeded maximum timeout value (1 seconds)")


@handler
def exits(number: int, frame: object) -> NoReturn:
    sys.exit()


@handler
def exits_by_raising(number: int, frame: object) -> NoReturn:
    raise SystemExit


@handler
def a_builtin_timeout(number: int, frame: object) -> NoReturn:
    raise TimeoutError


@handler
def a_cancellation(number: int, frame: object) -> NoReturn:
    raise asyncio.CancelledError


@handler
def an_error_of_c_code(number: int, frame: object) -> None:
    int("x")


@handler
def walks_its_frame(number: int, frame: types.FrameType | None) -> NoReturn:
    while frame is not None:
        frame = frame.f_back
    raise Timeout


@handler
def deletes_its_arguments(number: int, frame: object) -> NoReturn:
    del number, frame
    raise Timeout


@handler
def names_the_signal(number: int, frame: object) -> NoReturn:
    name: Any = signal.Signals(number).name
    raise Timeout(name)


@handler
def raises_from_deep(number: int, frame: object) -> None:
    sorted([1, 2], key=lambda _: a_function(number, frame))


@handler
def raises_in_a_generator(number: int, frame: object) -> object:
    return any(a_function(number, frame) for _ in [1])


@handler
def raises_from_another(number: int, frame: object) -> None:
    try:
        int("x")
    except ValueError as error:
        raise Timeout from error


@handler
def puts_the_action_back(number: int, frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise Timeout


@handler
def puts_it_back_and_exits(number: int, frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


@handler
def puts_it_back_in_a_block(number: int, frame: object) -> NoReturn:
    try:
        raise Timeout
    finally:
        signal.signal(number, signal.SIG_IGN)


@handler
def puts_another_handler(number: int, frame: object) -> NoReturn:
    signal.signal(number, nothing)
    raise Timeout


@handler
def has_another_handler_put(number: int, frame: object) -> NoReturn:
    replace()
    raise Timeout


@handler
def puts_it_back_where_it_raises(number: int, frame: object) -> None:
    _put_back_and_raise()


def _put_back_and_raise() -> NoReturn:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    raise Timeout


class Limit:
    def handle(self, number: int, frame: object) -> NoReturn:
        self.raise_it()

    def raise_it(self) -> NoReturn:
        raise Failed("Timeout >1.0s")

    def forget(self, *args: object) -> None:
        del args
        self.raise_it()

    def stop(self, number: int, frame: object) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        self.raise_it()

    @classmethod
    def of_a_class(cls, number: int, frame: object) -> NoReturn:
        raise Timeout

    @staticmethod
    def static(number: int, frame: object) -> NoReturn:
        raise Timeout

    def __call__(self, number: int, frame: object) -> NoReturn:
        raise Timeout


class PutsBackWhenCalled:
    def __call__(self, *args: object) -> NoReturn:
        default()
        signal.alarm(0)
        raise Timeout


def with_more(first: object, number: int, frame: object, *, last: object = None) -> NoReturn:
    raise Timeout


def within(function: Handler) -> Handler:
    @functools.wraps(function)
    def call(*args: Any) -> object:
        number, *args_left = args
        return function(number, *args_left)

    return call


def closure() -> Handler:
    raised = Timeout

    def handle(number: int, frame: object) -> NoReturn:
        del frame
        raise raised

    return handle


HANDLERS |= {
    "a lambda": lambda number, frame: a_function(number, frame),
    "a lambda that forgets": lambda *_: a_function(0, None),
    "a method": Limit().handle,
    "a method that forgets": Limit().forget,
    "a method that puts the action back": Limit().stop,
    "a method of a class": Limit.of_a_class,
    "a static method": Limit.static,
    "a callable": Limit(),
    "a callable that puts the action back": PutsBackWhenCalled(),
    "a partial": functools.partial(with_more, "first", last="last"),
    "a partial of a method": functools.partial(Limit().handle),
    "a partial of a partial": functools.partial(functools.partial(with_more, "first")),
    "what keeps its results": functools.lru_cache(a_function),
    "a wrapped function": within(a_function),
    "a wrapped function that forgets": within(deletes_its_arguments),
    "a wrapped function that puts the action back": within(puts_the_action_back),
    "a closure": closure(),
    "a task": task(a_function),
}


# ---- values that a signal interrupts


def send_soon() -> None:
    """Send the signal in a moment, unless that would end the process: its action was put back by what raised before."""
    assert callable(signal.getsignal(signal.SIGALRM)), "what the handler raised was swallowed"
    signal.setitimer(signal.ITIMER_REAL, 0.001)


def wait() -> None:
    """Wait for the signal, which is sent now: however busy the machine is, it comes here."""
    send_soon()
    while True:
        time.sleep(0.001)


def spin() -> None:
    send_soon()
    while True:
        pass


def call() -> None:
    send_soon()
    while True:
        sorted([3, 2, 1], key=lambda number: -number)


def iterate() -> None:
    def numbers() -> Iterator[int]:
        while True:
            yield from (1, 2, 3)

    send_soon()
    for _ in numbers():
        pass


def wrap() -> None:
    try:
        wait()
    except BaseException as error:
        raise KeyError("in my repr") from error


def end_otherwise() -> None:
    try:
        wait()
    finally:
        raise KeyError("in my repr")


def in_a_loop() -> None:
    async def waiting() -> None:
        wait()

    asyncio.run(waiting())


def in_a_task_group() -> None:
    async def waiting() -> None:
        wait()

    async def grouping() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(waiting())
            group.create_task(asyncio.sleep(60))

    asyncio.run(grouping())


VALUES = [wait, spin, call, iterate, wrap, end_otherwise, in_a_loop, in_a_task_group]


class Drawn:
    def __init__(self, draw: Callable[[], object]) -> None:
        self._draw = draw

    def __repr__(self) -> str:
        return str(self._draw())


class Shown:
    def __init__(self, draw: Callable[[], object]) -> None:
        self._draw = draw

    def _repr_html_(self) -> str:
        return str(self._draw())


@pytest.fixture(autouse=True)
def as_users_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")


@contextlib.contextmanager
def handling(handler: Handler) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


EACH_BY_ANOTHER_FACT = (
    "a function",
    "deletes its arguments",
    "exits",
    "puts the action back",
    "puts it back and exits",
    "has another handler put",
    "a method that puts the action back",
    "a task",
)
"""What tells these handlers from the code of a value differs."""


@pytest.mark.parametrize(
    ("draw", "how"), [(draw, how) for draw in VALUES for how in (HANDLERS if draw is wait else EACH_BY_ANOTHER_FACT)]
)
def test_what_a_handler_raises_while_a_value_is_drawn_goes_on(draw: Callable[[], object], how: str) -> None:
    for value in (Drawn(draw), Shown(draw)):
        with handling(HANDLERS[how]), pytest.raises(RAISED):
            render(value)


def numbers() -> Iterator[int]:
    yield 1
    yield 2


def compound() -> str:
    found = [str(number) for number in numbers()]
    left = 3
    while left and all(found):
        left -= 1
        found.append("".join(map(str, sorted([left, 0], key=lambda number: -number))))
    with contextlib.suppress(KeyError):
        dict[str, int]()["a"]
    return functools.reduce(lambda one, other: f"{one}{other!r}", found, "")


@pytest.mark.parametrize("how", EACH_BY_ANOTHER_FACT)
def test_it_goes_on_at_each_call_that_is_made_while_a_value_is_drawn(how: str) -> None:
    """Of obs's own too."""
    values = [Drawn(compound), Shown(compound)]
    list(map(render, values))  # what is imported once is not gone through again
    for value in values:
        number = 0
        while struck_at(number, lambda value=value: render(value), HANDLERS[how]):  # type: ignore[misc]
            number += 1
        assert number > 50


def struck_at(number: int, draw: Callable[[], object], how: Handler) -> bool:
    """Draw something; whether as many calls as that were made in it, at which an alarm came. It must be raised."""
    left, came, place = number, False, ""

    def look(frame: types.FrameType, event: str, _what: object) -> None:
        nonlocal left, came, place
        if frame.f_code.co_flags & inspect.CO_GENERATOR and sys.version_info < (3, 13):
            return  # these Pythons tell of a call when they close one, and there they lose what is raised
        if event in ("call", "c_return"):
            left -= 1
            if left < 0 and not came:
                came, place = True, f"{frame.f_code.co_filename}:{frame.f_lineno}"
                sys.setprofile(None)
                os.kill(os.getpid(), signal.SIGALRM)

    with handling(how):
        sys.setprofile(look)
        try:
            draw()
        except RAISED:
            assert came
            return True
        finally:
            sys.setprofile(None)
    assert not came, f"swallowed at call {number}: {place}"
    return False


def test_what_looks_for_errors_of_the_system_finds_the_timeout_behind_one() -> None:
    def wrapping() -> None:
        try:
            wait()
        except Timeout as error:
            raise OSError("in a library") from error

    with handling(a_function), pytest.raises(Timeout), ignoring(OSError):
        wrapping()


# ---- what another thread sends


SENDS = """
import ctypes, random, sys, threading, time, functools
from obs_core.rendering import render

class Sent(BaseException):
    pass

class Timeout(Exception):
    pass

def with_words(self, *args, **kwargs):
    super(Timeout, self).__init__("Task exceeded maximum timeout value (1 seconds)")

Timeout.__init__ = with_words  # as RQ's TimerDeathPenalty: a class is all that can be sent

def numbers(many):
    for number in range(many):
        yield number

def delegating():
    yield from numbers(3)

class Drawn:
    def __init__(self, left=3, *, more=()):
        self.left = left

    @property
    def next(self):
        return Drawn(self.left - 1, more=(1, 2))

    def __repr__(self):
        found = [each for each in delegating()]
        left = self.left
        while left > 0:
            left -= 1
            found += sorted(numbers(2), key=lambda number: -number)
        while left < 3 and found: left += isinstance(left, int)
        if self.left:
            found.append(repr(self.next))
        try:
            int("x")
        except ValueError as error:
            found.append(str(error))
        return functools.reduce("{}{}".format, found, *[""])

def draw_until(kind):
    struck, has_started = threading.Event(), threading.Lock()
    has_started.acquire()

    def send():
        has_started.acquire()  # `Thread.start` may make another error of what arrives there
        send_to(ctypes.c_ulong(main), ctypes.py_object(kind))
        struck.set()

    # Its thread is gone when this one goes on.
    timer = threading.Timer(random.random() * 0.003, send)
    try:
        timer.start()
        has_started.release()
        for _ in iter(struck.is_set, True):
            render(value)
        for _ in range(3):
            render(value)
    except kind:
        return True
    return False

main, value = threading.get_ident(), Drawn()
render(value)
send_to = LOOKED_UP
sys.setswitchinterval(1e-6)
for kind in (Sent, Timeout, SystemExit, TimeoutError, Exception):
    swallowed = sum(not draw_until(kind) for _ in range(TIMES))
    print(kind.__name__, swallowed)
"""


@pytest.mark.parametrize("looked_up", ["pythonapi.{}", "pythonapi['{}']", "PyDLL(None).{}"])
def test_what_another_thread_sends_goes_on_wherever_it_arrives(looked_up: str, nightly: bool) -> None:
    program = SENDS.replace("LOOKED_UP", "ctypes." + looked_up.format("PyThreadState_SetAsyncExc"))
    program = program.replace("TIMES", "100" if nightly else "40")
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)

    assert told.stdout == "Sent 0\nTimeout 0\nSystemExit 0\nTimeoutError 0\nException 0\n", told.stderr


KILLED = """
import os, sys, threading
os.environ["OBS_ENABLE_DECK"] = "true"
from obs_core import task

class Drawn:
    def __repr__(self):
        drawing.set()
        for _ in iter(drawn.is_set, True):
            len("drawing")
        return "drawn"

class Thread(threading.Thread):
    killed = False

    def in_a_call(self, frame, event, _):
        if event == "line" and self.killed:
            raise SystemExit
        return self.in_a_call

    def run(self):
        sys.settrace(lambda frame, event, _: self.in_a_call)
        try:
            ended.append(handle(Drawn()))
        except BaseException as error:
            ended.append(type(error).__name__)

@task
def handle(value):
    return "done"

ended = []
handle(1)
for _ in range(20):
    drawing, drawn = threading.Event(), threading.Event()
    thread = Thread()
    thread.start()
    drawing.wait()
    thread.killed = True
    thread.join()
print(*ended)
"""


def test_a_thread_that_its_trace_function_kills_ends_while_a_value_is_drawn() -> None:
    told = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=120, check=False)

    assert told.stdout.split() == ["SystemExit"] * 20, told.stderr
