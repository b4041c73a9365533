"""What is different since the last good execution, in phrases: what may explain how this one ended comes first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

from obs_core.assembly.assembly import Assembly
from obs_core.installed import normalized
from obs_core.journal.reader import segment_names
from obs_core.reading.changes.change import Change
from obs_core.reading.endings import Cause
from obs_core.reading.last_success import LastSuccess
from obs_core.store.base import Store

if TYPE_CHECKING:
    from obs_core.reading.changes.earlier import Earlier

__all__ = ["Ended", "differences"]

_LARGEST_COMPARED = 4 * 1024 * 1024
"""Bytes of the last good execution's journal beyond which it is not compared: all of it has to be read."""

_MOST = 40
_TELLING = 40
"""How telling a difference has to be, from 0 to 100, unless the exception names it."""

_LONGEST = 60
_LONGEST_COMMAND = 200
_SHORTEST_NAME = 3
"""Letters. Shorter names and values are not looked for: almost any message has a 1."""


class Ended(NamedTuple):
    """What is known of the end of an execution, to tell which differences may explain it.

    Attributes:
        cause: In a word.
        task: The task that failed, or was at work; empty outside any.
        said: What the exceptions say that ended it, and where they were raised.
        modules: The installed modules that raised them.
    """

    cause: Cause
    task: str
    said: Sequence[str]
    modules: Set[str] = frozenset()


def differences(store: Store, assembly: Assembly, good: LastSuccess, ended: Ended) -> list[str]:
    """Tell what is different since the last good execution, a phrase each; of a large one what its head tells.

    Args:
        store: Where both are kept.
        assembly: The execution, put together.
        good: The last good one.
        ended: How the execution ended.
    """
    causes, usual = _causes(store, assembly, good)
    found = [*good.differences, *causes]
    said = "\n".join(ended.said)
    ranked = sorted((_rank(change, ended, said, usual), -change.weight, place) for place, change in enumerate(found))
    heads = len(good.differences)
    kept = [found[place] for rank, weight, place in ranked if rank == _NAMED or -weight > _TELLING or place < heads]
    return list(_phrases(kept))[:_MOST]


def _causes(store: Store, assembly: Assembly, good: LastSuccess) -> tuple[list[Change], Earlier | None]:
    if not store.local or sum(map(store.size_of, segment_names(store, good.id))) > _LARGEST_COMPARED:
        return [], None
    from obs_core.reading.changes.comparing import causes
    from obs_core.reading.changes.earlier import FEWEST_THAT_VARY, earlier_runs
    from obs_core.reading.changes.reading import read_side
    from obs_core.reading.changes.sides import Side

    after = Side(store, assembly, {})
    usual = earlier_runs(store, after.view, FEWEST_THAT_VARY, _LARGEST_COMPARED)
    return causes(read_side(store, good.id), after, usual), usual


# What tells most


_NAMED, _GIVEN, _CODE, _GIVEN_ELSEWHERE, _CODE_ELSEWHERE, _DATA, _INSTALLED, _AROUND = range(8)
"""Named by the exception; what the failed task got; its code; what the others got; their code; and so on."""

_RANKS = {
    "parameter": _GIVEN_ELSEWHERE,
    "input": _GIVEN_ELSEWHERE,
    "command": _GIVEN_ELSEWHERE,
    "tag": _GIVEN_ELSEWHERE,
    "source": _CODE_ELSEWHERE,
    "commit": _CODE_ELSEWHERE,
    "data": _DATA,
    "dependency": _INSTALLED,
}

_RANKS_IN_TASK = {"parameter": _GIVEN, "input": _GIVEN, "source": _CODE}


def _rank(change: Change, ended: Ended, said: str, usual: Earlier | None) -> int:
    """Tell how near a difference is to the end, from 0: the exception names it."""
    if ended.cause == "out-of-memory" and change.what == "memory limit":
        return _NAMED
    if any(_is_said(name, said) for name in _names(change)) or _is_of(change, ended.modules, said):
        return _NAMED
    if usual is not None and _differed_before(change, usual):
        return _AROUND
    rank = _RANKS.get(change.kind, _AROUND)
    return _RANKS_IN_TASK.get(change.kind, rank) if change.task == ended.task else rank


