"""What the tests of all packages share: how many examples there are, what runs by night alone, a real browser."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

EXAMPLES, EXAMPLES_BY_NIGHT = 34, 100
"""How many examples a property is tried with, unless its test says so itself."""

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--nightly", action="store_true", help="run tests marked nightly too, and properties with all their examples"
    )
    parser.addoption("--wheels", type=Path, metavar="FOLDER", help="try the packages built there, instead of building")


def pytest_configure(config: pytest.Config) -> None:
    use_profile(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked nightly, unless it is night or the test was named; skip what this system cannot run."""
    for item in items:
        if sys.platform == "win32" and item.get_closest_marker("posix"):
            item.add_marker(pytest.mark.skip(reason="needs fork or the signals of Unix"))
    if config.getoption("--nightly"):
        return
    by_night = [item for item in items if item.get_closest_marker("nightly")]
    if by_night and not any("::" in argument for argument in config.args):
        config.hook.pytest_deselected(items=by_night)
        items[:] = [item for item in items if item not in by_night]


def pytest_collection_finish(session: pytest.Session) -> None:
    use_profile(session.config)  # once more: a package's own conftest.py may have set another one


def use_profile(config: pytest.Config) -> None:
    """Set how many examples there are; how long one takes says nothing on a loaded machine, so there is no deadline."""
    examples = EXAMPLES_BY_NIGHT if config.getoption("--nightly") else EXAMPLES
    settings.register_profile("obs", deadline=None, max_examples=examples)
    settings.load_profile("obs")


@pytest.fixture(scope="session")
def nightly(request: pytest.FixtureRequest) -> bool:
    """Whether there is time for everything: ``./scripts/test --nightly``."""
    return bool(request.config.getoption("--nightly"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser; each module's own, since playwright drives one at a time in a thread."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    if CHROMIUM is None or not os.path.exists(CHROMIUM):
        pytest.skip("chromium is not installed; CHROMIUM may name another path")
    api.expect.set_options(timeout=60_000)
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=CHROMIUM_FLAGS,
            # Playwright lets everything open windows; a user's browser asks for a click.
            ignore_default_args=["--disable-popup-blocking"],
        )
        yield started
        started.close()
