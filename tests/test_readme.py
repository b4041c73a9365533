"""What README.md shows of its program is what its program makes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from subprocess import CalledProcessError
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts" / "tooling"))

from readme_example import (  # noqa: E402
    DECK,
    FAILING,
    PROGRAM,
    SHOWN,
    TASK,
    Example,
    digest_of,
    shape_of,
    trace_of,
    verdict_of,
)

README = ROOT / "README.md"
DOCS = ROOT / "docs" / "index.md"
PAGES = (README, DOCS)
MADE_ANEW = "run ./scripts/make_pictures"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    example = Example(README, tmp_path_factory.mktemp("readme"))
    example.python(PROGRAM)
    return example


@pytest.mark.slow
def test_the_trace_that_readme_shows_has_the_shape_of_the_programs(example: Example) -> None:
    shown = SHOWN.search(README.read_text())
    assert shown
    assert shape_of(shown[0]) == shape_of(trace_of(example.obs("explain", "last"))), MADE_ANEW
    assert len(shape_of(shown[0])) == 8


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `obs why` says first of the program where it fails."""
    example = Example(README, tmp_path_factory.mktemp("failing"))
    with pytest.raises(CalledProcessError):
        example.python("-c", example.code.replace(*FAILING))
    return verdict_of(example.obs("why"))


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_recording_of_a_terminal_shows_what_a_failure_prints(theme: str, verdict: str) -> None:
    rows: dict[float, list[str]] = {}
    for text in ElementTree.parse(ROOT / "docs" / "images" / f"terminal-{theme}.svg").findall(".//{*}text"):
        rows.setdefault(float(text.get("y", "0")), []).extend(span.text or "" for span in text)
    shown = " ".join(" ".join(spans) for _, spans in sorted(rows.items()))
    told, _, where = verdict.partition(" It was raised at ")
    assert told.partition(" at ")[0] == "embed failed"
    assert told.partition("UTC: ")[2] in shown, MADE_ANEW
    assert 'in the span "fit".' in where
    assert 'in the span "fit".' in shown, MADE_ANEW
    assert "embed's neighbors was 10, now 2000" in shown, MADE_ANEW


@pytest.mark.slow
def test_the_programs_report_has_the_tabs_that_readme_speaks_of(example: Example) -> None:
    ask = f"from obs_core import load_execution; print([deck.name for deck in load_execution().task({TASK!r}).decks])"
    tabs = ["Input", DECK, "Timeline", "Source Code", "Dependencies"]
    assert example.python("-c", ask).strip() == str(tabs)


def test_the_shape_of_a_trace_leaves_out_figures_and_bars_alone() -> None:
    trace = """\
Trace     start  duration  share
train      +0 s    2.92 s  100 %  ━━━━
└─ fit  +1.2 ms   383 ms   <1 %     ━
"""
    assert shape_of(trace) == ["Trace start duration share", "train # # #", "└─ fit # # #"]


def first_screen(page: Path) -> str:
    """Return a page up to its first heading, with links as the docs have them."""
    top = page.read_text().partition("\n## ")[0]
    return top.replace("](docs/", "](").replace('="docs/', '="')


def parts_of(markdown: str) -> list[str]:
    """Return paragraphs and whole blocks of code."""
    return re.findall(r"^```.*?^```$|^(?:(?!```)[^\n]+\n?)+", markdown, re.DOTALL | re.MULTILINE)


def test_the_docs_begin_as_readme_does() -> None:
    assert first_screen(DOCS) == first_screen(README)


def test_the_first_screen_has_a_sentence_ten_lines_their_picture_their_trace_and_three_points() -> None:
    title, sentence, program, picture, trace, points, install, links = parts_of(first_screen(README))
    assert title.strip() == "# obs"
    assert sentence.count(".") == 1
    assert len([line for line in program.splitlines()[1:-1] if line]) == 10
    assert "images/report-light.png" in picture
    assert "images/report-dark.png" in picture
    assert trace.startswith(f"```console\n$ python {PROGRAM}\n$ obs explain last\n")
    assert [line[:4] for line in points.splitlines()] == ["- **"] * 3
    assert "pip install " in install
    assert len(links.splitlines()) == 1
    assert links.count("](") <= 6


def test_the_figures_of_the_first_screen_are_those_measured() -> None:
    measured = (ROOT / "docs" / "performance.md").read_text()
    boxes = re.search(
        r"20 box plots of a 100,000-row frame, published \| obs \|.*\| (\d+ KB) \|.*\n"
        r"\|  \| flytekit \|.*\| ([\d.]+) MB \|",
        measured,
    )
    span, peer = (
        re.search(rf"^\| {what}.*?\| ([\d,]+) \|", measured, re.MULTILINE)
        for what in ("obs, decks on", "OpenTelemetry SDK")
    )
    assert boxes
    assert span
    assert peer
    ours, theirs = (int(found[1].replace(",", "")) / 1000 for found in (span, peer))
    shown = first_screen(README)
    assert f"20 box plots are [{boxes[1]}](performance.md#renderers) (flytekit: {float(boxes[2]):.0f} MB)" in shown
    assert f"a span takes [{ours:.1f} µs](performance.md#one-span) (OpenTelemetry: {theirs:.0f})" in shown


def test_the_docs_have_the_same_table_of_other_tools() -> None:
    heading = "## obs beside other tools\n"
    tables = {page.read_text().partition(heading)[2].partition("\n## ")[0].strip() for page in PAGES}
    assert len(tables) == 1
    for tool in ("W&B", "MLflow", "Flyte decks", "Metaflow cards", "OpenTelemetry", "Logfire"):
        assert all(f"\n| [{tool}](https://" in table for table in tables)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_is_one_of_the_program_as_it_is_now(theme: str) -> None:
    from PIL import Image

    with Image.open(ROOT / "docs" / "images" / f"report-{theme}.png") as picture:
        assert picture.info["program"] == digest_of(README), MADE_ANEW
