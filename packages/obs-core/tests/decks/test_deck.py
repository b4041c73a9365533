"""Decks and the reports made of them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import (
    Deck,
    DeckField,
    ObsWarning,
    TimeLineDeck,
    current_context,
    execution,
    link,
    load_execution,
    span,
    task,
)
from obs_core.model import Verdict
from obs_core.rendering import verdict_mark
from obs_core.report.shared import restore
from obs_core.secrets import forget_secret_values, register_secret_value
from obs_core.testing import FixedClock, RecordingStore

UTC = datetime.UTC


def items(store: RecordingStore, name: str) -> list[list[str]]:
    """The items of each deck of a name, over all tasks of the newest execution."""
    return [deck.items for found in store.last().tasks for deck in found.decks if deck.name == name]


def test_append_returns_the_deck_and_keeps_the_order(store: RecordingStore) -> None:
    @task
    def work() -> str:
        return Deck("Steps", "<p>0</p>").append("<p>1</p>").append("<p>2</p>").html

    assert work() == "<p>0</p>\n<p>1</p>\n<p>2</p>"
    assert items(store, "Steps") == [["<p>0</p>", "<p>1</p>", "<p>2</p>"]]


def test_two_decks_of_one_name_are_two_tabs(store: RecordingStore) -> None:
    @task
    def work() -> None:
        Deck("Same", "first")
        Deck("Same", "second")

    work()
    assert items(store, "Same") == [["first"], ["second"]]


def test_decks_of_one_task_do_not_show_up_in_another(store: RecordingStore) -> None:
    @task
    def work(number: int) -> None:
        Deck(f"Deck {number}", "content")

    with execution("night"):
        work(1)
        work(2)
    named = [[deck.name for deck in found.decks if deck.name.startswith("Deck")] for found in store.last().tasks]
    assert named == [["Deck 1"], ["Deck 2"]]


def test_a_deck_that_is_not_added_is_not_shown_until_it_is(store: RecordingStore) -> None:
    @task
    def work() -> None:
        Deck("Hidden", "x", auto_add_to_deck=False)
        shown = Deck("Shown", "y", auto_add_to_deck=False)
        current_context().decks.append(shown)

    work()
    assert (items(store, "Hidden"), items(store, "Shown")) == ([], [["y"]])


def test_any_object_can_be_appended(store: RecordingStore) -> None:
    class Hostile:
        def __repr__(self) -> str:
            return "<script>alert(1)</script>"

    @task
    def work() -> None:
        Deck("Objects").append(5).append(None).append([1, 2]).append(Hostile())

    work()
    (shown,) = items(store, "Objects")
    assert len(shown) == 4
    assert "<script>" not in shown[3]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown[3]


@pytest.mark.parametrize("name", [None, 5, b"bytes"])
def test_a_name_that_is_no_string_is_refused(name: object) -> None:
    with pytest.raises(TypeError, match=re.escape(f"must be a string, not {type(name).__name__}: {name!r}")):
        Deck(name)  # type: ignore[arg-type]


def test_a_failed_task_has_a_report_with_its_error(folder: Path) -> None:
    @task
    def work() -> None:
        Deck("Before", "<p>kept</p>")
        raise ValueError("no such airport")

    with pytest.raises(ValueError, match="no such airport"), execution("night", store=folder):
        work()
    recorded = load_execution("last", folder)
    decks = {deck.name: "".join(deck.items) for deck in recorded.tasks[0].decks}
    assert decks["Before"] == "<p>kept</p>"
    assert "no such airport" in decks["Error"]
    assert "test_deck.py" in decks["Error"]
    (report,) = recorded.report_paths()
    assert "no such airport" in Path(report).read_text()


def test_publish_writes_the_report_while_the_task_runs(folder: Path) -> None:
    sizes = []

    @task
    def work() -> None:
        for number in range(3):
            Deck(f"Part {number}", "<p>content</p>")
            Deck.publish()
            (report,) = (folder / "executions").glob("*/reports/*.html")
            sizes.append(report.read_text().count("Part "))
            (found,) = load_execution("last", folder).tasks
            assert found.status == "running"

    with execution("night", store=folder):
        work()
    assert sizes[0] < sizes[1] < sizes[2]


def test_without_decks_nothing_is_rendered_and_publish_says_so(folder: Path) -> None:
    class Costly:
        def _repr_html_(self) -> str:
            raise AssertionError("rendered although decks are disabled")

    @task(enable_deck=False)
    def work(value: object) -> str:
        deck = Deck("Steps").append("<p>x</p>").append(value)
        with pytest.warns(ObsWarning, match="decks are disabled for task 'work' \\(enable_deck=False"):
            Deck.publish()
        assert not current_context().enable_deck
        return deck.html

    with execution("night", store=folder) as run:
        assert work(Costly()) == ""
    recorded = load_execution(run.id, folder)
    assert (recorded.report_paths(), recorded.tasks[0].decks) == ([], [])


def test_the_environment_turns_decks_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_ENABLE_DECK", "0")

    @task
    def work() -> bool:
        return current_context().enable_deck

    with execution("night", store=folder) as run:
        assert work() is False
    assert load_execution(run.id, folder).report_paths() == []


def test_inputs_and_outputs_that_are_text_are_escaped(store: RecordingStore) -> None:
    @task
    def echo(text: str) -> str:
        return text

    echo("<img src=x onerror=alert(1)>")
    for name in ("Input", "Output"):
        (shown,) = items(store, name)
        assert "<img" not in "".join(shown)
        assert "&lt;img src=x" in "".join(shown)


def test_an_annotated_renderer_renders_inputs_and_outputs(store: RecordingStore) -> None:
    from typing import Annotated

    class Loud:
        def to_html(self, value: object) -> str:
            return f"<b>{value}!</b>"

    def shout(word: Annotated[str, Loud()]) -> Annotated[str, Loud()]:
        return word.upper()

    shout.__annotations__ = {"word": Annotated[str, Loud()], "return": Annotated[str, Loud()]}
    task(shout)("hello")
    assert items(store, "Input")[0][-1] == "<b>hello!</b>"
    assert items(store, "Output") == [["<b>HELLO!</b>"]]


def test_source_code_and_dependencies_are_stored_once(store: RecordingStore) -> None:
    @task(deck_fields=[DeckField.SOURCE_CODE, DeckField.DEPENDENCIES])
    def work() -> None:
        return None

    for _ in range(3):
        work()
    assert len(store.executions()) == 3
    assert len(store.names("shared")) == 2 + 1  # and what is installed, as comparisons read it
    assert "def work" in items(store, "Source Code")[0][0]
    assert "msgspec" in items(store, "Dependencies")[0][0]


def test_a_store_in_memory_is_not_taken_for_one_that_is_gone() -> None:
    """What is known to be in a store is not written again: it goes by the store's address."""
    assert len({RecordingStore().address("shared") for _ in range(20)}) == 20


