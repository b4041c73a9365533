"""A recording of a terminal as SVG: what was typed and printed, as time goes, without a script or a font file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape

COLUMN, ROW = 8.4, 20
"""Size of a cell in pixels; text is stretched to it, whatever font the reader has."""

PADDING, BAR = 16, 36
TYPING, PAUSE, BETWEEN = 0.05, 0.6, 1.2
"""Seconds for a character that is typed, from a command to what it prints, and from there to the next command."""

THEMES = {
    "light": {"paper": "#ffffff", "ink": "#1f2328", "dim": "#656d76", "edge": "#d1d9e0", "bar": "#f6f8fa"},
    "dark": {"paper": "#0d1117", "ink": "#e6edf3", "dim": "#8b949e", "edge": "#3d444d", "bar": "#151b23"},
}
COLOURS = {
    "light": {"red": "#cf222e", "green": "#1a7f37", "yellow": "#9a6700", "cyan": "#1b7c83"},
    "dark": {"red": "#ff7b72", "green": "#3fb950", "yellow": "#d29922", "cyan": "#39c5cf"},
}

_CODES = {"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}
_ESCAPE = re.compile(r"\x1b\[([\d;]*)m")
_RUN = re.compile(r"\S+(?: \S+)*")


@dataclass
class Command:
    """Something that was typed, and what it printed."""

    typed: str
    printed: list[str] = field(default_factory=list)


def drawn(commands: list[Command], theme: str, title: str) -> str:
    """Return the recording as an SVG document.

    Args:
        commands: In the order in which they were typed; what they print may hold ANSI colours.
        theme: ``"light"`` or ``"dark"``.
        title: What the picture shows, for who cannot see it.
    """
    rows: list[str] = []
    moment = 0.0
    for command in commands:
        rows.append(_row(len(rows), [("dim", "$ ")], moment))
        moment += PAUSE
        letters = [
            _text(len(rows) - 1, _span(2 + place, letter, "bold"), moment + TYPING * place)
            for place, letter in enumerate(command.typed)
        ]
        rows[-1] += "".join(letters)
        moment += TYPING * len(command.typed) + PAUSE
        rows += [_row(len(rows) + place, _coloured(line), moment) for place, line in enumerate(command.printed)]
        moment += BETWEEN
    lines = [line for command in commands for line in ("$ " + command.typed, *command.printed)]
    columns = max(len(_ESCAPE.sub("", line)) for line in lines)
    width, height = round(columns * COLUMN) + 2 * PADDING, len(lines) * ROW + 2 * PADDING + BAR
    look = THEMES[theme]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_style(theme)}</style>",
            f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" fill="{look["paper"]}"'
            f' stroke="{look["edge"]}"/>',
            f'<path d="M.5 {BAR}V8.5a8 8 0 0 1 8-8H{width - 8.5}a8 8 0 0 1 8 8V{BAR}z" fill="{look["bar"]}"'
            f' stroke="{look["edge"]}"/>',
            *(f'<circle cx="{20 + 18 * place}" cy="18" r="5" fill="{look["edge"]}"/>' for place in range(3)),
            *rows,
            "</svg>\n",
        ]
    )


def _style(theme: str) -> str:
    """What is shown appears at its moment and stays; who wants no motion sees the end at once."""
    look = THEMES[theme]
    classes = "".join(f".{name}{{fill:{colour}}}" for name, colour in COLOURS[theme].items())
    return (
        f"text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:{look['ink']};"
        f"white-space:pre}}.dim{{fill:{look['dim']}}}.bold{{font-weight:bold}}{classes}"
        "@keyframes show{from{opacity:0}to{opacity:1}}"
        "@media (prefers-reduced-motion:no-preference){text{animation:show .01s both}}"
    )


def _row(row: int, parts: Iterable[tuple[str, str]], moment: float) -> str:
    """A whole line, which appears at its moment."""
    return _text(row, "".join(_spans(parts)), moment)


def _text(row: int, spans: str, moment: float) -> str:
    y = BAR + PADDING + ROW * row + 15
    return f'<text y="{y}" style="animation-delay:{moment:.2f}s">{spans}</text>'


def _coloured(line: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a line with the classes that its ANSI codes ask for."""
    classes = ""
    for place, part in enumerate(_ESCAPE.split(line)):
        if place % 2:
            classes = " ".join(_CODES[code] for code in part.split(";") if code in _CODES)
        elif part:
            yield classes, part


def _spans(parts: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield each run of characters at its column: several spaces never depend on a font."""
    column = 0
    for classes, part in parts:
        for run in _RUN.finditer(part):
            yield _span(column + run.start(), run[0], classes)
        column += len(part)


def _span(column: int, text: str, classes: str) -> str:
    place = f'x="{PADDING + column * COLUMN:.1f}" textLength="{len(text) * COLUMN:.1f}"'
    kind = f' class="{classes}"' if classes else ""
    return f'<tspan {place} lengthAdjust="spacingAndGlyphs"{kind}>{escape(text)}</tspan>'
