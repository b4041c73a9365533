"""What takes longer to draw than OBS_RENDER_TIMEOUT is ended where it hangs; the task does not notice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from types import FrameType
from typing import Any

import pytest

from obs_core import Deck, limits, span, task
from obs_core.limits import RenderTimeout, limited
from obs_core.rendering import bounded_repr, render
from obs_core.settings import render_timeout
from obs_core.testing import RecordingStore
from obs_core.text.bounded_repr import describe_error

Run = Callable[..., "CompletedProcess[str]"]


def _watching() -> list[int]:
    """Threads that look on."""
    found = []
    for thread, frame in sys._current_frames().items():
        inner: FrameType | None = frame
        while inner is not None:
            if inner.f_code is limits._watch.__code__:
                found.append(thread)
            inner = inner.f_back
    return found


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_RENDER_TIMEOUT", "0.1")
    monkeypatch.delenv("OBS_STRICT", raising=False)


def turn() -> None:
    while True:
        sum(range(10))


def turn_whatever_comes() -> None:
    """As clients do that try again and again."""
    for _ in range(3):
        with contextlib.suppress(BaseException):
            turn()
    turn()


def turn_and_wrap() -> None:
    try:
        turn()
    except BaseException as error:
        raise ValueError("no connection") from error


def receive() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.recv(1)


def wait_for_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


class Frame:
    def __init__(self, hang: Callable[[], None]) -> None:
        self._hang = hang

    def __repr__(self) -> str:
        self._hang()
        return "Frame()"

    def _repr_html_(self) -> str:
        self._hang()
        return "<b>done</b>"


IN_PYTHON = [turn, turn_whatever_comes, turn_and_wrap]
WAITING = [lambda: time.sleep(600), receive, wait_for_a_lock]


@pytest.mark.parametrize("hang", [*IN_PYTHON, *(pytest.param(each, marks=pytest.mark.posix) for each in WAITING)])
def test_a_value_that_hangs_is_ended_and_said_to_be(hang: Callable[[], None]) -> None:
    with pytest.warns(match="rendering a Frame"):
        html = render(Frame(hang))
    assert "its own _repr_html_ failed on this Frame: RenderTimeout: it took longer than 0.1 s in " in html
    assert f"({__file__}:" in html, "it says where it hung"
    assert "(OBS_RENDER_TIMEOUT). It is not shown." in html


@pytest.mark.parametrize("hang", IN_PYTHON)
def test_it_is_ended_in_other_threads_too(hang: Callable[[], None]) -> None:
    with ThreadPoolExecutor(4) as pool:
        for told in pool.map(bounded_repr, [Frame(hang)] * 4):
            assert "its repr raised RenderTimeout" in told


def test_a_task_with_values_that_hang_goes_on(store: RecordingStore) -> None:
    class Slow(Deck):
        __slots__ = ()

        @property
        def html(self) -> str:
            turn()
            return ""

    @task
    def work(frame: Frame) -> Frame:
        Deck("Mine", frame)
        Slow("Own")
        with span("step", frame=frame, frames=[frame]):
            return frame

    given = Frame(turn)
    with pytest.warns():
        assert work(given) is given
    loaded = store.last().tasks[0]
    assert loaded.status == "succeeded"
    shown = {deck.name: "".join(deck.items) for deck in loaded.decks}
    for name in ("Input", "Output", "Mine"):
        assert "RenderTimeout: it took longer than 0.1 s" in shown[name]
    assert any("drawing deck 'Own'" in note for note in loaded.notes)


def test_an_error_whose_message_hangs_is_the_tasks_error(store: RecordingStore) -> None:
    class Hanging(Exception):
        def __str__(self) -> str:
            turn()
            return ""

    raised = Hanging()

    @task
    def work() -> None:
        raise raised

    with pytest.raises(Hanging) as caught, pytest.warns():
        work()
    assert caught.value is raised
    assert store.last().tasks[0].status == "failed"
    assert describe_error(raised) == "Hanging: (its message cannot be had)"


def test_an_async_task_goes_on_with_its_loop(store: RecordingStore) -> None:
    @task
    async def work(frame: Frame) -> int:
        await asyncio.sleep(0)
        return 42

    async def both() -> list[int]:
        return list(await asyncio.gather(work(Frame(turn)), work(Frame(lambda: None))))

    with pytest.warns():
        assert asyncio.run(both()) == [42, 42]
    assert [each.status for each in store.executions()] == ["succeeded", "succeeded"]


@pytest.fixture
def alarm() -> Iterator[None]:
    class Timeout(Exception):
        pass

    def ring(_number: int, _frame: Any) -> None:
        raise TimeoutError("the task's own")

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.posix
@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("hang", [turn, turn_and_wrap, lambda: time.sleep(600)])
def test_a_timeout_of_the_tasks_own_is_not_taken_for_the_limit(
    hang: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_RENDER_TIMEOUT", "60")

    def ring_and_hang() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        hang()

    with pytest.raises(TimeoutError, match="the task's own"):
        render(Frame(ring_and_hang))


@pytest.mark.posix
@pytest.mark.usefixtures("alarm")
def test_whichever_of_both_comes_is_told_apart() -> None:
    ended = []
    for number in range(30):
        told = ""
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.09 + number * 0.002)
                told = bounded_repr(Frame(turn))
            finally:  # it may still come until this has been called
                signal.setitimer(signal.ITIMER_REAL, 0)
        except TimeoutError as error:
            told = told or str(error)
        ended.append(told)
    assert all(each == "the task's own" or "its repr raised RenderTimeout" in each for each in ended)


@pytest.mark.parametrize("in_thread", [False, True])
def test_nothing_comes_after_the_drawing_is_over(monkeypatch: pytest.MonkeyPatch, in_thread: bool) -> None:
    """Values that take just as long as they may: whoever draws them gets a text or a note, and nothing afterwards."""
    monkeypatch.setenv("OBS_RENDER_TIMEOUT", "0.02")
    results = []

    def draw_many() -> None:
        for number in range(120):
            until = time.monotonic() + 0.015 + number % 20 * 0.001

            def wait(until: float = until) -> None:
                while time.monotonic() < until:
                    pass

            results.append(bounded_repr(Frame(wait)))
            for _ in range(200):
                pass

    if in_thread:
        thread = threading.Thread(target=draw_many)
        thread.start()
        thread.join()
    else:
        draw_many()
    assert len(results) == 120
    assert all(each == "Frame()" or "RenderTimeout" in each for each in results)


def test_a_value_inside_another_has_what_is_left_of_its_time() -> None:
    with pytest.raises(RenderTimeout):
        limited(lambda: [limited(lambda: time.sleep(0.03)) for _ in range(1000)])


def test_imports_are_not_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slowly_loaded.py").write_text("import time\nfor _ in range(40): time.sleep(0.01)\nready = True\n")
    monkeypatch.syspath_prepend(tmp_path)

    def load() -> bool:
        import slowly_loaded  # type: ignore[import-not-found]

        return bool(slowly_loaded.ready)

    try:
        limited(load)
    except RenderTimeout:  # right after the import
        assert sys.modules["slowly_loaded"].ready


def test_a_program_that_uses_the_signal_keeps_it(run_script: Run) -> None:
    source = """
