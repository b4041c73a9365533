"""What a text stream can show: its width, colours, characters; and names made harmless for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import IO, Any

from msgspec import Struct

from obs_core.interruptions import let_pass

__all__ = ["Screen", "aligned", "columns", "cut", "is_terminal", "opened", "printable", "without_escapes"]

Destination = IO[str] | str | os.PathLike[str] | None
"""Where text goes: a stream, a path, or None for standard output."""

_NARROWEST, _WIDEST, _UNKNOWN = 40, 160, 100

_PLAIN = str.maketrans(
    {
        "├": "|",
        "└": "`",
        "│": "|",
        "─": "-",
        "━": "=",
        "╍": "-",
        "×": "x",
        "µ": "u",
        "…": "~",
        "·": "-",
        "›": ">",
        "≤": "<",
        "≥": ">",
    }
)

_STYLES = {"bold": "1", "dim": "2", "red": "31", "yellow": "33", "green": "32", "cyan": "36"}


class Screen(Struct, frozen=True):
    """How text has to be made for a stream.

    Attributes:
        width: Columns.
        colour: Whether ANSI colours are welcome.
        encoding: What characters must fit into.
        plain: Whether only ASCII can be drawn with.
        terminal: Whether it is a terminal, where what is too wide is cut; what is piped is not.
    """

    width: int = _UNKNOWN
    colour: bool = False
    encoding: str = "utf-8"
    plain: bool = False
    terminal: bool = False

    @classmethod
    def of(cls, stream: Any) -> Screen:
        """Look at a stream and what it is connected to.

        Args:
            stream: Anything with ``write``; what it lacks (``isatty``, ``encoding``) is taken as plain text in UTF-8.
        """
        terminal = is_terminal(stream)
        encoding = getattr(stream, "encoding", None) or "utf-8"
        return cls(
            width=_terminal_width(stream) if terminal else _UNKNOWN,
            colour=terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
            encoding=encoding,
            plain=not _can_show(encoding),
            terminal=terminal,
        )

    def paint(self, text: str, style: str) -> str:
        """Colour text, if colours are welcome."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour else text

    def draw(self, text: str) -> str:
        """Put ASCII in the place of what is drawn with, if that is all the stream can show."""
        return text.translate(_PLAIN) if self.plain else text

    def name(self, text: str) -> str:
        """Make a name of unknown origin harmless and fit for the stream."""
        text = printable(text)
        if text.isascii():
            return text
        text = self.draw(text)
        try:
            return text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        except LookupError as error:
            let_pass(error)
            return text.encode("ascii", "backslashreplace").decode("ascii")


def printable(text: str) -> str:
    r"""Write what is not printable (line breaks, escapes, direction marks) as ``\x1b`` and the like.

    Args:
        text: Any text.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def columns(text: str) -> int:
    """Return how many columns printable text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)


def cut(text: str, width: int) -> str:
    """Shorten text to a number of columns, with an ellipsis for what is gone."""
    if columns(text) <= width:
        return text
    kept = text[: max(width - 1, 0)]
    while columns(kept) > width - 1 and kept:
        kept = kept[:-1]
    return kept + "…"


def aligned(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Pad the cells of a table: the first column to the left and as wide as fits, the others to the right.

    Args:
        rows: The cells; each row has as many.
        width: Columns for a whole row, two spaces between cells included.
    """
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    widths[0] = max(min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1)), 1)
    return [
        [
            _padded(cut(row[0], widths[0]), widths[0]),
            *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
        ]
        for row in rows
    ]


@contextlib.contextmanager
def opened(destination: Destination) -> Iterator[IO[str]]:
    """Open where text is to go; streams stay open, files are closed.

    Args:
        destination: A stream, a path (written in UTF-8), or None for standard output.
    """
    if destination is None:
        import sys

        yield sys.stdout
    elif isinstance(destination, str | os.PathLike):
        with open(destination, "w", encoding="utf-8", errors="backslashreplace") as file:
            yield file
    else:
        yield destination


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def is_terminal(stream: Any) -> bool:
    """Tell whether a stream is connected to a terminal; one that is closed, None, or knows only `write` is not."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError) as error:
        let_pass(error)
        return False


def _terminal_width(stream: Any) -> int:
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return _bounded(int(asked))
    try:
        return _bounded(os.get_terminal_size(stream.fileno()).columns or 80)
    except (OSError, AttributeError, ValueError) as error:
        let_pass(error)
        return _UNKNOWN


def _bounded(width: int) -> int:
    return min(max(width, _NARROWEST), _WIDEST)


def _can_show(encoding: str) -> bool:
    try:
        "├│─━╍×µ…›≥".encode(encoding)
    except (UnicodeEncodeError, LookupError) as error:
        let_pass(error)
        return False
    return True


def without_escapes(text: str) -> str:
    """Leave out the colours and other ANSI sequences of a line."""
    if "\x1b" not in text:
        return text
    import re

    return re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])", "", text)
