"""The executions of a store as a table."""

from __future__ import annotations

import datetime
import itertools
import os
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from obs_core import (
    Deck,
    ExecutionTable,
    carrier,
    check,
    execution,
    executions,
    identity,
    list_executions,
    load_execution,
    log_metric,
    span,
    task,
)
from obs_core.assembly.summary import read_summary
from obs_core.model import ExecutionView
from obs_core.store import Store, StoreError
from obs_core.store.folder import FolderStore


@pytest.fixture
def kept(folder: Path) -> list[str]:
    """Five executions, oldest first: night 0 to 3 with a tag each, and a failed one."""
    ids = []
    for number in range(4):
        with execution(f"night {number % 2}", store=folder, tags={"number": str(number)}) as run:
            ids.append(run.id)
    failing = execution("<b>broken</b>", store=folder)
    with pytest.raises(ValueError, match="airport"), failing:
        raise ValueError("no such airport")
    return ids


def test_it_is_read_as_far_as_one_looks(kept: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(store: Store, one: str) -> ExecutionView | None:
        read.append(one)
        return read_summary(store, one)

    monkeypatch.setattr("obs_core.reading.listing.read_summary", noted)
    table = executions(folder)
    assert not read
    assert table[1].id == kept[3]
    assert read[1:] == [kept[3]]
    assert [view.id for view in table[1:3]] == kept[:1:-1]
    assert len(read) == 3
    assert [view.id for view in table][1:] == kept[::-1]
    assert (len(table), table[-1].id, len(read)) == (5, kept[0], 5)


def test_a_row_is_made_without_a_look_at_tasks_spans_and_decks(folder: Path) -> None:
    with execution("night", store=folder):
        task(dict)()
        with span("read"):
            Deck("Rows").append("<p>3</p>")
    taken: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name.startswith("take_"):
            taken.add(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")

    table = executions(folder)
    sys.setprofile(note)
    try:
        (view,) = table
    finally:
        sys.setprofile(None)
    whole = load_execution(view.id, folder)
    assert view == whole.view
    assert [one.name for one in whole.tasks] == ["night", "dict"]
    assert not {name for name in taken if name.startswith(("spans.", "decks."))}


def test_it_is_chosen_by_name_status_tags_and_age(kept: list[str], folder: Path) -> None:
    assert [view.id for view in executions(folder, name="night 1")] == [kept[3], kept[1]]
    assert [view.name for view in executions(folder, status="failed")] == ["<b>broken</b>"]
    assert [view.id for view in executions(folder, tags={"number": "2"})] == [kept[2]]
    both = executions(folder, status=["failed", "succeeded"], since="1d")
    assert [view.id for view in both] == [view.id for view in executions(folder, since=datetime.timedelta(days=1))]
    assert len(both) == 5
    began = datetime.datetime.fromtimestamp(executions(folder)[1].started / 1e9, datetime.UTC)
    younger = executions(folder, since=began - datetime.timedelta(microseconds=1))
    assert [view.id for view in younger][1:] == kept[3:]
    assert not executions(folder, since=datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1))
    with pytest.raises(IndexError, match="no row 0 in a table of 0 executions"):
        executions(folder, name="none")[0]
    with pytest.raises(IndexError, match="no row -6 in a table of 5 executions"):
        both[-6]


def test_a_moment_that_says_too_little_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        executions(folder, since=datetime.datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="'soon' is not an age"):
        executions(folder, since="soon")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"status": "fail"}, "status='fail' is none of 'running', 'succeeded', 'failed' and 'lost'"),
        ({"status": ["failed", "sucess"]}, "status='sucess' is none of"),
        ({"verdict": "bad"}, "verdict='bad' is none of 'failed', 'warned', 'passed' and 'none'"),
    ],
)
def test_a_word_that_cannot_be_meant_is_refused(kept: list[str], folder: Path, wrong: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        executions(folder, **wrong)


def test_it_is_chosen_by_what_the_checks_found(kept: list[str], folder: Path) -> None:
    with execution("checked", store=folder):
        check("rows", True)
    assert [view.name for view in executions(folder, verdict="passed")] == ["checked"]
    assert len(executions(folder, verdict="none")) == 5


@pytest.mark.posix
def test_what_is_read_ahead_changes_nothing_of_a_list(
    kept: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Reading(FolderStore):
        def read_ahead(self, path: str, size: int) -> None:
            asked.append(path.split("/")[1])
            super().read_ahead(path, size)

    load_execution("last", folder)  # waits until all is written
    (folder / "executions" / "20200101-000000-000000-aaaaaa").mkdir()
    pipe = folder / "executions" / "20200102-000000-000000-aaaaaa"
    pipe.mkdir()
    os.mkfifo(pipe / "main-0000.jsonl")
    plain = [view.id for view in list_executions(folder)]
    # As if each execution came from the disk, two at a time: those from the third on are asked for.
    monkeypatch.setattr("obs_core.reading.listing._AT_ONCE", 2)
    monkeypatch.setattr("obs_core.reading.listing._blocks_read", itertools.count().__next__)
    assert [view.id for view in list_executions(Reading(str(folder)))] == plain
    assert plain[1:5] == kept[::-1]
    assert asked == [*kept[2::-1], pipe.name]


def test_a_list_of_few_executions_asks_for_nothing_ahead(
    kept: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obs_core.reading.listing._blocks_read", itertools.count().__next__)
    monkeypatch.setattr(FolderStore, "read_ahead", lambda *given: pytest.fail("read ahead"))
    assert len(list(list_executions(folder))) == 5


def test_a_store_that_is_mistyped_is_told(folder: Path) -> None:
    for listed in (executions, list_executions):
        with pytest.raises(StoreError, match=re.escape(f"there is no folder '{folder}'")):
            listed(folder)
    with execution("night", store=folder):
        carrier()  # its journal is written at the latest when somebody reads
        assert [view.name for view in executions(folder)] == ["night"]


def test_as_a_frame_it_has_a_column_for_each_tag(kept: list[str], folder: Path) -> None:
    pytest.importorskip("pandas")
    frame = executions(folder).to_pandas()
    assert list(frame["id"])[1:] == kept[::-1]
    assert list(frame["tag:number"])[1:] == ["3", "2", "1", "0"]
    assert frame["error"][0] == "ValueError: no such airport"
    assert abs(frame["started"][0] - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=5)
    assert (frame["duration"] > 0).all()
    assert executions(folder, name="none").to_pandas().empty


def test_as_a_frame_it_has_a_column_for_the_last_value_of_each_metric(folder: Path) -> None:
    pytest.importorskip("pandas"), pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    with execution("night", store=folder):
        pass
    for losses in ((0.5, 0.25), (1.0,)):
        with execution("night", store=folder):
            for loss in losses:
                log_metric("loss", loss)
    table = executions(folder)
    for found in (table.to_polars()["metric:loss"].to_list(), table.to_arrow()["metric:loss"].to_pylist()):
        assert found == [1.0, 0.25, None]
    losses_of = table.to_pandas()["metric:loss"]
    assert losses_of.dtype == "float64"
    assert list(losses_of.dropna()) == [1.0, 0.25]


def test_polars_and_arrow_have_the_same(kept: list[str], folder: Path) -> None:
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    frame, table = executions(folder).to_polars(), executions(folder).to_arrow()
    assert frame.columns == table.column_names
    assert frame["id"].to_list() == table["id"].to_pylist()
    assert frame["started"].dtype == polars.Datetime("ns", "UTC")
    assert table.schema.field("started").type == pyarrow.timestamp("ns", "UTC")
    assert table["tag:number"].to_pylist()[0] is None


def test_it_shows_its_first_rows_as_text_and_in_a_notebook(kept: list[str], folder: Path) -> None:
    table = executions(folder)
    assert isinstance(table, ExecutionTable)
    assert repr(table).splitlines()[0] == "<ExecutionTable, newest first>"
    assert repr(table).count("succeeded") == 4
    assert "&lt;b&gt;broken&lt;/b&gt;" in table._repr_html_()
    assert repr(executions(folder, name="none")) == "<ExecutionTable, newest first: empty>"
    assert executions(folder, name="none")._repr_html_() == "<p>No execution matches.</p>"


def test_in_a_notebook_it_says_what_the_checks_found(kept: list[str], folder: Path) -> None:
    with execution("checked", store=folder):
        check("rows", False)
    html = executions(folder)._repr_html_()
    assert re.findall(r"<th [^>]*>(\w+)</th>", html) == ["Name", "Status", "Checks", "Started", "Duration"]
    assert [re.findall(r"<td [^>]*>(.*?)</td>", row)[:3] for row in html.split("<tr>")[2:4]] == [
        ["checked", "succeeded", "failed"],
        ["&lt;b&gt;broken&lt;/b&gt;", "failed", ""],
    ]


def test_of_executions_that_ended_nobody_asks_when_they_were_last_heard_of(
    kept: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def modified(self: FolderStore, path: str) -> float:
        asked.append(path)
        return 0.0

    monkeypatch.setattr(FolderStore, "modified", modified)
    monkeypatch.setattr(identity, "this_machine", lambda: "another machine")
    with execution("still at work", store=folder) as running:
        carrier()  # which writes that it began
        assert [one.status for one in executions(folder)] == ["lost", "failed", *["succeeded"] * 4]
    assert {path.split("/")[1] for path in asked} == {running.id}
