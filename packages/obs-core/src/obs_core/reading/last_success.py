"""The last good execution of the same name, and what is different since."""

from __future__ import annotations

from msgspec import Struct, field

from obs_core.assembly.assembly import Assembly
from obs_core.journal.numbering import MAIN, SUPERVISOR
from obs_core.journal.reader import decode, ends_of_segments, segment_names, writer_of
from obs_core.journal.records import Head
from obs_core.model import ExecutionView
from obs_core.reading.changes.change import Change, Kind
from obs_core.reading.changes.commands import Command, alike, command_of
from obs_core.reading.changes.earlier import last_good
from obs_core.store.base import Store

__all__ = ["LastSuccess", "last_success"]


class LastSuccess(Struct):
    """The last good execution of the same name.

    Attributes:
        id: Its id.
        view: It, as lists show it.
        differences: What is different now, as far as their heads tell.
    """

    id: str
    view: ExecutionView
    differences: list[Change] = field(default_factory=list)


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
    head = _head_of(store, good.id)
    commands = alike(Command(good.command, head is not None and head.writer == SUPERVISOR), command_of(assembly))
    return LastSuccess(good.id, good, [*_of_views(good, view, commands), *_of_heads(head, _head_like(head, assembly))])


def _head_of(store: Store, execution_id: str) -> Head | None:
    paths = {writer_of(path): path for path in reversed(segment_names(store, execution_id))}
    path = paths.get(MAIN) or paths.get(SUPERVISOR)
    for _, lines in ends_of_segments(store, [path]) if path else ():
        return next((one for one in decode(lines[: lines.find(b"\n") + 1]) if isinstance(one, Head)), None)
    return None


def _head_like(good: Head | None, assembly: Assembly) -> Head | None:
    """Return the head of an execution by whoever wrote the other one's: ``obs run`` may have another Python."""
    program = assembly.program
    if good is None or program is None:
        return None
    if (good.writer == SUPERVISOR) == (program.name == SUPERVISOR):
        return program.head
    if good.writer == SUPERVISOR:
        supervisor = assembly.writers.get(SUPERVISOR)
        return None if supervisor is None else supervisor.head
    of_program = {end.pid for _, end in assembly.ended_processes}
    heads = [one.head for one in assembly.writers.values() if one.head is not None]
    return next((head for head in heads if head.process.pid in of_program), None)


def _of_views(good: ExecutionView, now: ExecutionView, commands: tuple[str, str]) -> list[Change]:
    told = _told_by_views(good, now, commands)
    found = [_change(kind, what, then, later) for kind, what, then, later in told if then != later]
    names = [name for name in {**good.tags, **now.tags} if good.tags.get(name) != now.tags.get(name)]
    tags = [_change("tag", f"the tag {name}", good.tags.get(name, ""), now.tags.get(name, "")) for name in names]
    return [*found, *tags]


def _told_by_views(
    good: ExecutionView, now: ExecutionView, commands: tuple[str, str]
) -> tuple[tuple[Kind, str, str, str], ...]:
    return (
        ("commit", "the git commit", good.git_commit[:12], now.git_commit[:12]),
        ("command", "the command", *commands),
        ("machine", "the host", good.host, now.host),
        ("machine", "the user", good.user, now.user),
    )


def _of_heads(good: Head | None, now: Head | None) -> list[Change]:
    if good is None or now is None:
        return []
    versions = (("Python", good.python, now.python), ("obs-core", good.obs_core, now.obs_core))
    return [_change("dependency", what, then, later) for what, then, later in versions if then != later]


def _change(kind: Kind, what: str, before: str, after: str) -> Change:
    return Change(kind=kind, what=what, before=before or None, after=after or None)
