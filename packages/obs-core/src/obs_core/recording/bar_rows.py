"""The rows of a terminal in which bars of loops stand, and what the program prints meanwhile.

What is printed while bars stand would go on behind them. So the bars are taken away before it, and come back below it
once its line has ended. For that we listen to ``sys.stdout`` and ``sys.stderr``, as long as bars stand and these are
streams of Python's own to the same terminal. What other code writes there, a C library or a subprocess, tells nobody.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from functools import partial
from typing import Any

from obs_core.interruptions import let_pass
from obs_core.locks import Register, take
from obs_core.recording.taps import Listener, leave, listen
from obs_core.text.terminal import is_terminal

__all__ = ["BarRows", "rows_of"]


class BarRows:
    """The bars in one terminal, one below the other; the cursor stands in the first one's row.

    Args:
        file: The stream to the terminal.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._texts: dict[int, str] = {}
        self._are_shown = self._is_line_open = False
        self._drawing = threading.Lock()
        self._drawer = 0
        self._heard: list[tuple[Any, Listener]] = []
        _all.add(self)

    def take(self) -> int:
        """Return the first row that is free: it is taken from now on."""
        row = next(row for row in range(len(self._texts) + 1) if row not in self._texts)
        self._texts[row] = ""
        return row

    def draw(self, row: int, text: str) -> bool:
        """Show a bar in its row; tell whether the terminal takes it."""
        self._texts[row] = text
        for stream in (sys.stdout, sys.stderr):
            self._listen(stream)
        if self._is_line_open:
            return True
        self._are_shown = True
        return self._write(_in_row(row, text), is_news=False)

    def end(self, row: int, text: str | None) -> None:
        """Give a row back; again, where a timeout of the task's has struck that.

        Args:
            row: The row.
            text: What stays in it; None for nothing.
        """
        if self._texts.pop(row, None) is not None:
            self._draw_end(row, text)
        if not self._texts:
            self._are_shown = self._is_line_open = False
            for stream, listener in self._heard:
                leave(stream, listener)
            self._heard = []

    def _draw_end(self, row: int, text: str | None) -> None:
        if self._is_line_open:
            if text is not None:
                self._write(f"\n{text}\n")
                self._is_line_open = False
        elif text is None:
            self._write(_in_row(row, "") if row else "\r\x1b[K\r", is_news=False)
        else:
            up = row + 1 if row else 0
            self._write(f"{chr(10) * row}\r{text}\x1b[K\n{_UP * up}")

    def _listen(self, stream: Any) -> None:
        """Be told what is written to a stream, if it shows it where the bars are."""
        if all(heard is not stream for heard, _ in self._heard) and _is_beside(stream, self._file):
            listener = Listener(self._make_room, after=lambda text: self._come_back(stream, text))
            self._heard.append((stream, listener))
            listen(stream, listener)

    def _is_news(self, text: Any) -> bool:
        """Tell whether a text would go on behind the bars: they stand, and it is none of them."""
        return bool(self._texts) and self._drawer != threading.get_ident() and text.__class__ is str and bool(text)

    def _make_room(self, text: Any) -> None:
        """Take the bars away: something is printed."""
        if not self._is_news(text):
            return
        self._is_line_open = True  # so that no other thread draws now
        if self._are_shown:
            self._are_shown = False
            last = max(self._texts, default=0)
            self._pass(f"\r\x1b[K{(chr(10) + _CLEAR) * last}{_UP * last}")

    def _come_back(self, stream: io.TextIOWrapper, text: Any) -> None:
        """Show the bars again, if the line that was printed has ended."""
        if not self._is_news(text):
            return
        self._is_line_open = not text.endswith("\n")
        if self._is_line_open:
            return
        try:
            if not stream.line_buffering:
                stream.flush()
        except (OSError, ValueError) as error:
            let_pass(error)
        self._are_shown = True
        self._pass("".join(_in_row(row, shown) for row, shown in sorted(self._texts.items())))

    def after_fork(self) -> None:
        """Leave the bars to the parent."""
        self._texts.clear()
        self._are_shown = self._is_line_open = False
        self._drawing = threading.Lock()

    def _write(self, text: str, is_news: bool = True) -> bool:
        """Write a bar, past whoever keeps what is printed if that is no news; tell whether the terminal takes it."""
        write = self._file.write
        if not is_news and isinstance(self._file, io.TextIOWrapper):
            write = partial(io.TextIOWrapper.write, self._file)
        taken: list[bool] = []
        try:
            if take(self._drawing, taken):
                self._drawer = threading.get_ident()
                write(text)
                self._file.flush()
        except (OSError, ValueError, UnicodeError) as error:
            let_pass(error)
            return False  # it is closed, or cannot show this
        finally:
            if True in taken:
                self._drawer = 0
                self._drawing.release()
        return True

    def _pass(self, text: str) -> None:
        """Write what is no news: past whoever keeps what is printed."""
        try:
            io.TextIOWrapper.write(self._file, text)
            self._file.flush()
        except (OSError, ValueError, UnicodeError) as error:
            let_pass(error)


_UP, _CLEAR = "\x1b[A", "\r\x1b[K"


def _in_row(row: int, text: str) -> str:
    return "\n" * row + f"\r{text}\x1b[K" + _UP * row


_all: Register[BarRows] = Register()
_current: BarRows | None = None


def rows_of(file: Any) -> BarRows:
    """Return the rows of bars in the terminal to which a stream leads."""
    global _current
    if _current is None or _current._file is not file:
        _current = BarRows(file)
    return _current


def _is_beside(stream: Any, file: Any) -> bool:
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(file, io.TextIOWrapper) or not is_terminal(stream):
        return False
    try:
        return os.fstat(stream.fileno()).st_rdev == os.fstat(file.fileno()).st_rdev
    except (OSError, ValueError) as error:
        let_pass(error)
        return False


def _after_fork() -> None:
    for rows in list(_all):
        rows.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
