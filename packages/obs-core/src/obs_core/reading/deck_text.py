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

_NOT_READ = re.compile(r"<(script|style|svg|noscript)\b.*?(</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
_BESIDE = re.compile(r"(?=<(?:small|sup|button|th|td)\b)", re.IGNORECASE)
_HEADER = re.compile(r"<th\b.{0,200}?</th>", re.DOTALL | re.IGNORECASE)
_NEW_LINE = re.compile(r"</?(?:tr|p|div|li|h[1-6]|pre|br|summary|details|table|dl|ul|ol)\b[^>]{0,200}>", re.IGNORECASE)


def decks_as_text(task: TaskView) -> Iterator[str]:
    """Give a task's decks as lines: each deck's name, then what its tables and texts say; charts say nothing.

    Args:
        task: The task.
    """
    for deck in task.decks:
        lines = [line for item in deck.items for line in _lines(item)]
        if not lines:
            continue
        yield ""
        yield f"[{deck.name}]"
        yield from lines[:_MOST_LINES]
        if len(lines) > _MOST_LINES:
            yield f"… and {len(lines) - _MOST_LINES:,} more lines"


def _lines(html: str) -> Iterator[str]:
    html = _BESIDE.sub(" ", _NOT_READ.sub("", html[:_LONGEST_READ]))
    html = _HEADER.sub(lambda header: header[0].replace("</span><span", "</span> <span"), html)
    for part in _NEW_LINE.split(html):
        for line in plain_text(part[:_LONGEST_PART], lines=True).splitlines():
            if line.strip():
                yield line.rstrip()
