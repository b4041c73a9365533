"""What the docs site is made of: docs/index.md gives its navigation and its descriptions."""

from __future__ import annotations

import inspect
import pkgutil
import re
import sys
import tomllib
from pathlib import Path
from types import FunctionType
from typing import Any

import obs_core
import obs_core.testing

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts" / "tooling"))

from docs_site import descriptions, listed, misread, navigation  # noqa: E402

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


def test_an_example_that_was_read_as_text_fails_the_build(tmp_path: Path) -> None:
    for name, text in {"reference": "<pre>&gt;&gt;&gt; f()</pre>", "reference-integrations": "<blockquote>f()"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(text)
    assert [line.partition(":")[0] for line in misread(tmp_path)] == ["reference-integrations"]


def test_the_reference_has_every_public_name_once() -> None:
    pages = [page.read_text() for page in sorted(ROOT.glob("docs/reference*.md"))]
    shown = re.findall(r"^::: obs_core\.(\w+)$", "\n".join(pages), re.MULTILINE)
    assert sorted(shown) == sorted(set(obs_core.__all__) - {"__version__"})
    tested = re.findall(r"^::: obs_core\.testing\.(\w+)$", "\n".join(pages), re.MULTILINE)
    assert sorted(tested) == sorted(obs_core.testing.__all__)


def documented() -> list[Any]:
    """What the API reference shows of obs-core: functions, classes, and their public methods."""
    pages = "".join((ROOT / "docs" / page).read_text() for page in ("reference.md", "reference-integrations.md"))
    shown = [
        pkgutil.resolve_name(name) for name in re.findall(r"^::: (obs_core\.(?!testing)[\w.]+)$", pages, re.MULTILINE)
    ]
    methods = (
        getattr(one, name)
        for one in filter(inspect.isclass, shown)
        for name, value in vars(one).items()
        if not name.startswith("_")
        and isinstance(value, FunctionType | classmethod | staticmethod)
        and not documented_above(one, name)
    )
    return [*filter(inspect.isfunction, shown), *methods]


def documented_above(kind: type, method: str) -> bool:
    return any("Args:" in (getattr(base, method).__doc__ or "") for base in kind.__mro__[1:] if hasattr(base, method))


def test_the_reference_tells_of_each_function_what_its_arguments_are() -> None:
    silent = [
        function.__qualname__
        for function in documented()
        if set(inspect.signature(function).parameters) - {"self"} and "Args:" not in (inspect.getdoc(function) or "")
    ]
    assert silent == []
