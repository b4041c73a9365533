"""What threads share of obs's own."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from types import FrameType

from obs_core import execution, span, task
from obs_core.locks import Register, members


class Named:
    pass


def test_a_weak_set_can_be_looked_through_while_another_thread_adds_to_it() -> None:
    shared: weakref.WeakSet[Named] = weakref.WeakSet()
    kept = [Named() for _ in range(500)]
    shared.update(kept)
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            some = [Named() for _ in range(100)]
            shared.update(some)
            del some

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(100):
            assert set(kept) <= set(members(shared))
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_a_register_holds_what_is_alive_and_is_tidied() -> None:
    register: Register[Named] = Register()
    kept = [Named() for _ in range(10)]
    for each in (*kept, *kept):
        register.add(each)
    for _ in range(1_000):
        register.add(Named())
    assert list(register) == kept
    assert len(register._members) < 300


def test_threads_that_add_to_a_register_lose_none() -> None:
    register: Register[Named] = Register()
    kept: list[Named] = []

    def add() -> None:
        for _ in range(2_000):
            named = Named()
            register.add(named)
            kept.append(named)
            register.add(Named())

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
