"""Build or serve the docs site: `./scripts/hatch run docs:build`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from checkout import ROOT

SETTINGS = ROOT / "zensical.toml"
FILLED = ROOT / ".zensical.toml"
FIRST = ("tasks", "decks", "report-page", "spans", "rendering", "transformers", "task-decorators", "secrets")
"""The concepts in the order in which they are read; others follow by name."""


def main(arguments: list[str]) -> int:
    """Run Zensical with a nav that holds every page."""
    FILLED.write_text(SETTINGS.read_text().replace("nav = []", f"nav = {navigation()}", 1))
    command = [str(Path(sys.executable).with_name("zensical")), *arguments, "--config-file", str(FILLED)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def navigation() -> str:
    """Return the nav as TOML: sections with their pages."""
    pages = {path.stem for path in ROOT.glob("docs/*.md")}
    packages = {path.name.removeprefix("obs-") for path in ROOT.glob("packages/*")} & pages - {"renderers"}
    performance = {page for page in pages if page.startswith("performance")}
    single = {"index", "renderers", "security", "reference"}
    concepts = pages - packages - performance - single
    sections = [
        _single("Getting started", "index"),
        _section("Concepts", sorted(concepts, key=_as_read)),
        _section("Packages", sorted(packages)),
        _single("Gallery", "renderers"),
        _section("Performance", sorted(performance)),
        _single("Security", "security"),
        _single("API reference", "reference"),
    ]
    return f"[{', '.join(sections)}]"


def _single(title: str, page: str) -> str:
    return f"{{ {json.dumps(title)} = {json.dumps(page + '.md')} }}"


def _section(title: str, pages: list[str]) -> str:
    return f"{{ {json.dumps(title)} = {json.dumps([page + '.md' for page in pages])} }}"


def _as_read(page: str) -> tuple[int, str]:
    return (FIRST.index(page) if page in FIRST else len(FIRST), page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
