"""Whylogs in obs: its profiles on numpy 2 and pandas 3, kept and drawn, and its constraints as decks.

It is a bridge: drift and `profile_data` are those of obs-profiles, and need no whylogs. Importing this package imports
neither whylogs nor pandas: both are loaded when something is profiled or drawn. It turns whylogs' usage statistics off,
for this process and those that it starts, unless ``WHYLOGS_NO_ANALYTICS`` is set already or whylogs was imported
before. It also lets `whylogs.log` itself read texts on numpy 2.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names
from obs_whylogs.__about__ import __version__
from obs_whylogs.mending import mend_whylogs

if TYPE_CHECKING:
    from obs_profiles import ColumnDrift, DriftError, DriftWarning, profile_data
    from obs_whylogs.drift import measure_drift
    from obs_whylogs.profiles import log, merge_profiles, profile
    from obs_whylogs.renderers import WhylogsConstraintsRenderer, WhylogsSummaryDriftRenderer
    from obs_whylogs.transformers import WhylogsDatasetProfileTransformer

os.environ.setdefault("WHYLOGS_NO_ANALYTICS", "1")
mend_whylogs()

_MODULES = {
    "ColumnDrift": "watching",
    "DriftError": "watching",
    "DriftWarning": "watching",
    "WhylogsConstraintsRenderer": "renderers",
    "WhylogsDatasetProfileTransformer": "transformers",
    "WhylogsSummaryDriftRenderer": "renderers",
    "log": "profiles",
    "measure_drift": "drift",
    "merge_profiles": "profiles",
    "profile": "profiles",
    "profile_data": "watching",
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
