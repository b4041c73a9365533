"""What the docs site is made of: docs/index.md gives its navigation and its descriptions."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts" / "frame"))

from docs_site import descriptions, listed, navigation  # noqa: E402

INDEX = """\
# obs

## Start

| page | about |
|---|---|
| [Tasks](tasks.md) | `task`, and "execution" |

## Reference

| page | about |
|---|---|
| [The format](format.md) | what lies where |

### Performance

| page | about |
|---|---|
| [A span](performance.md) | measured |

## obs beside other tools

| | |
|---|---|
| [MLflow](https://mlflow.org) | a registry |
"""


def test_headings_are_groups_and_rows_are_pages() -> None:
    assert tomllib.loads(f"nav = {navigation(listed(INDEX))}")["nav"] == [
        {"Start": [{"Overview": "index.md"}, {"Tasks": "tasks.md"}]},
        {"Reference": [{"The format": "format.md"}, {"Performance": [{"A span": "performance.md"}]}]},
    ]


def test_what_a_row_says_describes_the_page() -> None:
    assert tomllib.loads(descriptions(listed(INDEX))) == {
        "tasks/": 'Tasks: task, and "execution"',
        "format/": "The format: what lies where",
        "performance/": "A span: measured",
    }


def test_the_site_has_four_groups() -> None:
    pages = listed((ROOT / "docs" / "index.md").read_text())
    assert list(dict.fromkeys(page.groups[0] for page in pages)) == ["Start", "Guides", "Packages", "Reference"]
    measured = [page for page in pages if page.groups == ("Reference", "Performance")]
    assert len(measured) == len(list(ROOT.glob("docs/performance*.md")))
