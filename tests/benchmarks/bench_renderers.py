"""Renderers beside flytekit's: time, added memory, bytes of the published page, and loading it in a browser.

Each case runs in a process of its own that has imported everything and drawn something small before.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.measuring import chromium, installed, print_table, run_fresh

FRAMES = """
import numpy as np, pandas as pd
from datetime import datetime, timedelta
rng = np.random.default_rng(0)

def floats(rows, columns):
    return pd.DataFrame({f"c{i}": rng.normal(50, 12, rows) for i in range(columns)})

def mixed(rows):
    columns = {f"float{i}": rng.normal(50, 12, rows) for i in range(8)}
    columns |= {f"int{i}": rng.integers(0, 5000, rows) for i in range(5)}
    columns |= {f"word{i}": rng.choice(["EWR", "JFK", "LGA", "BOS"], rows) for i in range(3)}
    columns["time"] = pd.date_range("2013-01-01", periods=rows, freq="min")
    columns["flag"] = rng.random(rows) > 0.5
    columns["gaps"] = np.where(rng.random(rows) > 0.3, rng.normal(size=rows), np.nan)
    columns["tail"] = [f"N{number % 4000:05}" for number in range(rows)]
    return pd.DataFrame(columns)
"""

OURS = """
import obs_renderers as peer
from obs_core import Deck, task
from pathlib import Path
import os

@task(deck_fields=())
def publish_items(make):
    deck = Deck("charts")
    for html in make():
        deck.append(html)

def published(make):
    publish_items(make)
    report = max(Path(os.environ["OBS_STORE"]).rglob("*.html"), key=lambda path: path.stat().st_mtime)
    return report.read_text(encoding="utf-8")
"""

THEIRS = """
import flytekit.deck
from flytekit.core.context_manager import FlyteContextManager
from flytekit.deck.deck import Deck, _get_deck
import flytekit.deck.renderer as core_renderers
import flytekitplugins.deck.renderer as peer
for name in ("TopFrameRenderer", "ArrowRenderer", "PythonDependencyRenderer"):
    setattr(peer, name, getattr(core_renderers, name))

def published(make):
    parameters = FlyteContextManager.current_context().user_space_params
    parameters.decks.clear()
    deck = Deck("charts")
    for html in make():
        deck.append(html)
    return _get_deck(parameters, ignore_jupyter=True)
"""

MEASURED = """
import gc, json, os, resource, sys, threading, time

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

highest, watching = 0.0, True
def watch():
    global highest
    while watching:
        highest = max(highest, resident())
        time.sleep(0.005)

small()
gc.collect()
before = resident()
watcher = threading.Thread(target=watch, daemon=True)  # a case that fails shall end the program
watcher.start()
began = time.perf_counter()
page = published(make) if publish else "".join(make())
seconds = time.perf_counter() - began
watching = False
watcher.join()
for _ in range(repeat):
    again = time.perf_counter()
    page = published(make) if publish else "".join(make())
    seconds = min(seconds, time.perf_counter() - again)
with open(os.environ["PAGE"], "w", encoding="utf-8", errors="replace") as file:
    file.write(page if publish else "<!doctype html><meta charset=utf-8>" + page)
