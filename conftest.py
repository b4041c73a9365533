"""What the tests of all packages share: how many examples there are, what runs by night alone, a real browser."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

BY_DAY = 3
"""By day a property is tried with a third of its examples."""

SPARSELY = 3
"""Of how many tests that start a process one runs, where others run all of them."""

# How long an example takes says nothing on a loaded machine: time is measured in benchmarks.
settings.register_profile("obs", deadline=None)
settings.load_profile("obs")

LIGHT = ("chromium-headless-shell",)
"""Chromium without what is around a page: a page takes half of the CPU time, and is the same."""

WHOLE = ("chromium", "chromium-browser", "google-chrome")
"""The browsers that people have."""

WITHOUT = (
    # Of each window: two pages behind its address bar that suggest addresses, and take as long as a page of ours.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    # A process for whatever may be opened next.
    "SpareRendererForSitePerProcess",
    # Chromium heeds the last list alone, so Playwright's stands here again.
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
"""Features of Chromium that no page notices; without them a window takes half of the CPU time."""

CHROMIUM_FLAGS = (
    # As Chromium has it: a page that never ends does not hold up the one around it.
    "--site-per-process",
    f"--disable-features={','.join(WITHOUT)}",
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
    parser.addoption(
        "--sparsely",
        action="append",
        metavar="PATH",
        help="of the tests in this file or folder that start a process, run every third of each file",
    )
    parser.addoption("--wheels", type=Path, metavar="FOLDER", help="try the packages built there, instead of building")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for the night or for another step, unless it was named; skip what this system cannot run."""
    for item in items:
        if sys.platform == "win32" and item.get_closest_marker("posix"):
            item.add_marker(pytest.mark.skip(reason="needs fork or the signals of Unix"))
    whole: list[str] | None = config.getoption("--whole")
    if whole is not None:
        _leave_out(config, items, set(_starting_elsewhere(items, [Path(path).resolve() for path in whole if path])))
    is_named = any("::" in argument for argument in config.args)
    sparsely: list[str] = config.getoption("--sparsely") or []
    if sparsely and not is_named:
        _leave_out(config, items, set(_most_that_start(items, [Path(path).resolve() for path in sparsely])))
    if not config.getoption("--nightly") and not is_named:
        _leave_out(config, items, {item for item in items if item.get_closest_marker("nightly")})
    if hasattr(config, "workerinput"):
        items.sort(key=_late)


def _late(item: pytest.Item) -> tuple[bool, bool]:
    """Put first what is slow, and together what shares a browser.

    One that takes a minute and comes last keeps the other workers waiting: they have nothing left to do.
    """
    return item.get_closest_marker("slow") is None, item.get_closest_marker("browser") is None


def _starting_elsewhere(items: list[pytest.Item], whole: list[Path]) -> Iterator[pytest.Item]:
    """Yield the tests that start a process, but those below some folders."""
    return _starting(item for item in items if not any(item.path.is_relative_to(each) for each in whole))


def _most_that_start(items: list[pytest.Item], folders: list[Path]) -> Iterator[pytest.Item]:
    """Yield of the tests below some folders that start a process all but every third of each file."""
    seen = Counter[Path]()
    for item in _starting(item for item in items if any(item.path.is_relative_to(each) for each in folders)):
        if seen[item.path] % SPARSELY:
            yield item
        seen[item.path] += 1


def _starting(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the tests that start a process."""
    sys.path.append(str(Path(__file__).parent / "scripts" / "tooling"))
    from starting import starts_a_process

    return filter(starts_a_process, items)


def _leave_out(config: pytest.Config, items: list[pytest.Item], unwanted: set[pytest.Item]) -> None:
    if unwanted:
        config.hook.pytest_deselected(items=list(unwanted))
        items[:] = [item for item in items if item not in unwanted]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Set aside what collection made, and by day have fewer examples tried."""
    gc.freeze()  # a test that collects garbage need not look through all tests and their libraries
    if not session.config.getoption("--nightly"):
        _have_fewer_examples_tried(session.items)


def _have_fewer_examples_tried(items: list[pytest.Item]) -> None:
    """Give properties fewer examples.

    hypothesis keeps a test's settings, those from ``@settings`` or from the profile, on its function, under a name of
    its own: a profile alone would not reach tests that say their number themselves.
    """
    functions = {getattr(item.obj, "__func__", item.obj) for item in items if isinstance(item, pytest.Function)}
    for function in functions:
        given = getattr(function, "_hypothesis_internal_use_settings", None)
        if given is not None:
            fewer = settings(given, max_examples=-(-given.max_examples // BY_DAY))
            function._hypothesis_internal_use_settings = fewer


@pytest.fixture(scope="session")
def nightly(request: pytest.FixtureRequest) -> bool:
    """Whether there is time for everything: ``./scripts/test --nightly``."""
    return bool(request.config.getoption("--nightly"))


class _Browsers:
    """Browsers that tests one after another share: to start one takes as long as many a page."""

    def __init__(self) -> None:
        self._running = contextlib.ExitStack()
        self._playwright: Any = None
        self._started: dict[str, Any] = {}

    def start(self, path: str) -> Any:
        """Start one, unless it runs.

        Args:
            path: The program.
        """
        if self._playwright is None:
            from playwright.sync_api import expect, sync_playwright

            expect.set_options(timeout=60_000)
            self._playwright = self._running.enter_context(sync_playwright())
        if path not in self._started:
            self._started[path] = started = self._playwright.chromium.launch(
                executable_path=path,
                args=CHROMIUM_FLAGS,
                # Playwright lets everything open windows; a user's browser asks for a click.
                ignore_default_args=["--disable-popup-blocking"],
            )
            self._running.callback(started.close)
        return self._started[path]

    def end(self) -> None:
        """End those that run."""
        self._started.clear()
        self._playwright = None
        self._running.close()


_BROWSERS = pytest.StashKey[_Browsers]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """End the browsers before a test that needs none: where one is driven, asyncio runs nothing else in the thread.

    A module's fixture may hold pages of it as long as the module is not left.
    """
    try:
        yield
    finally:
        if nextitem is None or not (nextitem.path == item.path or "browser" in getattr(nextitem, "fixturenames", ())):
            item.session.stash.setdefault(_BROWSERS, _Browsers()).end()


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Any:
    """A browser; each test opens its own pages in contexts that share nothing."""
    return _browser(request, *((*WHOLE, *LIGHT) if request.config.getoption("--nightly") else (*LIGHT, *WHOLE)))


@pytest.fixture(scope="module")
def whole_browser(request: pytest.FixtureRequest) -> Any:
    """The browser that people have, for what is printed: the light one prints no frame of another process."""
    return _browser(request, *WHOLE)


def _browser(request: pytest.FixtureRequest, *names: str) -> Any:
    pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    path = next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *names))), None)
    if path is None:
        pytest.skip("chromium is not installed; CHROMIUM may name another path")
    return request.session.stash.setdefault(_BROWSERS, _Browsers()).start(path)
