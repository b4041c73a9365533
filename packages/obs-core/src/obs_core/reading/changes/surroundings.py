"""What an execution ran in: command, tags, machine, engine, Python and installed distributions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from obs_core.installed import normalized
from obs_core.interruptions import let_pass
from obs_core.reading.changes.change import Change, Kind
from obs_core.reading.changes.commands import alike, command_of
from obs_core.reading.changes.sides import Side
from obs_core.store.content import blob_at
from obs_core.store.paths import shared_path
from obs_core.text.numbers import byte_size

__all__ = [
    "NOT_IMPORTED",
    "changed_command",
    "changed_dependencies",
    "changed_engine",
    "changed_machine",
    "described",
    "modules_of",
    "workers_of",
]

NOT_IMPORTED = "not imported"

_DIGEST = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MOST_DEPENDENCIES = 40


def described(side: Side) -> Mapping[str, Any]:
    """Return what an execution says it ran in; nothing if that was not recorded, or cannot be read.

    Args:
        side: The execution.
    """
    record = side.assembly.surroundings
    if record is None or not _DIGEST.fullmatch(record.digest):
        return {}
    try:
        found = msgspec.json.decode(blob_at(side.store, shared_path(record.digest)))
    except Exception as error:
        let_pass(error)
        return {}
    return found if isinstance(found, dict) else {}


def changed_command(before: Side, after: Side) -> Iterator[Change]:
    """Tell whether the command, its folder or the tags are others."""
    was, now = before.view, after.view
    told, later = alike(command_of(before.assembly), command_of(after.assembly))
    if told != later:
        yield _plain("command", "command", told, later, 76)
    folders = [one.assembly.surroundings.folder if one.assembly.surroundings else "" for one in (before, after)]
    if all(folders) and folders[0] != folders[1]:
        yield _plain("command", "working folder", folders[0], folders[1], 44)
    for name in dict.fromkeys([*now.tags, *was.tags]):
        if was.tags.get(name) != now.tags.get(name):
            yield _plain("tag", name, was.tags.get(name, ""), now.tags.get(name, ""), 46)


def changed_machine(before: Side, after: Side, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Tell whether the machine or the user is another one, or has more or less to give."""
    was, now = before.view, after.view
    if was.host != now.host:
        yield _plain("machine", "host", was.host, now.host, 43)
    if was.user != now.user:
        yield _plain("machine", "user", was.user, now.user, 26)
    if old and new:
        for key, what, weight in (("cpus", "CPUs", 61), ("platform", "platform", 52)):
            if old.get(key) != new.get(key):
                yield _plain("machine", what, _text(old.get(key)), _text(new.get(key)), weight)
        for key, what, weight in (("memory", "memory", 48), ("memory_limit", "memory limit", 62)):
            if old.get(key) != new.get(key):
                yield _plain("machine", what, _size(old.get(key)), _size(new.get(key)), weight)


def changed_engine(before: Side, after: Side) -> Iterator[Change]:
    """Tell whether an engine ran it on more, fewer or other workers."""
    counts = [(len(one.assembly.table.workers), _threads(one)) for one in (before, after)]
    if counts[0] != counts[1]:
        yield _plain("engine", "workers", _workers(counts[0]), _workers(counts[1]), 60)


def workers_of(side: Side) -> set[str]:
    """Return whether an execution had workers: ``{"workers"}`` if it had any."""
    return {"workers"} if side.assembly.table.workers else set()


def changed_dependencies(before: Side, after: Side, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Go through the distributions whose versions are others, those that are imported first."""
    programs = [one.assembly.program for one in (before, after)]
    heads = [None if one is None else one.head for one in programs]
    if heads[0] is not None and heads[1] is not None and heads[0].python != heads[1].python:
        yield _plain("dependency", "Python", heads[0].python, heads[1].python, 69)
    installed = _versions(old.get("installed")), _versions(new.get("installed"))
    if not installed[0] or not installed[1]:
        if heads[0] is not None and heads[1] is not None and heads[0].obs_core != heads[1].obs_core:
            yield _plain("dependency", "obs-core", heads[0].obs_core, heads[1].obs_core, 36)
        return
    imported = {*_names(old.get("imported")), *_names(new.get("imported"))}
    found = []
    for name in sorted({**installed[0], **installed[1]}):
        versions = installed[0].get(name), installed[1].get(name)
        if versions[0] != versions[1]:
            is_imported = bool(imported & modules_of(name))
            found.append(
                Change(
                    kind="dependency",
                    what=name,
                    before=versions[0],
                    after=versions[1],
                    note="" if is_imported else NOT_IMPORTED,
                    weight=_weight(name, versions[0], versions[1]) - (0 if is_imported else 30),
                )
            )
    found.sort(key=lambda change: -change.weight)
    yield from found[:_MOST_DEPENDENCIES]


def _weight(name: str, before: str | None, after: str | None) -> float:
    """Tell how much a new version may change: most if its first number is another one."""
    own = 18 if name.startswith("obs-") else 0
    if before is None or after is None:
        return 50 - own
    pairs = zip(before.split("."), after.split("."), strict=False)
    place = next((place for place, (one, other) in enumerate(pairs) if one != other), 3)
    return (66, 60, 55, 52)[min(place, 3)] - own


def modules_of(name: str) -> set[str]:
    """Return the modules that a distribution brings, as far as that can be told: by its name, or as installed here.

    Args:
        name: Its normalised name.
    """
    found = {name.replace("-", "_")}
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        here = distribution(name)
        listed = (here.read_text("top_level.txt") or "").split()
        found.update(listed or {str(file).partition("/")[0].removesuffix(".py") for file in here.files or ()})
    except (PackageNotFoundError, OSError, ValueError):
        pass
    return found


def _plain(kind: Kind, what: str, before: str, after: str, weight: float) -> Change:
    return Change(kind=kind, what=what, before=before or None, after=after or None, weight=weight)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _size(value: object) -> str:
    return byte_size(value) if isinstance(value, (int, float)) else ""


def _versions(value: object) -> dict[str, str]:
    """Return version by distribution; older versions wrote names as their folders have them."""
    return {normalized(str(name)): str(version) for name, version in value.items()} if isinstance(value, dict) else {}


def _names(value: object) -> set[str]:
    return set(map(str, value)) if isinstance(value, list) else set()


def _threads(side: Side) -> int:
    return sum(worker.threads for worker in side.assembly.table.workers)


def _workers(counts: tuple[int, int]) -> str:
    workers, threads = counts
    return f"{workers:,} with {threads:,} threads" if workers else ""