def test_a_script_in_several_items_is_stored_once_and_given_back_whole(store: RecordingStore) -> None:
    library = f"<script>{'x=1;' * 50_000}</script>"

    @task(deck_fields=[])
    def work() -> str:
        deck = Deck("Charts")
        for number in range(20):
            deck.append(f"{library}<p>chart {number}</p>")
        return deck.html

    html = work()
    assert html.count(library) == 20
    assert len(store.names("shared")) == 1 + 1  # and what is installed, as comparisons read it
    assert sum(map(len, store.files.values())) < len(library)
    assert len(store.last().report()) < len(library)


def test_a_large_item_is_kept_in_a_file_of_its_own(store: RecordingStore) -> None:
    large = "<p>" + "word " * 10_000 + "</p>"

    @task(deck_fields=[])
    def work() -> None:
        Deck("Large", large)

    work()
    assert items(store, "Large") == [[large]]
    (blob,) = [name for name in store.files if "/blobs/" in name]
    assert len(store.files[blob]) < 1000


def test_items_of_every_kind_are_read_back_in_the_order_in_which_they_were_appended(store: RecordingStore) -> None:
    script = f"<script>{'x=1;' * 2_000}</script>"
    appended = ["<h2>A</h2>", "<p>" + "a" * 6_000, "<h2>B</h2>", "<p>" + "b" * 60_000, script, "<h2>C</h2>"] * 3
    appended += ["<p>obs:shared:0123456789abcdef0123456789abcdef is text here</p>", "<h2>D</h2>"]
    written: list[str] = []

    @task(deck_fields=[])
    def work() -> None:
        deck = Deck("Mixed")
        kept_back = Deck("Kept back", auto_add_to_deck=False)
        for item in appended:
            deck.append(item)
            kept_back.append(item)
        current_context().decks.append(kept_back)
        written.append(deck.html)

    work()
    assert written == ["\n".join(appended)]
    found = store.last()
    for name in ("Mixed", "Kept back"):
        (deck,) = [deck for deck in found.tasks[0].decks if deck.name == name]
        assert [restore(item, lambda digest: found.shared_body(digest) or "") for item in deck.items] == appended


