"""Data profiles and drift in obs: what the data of a task looks like, and what changed, on every Python.

Importing this package imports neither numpy nor pandas: they are loaded when something is profiled or drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_core.lazy import lazy_names
from obs_profiles.__about__ import __version__

if TYPE_CHECKING:
    from obs_core import usable_bare
    from obs_profiles import decorator
    from obs_profiles.comparison import ColumnDrift, Drift, Facet, Movement, drift
    from obs_profiles.damage import ProfileFormatError
    from obs_profiles.decorator import log
    from obs_profiles.expectations import Checked, Expectation, Verdict, check, expect
    from obs_profiles.profiles import ColumnProfile, Profile, merge
    from obs_profiles.profiling import profile
    from obs_profiles.refusals import (
        DriftError,
        DriftWarning,
        ExpectationError,
        ExpectationWarning,
        UncheckedError,
        UncheckedWarning,
    )
    from obs_profiles.transformer import CheckedRenderer, DriftRenderer, ProfileTransformer

    profile_data = usable_bare(decorator.profile_data)

_MODULES = {
    "Checked": "expectations",
    "CheckedRenderer": "transformer",
    "ColumnDrift": "comparison",
    "ColumnProfile": "profiles",
    "Drift": "comparison",
    "DriftError": "refusals",
    "DriftRenderer": "transformer",
    "DriftWarning": "refusals",
    "Expectation": "expectations",
    "ExpectationError": "refusals",
    "ExpectationWarning": "refusals",
    "Facet": "comparison",
    "Movement": "comparison",
    "Profile": "profiles",
    "ProfileFormatError": "damage",
    "ProfileTransformer": "transformer",
    "UncheckedError": "refusals",
    "UncheckedWarning": "refusals",
    "Verdict": "expectations",
    "check": "expectations",
    "drift": "comparison",
    "expect": "expectations",
    "log": "decorator",
    "merge": "profiles",
    "profile": "profiling",
    "profile_data": "decorator",
}

__all__ = [
    "Checked",
    "CheckedRenderer",
    "ColumnDrift",
    "ColumnProfile",
    "Drift",
    "DriftError",
    "DriftRenderer",
    "DriftWarning",
    "Expectation",
    "ExpectationError",
    "ExpectationWarning",
    "Facet",
    "Movement",
    "Profile",
    "ProfileFormatError",
    "ProfileTransformer",
    "UncheckedError",
    "UncheckedWarning",
    "Verdict",
    "__version__",
    "check",
    "drift",
    "expect",
    "log",
    "merge",
    "profile",
    "profile_data",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
