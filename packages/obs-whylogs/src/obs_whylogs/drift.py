"""How far the values of one data set are from those of another: by obs-profiles, which reads whylogs' profiles."""

from __future__ import annotations

from typing import Any

from obs_profiles import ColumnDrift, drift
from obs_profiles.comparison import DEFAULT_THRESHOLD, Thresholds

__all__ = ["DEFAULT_THRESHOLD", "ColumnDrift", "Thresholds", "measure_drift"]


def measure_drift(reference: Any, target: Any, *, thresholds: Thresholds = DEFAULT_THRESHOLD) -> list[ColumnDrift]:
    """Compare two data sets, column by column; whylogs need not be installed.

    Args:
        reference: What was: a frame, or a profile of whylogs or of obs-profiles.
        target: What is.
        thresholds: From which Hellinger distance on, 0 to 1, a column has drifted; by column if it is a mapping.

    Returns:
        All columns of both, sorted: those that were added or removed, then by distance, the largest first.

    Raises:
        TypeError: One of them is no frame and no profile, or a threshold is no number.
        ValueError: A threshold is not from 0 to 1, or is one of a column that neither has.

    Examples:
        >>> import pandas as pd
        >>> before, after = pd.DataFrame({"delay": range(100)}), pd.DataFrame({"delay": range(50, 150)})
        >>> [(column.name, column.drifted) for column in measure_drift(before, after)]
        [('delay', True)]
    """
    return list(drift(reference, target, thresholds=thresholds))
