"""What data is compared with: something that was pinned, or what the last good call had."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from obs_core import TaskCall, load_execution
from obs_core.secrets import mask
from obs_profiles.columns import names_of
from obs_profiles.profiles import Profile
from obs_profiles.profiling import profile, profile_of

__all__ = ["Reference", "pinned", "pinned_for", "profile_by", "reference_for"]


class Reference(NamedTuple):
    """What data is compared with, and what that is called."""

    profile: Profile
    text: str


def profile_by(data: Any, by: Sequence[str]) -> Profile:
    """Profile a frame, by segments if it has the columns."""
    return profile(data, by=by if by and set(map(mask, by)) <= set(names_of(data)) else None)


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
    if type(reference).__module__.startswith("whylogs."):
        return profile_of(reference)
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
        reference: What is pinned for it; None for what the last successful call had.
        artifact: The name under which profiles of it are kept.

    Raises:
        Exception: It is not there, or cannot be read.
    """
    if reference is None:
        last = call.last(artifact, sure=True)
        return None if last is None else Reference(profile_of(last.value), f"execution {last.execution_id}")
    if isinstance(reference, Profile):
        return Reference(reference, "a pinned reference")
    if isinstance(reference, os.PathLike) or Path(reference).is_file():
        return Reference(Profile.load(reference), f"the file {Path(reference).name}")
    try:
        kept = load_execution(reference, call.context.state.run.store)
    except LookupError as error:
        raise LookupError(f"there is no file {reference!r}, and {error.args[0]}") from None
    return Reference(profile_of(kept.artifact(call.context.task_name, artifact)), f"execution {reference}")
