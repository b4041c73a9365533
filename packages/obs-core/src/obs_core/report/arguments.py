"""How calls of the same task are told apart in a list: by those of their arguments that differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from obs_core.model import TaskView

__all__ = ["INPUT", "arguments_in", "told_apart"]

INPUT = "Input"
"""The deck that shows a call's arguments."""

_HEADING = '<h3 class="obs-argument">'
_NOT_TEXT = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_LONGEST_READ = 4_096
_LONGEST_VALUE = 60
_LONGEST = 100
_MOST_TASKS = 500
"""Tasks of a list that are looked at: nobody reads more rows."""


def arguments_in(items: Iterable[str]) -> dict[str, str]:
    """Return a call's arguments as its Input deck shows them: name and text, shortened.

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
            found[name] = _cut(_plain(item[:_LONGEST_READ].partition("<table")[0]), _LONGEST_VALUE)
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
        telling = [name for name in names if len({one.get(name) for one in given.values()}) > 1]
        for call_id, one in given.items():
            if said := _said([(name, one[name]) for name in telling if one.get(name)], len(telling)):
                found[call_id] = said
    return found


def _said(telling: list[tuple[str, str]], differing: int) -> str:
    if differing == 1:
        return telling[0][1] if telling else ""
    return _cut(", ".join(f"{name}={value}" for name, value in telling), _LONGEST)


def _plain(markup: str) -> str:
    import html  # its table of 2,000 names is for pages with calls to be told apart alone

    return " ".join(html.unescape(_NOT_TEXT.sub(" ", markup)).split())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
