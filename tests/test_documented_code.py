"""What pages and docstrings show runs: the Python of each page, in order, in one folder and one namespace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from obs_core.commands import main as obs

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("packages/*/README.md")])
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n+)?"
    r"^```(?P<language>\w*)(?: title=\"(?P<file>[^\"\n]+)\")?\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Return line and text of the blocks that are to run: those with no reason above and no file's name."""
    text = page.read_text()
    return [
        (text.count("\n", 0, found.start("code")), found["code"])
        for found in BLOCK.finditer(text)
        if found["language"] == language and not found["reason"] and not found["file"]
    ]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


NEEDING_WHYLOGS = [
    pytest.mark.whylogs,
    pytest.mark.skipif(find_spec("whylogs") is None, reason="needs whylogs, which has no wheel for this Python"),
]


MEASURING = "docs/performance-method.md"
"""Its Python takes ten seconds for a large frame, and calls only what tests of obs-renderers call too."""


def runnable() -> list[Any]:
    """Return the pages that show Python, of those that show the same one: the docs begin as README does."""
    found = {"".join(code for _, code in blocks(page, "python")): page for page in reversed(PAGES)}
    return [
        pytest.param(found[code], id=name(found[code]), marks=marks_of(found[code], code)) for code in found if code
    ]


def marks_of(page: Path, code: str) -> list[pytest.MarkDecorator]:
    """Return the marks of a page: those that import obs_whylogs need what it is made of."""
    if name(page) == MEASURING:
        return [pytest.mark.nightly]
    return NEEDING_WHYLOGS if re.search(r"^(import|from) obs_whylogs", code, re.MULTILINE) else []


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, as a user's program runs: without what the tests set, and offline."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("OBS_")}
    variables |= {"OBS_STORE": str(folder / "store"), "WANDB_MODE": "offline", "COMET_START_ONLINE": "0"}
    command = [sys.executable, *command]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", runnable())
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    # Blank lines in front of each block: a traceback then names the line of the page.
    script = tmp_path / "page.py"
    lines: list[str] = []
    for line, code in blocks(page, "python"):
        code = re.sub(r"^from __future__ .*", "", code, flags=re.MULTILINE)
        lines += [""] * (line - len(lines)) + code.splitlines()
    script.write_text("\n".join(lines))
    result = run([str(script)], tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]


PACKAGES = sorted(path.name for path in ROOT.glob("packages/obs-*/src/obs_*"))
RUN_EXAMPLES = ROOT / "tests" / "docstring_examples.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    "packages",
    [
        pytest.param([name for name in PACKAGES if name != "obs_whylogs"], id="all"),
        pytest.param(["obs_whylogs"], id="obs_whylogs", marks=NEEDING_WHYLOGS),
    ],
)
def test_the_examples_in_docstrings_run(packages: list[str], tmp_path: Path) -> None:
    result = run([str(RUN_EXAMPLES), *packages], tmp_path)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


def test_few_lines_of_examples_in_docstrings_are_not_run() -> None:
    marked = [
        name(path)
        for path in ROOT.glob("packages/*/src/**/*.py")
        for _ in re.findall(r"^ *>>> .*# doctest: \+SKIP", path.read_text(), re.MULTILINE)
    ]
    assert len(marked) <= 22, marked


COMMANDS = [
    (name(page), line)
    for page in PAGES
    for _, code in [*blocks(page, "console"), *blocks(page, "sh")]
    for line in re.findall(r"^(?:\$ )?(obs [a-z]+)\b", code, re.MULTILINE)
]


@pytest.mark.parametrize("command", sorted({command for _, command in COMMANDS}))
def test_an_obs_command_that_a_page_shows_exists(command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        obs([*command.split()[1:], "--help"])
    assert ended.value.code == 0


def test_no_block_of_a_page_is_empty() -> None:
    empty = [name(page) for page in PAGES for found in BLOCK.finditer(page.read_text()) if not found["code"].strip()]
    assert empty == []


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        f"{name(page)}: {target}"
        for page in [*PAGES, *(ROOT / name for name in ("CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md"))]
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Return what a link to a heading of a page ends in, as GitHub and the docs site make it."""
    text = BLOCK.sub("", page.read_text())
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)  # a heading may hold a link
    headings = re.findall(r"^#+ (.+)$", text.lower(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}


def test_every_link_to_a_heading_leads_to_one() -> None:
    broken = [
        f"{name(page)}: {target}#{heading}"
        for page in PAGES
        for target, heading in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text())
        if heading not in anchors(page.parent / target if target else page)
    ]
    assert broken == []


def test_the_first_page_of_the_docs_leads_to_every_other() -> None:
    shown = (ROOT / "docs" / "index.md").read_text()
    others = {page.name for page in ROOT.glob("docs/*.md")} - {"index.md"}
    assert sorted(page for page in others if f"]({page})" not in shown) == []
    assert "](docs/index.md#start)" in (ROOT / "README.md").read_text()


def test_the_page_on_the_architecture_names_each_part_of_obs_core_and_only_files_that_are_there() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    core = ROOT / "packages/obs-core/src/obs_core"
    parts = {path.stem for path in core.iterdir() if path.is_dir() or path.suffix == ".py"} - {"__pycache__"}
    layers = page.partition("## The layers")[2].partition("\n## ")[0]
    named = {word for row in re.findall(r"^\| (.*?) \|", layers, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)}
    assert {part for part in parts if not part.startswith("__")} <= named
    assert named <= parts
    for file in set(re.findall(r"(?<![\w/<>-])(?:[\w-]+/)+\w+\.(?:py|md)\b", page)):
        assert any((base / file).is_file() for base in (core, ROOT / "packages/obs-ui/src", ROOT)), file