def test_a_secret_in_a_link_is_masked_in_the_report_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_WRITE_REPORTS", "1")
    register_secret_value("sk0live9AbCdEf7h")

    @task
    def work() -> None:
        link("page of sk0live9AbCdEf7h", "https://example.org/?key=sk0live9AbCdEf7h")

    try:
        with execution("night", store=folder):
            work()
    finally:
        forget_secret_values()
    (page,) = folder.rglob("*.html")
    assert "https://example.org/?key=***" in page.read_text()
    assert not [path for path in folder.rglob("*") if path.is_file() and b"sk0live9" in path.read_bytes()]


def test_a_hundred_thousand_appends_are_all_there(store: RecordingStore) -> None:
    @task(deck_fields=[])
    def work() -> None:
        deck = Deck("Many")
        for number in range(100_000):
            deck.append(f"<p>{number}</p>")

    work()
    assert items(store, "Many") == [[f"<p>{number}</p>" for number in range(100_000)]]


def test_a_secret_is_masked_in_decks_spans_reports_and_errors(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from obs_core import Secret

    monkeypatch.setenv("OBS_WRITE_REPORTS", "1")
    monkeypatch.setenv("MY_TOKEN", "s3cr3t&value")

    @task
    def work() -> str:
        token = current_context().secrets.get(key="MY_TOKEN")
        Deck("Leak", f"<p>{token}</p>").append({"token": token})
        with span(f"use {token}", token=token):
            raise ValueError(f"refused: {token}")

    with pytest.raises(ValueError, match="refused: s3cr3t&value"), execution("night", store=folder):
        work()
    assert Secret(key="MY_TOKEN").resolve() == "s3cr3t&value"
    import gzip

    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            for form in (b"s3cr3t&value", b"s3cr3t&amp;value", b"s3cr3t%26value"):
                assert form not in content, path
    page = load_execution("last", folder).report()
    assert "s3cr3t" not in page


# time lines


def moment(second: float) -> datetime.datetime:
    return datetime.datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC) + datetime.timedelta(seconds=second)


def test_a_time_line_draws_only_when_it_is_looked_at(store: RecordingStore) -> None:
    @task(deck_fields=[])
    def work() -> tuple[int, bool]:
        timeline = TimeLineDeck("Steps")
        before = len(timeline.html)
        timeline.append_time_info({"Start": moment(0), "Finish": moment(2), "Name": "Operation A"})
        timeline.append_time_info({"Start": moment(2), "Finish": moment(3), "Name": "Operation B", "ProcessTime": 0.5})
        assert "Operation A" in timeline.html
        assert "Operation B" in timeline.html
        return before, "<svg" in timeline.html

    assert work() == (0, True)
    (shown,) = items(store, "Steps")
    assert "Operation B" in shown[0]


@pytest.mark.parametrize(
    ("info", "error", "message"),
    [
        ({"Start": moment(0), "Name": "A"}, ValueError, "Finish missing"),
        (
            {"Start": "noon", "Finish": moment(0), "Name": "A"},
            TypeError,
            "must be a datetime, not str: 'noon'",
        ),
        ({"Start": moment(1), "Finish": moment(0), "Name": "A"}, ValueError, "'A' finishes before it starts"),
        (
            {"Start": moment(0), "Finish": moment(1), "Name": 5},
            TypeError,
            "Name of time info must be a string, not 5",
        ),
    ],
)
def test_wrong_time_info_is_refused_with_its_value(
    info: dict[str, object], error: type[Exception], message: str
) -> None:
    with execution("night"), pytest.raises(error, match=re.escape(message)):
        TimeLineDeck("Steps").append_time_info(info)


