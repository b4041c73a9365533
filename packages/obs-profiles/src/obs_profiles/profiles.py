"""Profiles: what is known of a data set; what is one already, and merging them."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from obs_core.secrets import mask
from obs_core.text.numbers import plural
from obs_profiles.column_profiles import ColumnProfile, DistinctCount, NumberProfile, TextProfile, TimeProfile
from obs_profiles.damage import ProfileFormatError
from obs_profiles.files.reading import is_profile, read
from obs_profiles.files.writing import content_of, written
from obs_profiles.merging import merged
from obs_profiles.plain_profiles import PlainProfile
from obs_profiles.sketches.frequent import CAPACITY

__all__ = [
    "ColumnProfile",
    "DistinctCount",
    "NumberProfile",
    "Profile",
    "TextProfile",
    "TimeProfile",
    "known_profile",
    "merge",
]

_PARQUET = (b"PAR1", b"PARE")
"""How files of Parquet begin, and those whose ends are encrypted."""


class Profile(PlainProfile):
    """The profile of a data set: a few kilobytes, however many rows there are.

    Profiles of parts are merged by `obs_profiles.merge`, or with ``+``. They are equal if all that they know is. Two
    are compared by `obs_profiles.drift`. In a notebook, and in a deck, a profile shows itself.

    Attributes:
        columns: What is known of each column, by name.
        rows: How many rows there are.
        segments: The profiles of parts of the rows, by the value that they have in common; see `profile`.
        by: The columns whose values these are.
        made: When it was made: nanoseconds since 1970-01-01, UTC; 0 where that is not known.
        segment_slack: How many rows of a segment may be among all others at most: merged parts in which it was none of
            the largest ones have them there.
    """

    __slots__ = ()

    def __add__(self, other: Profile) -> Profile:
        return merge([self, other])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profile) and content_of(self) == content_of(other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return Profile.from_bytes, (self.to_bytes(),)

    def __repr__(self) -> str:
        return f"<Profile of {plural(self.rows, 'row')}, {plural(len(self.columns), 'column')}>"

    def _repr_html_(self) -> str:
        from obs_profiles.pages.profile_page import profile_html

        return profile_html(self)

    def to_bytes(self) -> bytes:
        """Write the profile; docs/profiles.md tells how. `from_bytes` reads it.

        Raises:
            ProfileFormatError: It is larger than what a file takes, as that of 100,000 columns is.
        """
        return written(self)

    @staticmethod
    def from_bytes(data: bytes) -> Profile:
        """Read what `to_bytes` wrote, or what whylogs did.

        Raises:
            ProfileFormatError: It is no profile, or one of a newer version.
        """
        return read(data, Profile)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the profile into a file; `load` reads it.

        A process that ends meanwhile leaves the file as it was, and so does a full disk.

        Args:
            path: The file; one that is there is replaced, and its permissions are kept.

        Raises:
            ProfileFormatError: It is larger than what a file takes, as that of 100,000 columns is.
            OSError: It cannot be written.

        Examples:
            >>> from obs_profiles import profile
            >>> profile({"delay": [3.5, None, 12.0]}).save("golden.profile")
        """
        target = os.path.realpath(path)  # of a link, what it leads to is replaced
        scratch = Path(f"{target}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            mode: int | None = stat.S_IMODE(os.stat(target).st_mode)
        except FileNotFoundError:
            mode = None
        try:
            # Never more open than what it replaces, not even while it is written.
            with open(scratch, "xb", opener=partial(os.open, mode=0o666 if mode is None else mode)) as file:
                file.write(self.to_bytes())
            if mode is not None:
                scratch.chmod(mode)
            scratch.replace(target)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Profile:
        """Read the file of a profile: one of `save`, or one of whylogs.

        Raises:
            ProfileFormatError: It is no profile, or half of one; the message names the file.
            OSError: It cannot be read.

        Examples:
            >>> from obs_profiles import profile
            >>> profile({"delay": [3.5, None, 12.0]}).save("golden.profile")
            >>> Profile.load("golden.profile")["delay"].missing
            1
        """
        try:
            return read(Path(path).read_bytes(), Profile)
        except ProfileFormatError as error:
            raise ProfileFormatError(f"{os.fspath(path)}: {error}") from error

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the most important numbers of each column, by name, for a table: ``pandas.DataFrame(...).T``.

        Estimates have their errors beside them: there are `distinct_least` to `distinct_most` distinct values, and
        quartiles are those of ranks that are wrong by `rank_error`, a share, at most; each in 99 of 100 cases. What is
        not known, such as the deviation of a single number, or beyond what a float holds, is None, as in JSON.
        """
        return {name: _summary(column) for name, column in self.columns.items()}

    def renamed(self, names: Mapping[str, str]) -> Profile:
        """Return the same profile with other names of columns, including those in its segments.

        Raises:
            ValueError: Two columns would have one name.
        """
        columns: dict[str, ColumnProfile] = {}
        for name, column in self.columns.items():
            new = names.get(name, name)
            if new in columns:
                raise ValueError(f"two columns would be called {mask(new)!r}: rename the other one, too")
            columns[new] = replace(column, name=new)
        return Profile(
            columns,
            self.rows,
            segments={value: segment.renamed(names) for value, segment in self.segments.items()},
            by=tuple(names.get(name, name) for name in self.by),
            made=self.made,
            segment_slack=self.segment_slack,
        )


def _summary(column: ColumnProfile) -> dict[str, Any]:
    known, distinct = column.distribution, column.distinct_count
    found: dict[str, Any] = {
        "kind": column.kind,
        "dtype": column.dtype,
        "rows": column.rows,
        "missing": column.missing,
        "distinct": round(distinct.estimate),
        "distinct_least": math.ceil(distinct.least),
        "distinct_most": math.floor(distinct.most),
    }
    if known is not None:
        quartiles = known.quantiles.quantiles([0.25, 0.5, 0.75]).tolist()
        found |= {"mean": known.mean, "std": known.moments.deviation, "min": known.least, "max": known.most}
        found |= dict(zip(("25%", "50%", "75%"), quartiles, strict=True))
        found["rank_error"] = known.quantiles.rank_error
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in found.items()
    }


def merge(profiles: Iterable[Profile | str | os.PathLike[str]]) -> Profile:
    """Merge profiles of parts of a data set into the profile of the whole.

    Whatever the order of the parts, the result is the same. Merging part by part, in any grouping, gives the same
    counts, extremes, distinct counts and examples. The mean then agrees to 15 digits; deviation, skewness and kurtosis
    to 14, less those by which the mean is larger than the deviation; quantiles and frequent values are within the
    errors that the profile states, which are smaller where all parts are merged at once.

    Args:
        profiles: The parts, or the paths of their files, also of whylogs. They stay as they are.

    Returns:
        The profile of all rows. A column that a part lacks is one of the parts that have it. The rows of a part that
        was profiled without `by` are among all others, if the other parts have segments.

    Raises:
        TypeError: There is something else among them.
        ValueError: There are none; some are by other columns than others; or a file is no profile
            (`ProfileFormatError`).

    Examples:
        >>> from obs_profiles import profile
        >>> merge(profile({"delay": part}) for part in ([3.5, None], [12.0])).rows
        3
    """
    given: object = profiles
    if isinstance(given, Profile | str | os.PathLike):  # which can be iterated over, too
        raise TypeError("merge takes the profiles of several parts, as in merge([one, another]), not one profile")
    parts = [_part(part) for part in profiles]
    if not parts:
        raise ValueError("there are no profiles to merge")
    by = {part.by for part in parts if part.by}
    if len(by) > 1:
        named = "; ".join(sorted(mask(", ".join(names)) for names in by))
        raise ValueError(f"profiles to merge must be by the same columns, or segments are lost; these are by: {named}")
    return merged(parts, capacity=CAPACITY) if len(parts) > 1 else parts[0]


def _part(part: Any) -> Profile:
    known = known_profile(part)
    if known is None:
        named = f": {part!r}" if isinstance(part, str) else ""
        kind = type(part).__name__
        raise TypeError(f"merge takes profiles, as profile(data) makes them, or files of these, not {kind}{named}")
    return known


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
    raise ProfileFormatError(f"{path}: it is neither a profile nor a Parquet file: it begins with {first!r}")


def _of_whylogs(data: Any) -> Profile | None:
    view = data.view() if hasattr(data, "view") else data
    if not hasattr(view, "serialize"):
        return None
    # A file without columns is refused as damaged; a view without them is of data that has none.
    return Profile.from_bytes(view.serialize()) if view.get_columns() else Profile({}, 0)
