"""What threads share of obs's own."""

from __future__ import annotations

import ast
import contextlib
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, FrameType
from typing import Any

import pytest

import obs_core
from obs_core import Deck, check, execution, log_metric, log_params, span, task, track
from obs_core.locks import Attached, Named, Register, new_lock, new_rlock, take
from obs_core.recording import faults, here
from obs_core.store.descriptors import open_high

SOURCES = Path(obs_core.__file__).parent


class Thing:
    pass


def test_a_register_holds_what_is_alive_and_is_tidied() -> None:
    register: Register[Thing] = Register()
    kept = [Thing() for _ in range(10)]
    for each in (*kept, *kept):
        register.add(each)
    for _ in range(1_000):
        register.add(Thing())
    assert list(register) == kept
    assert len(register._members) < 300


def test_named_things_are_found_while_they_live() -> None:
    named: Named[Thing] = Named()
    kept = {f"kept {number}": Thing() for number in range(10)}
    for name, thing in kept.items():
        named[name] = thing
    for number in range(1_000):
        named[str(number)] = Thing()
    assert {name: named.get(name) for name in kept} == kept
    assert named.values() == list(kept.values())
    assert named.get("999") is None
    assert len(named._entries) < 100
    named.pop("kept 0")
    named.pop("kept 0")
    assert named.get("kept 0") is None


def test_what_is_attached_goes_after_its_owner_and_is_never_that_of_another() -> None:
    attached: Attached[Thing, list[int]] = Attached()
    kept = [Thing() for _ in range(10)]
    for number, thing in enumerate(kept):
        attached.setdefault(thing, []).append(number)
    for _ in range(1_000):
        assert attached.setdefault(Thing(), []) == []  # it may stand where an earlier one did
    assert attached.items() == [(thing, [number]) for number, thing in enumerate(kept)]
    assert attached.setdefault(kept[3], []) == [3]
    assert attached.get(Thing()) is None
    assert len(attached._entries) < 100


def test_threads_that_add_to_a_register_lose_none() -> None:
    register: Register[Thing] = Register()
    kept: list[Thing] = []

    def add() -> None:
        for _ in range(2_000):
            named = Thing()
            register.add(named)
            kept.append(named)
            register.add(Thing())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert {id(each) for each in register} == {id(each) for each in kept}


def test_no_callback_runs_where_a_timeout_would_be_lost() -> None:
    """What a signal's handler raises in the callback of a weak reference is printed by Python, and goes no further."""
    called: list[str] = []

    def look(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and "weakref" in frame.f_code.co_filename and "remove" in frame.f_code.co_name:
            called.append(frame.f_code.co_qualname)

    @task
    def work() -> None:
        with span("step"):
            log_metric("loss", 0.5)
        log_params(rate=0.1)
        Deck("Chart").append(f"<script>{'draw();' * 5_000}</script>")
        check("fine", True)
        for _ in track(range(3), "rows"):
            pass

    with execution("first"):
        work()
    gc.collect()
    sys.setprofile(look)
    try:
        for _ in range(3):
            with execution("night"):
                work()
    finally:
        sys.setprofile(None)
    assert called == []


class Timeout(Exception):
    """What a signal's handler raises: as a call of C's returns, before anybody has what it returned."""


def struck_as(function: str, returns: int) -> Callable[[FrameType, str, Any], None]:
    """Make what strikes as the nth call of a function of C's returns to obs."""
    left = returns

    def strike(frame: FrameType, event: str, argument: BuiltinFunctionType) -> None:
        nonlocal left
        if event == "c_return" and argument.__name__ == function and frame.f_code.co_filename.startswith(str(SOURCES)):
            left -= 1
            if not left:
                sys.setprofile(None)
                raise Timeout

    return strike


def is_free(lock: Any) -> bool:
    """Tell whether another thread can have a lock."""
    told: list[bool] = []

    def look() -> None:
        told.append(lock.acquire(blocking=False))
        if told[0]:
            lock.release()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return told[0]


@pytest.mark.parametrize("lock", [threading.Lock(), threading.RLock(), new_lock(), new_rlock()])
@pytest.mark.parametrize("function", ["acquire", "extend"])
def test_a_lock_that_is_taken_as_a_timeout_strikes_is_given_back(lock: Any, function: str) -> None:
    def work() -> None:
        taken: list[bool] = []
        try:
            take(lock, taken)
        finally:
            if True in taken:
                lock.release()

    sys.setprofile(struck_as(function, 1))
    try:
        with pytest.raises(Timeout) if function == "extend" else contextlib.nullcontext():
            work()
    finally:
        sys.setprofile(None)

    assert is_free(lock)


def test_a_lock_that_another_thread_has_is_not_taken() -> None:
    lock = threading.Lock()
    taken: list[bool] = []
    with lock:
        assert not take(lock, taken)
        assert not take(lock, taken, 0.001)
    assert True not in taken


@pytest.mark.parametrize("function", ["acquire", "extend"])
def test_a_timeout_leaves_no_lock_of_the_watch_for_crashes_taken(function: str) -> None:
    """The next thread that began a task would wait for ever."""
    for number in range(1, 4):
        sys.setprofile(struck_as(function, number))
        try:
            with execution("night"):
                pass
        except Timeout:
            pass
        finally:
            sys.setprofile(None)
        assert is_free(faults._lock)


def test_a_timeout_leaves_no_file_to_a_thread_that_does_not_write_it(tmp_path: Path) -> None:
    """The thread in the background would leave it out, and a kill would lose it."""
    with execution("night", store=tmp_path), span("step"):
        journal = here.innermost().task.journal
        journal.flush()
        journal.put("shared/chart.gz", b"a chart")
        sys.setprofile(struck_as("setdefault", 1))
        try:
            with pytest.raises(Timeout):
                journal.flush()
        finally:
            sys.setprofile(None)
        thread = threading.Thread(target=journal.flush)
        thread.start()
        thread.join()
        assert journal.store.get("shared/chart.gz") == b"a chart"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts Linux's descriptors")
@pytest.mark.parametrize("function", ["extend", "fcntl", "getrlimit", "close"])
def test_a_timeout_leaves_no_file_open_that_nobody_has(tmp_path: Path, function: str) -> None:
    path = str(tmp_path / "file")
    sys.setprofile(struck_as(function, 1))
    try:
        with pytest.raises(Timeout) if function != "fcntl" else contextlib.nullcontext():
            os.close(open_high(path, os.O_WRONLY | os.O_CREAT))
    finally:
        sys.setprofile(None)
    assert path not in list(files_open())


def files_open() -> Iterator[str]:
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # it is closed by now, as the one is that looks
            yield os.readlink(f"/proc/self/fd/{descriptor}")


def functions() -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(SOURCES.parents[2].glob("*/src/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def of_this_function(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from of_this_function(child)


def test_no_function_takes_a_lock_so_that_a_timeout_could_leave_it_taken() -> None:
    """``with`` and `take` have no gap between taking a lock and knowing of it."""
    careless = []
    for path, function in functions():
        calls = [each.func for each in of_this_function(function) if isinstance(each, ast.Call)]
        named = [(call.attr, ast.unparse(call.value)) for call in calls if isinstance(call, ast.Attribute)]
        careless += [f"{path.name}: {lock}" for what, lock in named if what == "acquire" and ("release", lock) in named]

    assert careless == []
