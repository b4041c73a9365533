"""The tutorial, done as a reader does it: its files written, its commands typed, its output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"
STEP = re.compile(
    r"^```(?:python title=\"(?P<file>[^\"]+)\"|(?P<console>console))\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
CHANGING = [
    (r"\d{8}-\d{6}-\d{6}-\w{6}", "ID"),
    (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)? UTC", "MOMENT"),
    (r"\d{2}:\d{2}:\d{2}\.\d{3}", "MOMENT"),
    (r"<?[\d.]+ (ns|µs|ms|s|%|min)(?!\w)", "SOME"),
    (r"[\s━]+", " "),
]
"""What is different each time, and how a terminal's width and bars lay it out."""


def comparable(text: str) -> str:
    for pattern, replacement in CHANGING:
        text = re.sub(pattern, replacement, text)
    return text.strip()


def commands(console: str) -> list[tuple[str, list[str]]]:
    """Return each command of a block with the passages that its output has; ``...`` stands for what is left out."""
    found = []
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        passages = re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)
        found.append((command, [passage for passage in map(comparable, passages) if passage]))
    return found


@pytest.mark.slow
def test_each_step_of_the_tutorial_shows_what_it_says(tmp_path: Path) -> None:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("OBS_")}
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]])
    done = 0
    for step in STEP.finditer(TUTORIAL.read_text()):
        if step["file"]:
            (tmp_path / step["file"]).write_text(step["text"])
            continue
        for command, passages in commands(step["text"]):
            result = subprocess.run(
                command.split(), cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
            )
            said = comparable(result.stdout + result.stderr)
            assert [passage for passage in passages if passage not in said] == [], f"$ {command}\n{said}"
            done += 1
    assert done > 10
