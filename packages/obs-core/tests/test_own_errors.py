"""Whatever the code of a value raises while obs draws it is a note in the report, and never ends the task.

`test_sent_exceptions.py` holds the other half: what signal handlers and other threads raise meanwhile.
"""

from __future__ import annotations

import array
import ast
import asyncio
import base64
import concurrent.futures
import contextlib
import csv
import ctypes
import datetime
import decimal
import fractions
import functools
import hashlib
import inspect
import ipaddress
import json
import logging
import lzma
import operator
import os
import pickle
import queue
import re
import select
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import threading
import time
import types
import unicodedata
import uuid
import warnings
import weakref
import xml.etree.ElementTree
import zlib
import zoneinfo
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, NoReturn

import pytest

from obs_core import task
from obs_core.testing import RecordingStore

needs_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no alarms here")

Shape = Callable[[], object]

OWN: dict[str, Shape] = {}
IN_A_LOOP: set[str] = set()
"""What runs an event loop, so not within one."""


class Mine(Exception):
    """Without a word, and of a class written in Python."""


class MineOfBase(BaseException):
    """As a panic of a Rust library."""


class WithWords(Exception):
    """Makes its own words, as the timeouts of some queues."""

    def __init__(self) -> None:
        super().__init__("said by itself")


def own(shape: Shape) -> Shape:
    OWN[shape.__name__.replace("_", " ")] = shape
    return shape


def own_in_a_loop(shape: Callable[[], Coroutine[Any, Any, object]]) -> None:
    name = shape.__name__.replace("_", " ")
    OWN[name] = lambda: asyncio.run(shape())
    IN_A_LOOP.add(name)


def plain(**shapes: Shape) -> None:
    OWN.update({name.replace("_", " "): shape for name, shape in shapes.items()})


def fail() -> NoReturn:
    raise Mine


# ---- raised by Python code


@own
def a_class() -> None:
    raise Mine


@own
def a_panic() -> None:
    raise MineOfBase("index out of bounds")


@own
def a_cause_that_is_hidden() -> None:
    try:
        fail()
    except Mine:
        raise MineOfBase from None


@own
def a_cause() -> None:
    try:
        int("x")
    except ValueError as error:
        raise Mine from error


@own
def while_another_is_handled() -> None:
    try:
        fail()
    finally:
        int("x")


@own
def an_assertion() -> None:
    assert not OWN


@own
def a_group() -> None:
    raise BaseExceptionGroup("several", [Mine(), MineOfBase(), ExceptionGroup("more", [ValueError("x")])])


@own
def the_turn_of_a_loop_whose_condition_fails() -> None:
    class Condition:
        left = 3

        def __bool__(self) -> bool:
            self.left -= 1
            return self.left > 0 or fail()

    condition = Condition()
    while condition:
        pass


@own
def endless_recursion() -> None:
    endless_recursion()


@own
def without_a_traceback() -> None:
    try:
        fail()
    except Mine as error:
        raise error.with_traceback(None) from None


class _ForgetsWhere:
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException, traceback: object) -> None:
        error.__traceback__ = None


@own
def a_block_that_forgets_where_it_was_raised() -> None:
    with _ForgetsWhere():
        fail()


@own
def a_block_in_a_block_that_forgets_where_it_was_raised() -> None:
    with _ForgetsWhere(), contextlib.suppress(KeyError):
        sorted([1, 2], key=lambda _: fail())


plain(
    sys_exit=lambda: sys.exit(),
    sys_exit_with_a_number=lambda: sys.exit(3),
    sys_exit_with_a_message=lambda: sys.exit("ended"),
    sys_exit_by_another_name=functools.partial(sys.exit, None),
    a_key_of_sorting=lambda: sorted([1, 2], key=lambda _: fail()),
    a_reduction=lambda: functools.reduce(lambda *_: fail(), [1, 2]),
    an_item=lambda: dict[str, int]()["a"],
    an_attribute=lambda: object().none,  # type: ignore[attr-defined]
    no_module=lambda: __import__("no_such_module_at_all"),
    too_much_memory=lambda: bytearray(1 << 62),
    no_iteration=lambda: next(iter(())),
    a_queue_by_python=lambda: queue.Queue[int]().get_nowait(),
    an_error_of_the_system_without_a_word=lambda: (_ for _ in ()).throw(OSError),
)


