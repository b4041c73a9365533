"""The data profile of a dask DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obs_dask.partitions import check_frame, merged

if TYPE_CHECKING:
    from obs_profiles import Profile

__all__ = ["profile"]


def profile(frame: Any) -> Profile:
    """Profile a dask DataFrame: each partition where it is, merged as a tree, so that only sketches travel.

    It runs on the current client, or by dask's own scheduler where there is none. It needs ``obs-dask[profiles]``.

    Args:
        frame: A dask DataFrame.

    Returns:
        The profile that `obs_profiles.profile` makes of all rows: counts, extremes and moments are exact; distinct
        values, quantiles and frequent values are within the errors that it states.

    Raises:
        TypeError: It is no dask DataFrame.
        ImportError: obs-profiles is not installed.

    Examples:
        >>> import dask.dataframe as dd
        >>> from obs_profiles import drift
        >>> flights = dd.from_dict({"month": list(range(1, 13)), "delay": [3.0] * 12}, npartitions=2)
        >>> first, second = profile(flights[flights.month < 7]), profile(flights[flights.month >= 7])
        >>> deck = Deck("Drift").append(drift(first, second))
    """
    check_frame(frame)
    from obs_profiles import merge

    whole: Any = merged(frame, _of_partition, merge, name="profile")
    profiled: Profile = whole.compute()
    return profiled


def _of_partition(partition: Any) -> Profile:
    from obs_profiles import profile as profile_here

    return profile_here(partition)
