"""Progress: a loop is what it was without it, and how far it is can be seen wherever one looks."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import pty
import re
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_core import execution, load_execution, task, track
from obs_core.recording.here import innermost
from obs_core.testing import RecordingStore
from obs_core.values.curves import ProgressBar

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def bars(store: Any, name: str = "fit") -> list[ProgressBar]:
    read = load_execution("last", store)
    return read._assembly.metrics.bars_of(read.task(name).id, False, 0)


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


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_terminal_gets_a_bar_that_stays(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import time\nfrom obs_core import track\n"
        "for epoch in track(range(3), 'epochs'):\n"
        "    for batch in track(range(4), 'batches', leave=False):\n"
        "        time.sleep(0.06)\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "OBS_STORE": str(tmp_path / "store"), "PYTHONIOENCODING": "utf-8"}
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
    text = said.getvalue().decode()
    assert "epochs: " in text
    assert "batches: " in text
    last = [part for part in text.split("\r") if part.startswith("epochs: ")][-1]
    assert last.startswith("epochs: 100%|")
    assert re.search(r"\| 3/3 \[\d\d:\d\d, ", last)


def test_bars_of_tqdm_are_recorded(run_script: RunScript, folder: Path) -> None:
    pytest.importorskip("tqdm")
    source = """
import time
from obs_core import task
from tqdm import tqdm
@task
def fit():
    for item in tqdm(range(5), desc="theirs"):
        time.sleep(0.5)
fit()
"""
    run_script(source)
    read = load_execution("last", folder)
    (bar,) = bars(folder)
    assert (bar.name, bar.done, bar.total, bar.status) == ("theirs", 5, 5, "ended")
    assert "Metrics" in [deck.name for deck in read.task("fit").decks]


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
