"""Decks as text, for a terminal and for programs that read no HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obs_core.model import TaskView
from obs_core.reading.inputs import plain_text

__all__ = ["decks_as_text"]

_LONGEST_READ = 200_000
"""Characters of an item that are looked at."""

_LONGEST_PART = 4_000
"""Characters between two ends of lines: decks hold anything, and a parser of HTML is slow at what is none."""

_MOST_LINES = 40
"""Lines of a deck that are told."""

_FEWER_LINES = {"Dependencies": 1}
"""Each task has them, and they bury what tells one from another."""

_NOT_READ = re.compile(
    r"<(script|style|svg|noscript)\b.*?(?:</\1\s*>|$)"
    r"|<(span|button)\b(?=[^>]{0,200}\s(?:hidden|data-copy)[\s=>])[^>]{0,200}>.{0,2000}?</\2\s*>",
    re.DOTALL | re.IGNORECASE,
)
"""What a browser does not show, and its buttons that copy."""

_BESIDE = re.compile(r"(?=<(?:small|sup|button|th|td)\b)", re.IGNORECASE)
_HEADER = re.compile(r"<th\b.{0,200}?</th>|<div class=\"bar\">.{0,500}?</div>", re.DOTALL | re.IGNORECASE)
"""In which elements stand side by side without a space between them."""

_BETWEEN = re.compile("(</(?:span|b)>)(?=<span)")
_NEW_LINE = re.compile(r"</?(?:tr|p|div|li|h[1-6]|pre|br|summary|details|table|dl|ul|ol)\b[^>]{0,200}>", re.IGNORECASE)


def decks_as_text(task: TaskView, only: str | None = None) -> Iterator[str]:
    """Give a task's decks as lines: each deck's name, then what its tables and texts say; charts say nothing.

    Args:
        task: The task.
        only: The name of the one deck that is told, and told whole.
    """
    for deck in task.decks:
        if only not in (None, deck.name):
            continue
        lines = [line for item in deck.items for line in _lines(item)]
        if not lines:
            continue
        yield ""
        yield f"[{deck.name}]"
        shown = len(lines) if only else _FEWER_LINES.get(deck.name, _MOST_LINES)
        yield from lines[:shown]
        if len(lines) > shown:
            yield f"… and {len(lines) - shown:,} more lines; --deck {deck.name!r} shows all"


def _lines(html: str) -> Iterator[str]:
    html = _BESIDE.sub(" ", _NOT_READ.sub("", html[:_LONGEST_READ]))
    html = _HEADER.sub(lambda header: _BETWEEN.sub(r"\1 ", header[0]), html)
    for part in _NEW_LINE.split(html):
        for line in plain_text(part[:_LONGEST_PART], lines=True).splitlines():
            if line.strip():
                yield line.rstrip()