# ---- generators and coroutines


def numbers() -> Iterator[int]:
    yield 1
    yield 2


def delegating() -> Iterator[int]:
    yield from numbers()


def begun(generator: Iterator[int]) -> Any:
    next(generator)
    return generator


@types.coroutine
def paused() -> Iterator[None]:
    yield


async def pauses() -> None:
    await paused()


def begun_coroutine() -> Coroutine[Any, Any, None]:
    coroutine = pauses()
    coroutine.send(None)
    return coroutine


@contextlib.contextmanager
def managed() -> Iterator[None]:
    yield


@own
def in_a_managed_block() -> None:
    with managed():
        fail()


@own
def a_generator_that_does_not_close() -> None:
    def stays() -> Iterator[int]:
        with contextlib.suppress(GeneratorExit):
            yield 1
        yield 2

    begun(stays()).close()


plain(
    a_class_thrown_into_a_generator=lambda: begun(numbers()).throw(Mine),
    an_instance_thrown_into_a_generator=lambda: begun(numbers()).throw(Mine()),
    an_own_base_exception_thrown=lambda: begun(numbers()).throw(MineOfBase),
    one_with_words_thrown=lambda: begun(numbers()).throw(WithWords),
    an_exit_of_a_generator_thrown=lambda: begun(numbers()).throw(GeneratorExit),
    a_timeout_thrown_into_a_generator=lambda: begun(numbers()).throw(TimeoutError),
    a_class_thrown_into_what_delegates=lambda: begun(delegating()).throw(Mine),
    a_class_thrown_into_one_that_has_not_begun=lambda: numbers().throw(Mine),  # type: ignore[attr-defined]
    a_class_thrown_into_a_coroutine=lambda: begun_coroutine().throw(Mine),
    a_class_thrown_into_a_coroutine_that_has_not_begun=lambda: pauses().throw(Mine),
    a_stop_in_a_generator=lambda: sum(next(iter(())) for _ in [1]),
    a_generator_that_fails=lambda: [fail() for _ in numbers()],
    a_generator_expression_that_fails=lambda: sum(fail() for _ in numbers()),
)


# ---- asyncio


@own_in_a_loop
async def a_timeout_of_asyncio() -> None:
    async with asyncio.timeout(0):
        await asyncio.sleep(60)


@own_in_a_loop
async def wait_for() -> None:
    await asyncio.wait_for(asyncio.sleep(60), 0.001)


@own_in_a_loop
async def a_task_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))
        group.create_task(failing())


async def failing() -> None:
    await asyncio.sleep(0)
    raise Mine


def future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


def failed_future(error: BaseException) -> asyncio.Future[None]:
    made = future()
    made.set_exception(error)
    return made


def cancelled_future() -> asyncio.Future[None]:
    made = future()
    made.cancel()
    return made


@own_in_a_loop
async def a_cancelled_future() -> None:
    await cancelled_future()


@own_in_a_loop
async def the_result_of_a_cancelled_future() -> None:
    cancelled_future().result()


@own_in_a_loop
async def the_exception_of_a_cancelled_future() -> None:
    cancelled_future().exception()


@own_in_a_loop
async def a_future_that_is_told_to_fail() -> None:
    await failed_future(Mine())


@own_in_a_loop
async def the_result_of_a_future_that_is_told_to_fail() -> None:
    failed_future(Mine()).result()


@own_in_a_loop
async def the_result_of_one_that_fails_by_a_timeout() -> None:
    failed_future(TimeoutError()).result()


@own_in_a_loop
async def the_result_of_one_with_words() -> None:
    failed_future(WithWords()).result()


@own_in_a_loop
async def the_result_of_one_that_goes_on() -> None:
    future().result()


@own_in_a_loop
async def a_cancelled_task() -> None:
    waiting = asyncio.ensure_future(asyncio.sleep(60))
    await asyncio.sleep(0)
    waiting.cancel()
    await waiting


