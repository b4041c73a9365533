"""What changed as text for a terminal, as HTML for a notebook, and as Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from obs_core.reading.changes.change import Change, Comparison
from obs_core.reading.usual import FEWEST
from obs_core.text.durations import format_duration, format_standing
from obs_core.text.html_tables import table
from obs_core.text.numbers import plural
from obs_core.text.terminal import Screen, columns, cut

__all__ = ["as_html", "as_markdown", "as_text", "headline", "summary"]

_MOST = 20
_STYLES = {"status": "red", "task": "red", "check": "red", "data": "yellow", "log": "yellow", "time": "cyan"}
_MOST_LINES = 3
_WIDEST_WHAT = 34
_SURENESS = {"certain": "", "likely": "likely", "possible": "perhaps"}


def headline(changes: Comparison) -> str:
    """Say in a line what is compared with what.

    Args:
        changes: What changed.
    """
    view, other = changes.execution, changes.other
    subject = f"{view.name or '(unnamed)'} {view.id} ({format_standing(view.duration, view.status, ', ')})"
    if other is None:
        return f"{subject}: nothing to compare it with"
    kind = "compared with" if changes.chosen else "compared with the last good run"
    ago = abs(view.started - other.started)
    when = f"{format_duration(ago)} {'before' if other.started <= view.started else 'later'}"
    name = "" if other.name == view.name else f"{other.name} "
    stands = format_standing(other.duration, other.status, ", ")
    return f"{subject}, {kind}: {name}{other.id} ({stands}), {when}"


def summary(changes: Comparison) -> Iterator[str]:
    """Say in sentences what else there is to know: what is as usual, the same, or not known.

    Args:
        changes: What changed.
    """
    if changes.usual:
        noun = "time or metric varies" if changes.usual == 1 else "times and metrics vary"
        runs = plural(len(changes.earlier), "earlier good run")
        if len(changes.earlier) < FEWEST:
            yield f"{changes.usual:,} {noun}, perhaps no more than usual ({runs}; it takes {FEWEST} to tell)."
        else:
            yield f"{changes.usual:,} {noun} no more than usual ({runs})."
    if changes.same:
        yield f"The same: {', '.join(changes.same)}."
    yield from changes.unknown


def as_text(
    changes: Comparison, screen: Screen | None = None, most: int | None = _MOST, *, details: bool = False
) -> str:
    """Return what ``obs diff`` prints.

    Args:
        changes: What changed.
        screen: What it is printed on. Default: 100 columns without colour.
        most: How many changes at most; None for all.
        details: Whether diffs and tracebacks are shown below their changes.
    """
    return "\n".join(_lines(changes, screen or Screen(), most, details))


def _lines(changes: Comparison, screen: Screen, most: int | None, details: bool) -> Iterator[str]:
    yield from _wrapped(headline(changes), screen)
    if changes.other is None:
        yield from (line for text in changes.unknown for line in _wrapped(text, screen))
        return
    yield ""
    shown = changes.found[:most]
    if not shown:
        yield "Nothing changed."
    kinds = max((len(change.kind) for change in shown), default=0)
    room = max((columns(screen.name(_what(change))) for change in shown), default=0)
    what = min(room, _WIDEST_WHAT, screen.width // 3)
    for change in shown:
        yield from _entry(change, screen, kinds, what)
        if details and change.detail:
            yield from _detail(change.detail, screen)
    if len(changes.found) > len(shown):
        yield f"… and {len(changes.found) - len(shown):,} more (-n 0 shows all)"
    yield ""
    for text in summary(changes):
        yield from (screen.paint(line, "dim") for line in _wrapped(text, screen))


def _what(change: Change) -> str:
    return f"{change.what} ({change.where})" if change.where else change.what


def _entry(change: Change, screen: Screen, kinds: int, what: int) -> Iterator[str]:
    kind = screen.paint(change.kind.ljust(kinds), _STYLES.get(change.kind, "bold"))
    name = _cut_within(screen.name(_what(change)), what)
    beginning = f"{kind}  {name}{' ' * (what - columns(name))}"
    indent = " " * (kinds + what + 4)
    room = max(screen.width - len(indent), 20)
    before, after = _sides(change, screen)
    line = f"{before} -> {after}" if before and after else after or f"{before} (gone)"
    if before == after:  # the note tells what differs
        line = after
    elif before and not after:
        line = f"was {before}"
    elif after and not before and change.kind != "log":
        line = f"now {after}"
    if columns(line) <= room or before == after or not (before and after):
        yield f"{beginning}  {cut(line, room)}"
    else:
        before, after = _where_they_differ(before, after, room - 2)
        yield f"{beginning}  {screen.paint(cut(f'- {before}', room), 'red')}"
        yield f"{indent}{screen.paint(cut(f'+ {after}', room), 'green')}"
    note = ", ".join(filter(None, (_SURENESS[change.sure], change.note)))
    if note:
        yield from (f"{indent}{screen.paint(line, 'dim')}" for line in _wrapped(note, screen, room, _MOST_LINES))


def _where_they_differ(before: str, after: str, room: int) -> tuple[str, str]:
    """Leave out how two texts begin alike, if what differs would not fit."""
    pairs = zip(before, after, strict=False)
    common = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))
    start = common - room // 3
    if start <= 0 or max(len(before), len(after)) <= room:
        return before, after
    return f"…{before[start:]}", f"…{after[start:]}"


def _cut_within(text: str, width: int) -> str:
    """Shorten a name in its midst: its end tells which argument, or which value, is meant."""
    if columns(text) <= width:
        return text
    end = text[-(width // 3) :]
    return cut(text, width - columns(end)) + end


def _sides(change: Change, screen: Screen) -> tuple[str, str]:
    return tuple("" if text is None else screen.name(text) or '""' for text in (change.before, change.after))  # type: ignore[return-value]


def _detail(text: str, screen: Screen) -> Iterator[str]:
    for line in text.split("\n"):
        is_head = line.startswith(("+++ ", "--- "))
        style = "dim" if is_head else {"+": "green", "-": "red"}.get(line[:1], "dim")
        yield f"    {screen.paint(screen.name(line.expandtabs(4)), style)}"


def _wrapped(text: str, screen: Screen, width: int = 0, most: int | None = None) -> list[str]:
    import textwrap

    return textwrap.wrap(
        screen.name(text), width or screen.width, max_lines=most, placeholder=" …", break_on_hyphens=False
    )


# Markdown


def as_markdown(changes: Comparison, most: int = 30) -> str:
    """Return it as Markdown; diffs are folded.

    Args:
        changes: What changed.
        most: How many changes at most.
    """
    return "\n".join(_markdown(changes, most)) + "\n"


def _markdown(changes: Comparison, most: int) -> Iterator[str]:
    view = changes.execution
    yield f"### What changed in {_in_markdown(view.name or '(unnamed)')}"
    yield ""
    yield _in_markdown(headline(changes)) + "."
    if changes.other is None:
        yield from ("", *map(_in_markdown, changes.unknown))
        return
    yield ""
    if changes.found:
        yield "| | What | Before | After | |"
        yield "|---|---|---|---|---|"
        for change in changes.found[:most]:
            cells = (change.kind, _what(change), change.before or "", change.after or "", _told(change))
            yield f"| {' | '.join(map(_in_markdown, cells))} |"
        if len(changes.found) > most:
            yield f"| | {len(changes.found) - most:,} more changes | | | |"
    else:
        yield "Nothing changed."
    yield ""
    yield from map(_in_markdown, summary(changes))
    for change in changes.found[:most]:
        if change.detail:
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", change.detail)), default=0))
            diff = "diff" if change.kind in ("source", "commit") else "text"
            title = f"<details><summary>{escape(change.kind)}: {escape(change.what)}</summary>"
            yield from ("", title, "", f"{fence}{diff}", change.detail, fence, "", "</details>")


def _told(change: Change) -> str:
    return ", ".join(filter(None, (_SURENESS[change.sure], change.note)))


_MARKED = re.compile(r"([\\`*_\[\]<>|#~@])")


def _in_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, in one line; ``@`` and ``#`` call nobody and link nothing."""
    one_line = " ".join(text.split())
    return _MARKED.sub(lambda found: _ENTITIES.get(found[1], f"\\{found[1]}"), one_line)


_ENTITIES = {"<": "&lt;", ">": "&gt;", "@": "&#64;", "#": "&#35;", "|": "&#124;"}


# HTML


def as_html(changes: Comparison) -> str:
    """Return plain HTML, which a converted or untrusted notebook keeps.

    Args:
        changes: What changed.
    """
    more = len(changes.found) - _MOST
    rest = f"<p>{more:,} more changes</p>" if more > 0 else ""
    rows = [
        (change.kind, _what(change), change.before or "", change.after or "", _told(change))
        for change in changes.found[:_MOST]
    ]
    shown = table(("", "What", "Before", "After", ""), rows) if rows else "<p>Nothing changed.</p>"
    sentences = escape(" ".join(summary(changes)))
    return f"<p>{escape(headline(changes))}</p>{shown if changes.other else ''}{rest}<p><small>{sentences}</small></p>"
