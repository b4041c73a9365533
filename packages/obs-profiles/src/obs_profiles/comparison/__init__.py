"""Comparing two profiles: how far each column is from what it was, and what moved."""

from __future__ import annotations

from obs_profiles.comparison.compared import ColumnDrift
from obs_profiles.comparison.drifts import DEFAULT_THRESHOLD, Drift, Thresholds, check_thresholds, drift
from obs_profiles.comparison.facets import Facet, Movement

__all__ = [
    "DEFAULT_THRESHOLD",
    "ColumnDrift",
    "Drift",
    "Facet",
    "Movement",
    "Thresholds",
    "check_thresholds",
    "drift",
]