@own_in_a_loop
async def its_own_cancellation() -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(0)


@own_in_a_loop
async def what_is_gathered() -> None:
    await asyncio.gather(asyncio.sleep(0), failing())


@own_in_a_loop
async def what_is_shielded() -> None:
    await asyncio.shield(failing())


@own_in_a_loop
async def the_first_of_several() -> None:
    for each in asyncio.as_completed([failing(), asyncio.sleep(0.001)]):
        await each


@own_in_a_loop
async def an_empty_queue_of_asyncio() -> None:
    asyncio.Queue[int]().get_nowait()


@own_in_a_loop
async def a_function_in_a_thread() -> None:
    await asyncio.to_thread(fail)


@own_in_a_loop
async def a_function_in_an_executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, fail)


@own_in_a_loop
async def a_barrier_that_is_broken() -> None:
    barrier = asyncio.Barrier(2)
    await barrier.abort()
    await barrier.wait()


async def awaited_numbers() -> AsyncIterator[int]:
    yield 1
    yield 2


@own_in_a_loop
async def a_class_thrown_into_an_asynchronous_generator() -> None:
    generator = awaited_numbers()
    await anext(generator)
    await generator.athrow(Mine)  # type: ignore[attr-defined]


@own_in_a_loop
async def an_asynchronous_iteration_that_is_over() -> None:
    async for _ in (generator := awaited_numbers()):
        pass
    await anext(generator)


@own_in_a_loop
async def a_helper_that_is_given_a_frame_in_a_loop() -> None:
    helper(2, sys._getframe())


def _run_until_complete() -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(failing())
    finally:
        loop.close()


def _run_for_a_future() -> None:
    loop = asyncio.new_event_loop()
    try:
        made = loop.create_future()
        made.set_exception(Mine())
        loop.run_until_complete(made)
    finally:
        loop.close()


OWN |= {"run until complete": _run_until_complete, "run until a future is complete": _run_for_a_future}
IN_A_LOOP |= {"run until complete", "run until a future is complete"}


# ---- frames that are handed on


def helper(*_: object, **__: object) -> NoReturn:
    raise Mine


def positional(level: object, frame: object) -> NoReturn:
    raise Mine(f"at {level}")


def only_a_frame(frame: object) -> NoReturn:
    raise Mine


class Debugger:
    def dispatch(self, event: object, frame: object) -> NoReturn:
        self.stop()

    def stop(self) -> NoReturn:
        raise Mine("stopped")

    def __call__(self, frame: object) -> NoReturn:
        self.stop()


class Logs(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        positional(record.levelno, sys._getframe())


@own
def a_logger_that_hands_frames_on() -> None:
    log = logging.Logger("of its own")
    log.addHandler(Logs())
    log.debug("x")


@own
def a_frame_that_is_a_local() -> None:
    here = inspect.currentframe()
    positional(0, here)


@own
def the_source_of_a_frame() -> None:
    scope: dict[str, Any] = {}
    exec("import inspect\ndef source():\n    return inspect.getsource(inspect.currentframe())", scope)
    scope["source"]()


plain(
    a_helper_that_is_given_a_frame=lambda: only_a_frame(sys._getframe()),
    a_helper_by_name=lambda: helper(frame=inspect.currentframe()),
    a_helper_that_is_given_more=lambda: helper(None, sys._getframe(), "line"),
    a_helper_with_a_level=lambda: positional(2, sys._getframe()),
    a_helper_with_the_number_of_a_signal=lambda: positional(int(signal.SIGTERM), inspect.currentframe()),
    a_helper_with_a_signal=lambda: positional(signal.SIGTERM, sys._getframe()),
    a_helper_with_a_flag=lambda: positional(True, sys._getframe()),
    a_helper_with_a_name=lambda: positional("SIGTERM", sys._getframe()),
    a_helper_with_arguments_in_a_tuple=lambda: helper(*(15, sys._getframe())),
    a_helper_with_them_the_other_way_round=lambda: helper(sys._getframe(), 15),
    a_debugger=lambda: Debugger().dispatch("call", sys._getframe()),
    a_debugger_that_is_called=lambda: Debugger()(sys._getframe()),
    a_partial_with_a_frame=lambda: functools.partial(positional, 15)(sys._getframe()),
)


# ---- timeouts of its own


@contextlib.contextmanager
def alarm(handler: Callable[..., object]) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@own
def a_timeout_by_an_alarm() -> None:
    if not hasattr(signal, "setitimer"):
        raise Mine
    with alarm(lambda number, frame: fail()):
        time.sleep(60)


@own
def a_process_that_takes_too_long() -> None:
    subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.001, check=True)


