"""The report made from the journal equals the one that the task itself writes, byte by byte but for times."""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from obs_core import (
    Deck,
    TimeLineDeck,
    attach,
    carrier,
    current_context,
    execution,
    load_execution,
    span,
    task,
)
from obs_core.journal.flusher import flush_all
from obs_core.tasks.deferred import wait

BEGAN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Shouting(Deck):
    @property
    def html(self) -> str:
        return super().html.upper()


def fill_small() -> None:
    Deck("Small").append("<b>1</b>").append({"a": 1}).append("<i>3</i>")


def fill_large() -> None:
    Deck("Large").append("first").append("x" * 50_000).append(f"<style>{'a{}' * 3000}</style>").append("last")


def fill_default() -> None:
    current_context().default_deck.append("general")


def fill_steps() -> None:
    deck = TimeLineDeck("Steps", "above")
    for second in range(3):
        finish = BEGAN + datetime.timedelta(seconds=second + 1)
        deck.append_time_info({"Start": BEGAN, "Finish": finish, "Name": f"step {second}"})


def fill_own_timeline() -> None:
    with span("read"):
        pass
    current_context().timeline_deck.append_time_info({"Start": BEGAN, "Finish": BEGAN, "Name": "added"})


def fill_tried_again() -> None:
    with span("load"), contextlib.suppress(TimeoutError), span("fetch"), span("connect"):
        raise TimeoutError
    with contextlib.suppress(TimeoutError), span("read"):
        raise TimeoutError


def fail_while_trying() -> None:
    with contextlib.suppress(TimeoutError), span("read"):
        raise TimeoutError
    with span("write"):
        raise ValueError("boom")


def fill_itself() -> None:
    Shouting("Loud").append("quiet").append("words")


def fill_of_one_name() -> None:
    Deck("Twice").append("one")
    Deck("Twice").append("two")


def fail() -> None:
    fill_small()
    raise ValueError("boom")


def fill_kept_back() -> None:
    deck = Deck("Kept back", auto_add_to_deck=False)
    deck.append("before").append({"b": 2})
    current_context().decks.append(deck)
    deck.append("after")


def fill_in_parts() -> None:
    deck = Deck("In parts", "one")
    Deck.publish()
    deck.append("two")


def fill_later() -> None:
    deck = Deck("Later")
    current_context().defer(lambda: (deck.append("drawn later"), None)[1])


def fill_in_a_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, fill_small).result()


def fill_attached() -> None:
    def part(carried: dict[str, str]) -> None:
        with attach(carried), span("part"):
            Deck("Attached").append("of the thread")
            current_context().default_deck.append("of the thread too")

    current_context().default_deck.append("general")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(part, carrier()).result()


def fill_in_a_child() -> None:
    deck = Deck("Both", "of the parent")
    if not (child := os.fork()):
        deck.append("of the child")
        Deck("Child's").append("own")
        current_context().link("Docs", "https://example.com/child")
        flush_all()
        os._exit(0)
    os.waitpid(child, 0)


def say_more() -> None:
    context = current_context()
    context.link("Docs", "https://example.com/?a=1&b=<2>")
    context.state.note("Something that a reader must know.")
    Deck("Bad").append(Unrenderable())


class Unrenderable:
    def _repr_html_(self) -> str:
        raise ValueError("cannot be drawn")


FILLS = (
    fill_small,
    fill_large,
    fill_default,
    fill_steps,
    fill_own_timeline,
    fill_tried_again,
    fail_while_trying,
    fill_itself,
    fill_of_one_name,
    fill_kept_back,
    fill_in_parts,
    fill_later,
    fill_in_a_thread,
    fill_attached,
    pytest.param(fill_in_a_child, marks=pytest.mark.posix),
    say_more,
    fail,
    lambda: None,
)

OF_THE_EXECUTION = re.compile(r'"status":"[^"]*","error":[^,]*,"started":\d+,"ended":\d+,"duration":"[^"]*"')
"""What of an execution is another one when it has ended. Its own tasks' do not change any more."""