print(json.dumps([seconds, max(0.0, highest - before), len(page.encode("utf-8", "replace"))]))
"""


class Case(NamedTuple):
    """What is drawn.

    Attributes:
        title: As it reads in the table.
        setup: Makes the value.
        make: An expression that gives the list of HTML items.
        small: A statement that draws something small first.
        publish: Whether the items are published as a report.
        repeat: How often it is repeated, to take the quickest.
        browser: Whether its page is loaded in a browser.
        theirs: Whether flytekit draws it too.
    """

    title: str
    setup: str
    make: str
    small: str
    publish: bool = True
    repeat: int = 0
    browser: bool = False
    theirs: bool = True


TINY = "pd.DataFrame({'c0': [1.0, 2.0], 'c1': [1, 2]})"
TIMES = "[datetime(2026, 1, 1) + timedelta(milliseconds=3 * i) for i in range(10_000)]"
CASES = (
    Case(
        "20 box plots of a 100,000-row frame, published",
        "df = floats(100_000, 20)",
        "[peer.BoxRenderer(name).to_html(df) for name in df]",
        f"peer.BoxRenderer('c0').to_html({TINY})",
        browser=True,
    ),
    Case(
        "1 box plot of 1,000,000 rows, published",
        "df = floats(1_000_000, 1)",
        "[peer.BoxRenderer('c0').to_html(df)]",
        f"peer.BoxRenderer('c0').to_html({TINY})",
        browser=True,
    ),
    Case(
        "1 box plot of 10,000,000 rows",
        "df = floats(10_000_000, 1)",
        "[peer.BoxRenderer('c0').to_html(df)]",
        f"peer.BoxRenderer('c0').to_html({TINY})",
        theirs=False,
    ),
    Case(
        "20 box plots with engine='plotly', published",
        "df = floats(100_000, 20)",
        "[peer.BoxRenderer(name, engine='plotly').to_html(df) for name in df]",
        f"peer.BoxRenderer('c0', engine='plotly').to_html({TINY})",
        browser=True,
        theirs=False,
    ),
    Case(
        "TableRenderer, 100,000 x 20 (the HTML itself)",
        "df = mixed(100_000)",
        "[peer.TableRenderer().to_html(df)]",
        f"peer.TableRenderer().to_html({TINY})",
        publish=False,
        browser=True,
    ),
    Case(
        "image of 4000 x 3000 (the HTML itself)",
        "from PIL import Image\n"
        "noise = rng.integers(0, 255, (3000, 4000, 3), dtype=np.uint8)\nimage = Image.fromarray(noise)",
        "[peer.ImageRenderer().to_html(image)]",
        "from PIL import Image; peer.ImageRenderer().to_html(Image.new('RGB', (2, 2)))",
        publish=False,
    ),
    Case(
        "TopFrameRenderer on 10,000,000 x 20 (the HTML itself)",
        "df = floats(10_000_000, 20)",
        "[peer.TopFrameRenderer().to_html(df)]",
        f"peer.TopFrameRenderer().to_html({TINY})",
        publish=False,
        repeat=5,
    ),
    Case(
        "PythonDependencyRenderer (the HTML itself)",
        "",
        "[peer.PythonDependencyRenderer().to_html()]",
        "None",
        publish=False,
        repeat=2,
    ),
    Case(
        "Gantt chart of 10,000 bars (the HTML itself)",
        f"starts = {TIMES}\n"
        "df = pd.DataFrame({'Name': [f'step {i % 100}' for i in range(10_000)], 'Start': starts,"
        " 'Finish': [start + timedelta(milliseconds=20) for start in starts]})",
        "[peer.GanttChartRenderer().to_html(df)]",
        "peer.GanttChartRenderer().to_html(pd.DataFrame({'Name': ['a'], 'Start': [datetime(2026, 1, 1)],"
        " 'Finish': [datetime(2026, 1, 2)]}))",
        publish=False,
        browser=True,
    ),
    Case(
        "profile of 100,000 x 20 (the HTML itself)",
        "df = mixed(100_000)",
        "[peer.FrameProfilingRenderer().to_html(df)]",
        f"peer.FrameProfilingRenderer().to_html({TINY})",
        publish=False,
    ),
)


class Outcome(NamedTuple):
    """What was measured: seconds, megabytes of memory, bytes, seconds in the browser (None when not loaded)."""

    seconds: float
    memory: float
    size: int
    browser: float | None


def measure(case: Case, who: str, page: Path) -> Outcome:
    """Draw a case in a fresh process, then load its page."""
    program = FRAMES + who + case.setup + f"\ndef make():\n    return {case.make}\n"
    program += f"def small():\n    {case.small}\npublish, repeat = {case.publish}, {case.repeat}\n" + MEASURED
    printed = run_fresh(program, PAGE=str(page), OBS_WRITE_REPORTS="1", SKB_DATA_DIRECTORY=str(page.parent / "skrub"))
    seconds, memory, size = json.loads(printed.splitlines()[-1])
    return Outcome(seconds, memory, size, loading_time(page) if case.browser else None)


def loading_time(page: Path) -> float | None:
    """Load a page in Chromium without a network: seconds until the frames it opened are drawn and idle."""
    if not installed("playwright"):
        return None
    from time import perf_counter

    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.context.set_offline(True)
        tab.set_default_timeout(180_000)
        began = perf_counter()
        tab.goto(page.as_uri(), wait_until="load")
        _wait_until_drawn(tab)
        return perf_counter() - began


def _wait_until_drawn(tab: Any) -> None:
    """Wait until a frame holds what a renderer draws, and every frame has drawn it."""
    drawn = ".obs-box svg, .plot .main-svg, .js-plotly-plot .main-svg, .grid-body .cell, canvas, table.table-class"
    while not _drawn(tab, drawn):
        tab.wait_for_timeout(5)


def _drawn(tab: Any, selector: str) -> bool:
    """Tell whether a frame holds such an element and all have painted; one that is being replaced has not."""
    from playwright.sync_api import Error

    try:
        found = any(frame.query_selector(selector) for frame in tab.frames)
        for frame in tab.frames if found else ():
            frame.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")
        return found
    except Error:
        return False


def row(title: str, who: str, outcome: Outcome) -> tuple[str, ...]:
    """Write an outcome as a row of the table."""
    browser = "" if outcome.browser is None else f"{outcome.browser:.2f} s"
    size = f"{outcome.size / 1e6:.2f} MB" if outcome.size > 1e6 else f"{outcome.size / 1e3:.0f} KB"
    return title, who, f"{outcome.seconds:.3f} s", f"{outcome.memory:.0f} MB", size, browser


def ratios(ours: Outcome, theirs: Outcome) -> tuple[str, ...]:
    """Say how many times more theirs took."""
    pairs: list[Callable[[Outcome], Any]] = [
        lambda o: o.seconds,
        lambda o: max(o.memory, 1),
        lambda o: o.size,
    ]
    values = [f"{get(theirs) / get(ours):.1f}x" for get in pairs]
    both = ours.browser and theirs.browser
    return "", "theirs / ours", *values, f"{theirs.browser / ours.browser:.1f}x" if both else ""  # type: ignore[operator]


def rows_of(case: Case, folder: Path) -> list[tuple[str, ...]]:
    """Measure a case with obs-renderers and, where it is installed, with flytekit."""
    ours = measure(case, OURS, folder / "ours.html")
    rows = [row(case.title, "obs", ours)]
    profiler = "Profiling" not in case.make or installed("ydata_profiling")
    if case.theirs and profiler and installed("flytekitplugins.deck"):
        theirs = measure(case, THEIRS, folder / "theirs.html")
        rows += [row("", "flytekit", theirs), ratios(ours, theirs)]
    return rows


def main() -> None:
    """Measure and print."""
    header = ("case", "", "time", "added memory", "bytes", "browser, until drawn")
    wanted = sys.argv[2:] if sys.argv[1:2] == ["renderers"] else []
    with tempfile.TemporaryDirectory() as folder:
        cases = [case for case in CASES if not wanted or any(word in case.title for word in wanted)]
        rows = [line for case in cases for line in rows_of(case, Path(folder))]
    print_table("Renderers, beside flytekit's", header, rows)


if __name__ == "__main__":
    main()
