"""The Logs tab: what a task logged and printed, as HTML that searches, filters and draws by itself what is in view."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec

from obs_core.model import LogLine
from obs_core.report.payloads import encoded_json
from obs_core.text.controls import in_order
from obs_core.text.terminal import without_escapes

__all__ = ["LOGS", "MOST_LINES", "logged_text", "render_log"]

LOGS = "Logs"
"""The tab's title."""

MOST_LINES = 100_000
"""Lines that a tab holds, the last ones; those with a level of a warning or worse come on top of that."""

_MOST_PROBLEMS = 10_000
_WARNING = 30


def render_log(
    lines: Sequence[LogLine],
    spans: Mapping[str, str],
    missing: int = 0,
    *,
    at_end: bool = False,
    notes: Sequence[str] = (),
) -> str:
    """Draw the lines of a task.

    Args:
        lines: Oldest first.
        spans: The names of spans by their ids; a line's span that is not among them is the task itself.
        missing: How many lines more were said.
        at_end: Whether the last lines are in view first, as of a task that runs.
        notes: What else the reader must know of the log, a sentence each: lines that were not kept.

    Returns:
        An HTML fragment; nothing if there are no lines.

    Examples:
        >>> html = render_log(load_execution("last").task("train").log(), {})
    """
    if not lines:
        return ""
    shown = _bounded(lines)
    names: dict[str, int] = {"": 0}
    rows = [
        (
            line.at // 1_000_000,
            line.severity,
            line.level,
            line.stream,
            names.setdefault(in_order(spans.get(line.span, "")), len(names)),
            in_order(line.text),
            in_order(line.logger),
            line.where,
            in_order(line.exception),
            in_order(" ".join(f"{name}={value}" for name, value in line.fields.items())),
            line.writer if line.writer != "main" else "",
        )
        for line in shown
    ]
    missing += len(lines) - len(shown)
    contents = {"spans": list(names), "rows": rows, "missing": missing, "notes": list(notes), "atEnd": at_end}
    json = encoded_json(contents).decode("utf-8")
    # In no script, whose large bodies are kept in memory and in the store for as long as either lasts.
    return (
        f'<style>{_asset("logs.css")}</style><div class="obs-logs"></div>'
        f"{_BEFORE}{html.escape(json, quote=False)}{_AFTER}<script>{_asset('logs.js')}</script>"
    )


def logged_text(tab: str) -> list[str] | None:
    """Return the lines of a Logs tab as text, each with its level and without colours; None of any other HTML.

    Args:
        tab: What `render_log` returned.
    """
    _, begins, rest = tab.partition(_BEFORE)
    if not begins:
        return None
    contents = msgspec.json.decode(html.unescape(rest.partition(_AFTER)[0]))
    return [without_escapes(f"{level} {text}").strip() for _, _, level, _, _, text, *_ in contents["rows"]]


_BEFORE, _AFTER = '<pre class="obs-log-lines" hidden>', "</pre>"
"""Around the lines of a tab."""


def _bounded(lines: Sequence[LogLine]) -> Sequence[LogLine]:
    if len(lines) <= MOST_LINES:
        return lines
    problems = [line for line in lines[:-MOST_LINES] if line.severity >= _WARNING]
    return [*problems[:_MOST_PROBLEMS], *lines[-MOST_LINES:]]


@cache
def _asset(name: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()