def written_and_made_again(folder: Path) -> tuple[str, str]:
    """Return the report that the last execution's task wrote, and the one that is made from the journal."""
    recorded = load_execution("last", folder)
    (again,) = recorded.tasks
    (path,) = (folder / "executions").glob("*/reports/*.html")
    pages = path.read_text(), recorded.report(again)
    of_all = again.name == recorded.name
    first, second = (OF_THE_EXECUTION.sub("", page, count=2 if of_all else 1) for page in pages)
    return first, second


@pytest.mark.filterwarnings("ignore::obs_core.ObsWarning")
@pytest.mark.parametrize("fill", FILLS)
def test_a_report_made_again_is_the_same_byte_by_byte(folder: Path, monkeypatch: pytest.MonkeyPatch, fill: Any) -> None:
    monkeypatch.setenv("OBS_WRITE_REPORTS", "1")
    monkeypatch.setenv("OBS_STRICT", "0")

    @task
    def work(given: int) -> list[int]:
        with span("load"):
            fill()
        return [given]

    with execution("night", tags={"year": 2013}, store=folder), contextlib.suppress(ValueError):
        work(7)
    wait()
    written, again = written_and_made_again(folder)
    assert len(written) > 50_000
    assert again == written


@pytest.mark.parametrize("fill", [fill_tried_again, fail_while_trying])
def test_a_time_line_tells_errors_that_were_handled_from_those_that_failed_the_task(
    folder: Path, fill: Callable[[], None]
) -> None:
    @task
    def work() -> str:
        fill()
        flush_all()
        return current_context().timeline_deck.html

    with execution("night", store=folder), contextlib.suppress(ValueError):
        # What may yet fail the task that it is in is not called handled while that runs.
        assert kinds(work()) == {"connect": "handled", "fetch": "handled", "load": "", "read": "failed"}
    (recorded,) = load_execution("last", folder).tasks
    (timeline,) = [deck for deck in recorded.decks if deck.name == "Timeline"]
    drawn = kinds("".join(timeline.items))
    if recorded.status == "succeeded":
        assert drawn == {"connect": "handled", "fetch": "handled", "load": "", "read": "handled"}
    else:
        assert drawn == {"read": "failed", "write": "failed"}


def kinds(drawn: str) -> dict[str, str]:
    """Return of each row how its only bar stands."""
    rows = re.findall(r'class="name" title="(\w+)".*?<rect [^>]*?(?: class="(\w+)")?>', drawn)
    return dict(rows)


def test_so_is_that_of_decks_outside_any_task(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_WRITE_REPORTS", "1")
    with execution("night", store=folder):
        Deck("Summary", "<p>of the night</p>")
    written, again = written_and_made_again(folder)
    assert again == written


def test_a_report_is_written_when_somebody_asks(folder: Path) -> None:
    @task
    def work() -> int:
        return 7

    with execution("night", store=folder) as run:
        work()
    place = folder / "executions" / run.id
    assert [path.name for path in place.iterdir()] == ["main-0000.jsonl"]
    assert sum(path.stat().st_size for path in place.iterdir()) < 4_000
    (path,) = load_execution(run.id, folder).report_paths()
    assert sorted(path.name for path in place.iterdir()) == ["main-0000.jsonl", "reports"]
    assert "<title>work · succeeded · night</title>" in Path(path).read_text()


def test_a_report_that_was_published_while_its_task_ran_is_written_again_at_its_end(folder: Path) -> None:
    @task
    def work() -> None:
        Deck("Early", "one")
        Deck.publish()
        assert "Still running" in page().read_text()
        assert "running · night" in page().read_text()

    def page() -> Path:
        (found,) = (folder / "executions").glob("*/reports/*.html")
        return found

    with execution("night", store=folder):
        work()
    assert "succeeded · night" in page().read_text()
