"""What is a profile already, and what is data: the one place that decides, wherever either may be given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from obs_profiles.files.reading import is_profile
from obs_profiles.profiles import Profile
from obs_profiles.refusals import ProfileFormatError

__all__ = ["known_profile"]

_PARQUET = (b"PAR1", b"PARE")
"""How files of Parquet begin, and those whose ends are encrypted."""


def known_profile(data: Any) -> Profile | None:
    """Return the profile that something is; None of data, which is still to be profiled, and of anything else.

    Args:
        data: A `Profile`; a profile of whylogs, or what has ``view()``; the path of a file of either; anything else.

    Raises:
        ProfileFormatError: There is a file that is neither a profile nor Parquet, or a damaged profile.
        OSError: The file cannot be read.
    """
    if isinstance(data, Profile):
        return data
    if isinstance(data, str | os.PathLike):
        return _profile_in(Path(data)) if os.path.isfile(data) else None
    return _of_whylogs(data) if type(data).__module__.startswith("whylogs.") else None


def _profile_in(path: Path) -> Profile | None:
    with path.open("rb") as file:
        first = file.read(4)
    if is_profile(first):
        return Profile.load(path)
    if first in _PARQUET:
        return None
    raise ProfileFormatError(f"{path}: it is no profile, and no file of Parquet: it begins with {first!r}")


def _of_whylogs(data: Any) -> Profile | None:
    view = data.view() if hasattr(data, "view") else data
    if not hasattr(view, "serialize"):
        return None
    # A file without columns is refused as damaged; a view without them is of data that has none.
    return Profile.from_bytes(view.serialize()) if view.get_columns() else Profile({}, 0)
