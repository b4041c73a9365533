"""Making profiles of data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from obs_core.secrets import mask
from obs_profiles.batches import merged_batches
from obs_profiles.columns import batches_of
from obs_profiles.profiles import Profile, known_profile
from obs_profiles.segments import Watch, looked_at, profile_by

__all__ = ["names_by", "profile", "profiled"]


def profile(data: Any, *, by: str | Sequence[str] | None = None) -> Profile:
    """Profile data: types, missing values, distributions, distinct and frequent values of each column.

    Args:
        data: A DataFrame or Series of pandas or polars, a Table of pyarrow, an array of numpy, a mapping of names to
            columns. Or, where that does not fit in memory, the path of a Parquet file, a LazyFrame of polars, a
            Dataset, Scanner or RecordBatchReader of pyarrow, or any iterable of frames, such as
            ``pandas.read_csv(path, chunksize=100_000)``: these are read batch by batch, in a memory that grows
            with the columns and hardly with the rows.
            What else offers itself as a stream of arrow, such as a relation of DuckDB or a table of ibis, is computed,
            and held in memory as a whole. What is a profile already, also one of whylogs, or the file of one, stays as
            it is.
        by: The name of a column, or of several: each of its 50 most frequent values, and all others together, have a
            profile of their own in ``.segments`` as well.

    Returns:
        The profile. Its columns have the frame's names as text; of several of one name the second is ``name.1``.

    Raises:
        TypeError: `data` is none of these, or `by` is no name.
        ValueError: A column of `by` is not there; a profile has no segments by it; or a file is neither Parquet nor the
            profile that it should be (`ProfileFormatError`).
        OSError: The file is not there, or cannot be read.

    Examples:
        >>> profile({"delay": [3.5, None, 12.0]})["delay"].missing
        1
    """
    return profiled(data, names_by(by))


def profiled(data: Any, by: Sequence[str], watch: Watch | None = None) -> Profile:
    """Profile data as `profile` does.

    Args:
        data: The same.
        by: The names of columns.
        watch: Is called with each batch, and its profile, while that is in memory; never of what is a profile already.
    """
    names = tuple(map(mask, by))
    known = known_profile(data)
    if known is not None:
        if names and known.by != names:
            raise ValueError(f"this profile has no segments by {', '.join(names)}, and no rows to make some of")
        return known
    if names:
        return profile_by(data, names, watch)
    return merged_batches(looked_at(frame, watch) for frame in batches_of(data))


def names_by(by: Any) -> tuple[str, ...]:
    """Return the names of columns by which segments are made; none if that was not asked for.

    Raises:
        TypeError: They are no names.
    """
    several = isinstance(by, Iterable) and not isinstance(by, str | bytes)
    names = () if by is None else tuple(by) if several else (by,)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"by takes the name of a column, or several, as a profile has them: texts, not {name!r}")
    return names
