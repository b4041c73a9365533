"""Tasks that watch their data: by obs-profiles, which reads what whylogs profiled before."""

from __future__ import annotations

from obs_profiles import ColumnDrift, DriftError, DriftWarning, profile_data

__all__ = ["ColumnDrift", "DriftError", "DriftWarning", "profile_data"]
