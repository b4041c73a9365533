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

import pytest

import obs_core
import obs_core.testing

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts" / "tooling"))

from docs_site import MOVED, descriptions, listed, misread, navigation, redirect  # noqa: E402

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


def test_the_site_has_four_groups_and_the_measurements_are_one_page_beside_how_they_were_made() -> None:
    pages = listed((ROOT / "docs" / "index.md").read_text())
    assert list(dict.fromkeys(page.groups[0] for page in pages)) == ["Start", "Guides", "Packages", "Reference"]
    measured = [page.file for page in pages if page.file.startswith("performance")]
    assert measured == ["performance.md", "performance-method.md"]
    assert {page.groups for page in pages if page.file in measured} == {("Reference",)}


def test_an_address_that_has_moved_leads_to_a_section_that_exists(tmp_path: Path) -> None:
    redirect(tmp_path)
    pages = {page.file.removesuffix(".md") for page in listed((ROOT / "docs" / "index.md").read_text())}
    for old in MOVED:
        assert old not in pages
        page, _, section = _address_of((tmp_path / old / "index.html").read_text()).partition("/#")
        assert page in pages
        assert section in _sections(ROOT / "docs" / f"{page}.md")


def _address_of(redirecting: str) -> str:
    found = re.search(r'http-equiv="refresh" content="0; url=\.\./([^"]+)"', redirecting)
    assert found
    assert f'<a href="../{found[1]}">' in redirecting
    return found[1]


def _sections(page: Path) -> list[str]:
    headings = re.findall(r"^##+ (.+)$", page.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def test_each_table_of_measurements_has_a_command_above_it() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    there = {path.stem.removeprefix("bench_") for path in ROOT.glob("tests/benchmarks/bench_*.py")}
    named = re.findall(r"`\./scripts/hatch run bench[\w-]*:run (\w+)`", page)
    assert set(named) <= there
    for section in page.split("\n## ")[1:]:
        title, *parts = section.split("\n### ")
        commands = [":run " in part for part in (title, *parts)]
        assert commands[0] or all(commands[1:]), title.splitlines()[0]


def test_an_example_that_was_read_as_text_fails_the_build(tmp_path: Path) -> None:
    for name, text in {"reference": "<pre>&gt;&gt;&gt; f()</pre>", "reference-integrations": "<blockquote>f()"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(text)
    assert [line.partition(":")[0] for line in misread(tmp_path)] == ["reference-integrations"]


@pytest.mark.browser
def test_the_copy_button_of_a_console_block_gives_the_commands_alone(browser: Any) -> None:
    """The theme's button copies the nearest `data-copy`, or else all that the block shows."""
    page = browser.new_page()
    page.set_content("""
        <div class="language-console"><pre><code>$ obs ls  # lost: killed
ID  STATUS
<span class="gp">$ </span>obs why "#3"
</code></pre></div>
        <div class="language-console"><pre><code>{"schema": "obs.ls/1"}</code></pre></div>
        <div class="language-python"><pre><code>print("$ 3")</code></pre></div>
    """)
    page.add_script_tag(path=ROOT / "docs" / "javascripts" / "console.js")
    copied = page.evaluate("[...document.querySelectorAll('div')].map(block => block.dataset.copy ?? null)")
    page.close()
    assert copied == ['obs ls\nobs why "#3"', None, None]
    assert "javascripts/console.js" in (ROOT / "zensical.toml").read_text()


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
