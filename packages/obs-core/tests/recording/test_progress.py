"""Progress: a loop is what it was without it, and how far it is can be seen wherever one looks."""

from __future__ import annotations

import asyncio
import decimal
import fractions
import gc
import io
import math
import os
import pty
import re
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_core import ObsWarning, execution, load_execution, task, track
from obs_core.recording.executions import begin_unwritten
from obs_core.recording.here import innermost
from obs_core.testing import RecordingStore
from obs_core.text.terminal import columns
from obs_core.values.curves import ProgressBar

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def bars(store: Any, name: str = "fit") -> list[ProgressBar]:
    read = load_execution("last", store)
    return read._assembly.metrics.bars_of(read.task(name).id, "failed", 0)


def test_items_come_as_they_are_and_their_number_is_recorded(store: RecordingStore) -> None:
    @task
    def fit() -> list[int]:
        return list(track([3, 1, 2], "epoch 3", unit="batch"))

    assert fit() == [3, 1, 2]
    (bar,) = bars(store)
    assert (bar.name, bar.done, bar.total, bar.unit, bar.status) == ("epoch 3", 3, 3, "batch", "ended")


def test_a_length_that_nobody_knows_is_none(store: RecordingStore) -> None:
    @task
    def fit() -> int:
        loop = track(iter("abc"))
        with pytest.raises(TypeError, match="the length of this loop is not known"):
            len(loop)
        return sum(1 for _ in loop)

    assert bool(track(iter("abc")))
    assert fit() == 3
    assert [(bar.done, bar.total) for bar in bars(store)] == [(3, None)]


def test_an_asynchronous_loop_is_tracked_too(store: RecordingStore) -> None:
    async def arriving() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    @task
    async def fit() -> list[int]:
        return [number async for number in track(arriving(), "arriving", total=3)]

    assert asyncio.run(fit()) == [0, 1, 2]
    assert [(bar.done, bar.total) for bar in bars(store)] == [(3, 3)]


