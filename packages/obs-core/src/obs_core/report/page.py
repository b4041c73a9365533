"""The report page: one HTML file that holds all its tabs and asks the network for nothing.

The page is a shell whose script draws everything from a JSON description (so no name is ever read as HTML)
and inflates the document of a tab into a sandboxed frame when the tab is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container
from functools import cache
from typing import Any

from obs_core.model import ExecutionView, Status, TaskView
from obs_core.report.arguments import INPUT, told_apart
from obs_core.report.contents import execution_contents, task_contents, tree_order
from obs_core.report.payloads import Payloads, SharedBody, encoded_json, packed
from obs_core.report.shared import extract
from obs_core.text.controls import in_order

__all__ = ["render_notebook", "render_report", "script_text"]

_NOT_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_NOT_IN_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\0": "\ufffd"}
_COLOURS: dict[Status, str] = {
    "running": "2f6feb",
    "succeeded": "1f883d",
    "failed": "cf222e",
    "lost": "9a6700",
}
_LONGEST_TITLE = 120
_BETWEEN_MODULES = re.compile(r"^(?:import [^;]*;\n|export (?=const ))", re.MULTILINE)
"""obs-ui serves the same scripts as modules; in a file they stand in one scope, since a file may import nothing."""

_NOT_READ_IN_SCRIPTS = re.compile(r"^[ \t]*(?://.*\n|/\*\*(?s:.*?)\*/\n)?", re.MULTILINE)
_NOT_READ_IN_STYLES = re.compile(r"^[ \t]+|\s*/\*(?s:.*?)\*/", re.MULTILINE)
"""Comments and indentation, a tenth of what each page carries. No script has a text of several lines."""


def render_report(
    execution: ExecutionView,
    tasks: list[TaskView],
    shared: Callable[[str], SharedBody],
    *,
    overview: str = "",
    handled: Container[str] = (),
    live: bool = False,
    why: str = "",
) -> str:
    """Write tasks and their decks as one HTML file.

    A single task without an overview fills the page; otherwise a list of the tasks stands beside the one that
    is shown.

    Args:
        execution: What the tasks belong to.
        tasks: The tasks, with the large scripts and styles of their decks extracted
            (`obs_core.report.shared.extract`).
        shared: Gives such a script or style by its hash: its text, or the text as UTF-8 in a gzip member (that
            spares compressing it), or None when it was not kept; the tab then says so.
        overview: HTML about the whole execution, shown first in a frame like a deck's.
        handled: The ids of failed tasks whose exceptions callers handled: they are no alarm.
        live: Whether the tasks go on: the page says when it was made and offers to reload itself.
        why: Why the execution ended as it did, if it did not end well: one paragraph.

    Returns:
        The page. Encode it as UTF-8.

    Examples:
        >>> page = render_report(execution, [task], bodies.get)  # doctest: +SKIP
    """
    item, bodies = extract(overview)
    payloads = Payloads(lambda digest: bodies.get(digest) or shared(digest))
    listed = len(tasks) != 1 or bool(overview)
    apart = told_apart(tasks, _input_of) if listed else {}
    contents = {
        "execution": execution_contents(execution, why, checks=listed),
        "tasks": [
            task_contents(task, depth, payloads, told=apart.get(task.id, ""), handled=task.id in handled)
            for task, depth in tree_order(tasks)
        ],
        "overview": payloads.add([item]) if overview else None,
        "layout": "list" if listed else "task",
        "live": live,
    }
    return _page(execution if listed else tasks[0], execution, contents, payloads)


def render_notebook(
    name: str,
    items: list[str],
    shared: Callable[[str], SharedBody],
    brings: Callable[[str], bool] | None = None,
) -> str:
    """Write one deck as HTML that a notebook can show: a sandboxed frame that is as high as its content.

    Where scripts are off (an untrusted or converted notebook) its tables, texts and images are shown without them.

    Args:
        name: The deck's name.
        items: Its HTML items, with their large scripts and styles extracted.
        shared: As for `render_report`.
        brings: Tells whether this output brings a large script or style, by its hash, for all of the notebook;
            otherwise another output does. Default: the frame has all that it needs in itself.

    Returns:
        HTML to put among other HTML.

    Examples:
        >>> html = render_notebook("Quality", ["<p>336,776 rows</p>"], {}.get)
    """
    payloads = Payloads(shared)
    contents = {"layout": "deck", "tabs": [[name, payloads.add(items)]]}
    brought = "" if brings is None else payloads.take_bodies_out(brings)
    page = _filled("page.html", title=_text(name), icon="", summary="", **_embedded(contents, payloads))
    return _filled("notebook.html", bodies=brought, name=_text(name), page=_text(page), still=_still(items))


_MOVING = re.compile(r"<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_UNSEEN = re.compile(r"<(?!img\b|svg\b|video\b|audio\b)[^<>]*>|\s+", re.IGNORECASE)
"""Tags that show nothing by themselves."""

_NEEDS_SCRIPTS = "<p>This is drawn by a script, and scripts are off here. Trust the notebook, or run it, to see it.</p>"
_MOST_STILL = 100_000
"""Characters of a deck that are shown where scripts are off."""


def _still(items: list[str]) -> str:
    """Return what can be shown without scripts, to be put into ``<noscript>``, which is text where scripts are on."""
    shown: list[str] = []
    room = _MOST_STILL
    for item in items:
        still = _MOVING.sub("", item)
        if still != item and not _UNSEEN.sub("", still):
            still = _NEEDS_SCRIPTS
        room -= len(still)
        if room < 0:
            return "\n".join([*shown, "<p>The rest is shown where scripts are on.</p>"])
        shown.append(re.sub(r"</?noscript", "<span", still, flags=re.IGNORECASE))
    return "\n".join(shown)


def _input_of(task: TaskView) -> list[str]:
    return next((deck.items for deck in task.decks if deck.name == INPUT), [])


def _page(about: ExecutionView | TaskView, execution: ExecutionView, contents: Any, payloads: Payloads) -> str:
    title = f"{about.name[:_LONGEST_TITLE]} · {about.status}"
    if about is not execution:
        title = f"{title} · {execution.name[:_LONGEST_TITLE]}"
    return _filled(
        "page.html",
        title=_text(in_order(title)),
        icon=_COLOURS[about.status],
        summary=_text(in_order(f"{title}: {about.error}" if about.error else title)),
        **_embedded(contents, payloads),
    )


def _embedded(contents: Any, payloads: Payloads) -> dict[str, str]:
    return {"contents": _script_json(contents), "payloads": payloads.html(), "frame": _parts_of_frames()}


@cache
def _parts_of_frames() -> str:
    """Return the style and the script that every tab's frame gets, packed as tabs are."""
    return packed(encoded_json([_asset("frame.css"), _asset("frame.js") + _asset("paper.js")]))


