"""Captures: files that lie in the store while a task runs, and the decks that are made of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from obs_core import Deck, current_context, execution, load_execution, task
from obs_core.assembly.unfinished import UnfinishedCapture
from obs_core.secrets import forget_secret_values, register_secret_value
from obs_core.tasks.deferred import wait

WRITER = """
import os
from obs_core import current_context, task

@task
def work():
    capture = current_context().capture("lines", suffix=".txt", options={"unit": "rows"})
    with open(capture.path, "w") as file:
        file.write("three")
    os._exit(9)

work()
"""


def decks_of_lines(capture: UnfinishedCapture) -> Iterator[tuple[str, str]]:
    """Draw what `WRITER` left."""
    with capture.file() as path:
        yield "Lines", f"<p>{Path(path).read_text()} {capture.options['unit']}</p>"


@pytest.fixture
def reader_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a package had declared what reads captures of lines."""
    point = EntryPoint("lines", f"{__name__}:decks_of_lines", "obs.captures")
    monkeypatch.setattr("obs_core.reading.captures.declared", lambda group: (point,) if group == "obs.captures" else ())
    monkeypatch.setattr("obs_core.reading.captures.load", lambda _: decks_of_lines)


@pytest.fixture
def abandoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a capture whose process is gone."""
    monkeypatch.setenv("OBS_STORE", str(tmp_path))
    subprocess.run([sys.executable, "-c", WRITER], check=False)
    return tmp_path


@pytest.mark.usefixtures("reader_installed")
def test_whoever_reads_makes_the_decks_of_a_process_that_is_gone(abandoned: Path) -> None:
    (recorded,) = load_execution("last", abandoned).tasks
    assert [(deck.name, deck.items) for deck in recorded.decks if deck.name == "Lines"] == [
        ("Lines", ["<p>three rows</p>"])
    ]


@pytest.mark.usefixtures("reader_installed")
def test_what_the_reader_knows_to_be_secret_is_masked_in_them(abandoned: Path) -> None:
    register_secret_value("three")
    try:
        (recorded,) = load_execution("last", abandoned).tasks
        assert [deck.items for deck in recorded.decks if deck.name == "Lines"] == [["<p>*** rows</p>"]]
    finally:
        forget_secret_values()


@pytest.mark.usefixtures("reader_installed")
def test_a_deck_that_was_announced_and_not_filled_any_more_is_filled_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STORE", str(tmp_path))
    announcing = WRITER.replace("    capture =", "    Deck('Lines'), Deck('Last')\n    capture =").replace(
        "import current", "import Deck, current"
    )
    subprocess.run([sys.executable, "-c", announcing], check=False)
    (recorded,) = load_execution("last", tmp_path).tasks
    decks = [(deck.name, deck.items) for deck in recorded.decks if deck.name in ("Lines", "Last")]
    assert decks == [("Lines", ["<p>three rows</p>"]), ("Last", [])]


def test_explaining_and_listing_do_not_read_captures(abandoned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr("obs_core.reading.execution.add_decks", never)
    recorded = load_execution("last", abandoned)
    assert recorded.status == "lost"
    assert recorded.span.children[0].name == "work"


def test_a_missing_reader_says_what_to_install(abandoned: Path) -> None:
    (recorded,) = load_execution("last", abandoned).tasks
    (deck,) = (deck for deck in recorded.decks if deck.name == "Lines")
    assert "pip install obs-lines" in deck.items[0]


@pytest.mark.usefixtures("reader_installed")
def test_a_capture_that_is_finished_is_removed_and_not_read_again(tmp_path: Path) -> None:
    @task
    def work() -> None:
        capture = current_context().capture("lines")
        Path(capture.path).write_text("one")
        Deck("Drawn").append("<p>one</p>")
        capture.finish()

    with execution("night", store=tmp_path) as run:
        work()
    (recorded,) = load_execution(run.id, tmp_path).tasks
    assert "Lines" not in [deck.name for deck in recorded.decks]
    assert not list(tmp_path.rglob("captures/*"))


@pytest.mark.usefixtures("reader_installed")
def test_a_capture_of_a_shared_store_is_uploaded_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obs_core.tasks.capture._FIRST_UPLOAD", 0.01)
    url = "memory://captures"
    from obs_core.store import open_store

    @task
    def work() -> None:
        capture = current_context().capture("lines", options={"unit": "rows"})
        Path(capture.path).write_text("four")
        store = open_store(url)
        folder = f"executions/{current_context().execution_id}/captures"
        while not store.names(folder):
            continue
        assert store.get(f"{folder}/{store.names(folder)[0]}") == b"four"
        capture.finish()
        assert not Path(capture.path).exists()

    with execution("night", store=url):
        work()


def test_late_work_is_in_the_report_that_was_written_before(tmp_path: Path) -> None:
    @task(deck_fields=())
    def work() -> None:
        deck = Deck("Late")
        context = current_context()
        Deck("Other").append("<p>early</p>")

        def draw() -> None:
            deck.append("<p>drawn later</p>")

        context.defer(draw)

    with execution("night", store=tmp_path) as run:
        work()
    wait()
    recorded = load_execution(run.id, tmp_path)
    assert [(deck.name, deck.items) for deck in recorded.tasks[0].decks] == [
        ("Late", ["<p>drawn later</p>"]),
        ("Other", ["<p>early</p>"]),
    ]
    assert '"Late"' in Path(recorded.report_paths()[0]).read_text()


def test_late_work_is_done_before_the_process_ends(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from obs_core import Deck, current_context, task\n"
        "@task(deck_fields=())\n"
        "def work():\n"
        "    deck = Deck('Late')\n"
        "    current_context().defer(lambda: (time.sleep(0.3), deck.append('<p>drawn later</p>')))\n"
        "work()\n"
    )
    environment = {**os.environ, "OBS_STORE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    recorded = load_execution("last", tmp_path)
    assert (recorded.status, recorded.tasks[0].decks[0].items) == ("succeeded", ["<p>drawn later</p>"])
    assert '"Late"' in Path(recorded.report_paths()[0]).read_text()
