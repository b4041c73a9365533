"""Whylogs in obs: profiles of data that are kept and compared, drift and constraints as decks.

Importing this package imports neither whylogs nor pandas: both are loaded when something is profiled or drawn. It turns
whylogs' usage statistics off, for this process and those that it starts, unless ``WHYLOGS_NO_ANALYTICS`` is set already
or whylogs was imported before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names
from obs_whylogs.__about__ import __version__

if TYPE_CHECKING:
    from obs_whylogs.drift import ColumnDrift, measure_drift
    from obs_whylogs.profiles import log, merge_profiles, profile
    from obs_whylogs.profiling import DriftError, DriftWarning, profile_data
    from obs_whylogs.renderers import WhylogsConstraintsRenderer, WhylogsSummaryDriftRenderer
    from obs_whylogs.transformers import WhylogsDatasetProfileTransformer

os.environ.setdefault("WHYLOGS_NO_ANALYTICS", "1")

_MODULES = {
    "ColumnDrift": "drift",
    "DriftError": "profiling",
    "DriftWarning": "profiling",
    "WhylogsConstraintsRenderer": "renderers",
    "WhylogsDatasetProfileTransformer": "transformers",
    "WhylogsSummaryDriftRenderer": "renderers",
    "log": "profiles",
    "measure_drift": "drift",
    "merge_profiles": "profiles",
    "profile": "profiles",
    "profile_data": "profiling",
}

__all__ = [
    "ColumnDrift",
    "DriftError",
    "DriftWarning",
    "WhylogsConstraintsRenderer",
    "WhylogsDatasetProfileTransformer",
    "WhylogsSummaryDriftRenderer",
    "__version__",
    "log",
    "measure_drift",
    "merge_profiles",
    "profile",
    "profile_data",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
