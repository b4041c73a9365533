"""How the benchmarks measure: fresh processes, interleaved rounds, the best of each."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

Row = Sequence[object]


def run_fresh(source: str, **environment: str) -> str:
    """Run source in a fresh process with a store of its own and return what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "benchmark.py")  # a file, since some peers read a function's source
        script.write_text(source)
        variables = {**os.environ, "OBS_STORE": str(Path(folder, "store")), **environment}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, str(script)]
        result = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    if result.returncode:
        raise SystemExit(f"a benchmark failed:\n{source}\n{result.stderr[-3000:]}")
    return result.stdout.strip()


def interleaved(contenders: Mapping[str, Callable[[], float]], rounds: int = 5) -> dict[str, list[float]]:
    """Measure each contender once a round, so that a noisy moment of the machine meets all of them."""
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            measured[name].append(measure())
    return measured


def best(values: Sequence[float]) -> float:
    """Return the least disturbed of several measurements."""
    return min(values)


def middle(values: Sequence[float]) -> float:
    """Return the median of several measurements."""
    return statistics.median(values)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of many measurements between the ends of its 95 % confidence interval.

    The ends are measurements themselves, about 0.98 √n ranks from the median: nothing is supposed of how they scatter.
    """
    ordered = sorted(values)
    first = max(math.floor(len(ordered) / 2 - 0.98 * math.sqrt(len(ordered))), 0)
    return ordered[first], middle(ordered), ordered[-1 - first]


def print_table(title: str, header: Row, rows: Sequence[Row]) -> None:
    """Print a Markdown table, ready for docs/performance.md."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(map(str, header)) + " |")
    print("|" + "-|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)


def installed(module: str) -> bool:
    """Tell whether a peer is there to be measured."""
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it is a part of
        return False


def fresh_runs(sources: Mapping[str, tuple[str, str]]) -> dict[str, Callable[[], float]]:
    """Return what measures each contender whose module is installed, from ``{name: (module, source)}``."""
    return {name: partial(_seconds_of, source) for name, (module, source) in sources.items() if installed(module)}


def _seconds_of(source: str) -> float:
    return float(run_fresh(source))


def seconds_to_open(report: str, tab: str, drawn: str) -> float:
    """Open a tab of a report in Chromium without a network, and return how long it took until something was drawn.

    Args:
        report: The path of the report.
        tab: The tab's title.
        drawn: A selector of what is there once the tab is drawn.
    """
    with chromium() as browser:
        page = browser.new_context(offline=True).new_page()
        began = time.perf_counter()
        page.goto(Path(report).resolve().as_uri())
        page.get_by_role("tab", name=tab, exact=True).click()
        page.frame_locator(".panel:not(.away) > iframe").locator(drawn).first.wait_for()
        return time.perf_counter() - began


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser in which pages are opened; `CHROMIUM` says where it is."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()
