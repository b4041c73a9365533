"""The last good execution of the same name, and what is different since."""

from __future__ import annotations

from msgspec import Struct, field

from obs_core.assembly.assembly import Assembly
from obs_core.journal.numbering import MAIN, SUPERVISOR
from obs_core.journal.reader import decode, ends_of_segments, segment_names, writer_of
from obs_core.journal.records import Head
from obs_core.model import ExecutionView
from obs_core.reading.changes.earlier import last_good
from obs_core.store.base import Store

__all__ = ["LastSuccess", "last_success"]

_LONGEST = 200


class LastSuccess(Struct):
    """The last good execution of the same name.

    Attributes:
        id: Its id.
        view: It, as lists show it.
        differences: What is different now, a phrase each: ``"commit 1a2b3c4, then 5d6e7f8"``.
    """

    id: str
    view: ExecutionView
    differences: list[str] = field(default_factory=list)


def last_success(store: Store, assembly: Assembly) -> LastSuccess | None:
    """Return the last execution of the same name before this one that succeeded; None if none is near.

    Args:
        store: Where it is kept.
        assembly: The execution that did not.
    """
    view = assembly.view
    good = last_good(store, view)
    if good is None:
        return None
    program = assembly.program
    heads = _head_of(store, good.id), None if program is None else program.head
    return LastSuccess(good.id, good, [*_of_views(good, view), *_of_heads(*heads)])


def _head_of(store: Store, execution_id: str) -> Head | None:
    paths = {writer_of(path): path for path in reversed(segment_names(store, execution_id))}
    path = paths.get(MAIN) or paths.get(SUPERVISOR)
    for _, lines in ends_of_segments(store, [path]) if path else ():
        return next((one for one in decode(lines[: lines.find(b"\n") + 1]) if isinstance(one, Head)), None)
    return None


def _of_views(good: ExecutionView, now: ExecutionView) -> list[str]:
    found = [
        f"{what} {_shown(then)}, then {_shown(later)}"
        for what, then, later in (
            ("the git commit was", good.git_commit[:12], now.git_commit[:12]),
            ("the command was", good.command, now.command),
            ("the host was", good.host, now.host),
            ("the user was", good.user, now.user),
        )
        if then != later
    ]
    for key in {**good.tags, **now.tags}:
        if good.tags.get(key) != now.tags.get(key):
            found.append(f"the tag {key} was {_shown(good.tags.get(key, ''))}, then {_shown(now.tags.get(key, ''))}")
    return found


def _of_heads(good: Head | None, now: Head | None) -> list[str]:
    if good is None or now is None:
        return []
    versions = (("Python", good.python, now.python), ("obs-core", good.obs_core, now.obs_core))
    return [f"{what} was {then}, then {later}" for what, then, later in versions if then != later]


def _shown(text: str) -> str:
    if not text:
        return "none"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