import signal, time
got = []
signal.signal(signal.SIGURG, lambda *_: got.append(1))
from obs_core.rendering import bounded_repr
class Hangs:
    def __repr__(self):
        while True: pass
print("RenderTimeout" in bounded_repr(Hangs()), got)
"""
    assert run_script(source).stdout == "True []\n"


def test_strict_mode_raises_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "1")
    with pytest.raises(RenderTimeout):
        render(Frame(turn))


@pytest.mark.posix
def test_a_forked_child_has_the_limit_too(run_script: Run) -> None:
    source = """
import os
from obs_core.rendering import bounded_repr
class Hangs:
    def __repr__(self):
        while True: pass
bounded_repr(1)
child = os.fork()
told = "RenderTimeout" in bounded_repr(Hangs())
if not child:
    os._exit(0 if told else 1)
print(told, os.waitpid(child, 0)[1])
"""
    assert run_script(source).stdout == "True 0\n"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("", 10.0), ("0", 0.0), ("2.5", 2.5), ("soon", 10.0), ("inf", 0.0), ("-1", 0.0), ("nan", 0.0)],
)
def test_the_limit_is_what_the_variable_says(monkeypatch: pytest.MonkeyPatch, given: str, seconds: float) -> None:
    monkeypatch.setenv("OBS_RENDER_TIMEOUT", given)
    assert render_timeout() == seconds


def test_without_a_limit_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_RENDER_TIMEOUT", "0")
    assert bounded_repr(Frame(lambda: time.sleep(0.3))) == "Frame()"


def test_nothing_is_left_of_what_was_drawn() -> None:
    import gc
    import weakref

    frames = [Frame(turn), Frame(lambda: None)]
    kept = [weakref.ref(each) for each in frames]
    for each in frames:
        bounded_repr(each)
    del frames, each
    gc.collect()
    assert [ref() for ref in kept] == [None, None]
    assert len(_watching()) == 1


@pytest.mark.posix
def test_threads_that_never_come_back_hold_up_no_end_and_cost_no_further_threads(run_script: Run) -> None:
    ran = run_script(
        """
import sys, threading
from obs_core import execution, task
from obs_core.limits import _drawings

never = threading.Lock()
never.acquire()

class Stuck:
    def __repr__(self):
        never.acquire()

@task
def work(value):
    pass

def begin():
    thread = threading.Thread(target=work, args=(Stuck(),), daemon=True)
    thread.start()
    return thread

with execution("night"):
    work(Stuck())  # what it imports is no place to hang in
    threads = [begin() for _ in range(20)]
    while len([drawing for drawing in list(_drawings.values()) if drawing.told]) < 20:
        work(Stuck())
        # On a busy machine one may be over the limit, and be ended, before it comes to what it hangs in.
        threads = [thread if thread.is_alive() else begin() for thread in threads]
    print(sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("obs-")))
""",
        env={"OBS_RENDER_TIMEOUT": "0.1", "OBS_STRICT": "0", "PYTHONWARNINGS": "ignore"},
    )
    assert ran.stdout == "['obs-flusher', 'obs-render-timeout']\n"
    told = [line for line in ran.stderr.splitlines() if "cannot be ended" in line]
    assert len(told) == 20
    assert all("in Stuck.__repr__ (" in line for line in told)
