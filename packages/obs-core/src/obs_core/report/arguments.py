"""How calls of the same task are told apart in a list: by those of their arguments that differ."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence

from obs_core.model import TaskView
from obs_core.text.alike import alike_at_first

__all__ = ["INPUT", "arguments_in", "told_apart"]

INPUT = "Input"
"""The deck that shows a call's arguments."""

_HEADING = '<h3 class="obs-argument">'
_NOT_TEXT = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_LONGEST_READ = 4_096
_LONGEST_VALUE = 60
_BEFORE = 15
"""Letters that are shown of what is the same, before what is not."""

_LONGEST = 100
_MOST_TASKS = 500
"""Tasks of a list that are looked at: nobody reads more rows."""


def arguments_in(items: Iterable[str]) -> dict[str, str]:
    """Return a call's arguments as its Input deck shows them: name and text, as far as they are read.

    Args:
        items: The HTML items of the deck; they are masked already.

    Examples:
        >>> arguments_in(['<h3 class="obs-argument"><code>year</code> <small>int</small></h3>', "<pre>2013</pre>"])
        {'year': '2013'}
    """
    found: dict[str, str] = {}
    name = ""
    for item in items:
        if item.startswith(_HEADING):
            name = _plain(item.partition("</code>")[0])
        elif name and name not in found:
            # What stands before a table tells its kind and size.
            found[name] = _plain(item[:_LONGEST_READ].partition("<table")[0])
    return found


def told_apart(tasks: Sequence[TaskView], items_of: Callable[[TaskView], Iterable[str]]) -> dict[str, str]:
    """Return what tells calls of the same task apart, by task id: arguments that are not the same in all of them.

    Args:
        tasks: The tasks of a list.
        items_of: Gives the HTML items of a task's Input deck, without those that would have to be read from a file.
    """
    by_name: dict[str, list[TaskView]] = {}
    for task in tasks[:_MOST_TASKS]:
        by_name.setdefault(task.name, []).append(task)
    found: dict[str, str] = {}
    for calls in by_name.values():
        if len(calls) < 2:
            continue
        given = {call.id: arguments_in(items_of(call)) for call in calls}
        names = dict.fromkeys(name for one in given.values() for name in one)
        texts = {name: {one.get(name, "") for one in given.values()} for name in names}
        shown = {name: _shortened(those) for name, those in texts.items() if len(those) > 1}
        for call_id, one in given.items():
            if said := _said([(name, shown[name][one[name]]) for name in shown if one.get(name)], len(shown)):
                found[call_id] = said
    return found


def _said(telling: list[tuple[str, str]], differing: int) -> str:
    if differing == 1:
        return telling[0][1] if telling else ""
    return _cut(", ".join(f"{name}={value}" for name, value in telling), _LONGEST)


def _shortened(texts: Iterable[str]) -> dict[str, str]:
    """Cut each text so that what tells it from the one most like it is seen, with a little before that."""
    ordered = sorted(texts)
    alike = [alike_at_first(*pair) for pair in itertools.pairwise(ordered)]
    found = {}
    for text, before, after in zip(ordered, [0, *alike], [*alike, 0], strict=True):
        first = min(max(before, after), len(text) - 1) - _BEFORE
        if len(text) <= _LONGEST_VALUE or first < _LONGEST_VALUE // 2:
            found[text] = _cut(text, _LONGEST_VALUE)
        else:
            found[text] = f"…{_cut(text[first:], _LONGEST_VALUE - 1)}"
    return found


def _plain(markup: str) -> str:
    import html  # its table of 2,000 names is for pages with calls to be told apart alone

    return " ".join(html.unescape(_NOT_TEXT.sub(" ", markup)).split())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
