"""The whylogs profile of a dask DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obs_dask.partitions import check_frame, merged

if TYPE_CHECKING:
    from whylogs.core import DatasetSchema
    from whylogs.core.view.dataset_profile_view import DatasetProfileView

__all__ = ["profile"]


def profile(frame: Any, *, schema: DatasetSchema | None = None) -> DatasetProfileView:
    """Profile a dask DataFrame: each partition where it lies, merged as a tree, so that only sketches travel.

    It runs on the current client, or by dask's own scheduler where there is none. It needs ``obs-dask[whylogs]``.

    Args:
        frame: A dask DataFrame.
        schema: As for `obs_whylogs.profile`.

    Returns:
        The profile that `obs_whylogs.profile` makes of all rows: counts are exact; cardinalities, quantiles and
        frequent items are within the error that the sketches state.

    Raises:
        TypeError: It is no dask DataFrame.
        ImportError: obs-whylogs is not installed.

    Examples:
        >>> summer, winter = profile(flights[flights.month < 7]), profile(flights[flights.month >= 7])
        >>> Deck("Drift").append(WhylogsSummaryDriftRenderer().to_html(summer, winter))
    """
    check_frame(frame)
    from obs_whylogs import merge_profiles

    whole: Any = merged(frame, _of_partition, merge_profiles, schema, name="profile")
    profiled: DatasetProfileView = whole.compute()
    return profiled


def _of_partition(partition: Any, schema: DatasetSchema | None) -> DatasetProfileView:
    from obs_whylogs import profile as profile_here

    return profile_here(partition, schema=schema)