def _differed_before(change: Change, usual: Earlier) -> bool:
    """Tell whether it was another one in each of the few good executions before, which went well all the same."""
    name = change.what.rpartition("'s ")[2]
    if change.kind == "parameter":
        return usual.parameter_varies(change.task, name, _FEW_THAT_DIFFER)
    return change.kind == "input" and bool(usual.calls_that_vary(change.task, name, _FEW_THAT_DIFFER))


_FEW_THAT_DIFFER = 2
"""Good executions that make a difference look like chance; only more of them leave it out."""


def _names(change: Change) -> Iterator[str]:
    """Go through what an exception would call it by."""
    if change.kind in ("parameter", "input", "tag"):
        yield change.what.removeprefix("the tag ").rpartition("'s ")[2]
        # What both have in common is no difference.
        yield from _words(change.after) - _words(change.before)
    elif change.kind == "command":
        yield from _words(change.after) - _words(change.before)
    elif change.kind == "data":
        yield change.what.partition(": ")[2]
    elif change.kind == "dependency":
        yield change.what
        yield normalized(change.what).replace("-", "_")


def _is_of(change: Change, modules: Set[str], said: str) -> bool:
    """Tell whether a distribution's code raised the exception, or the exception names one of its modules."""
    if change.kind != "dependency":
        return False
    from obs_core.reading.changes.surroundings import NOT_IMPORTED, modules_of

    if change.note == NOT_IMPORTED:
        return False

    own = {name for name in modules_of(change.what) if name.isidentifier()} - _OF_NOBODY
    return bool(own & modules) or any(_is_said(name, said, "") for name in own)


_OF_NOBODY = {"tests", "test", "docs", "examples", "scripts", "benchmarks", "src"}
"""Modules that many distributions bring by mistake."""


def _words(text: str | None) -> set[str]:
    """Return a value without its quotes, and the words of one that has several: of a long one, those it begins with."""
    short = (text or "")[:1_000]
    return {short.strip("'\""), *_WORD.findall(short)}


_WORD = re.compile(r"[\w.:/-]+")


def _is_said(name: str, said: str, unless: str = r"|\.\w") -> bool:
    """Tell whether a message has a name, or a value, as a word of its own.

    What follows a dot is a part of a module, and the number behind a file of Python is that of a line.
    """
    if len(name) < _SHORTEST_NAME or len(name) > _LONGEST:
        return False
    return re.search(rf"(?<![\w.])(?<!\.py:){re.escape(name)}(?!\w{unless})", said) is not None


# In words


def _phrases(changes: Iterable[Change]) -> Iterator[str]:
    """Go through phrases; the same value that several tasks got is told once."""
    alike: dict[tuple[str | None, ...], list[Change]] = {}
    for change in changes:
        is_given = change.kind in ("input", "parameter")
        key = ("", change.before, change.after, change.note) if is_given else (change.kind, change.what)
        alike.setdefault(key, []).append(change)
    for first, *others in alike.values():
        names = [name for name in dict.fromkeys(map(_subject, others)) if name != _subject(first)]
        too = f" (and {names[0]}{f', and {len(names) - 1} more' if len(names) > 1 else ''})" if names else ""
        yield f"{_phrase(first)}{too}"


def _subject(change: Change) -> str:
    if change.kind == "parameter" and change.task:
        return f"{change.task[:120]}'s {change.what}"
    return change.what


def _phrase(change: Change) -> str:
    if change.kind == "source":
        return f"the source of {change.what[:120] or '(unnamed)'} changed ({change.note})"
    most = _LONGEST_COMMAND if change.kind == "command" else _LONGEST
    before, after = (_short(text, most) if text else "none" for text in (change.before, change.after))
    if before == after:
        _, _, first = change.note.partition(", first: ")
        return f"{_subject(change)} has other contents: {first or after}"
    return f"{_subject(change)} was {before}, now {after}"


def _short(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
