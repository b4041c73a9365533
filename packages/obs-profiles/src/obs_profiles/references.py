"""What data is compared with: something that was pinned, or what the last good call had."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from obs_core import Execution, Kept, TaskCall, executions, load_execution
from obs_core.model import TaskView
from obs_core.secrets import mask
from obs_core.store import StoreError
from obs_core.text.bounded_repr import describe_error
from obs_profiles.columns import names_of
from obs_profiles.profiles import Profile
from obs_profiles.profiling import profile, profiled
from obs_profiles.segments import Watch

__all__ = ["Reference", "pinned", "pinned_for", "profile_by", "reference_for", "unexpected"]


_DAMAGES = (ValueError, FileNotFoundError, StoreError)
"""What says that a profile is damaged or gone, and not that the store cannot be reached."""

_OLDER = 50
"""Executions that are looked through for a profile that can be read, if the last one cannot."""


class Reference(NamedTuple):
    """What data is compared with.

    Attributes:
        profile: Its profile.
        text: What it is called.
        instead_of: Why it is not what should be compared with; empty if it is.
    """

    profile: Profile
    text: str
    instead_of: str = ""


def profile_by(data: Any, by: Sequence[str], watch: Watch | None = None) -> Profile:
    """Profile a frame, by segments if it has the columns.

    Args:
        data: The frame.
        by: The names of the columns.
        watch: Is called with each batch and its profile.
    """
    return profiled(data, by if by and set(map(mask, by)) <= set(names_of(data)) else (), watch)


def pinned(reference: Any, by: Sequence[str]) -> Any:
    """Prepare what somebody pinned: data is profiled now, once; a path or an execution is looked up by each call.

    Raises:
        TypeError: It is nothing that can be compared with.
    """
    if reference is None or isinstance(reference, str | os.PathLike | Profile):
        return reference
    if isinstance(reference, Mapping):
        return {name: _of_data(each, by) for name, each in reference.items()}
    return _of_data(reference, by)


def _of_data(reference: Any, by: Sequence[str]) -> Any:
    if reference is None or isinstance(reference, str | os.PathLike | Profile):
        return reference
    try:
        has_names = bool(by) and set(map(mask, by)) <= set(names_of(reference))
    except TypeError:  # it is read batch by batch, or it is no data, which is said below
        has_names = False
    try:
        return profile(reference, by=tuple(by) if has_names else None)
    except TypeError as error:
        raise TypeError(
            f"a reference is a profile, a frame, the path of a profile's file or the id of an execution: {error}"
        ) from None


def pinned_for(reference: Any, names: Sequence[str]) -> Any:
    """Return what was pinned for an argument or the result, or for a part of it: by its last name that has anything."""
    if not isinstance(reference, Mapping):
        return reference
    return next((reference[name] for name in reversed(names) if name in reference), None)


def reference_for(call: TaskCall, reference: Any, artifact: str) -> Reference | None:
    """Return what data is compared with; None if nothing was pinned and no call before had any.

    Args:
        call: The call that has the data.
        reference: What is pinned for it; None for what the last good call had.
        artifact: The name under which profiles of it are kept.

    Raises:
        Exception: It is not there, or cannot be read.
    """
    if reference is None:
        last = call.last(artifact, sure=True)
        return None if last is None else _last_readable(call, last, artifact)
    if isinstance(reference, Profile):
        return Reference(reference, "a pinned reference")
    if isinstance(reference, os.PathLike) or Path(reference).is_file():
        return Reference(profile(reference), f"the file {Path(reference).name}")
    try:
        kept = load_execution(reference, call.context.state.run.store)
    except LookupError as error:
        raise LookupError(f"there is no file {reference!r}, and {error.args[0]}") from None
    # A call that was refused has kept its data, too.
    good = next((known for _, known in _good_calls(kept, call.context.task_name, artifact)), None)
    known = kept.artifact(call.context.task_name, artifact) if good is None else good
    return Reference(profile(known), f"execution {reference}")


def _last_readable(call: TaskCall, last: Kept, artifact: str) -> Reference:
    """Return what the last call kept; if that is damaged or gone, what the newest good one before kept that is not.

    Raises:
        Exception: It cannot be read, and there is none before.
    """
    try:
        return Reference(profile(last.value), f"execution {last.execution_id}")
    except _DAMAGES as error:
        older = _older(call, last, artifact)
        if older is None:
            raise
        return older._replace(instead_of=f"the profile of the last good call cannot be read: {describe_error(error)}")


def _older(call: TaskCall, last: Kept, artifact: str) -> Reference | None:
    """Return what the good call that ended last kept, among those whose profiles can be read."""
    store, task = call.context.state.run.store, call.context.task_name
    name = load_execution(last.execution_id, store).name  # the same pipeline: elsewhere another task may have this name
    older: Reference | None = None
    ended = 0
    for found in islice(executions(store, name=name), _OLDER):
        if found.status != "running" and found.started + found.duration < ended:
            continue  # one that began before may have had the later call, but this one was over
        for one, known in _good_calls(load_execution(found.id, store), task, artifact):
            if known.rows and _end_of(one) > ended:
                older, ended = Reference(known, f"execution {found.id}"), _end_of(one)
                break
    return older


def _good_calls(kept: Execution, task: str, artifact: str) -> Iterator[tuple[TaskView, Profile]]:
    """Go through the calls of a task that succeeded and whose data was as expected, the last that ended first."""
    calls = (one for one in kept.tasks if one.name == task and one.status == "succeeded")
    for one in sorted(calls, key=_end_of, reverse=True):
        with suppress(*_DAMAGES):
            known = kept.artifact_of(one, artifact)
            if isinstance(known, Profile) and kept.artifact_of(one, unexpected(artifact)) is None:
                yield one, known


def _end_of(task: TaskView) -> int:
    return task.started + task.duration


def unexpected(artifact: str) -> str:
    """Return the name under which a call keeps how many expectations failed, if any did, of what it profiled."""
    return artifact.replace("data profile", "expectations failed", 1)
