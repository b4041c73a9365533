"""Build or serve the docs site: `./scripts/hatch run docs:build`.

docs/index.md decides: its headings are the groups of the navigation, the rows of its tables their pages, and what a row
says of a page is the page's description.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from checkout import ROOT

SETTINGS = ROOT / "zensical.toml"
FILLED = ROOT / ".zensical.toml"
INDEX = ROOT / "docs" / "index.md"
SITE = ROOT / "site"
API = "reference*/index.html"
MOVED = {  # addresses that the site once had, and where their content is now
    "performance-dask": "performance/#dask",
    "performance-memray": "performance/#memory-profiles",
    "performance-pandera": "performance/#validation",
    "performance-profiles": "performance/#data-profiles",
    "performance-renderers": "performance/#renderers",
    "performance-ui": "performance/#the-execution-ui",
    "performance-whylogs": "performance/#whylogs-profiles",
}

_HEADING = re.compile(r"^(?P<level>##+) (?P<title>.+)$")
_ROW = re.compile(r"^\| \[(?P<title>[^\]]+)\]\((?P<page>[\w-]+\.md)\) \| (?P<about>.+) \|$")


class Page(NamedTuple):
    """A page, as docs/index.md leads to it."""

    groups: tuple[str, ...]
    title: str
    file: str
    about: str


def main(arguments: list[str]) -> int:
    """Run Zensical with the navigation and the descriptions filled in."""
    pages = listed(INDEX.read_text(encoding="utf-8"))
    if missing := {path.name for path in ROOT.glob("docs/*.md")} - {page.file for page in pages} - {INDEX.name}:
        raise SystemExit(f"No table of docs/index.md leads to {', '.join(sorted(missing))}: give each a row.")
    settings = SETTINGS.read_text(encoding="utf-8").replace("nav = []", f"nav = {navigation(pages)}", 1)
    FILLED.write_text(f"{settings}\n[project.extra.descriptions]\n{descriptions(pages)}", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("zensical")), *arguments, "--config-file", str(FILLED)]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code or arguments[:1] != ["build"]:
        return code
    redirect(SITE)
    wrong = misread(SITE)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return int(bool(wrong))


def redirect(site: Path) -> None:
    """Write a page at each address that has moved, which leads to the new one: Zensical has no redirects."""
    for old, new in MOVED.items():
        address = html.escape(f"../{new}")
        page = site / old / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            f'<!doctype html>\n<meta charset="utf-8">\n<title>This page has moved</title>\n'
            f'<meta http-equiv="refresh" content="0; url={address}">\n<link rel="canonical" href="{address}">\n'
            f'<p>This page has moved: <a href="{address}">read it there</a>.</p>\n',
            encoding="utf-8",
        )


def misread(site: Path) -> list[str]:
    """Return what is wrong with the pages of the API: an example that was read as text stands in block quotes."""
    quotes = {page.parent.name: page.read_text(encoding="utf-8").count("<blockquote") for page in site.glob(API)}
    return [
        f"{name}: {count} block quotes. A docstring's section of examples is called `Examples:`."
        for name, count in sorted(quotes.items())
        if count
    ]


def listed(index: str) -> list[Page]:
    """Return the pages to which the tables of docs/index.md lead, in its order."""
    groups: list[str] = []
    pages = []
    for line in index.splitlines():
        if heading := _HEADING.match(line):
            groups[len(heading["level"]) - 2 :] = [heading["title"]]
        elif row := _ROW.match(line):
            pages.append(Page(tuple(groups), row["title"], row["page"], row["about"]))
    return pages


def navigation(pages: list[Page]) -> str:
    """Return the nav as TOML: groups, and groups in them, with their pages."""
    tree: dict[str, object] = {}
    for page in pages:
        branch = tree
        for group in page.groups:
            branch = branch.setdefault(group, {})  # type: ignore[assignment]
        branch[page.title] = page.file
    first = next(iter(tree))
    tree[first] = {"Overview": INDEX.name, **tree[first]}  # type: ignore[dict-item]
    return _toml(tree)


def _toml(tree: object) -> str:
    if isinstance(tree, dict):
        return f"[{', '.join(f'{{ {json.dumps(title)} = {_toml(branch)} }}' for title, branch in tree.items())}]"
    return json.dumps(tree)


def descriptions(pages: list[Page]) -> str:
    """Return what is said of each page as TOML, by its address in the site."""
    return "".join(f"{json.dumps(_address(page))} = {json.dumps(_sentence(page))}\n" for page in pages)


def _address(page: Page) -> str:
    return f"{page.file.removesuffix('.md')}/"


def _sentence(page: Page) -> str:
    return f"{page.title}: {page.about.replace('`', '')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
