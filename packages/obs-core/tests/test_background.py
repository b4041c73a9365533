"""Threads of obs's own are struck by no signal: a program that waits for signals gets them, as it does without obs."""

from __future__ import annotations

import _thread
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from obs_core.background import Background, start_bare, take_signals, unstruck

if sys.platform == "win32":
    pytest.skip("threads have no masks of signals", allow_module_level=True)

FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}
BLOCKABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}

ALL_THREADS = """
import contextlib, json, os, re, signal, sys, threading, time
from obs_core import current_context, execution, task
from obs_core.limits import limited
from obs_core.recording import samplers, status_line
from obs_core.store import using
from obs_core.store.fetching import fetch_each
from obs_core.testing import RecordingStore

WAITED_FOR = {signal.SIGUSR1, signal.SIGTERM, signal.SIGALRM, signal.SIGINT, signal.SIGRTMIN}
NAMES = {
    "obs-capture-upload", "obs-deferred", "obs-fetching_0", "obs-flusher", "obs-output", "obs-render-timeout",
    "obs-sampler", "obs-status", "obs-upload",
}
answer = threading.Event()

class Silent(RecordingStore):
    local = False

    def put(self, path, content):
        answer.wait()
        super().put(path, content)

    def names(self, path):
        answer.wait()
        return super().names(path)

class Local(Silent):
    local = True

class Sampler:
    def sample(self, runs):
        answer.wait()

    def decks(self, task):
        return ()

samplers._made = lambda: [Sampler()]

def read(path):
    answer.wait()

def names():
    return {thread.name for thread in threading.enumerate()}

def blocked_by_each():
    masks = {}
    for native in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            told = open(f"/proc/self/task/{native}/status").read()
            masks[int(native)] = int(re.search("SigBlk:\\s*(\\w+)", told)[1], 16)
    return masks

@task(logs="all")
def step():
    context = current_context()
    context.capture("lines", suffix=".txt", options={})
    context.defer(answer.wait)
    limited(lambda: 7)
    run = context.state.run
    looking_back = status_line._Line(-1)
    silent, run.store = run.store, Local()
    looking_back._estimate(run, [], 10**12)
    run.store = silent
    # Who reads waits in a thread of the program's own, which blocks what the program blocks.
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    threading.Thread(target=lambda: list(fetch_each(Silent(), read, ["a", "b"])), name="reader").start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED_FOR)
    while not NAMES <= names():
        time.sleep(0.01)
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
    for number in WAITED_FOR:
        os.kill(os.getpid(), number)
    # The C library blocks all signals, its own number 32 with them, in a thread that starts or ends: for a moment.
    masks = blocked_by_each()
    while any(mask >> 31 & 1 for mask in masks.values()):
        time.sleep(0.001)
        masks = blocked_by_each()
    others = {one.native_id for one in threading.enumerate() if one.name in ("MainThread", "reader")}
    blocked = [mask for native, mask in masks.items() if native not in others]
    return [sorted(signal.sigwait(WAITED_FOR) for _ in WAITED_FOR), blocked]

with using(Silent()), execution("night"):
    took, blocked = step()
    answer.set()
print(json.dumps([took == sorted(WAITED_FOR), blocked]))
"""


def of_mask(mask: int) -> set[int]:
    return {number for number in range(1, signal.NSIG) if mask >> (number - 1) & 1}


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="the masks of threads are told by Linux")
def test_a_program_takes_the_signals_that_it_waits_for_beside_each_thread_of_obs(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ran = run_script(ALL_THREADS, env={"OBS_RESOURCES": "1"})
    took, blocked = json.loads(ran.stdout)
    assert took
    assert len(blocked) >= 9
    assert [(BLOCKABLE - FAULTS) - of_mask(mask) for mask in blocked] == [set()] * len(blocked)
    assert [FAULTS & of_mask(mask) for mask in blocked] == [set()] * len(blocked)


def mask_of_this_thread() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


@pytest.fixture
def timeout() -> Iterator[None]:
    """SIGUSR1 and SIGALRM raise a timeout."""

    def strike(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = {number: signal.signal(number, strike) for number in (signal.SIGUSR1, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def error() -> None:
    raise ValueError


def handler_of_what_came_to_another_thread() -> None:
    _thread.interrupt_main(signal.SIGUSR1)


def signal_that_comes_meanwhile() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.parametrize("happens", [error, handler_of_what_came_to_another_thread, signal_that_comes_meanwhile])
def test_who_starts_a_thread_has_its_own_mask_again_whatever_happens(
    timeout: None, happens: Callable[[], None]
) -> None:
    before = mask_of_this_thread()
    with pytest.raises((ValueError, TimeoutError)):
        unstruck(happens)
    assert mask_of_this_thread() == before


def test_who_starts_a_thread_has_its_own_mask_again_wherever_a_timeout_strikes(timeout: None) -> None:
    before = mask_of_this_thread()
    struck, is_over = 0, False

    def strike(_number: int, _frame: FrameType | None) -> None:
        if not is_over:  # the kernel may have given the signal to another thread, which hands it on later
            raise TimeoutError

    signal.signal(signal.SIGALRM, strike)
    for _ in range(2_000):
        is_over = False
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.00003)
            unstruck(list, range(200))
            signal.setitimer(signal.ITIMER_REAL, 0)
            is_over = True
        except TimeoutError:
            is_over = True
            struck += 1
        assert mask_of_this_thread() == before
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert struck


def test_a_thread_without_an_object_is_struck_by_nothing_either() -> None:
    masks: list[set[int]] = []
    done = threading.Event()

    def look() -> None:
        masks.append(mask_of_this_thread())
        done.set()

    start_bare(look)
    assert done.wait(60)
    assert masks == [BLOCKABLE - FAULTS]


def test_a_process_that_such_a_thread_starts_can_take_signals_again() -> None:
    def take() -> None:
        take_signals()
        masks.append(mask_of_this_thread())

    masks: list[set[int]] = []
    thread = Background(take, "obs-test")
    thread.start()
    thread.join()
    assert masks == [set()]
