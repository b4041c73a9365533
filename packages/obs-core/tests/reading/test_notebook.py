"""What a notebook's cell and a prompt show of an execution."""

from __future__ import annotations

import base64
import math
import re
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from obs_core import Deck, check, execution, executions, link, load_execution, log_metric, task
from obs_core.reading.notebook import shown_deck
from obs_core.report.shared import references
from obs_core.values.curve_pictures import curve_picture


@task
def fit(rows: int) -> int:
    Deck("Large").append("<p>" + "x" * 100_000 + "</p>")
    return rows


def test_an_execution_shows_its_tasks_and_trace_without_a_script(folder: Path) -> None:
    with execution("<i>night</i>", store=folder):
        fit(3)
    html = load_execution("last", folder)._repr_html_()
    assert "<b>&lt;i&gt;night&lt;/i&gt;</b> succeeded in" in html
    assert ">fit</td>" in html
    assert "Critical path" in html
    assert "<script" not in html
    assert len(html) < 5_000


def test_a_failed_one_shows_its_error(folder: Path) -> None:
    failing = execution("night", store=folder)
    with pytest.raises(ValueError, match="airport"), failing:
        raise ValueError("no such <airport>")
    failed = load_execution("last", folder)
    assert "<code>ValueError: no such &lt;airport&gt;</code>" in failed._repr_html_()
    assert "ValueError: no such &lt;airport&gt;" in failed.why()._repr_html_()
    assert str(failed.why()) == failed.why().paragraph
    assert repr(failed.why()) == f"<Why {failed.id} failed: {failed.why().paragraph}>"
    assert "no such <airport>" not in failed.span._repr_html_()
    assert failed.span._repr_html_().startswith("<pre ")


def test_a_kept_deck_is_told_in_a_line_and_shown_as_it_was(folder: Path) -> None:
    script = "let a = 0;" * 5_000

    @task
    def draw() -> None:
        Deck("Chart", "<p>words</p>").append(f"<script>{script}</script>")

    with execution("night", store=folder):
        draw()
    decks = {deck.name: deck for deck in load_execution("last", folder).task("draw").decks}
    chart = decks["Chart"]
    assert repr(chart) == "<DeckView 'Chart', 2 items>"
    assert repr(decks["Source Code"]) == "<DeckView 'Source Code', 1 item>"
    html = chart._repr_html_()
    assert html is not None
    assert '<iframe class="obs-deck" title="Chart"' in html
    assert "<p>words</p>" in html.partition("<noscript>")[2]
    # The process that made it knows its script no more: its store does.
    (digest,) = references(chart.items[1])
    assert chart.draw is not None
    assert html == shown_deck({digest: script}.get, chart)
    assert html != shown_deck({digest: script[:-1]}.get, chart)


def test_tasks_are_told_in_a_line_each(folder: Path) -> None:
    with execution("night", store=folder):
        fit(3)
    assert repr(load_execution("last", folder).tasks).startswith("[<TaskView 'fit' main.2 succeeded, ")
    (shown,) = load_execution("last", folder).tasks
    shown.decks = []
    for duration, told in ((29_800, "29.8 µs"), (999_600_000, "1.00 s"), (5_400_000_000_000, "1 h 30 min"), (0, "0 s")):
        shown.duration = duration
        assert repr(shown) == f"<TaskView 'fit' main.2 succeeded, {told}>"
    assert len(repr(load_execution("last", folder).tasks)) < 200


HOSTILE = "<img src=x onerror=alert(1)>'\"\u202egpj"

PLAIN = {"b", "code", "details", "img", "p", "pre", "summary", "table", "tbody", "td", "th", "thead", "tr"}


@task
def train(losses: list[float]) -> None:
    for loss in losses:
        log_metric("loss", loss)
        log_metric(HOSTILE, 1)


@pytest.fixture
def trained(folder: Path) -> Any:
    """An execution whose every name is hostile, with a metric, a link and a check."""

    @task(name=HOSTILE)
    def named() -> None:
        link(HOSTILE, f"https://example.org/{HOSTILE}")
        check(HOSTILE, True)

    with execution(HOSTILE, store=folder, tags={HOSTILE: HOSTILE}):
        named()
        train([1.0, math.nan, 0.5, math.inf, 0.25])
    return load_execution("last", folder)


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def pictures(html: str) -> list[ElementTree.Element]:
    found = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)
    return [ElementTree.fromstring(base64.b64decode(one)) for one in found]


