"""What Flyte's users know: the examples of their page, with only the imports changed."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import obs_core as flytekit
from obs_core import Deck, ExecutionSpan, TimeLineDeck
from obs_core import Renderable as Protocol
from obs_core.testing import RecordingStore, recording


def test_execution_spans_explain_and_dump(capsys: pytest.CaptureFixture[str]) -> None:
    with recording() as store:
        with flytekit.execution("night"), flytekit.span("load"):
            pass
        span_object = ExecutionSpan.load("last", store=store)
        span_object.explain()
        span_object.dump()
    printed = capsys.readouterr().out
    assert "Critical path" in printed
    assert 'name: "load"' in printed or "name: load" in printed


def test_timeline_deck() -> None:
    @flytekit.task
    def timed_task() -> None:
        timeline_deck = TimeLineDeck("Task Timeline")

        start_time_op1 = datetime.datetime.now()
        end_time_op1 = datetime.datetime.now()
        timeline_deck.append_time_info({"Start": start_time_op1, "Finish": end_time_op1, "Name": "Operation A"})

        start_time_op2 = datetime.datetime.now()
        end_time_op2 = datetime.datetime.now()
        timeline_deck.append_time_info({"Start": start_time_op2, "Finish": end_time_op2, "Name": "Operation B"})

    with recording() as store:
        timed_task()
    shown = html_of(store, "Task Timeline")
    assert "Operation A" in shown
    assert "Operation B" in shown


def test_custom_renderer() -> None:
    class CustomObject:
        def __init__(self, value: str) -> None:
            self.value = value

    class CustomRenderer(Protocol):
        def to_html(self, python_value: Any) -> str:
            return f"<div>Custom Object Value: {python_value.value}</div>"

    @flytekit.task
    def custom_render_task() -> None:
        my_custom_obj = CustomObject("Hello, Flyte!")
        Deck("Custom Data").append(CustomRenderer().to_html(my_custom_obj))

    with recording() as store:
        custom_render_task()
    assert html_of(store, "Custom Data") == "<div>Custom Object Value: Hello, Flyte!</div>"


def html_of(store: RecordingStore, name: str) -> str:
    """The HTML of one deck of the only task."""
    (task,) = store.last().tasks
    return "".join(item for deck in task.decks if deck.name == name for item in deck.items)