def test_nested_loops_of_one_name_take_one_place(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        for _ in track(range(3), "epochs"):
            for _ in track(range(5), "batches"):
                pass

    fit()
    assert [(bar.name, bar.done) for bar in bars(store)] == [("epochs", 3), ("batches", 5)]


def test_a_loop_that_raises_was_stopped(store: RecordingStore) -> None:
    @task
    def fit() -> None:
        with track(total=10, description="download", unit="B") as bar:
            bar.update(4)
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        fit()
    (bar,) = bars(store)
    assert (bar.done, bar.total, bar.status) == (4, 10, "stopped")


def test_a_loop_is_gone_through_as_often_as_one_likes(store: RecordingStore) -> None:
    class Batches(list[int]):
        pass

    @task
    def fit() -> list[list[int]]:
        items = Batches([1, 2, 3])
        alive = weakref.ref(items)
        loop = track(items, "epoch")
        seen = [list(loop), list(loop)]
        del items, loop  # nothing of obs holds them now
        gone = alive() is None
        assert gone
        return seen

    assert fit() == [[1, 2, 3], [1, 2, 3]]
    assert [(bar.name, bar.total, bar.status) for bar in bars(store)] == [("epoch", 3, "ended")]


def test_a_task_that_is_over_is_not_kept_for_its_loops(store: RecordingStore) -> None:
    states: list[weakref.ref[Any]] = []

    @task
    def fit() -> None:
        states.append(weakref.ref(innermost().task))
        for _ in track([1, 2]):
            pass

    with execution("night"):
        for _ in range(5):
            fit()
        gc.collect()
        alive = [state for state in states if state() is not None]
        assert len(alive) <= 1


def test_an_iterable_s_exception_goes_on_as_it_is(store: RecordingStore) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("no such airport")

    @task
    def fit() -> None:
        for _ in track(failing()):
            pass

    with pytest.raises(KeyError, match="no such airport"):
        fit()


def test_a_log_file_gets_a_line_without_control_characters(run_script: RunScript) -> None:
    source = """
import time
from obs_core import task, track
@task
def fit():
    for item in track(range(4), "epoch 3"):
        time.sleep(0.3)
fit()
"""
    said = run_script(source).stderr
    *before, last = said.splitlines()
    assert last.startswith("epoch 3: 4 of 4 it, 100 %, ")
    assert all(line.startswith("epoch 3: ") for line in before)  # on a machine that is very slow
    assert "\r" not in said
    assert "\x1b" not in said
    assert run_script(source, env={"OBS_QUIET": "1"}).stderr == ""


def shown_in_a_terminal(folder: Path, source: str) -> str:
    """What a script writes to its standard error, a terminal."""
    script = folder / "script.py"
    script.write_text(source, encoding="utf-8")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "OBS_STORE": str(folder / "store"), "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen([sys.executable, str(script)], stderr=theirs, env=environment)
    os.close(theirs)
    said = io.BytesIO()
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            break
        if not part:
            break
        said.write(part)
    os.close(ours)
    assert process.wait() == 0
    return said.getvalue().decode()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_terminal_gets_a_bar_that_stays(tmp_path: Path) -> None:
    text = shown_in_a_terminal(
        tmp_path,
        "import time\nfrom obs_core import track\n"
        "for epoch in track(range(3), 'epochs'):\n"
        "    for batch in track(range(4), 'batches', leave=False):\n"
        "        time.sleep(0.06)\n",
    )
    assert "epochs: " in text
    assert "batches: " in text
    last = [part for part in text.split("\r") if part.startswith("epochs: ")][-1]
    assert last.startswith("epochs: 100%|")
    assert re.search(r"\| 3/3 \[\d\d:\d\d, ", last)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_bar_whose_end_a_timeout_strikes_is_gone_wherever_it_strikes(tmp_path: Path) -> None:
    text = shown_in_a_terminal(
        tmp_path,
        """
import signal, sys
from obs_core import execution, track

class Timeout(TimeoutError):
    pass

def stop(*_):
    raise Timeout

def strike(frame, event, _):
    global left
    if event in ("call", "c_return"):
        left -= 1
        if left == 0:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGALRM)

def loop():
    for item in track(range(2), "loop"):
        if item == 1:
            sys.setprofile(strike)

signal.signal(signal.SIGALRM, stop)
places, left, stay = 0, 0, []
with execution("night"):
    while left <= 0 and not stay:
        places += 1
        left = places
        try:
            loop()
        except Timeout:
            pass
        sys.setprofile(None)
        bars = sys.modules["obs_core.recording.bar_rows"]
        if bars._current._texts or bars._current._heard:
            stay.append(places)
print(f"stay: {stay} of {places > 20}", file=sys.stderr)
""",
    )
    assert "stay: [] of True" in text


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
@pytest.mark.parametrize("total", [7, None])
def test_a_bar_is_no_wider_than_its_terminal_whatever_its_name(tmp_path: Path, total: int | None) -> None:
    name = "数据处理" * 12
    source = f"from obs_core import track\nfor _ in track(iter('abcdefg'), '{name}', {total}):\n    pass\n"
    text = shown_in_a_terminal(tmp_path, source)
    drawn = [part.split("\x1b")[0].rstrip("\n") for part in text.split("\r") if "数据" in part]
    assert drawn
    assert {columns(part) for part in drawn} == {79}


def test_bars_of_tqdm_are_recorded(run_script: RunScript, folder: Path) -> None:
    pytest.importorskip("tqdm")
    source = """
import time
from obs_core import task
from obs_core.recording.here import innermost
from tqdm import tqdm
@task
def fit():
    (watch,) = innermost().task.run.progress
    for item in tqdm(range(5), desc="theirs"):
        while not watch._shown:  # obs looks each second
            time.sleep(0.01)
fit()
"""
    run_script(source)
    read = load_execution("last", folder)
    (bar,) = bars(folder)
    assert (bar.name, bar.done, bar.total, bar.status) == ("theirs", 5, 5, "ended")
    assert "Metrics" in [deck.name for deck in read.task("fit").decks]


def test_what_a_bar_of_tqdm_ended_with_is_known_however_soon_after_a_look_its_task_ends(store: RecordingStore) -> None:
    theirs = pytest.importorskip("tqdm.std")

    @task
    def fit() -> None:
        for item in theirs.tqdm(range(60), file=io.StringIO()):
            if item == 40:
                for log in innermost().task.run.progress:
                    log.bars_of(innermost().task)

    with execution("ends"):
        fit()
    assert [(bar.done, bar.total, bar.status) for bar in bars(store)] == [(60, 60, "ended")]


def test_bars_of_tqdm_keep_fractions_and_scalars(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bar:
        n, total, desc, unit = 1.5, decimal.Decimal(10), "theirs", "it"

    theirs: Any = types.ModuleType("tqdm.std")
    theirs.tqdm = types.SimpleNamespace(_instances=set())
    monkeypatch.setitem(sys.modules, "tqdm.std", theirs)

    @task
    def fit() -> None:
        theirs.tqdm._instances.add(Bar())
        for log in innermost().task.run.progress:
            log.bars_of(innermost().task)

    fit()
    assert [(bar.name, bar.done, bar.total) for bar in bars(store)] == [("theirs", 1.5, 10)]


def test_a_notebook_gets_a_bar_that_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.chdir(tmp_path)
    cell = nbformat.v4.new_code_cell("from obs_core import track\nfor item in track(range(4), 'epoch <3>'):\n    pass")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = [one for one in notebook.cells[0].outputs if one["output_type"] == "display_data"]
    assert "epoch &lt;3&gt;" in output["data"]["text/html"]
    assert '<progress value="4" max="4"' in output["data"]["text/html"]


def test_of_nested_loops_a_notebook_keeps_the_outermost_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.chdir(tmp_path)
    source = """from obs_core import track
for _ in track(range(3), "epochs"):
    for _ in track(range(4), "batches"):
        pass
    list(track(range(2), "kept", leave=True))
list(track([1], "after"))
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [one["data"]["text/html"] for one in notebook.cells[0].outputs if one["output_type"] == "display_data"]
    named = [re.findall(r"<label>(\w+)", html) for html in shown]
    assert [name for names in named for name in names] == ["epochs", "kept", "kept", "kept", "after"]


def test_a_bar_of_tqdm_by_itself_begins_no_execution(store: RecordingStore) -> None:
    theirs = pytest.importorskip("tqdm.std")
    run = begin_unwritten("cell", {})
    with theirs.tqdm(total=10, file=io.StringIO()) as bar:
        bar.update(3)
        run.journal.flush()
    run.over()
    assert not run.is_recorded


def test_a_stream_that_can_only_write_shows_what_it_can(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tee:
        def write(self, text: str) -> None:
            pass

        def flush(self) -> None:
            pass

    monkeypatch.setattr(sys, "stderr", Tee())

    @task
    def fit() -> list[int]:
        return list(track([1, 2]))

    assert fit() == [1, 2]


def test_a_closed_stream_stops_nothing(run_script: RunScript) -> None:
    source = """
import os, sys
from obs_core import task, track
@task
def fit():
    os.close(2)
    for item in track(range(3), "epoch"):
        pass
    sys.stderr = None
    return sum(track(range(4)))
print(fit())
"""
    assert run_script(source).stdout == "6\n"


@pytest.mark.parametrize(
    ("counts", "total", "done", "of"),
    [
        ([0.5, 0.5, 0.5], 10, 1.5, 10),
        ([1.0, 2.0], 3.0, 3, 3),
        ([0.1, 0.2], 0.5, pytest.approx(0.3), 0.5),
        ([2**63], 2**64, 2.0**63, 2.0**64),
        ([decimal.Decimal("1.5"), fractions.Fraction(1, 2), True], decimal.Decimal("4"), 3, 4),
    ],
)
def test_amounts_are_kept_as_they_are_said(
    store: RecordingStore, counts: list[Any], total: Any, done: float, of: float
) -> None:
    @task
    def fit() -> None:
        with track(total=total, description="amounts") as bar:
            for count in counts:
                bar.update(count)

    fit()
    assert [(bar.done, bar.total, bar.status) for bar in bars(store)] == [(done, of, "ended")]


@pytest.mark.parametrize("count", ["3", None, math.nan, math.inf, [1], 1j])
def test_an_amount_that_is_none_is_named_and_stops_nothing(store: RecordingStore, count: Any) -> None:
    @task
    def fit() -> str:
        with track(total=10, description="rows") as bar:
            for each in (1, count, count, 2):
                bar.update(each)
        return "went on"

    with pytest.warns(ObsWarning, match="loop 'rows': update takes a number of items, got") as caught:
        assert fit() == "went on"
    assert len(caught) == 1
    assert [(bar.done, bar.total) for bar in bars(store)] == [(3, 10)]
    assert any("loop 'rows'" in note for note in load_execution("last", store).task("fit").notes)


def test_fractions_are_told_in_as_many_digits_as_they_have() -> None:
    def told(done: float, total: float) -> str:
        return ProgressBar("", done, total, "s", 0, "ended").told()

    assert told(0.1 + 0.2, 0.5) == "0.3 of 0.5 s, 60 %"
    assert told(29, 100) == "29 of 100 s, 29 %"
    assert told(10**12 - 1, 10**12) == "999,999,999,999 of 1,000,000,000,000 s, 99 %"
    assert told(1e30, 1.5e30) == "1e+30 of 1.5e+30 s, 66 %"


def test_loops_of_one_name_that_run_at_the_same_time_are_told_apart(store: RecordingStore) -> None:
    def chunk(size: int) -> None:
        for _ in track(range(size), "chunk"):
            pass

    @task
    def fit() -> None:
        for _ in track(range(3)):
            for _ in track(range(5)):
                pass
        for size in (10, 20, 30):
            worker = threading.Thread(target=chunk, args=(size,))
            worker.start()
            worker.join()
        for first, _ in zip(track(range(10), "side"), track(range(20), "side"), strict=False):
            if first == 4:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit()
    assert sorted((bar.name, bar.total) for bar in bars(store)) == [
        ("", 3),
        ("", 5),
        ("chunk", 10),
        ("chunk", 20),
        ("chunk", 30),
        ("side", 10),
        ("side", 20),
    ]


def test_bars_of_one_name_that_nobody_closes_are_all_recorded_up_to_200_the_oldest_given_up_first(
    store: RecordingStore,
) -> None:
    @task
    def fit() -> None:
        for number in range(230):
            track(total=5, description="never closed").update(number)
            if number in (24, 210):
                innermost().task.run.journal.flush()
                assert len(bars(store)) == min(number + 1, 200)

    fit()
    assert sorted(bar.done for bar in bars(store)) == [*range(30, 230)]


def test_a_rate_is_that_of_the_moment_at_which_items_were_counted() -> None:
    second = 10**9
    inner = ProgressBar("", 2, 20, "it", second * 8 // 10, "running", 0, second // 50)
    assert inner.told() == "2 of 20 it, 10 %, 100 it/s"  # it is over by now
    slow = ProgressBar("", 2, 10, "it", 25 * second, "running", 5 * second, 20 * second)
    assert slow.told() == "2 of 10 it, 20 %, 0.1 it/s, 1 min 15 s to go"
    resumed = ProgressBar("", 900, 1000, "it", 10 * second, "running", 0, 10 * second, 800)
    assert resumed.told() == "900 of 1,000 it, 90 %, 10 it/s, 10.0 s to go"


def test_a_loop_that_is_slow_is_counted_from_item_to_item(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obs_core import clock

    now = clock.wall()
    monkeypatch.setattr(clock, "wall", lambda: now)

    @task
    def fit() -> None:
        nonlocal now
        with track(total=10, description="slow") as loop:
            for _ in range(3):
                now += 10 * 10**9
                loop.update()
            now += 7 * 10**9
            assert (loop.state().rate, loop.state().remaining) == (0.1, 63 * 10**9)
            innermost().task.run.journal.flush()
            assert [bar.rate for bar in bars(store)] == [0.1]

    fit()


@pytest.mark.parametrize("initial", [0, 5])
def test_bars_of_tqdm_are_as_fast_as_tqdm_says(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, initial: int
) -> None:
    theirs = pytest.importorskip("tqdm.std")

    def shown() -> ProgressBar:
        (bar,) = (bar for log in innermost().task.run.progress for bar in log.bars_of(innermost().task))
        return bar

    @task
    def fit() -> None:
        moment = 1_000.0
        bar = theirs.tqdm(total=100, file=io.StringIO(), mininterval=0.1, initial=initial)
        bar._time = lambda: moment
        bar.start_t = bar.last_print_t = moment
        for _ in range(60):
            moment += 0.5
            bar.update(1)
        moment += 0.25  # obs sees it later
        assert shown().rate == pytest.approx(2)
        assert shown().elapsed == pytest.approx(30.25e9, rel=0.01)
        bar.n += 4
        bar.close()
        moment += 10
        assert shown().rate == pytest.approx(2)
        assert shown().status == "ended"

    fit()
