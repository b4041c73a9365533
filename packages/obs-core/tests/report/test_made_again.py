"""The report made again equals the one that the task wrote, tab by tab."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from obs_core import Deck, TimeLineDeck, current_context, report, span, task
from obs_core.recording import publishing
from obs_core.testing import RecordingStore

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


def fill_itself() -> None:
    Shouting("Loud").append("quiet").append("words")


def fill_of_one_name() -> None:
    Deck("Twice").append("one")
    Deck("Twice").append("two")


def fail() -> None:
    fill_small()
    raise ValueError("boom")


@pytest.mark.parametrize(
    "fill",
    [
        fill_small,
        fill_large,
        fill_default,
        fill_steps,
        fill_own_timeline,
        fill_itself,
        fill_of_one_name,
        fail,
        lambda: None,
    ],
)
def test_a_report_made_again_has_the_same_tabs(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch, fill: Any
) -> None:
    written: list[Any] = []
    render = report.render_report

    def kept(execution: Any, tasks: Any, *arguments: Any, **options: Any) -> str:
        written.append(tasks[0])
        return render(execution, tasks, *arguments, **options)

    monkeypatch.setattr(publishing, "render_report", kept)

    @task
    def work(given: int) -> list[int]:
        with span("load"):
            fill()
        return [given]

    if fill is fail:
        with pytest.raises(ValueError, match="boom"):
            work(7)
    else:
        work(7)
    (again,) = store.last().tasks
    live = written[-1]
    assert len(live.decks) >= 4
    assert [(deck.name, deck.items) for deck in again.decks] == [(deck.name, deck.items) for deck in live.decks]
    assert (again.started, again.duration, again.status, again.error) == (
        live.started,
        live.duration,
        live.status,
        live.error,
    )
