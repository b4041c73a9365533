"""Where greenlets stand in for threads (gevent), obs keeps the process, its signals and its children as they are."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("gevent")

PATCHED = """
from gevent import monkey
monkey.patch_all()
import gevent, json, os, signal, subprocess, sys, threading, time
from obs_core import execution, span, task

def blocked(pid="self"):
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:"))
"""

OF_LINUX = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the masks of signals are told by Linux")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def answer(run_script: Run) -> Callable[..., Any]:
    """Run a program of greenlets; returns what its last line says, as JSON."""

    def answer(program: str, **env: str) -> Any:
        ran = run_script(PATCHED + program, env=env)
        assert not ran.stderr
        return json.loads(ran.stdout.splitlines()[-1])

    return answer


@OF_LINUX
def test_no_signal_stays_blocked_after_greenlets_that_record_to_a_shared_store(answer: Callable[..., Any]) -> None:
    program = """
@task
def handle(number):
    with span("wait"):
        time.sleep(0.001)

masks = []
for _ in range(4):
    gevent.joinall([gevent.spawn(handle, number) for number in range(8)])
    masks.append(blocked())
print(json.dumps(masks))
"""
    assert answer(program, OBS_STORE="memory://greenlets") == [0] * 4


@OF_LINUX
def test_a_child_that_a_greenlet_starts_while_obs_starts_its_first_thread_blocks_no_signal(
    answer: Callable[..., Any],
) -> None:
    program = """
masks = []

@task
def handle(number):
    gevent.sleep(0.01)

def request(number):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    masks.append(blocked(child.pid))
    child.terminate()
    masks.append(child.wait())
    handle(number)

gevent.joinall([gevent.spawn(handle, 0), *(gevent.spawn(request, number) for number in range(1, 5))])
print(json.dumps(sorted(masks)))
"""
    assert answer(program) == [-15] * 4 + [0] * 4


def test_greenlets_of_the_parent_do_not_run_in_a_child_before_it_becomes_another_program(
    answer: Callable[..., Any],
) -> None:
    program = """
parent = os.getpid()

@task
def handle(number):
    gevent.sleep(0.01)

def request(number):
    subprocess.run(["true"], check=True)

def elsewhere():
    for _ in range(50):
        gevent.sleep(0)
        if os.getpid() != parent:
            os.write(2, b"this greenlet runs in a child\\n")

gevent.joinall([
    gevent.spawn(handle, 0),
    *(gevent.spawn(request, number) for number in range(4)),
    *(gevent.spawn(elsewhere) for _ in range(4)),
])
print(json.dumps("done"))
"""
    assert answer(program) == "done"


def test_a_child_goes_on_after_the_greenlet_that_forked_it_has_ended(answer: Callable[..., Any]) -> None:
    program = """
@task
def handle(number):
    return number

def later():
    for number in range(4):
        time.sleep(0.5)
        handle(number)
    os._exit(7 if "obs-flusher" in [thread.name for thread in threading.enumerate()] else 8)

def fork():
    with execution("night"):
        handle(0)
        if child := os.fork():
            print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
        else:
            in_child.append(gevent.spawn(later))

in_child = []
gevent.spawn(fork).join()
gevent.joinall(in_child)
"""
    assert answer(program) == 7


OF_DRAWING = """
import queue, socket
from gevent import GreenletExit, Timeout

class Soft(Exception):
    pass

class Drawn:
    def __init__(self, shape):
        self.shape = shape

    def __repr__(self):
        self.shape()
        return "drawn"

@task
def handle(value):
    return "done"

def ended(shape, timeout=None):
    try:
        if timeout is None:
            return handle(Drawn(shape))
        with timeout:
            return handle(Drawn(shape))
    except BaseException as error:
        return type(error).__name__

def within(greenlet):
    ends = []
    started = gevent.spawn(lambda: ends.append(greenlet()))
    gevent.sleep(0.2)
    started.kill()
    return ends

def long():
    time.sleep(30)

one, other = socket.socketpair()
handle(1)
"""


def test_what_is_thrown_into_a_greenlet_while_a_value_is_drawn_ends_the_task(answer: Callable[..., Any]) -> None:
    program = """
locked = threading.Lock()
locked.acquire()
waits = [long, threading.Event().wait, locked.acquire, lambda: one.recv(1), queue.Queue().get]
print(json.dumps([
    [ended(shape, Timeout(0.2)) for shape in waits],
    [ended(shape, Timeout(0.2, Soft("too long"))) for shape in waits],
    [ended(shape, Timeout(0.2, TimeoutError)) for shape in waits],
    [within(lambda: ended(shape)) for shape in waits],
]))
"""
    thrown = [["Timeout"] * 5, ["Soft"] * 5, ["TimeoutError"] * 5, [["GreenletExit"]] * 5]
    assert answer(OF_DRAWING + program) == thrown


def test_what_a_value_waits_for_in_vain_among_greenlets_ends_no_task(answer: Callable[..., Any]) -> None:
    program = """
def socket_that_waits_too_long():
    one.settimeout(0.01)
    one.recv(1)

def timeout_of_its_own():
    with Timeout(0.01):
        time.sleep(30)

def timeout_of_a_function():
    gevent.with_timeout(0.01, time.sleep, 30)

def another_that_fails():
    def fail():
        time.sleep(0.01)
        raise Soft
    gevent.spawn(fail).get()

def socket_that_another_closes():
    mine, _ = pair = socket.socketpair()
    gevent.spawn_later(0.01, mine.close)
    mine.recv(1)

waits = [
    socket_that_waits_too_long, socket_that_another_closes,
    timeout_of_its_own, timeout_of_a_function, another_that_fails,
    lambda: queue.Queue().get(timeout=0.01), lambda: gevent.event.AsyncResult().get(timeout=0.01),
    lambda: subprocess.run(["sleep", "30"], timeout=0.01), lambda: socket.getaddrinfo("nowhere.invalid", 80),
]
gevent.get_hub().print_exception = lambda *_: None
print(json.dumps([ended(shape) for shape in waits]))
"""
    assert answer("import gevent.event\n" + OF_DRAWING + program) == ["done"] * 9