def test_a_tasks_own_time_line_is_filled_from_its_spans(store: RecordingStore) -> None:
    @task(deck_fields=[DeckField.TIMELINE])
    def work(clock: FixedClock) -> None:
        with span("load"):
            clock.advance(2)
        with span("fit"):
            clock.advance(1)

    with FixedClock() as clock:
        work(clock)
    (shown,) = items(store, "Timeline")
    assert "load" in shown[0]
    assert "fit" in shown[0]
    assert "2.00 s" in shown[0]


def test_a_task_with_many_spans_shows_the_longest_and_says_so(store: RecordingStore) -> None:
    @task(deck_fields=[DeckField.TIMELINE])
    def work() -> str:
        for _ in range(10_000):
            with span("short"):
                pass
        current_context().state.journal.flush()
        return current_context().timeline_deck.html

    assert "of 10,000 spans" in work()


def test_the_decks_of_an_execution_outside_its_tasks_have_a_report(folder: Path) -> None:
    with execution("night", store=folder) as run:
        Deck("Summary", "<p>of the night</p>")
    recorded = load_execution(run.id, folder)
    assert [(found.name, [deck.name for deck in found.decks]) for found in recorded.tasks] == [("night", ["Summary"])]
    assert len(recorded.report_paths()) == 1


def test_what_a_check_found_is_kept_with_the_deck_that_shows_it(store: RecordingStore) -> None:
    @task
    def work() -> None:
        Deck("Small").append(verdict_mark("passed") + "<p>ok</p>").append(verdict_mark("failed", "2 checks failed"))
        Deck("Large").append(verdict_mark("warned", "drift") + "<p>x</p>" * 20_000)
        late = Deck("Late", auto_add_to_deck=False)
        late.append(verdict_mark("failed", "late"))
        current_context().decks.append(late)
        Deck("None").append("<p>nothing was checked</p>")

    work()
    found = {deck.name: deck.verdicts for deck in store.last().tasks[0].decks}
    assert found["Small"] == [Verdict("passed"), Verdict("failed", "2 checks failed")]
    assert found["Large"] == [Verdict("warned", "drift")]
    assert found["Late"] == [Verdict("failed", "late")]
    assert found["None"] == []


def test_what_is_appended_to_time_info_is_drawn(store: RecordingStore) -> None:
    @task(enable_deck=True)
    def work() -> TimeLineDeck:
        timeline = TimeLineDeck("Steps")
        infos = [{"Start": moment(n), "Finish": moment(n + 1), "Name": f"Operation {n}"} for n in range(4)]
        timeline.time_info.append(infos[0])
        timeline.time_info.extend(infos[1:3])
        timeline.time_info += infos[3:]
        assert timeline.time_info == infos
        with pytest.raises(ValueError, match="Name"):
            timeline.time_info.append({"Start": moment(0), "Finish": moment(1)})
        return timeline

    html = work().html
    (deck,) = [deck for deck in store.last().tasks[0].decks if deck.name == "Steps"]
    for number in range(4):
        assert f"Operation {number}" in html
        assert f"Operation {number}" in "".join(deck.items)


@pytest.mark.parametrize(
    "change",
    [
        lambda infos: infos.clear(),
        lambda infos: infos.pop(),
        lambda infos: infos.insert(0, {}),
        lambda infos: infos.__setitem__(0, {}),
        lambda infos: infos.__delitem__(0),
        lambda infos: infos.sort(key=str),
    ],
)
def test_bars_that_are_written_cannot_be_changed(store: RecordingStore, change: Callable[[Any], Any]) -> None:
    with execution("night"):
        timeline = TimeLineDeck("Steps")
        timeline.append_time_info({"Start": moment(0), "Finish": moment(1), "Name": "Operation"})
        with pytest.raises(TypeError, match="only appended"):
            change(timeline.time_info)
        assert len(timeline.time_info) == 1