def _script_json(value: Any) -> str:
    """Encode as JSON that holds nothing with which a script element could end."""
    json = encoded_json(value).decode("utf-8")
    return re.sub(r"[<>&\u2028\u2029]", lambda found: _NOT_IN_SCRIPT[found[0]], json)


def _text(text: str) -> str:
    """Escape text for an element or a quoted attribute, and make it encodable."""
    encodable = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[&<>\"'\0]", lambda found: _NOT_IN_TEXT[found[0]], encodable)


def _filled(template: str, **values: str) -> str:
    """Write a template; what a value holds is never taken for a place to fill."""
    parts = _parts(template)
    return "".join(values[part] if index % 2 else part for index, part in enumerate(parts))


@cache
def _parts(template: str) -> list[str]:
    """Read a template with the files it includes: text and the names of what comes between, in turns."""
    text = re.sub(r"\{\{(\w+\.\w+)\}\}", lambda found: _asset(found[1]), _asset(template))
    return re.split(r"\{\{(\w+)\}\}", text)


def script_text(name: str) -> str:
    """Return one of the page's scripts, to be put among others: what it exports are names of the scope around it."""
    return _asset(name)


def _asset(name: str) -> str:
    # importlib.resources takes longer to import than everything else here together.
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        text = file.read()
    if name.endswith(".css"):
        return _NOT_READ_IN_STYLES.sub("", text)
    return _NOT_READ_IN_SCRIPTS.sub("", _BETWEEN_MODULES.sub("", text)) if name.endswith(".js") else text
