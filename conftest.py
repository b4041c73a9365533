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

BY_DAY = 3
"""By day a property is tried with a third of its examples."""

# How long an example takes says nothing on a loaded machine: time is measured in benchmarks.
settings.register_profile("obs", deadline=None)
settings.load_profile("obs")

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
    parser.addoption(
        "--whole",
        action="append",
        metavar="PATH",
        help="leave out tests that start a process, which take the most time, but for those in this file or folder",
    )
    parser.addoption("--wheels", type=Path, metavar="FOLDER", help="try the packages built there, instead of building")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked nightly, unless it is night or the test was named; skip what this system cannot run."""
    for item in items:
        if sys.platform == "win32" and item.get_closest_marker("posix"):
            item.add_marker(pytest.mark.skip(reason="needs fork or the signals of Unix"))
    whole: list[str] | None = config.getoption("--whole")
    if whole is not None:
        _leave_out(config, items, set(_starting_elsewhere(items, [Path(path).resolve() for path in whole if path])))
    if not config.getoption("--nightly") and not any("::" in argument for argument in config.args):
        _leave_out(config, items, {item for item in items if item.get_closest_marker("nightly")})


def _starting_elsewhere(items: list[pytest.Item], whole: list[Path]) -> Iterator[pytest.Item]:
    """Yield the tests that start a process, but those below some folders."""
    sys.path.append(str(Path(__file__).parent / "scripts" / "tooling"))
    from starting import starts_a_process

    for item in items:
        if not any(item.path.is_relative_to(each) for each in whole) and starts_a_process(item):
            yield item


def _leave_out(config: pytest.Config, items: list[pytest.Item], unwanted: set[pytest.Item]) -> None:
    if unwanted:
        config.hook.pytest_deselected(items=list(unwanted))
        items[:] = [item for item in items if item not in unwanted]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Give properties fewer examples by day.

    hypothesis keeps a test's settings, those from ``@settings`` or from the profile, on its function, under a name of
    its own: a profile alone would not reach tests that say their number themselves.
    """
    if session.config.getoption("--nightly"):
        return
    functions = {getattr(item.obj, "__func__", item.obj) for item in session.items if isinstance(item, pytest.Function)}
    for function in functions:
        given = getattr(function, "_hypothesis_internal_use_settings", None)
        if given is not None:
            fewer = settings(given, max_examples=-(-given.max_examples // BY_DAY))
            function._hypothesis_internal_use_settings = fewer


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
