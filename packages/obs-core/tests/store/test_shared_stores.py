"""Shared stores that are slow or hang: lines come first, files side by side, and nobody waits for long."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_core import Deck, current_context, load_execution, span, task
from obs_core.background import Background
from obs_core.journal import uploads
from obs_core.store import using
from obs_core.store.remote import RemoteStore

_made: list[DistantStore] = []


class DistantStore(RemoteStore):
    """A store in memory that holds up what a test wants to be held up."""

    def __init__(self, name: str) -> None:
        super().__init__(f"memory://{name}")
        self.held = threading.Event()
        self.most_at_once = self._at_once = 0
        self.puts: list[str] = []
        _made.append(self)

    def holds(self, path: str) -> bool:
        return False

    def put(self, path: str, content: bytes) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.holds(path):
                self.held.wait(60)
            super().put(path, content)
            self.puts.append(path)
        finally:
            self._at_once -= 1


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Forget which stores did not answer, and hold none up any longer."""
    uploads.forget()
    yield
    uploads.forget()
    while _made:  # no thread of a test that failed waits on, and counts in the next one
        _made.pop().held.set()


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")


@task(enable_deck=False)
def add(a: int, b: int) -> int:
    with span("add"):
        return a + b


def test_lines_do_not_wait_for_files(tmp_path: Path) -> None:
    class HoldsBlobs(DistantStore):
        def holds(self, path: str) -> bool:
            return "/blobs/" in path

    store = HoldsBlobs(tmp_path.name)

    @task
    def work() -> None:
        Deck("Large").append("x" * 50_000)
        with span("step"):
            pass
        current_context().state.journal.flush()
        until, names, items = time.monotonic() + 60, list[str](), list[str]()
        while "step" not in names and time.monotonic() < until:  # an earlier upload may have come first
            time.sleep(0.005)
            if any(path.endswith(".jsonl.gz") for path in store.puts):
                recorded = load_execution("last", store)
                names = [one.name for one in recorded.span.walk()]
                items = [item for deck in recorded.tasks[0].decks if deck.name == "Large" for item in deck.items]
        store.held.set()
        (item,) = items
        assert "step" in names
        assert "is not in the store: it is still being written" in item

    with using(store):
        work()
    recorded = load_execution("last", store)
    assert recorded.status == "succeeded"
    assert next(deck for deck in recorded.tasks[0].decks if deck.name == "Large").items == ["x" * 50_000]


def test_files_are_written_side_by_side(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    class WaitsForFour(DistantStore):
        def put(self, path: str, content: bytes) -> None:
            if "/blobs/" in path:
                together.wait(60)
            super().put(path, content)

    with using(WaitsForFour(tmp_path.name)):

        @task(deck_fields=[])
        def work() -> None:
            deck = Deck("Large")
            for letter in "abcd":
                deck.append(letter * 50_000)

        work()
        (done,) = load_execution("last").tasks
    assert [item[0] for item in done.decks[0].items] == list("abcd")


def test_a_store_that_never_answers_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lenient: None, capsys: pytest.CaptureFixture[str]
) -> None:
    class Hangs(DistantStore):
        def holds(self, path: str) -> bool:
            return True

    monkeypatch.setattr(uploads, "PATIENCE", 0.5)
    looks: list[int] = []
    wait = uploads.Uploads.wait

    def noted(self: uploads.Uploads, done: Callable[[], bool]) -> bool:
        looked = itertools.count()
        try:
            return wait(self, lambda: next(looked) < 0 or done())
        finally:
            looks.append(next(looked))

    monkeypatch.setattr(uploads.Uploads, "wait", noted)
    store = Hangs(tmp_path.name)
    with using(store):
        assert [add(number, 1) for number in range(60)] == list(range(1, 61))
    assert sum(look > 1 for look in looks) == 1, "the first task waits, no other does"
    assert sum(thread.name == "obs-upload" for thread in threading.enumerate()) <= uploads._MOST_THREADS
    assert capsys.readouterr().err.count("are lost") == 60
    store.held.set()


def test_two_threads_that_begin_an_upload_at_once_begin_no_more_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    known, done = uploads.Uploads(), threading.Event()
    start, meanwhile = Background.start, list[threading.Thread | None]()

    def work() -> None:
        done.wait()

    def start_later(self: Background) -> None:
        monkeypatch.setattr(Background, "start", start)
        meanwhile.append(known.start(work))
        self.start()

    monkeypatch.setattr(uploads, "_MOST_THREADS", 1)
    monkeypatch.setattr(Background, "start", start_later)
    first = known.start(work)
    assert first is not None
    assert meanwhile == [None]
    done.set()
    first.join()
    later = known.start(work)
    assert later is not None, "those that are over count no more"
    later.join()


def test_a_store_that_answers_again_is_waited_for_again(tmp_path: Path) -> None:
    known = uploads.uploads_to("memory://x")
    known._left = 0.0
    assert known.hangs
    known.answered()
    assert not known.hangs
    assert known.wait(lambda: True)
