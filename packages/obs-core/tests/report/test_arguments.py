"""Calls of the same task are told apart by their arguments."""

from __future__ import annotations

from obs_core import execution, load_execution, task
from obs_core.model import TaskView
from obs_core.report.arguments import INPUT, told_apart
from obs_core.testing import RecordingStore
from obs_core.text.masking import register_secret_value


def labels(store: RecordingStore) -> list[str]:
    tasks = load_execution("last", store).tasks

    def items_of(one: TaskView) -> list[str]:
        return next((deck.items for deck in one.decks if deck.name == INPUT), [])

    found = told_apart(tasks, items_of)
    return [found.get(one.id, "") for one in tasks]


@task
def fetch(url: str, tries: int = 3) -> None: ...


@task
def other(url: str) -> None: ...


def test_only_what_differs_is_said(store: RecordingStore) -> None:
    with execution("night"):
        fetch("https://example.org/3")
        fetch("https://example.org/<4>")
        other("https://example.org/3")
    assert labels(store) == ["https://example.org/3", "https://example.org/<4>", ""]


def test_several_that_differ_are_named(store: RecordingStore) -> None:
    with execution("night"):
        fetch("a", tries=1)
        fetch("b", tries=2)
    assert labels(store) == ["url=a, tries=1", "url=b, tries=2"]


def test_long_values_that_begin_alike_are_told_apart_by_where_they_differ(store: RecordingStore) -> None:
    lake = "s3://our-company-datalake-production/flights/year=2013/month=01/part-0000"
    with execution("night"):
        for number in range(3):
            fetch(f"{lake}{number}-of-a-long-name.parquet", tries=number)
        fetch("elsewhere", tries=3)
    assert labels(store) == [
        *(f"url=…th=01/part-0000{number}-of-a-long-name.parquet, tries={number}" for number in range(3)),
        "url=elsewhere, tries=3",
    ]


def test_a_value_that_another_one_goes_on_from_is_shown_by_its_end(store: RecordingStore) -> None:
    with execution("night"):
        fetch("a" * 80)
        fetch("a" * 80 + "/b")
    assert labels(store) == ["…" + "a" * 16, "…" + "a" * 15 + "/b"]


def test_calls_that_are_alike_say_nothing(store: RecordingStore) -> None:
    with execution("night"):
        fetch("a")
        fetch("a")
    assert labels(store) == ["", ""]


def test_they_are_bounded_and_masked(store: RecordingStore) -> None:
    register_secret_value("hunter2-hunter2")
    with execution("night"):
        fetch("x" * 10_000)
        fetch("https://me:hunter2-hunter2@example.org")
    first, second = labels(store)
    assert len(first) == 60
    assert "hunter2" not in second