def test_tasks_metrics_and_rows_of_a_list_are_small_tables(trained: Any, folder: Path) -> None:
    tasks = text_of(trained.tasks._repr_html_())
    assert tasks.startswith("Task Status Duration Error ")
    assert " train succeeded " in tasks
    assert re.match(r"train succeeded in .* Id main\.\d+ Started ", text_of(trained.task("train")._repr_html_()))
    (row,) = executions(folder)
    assert re.search(r" succeeded in .* Checks 1 check passed .* loss 0\.25 ", text_of(row._repr_html_()))
    assert " loss 5 0.25 0.25 1 " in text_of(trained.metrics()._repr_html_())
    assert text_of(trained.metrics("loss")._repr_html_()) == "loss 5 points, last 0.25"
    assert " Metric Points Last " in text_of(trained._repr_html_())


def test_names_are_text_in_each_of_them(trained: Any, folder: Path) -> None:
    shown = [trained, trained.tasks, *trained.tasks, trained.metrics(), *trained.metrics(), *executions(folder)]
    for value in shown:
        html = value._repr_html_()
        assert not set(re.findall(r"<(\w+)", html)) - PLAIN
        assert not re.search(r"<img (?!width=)", html)
        assert "\u202e" not in html
        assert "style" not in re.sub(r"<t[hd] style='text-align:\w+;padding:2px 8px'|<pre style='[^']*'", "", html)
        assert len(repr(value)) < 1_000
        assert "\u202e" not in repr(value)


def test_they_are_bounded(folder: Path) -> None:
    @task
    def step(number: int) -> None:
        for name in range(30):
            log_metric(f"{'m' * 200}{number}.{name}", number)

    with execution("n" * 10_000, store=folder, tags={str(tag): "t" * 10_000 for tag in range(100)}):
        for number in range(40):
            step(number)
    read = load_execution("last", folder)
    assert len(read.tasks) == 40
    assert text_of(read.tasks._repr_html_()).endswith("and 20 more tasks")
    assert repr(read.tasks).splitlines()[20] == " ... 20 more]"
    assert text_of(read.metrics()._repr_html_()).endswith("and 1,180 more metrics")
    for value in (read, read.tasks, read.tasks[0], read.metrics(), executions(folder)[0]):
        assert len(value._repr_html_()) < 60_000
        assert len(repr(value)) < 10_000


def test_a_picture_shows_the_curve_and_leaves_out_what_is_no_number(trained: Any) -> None:
    (picture,) = pictures(trained.metrics("loss")._repr_html_())
    drawn = [element.get("d") or "" for element in picture.iter() if element.tag.endswith("path")]
    assert drawn[0].count("M") == 3  # it is broken at what is not finite
    labels = [element.text for element in picture.iter() if element.tag.endswith("text")]
    assert labels == ["1", "0.25", "0", "4"]
    assert 'alt="loss: 5 points from 0.25 to 1, the last 0.25"' in trained.metrics("loss")._repr_html_()


@pytest.mark.parametrize(
    "values",
    [
        [],
        [math.nan],
        [math.inf, -math.inf],
        [1e308, -1e308],
        [5e-324, 0.0],
        [7.0] * 3,
        [float(one) for one in range(10**5)],
    ],
    ids=["none", "nan", "infinite", "greatest", "least", "level", "many"],
)
def test_a_picture_of_any_values_is_small_and_within_its_frame(values: list[float]) -> None:
    html = curve_picture("loss", range(len(values)), values)
    (picture,) = pictures(html)
    assert len(html) < 10_000
    for path in (element.get("d") or "" for element in picture.iter() if element.tag.endswith("path")):
        for x, y in re.findall(r"[ML](\S+) ([\d.-]+)", path):
            assert 0 <= float(x) <= 420
            assert 0 <= float(y) <= 130
