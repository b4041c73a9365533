"""Make the pictures of README.md and the docs, by running README's program and the example pipeline."""

from __future__ import annotations

import io
import os
import sys
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import TYPE_CHECKING

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import sync_playwright

import example_pictures
from checkout import ROOT
from readme_example import DECK, FAILING, PROGRAM, SHOWN, TASK, Example, digest_of, trace_of
from terminal_svg import THEMES, Command, drawn

if TYPE_CHECKING:
    from playwright.sync_api import Browser

README = ROOT / "README.md"
PAGES = (README, ROOT / "docs" / "index.md")
IMAGES = ROOT / "docs" / "images"

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
# A frame in a process of its own would be drawn in half the resolution.
SHARP = "--disable-features=IsolateSandboxedIframes"
WIDTH, HEIGHT = 1100, 690
SCALE = 2
COLOURS = 256
COLUMNS = 100
RECORDING = "A terminal: the program fails, obs ls lists both runs, obs why says what happened and what changed"
BORDERS = {"light": "#d1d9e0", "dark": "#3d444d"}
"""The themes, and what separates a picture from a page of the same colour."""


def main(wanted: list[str]) -> None:
    """Take the pictures of README's program (``readme``), of the example pipeline (``example``), or of both."""
    if not wanted or "readme" in wanted:
        of_readme()
    if not wanted or "example" in wanted:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET])
            example_pictures.take_all(browser)
            browser.close()


def of_readme() -> None:
    """Run the program, show its trace on the pages, and take the pictures."""
    with TemporaryDirectory(prefix="obs-pictures-") as folder:
        example = Example(README, Path(folder))
        example.python(PROGRAM)
        trace = trace_of(example.obs("explain", "last"))
        for page in PAGES:
            page.write_text(SHOWN.sub(lambda _: trace, page.read_text(encoding="utf-8")), encoding="utf-8")
        report = Path(example.obs("show", "last", "--task", TASK).strip())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, SHARP])
            for theme, border in BORDERS.items():
                keep(shot_of(browser, report, theme), border, IMAGES / f"report-{theme}.png")
            browser.close()
        session = recorded(example)
    for theme in THEMES:
        to = IMAGES / f"terminal-{theme}.svg"
        to.write_text(drawn(session, theme, RECORDING), encoding="utf-8")
        print(f"{to.relative_to(ROOT)}: {to.stat().st_size:,} bytes")


def recorded(example: Example) -> list[Command]:
    """Run the program so that it fails, and record what a terminal shows of that.

    Of the traceback its last line is shown, of the reasons the first paragraph, and nothing of the machine.
    """
    program = example.folder / PROGRAM
    program.write_text(example.code.replace(*FAILING), encoding="utf-8")
    *_, raised = example.in_terminal(PROGRAM, columns=COLUMNS)
    listed = example.in_terminal("-m", "obs_core", "ls", columns=COLUMNS)
    told = example.in_terminal("-m", "obs_core", "why", columns=COLUMNS)
    return [
        Command(f"python {PROGRAM}", ["…", *wrap(raised, COLUMNS)]),
        Command("obs ls", listed),
        Command("obs why", [*takewhile(str.strip, told), "…"]),
    ]


def shot_of(browser: Browser, report: Path, theme: str) -> bytes:
    """Open a report without a network and return a picture of one of its tabs."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="dark" if theme == "dark" else "light",
        device_scale_factor=SCALE,
        offline=True,
    )
    page = context.new_page()
    page.goto(report.as_uri())
    page.get_by_role("tab", name=DECK).click()
    page.frame_locator("iframe:visible").locator(".plotly .points .point, .plotly .points path").first.wait_for()
    shot = page.screenshot()
    context.close()
    return shot


def keep(shot: bytes, border: str, to: Path) -> None:
    """Write a picture in few colours, with the digest of the program that it shows."""
    info = PngInfo()
    info.add_text("program", digest_of(README))
    framed = ImageOps.expand(Image.open(io.BytesIO(shot)).convert("RGB"), border=SCALE, fill=border)
    few = framed.quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(to, optimize=True, pnginfo=info)
    print(f"{to.relative_to(ROOT)}: {to.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