# ---- raised by C code


def raised_by_c(kind: type[BaseException]) -> None:
    """Raise a class, without a word, as C code does (`PyErr_SetNone`)."""
    ctypes.pythonapi.PyErr_SetNone(ctypes.py_object(kind))


@own
def a_warning_that_is_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn("deprecated", FutureWarning, stacklevel=1)


class MyWarning(UserWarning):
    pass


@own
def a_warning_without_a_word_that_is_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn(MyWarning(), stacklevel=1)


@own
def a_socket_that_waits_too_long() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(0.001)
        one.recv(1)


@own
def a_reference_to_what_is_gone() -> None:
    weakref.proxy(Mine()).args  # noqa: B018


@own
def a_view_that_was_released() -> None:
    view = memoryview(b"x")
    view.release()
    view[0]


@own
def a_pool_whose_function_fails() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(fail).result()


@own
def a_cancelled_future_of_a_pool() -> None:
    made = concurrent.futures.Future[None]()
    made.cancel()
    made.result()


@own
def a_future_of_a_pool_that_goes_on() -> None:
    concurrent.futures.Future[None]().result(timeout=0.001)


@own
def a_barrier_of_threads() -> None:
    threading.Barrier(2).wait(0.001)


@own
def a_connection_that_is_closed() -> None:
    database = sqlite3.connect(":memory:")
    database.close()
    database.execute("select 1")


plain(
    a_class_raised_by_c=lambda: raised_by_c(Mine),
    a_base_exception_raised_by_c=lambda: raised_by_c(MineOfBase),
    words_of_its_own_raised_by_c=lambda: raised_by_c(WithWords),
    a_timeout_raised_by_c=lambda: raised_by_c(TimeoutError),
    a_cancellation_raised_by_c=lambda: raised_by_c(asyncio.CancelledError),
    a_signal_of_decimal_raised_by_c=lambda: raised_by_c(decimal.InvalidOperation),
    an_exit_raised_by_c=lambda: raised_by_c(SystemExit),
    an_empty_queue=lambda: queue.SimpleQueue[int]().get_nowait(),
    an_empty_queue_after_a_while=lambda: queue.SimpleQueue[int]().get(timeout=0.001),
    a_decimal=lambda: decimal.Decimal("x"),
    a_division_of_decimals=lambda: decimal.Decimal(1) / decimal.Decimal(0),
    no_such_zone=lambda: zoneinfo.ZoneInfo("no/such"),
    a_certificate=lambda: ssl.create_default_context(cadata="x"),
    no_connection=lambda: socket.create_connection(("127.0.0.1", 1), 1),
    no_address=lambda: socket.inet_aton("x"),
    broken_json=lambda: json.loads("{"),
    a_structure=lambda: struct.unpack("i", b"x"),
    broken_zlib=lambda: zlib.decompress(b"x"),
    broken_lzma=lambda: lzma.decompress(b"x"),
    broken_base64=lambda: base64.b64decode("x"),
    a_pickle=lambda: pickle.loads(b""),
    what_cannot_be_pickled=lambda: pickle.dumps(lambda: 0),
    a_table=lambda: list(csv.reader(["x"], delimiter="ab")),
    no_table=lambda: sqlite3.connect(":memory:").execute("x"),
    a_pattern=lambda: re.compile("("),
    no_number=lambda: int("x"),
    a_division=lambda: 1 / 0,
    a_fraction=lambda: fractions.Fraction(1, 0),
    no_file=lambda: os.stat("/no/such/file"),
    no_folder=lambda: os.listdir("/no/such/folder"),
    a_decoding=lambda: b"\xff".decode(),
    a_literal=lambda: ast.literal_eval("f()"),
    code=lambda: compile("(", "", "eval"),
    a_date=lambda: datetime.date.fromisoformat("x"),
    an_argument_of_ctypes=lambda: ctypes.c_int("x"),  # type: ignore[arg-type]
    broken_xml=lambda: xml.etree.ElementTree.fromstring("<"),
    no_algorithm=lambda: hashlib.new("none"),
    no_character=lambda: unicodedata.lookup("none"),
    a_descriptor=lambda: select.select([-1], [], []),
    an_identifier=lambda: uuid.UUID("x"),
    an_internet_address=lambda: ipaddress.ip_address("x"),
    an_array=lambda: array.array("i", ["x"]),
    an_operator=lambda: operator.index("x"),  # type: ignore[arg-type]
)


