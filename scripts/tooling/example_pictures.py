"""Make the docs' pictures of the example pipeline: pages of the UI, and decks of its tasks, light and dark."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from PIL import Image

from checkout import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EXAMPLE = ROOT / "docs" / "examples" / "flights.py"
IMAGES = ROOT / "docs" / "images"
THEMES = ("light", "dark")
WIDTH, COLOURS = 1180, 256

PAGES = {
    "ui-executions": ("/executions", 560),
    "ui-execution": ("/executions/{last}", 1260),
    "ui-compare": ("/compare?left={first}&right={last}", 700),
}
"""Pages of the UI: where they are, and how much of their height is shown."""

DECKS = {
    "ui-task": ("check", "Quality", 740),
    "memray-memory": ("join_weather", "Memory", 760),
    "memray-flamegraph": ("join_weather", "Memray Flamegraph", 900),
    "pandera": ("check", "Validation", 900),
    "profiles-drift": ("compare_halves", "Drift", 900),
}
"""Decks, in the page of their task: its name, the tab's, and how much is shown."""


def take_all(browser: Browser) -> None:
    """Run the example twice, the second time with another rate, and take all pictures of what it left."""
    with TemporaryDirectory(prefix="obs-pictures-") as folder:
        copy(EXAMPLE, folder)  # so that nothing of this machine's paths is in the pictures
        for given in ([], ["--rate", "0.001"]):
            subprocess.run([sys.executable, EXAMPLE.name, *given], cwd=folder, env=_environment(folder), check=True)
        with served(Path(folder)) as address:
            for theme in THEMES:
                context = browser.new_context(
                    viewport={"width": WIDTH, "height": 900}, color_scheme="dark" if theme == "dark" else "light"
                )
                _take(context.new_page(), address, Path(folder), theme)
                context.close()


def _take(page: Page, address: str, folder: Path, theme: str) -> None:
    from obs_core import load_execution

    store = folder / "store"
    last = load_execution("last", store)
    first = min(each.name for each in (store / "executions").iterdir())
    for name, (path, height) in PAGES.items():
        page.goto(address + path.format(first=first, last=last.id))
        _shoot(page, name, theme, height)
    for name, (task, deck, height) in DECKS.items():
        page.goto(f"{address}/executions/{last.id}/tasks/{last.task(task).id}")
        page.get_by_role("tab").first.wait_for()
        tab = page.get_by_role("tab", name=deck)
        if not tab.count():
            print(f"{name}: left out, since {task} has no deck {deck}; are whylogs and memray installed?")
            continue
        tab.first.click()
        page.locator("iframe:visible:not(.arriving)").first.wait_for()
        _shoot(page, name, theme, height)


def _shoot(page: Page, name: str, theme: str, height: int) -> None:
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(2_500)  # charts draw themselves, and frames take their height
    few = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    to = IMAGES / f"{name}-{theme}.png"
    few.save(to, optimize=True)
    print(f"{to.relative_to(ROOT)}: {few.width} x {few.height}, {to.stat().st_size:,} bytes")


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OBS_")}
    return kept | {"OBS_STORE": f"{folder}/store", "XDG_CACHE_HOME": f"{folder}/cache", "LOGNAME": "ada"}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the UI of the store in the folder; gives its address."""
    command = [sys.executable, "-m", "obs_core", "ui", "--no-open", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=_environment(str(folder)), stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield next(line.strip() for line in server.stdout if line.strip().startswith("http")).rstrip("/")
        server.send_signal(signal.SIGINT)
