"""What threads share of obs's own."""

from __future__ import annotations

import gc
import sys
import threading
from types import FrameType

from obs_core import Deck, check, execution, log_metric, log_params, span, task, track
from obs_core.locks import Attached, Named, Register


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