# ---- where they are raised


def handle(number: int, frame: object) -> NoReturn:
    raise MineOfBase(f"got {number}")


@contextlib.contextmanager
def handlers_are_set() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGUSR1) if hasattr(signal, "SIGUSR1") else (signal.SIGTERM,)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def another_thread_lives() -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


SURROUNDINGS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "alone": contextlib.nullcontext,
    "where handlers are set": handlers_are_set,
    "where another thread lives": another_thread_lives,
}


class Drawn:
    """Fails while it is drawn, in its repr or as it shows itself in notebooks."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def __repr__(self) -> str:
        return str(self._shape())


class Shown:
    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def _repr_html_(self) -> str:
        return str(self._shape())

    def __repr__(self) -> str:
        return "shown plainly"


@task
def work(drawn: object, shown: object) -> int:
    return 7


pytestmark = [
    pytest.mark.filterwarnings("ignore::obs_core.ObsWarning"),
    # Of what the shapes leave behind: coroutines that were never awaited, connections that nobody closed.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def assert_noted(store: RecordingStore) -> None:
    (recorded,) = store.last().tasks[-1:]
    assert recorded.status == "succeeded"
    items = "\n".join(item for deck in recorded.decks for item in deck.items)
    assert "its repr raised" in items
    assert "its own _repr_html_ failed on this Shown" in items


@pytest.fixture(autouse=True)
def as_users_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("where", SURROUNDINGS)
def test_what_the_code_of_a_value_raises_is_a_note(store: RecordingStore, where: str, name: str) -> None:
    with SURROUNDINGS[where]():
        assert work(Drawn(OWN[name]), Shown(OWN[name])) == 7
    assert_noted(store)


@pytest.mark.parametrize("name", [name for name in OWN if name not in IN_A_LOOP])
def test_it_is_a_note_also_where_an_event_loop_runs(store: RecordingStore, name: str) -> None:
    """`asyncio.run` handles SIGINT meanwhile."""

    async def calling() -> int:
        return work(Drawn(OWN[name]), Shown(OWN[name]))

    assert asyncio.run(calling()) == 7
    assert_noted(store)


AS_IF_SENT = {
    "a base exception raised by c",
    "a class raised by c",
    "a signal of decimal raised by c",
    "a timeout raised by c",
    "a warning without a word that is an error",
    "an exit raised by c",
    "run until a future is complete",
    "sys exit by another name",
    "the result of a future that is told to fail",
    "the result of one that fails by a timeout",
    "the result of one with words",
    "words of its own raised by c",
    # Whose first call left is one at which another thread's would arrive.
    "a block in a block that forgets where it was raised",
    "a block that forgets where it was raised",
}
"""What looks like an exception that another thread sent, and ends the task where some thread sends exceptions."""


@pytest.mark.parametrize("name", [name for name in OWN if name not in AS_IF_SENT])
def test_it_is_a_note_also_where_threads_send_exceptions(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(vars(ctypes.pythonapi), "PyThreadState_SetAsyncExc", None)  # somebody has looked it up
    assert work(Drawn(OWN[name]), Shown(OWN[name])) == 7
    assert_noted(store)


def test_these_are_many() -> None:
    assert len(OWN) >= 73
