"""The executions of a store as a table."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from obs_core import ExecutionTable, carrier, execution, executions, identity
from obs_core.assembly.summary import read_summary
from obs_core.model import ExecutionView
from obs_core.store import Store
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
    with pytest.raises(IndexError):
        executions(folder, name="none")[0]


def test_a_moment_that_says_too_little_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        executions(folder, since=datetime.datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="'soon' is not an age"):
        executions(folder, since="soon")


def test_as_a_frame_it_has_a_column_for_each_tag(kept: list[str], folder: Path) -> None:
    pytest.importorskip("pandas")
    frame = executions(folder).to_pandas()
    assert list(frame["id"])[1:] == kept[::-1]
    assert list(frame["tag:number"])[1:] == ["3", "2", "1", "0"]
    assert frame["error"][0] == "ValueError: no such airport"
    assert abs(frame["started"][0] - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=5)
    assert (frame["duration"] > 0).all()
    assert executions(folder, name="none").to_pandas().empty


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
