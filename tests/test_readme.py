"""What README.md shows of its program is what its program makes."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import CalledProcessError
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts" / "tooling"))

from readme_example import DECK, PROGRAM, SHOWN, TASK, Example, code_of, digest_of, shape_of, trace_of  # noqa: E402

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
    assert len(shape_of(shown[0])) == 9


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_recording_of_a_terminal_shows_what_a_failure_prints(theme: str, tmp_path: Path) -> None:
    example = Example(README, tmp_path)
    with pytest.raises(CalledProcessError):
        example.python("-c", example.code.replace("trees=300", "trees=0"))
    trace = trace_of(example.obs("explain", "last"))

    rows: dict[float, list[str]] = {}
    for text in ElementTree.parse(ROOT / "docs" / "images" / f"terminal-{theme}.svg").findall(".//{*}text"):
        rows.setdefault(float(text.get("y", "0")), []).extend(span.text or "" for span in text)
    shown = "\n".join(" ".join(spans) for _, spans in sorted(rows.items()))
    assert "\n".join(shape_of(trace)) in "\n".join(shape_of(shown)), MADE_ANEW
    assert "FAILED InvalidParameterError" in trace


@pytest.mark.slow
def test_the_programs_report_has_the_tabs_that_readme_speaks_of(example: Example) -> None:
    ask = f"from obs_core import load_execution; print([deck.name for deck in load_execution().task({TASK!r}).decks])"
    tabs = ["Input", DECK, "Output", "Timeline", "Source Code", "Dependencies"]
    assert example.python("-c", ask).strip() == str(tabs)


def test_the_shape_of_a_trace_leaves_out_figures_and_bars_alone() -> None:
    trace = """\
Trace     start  duration  share
train      +0 s    2.92 s  100 %  ━━━━
└─ fit  +1.2 ms   383 ms   <1 %     ━
"""
    assert shape_of(trace) == ["Trace start duration share", "train # # #", "└─ fit # # #"]


def test_the_docs_begin_with_the_same_program_and_the_same_trace() -> None:
    assert code_of(DOCS) == code_of(README)
    shown = [SHOWN.search(page.read_text()) for page in PAGES]
    assert all(shown)
    assert len({found[0] for found in shown if found}) == 1, MADE_ANEW


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


def test_readmes_first_screen_has_the_picture() -> None:
    first = README.read_text().splitlines()[:20]
    assert any("report-light.png" in line for line in first)
    assert any("report-dark.png" in line for line in first)
