"""The code that ran: each task's source, and the commit with its diff if the repository is at hand."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence, Set

from obs_core.assembly.decks import CollectedDeck
from obs_core.identity import host_name
from obs_core.reading.changes.change import Change
from obs_core.reading.changes.sides import Side
from obs_core.reading.inputs import plain_text
from obs_core.text.masking import mask
from obs_core.text.numbers import plural

__all__ = ["changed_commit", "changed_sources", "sources_of"]

_MOST_SOURCES = 100
_MOST_LINES = 400
"""Lines of a diff that are kept."""

_MOST_ITEMS = 100
_LONGEST_SOURCE = 1024 * 1024
"""Characters of HTML in which a task's source is looked for."""

_LONGEST_LINE = 400
_LARGEST_DIFF = 4 * 1024 * 1024
"""Bytes of a diff that are read."""

_PATIENCE = 3.0
"""Seconds that git may take."""

_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_PRE = re.compile(r"<pre[ >].*?</pre>", re.DOTALL)


# Sources of tasks


def changed_sources(before: Side, after: Side) -> tuple[list[Change], int]:
    """Return the tasks whose functions read differently, and how many were compared.

    Args:
        before: The other execution.
        after: The execution.
    """
    found: list[Change] = []
    compared = 0
    for name, now in after.by_name.items():
        was = before.by_name.get(name)
        decks = _source_deck(before, was[-1].id) if was else None, _source_deck(after, now[-1].id)
        if was is None or decks[0] is None or decks[1] is None or compared >= _MOST_SOURCES:
            continue
        compared += 1
        if _key(decks[0]) == _key(decks[1]):
            continue
        sources = _source(before, decks[0]), _source(after, decks[1])
        if sources[0] == sources[1]:  # only its place in the file is another one
            continue
        lines = _unified(sources[0], sources[1], name)
        removed, added = ([one[1:].strip() for one in lines[2:] if one.startswith(sign)] for sign in "-+")
        found.append(
            Change(
                kind="source",
                what=name,
                before=_first(removed),
                after=_first(added),
                note=f"{plural(len(added), 'line')} added, {len(removed):,} removed",
                detail="\n".join(lines),
                task=name,
                before_task=was[-1].id,
                after_task=now[-1].id,
                weight=74,
            )
        )
    return found, compared


def sources_of(side: Side) -> Set[object]:
    """Return the tasks whose source is kept."""
    return {name for name, called in side.by_name.items() if _source_deck(side, called[-1].id) is not None}


def _source_deck(side: Side, task_id: str) -> CollectedDeck | None:
    return next((deck for deck in side.assembly.decks.get(task_id, ()) if deck.name == "Source Code"), None)


def _key(deck: CollectedDeck) -> list[str]:
    return [item.content if isinstance(item.content, str) else item.content.path for item in deck.items]


def _source(side: Side, deck: CollectedDeck) -> list[str]:
    """Return the lines of a source as its deck shows them, whatever drew it."""
    items = [item.content for item in deck.items[:_MOST_ITEMS]]
    html = "".join(one if isinstance(one, str) else side.assembly.files.html_of(one) for one in items)
    html = html[:_LONGEST_SOURCE]
    blocks = _PRE.findall(html) or [html]
    return plain_text("\n".join(blocks), lines=True).strip("\n").split("\n")


def _unified(before: Sequence[str], after: Sequence[str], name: str) -> list[str]:
    lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm="", n=3)
    return [line[:_LONGEST_LINE] for line in _some(lines)]


def _some(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number == _MOST_LINES:
            yield "…"
            return
        yield line


def _first(lines: list[str]) -> str | None:
    told = [line for line in lines if line]
    if not told:
        return None
    return told[0][:120] + (" …" if len(told) > 1 else "")


# The commit


def changed_commit(before: Side, after: Side) -> tuple[Change | None, str]:
    """Tell whether another commit was checked out, with its diff where git and the repository are at hand.

    Args:
        before: The other execution.
        after: The execution.

    Returns:
        The change, if any; and what could not be found out, in a sentence.
    """
    was, now = before.view.git_commit, after.view.git_commit
    if was == now:
        return None, "" if now else "No git commit was recorded: neither ran in a repository."
    change = Change(
        kind="commit",
        what="git commit",
        before=was[:12] or None,
        after=now[:12] or None,
        weight=70,
    )
    if not (_COMMIT.fullmatch(was) and _COMMIT.fullmatch(now)):
        return change, ""
    for folder in _folders(after):
        told = _told_by_git(folder, was, now)
        if told is not None:
            note, detail = told
            return Change(
                kind="commit",
                what="git commit",
                before=was[:12],
                after=now[:12],
                note=note,
                detail=mask(detail),
                weight=70,
            ), ""
    return change, "The commits' diff is not shown: their repository is not at hand here."


def _folders(side: Side) -> Iterator[str]:
    """Go through where the repository may be: where it ran, if that was here, and where we are."""
    record = side.assembly.surroundings
    if record is not None and side.view.host == host_name() and os.path.isdir(record.folder):
        yield record.folder
    try:
        yield os.getcwd()
    except OSError:
        return


def _told_by_git(folder: str, before: str, after: str) -> tuple[str, str] | None:
    """Return in a few words what lies between two commits, and the diff; None if this is not their repository."""
    if any(_git(folder, "cat-file", "-e", f"{commit}^{{commit}}") is None for commit in (before, after)):
        return None
    between = (
        _git(folder, "log", "--oneline", "--no-show-signature", "--no-decorate", "-n", "30", f"{before}..{after}") or ""
    ).splitlines()
    sizes = (_git(folder, *_DIFF, "--shortstat", before, after) or "").strip()
    diff = _git(folder, *_DIFF, "--stat=100", "--patch", before, after) or ""
    commits = plural(len(between), "commit") + (" or more" if len(between) == 30 else "")
    note = ": ".join(filter(None, (", ".join(filter(None, (commits, sizes))), _subject(between))))
    lines = [*between, "", *(line[:_LONGEST_LINE] for line in _some(iter(diff.splitlines())))]
    return note, "\n".join(lines).strip("\n")


_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short")


def _subject(between: list[str]) -> str:
    return between[0].partition(" ")[2][:80] if between else ""


def _git(folder: str, *arguments: str) -> str | None:
    """Run git on what is there: it asks nobody, fetches nothing, and runs no program that the repository names."""
    silent = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C.UTF-8",
    }
    command = ["git", "--no-pager", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never", "-C", folder]
    try:
        done = subprocess.run(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=silent,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:_LARGEST_DIFF].decode("utf-8", "replace") if done.returncode == 0 else None
