"""In whose code exceptions were raised: places that are told are the user's, and what these call may be installed."""

from __future__ import annotations

import html
import re

from obs_core.assembly.assembly import Assembly

__all__ = ["installed_modules_raised_in"]

_ERROR = "Error"
_LONGEST_READ = 400_000
"""Characters at the end of a traceback that are looked at."""

_NEXT = re.compile(r"During handling of the above exception|The above exception was the direct cause")
_FRAME = re.compile(r'\bFile "([^"\n]{1,1000})", line \d+')
_INSTALLED = re.compile(r".*[/\\](?:site|dist)-packages[/\\](\w+)", re.DOTALL)


def installed_modules_raised_in(assembly: Assembly, task_id: str) -> set[str]:
    """Return the installed top-level modules in which the exceptions were raised that ended a task: ``{"pandas"}``.

    They stand in its Error deck, where the traceback is as Python prints it.

    Args:
        assembly: The execution, put together.
        task_id: The task.
    """
    found = set()
    for deck in assembly.decks.get(task_id, ()):
        for item in deck.items if deck.name == _ERROR else ():
            content = item.content if isinstance(item.content, str) else assembly.files.html_of(item.content)
            for part in _NEXT.split(html.unescape(content[-_LONGEST_READ:])):
                frames = _FRAME.findall(part)
                if frames and (module := _INSTALLED.match(frames[-1])) is not None:
                    found.add(module[1])
    return found
