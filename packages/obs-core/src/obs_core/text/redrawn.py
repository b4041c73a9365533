"""The rows of a terminal that a program draws again and again: of each, what it shows last is kept, once.

Progress bars go back to the beginning of their row (a carriage return), and to rows above it (escape sequences). What
else is written ends its line at once.
"""

from __future__ import annotations

import re
from collections import deque

from obs_core.text.bounded_repr import shortened
from obs_core.text.masking import mask

__all__ = ["RedrawnLines", "RedrawnRows", "redraws"]

_REDRAWS = re.compile(r"\r(?!\n)|\x1b\[[0-9;?]*[@-ln-~]")
_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([@-~])|([\r\n])|[^\r\n\x1b]+|\x1b")
_UPWARDS = re.compile(r"\x1b\[\d*[AF]")
_UNENDED = re.compile(r"\x1b(?:\[[0-9;?]*)?$")
_COLORS = re.compile(r"\x1b\[[0-9;]*m")

_MOST_ROWS = 100
"""Rows that wait for what they show next: a terminal has no more, and none that has left it is drawn again."""

_LONGEST_ROW = 64 * 1024
"""Characters of a row up to which all of it is kept."""

_FRAMES = 20
"""Drawings that begin below a row, one after the other, after which it is not drawn any more."""


def redraws(text: str) -> bool:
    """Tell whether a text moves the cursor by more than a line's end."""
    return _REDRAWS.search(text) is not None


class _Row:
    """A row.

    Attributes:
        text: What it shows.
        is_bar: Whether it was drawn by moving the cursor; without text it is no line.
    """

    __slots__ = ("is_bar", "text")

    def __init__(self, is_bar: bool = False) -> None:
        self.text = ""
        self.is_bar = is_bar

    @property
    def is_blank(self) -> bool:
        return not _COLORS.sub("", self.text).strip()

    def clear(self) -> None:
        self.text, self.is_bar = "", True


class RedrawnRows:
    r"""What one writer has drawn since the last line that is sure to stay as it is.

    Examples:
        >>> rows = RedrawnRows()
        >>> rows.take("\r 50%"), rows.take("\r100%"), rows.take("\n")
        ([], [], ['100%'])
    """

    def __init__(self) -> None:
        self._unended = ""
        self._place = [_Row()], 0
        """All rows, and that of the cursor: set as one, for a signal's handler may raise or print at any moment."""
        self._top = 0
        self._is_at_start = False
        self._is_drawn = self._goes_up = False
        self._tops: deque[int] = deque(maxlen=_FRAMES)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left that may be drawn again."""
        rows, here = self._place
        return not self._unended and here == 0 and all(row.is_blank for row in rows)

    def take(self, text: str, moves_down: bool | None = None) -> list[str]:
        """Take what is written, and return the lines that stay as they are now.

        A line break is the end of a line, or a way to the row below. It is the latter in a text that also goes up, and
        by itself after a bar was drawn, where bars have gone up before.

        Args:
            text: What one call writes.
            moves_down: What line breaks at its beginning are, if that is known.
        """
        text = self._unended + text
        self._unended = "".join(_UNENDED.findall(text)[-1:])
        text = text[: len(text) - len(self._unended)]
        goes_up, says = _UPWARDS.search(text) is not None, False
        self._goes_up |= goes_up
        self._top = self._place[1]
        lines: list[str] = []
        for token in _TOKEN.finditer(text):
            numbers, steers, control = token.groups()
            if control == "\n":
                held = self._is_drawn and self._goes_up if moves_down is None else moves_down
                if goes_up or (held and not says):
                    self._go(1)
                else:
                    lines += self._end_line()
            elif control == "\r":
                self._is_at_start = True
            elif steers and steers != "m":
                self._steer(steers, numbers)
            else:
                self._put(token[0])
                says = True
        if says or goes_up:
            self._is_drawn = goes_up or redraws(text)
        return lines + self._scrolled(goes_up)

    def shown(self) -> list[str]:
        """Return what may still be drawn again, as it is now."""
        return [line for line in _lines(self._place[0]) if line]

    @property
    def _row(self) -> _Row:
        rows, here = self._place
        return rows[here]

    def _put(self, text: str) -> None:
        row = self._row
        if self._is_at_start:
            row.clear()
            self._is_at_start = False
        row.text += text
        if len(row.text) > _LONGEST_ROW:
            row.text = shortened(mask(row.text), _LONGEST_ROW // 2)  # half of a secret would be known to nobody

    def _end_line(self) -> list[str]:
        rows, here = self._place
        ended, left = rows[: here + 1], rows[here + 1 :]
        self._place = left or [_Row()], 0
        self._top = 0
        self._tops.clear()
        self._is_at_start, self._is_drawn = bool(left), False
        return _lines(ended)

    def _steer(self, how: str, numbers: str) -> None:
        count = min(int(numbers), _MOST_ROWS) if numbers.isdecimal() else 1
        if how in "AF":
            self._go(-count)
        elif how in "BE":
            self._go(count)
        elif how == "G" and count <= 1:
            self._is_at_start = True
        elif how == "D":
            row = self._row
            self._is_at_start |= count >= len(row.text)
            row.text = row.text if self._is_at_start else row.text[:-count]
        elif how == "K" and (self._is_at_start or numbers in ("1", "2")):
            self._row.clear()
        elif how == "J":
            rows, here = self._place
            for row in rows[here + (not self._is_at_start) :] if numbers in ("", "0") else rows:
                row.clear()

    def _go(self, count: int) -> None:
        """Go down or up; rows above all that are known were written before."""
        rows, here = self._place
        here += count
        above, below = max(0, -here), max(0, here + 1 - len(rows))
        here += above
        self._place = [*(_Row(True) for _ in range(above)), *rows, *(_Row(True) for _ in range(below))], here
        self._top = min(self._top + above, here)
        self._tops = deque((top + above for top in self._tops), _FRAMES)
        self._is_at_start = True

    def _scrolled(self, is_frame: bool) -> list[str]:
        """Give up the rows at the top that are not drawn any more: lines that were printed above bars, say."""
        if is_frame:
            self._tops.append(self._top)
        over = min(self._tops) if len(self._tops) == _FRAMES else 0
        rows, here = self._place
        over = min(max(over, len(rows) - _MOST_ROWS), here)
        if over <= 0:
            return []
        self._place = rows[over:], here - over
        self._tops.clear()
        return _lines(rows[:over])


class RedrawnLines:
    """The same where one reads whole lines, and not what each call wrote: a bar's line ends with the one after it."""

    def __init__(self) -> None:
        self._rows: RedrawnRows | None = None

    def take(self, line: str) -> list[str]:
        """Take a line without its end, and return the lines that stay as they are now."""
        line = line.rstrip("\r")
        if self._rows is not None:
            kept = self._rows.take(f"\n{line}" if redraws(line) else f"\n{line}\n")
            if self._rows.is_empty:
                self._rows = None
            return kept
        if not redraws(line):
            return [line]
        self._rows = RedrawnRows()
        return self._rows.take(line)

    def rest(self) -> list[str]:
        """Return what is still shown: nothing more is written."""
        rows, self._rows = self._rows, None
        return [] if rows is None else rows.shown()


def _lines(rows: list[_Row]) -> list[str]:
    return [row.text.rstrip() if row.is_bar else row.text for row in rows if not (row.is_bar and row.is_blank)]
